"""A feasible point, with multipliers if known: nothing above its objective plus the multiplier is worth a violation.

Claims (dependent): for a feasible point z and multipliers lambda (>= 0 on <= rows, free on equalities) every row needs

    weight * max(gap, slope) > D(0)    or    weight * slope > |lambda_r| + D(lambda),

every other penalty other_weight * gap > D(0) or D(lambda), where, rounded up, D is the least of

    D_whole(lambda) = f(z) - min over the box of f(x) + sum_r lambda_r (a_r.x - b_r),
    D_C(lambda)     = sup over the box of f(z on C, x elsewhere) - f(x) - sum_{r in C} lambda_r (a_r.x - b_r)

for the block C of the row: it leaves out what does not touch the block. Rows may choose differently.

Proof. Let x minimise E and violate only rows and others that use this claim. Call them plain if they use D(0).

1. If a plain one is violated, weight * p > D(0). With D_whole: E(x) >= f(x) + weight p > f(x) + D >= f(z) = E(z). With
   D_C: y = (z on C, x elsewhere) satisfies C and changes no other block's penalties, and E(y) - E(x) <= D_C - weight p
   < 0. Either contradicts minimality.
2. So only rows of the second kind are violated (and others). At x, a row that holds has lambda_r (a_r.x - b_r) <= 0; a
   violated one at most |lambda_r| v_r, also when v_r counts from below (then a.x - b < 0 <= lambda). Each violated row
   has weight p >= weight slope v > (|lambda_r| + D) v >= |lambda_r| v + D, as v >= 1 and D >= 0. Take one of them, or
   of the others. If it uses D_whole: E(x) - f(z) >= -D + sum_violated (weight p - |lambda_r| v_r) > 0. If it uses D_C:
   E(y) - E(x) <= D_C - sum_{violated in C} (weight p - |lambda_r| v_r) < 0. Contradiction again.

Rows outside the claim enter in 2 by holding at x, which makes the claim dependent; without multipliers it is not.
Multipliers may be any numbers; they are clipped to their signs and rounded to few bits here. D counts linear and square
parts exactly per variable, other terms by their intervals.

Source: exact penalties from Lagrangian duality (Geoffrion, 1974; Bertsekas, Nonlinear Programming, section 5.5.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.errors import Refused
from ...ir.types import FloatArray, IntArray
from ._claim import Claim, Hints
from ._model import PenaltyModel
from ._rounding import EPS, EXACT, grain, group_sum, sum_up, up


@dataclass(frozen=True)
class Incumbent:
    """See the module's docstring."""

    def claim(self, model: PenaltyModel, hints: Hints) -> Claim:
        """A claim about every active row and every other penalty; nothing claimed without a checkable incumbent.

        Raises Refused if the incumbent lies outside the box, is not integer, or violates a row or a product.
        """
        m = model.rhs.size
        if hints.incumbent is None:
            return Claim.of(model, "no incumbent given", np.full(m, np.inf))
        point = np.asarray(hints.incumbent, np.float64)
        _require_feasible(model, point)
        if np.any(model.products < 0):
            return Claim.of(model, "incumbent not used: an other penalty can't be checked", np.full(m, np.inf))
        rows, (_, _, block, other_block) = np.flatnonzero(model.active), model.blocks
        need, per = np.full(m, np.inf), np.maximum(model.gap, model.slope)
        plain = _least_excess(model, point, np.zeros(m))
        need[rows] = plain[block[rows]]
        other = plain[other_block]
        lam = _clean(model, hints.multipliers)
        if np.any(lam):
            excess = _least_excess(model, point, lam)
            dual = np.full(m, np.inf)
            dual[rows] = np.nextafter(np.abs(lam[rows]) + excess[block[rows]], np.inf)
            better = (model.slope > 0) & (dual * per < need * model.slope)
            need, per = np.where(better, dual, need), np.where(better, model.slope, per)
            other = np.minimum(other, excess[other_block])
        return Claim.of(model, "an incumbent, and multipliers where given", need, other=other, per=per)


def _least_excess(model: PenaltyModel, point: FloatArray, lam: FloatArray) -> FloatArray:
    """D [count] for each block: the lesser of its own form and the whole one."""
    count, label, block, _ = model.blocks
    everywhere, every = np.where(model.free, 0, -1), np.where(model.active, 0, -1)
    whole = _excess(model, point, lam, everywhere.astype(np.int64), every.astype(np.int64), 1)
    return np.asarray(np.minimum(_excess(model, point, lam, label, block, count), whole[0]))


def _excess(
    model: PenaltyModel, point: FloatArray, lam: FloatArray, label: IntArray, block: IntArray, count: int
) -> FloatArray:
    """D [count] for each block of variables, label [n], and rows, block [m], rounded up."""
    n, objective = model.lower.size, model.objective
    row, col, value = model.entries
    used = block >= 0
    offset = lam * (model.rhs - model.shift)
    swing = abs(model.matrix) @ objective.far + np.abs(model.rhs)
    total = objective.magnitude + 64 * float(np.abs(lam) @ swing)
    exact = bool(total < EXACT * min(objective.grain, grain(lam)))
    tilt = group_sum(col, lam[row] * value, n)
    error = (np.bincount(col, minlength=n) + 2) * EPS * group_sum(col, np.abs(lam[row] * value), n)
    moved = objective.replacement(label, count, point, (tilt, error) if np.any(lam) else None, exact)
    values, groups = [moved, up(offset[used], exact)], [np.arange(count), block[used]]
    return np.maximum(sum_up(np.concatenate(values), np.concatenate(groups), count, exact), 0.0)


def _clean(model: PenaltyModel, multipliers: FloatArray | None) -> FloatArray:
    """Multipliers with the right signs, 24 bits, and none where they can't help."""
    lam = np.zeros(model.rhs.size) if multipliers is None else np.asarray(multipliers, np.float64)
    if lam.shape != model.rhs.shape:
        raise Refused("weights: multipliers must have one entry per row")
    lam = np.where(np.isfinite(lam) & model.active & (model.slope > 0), lam, 0.0)
    lam = np.where(model.equality, lam, np.maximum(lam, 0.0))
    largest = float(np.abs(lam).max(initial=0.0))
    if largest == 0.0:
        return lam
    unit = 2.0 ** max(np.floor(np.log2(largest)) - 23, -1000.0)
    return np.asarray(np.round(lam / unit) * unit)


def _require_feasible(model: PenaltyModel, point: FloatArray) -> None:
    """Exact: activities are integers below 2^52."""
    if point.shape != model.lower.shape or not np.all((point >= model.lower) & (point <= model.upper)):
        raise Refused("weights: the incumbent lies outside the variables' bounds")
    if np.any(point != np.floor(point)):
        raise Refused("weights: the incumbent is not integer")
    above, below = model.violation(point[None, :])
    bad = np.flatnonzero((above + below)[0] > 0)
    if bad.size:
        raise Refused(f"weights: the incumbent violates row {bad[0]} by {(above + below)[0, bad[0]]:g}",
                      hint="give a feasible point, or none")
    z, x, y = model.products[(model.products >= 0).all(axis=1)].T
    if np.any(point[z] != point[x] * point[y]):
        raise Refused("weights: the incumbent violates a product definition", hint="set each product from its factors")
