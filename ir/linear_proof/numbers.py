"""A-priori bounds of rounding errors in float64.

A sum of n products, in whatever order it is taken, is off by at most ``gamma(n)`` times the sum of their magnitudes,
plus half of ``TINY`` for each product that underflows (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
section 3.1). An overflow gives infinities or NaN, which no later operation here turns back into a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..types import FloatArray

UNIT = 2.0**-53
TINY = 5e-324
"""The least positive float64."""

SLACK = 1 + 2.0**-20
"""Covers errors of second order: those of the computed magnitudes, and of the terms that pay for errors."""

Bounds = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, eq=False)
class Lines:
    """``lower_slopes . a + lower_offset <= f(a) <= upper_slopes . a + upper_offset``, arrays [B or 1, k].

    In real arithmetic, for all arguments a within the bounds that they were made for.
    """

    lower_slopes: list[FloatArray]
    lower_offset: FloatArray
    upper_slopes: list[FloatArray]
    upper_offset: FloatArray


def gamma(terms: int) -> float:
    """n u / (1 - n u), a little more."""
    return terms * UNIT / (1 - terms * UNIT) * (1 + 8 * UNIT)


def above(slope: FloatArray, points: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """An offset with ``slope * x + offset >= y`` in real arithmetic for every point (x, y); exact where nothing rounds.

    The product is off by a unit relatively (not at all for slopes 0 and 1 or x = 0), the difference by another.
    """
    found = np.full(np.broadcast_shapes(slope.shape, points[0][0].shape), -np.inf)
    for x, y in points:
        product = slope * x
        gap = y - product
        exact = (slope == 0) | (slope == 1) | (x == 0)
        error = np.where(exact, 0.0, 2 * UNIT * np.abs(product) + TINY) + 4 * UNIT * np.abs(gap)
        found = np.maximum(found, np.where(error == 0, gap, np.nextafter(gap + error, np.inf)))
    return found


def below(slope: FloatArray, points: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """An offset with ``slope * x + offset <= y`` in real arithmetic for every point (x, y)."""
    return -above(-slope, [(x, -y) for x, y in points])


def finite(slope: FloatArray, offset: FloatArray, constant: FloatArray) -> Bounds:
    """Slope 0 and a constant bound where a number of a line is not finite."""
    fine = np.isfinite(slope) & np.isfinite(offset)
    return np.where(fine, slope, 0.0), np.where(fine, offset, constant)


def reach(bounds: Bounds) -> FloatArray:
    """The greatest magnitude within bounds."""
    return np.maximum(np.abs(bounds[0]), np.abs(bounds[1]))


def ball(bounds: Bounds) -> Bounds:
    """Centre and radius; the radius is rounded up, so that the ball holds the interval."""
    centre = bounds[0] / 2 + bounds[1] / 2
    radius = np.maximum(bounds[1] - centre, centre - bounds[0])
    return centre, np.where(bounds[0] == bounds[1], np.abs(bounds[0] - centre), np.nextafter(radius, np.inf))
