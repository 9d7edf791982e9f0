"""1 / (1 + exp(-x)), and what it shares with :mod:`.tanh`: increasing, convex left of 0, concave right of it.

Above over l..u with slope s and any p >= 0 within the range:

* left of 0 the function is convex, so f(x) - s x is greatest at an end of [l, min(u, 0)];
* right of 0 it is concave: f(x) <= f(p) + f'(p) (x - p), so f(x) - s x <= f(p) - s p + (f'(p) - s) (x - p), which is
  linear in x and greatest at an end of [max(l, 0), u].

So any slope will do, its offset follows. The slope: the chord where the tangent through (l, f(l)) would touch right of
u (or not at all), else that of the tangent at p = l + t (u - l), moved into [d, u]; t is the tilt, 1/2 by default, d
the point whose tangent meets (l, f(l)), l itself where l >= 0. Below by symmetry, f(-x) = c - f(x), with the same tilt.

Rounding: the library's f is trusted to 8 units in the last place (2^-49 relatively), f' = f(x) f(-x), or 1 / cosh^2, to
40; both up to ``FLOOR``. All other operations are off by half a unit each; ``MARGIN`` times the magnitudes covers them
all, ``STEEP`` the slope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import expit

from ..functions.sigmoid import Sigmoid
from ..linear_proof.numbers import Bounds, Lines, finite
from ..types import BoolArray, FloatArray

MARGIN = 2.0**-48
STEEP = 2.0**-46
FLOOR = 1e-300


@dataclass(frozen=True)
class Shape:
    """f and f' on arrays, f(x) + f(-x), and a k with f(x) = a + b sigmoid(k x)."""

    value: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    total: float
    stretch: float


def sigmoid_slope(x: FloatArray) -> FloatArray:
    return np.asarray(expit(x) * expit(-x))


SHAPE = Shape(expit, sigmoid_slope, 1.0, 1.0)


def bounds(function: Sigmoid, lower: list[FloatArray], upper: list[FloatArray]) -> Bounds:
    """Of the value."""
    low, high = shape_bounds(SHAPE, lower[0], upper[0])
    return np.maximum(low, 0.0), np.minimum(high, 1.0)


def undecided(function: Sigmoid, lower: list[FloatArray], upper: list[FloatArray]) -> BoolArray:
    """Where tighter bounds of the arguments would help."""
    return np.asarray(lower[0] < upper[0])


def lines(function: Sigmoid, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None) -> Lines:
    """See :class:`Lines`."""
    return shape_lines(SHAPE, lower[0], upper[0], tilt)


def shape_bounds(shape: Shape, lower: FloatArray, upper: FloatArray) -> Bounds:
    low, high = shape.value(lower), shape.value(upper)
    return low - 2.0**-49 * np.abs(low) - FLOOR, high + 2.0**-49 * np.abs(high) + FLOOR


def shape_lines(shape: Shape, lower: FloatArray, upper: FloatArray, tilt: FloatArray | None) -> Lines:
    share = 0.5 if tilt is None else tilt
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        touch = lower + share * (upper - lower)
        steep, top = shape_above(shape, lower, upper, touch)
        flat, bottom = shape_above(shape, -upper, -lower, -touch)
        low, high = shape_bounds(shape, lower, upper)
    steep, top = finite(steep, top, high)
    flat, bottom = finite(flat, np.nextafter(shape.total - bottom, -np.inf), low)
    return Lines([flat], bottom, [steep], top)


def shape_above(shape: Shape, lower: FloatArray, upper: FloatArray, touch: FloatArray) -> Bounds:
    """Slope and offset of an upper line; NaN or infinite where the range is."""
    first = np.where(lower < 0, touching(np.minimum(lower, 0.0) * shape.stretch) / shape.stretch, lower)
    chord = (lower < 0) & (first >= upper)
    p = np.where(chord, np.maximum(upper, 0.0), np.clip(touch, first, np.maximum(upper, first)))
    at_lower, at_upper, at_p, rate = shape.value(lower), shape.value(upper), shape.value(p), shape.slope(p)
    slope = np.where(chord, (at_upper - at_lower) / (upper - lower), rate)
    slope = np.where(lower < upper, np.clip(slope, 0.0, 1.0), 0.0)
    end, start = np.minimum(upper, 0.0), np.maximum(lower, 0.0)
    at_end = np.where(upper < 0, at_upper, shape.total / 2)
    convex = np.maximum(at_lower - slope * lower, at_end - slope * end)
    turn = np.maximum((rate - slope) * (upper - p), (rate - slope) * (start - p))
    concave = at_p - slope * p + turn + STEEP * rate * (upper - start + p)
    needed = np.where(lower >= 0, concave, np.where(upper <= 0, convex, np.maximum(convex, concave)))
    size = np.abs(needed) + slope * (np.abs(lower) + np.abs(upper) + p) + np.maximum(np.abs(at_lower), np.abs(at_upper))
    return slope, needed + MARGIN * size + FLOOR


def touching(lower: FloatArray) -> FloatArray:
    """For l <= 0 nearly the d >= 0 with sigmoid'(d) (d - l) = sigmoid(d) - sigmoid(l): Newton steps from a table."""
    logs, points = table()
    d = np.interp(np.log(np.maximum(-lower, FLOOR)), logs, points)
    for _ in range(2):
        value, other = expit(d), expit(-d)
        rate = value * other
        bend = np.minimum(rate * (other - value) * (d - lower), -FLOOR)
        d = np.maximum(d - (rate * (d - lower) - (value - expit(lower))) / bend, 0.0)
    return np.where(lower > -0.01, -lower / 2, d)


@cache
def table() -> Bounds:
    """log(-l) and d, by bisection; the tangent's rise over d - l falls with d."""
    distance = np.geomspace(5e-3, 700.0, 3000)
    low, high = np.zeros_like(distance), np.full_like(distance, 700.0)
    for _ in range(60):
        middle = low / 2 + high / 2
        left = expit(middle) * expit(-middle) * (middle + distance) > expit(middle) - expit(-distance)
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return np.log(distance), high
