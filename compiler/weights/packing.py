"""Rows that a one-unit step repairs without hurting any other row: packing, covering and their like.

Claims (independent): weight * gap > the dearest such step still available at a violating point.

Needs. Call an active row *upper* if no point of the box violates it from below and it is convex (its penalty grows with
the violation): <= rows, and equalities at the end of their range. A free variable is *movable down* if every active row
it occurs in is upper and has a positive coefficient there, and if no other penalty touches it; *movable up* with
negative coefficients. For row r let t = b - (movable variables at their good ends, all else at its worst). The row is
claimed if it is upper and t >= 0; a knapsack with bounds 0..u has t = b.

Proof. Let x minimise E and violate r. Then sum_{movable j} |a_rj| d_j > t >= 0, d_j the distance of x_j from its good
end, so some movable variable can take a step towards it. Every row that holds this variable sees its activity fall:
no penalty rises, as each is a nondecreasing function of the violation above the right side. Row r's violation
v >= 1 falls to at most max(v - 1, 0), its penalty by at least phi(v) - phi(v - 1) >= phi(1) - phi(0) = gap
(convexity). The objective rises by at most the step's cost over the box. Among the available steps we take the
cheapest; it costs no more than the bound of :mod:`._moves`. So weight * gap above that (and above 0) gives a point
of lower energy: x was no minimum. Weights of other rows play no part beyond being >= 0.

Source: exact penalties by local repair; compare Lucas, Ising formulations of many NP problems, 2014, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._claim import Claim, Hints
from ._model import PenaltyModel
from ._moves import dearest_available
from ._rounding import group_sum


@dataclass(frozen=True)
class Packing:
    """See the module's docstring."""

    def claim(self, model: PenaltyModel, hints: Hints) -> Claim:
        """The claim; rows that don't qualify get inf."""
        n, m = model.lower.size, model.rhs.size
        row, col, value = model.entries
        upper = model.active & ~model.ranged & model.convex
        sound = (np.bincount(col[~upper[row]], minlength=n) == 0) & ~model.touched
        positive = np.bincount(col, value > 0, minlength=n) > 0
        negative = np.bincount(col, value < 0, minlength=n) > 0
        movable = (sound & (positive != negative))[col]
        down, upward = model.objective.steps
        cost = np.where(value > 0, down[col], upward[col])
        ends = value * model.lower[col], value * model.upper[col]
        worst = np.where(movable, np.minimum(*ends), np.maximum(*ends))
        threshold = model.rhs - model.shift - group_sum(row, worst, m)
        reach = np.abs(value) * (model.upper - model.lower)[col]
        need = dearest_available(row[movable], cost[movable], reach[movable], threshold)
        text = "a one-unit step repairs the row and hurts no other; its cost at the dearest still available"
        return Claim.of(model, text, np.where(upper, np.maximum(need, 0.0), np.inf))
