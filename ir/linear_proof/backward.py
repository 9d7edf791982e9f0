"""Upper bounds of linear functions of a network's blocks: pushed back to the inputs, one step after the other.

At any time a batch of rows stands as ``sum_b L_b x_b + constant``, its floats meaning themselves, and the row's true
value is at most that for every input in the box. Sums are put in as they are, functions by their lines. What a step
rounds is paid for by the constant: for sums through ``toll``, which is charged when coefficients arrive at their block
(functions have it in their offsets, see ``relaxation.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from ..blocks import Fn
from ..types import BoolArray, FloatArray, IntArray
from .network import Network, Sum, name_of
from .numbers import SLACK, TINY, UNIT, Bounds, ball, gamma, reach
from .relaxation import Relaxed


@dataclass(eq=False)
class State:
    """Of B boxes (or of one, for any batch): ``bounds`` of blocks [B, n], ``relaxed`` functions.

    ``toll`` [B, n] of sums: what the step through it rounds per unit of coefficient. ``tiny`` [B]: what underflow may
    add to a whole pass.
    """

    bounds: dict[str, Bounds]
    toll: dict[str, FloatArray] = field(default_factory=dict)
    relaxed: dict[str, Relaxed] = field(default_factory=dict)
    tiny: FloatArray = field(default_factory=lambda: np.zeros(1))

    def pick(self, index: IntArray | slice) -> State:
        """Some of the boxes."""
        return State(
            {name: (low[index], high[index]) for name, (low, high) in self.bounds.items()},
            {name: toll[index] for name, toll in self.toll.items()},
            {name: relaxed.pick(index) for name, relaxed in self.relaxed.items()}, self.tiny[index],
        )  # fmt: skip

    @property
    def empty(self) -> BoolArray:
        """Which boxes [B] have bounds that cross: no point satisfies what they were narrowed by."""
        found = np.zeros(1, np.bool_)
        for low, high in self.bounds.values():
            found = found | (low > high).any(axis=1)
        return found


class Pass:
    """Rows [B, M] on their way back from step ``start`` (inclusive)."""

    def __init__(self, network: Network, state: State, start: int) -> None:
        self.network, self.state, self.start = network, state, start
        self.coefficients: dict[str, FloatArray] = {}
        self.constant = np.zeros((1, 1))

    def add(self, name: str, rows: FloatArray, paid: bool = False) -> None:
        """Coefficients [B, M, n] of a block; ``paid``: what its step rounds for them is accounted for already."""
        if name in self.state.toll and not paid:
            self.plus(dot(np.abs(rows), self.state.toll[name]))
        if name in self.coefficients:
            rows = self.coefficients[name] + rows
            self.plus(dot(np.abs(rows), 4 * UNIT * reach(self.state.bounds[name])))
        self.coefficients[name] = rows

    def plus(self, more: FloatArray) -> None:
        """Add to the constant [B, M], rounded up."""
        total = self.constant + more
        self.constant = total + (4 * UNIT * np.abs(total) + TINY)

    def unit_rows(self, name: str, index: IntArray, sign: FloatArray) -> None:
        """``sign`` (1 or -1, [B, M]) times elements ``index`` [B, M] of a computed block."""
        step = self.network.steps[self.network.place[name]]
        if isinstance(step, Fn):
            rows = np.zeros((*index.shape, self.network.sizes[name]))
            np.put_along_axis(rows, index[..., None], sign[..., None], axis=-1)
            return self.add(name, rows)
        toll = self.state.toll[name]
        self.plus(np.take_along_axis(np.broadcast_to(toll, (len(index), toll.shape[1])), index, axis=1))
        scale = sign if step.divisor is None else sign / step.divisor[index]
        self.plus(scale * step.offset[index])
        for source, matrix in step.parts.items():
            rows = matrix.pick(index)
            rows *= scale[..., None]
            self.add(source, rows)
        return None

    def run(self) -> None:
        """Push everything to the inputs."""
        with np.errstate(over="ignore", invalid="ignore"):
            for step in reversed(self.network.steps[: self.start + 1]):
                rows = self.coefficients.pop(name_of(step), None)
                if rows is None:
                    continue
                if isinstance(step, Fn):
                    self.through_function(self.state.relaxed[step.output], rows)
                else:
                    self.through_sum(step, rows)

    def through_sum(self, step: Sum, rows: FloatArray) -> None:
        if step.divisor is not None:
            rows = rows / step.divisor
        if step.offset.any():
            self.plus(rows @ step.offset)
        for name, matrix in step.parts.items():
            self.add(name, matrix.backward(rows))

    def through_function(self, relaxed: Relaxed, rows: FloatArray) -> None:
        fn, lines = relaxed.fn, relaxed.lines
        positive = np.maximum(rows, 0.0)
        negative = rows - positive
        self.plus(dot(positive, lines.upper_offset) + dot(negative, lines.lower_offset))
        for place, arg in enumerate(fn.args):
            above, below = lines.upper_slopes[place][:, None], lines.lower_slopes[place][:, None]
            found = positive * above + negative * below
            self.add(arg.variable, spread(found, arg.index, self.network.sizes[arg.variable]), paid=True)

    def most(self) -> FloatArray:
        """Upper bounds of all rows over the boxes, [B, M]; infinite where an operation overflowed."""
        self.run()
        with np.errstate(over="ignore", invalid="ignore"):
            bounds = self.state.bounds[self.network.inputs]
            rows = self.coefficients.get(self.network.inputs)
            if rows is not None:
                centre, radius = ball(bounds)
                radius = radius + gamma(rows.shape[-1] + 6) * SLACK * reach(bounds)
                self.plus(dot(rows, centre))
                self.plus(dot(np.abs(rows), radius))
            self.plus(self.state.tiny[:, None])
        found = self.constant
        return np.where(np.isfinite(found), found, np.inf)


def dot(rows: FloatArray, vector: FloatArray) -> FloatArray:
    """[B, M, n] times [B or 1, n]: [B, M]."""
    if len(vector) == 1:
        return np.asarray(rows @ vector[0])
    return np.asarray((rows @ vector[..., None])[..., 0])


def spread(rows: FloatArray, index: IntArray | None, size: int) -> FloatArray:
    """Coefficients [B, M, k] of elements ``index`` of a block as coefficients [B, M, size] of the block."""
    if index is None:
        return rows
    if np.bincount(index, minlength=1).max() > 1:
        to = sparse.csr_array((np.ones(len(index)), (np.arange(len(index)), index)), shape=(len(index), size))
        return np.asarray(rows.reshape(-1, len(index)) @ to).reshape(*rows.shape[:-1], size)
    found = np.zeros((*rows.shape[:-1], size))
    found[..., index] = rows
    return found
