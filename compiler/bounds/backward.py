"""Linear bounds of rows, carried back through a relaxed network to its free blocks.

needs: a relaxation of all steps behind the rows (compiler/bounds/relaxation.py)
guarantee: upper bounds in real arithmetic, up to the error that is carried along
source: Zhang et al., Efficient Neural Network Robustness Certification with General Activation Functions (CROWN),
  NeurIPS 2018; multipliers of splits: Wang et al., Beta-CROWN, NeurIPS 2021

Affine layers are substituted. A function becomes its upper line where the coefficient is positive, else its lower line.
Lower bounds of a row are upper bounds of its negative.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...ir.blocks import Arg, Fn
from ...ir.order import Solved
from ...ir.sums import sum_rows
from ...ir.types import FloatArray
from .interval import Bounds
from .relaxation import Relaxation, g


@dataclass(frozen=True, eq=False)
class Pull:
    """Multiples of splits added to every row of a box: ``coefficient`` [B, n] on a block, ``constant`` [B].

    ``magnitude`` [B, n] and [B]: the sums of the absolute terms of both, and ``terms`` how many there are at most.
    """

    coefficient: FloatArray
    constant: FloatArray
    magnitude: FloatArray
    constant_magnitude: FloatArray
    terms: int


@dataclass(eq=False)
class Rows:
    """Rows while they are carried back: ``coef`` by block [B or 1, r, n], ``constant`` and ``error`` [B or 1, r].

    ``kept``: coefficients on the outputs of functions, where they were asked for.
    """

    coef: dict[str, FloatArray]
    constant: FloatArray
    error: FloatArray
    kept: dict[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def start(cls, relaxation: Relaxation, coef: Mapping[str, FloatArray], constant: FloatArray) -> Rows:
        """Rows given exactly: ``coef`` by block [B or 1, r, n], ``constant`` [B or 1, r]."""
        error = np.zeros((1, 1))
        with np.errstate(over="ignore", invalid="ignore"):
            for name, part in coef.items():
                error = error + dot(np.abs(part), relaxation.slack[name])
        return cls(dict(coef), constant, error)

    def add(self, name: str, part: FloatArray) -> None:
        self.coef[name] = self.coef[name] + part if name in self.coef else part

    def shift(self, amount: FloatArray) -> None:
        """Add to the constant."""
        self.constant = self.constant + amount
        self.error = self.error + g(1) * np.abs(self.constant)

    def pull(self, relaxation: Relaxation, name: str, pull: Pull) -> None:
        count = pull.terms + 4
        loss = pull.magnitude * (relaxation.slack[name] + g(count) * relaxation.reach(name))
        self.add(name, pull.coefficient[:, None, :])
        self.shift(pull.constant[:, None])
        self.error = self.error + (loss.sum(axis=1) + g(count) * pull.constant_magnitude)[:, None]


def carry_back(
    relaxation: Relaxation, rows: Rows, pulls: Mapping[str, Pull] | None = None, keep: bool = False
) -> Rows:
    """The same rows over the free blocks."""
    pulls = pulls or {}
    with np.errstate(over="ignore", invalid="ignore"):
        for step in reversed(relaxation.view.steps):
            name = step.output if isinstance(step, Fn) else step.name
            if name in pulls:
                rows.pull(relaxation, name, pulls[name])
            coef = rows.coef.pop(name, None)
            if coef is None:
                continue
            if isinstance(step, Solved):
                through_layer(relaxation, rows, step, coef)
                continue
            if keep:
                rows.kept[name] = coef
            through_function(relaxation, rows, step, coef)
        for name in relaxation.view.free:
            if name in pulls:
                rows.pull(relaxation, name, pulls[name])
    return rows


def through_layer(relaxation: Relaxation, rows: Rows, step: Solved, coef: FloatArray) -> None:
    """Put in an affine layer."""
    if not step.plain:
        coef = coef / step.divisor
    flat = coef.reshape(-1, coef.shape[2])
    if step.affine.offset.any():
        rows.shift((flat @ step.affine.offset).reshape(coef.shape[:2]))
    for source, operator in step.affine.parts.items():
        part = np.ascontiguousarray(operator.adjoint(flat)).reshape(*coef.shape[:2], -1)
        rows.error = rows.error + dot(np.abs(part), relaxation.slack[source])
        rows.add(source, part)


def through_function(relaxation: Relaxation, rows: Rows, fn: Fn, coef: FloatArray) -> None:
    """Put in the lines of a function."""
    lines = relaxation.lines[fn.output]
    positive = np.maximum(coef, 0.0)
    if lines.lower_offset.any():
        rows.shift(dot(positive, lines.upper_offset) + dot(np.minimum(coef, 0.0), lines.lower_offset))
    else:
        rows.shift(dot(positive, lines.upper_offset))
    for place, (arg, below, above) in enumerate(zip(fn.args, lines.lower_slopes, lines.upper_slopes, strict=True)):
        last = place == len(fn.args) - 1
        part = coef * wide(below)
        gain = np.multiply(positive, wide(above - below), out=positive if last and fits(positive, above) else None)
        part += gain
        size = relaxation.box[arg.variable][0].shape[1]
        rows.add(arg.variable, spread(part, arg, size))


def spread(part: FloatArray, arg: Arg, size: int) -> FloatArray:
    """Coefficients [B, r, k] of the picked elements as coefficients [B, r, size] of the block."""
    if arg.index is None:
        return part
    flat = sum_rows(part.reshape(-1, part.shape[2]), arg.index, size)
    return np.ascontiguousarray(flat).reshape(*part.shape[:2], size)


def fits(array: FloatArray, slope: FloatArray) -> bool:
    """Whether a product with slopes has the shape of the array."""
    return np.broadcast_shapes(array.shape, wide(slope).shape) == array.shape


def wide(values: FloatArray) -> FloatArray:
    """[B, 1, k] from [B, k]; [B, r, k] as it is."""
    return values if values.ndim == 3 else values[:, None, :]


def dot(coef: FloatArray, values: FloatArray) -> FloatArray:
    """sum_k coef[b, r, k] values[b, k] (or values[b, r, k]): [B, r]."""
    if values.ndim == 3:
        return np.asarray(np.einsum("brk,brk->br", *np.broadcast_arrays(coef, values)))
    if len(coef) == 1:
        return np.asarray(values @ coef[0].T)
    return np.asarray(np.matmul(coef, values[:, :, None])[:, :, 0])


def maximum(relaxation: Relaxation, rows: Rows) -> FloatArray:
    """Upper bounds [B, r] of rows over the free blocks, rounded up; infinite where a number is missing."""
    total, error, part = rows.constant, rows.error + relaxation.underflow[:, None], None
    with np.errstate(over="ignore", invalid="ignore"):
        for name, coef in rows.coef.items():
            part = greatest(coef, relaxation.box[name])
            error = error + g(2) * np.abs(part)
            total = total + part
            error = error + g(2) * np.abs(total)
        found = np.nextafter(total + error * (1 + 2.0**-40), np.inf)
    return np.where(found > -np.inf, found, np.inf)


def greatest(coef: FloatArray, box: Bounds) -> FloatArray:
    """The greatest coef . x over boxes: [B, r], not rounded up."""
    low, high = box
    return dot(np.maximum(coef, 0.0), high) + dot(np.minimum(coef, 0.0), low)


def corner(coef: FloatArray, box: Bounds) -> FloatArray:
    """Points [B, r, n] of boxes where coef . x is greatest; the middle where the coefficient is 0."""
    low, high = (side[:, None, :] for side in box)
    return np.where(coef > 0, high, np.where(coef < 0, low, low / 2 + high / 2))
