"""Margins of unsafe cases and their gradients for many points at once, each point with a case of its own.

The margin of a case is its least row: a point of the case's box is unsafe where it is >= 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...ir.blocks import Fn
from ...ir.sums import sum_by, sum_rows
from ...ir.types import BoolArray, FloatArray, IntArray, Values
from ...ir.unsafe import UnsafeSet
from .view import NetView


@dataclass(frozen=True, eq=False)
class OwnRows:
    """The rows [K] of the cases of points [P], one point's after the other: row k belongs to point ``point[k]``.

    ``parts``: block -> matrix [K, n]; ``offset`` [K]; ``first`` [P]: where the rows of each point begin.
    """

    point: IntArray
    offset: FloatArray
    parts: Mapping[str, sparse.coo_array]
    first: IntArray

    @classmethod
    def of(cls, unsafe: UnsafeSet, case: IntArray) -> OwnRows:
        rows, sizes = unsafe.rows_of(case), np.diff(unsafe.start)[case]
        parts = {name: sparse.coo_array(op.rows(rows).to_csr()) for name, op in unsafe.forms.parts.items()}
        point = np.repeat(np.arange(len(case)), sizes)
        return cls(point, unsafe.forms.offset[rows], parts, np.cumsum(sizes) - sizes)

    def value(self, values: Values) -> FloatArray:
        """All rows [K] in float64; a missing number counts as minus infinity."""
        found = self.offset.copy()
        with np.errstate(over="ignore", invalid="ignore"):
            for name, part in self.parts.items():
                row, column = part.coords
                found += np.bincount(row, part.data * values[name][self.point[row], column], len(found))
        return np.where(np.isnan(found), -np.inf, found)

    def margin(self, rows: FloatArray) -> FloatArray:
        """The least row of each point [P]."""
        return np.asarray(np.minimum.reduceat(rows, self.first))

    def seeds(self, weight: FloatArray, values: Values) -> dict[str, FloatArray]:
        """The derivative of the rows added up with ``weight`` [K] by the blocks that they read."""
        found: dict[str, FloatArray] = {}
        for name, part in self.parts.items():
            row, column = part.coords
            points, size = values[name].shape
            flat = sum_by(self.point[row] * size + column, weight[row] * part.data, points * size)
            found[name] = flat.reshape(points, size)
        return found

    def toward(self, rows: FloatArray, margin: FloatArray, all_below: BoolArray, target: float) -> FloatArray:
        """Weights [K]: one for a least row of each point; where ``all_below`` [P], for every row below ``target``."""
        least = rows == margin[self.point]
        chosen = all_below[self.point] & (margin < target)[self.point]
        return np.where(chosen, rows < target, least).astype(np.float64)


def slope(view: NetView, inputs: str, values: Values, seeds: Mapping[str, FloatArray]) -> FloatArray:
    """Gradient [P, n] by the inputs of the sum of seed * block."""
    found = dict(seeds)
    for step in reversed(view.steps):
        name = step.output if isinstance(step, Fn) else step.name
        seed = found.pop(name, None)
        if seed is None:
            continue
        if isinstance(step, Fn):
            picked = [arg.pick(values[arg.variable]) for arg in step.args]
            for arg, part in zip(step.args, step.function.vjp(picked, seed), strict=True):
                size = values[arg.variable].shape[1]
                add(found, arg.variable, part if arg.index is None else sum_rows(part, arg.index, size))
        else:
            seed = seed if step.plain else seed / step.divisor
            for source, operator in step.affine.parts.items():
                add(found, source, operator.adjoint(seed))
    return np.nan_to_num(found[inputs]) if inputs in found else np.zeros_like(values[inputs])


def add(total: dict[str, FloatArray], name: str, array: FloatArray) -> None:
    total[name] = total[name] + array if name in total else array
