"""The product of any number of variables; over binaries their conjunction.

Lines of two factors: the mean of McCormick's two planes below, and of the two above, weighted by 1 - ``tilt``
and ``tilt`` (by default 1/2); the offset is what the four corners need, where a b less a plane is extreme (McCormick,
Computability of global solutions to factorable nonconvex programs, Mathematical Programming 10, 1976). More factors:
the interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from ..exact import Exact
from ..function import Function
from ..lines import TINY, UNIT, Lines, constant_lines, share
from ..types import FloatArray


@dataclass(frozen=True)
class Product(Function):
    onnx = ("Mul",)
    discrete = True

    def arity(self, given: int) -> bool:
        return given >= 2

    def value(self, args: list[FloatArray]) -> FloatArray:
        return reduce(np.multiply, args)

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        found = []
        for place in range(len(args)):
            rest = [arg for other, arg in enumerate(args) if other != place]
            found.append(seed * reduce(np.multiply, rest))
        return found

    def interval(self, lower: list[FloatArray], upper: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Every factor after the first rounds outward where its product may not be exact."""
        low, high = lower[0], upper[0]
        for least, most in zip(lower[1:], upper[1:], strict=True):
            ends = [outward_product(one, two) for one in (low, high) for two in (least, most)]
            low = reduce(np.minimum, [down for down, _ in ends])
            high = reduce(np.maximum, [up for _, up in ends])
        return low, high

    def exact(self, args: list[Exact]) -> Exact:
        return reduce(lambda one, two: Exact(one.top * two.top, one.bottom * two.bottom), args)

    def lines(self, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None = None) -> Lines:
        low, high = self.interval(lower, upper)
        if len(lower) > 2:
            return constant_lines(low, high, len(lower))
        part = share(tilt, np.full((), 0.5))
        with np.errstate(invalid="ignore", over="ignore"):
            ends = [(1.0 - part) * least + part * most for least, most in zip(lower, upper, strict=True)]
            other = (1.0 - part) * upper[1] + part * lower[1]
            below = [ends[1], ends[0]]
            above = [other, ends[0]]
            low_offset = -plane_above([-slope for slope in below], lower, upper, -1.0)
            high_offset = plane_above(above, lower, upper, 1.0)
            fine = [np.isfinite(sum(slopes) + shift) for slopes, shift in ((below, low_offset), (above, high_offset))]
        return Lines(
            [np.where(fine[0], slope, 0.0) for slope in below], np.where(fine[0], low_offset, low),
            [np.where(fine[1], slope, 0.0) for slope in above], np.where(fine[1], high_offset, high),
        )  # fmt: skip


def plane_above(slopes: list[FloatArray], lower: list[FloatArray], upper: list[FloatArray], sign: float) -> FloatArray:
    """An offset with slopes . (a, b) + offset >= sign * a b over the box."""
    found = np.full(np.broadcast_shapes(slopes[0].shape, lower[0].shape), -np.inf)
    for a in (lower[0], upper[0]):
        for b in (lower[1], upper[1]):
            one, two, both = slopes[0] * a, slopes[1] * b, a * b
            error = 8 * UNIT * (np.abs(one) + np.abs(two) + np.abs(both)) + 8 * TINY
            found = np.maximum(found, sign * both - one - two + error)
    return np.asarray(np.nextafter(found, np.inf))


def outward_product(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """a b rounded down and up; itself twice where it is exact: zeros (0 times infinity is 0), small whole numbers."""
    with np.errstate(invalid="ignore", over="ignore"):
        zero = (a == 0) | (b == 0)
        value = np.where(zero, 0.0, a * b)
        exact = zero | ((a == np.floor(a)) & (b == np.floor(b)) & (np.abs(value) <= 2.0**53))
        return np.where(exact, value, np.nextafter(value, -np.inf)), np.where(exact, value, np.nextafter(value, np.inf))
