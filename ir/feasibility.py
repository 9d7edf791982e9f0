"""How far rows are violated at many samples, decided on the exact meaning of their numbers.

Float64 decides wherever its error bound (:mod:`isinglass.ir.activity`) allows; what lies inside the band is decided
exactly (:mod:`isinglass.ir.band`).
"""

from __future__ import annotations

import numpy as np

from .activity import UNIT, Activity, Points, linear_activity, polynomial_activity
from .affine import batch_of
from .band import Sides, decide
from .blocks import Guard, Lin, Poly
from .types import BoolArray, FloatArray, Values


def violation(row: Lin | Poly, points: Points, tolerance: float) -> tuple[FloatArray, BoolArray]:
    """Violations [B, m] in the row's own units, and whether they are within ``tolerance``.

    Exactly 0 where the row holds exactly; with a tolerance also where float64 can't tell it from that. Rows whose
    guard is not active are not violated.
    """
    sides = Sides.of(row)
    activity = linear_activity(row, points) if isinstance(row, Lin) else polynomial_activity(row, points)
    above, beyond = side_state(activity, sides.high, tolerance)
    below, short = side_state(Activity(-activity.value, activity.error), -sides.low, tolerance)
    binding = active(row.guard, points.values, row.size)
    amount = np.where(binding, np.maximum(above, below), 0.0)
    open_ = (beyond | short) & binding
    if open_.any():
        sample, place = np.nonzero(open_)
        amount[sample, place] = decide(row, sides, points.values, sample, place)
    return amount, np.asarray(amount <= tolerance)


def side_state(activity: Activity, side: FloatArray, tolerance: float) -> tuple[FloatArray, BoolArray]:
    """Violation of ``activity <= side`` (0 below the error), and where it can't be compared with the tolerance."""
    finite = np.isfinite(side)
    limit = np.where(finite, side, 0.0)
    # whole activities below 2^53 compare with a side's float as with its reading: no whole number lies between them
    exact = activity.error == 0
    error = np.where(exact, 0.0, activity.error + 4 * UNIT * np.abs(limit))
    with np.errstate(invalid="ignore", over="ignore"):  # what overflowed is neither held nor broken for sure
        excess = np.where(finite, activity.value - limit, -1.0)
        sure = (excess + error <= tolerance) | (excess - error > tolerance)
    return np.where(excess > error, excess, 0.0), finite & ~exact & ~sure


def active(guard: Guard | None, values: Values, rows: int) -> BoolArray:
    """Where rows bind [B, m]."""
    if guard is None:
        return np.ones((batch_of(values), rows), dtype=np.bool_)
    given = values[guard.variable]
    safe = np.maximum(guard.index, 0)
    found = given[:, safe] == guard.value if given.shape[1] else np.zeros((len(given), rows), dtype=np.bool_)
    return np.asarray(found | (guard.index < 0))
