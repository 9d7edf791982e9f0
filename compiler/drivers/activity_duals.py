"""Multipliers for ``tighten-activity``, from one linear program for each row.

needs: the tool ``open_lp``; a linear objective and the value of a known feasible point
gives: multipliers [m, m + 1]; rows that got no optimum in time have zeros, which are multipliers too

For row r: minimise a_r.x over the rows, the box, and objective <= cutoff. The programs differ in their cost only, so
each starts from the last basis. Nothing rests on the solver: the pass recomputes what any multipliers prove.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from ...ir.operator import check_limit
from ...ir.problem import Problem
from ...ir.protocols import Limits, OpenLp
from ...ir.types import FloatArray
from ..rows.safe_dual import SafeDual
from ..rows.system import RowSystem

ENTRIES = 50_000_000
"""Most multipliers: rows squared."""


def activity_duals(
    problem: Problem, cutoff: float, open_lp: OpenLp, limits: Limits | None = None, share: float = 0.5
) -> FloatArray:
    """The multipliers [m, m + 1], for the objective in the last column.

    ``cutoff``: value of a known feasible point, in the sense in which the IR minimises. ``share``: part of the time
    left that may be used. Raises :class:`Refused` for an objective that is not linear, and beyond about 7,000 rows.
    """
    limits = limits or Limits()
    system = RowSystem.of(problem).snapped()
    check_limit(system.size * (system.size + 1), ENTRIES)
    free = np.flatnonzero(system.guard < 0)
    dual = SafeDual.of(problem, system, cutoff)
    matrix = sparse.csr_array(sparse.vstack([system.matrix[free], sparse.csr_array(dual.cost[None])], format="csr"))
    low, high = np.append(system.low[free], -np.inf), np.append(system.high[free], dual.limit)
    session = open_lp(matrix, low, high, dual.lower, dual.upper, np.zeros(problem.size))
    table = np.zeros((system.size, system.size + 1))
    place = np.append(free, system.size)
    wanted = free[system.integral[free] & np.isfinite(system.high[free]) & (system.low[free] != system.high[free])]
    time = limits.left()
    until = 0.0 if time is None else time * (1.0 - share)
    for row in wanted.tolist():
        left = limits.left()
        if left is not None and left <= until:
            break
        session.set_cost(system.matrix[[row]].toarray()[0])
        result = session.solve(None if left is None else left - until)
        if result.status == "optimal" and result.dual is not None:
            table[row, place] = -result.dual
    return table
