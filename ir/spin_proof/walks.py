"""An upper bound of a spin form without absolute values from odd closed walks, rounded outward.

Let -F(t) = c + sum_e J_e x_e with x_e = t_i t_j for e = ij. Round a closed walk C of k steps the product of all x_e is
1; with signs g_e = -1 on an odd number of steps and 1 on the others the product of all g_e x_e is -1, so one of them is
-1 and sum_C g_e x_e <= k - 2 (Barahona and Mahjoub, "On the cut polytope", 1986). With multipliers l_C >= 0

    -F(t) >= c - sum_C l_C (k_C - 2) - sum_e |J_e + sum of l_C g_e over the steps of walks along e|

since |x_e| = 1. Fixed spins are +-t_0: steps between them are constants, others lead to t_0.
"""

from __future__ import annotations

import numpy as np

from ..definite import UNIT
from ..odd_cycles import following
from ..quadratic.spins import couplings
from ..spin_form import SpinForm
from ..types import AnyArray, FloatArray, IntArray
from .leaf import SAFE, TINY, claimed, upper_sum


def walks_upper(
    form: SpinForm, fixed: AnyArray | None, start: IntArray, vertex: IntArray, flag: IntArray, multiplier: AnyArray
) -> float:
    """What may be claimed of F over all spins with t_0 = 1 that agree with ``fixed`` [N] (+-1, 0: free; None: all are
    free): :func:`proved_by_walks` and a little more, so that sums that round otherwise prove it as well.

    The walks are as in ``ir/odd_cycles.py``; inf where nothing is proved, as for forms with ``rows``.
    """
    return claimed(*summands(form, fixed, start, vertex, flag, multiplier))


def proved_by_walks(
    form: SpinForm, fixed: AnyArray | None, start: IntArray, vertex: IntArray, flag: IntArray, multiplier: AnyArray
) -> float:
    """A proved upper bound of F; arguments as of :func:`walks_upper`."""
    return upper_sum(summands(form, fixed, start, vertex, flag, multiplier)[0])


def summands(
    form: SpinForm, fixed: AnyArray | None, start: IntArray, vertex: IntArray, flag: IntArray, multiplier: AnyArray
) -> tuple[list[float], float]:
    """Numbers whose sum is an upper bound of F, and the one among them that pays for rounding."""
    weights = np.asarray(multiplier, dtype=np.float64)
    diagonal = np.zeros(1) if form.quadratic is None else form.quadratic.diagonal()
    if len(form.rows) or diagonal.any() or not (weights >= 0).all():
        return [np.inf], 0.0
    edges = couplings(form)
    steps = np.diff(start)
    pull = np.where(flag == 1, -1.0, 1.0) * np.repeat(weights, steps)
    row, column = np.concatenate([edges.row, vertex]), np.concatenate([edges.column, following(start, vertex)])
    with np.errstate(all="ignore"):
        value = np.concatenate([edges.value, pull])
        row, column, value, constants = contracted(fixed, row, column, value)
        totals, most = sums_of_pairs(row, column, value, form.spins)
        owed = weights * (steps - 2)
        size = float(np.abs(value).sum() + np.abs(constants).sum() + owed.sum()) + abs(form.constant)
        error = form.error + SAFE * (most + 16) * UNIT * size + TINY * (len(value) + 1)
        parts = [np.abs(totals), owed, -constants, np.array([form.constant, error])]
    return np.concatenate(parts).tolist(), error - form.error


def contracted(
    fixed: AnyArray | None, row: IntArray, column: IntArray, value: FloatArray
) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Pairs with fixed spins put at t_0, and the values of pairs that are constants."""
    if fixed is None or not fixed[1:].any():
        return row, column, value, np.zeros(0)
    signs = np.where(fixed == 0, 1.0, fixed)
    place = np.where(fixed == 0, np.arange(len(fixed)), 0)
    value = value * signs[row] * signs[column]
    row, column = place[row], place[column]
    same = row == column
    return row[~same], column[~same], value[~same], value[same]


def sums_of_pairs(row: IntArray, column: IntArray, value: FloatArray, spins: int) -> tuple[FloatArray, int]:
    """Sums over the entries of each unordered pair that occurs, and how many entries one sum has at the most."""
    key = np.minimum(row, column) * spins + np.maximum(row, column)
    unique, place = np.unique(key, return_inverse=True)
    place = place.ravel()
    counts = np.bincount(place, minlength=1)
    return np.asarray(np.bincount(place, value, len(unique)), dtype=np.float64), int(counts.max())
