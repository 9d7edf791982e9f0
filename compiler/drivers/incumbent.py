"""A good feasible point of an integer problem, found without a complete solver and checked exactly.

needs: discrete variables with finite bounds; rows may be guarded; no function blocks or polynomial rows
gives: a point over the problem's layout and its value; None where none was found, which proves nothing

Start points: zero and random ones, and with the tool ``open_lp`` the rounded LP relaxation. Problems in which every
variable has a direction that violates no row (packing, covering) go through iterated greedy first; all go through a
one-variable tabu search with row weights. Whatever is found counts only after ``evaluate`` has accepted it exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.errors import Infeasible, Refused
from ...ir.evaluate import evaluate
from ...ir.problem import Problem
from ...ir.protocols import Limits, OpenLp
from ...ir.types import FloatArray
from ..passes.guards_to_big_m import GuardsToBigM
from ..rows.stacked import StackedPoly, stacked_poly
from ..rows.system import RowSystem
from ._one_move import Model, search
from ._packing import COPIES, Packing

WORK = 400_000_000
"""Array elements that one phase may touch: fewer sweeps and moves on large problems, the same on every machine."""


@dataclass(frozen=True, eq=False)
class Feasible:
    """``point`` [n] over the problem's layout; ``value``: its objective as the IR minimises it."""

    point: FloatArray
    value: float


@dataclass(frozen=True)
class Effort:
    """``sweeps`` of iterated greedy, ``moves`` of the tabu search, ``starts`` of it from random points."""

    sweeps: int = 300
    moves: int = 3000
    starts: int = 2


DEFAULT = Effort()


def find_incumbent(
    problem: Problem, open_lp: OpenLp | None = None, limits: Limits | None = None, effort: Effort = DEFAULT
) -> Feasible | None:
    """The best point found, or None. Same seed, same point, unless the time limit strikes."""
    limits = limits or Limits()
    rows = plain(problem)
    if rows is None:
        return None
    lower, upper = rows.stack_bounds()
    goal = stacked_poly(rows, rows.objective)
    system = RowSystem.of(rows)
    rng = np.random.default_rng(limits.seed)
    relaxed = relaxation(system, goal, lower, upper, open_lp, limits)
    linear = not goal.quadratic.nnz and not len(goal.factors)
    packing = Packing.of(system, goal.linear, lower, upper) if linear else None
    found: list[FloatArray] = []
    if packing is not None:
        start = np.zeros(len(lower)) if relaxed is None else packing.steps(relaxed)
        sweeps = min(effort.sweeps, WORK // (COPIES * system.matrix.nnz + 1000 * len(lower) + 1))
        found.append(packing.point(packing.improve(start, rng, sweeps, limits)))
    model = Model.of(system, goal, lower, upper)
    moves = min(effort.moves, WORK // (4 * system.matrix.nnz + goal.coefficients.size + len(lower) + 1))
    for start in found or start_points(relaxed, lower, upper, effort.starts, rng):
        point = search(model, start, rng, moves, limits)
        found = found if point is None else [*found, point]
    return checked(problem, found)


def start_points(
    relaxed: FloatArray | None, lower: FloatArray, upper: FloatArray, count: int, rng: np.random.Generator
) -> list[FloatArray]:
    """The rounded relaxation, or zero, and random points of the box."""
    first = np.clip(np.zeros_like(lower), lower, upper) if relaxed is None else np.rint(relaxed)
    return [first, *(np.floor(lower + (upper - lower + 1) * rng.random(len(lower))) for _ in range(count))]


def plain(problem: Problem) -> Problem | None:
    """The problem with its guards as big-M rows; None where it is not of the kind that is searched here."""
    kinds = {var.domain for var in problem.vars.values()}
    lower, upper = problem.stack_bounds()
    if problem.fns or problem.constraints or kinds - {"bin", "int"} or not np.isfinite(upper - lower).all():
        return None
    try:
        return GuardsToBigM().run(problem).problem
    except (Infeasible, Refused):
        return None


def relaxation(
    system: RowSystem, goal: StackedPoly, lower: FloatArray, upper: FloatArray, open_lp: OpenLp | None, limits: Limits
) -> FloatArray | None:
    """An optimum of the LP relaxation [n], where there is a tool, a linear objective, and an optimum in time."""
    if open_lp is None or not len(lower) or goal.quadratic.nnz or len(goal.factors) or limits.over:
        return None
    result = open_lp(system.matrix, system.low, system.high, lower, upper, goal.linear).solve(limits.left())
    return result.x if result.status == "optimal" else None


def checked(problem: Problem, points: list[FloatArray]) -> Feasible | None:
    """The best of the points that the problem accepts exactly."""
    if not points:
        return None
    table = np.stack(points)
    result = evaluate(problem, problem.unstack(table))
    value = np.where(result.feasible, result.minimised, np.inf)
    best = int(value.argmin())
    return Feasible(table[best], float(value[best])) if result.feasible[best] else None
