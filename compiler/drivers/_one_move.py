"""Search by moves of one variable: repair and descent on weighted row violations, with a tabu list.

Every step looks at x_j + d and x_j - d for all variables at once (d = 1, or a random power of two in wide ranges) and
takes the best move that is not tabu. Row weights rise while rows stay violated and fall while all hold, so that the
walk keeps crossing the edge of the feasible set (Glover and Laguna, Tabu Search, 1997, on strategic oscillation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...ir.protocols import Limits
from ...ir.sums import sum_by
from ...ir.types import BoolArray, FloatArray, IntArray
from ..rows.stacked import StackedPoly
from ..rows.system import RowSystem

PATIENCE = 8
"""Steps in a row with (without) violated rows after which weights rise (fall)."""


@dataclass(frozen=True, eq=False)
class Model:
    """Entries (``row``, ``column``, ``data``) [k] of the rows by column, the objective's symmetric matrix, bounds."""

    row: IntArray
    column: IntArray
    data: FloatArray
    starts: IntArray
    low: FloatArray
    high: FloatArray
    goal: StackedPoly
    hessian: sparse.csr_array
    lower: FloatArray
    upper: FloatArray

    @classmethod
    def of(cls, system: RowSystem, goal: StackedPoly, lower: FloatArray, upper: FloatArray) -> Model:
        columns = sparse.csc_array(system.matrix)
        column = np.repeat(np.arange(columns.shape[1]), np.diff(columns.indptr))
        hessian = sparse.csr_array(goal.quadratic + goal.quadratic.T)
        return cls(columns.indices.astype(np.int64), column, columns.data, columns.indptr.astype(np.int64), system.low,
                   system.high, goal, hessian, lower, upper)  # fmt: skip

    def violation(self, activity: FloatArray, row: IntArray | slice = slice(None)) -> FloatArray:
        return np.asarray(np.maximum(activity - self.high[row], 0.0) + np.maximum(self.low[row] - activity, 0.0))

    def slope(self, x: FloatArray) -> FloatArray:
        """Gradient [n] of the objective at one point."""
        found = np.asarray(self.goal.linear + self.hessian @ x)
        factors = self.goal.factors
        if len(factors):
            padded = np.append(x, 1.0)[factors]
            for place in range(factors.shape[1]):
                used = factors[:, place] >= 0
                others = np.prod(np.delete(padded, place, axis=1), axis=1) * self.goal.coefficients
                found = found + sum_by(factors[used, place], others[used], len(x))
        return found

    def value(self, x: FloatArray) -> float:
        """Objective at one point, in float64."""
        high = np.prod(np.append(x, 1.0)[self.goal.factors], axis=1) @ self.goal.coefficients
        return float(self.goal.linear @ x + x @ (self.goal.quadratic @ x) + high)


@dataclass
class Walk:
    """Where a search is: point, activities, gradient, row weights, and until when each variable is tabu."""

    x: FloatArray
    activity: FloatArray
    slope: FloatArray
    weight: FloatArray
    tabu: IntArray
    value: float
    streak: int = 0


def search(model: Model, start: FloatArray, rng: np.random.Generator, moves: int, limits: Limits) -> FloatArray | None:
    """The best point found that holds every row in float64, None where none does. Same seed, same walk."""
    n, m = len(start), len(model.high)
    x = np.clip(start, model.lower, model.upper)
    activity = sum_by(model.row, model.data * x[model.column], m)
    scale = max(1.0, float(np.abs(model.slope(x)).max(initial=0.0)))
    walk = Walk(x, activity, model.slope(x), np.full(m, scale), np.zeros(n, np.int64), model.value(x))
    best, least = (x.copy(), walk.value) if not model.violation(activity).any() else (None, np.inf)
    for step in range(moves if n else 0):
        if limits.over:
            break
        violated = move(model, walk, rng, step, least)
        if not violated.any() and walk.value < least:
            best, least = walk.x.copy(), walk.value
        oscillate(walk, violated, scale)
    return best


def move(model: Model, walk: Walk, rng: np.random.Generator, step: int, least: float) -> BoolArray:
    """Take the best move in place; which rows are violated afterwards [m]."""
    n = len(walk.x)
    room = np.maximum(model.upper - model.lower, 1.0)
    size = 2.0 ** np.floor(np.log2(room / 2.0).clip(0.0, 40.0) * rng.random(n) * (rng.random(n) < 0.5))
    here = model.violation(walk.activity)
    change = model.data * size[model.column]
    curve = model.hessian.diagonal() / 2 * size**2
    score, gain = np.empty((2, n)), np.empty((2, n))
    for k, sign in enumerate((1.0, -1.0)):
        there = model.violation(walk.activity[model.row] + sign * change, model.row)
        cost = sum_by(model.column, walk.weight[model.row] * (there - here[model.row]), n)
        gain[k] = sign * size * walk.slope + curve
        moved = walk.x + sign * size
        allowed = (moved >= model.lower) & (moved <= model.upper)
        # a move to a feasible point better than all so far is taken although tabu
        fresh = (walk.tabu <= step) | ((walk.value + gain[k] < least) & (here @ walk.weight + cost <= 0.0))
        score[k] = np.where(allowed & fresh, gain[k] + cost, np.inf)
    score += rng.random((2, n)) * 1e-9
    k, j = divmod(int(score.argmin()), n)
    if np.isfinite(score[k, j]):
        apply(model, walk, j, float(size[j] if k == 0 else -size[j]), float(gain[k, j]))
        walk.tabu[j] = step + 1 + min(n // 4, int(rng.integers(3, 12)))
    return np.asarray(model.violation(walk.activity) > 0)


def apply(model: Model, walk: Walk, j: int, change: float, gain: float) -> None:
    entry = slice(model.starts[j], model.starts[j + 1])
    walk.x[j] += change
    walk.activity[model.row[entry]] += change * model.data[entry]
    walk.value += gain
    if len(model.goal.factors):
        walk.slope = model.slope(walk.x)
    else:
        column = slice(model.hessian.indptr[j], model.hessian.indptr[j + 1])
        walk.slope[model.hessian.indices[column]] += change * model.hessian.data[column]


def oscillate(walk: Walk, violated: BoolArray, scale: float) -> None:
    """Weights of rows that stay violated rise; all fall while all hold. ``streak``: such steps in a row, < 0: held."""
    if violated.any():
        walk.streak = max(walk.streak, 0) + 1
        if walk.streak % PATIENCE == 0:
            walk.weight[violated] *= 1.5
    else:
        walk.streak = min(walk.streak, 0) - 1
        if walk.streak % PATIENCE == 0:
            walk.weight *= 0.7
    np.clip(walk.weight, 1e-6 * scale, 1e9 * scale, out=walk.weight)
