"""Rows that count variables of their own: sum of +-x_j == k, one-hot above all, and their ranged forms.

Claims (independent): weight * gap > the dearest one-unit step still available on either side of the row.

Needs. An *own* variable occurs in this active row only, with coefficient +1 or -1, and in no other penalty. The row is
convex. t_above = b - (own variables at their least contribution, all else at its greatest) >= 0 and t_below = (own at
their greatest, all else at its least) - (lower end) >= 0.

Proof. Let x minimise E and violate row r from above. Own variables then stand above their least contribution by more
than t_above in total; one step of one of them lowers the activity by exactly 1: still >= b >= lower end, so the
violation falls from v to v - 1, the penalty by phi(v) - phi(v - 1) >= gap, and no other penalty changes. The cheapest
available step costs at most the bound of :mod:`._moves`; weight * gap above it contradicts minimality. From below the
same with steps up, which end <= lower end <= b.

One-hot rows (own binaries, all free coefficients 1, == 1 once fixed variables are counted) do better in two phases.
Phase 1: each of them with weight * gap > its bound from above is nowhere overfull at a minimum, by the proof above:
this is ``base``. Phase 2: so at a minimum at most one variable of each such row is 1, and an empty row may insert any
of its variables at a cost taken over such points only. The cheapest costs at most the least of their bounds, and at
most the mean cost at the same point (in colouring, neighbours spread over the colours); this replaces the bound from
below. If any row rests on phase 2, all one-hot rows must satisfy phase 1 or be proved independently of this rule.

Source: Lucas, Ising formulations of many NP problems, 2014, sections 4 and 6, for one-hot colouring weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.types import BoolArray, FloatArray, IntArray
from ._claim import Claim, Hints
from ._model import PenaltyModel
from ._moves import dearest_available
from ._rounding import group_sum


def own_binary(model: PenaltyModel, occurrences: int) -> BoolArray:
    """Free 0/1 variables [n] in exactly that many active rows, with coefficients 1 and in no other penalty."""
    n = model.lower.size
    _, col, value = model.entries
    once = np.bincount(col, minlength=n) == occurrences
    plain = np.bincount(col[value != 1], minlength=n) == 0
    return np.asarray(once & plain & (model.lower == 0) & (model.upper == 1) & ~model.touched)


@dataclass(frozen=True)
class Cardinality:
    """See the module's docstring."""

    def claim(self, model: PenaltyModel, hints: Hints) -> Claim:
        """The claim; rows that don't qualify get inf."""
        n, m = model.lower.size, model.rhs.size
        row, col, value = model.entries
        own = ((np.bincount(col, minlength=n) == 1) & ~model.touched)[col] & (np.abs(value) == 1)
        down, upward = model.objective.steps
        ends = value * model.lower[col], value * model.upper[col]
        least, most = np.minimum(*ends), np.maximum(*ends)
        reach = (most - least)[own]
        fall, rise = np.where(value > 0, down[col], upward[col])[own], np.where(value > 0, upward[col], down[col])[own]
        room_above = model.rhs - model.shift - group_sum(row, np.where(own, least, most), m)
        room_below = model.shift + group_sum(row, np.where(own, most, least), m) - model.floor
        above = dearest_available(row[own], fall, reach, room_above)
        below = dearest_available(row[own], rise, reach, room_below)
        one_hot, group = self._one_hot(model, above < np.inf)
        below = np.where(one_hot, np.minimum(below, self._cheapest_insertion(model, group)), below)
        claimed = model.active & model.convex
        need = np.where(claimed, np.maximum(np.maximum(above, below), 0.0), np.inf)
        base = np.where(one_hot, np.maximum(above, 0.0), -np.inf)
        text = "a one-unit step of a variable of the row's own repairs it; its cost at the dearest still available"
        return Claim.of(model, text, need, base=base)

    @staticmethod
    def _one_hot(model: PenaltyModel, bounded: BoolArray) -> tuple[BoolArray, IntArray]:
        """One-hot rows [m] among the bounded ones, and for each variable [n] the one it belongs to or -1."""
        n, m = model.lower.size, model.rhs.size
        row, col, _ = model.entries
        own = own_binary(model, 1)
        alien = np.bincount(row[~own[col]], minlength=m) > 0
        filled = np.bincount(row, minlength=m) > 0
        one_hot = bounded & model.active & model.convex & model.equality & filled & ~alien
        one_hot &= model.rhs - model.shift == 1
        group = np.full(n, -1, np.int64)
        inside = one_hot[row]
        group[col[inside]] = row[inside]
        return np.asarray(one_hot), group

    @staticmethod
    def _cheapest_insertion(model: PenaltyModel, group: IntArray) -> FloatArray:
        """Bound on the cheapest insertion into each one-hot row [m] while it is empty: the least bound, or the mean."""
        n, m, inside = group.size, model.rhs.size, group >= 0
        single = model.objective.insertion(np.where(inside, np.arange(n), -1), n, group, group[:, None])
        result = np.full(m, np.inf)
        np.minimum.at(result, group[inside], single[inside])
        total = model.objective.insertion(group, m, group, group[:, None])
        mean = total / np.maximum(np.bincount(group[inside], minlength=m), 1)
        return np.asarray(np.minimum(result, np.where(total > 0, np.nextafter(mean, np.inf), mean)))
