"""Row multipliers from the LP relaxation, to sharpen proved penalty weights.

The multipliers are only a hint: the weight rule ``incumbent`` recomputes the bound that they give, rounded outward,
so a wrong or imprecise dual can cost weight but never soundness.
"""

from __future__ import annotations

import numpy as np

from ...ir.problem import Problem
from ...ir.protocols import OpenLp
from ...ir.types import FloatArray
from ..rows.stacked import stacked_poly, stacked_rows


def row_multipliers(problem: Problem, open_lp: OpenLp, seconds: float = 10.0) -> FloatArray | None:
    """One multiplier per linear row in order (>= 0 for <= rows), or None when the LP has no optimum in time."""
    lins = list(problem.lins.values())
    if not lins:
        return None
    matrix = stacked_rows(problem, lins)
    rhs = np.concatenate([lin.rhs for lin in lins])
    equality = np.repeat([lin.sense == "==" for lin in lins], [lin.size for lin in lins])
    lower, upper = problem.stack_bounds()
    cost = stacked_poly(problem, problem.objective).linear
    session = open_lp(matrix, np.where(equality, rhs, -np.inf), rhs, lower, upper, cost)
    result = session.solve(seconds)
    if result.status != "optimal" or result.dual is None:
        return None
    # at a minimum the shadow price of a <= row is <= 0, and its multiplier in f + y (Ax - b) is the opposite
    return np.where(equality, -result.dual, np.maximum(-result.dual, 0.0))
