"""Lines of functions that are convex left of 0, concave right of 0, increasing and odd around 0 (sigmoid, tanh).

Above over [l, u]: the chord where it bounds the function (u no further right than the point d whose tangent meets the
curve at l), else the tangent at a point p between max(l, d) and u. p = l + tilt (u - l), by default the middle of l and
u, which minimises the area; either is moved into that range. Below by symmetry, with the same tilt. d depends on l
alone and comes from a table.

Slopes and p may be off by anything: the offset is what the slope s needs. Left of 0, f(x) - s x is convex, so its
greatest value is at an end. Right of 0, where f is concave, f(x) <= f(c) + f'(c) (x - c) for any c >= 0, so
f(x) - s x <= f(c) - s c + (f'(c) - s) (x - c); c = p keeps the last term at the size of rounding errors.
Library values are trusted to 8 units in the last place (and derivatives made of them to 40), as in the functions'
intervals; all other roundings together stay below the margin 2^-48 times the magnitudes added up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import expit

from .lines import Lines, guarded
from .types import FloatArray

MARGIN = 2.0**-48


@dataclass(frozen=True)
class Curve:
    """f(-x) = centre - f(x); ``value`` and ``slope`` give f and f', off by less than 8 and 40 units in the last place
    or 1e-300; ``stretch``: f' is that of the sigmoid at stretch * x, up to a factor."""

    value: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    centre: float
    stretch: float


def s_slopes(
    slope: Callable[[FloatArray], FloatArray], lower: FloatArray, upper: FloatArray, most: float
) -> tuple[FloatArray, FloatArray]:
    """Least and greatest f' over boxes [..., k]: it falls with |x|, from ``most`` (exact) at 0."""
    inner = np.maximum(np.maximum(lower, -upper), 0.0)
    outer = np.maximum(np.abs(lower), np.abs(upper))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        low, high = slope(outer) * (1 - MARGIN) - 1e-300, slope(inner) * (1 + MARGIN) + 1e-300
    crossed = ~(lower <= upper)
    low = np.where(crossed | ~(low > 0), 0.0, np.minimum(low, most))
    return low, np.where(crossed | ~(high < most), most, high)


def s_lines(curve: Curve, lower: FloatArray, upper: FloatArray, tilt: FloatArray | None) -> Lines:
    """Lines over boxes [..., k]; ``tilt`` as told above."""
    part = np.full((), 0.5) if tilt is None else np.clip(np.nan_to_num(tilt), 0.0, 1.0)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        touch = lower + part * (upper - lower)
        steep, above = line_above(curve, lower, upper, touch)
        flat, below = line_above(curve, -upper, -lower, -touch)
        below = curve.centre - below - MARGIN
        low, high = curve.value(lower) - MARGIN, curve.value(upper) + MARGIN
    up = guarded(steep, above, high)
    down = guarded(flat, below, low)
    return Lines([down[0]], down[1], [up[0]], up[1])


def line_above(
    curve: Curve, lower: FloatArray, upper: FloatArray, touch: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Slope and offset of an upper line; not finite where the box is not."""
    left = lower < 0
    first = np.where(left, tangent_point(lower * curve.stretch) / curve.stretch, lower)
    chord = left & (first >= upper)
    point = np.where(chord, np.maximum(upper, 0.0), np.clip(touch, first, np.maximum(first, upper)))
    at_lower, at_upper, at_point = curve.value(lower), curve.value(upper), curve.value(point)
    derivative = curve.slope(point)
    slope = np.where(chord, (at_upper - at_lower) / (upper - lower), derivative)
    slope = np.where(lower >= upper, 0.0, np.clip(slope, 0.0, 1.0))
    turn = np.minimum(upper, 0.0)  # where the convex part ends
    convex = np.maximum(at_lower - slope * lower, np.where(upper < 0, at_upper, curve.centre / 2) - slope * turn)
    start = np.maximum(lower, 0.0)
    excess = derivative - slope
    tail = np.maximum(excess * (upper - point), excess * (start - point))
    tail = tail + (MARGIN * derivative + 1e-299) * (upper - start)
    concave = at_point - slope * point + np.where(upper > start, tail, 0.0)
    needed = np.where(left, np.where(upper > 0, np.maximum(convex, concave), convex), concave)
    return slope, needed + MARGIN * (2.0 + slope * (np.abs(lower) + np.abs(upper)))


def tangent_point(left: FloatArray) -> FloatArray:
    """For l < 0 about the d > 0 with sigmoid'(d) (d - l) = sigmoid(d) - sigmoid(l)."""
    logs, points = tangent_table()
    distance = np.maximum(-left, 1e-300)
    found = np.interp(np.log(distance), logs, points)
    return np.where(distance < 0.01, distance / 2, found)


@cache
def tangent_table() -> tuple[FloatArray, FloatArray]:
    """log(-l) and d for :func:`tangent_point`, by bisection."""
    distance = np.concatenate([np.geomspace(1e-3, 100, 4000), np.geomspace(101, 1e300, 2000)])
    low, high = np.zeros_like(distance), np.full_like(distance, 750.0)
    for _ in range(60):
        middle = (low + high) / 2
        tangent = expit(middle) * expit(-middle) * (middle + distance)
        before = tangent > expit(middle) - expit(-distance)
        low, high = np.where(before, middle, low), np.where(before, high, middle)
    return np.log(distance), high
