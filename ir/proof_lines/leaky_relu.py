"""max(x, alpha x) with 0 <= alpha <= 1, which is convex.

A tilt t makes the lower line on undecided elements (l < 0 < u): slope ``alpha + t (1 - alpha)``, through 0. Any slope
m in [alpha, 1] is sound: m x <= x for x >= 0 and m x <= alpha x for x <= 0. The default is t = 1 where u >= -l, else 0
(Zhang, Weng, Chen, Hsieh, Daniel, Efficient Neural Network Robustness Certification with General Activation Functions,
NeurIPS 2018). Above: the chord; by convexity its offset need only be enough at l and u, whatever its slope.
"""

from __future__ import annotations

import numpy as np

from ..functions.leaky_relu import LeakyRelu
from ..linear_proof.numbers import TINY, UNIT, Bounds, Lines, finite
from ..types import BoolArray, FloatArray


def bounds(function: LeakyRelu, lower: list[FloatArray], upper: list[FloatArray]) -> Bounds:
    """Of the value."""
    if not 0 <= function.alpha <= 1:
        return np.full_like(lower[0], -np.inf), np.full_like(upper[0], np.inf)
    return bent_bounds(function.alpha, lower[0], upper[0])


def lines(function: LeakyRelu, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None) -> Lines:
    """See :class:`Lines`."""
    if not 0 <= function.alpha <= 1:
        none = np.zeros_like(lower[0])
        return Lines([none], none - np.inf, [none], none + np.inf)
    return bent_lines(function.alpha, lower[0], upper[0], tilt)


def undecided(function: LeakyRelu, lower: list[FloatArray], upper: list[FloatArray]) -> BoolArray:
    """Where tighter bounds of the arguments would help."""
    return bent_open(lower[0], upper[0])


def bent_open(lower: FloatArray, upper: FloatArray) -> BoolArray:
    return np.asarray((lower < 0) & (upper > 0))


def bent_bounds(alpha: float, lower: FloatArray, upper: FloatArray) -> Bounds:
    """The value at the ends; products are widened by an ulp."""
    if alpha == 0:
        return np.maximum(lower, 0.0), np.maximum(upper, 0.0)
    low, high = np.nextafter(alpha * lower, -np.inf), np.nextafter(alpha * upper, np.inf)
    return np.where(lower >= 0, lower, low), np.where(upper >= 0, upper, high)


def bent_lines(alpha: float, lower: FloatArray, upper: FloatArray, tilt: FloatArray | None) -> Lines:
    """The function ``x if x >= 0 else alpha x``."""
    undecided = bent_open(lower, upper)
    plain = np.where(lower >= 0, 1.0, alpha)
    share = (upper >= -lower).astype(np.float64) if tilt is None else tilt
    least = np.where(undecided, np.clip(alpha + share * (1.0 - alpha), alpha, 1.0), plain)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        chord = np.clip((upper - alpha * lower) / (upper - lower), alpha, 1.0)
        # each difference and each product is off by a unit, relatively
        needed = np.maximum((alpha - chord) * lower, (1.0 - chord) * upper) * (1 + 8 * UNIT) + 4 * TINY
        chord, needed = finite(chord, needed, np.maximum(upper, 0.0))
    return Lines([least], np.zeros_like(least), [np.where(undecided, chord, plain)], np.where(undecided, needed, 0.0))
