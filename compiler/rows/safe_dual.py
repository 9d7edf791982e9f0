"""Lower bounds of linear forms over rows, box and an objective cutoff, from any multipliers: weak duality, outward.

For x in the box with low <= A x <= high and c.x <= v, and y_i (high or low side by its sign), w >= 0:
a.x >= min over the box of g.x - y.side - w v with g = a + y A + w c. In float64 each g_j is off by at most
e_j = (k + 6) 2^-52 times its absolute terms, k the number of rows (each product rounds once, sums k times, each number
stands for one within relative 2^-53 of it), so g_j x_j is at least min(g_j l_j, g_j u_j) - e_j max(|l_j|, |u_j|). What
the sums over j and over the sides lose is bounded in the same way, with a factor of two over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.errors import Refused
from ...ir.problem import Problem
from ...ir.types import BoolArray, FloatArray
from .dyadic import lowest_bit
from .stacked import stacked_poly
from .system import RowSystem

UNIT = 2.0**-52


@dataclass(frozen=True, eq=False)
class SafeDual:
    """A system of rows, the objective ``cost`` [n] with ``limit`` (rounded up; inf: no cutoff), and the box."""

    system: RowSystem
    cost: FloatArray
    limit: float
    lower: FloatArray
    upper: FloatArray

    @classmethod
    def of(cls, problem: Problem, system: RowSystem, cutoff: float) -> SafeDual:
        """``cutoff``: the bounds have to hold for points of at most this objective value. Needs a linear objective."""
        lower, upper = problem.stack_bounds()
        goal = stacked_poly(problem, problem.objective)
        if goal.quadratic.nnz or len(goal.factors):
            raise Refused("an objective cutoff needs a linear objective",
                          hint="run linearize-constraints{objective=true} first")  # fmt: skip
        spare = value_error(goal.linear, np.array([cutoff, goal.constant]), lower, upper, system.whole)
        return cls(system, goal.linear, float(cutoff - goal.constant + spare), lower, upper)

    def bounds(self, rows: slice, multipliers: FloatArray) -> FloatArray:
        """Lower bounds of the activities of some rows [k], from ``multipliers`` [k, m + 1]; -inf: nothing known."""
        system, limit = self.system, self.limit if np.isfinite(self.limit) else 0.0
        free = system.guard < 0
        table = np.where(np.isfinite(multipliers), multipliers, 0.0)
        up = np.maximum(table[:, :-1], 0.0) * (free & np.isfinite(system.high))
        down = np.minimum(table[:, :-1], 0.0) * (free & np.isfinite(system.low))
        w = np.maximum(table[:, -1], 0.0) * np.isfinite(self.limit)
        high, low = finite(system.high), finite(system.low)
        matrix, size = system.matrix, abs(system.matrix)
        form = matrix[rows].toarray() + (matrix.T @ (up + down).T).T + w[:, None] * self.cost
        size = size[rows].toarray() + (size.T @ (up - down).T).T + w[:, None] * np.abs(self.cost)
        error = (system.size + 6) * UNIT * size
        lower, upper = finite(self.lower), finite(self.upper)
        reach = np.maximum(np.abs(lower), np.abs(upper))
        total = np.minimum(form * lower, form * upper).sum(axis=1) - up @ high - down @ low - w * limit
        scale = (size * reach).sum(axis=1) + up @ np.abs(high) - down @ np.abs(low) + w * abs(limit)
        lost = (error * reach).sum(axis=1) + (system.size + len(self.cost) + 10) * UNIT * scale + 2.0**-900
        beyond = (form - error < 0) & np.isinf(self.upper) | (form + error > 0) & np.isinf(self.lower)
        return np.where(beyond.any(axis=1) | ~np.isfinite(total - lost), -np.inf, total - 2.0 * lost)


def finite(values: FloatArray) -> FloatArray:
    """The values, 0 for infinite ones."""
    return np.where(np.isfinite(values), values, 0.0)


def value_error(
    cost: FloatArray, constants: FloatArray, lower: FloatArray, upper: FloatArray, whole: BoolArray
) -> float:
    """How far c.x + constant in float64 may be off, at points of the box; 0 where whole numbers make it exact."""
    used = cost != 0
    reach = np.maximum(np.abs(lower), np.abs(upper))[used]
    scale = float(np.abs(cost[used]) @ reach + np.abs(constants).sum())
    unit = float(min(lowest_bit(cost).min(initial=np.inf), lowest_bit(constants).min()))
    if whole[used].all() and scale < 2.0**53 * unit:
        return 0.0
    return (len(reach) + 10) * 2.0 * UNIT * scale
