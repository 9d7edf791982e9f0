"""Passes and drivers judged by enumeration on the random problems of ``models``, for the suite and for large sweeps.

``sweep(name, count, seed)`` runs one family of ``CASES`` and raises AssertionError at the first problem that is treated
wrongly; it returns how often which outcome came up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from models import (
    Array,
    Table,
    admits,
    decimal_rows,
    integer_rows,
    linear_rows,
    monomial_rows,
    objective,
    points,
    product_blocks,
    ranged_rows,
    repeated_rows,
    take,
)
from scipy import sparse
from scipy.optimize import linprog

from isinglass.compiler.drivers.activity_duals import activity_duals
from isinglass.compiler.drivers.incumbent import Effort, find_incumbent
from isinglass.compiler.passes.guards_to_big_m import GuardsToBigM
from isinglass.compiler.passes.objective_cutoff import ObjectiveCutoff
from isinglass.compiler.passes.range_slacks import RangeSlacks
from isinglass.compiler.passes.tighten_activity import TightenActivity
from isinglass.compiler.pipeline import Pipeline
from isinglass.compiler.pipeline_values import Named
from isinglass.compiler.rows.safe_dual import SafeDual
from isinglass.compiler.rows.system import RowSystem
from isinglass.ir.errors import Infeasible, Refused
from isinglass.ir.evaluate import evaluate
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits, LpResult


def check_same(before: Problem, one: Any) -> str:
    """A pass that promises the same feasible set, by enumeration of both sides; a word for what happened."""
    source = points(before)
    allowed = admits(before, source)
    try:
        step = one.run(before)
    except Infeasible as error:
        assert not allowed.any(), f"called infeasible: {error}"
        assert error.row
        return "infeasible"
    assert (step.guarantee.feasible, step.guarantee.optimum) == ("same", "kept")
    down, mask = step.lift.down(source)
    assert set(down) == set(step.problem.vars)
    assert mask.all()
    back = step.lift.up(down)
    assert all(np.array_equal(back[name], source[name]) for name in before.vars)
    after = admits(step.problem, down)
    assert np.array_equal(after, allowed), "feasible before and after differ"
    if any(lin.reading == "decimal" for lin in before.lins.values()):  # exact where ``admits`` rounds to 10^-6
        assert np.array_equal(evaluate(step.problem, down).feasible, allowed), "exact evaluation differs"
    fine = take(down, allowed)
    if allowed.any():
        assert np.allclose(objective(step.problem, fine), objective(before, take(source, allowed)), rtol=0, atol=1e-9)
    check_back(before, step)
    return "feasible" if allowed.any() else "empty"


def check_back(before: Problem, step: Any) -> None:
    """Every feasible point of the new problem decodes to a feasible one of the old, of equal objective."""
    try:
        target = points(step.problem)
    except AssertionError:  # too many invented variables: the forward direction has to do
        return
    target = take(target, admits(step.problem, target))
    if len(next(iter(target.values()))):
        decoded = step.lift.up(target)
        assert admits(before, decoded).all(), "an infeasible point became feasible"
        assert np.allclose(objective(before, decoded), objective(step.problem, target), rtol=0, atol=1e-9)


def check_activity(before: Problem, rng: np.random.Generator) -> str:
    """Lower ends from LP duals or random multipliers cut no point as good as a random feasible one."""
    before = RangeSlacks().run(GuardsToBigM().run(before).problem).problem
    source = points(before)
    allowed = admits(before, source)
    if not allowed.any():
        return "empty"
    value = objective(before, source)
    chosen = int(rng.choice(np.flatnonzero(allowed)))
    cutoff, incumbent = float(value[chosen]), before.stack(source)[chosen]
    rows_ = sum(lin.size for lin in before.lins.values())
    duals = rng.normal(1, 2, (rows_, rows_ + 1)) * (rng.random((rows_, rows_ + 1)) < 0.4)
    if rng.random() < 0.5:
        duals = activity_duals(before, cutoff, ScipyLp)
    duals[rng.random(duals.shape) < 0.05] = np.nan
    check_bounds(before, cutoff, source, allowed & (value <= cutoff), rng)
    one = TightenActivity(Named("d", duals), cutoff, Named("x", incumbent) if rng.random() < 0.5 else None)
    step = one.run(before)
    return check_cut(before, step, source, allowed, value <= cutoff)


def check_bounds(before: Problem, cutoff: float, source: Table, good: Array, rng: np.random.Generator) -> None:
    """Whatever the multipliers, no bound exceeds the least activity over the points that are feasible and good."""
    system = RowSystem.of(before).snapped()
    least = (system.matrix @ before.stack(source)[good].T).min(axis=1)
    dual = SafeDual.of(before, system, cutoff)
    for spread in (0.1, 0.5, 1.0, 3.0):
        for density in (0.2, 0.6):
            table = rng.normal(0, spread, (system.size, system.size + 1))
            table *= rng.random(table.shape) < density
            assert (dual.bounds(slice(0, system.size), table) <= least).all(), "a bound is too high"


def check_cutoff(before: Problem, rng: np.random.Generator) -> str:
    """The cutoff row keeps exactly the points that are as good."""
    source = points(before)
    allowed = admits(before, source)
    if not allowed.any():
        return "empty"
    value = objective(before, source)
    cutoff = float(value[rng.choice(np.flatnonzero(allowed))])
    step = ObjectiveCutoff(cutoff).run(before)
    assert np.array_equal(admits(step.problem, source), allowed & (value <= cutoff))
    return check_cut(before, step, source, allowed, value <= cutoff)


def check_cut(before: Problem, step: Any, source: Table, allowed: Array, good: Array) -> str:
    """(shrinks, kept): no point that is both feasible and good is lost, none is won."""
    after = admits(step.problem, source)
    assert not (after & ~allowed).any(), "an infeasible point became feasible"
    assert not (allowed & good & ~after).any(), "a point as good as the incumbent was cut"
    assert step.guarantee.optimum == "kept"
    assert step.guarantee.feasible == "shrinks" or (after == allowed).all()
    return "feasible" if (after == allowed).all() else "cut"


def check_incumbent(before: Problem, rng: np.random.Generator) -> str:
    """What is found is feasible and has the value it says; nothing is found where nothing is feasible."""
    source = points(before)
    allowed = admits(before, source)
    lp = ScipyLp if rng.random() < 0.5 else None
    found = find_incumbent(before, lp, Limits(seed=int(rng.integers(99))), Effort(10, 200, 1))
    if found is None:
        return "missed" if allowed.any() else "empty"
    point = before.unstack(found.point[None])
    assert admits(before, point).all(), "the incumbent is not feasible"
    assert objective(before, point)[0] == found.value
    best = objective(before, source)[allowed].min()
    assert found.value >= best
    return "optimum" if found.value == best else "feasible"


class ScipyLp:
    """An LP session through scipy, for the tests: (matrix, row_low, row_high, lower, upper, cost)."""

    def __init__(self, matrix: Any, low: Array, high: Array, lower: Array, upper: Array, cost: Array) -> None:
        self.above, self.below = np.flatnonzero(np.isfinite(high)), np.flatnonzero(np.isfinite(low))
        self.matrix = sparse.vstack([matrix[self.above], -matrix[self.below]], format="csr")
        self.side = np.concatenate([high[self.above], -low[self.below]])
        self.bounds, self.cost, self.rows = np.stack([lower, upper], axis=1), cost, len(high)

    def set_cost(self, cost: Array) -> None:
        self.cost = cost

    def set_bounds(self, lower: Array, upper: Array) -> None:
        self.bounds = np.stack([lower, upper], axis=1)

    def solve(self, seconds: float | None = None) -> LpResult:
        found = linprog(self.cost, A_ub=self.matrix, b_ub=self.side, bounds=self.bounds)
        if found.status != 0:
            return LpResult({2: "infeasible", 3: "unbounded"}.get(found.status, "limit"), float("nan"))
        dual = np.zeros(self.rows)
        dual[self.above] += found.ineqlin.marginals[: len(self.above)]
        dual[self.below] -= found.ineqlin.marginals[len(self.above) :]
        return LpResult("optimal", float(found.fun), found.x, dual)


Generator = Callable[[np.random.Generator], Problem]
Check = Callable[[Problem, np.random.Generator], str]


def with_pass(text: str) -> Check:
    """The judgement of a pass that promises the same feasible set."""
    return lambda problem, rng: check_same(problem, Pipeline.parse(text).passes[0])


CASES: dict[str, tuple[Generator, Check]] = {
    "tighten": (linear_rows, with_pass("tighten-bounds")),
    "tighten-real": (lambda rng: linear_rows(rng, real=True), with_pass("tighten-bounds")),
    "drop": (linear_rows, with_pass("drop-rows")),
    "drop-real": (lambda rng: linear_rows(rng, real=True), with_pass("drop-rows")),
    "drop-repeated": (repeated_rows, with_pass("drop-rows")),
    "big-m": (linear_rows, with_pass("guards-to-big-m")),
    "big-m-real": (lambda rng: linear_rows(rng, real=True), with_pass("guards-to-big-m")),
    "tighten-decimal": (decimal_rows, with_pass("tighten-bounds")),
    "drop-decimal": (decimal_rows, with_pass("drop-rows")),
    "big-m-decimal": (decimal_rows, with_pass("guards-to-big-m")),
    "ranges": (ranged_rows, with_pass("range-slacks")),
    "ranges-normalized": (ranged_rows, with_pass("normalize-rows")),
    "linearize": (monomial_rows, with_pass("linearize-constraints")),
    "linearize-all": (monomial_rows, with_pass("linearize-constraints{objective=true}")),
    "linearize-mixed": (
        lambda rng: monomial_rows(rng, mixed=True), with_pass("linearize-constraints{objective=true,mixed=true}")
    ),
    "products": (product_blocks, with_pass("encode-products")),
    "activity": (integer_rows, check_activity),
    "cutoff": (integer_rows, check_cutoff),
    "incumbent": (integer_rows, check_incumbent),
}  # fmt: skip


def sweep(name: str, count: int, seed: int = 0) -> Counter[str]:
    """``count`` problems of one family through its pass; how often which outcome came up."""
    make, check = CASES[name]
    found: Counter[str] = Counter()
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        problem = make(rng)
        try:
            found[check(problem, rng)] += 1
        except (AssertionError, Refused) as error:
            raise AssertionError(f"{name}, seed {seed}, case {number}: {error}") from error
    return found
