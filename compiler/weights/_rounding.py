"""Sums rounded outward: what a weight's proof adds up in float64 is either exact or an upper bound.

Two regimes. *Exact*: all numbers are multiples of one power of two (their grain) and the sum of their magnitudes stays
below 2^53 grains, so every partial sum is a float64 and no operation rounds. *Outward* otherwise: each addend is an
upper bound already, and the sum is raised by the standard bound (n - 1) u sum|v| (Higham, Accuracy and Stability of
Numerical Algorithms, 2nd ed., eq. 4.4), doubled to cover the rounding of the bound itself.
"""

from __future__ import annotations

import numpy as np

from ...ir.types import BoolArray, FloatArray, IntArray

EPS = float(np.finfo(np.float64).eps)  # 2u: twice the unit roundoff
EXACT = 2.0**53


def grain(*arrays: FloatArray) -> float:
    """Largest power of two that divides every finite value; inf when all values are zero."""
    values = np.concatenate([np.abs(np.ravel(a)) for a in arrays]) if arrays else np.zeros(0)
    values = values[values > 0]
    if not values.size:
        return float("inf")
    mantissa, exponent = np.frexp(values)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    lowest = (whole & -whole).astype(np.float64)
    return float(np.ldexp(lowest, exponent - 53).min())


def up(values: FloatArray, exact: bool) -> FloatArray:
    """Upper bounds on numbers that were rounded once, keeping the sign of negative ones."""
    return values if exact else np.asarray(np.nextafter(values, np.inf))


def group_sum(groups: IntArray, values: FloatArray | BoolArray, size: int) -> FloatArray:
    """Plain group sums [size]. (numpy's bincount turns to integers when nothing is given.)"""
    return np.asarray(np.bincount(groups, values, size), np.float64)


def sum_up(values: FloatArray, groups: IntArray, size: int, exact: bool) -> FloatArray:
    """Upper bounds [size] on the group sums of ``values`` [k], each an upper bound itself; ``groups`` [k] in 0..size-1.

    A group without a positive addend gets a bound of at most zero, whatever rounding does: signs are exact.
    """
    total = group_sum(groups, values, size)
    if exact:
        return total
    count, magnitude = np.bincount(groups, minlength=size), group_sum(groups, np.abs(values), size)
    raised = np.nextafter(total + (count + 2) * EPS * magnitude, np.inf)
    positive = group_sum(groups, values > 0, size) > 0
    raised = np.where(np.isnan(raised), np.inf, raised)
    return np.where(positive, raised, np.minimum(raised, 0.0))
