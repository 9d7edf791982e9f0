"""Linear lower and upper bounds of functions over boxes of their arguments ("lines"), valid in real arithmetic.

Lines may be chosen by heuristics, since their soundness needs no exact slope: for whatever slope, the offset is the
greatest distance between the function and ``slope * x`` over the few points where it can be attained (the breakpoints
of a piecewise linear function), rounded outward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .types import FloatArray

UNIT = 2.0**-53
TINY = 5e-324


@dataclass(frozen=True, eq=False)
class Lines:
    """``sum_i lower_slopes[i] a_i + lower_offset <= f(a) <= sum_i upper_slopes[i] a_i + upper_offset``.

    One slope array for each argument; all arrays [..., k], or broadcast to it. In real arithmetic, for all arguments in
    the box that the lines were asked for. Offsets may be infinite where the box is. Where both lines are the same (same
    slopes and offsets) the function is decided: linear on the box.
    """

    lower_slopes: list[FloatArray]
    lower_offset: FloatArray
    upper_slopes: list[FloatArray]
    upper_offset: FloatArray


def constant_lines(low: FloatArray, high: FloatArray, arguments: int) -> Lines:
    """Lines of slope 0 from bounds of the value."""
    flat = [np.zeros_like(low) for _ in range(arguments)]
    return Lines(flat, low, list(flat), high)


def offset_above(slope: FloatArray, points: Sequence[FloatArray], values: Sequence[FloatArray]) -> FloatArray:
    """An offset with ``slope * point + offset >= value`` in real arithmetic for every point and value."""
    found = np.full(np.broadcast_shapes(slope.shape, points[0].shape), -np.inf)
    for point, value in zip(points, values, strict=True):
        product = slope * point
        error = 4 * UNIT * (np.abs(product) + np.abs(value)) + 4 * TINY
        found = np.maximum(found, value - product + error)
    return np.asarray(np.nextafter(found, np.inf))


def offset_below(slope: FloatArray, points: Sequence[FloatArray], values: Sequence[FloatArray]) -> FloatArray:
    """An offset with ``slope * point + offset <= value`` in real arithmetic for every point and value."""
    return -offset_above(-slope, points, [-value for value in values])


def guarded(slope: FloatArray, offset: FloatArray, constant: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slope 0 and the constant where a number of the line is not finite (boxes without end)."""
    fine = np.isfinite(slope) & np.isfinite(offset)
    return np.where(fine, slope, 0.0), np.where(fine, offset, constant)


def share(tilt: FloatArray | None, default: FloatArray) -> FloatArray:
    """A tilt moved into 0..1 (NaN is 0), the default where there is none."""
    if tilt is None:
        return default
    return np.clip(np.nan_to_num(tilt), 0.0, 1.0)
