"""Random mixed-integer programs whose certified answers are judged by enumeration, for the suite and large sweeps."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from models import admits, decimal_rows, linear_rows, monomial_rows, objective, packing_rows, points, ranged_rows

import isinglass
from isinglass.api import lp_tool
from isinglass.compiler.drivers.certify_milp import certify
from isinglass.ir.answers import Answer
from isinglass.ir.blocks import Poly, Var
from isinglass.ir.certificates import lp_tree
from isinglass.ir.checking import check_optimize
from isinglass.ir.lift.objective import Objective
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.monomials import Monomials

UNKNOWN = Answer("unknown")


def run(problem: Problem, answer: Answer = UNKNOWN, limits: Limits | None = None) -> Answer:
    """The answer that the driver makes of another one."""
    loop = certify(problem, answer, lp_tool(), limits or Limits())
    while True:
        try:
            next(loop)
        except StopIteration as end:
            found: Answer = end.value
            return found


def proved(problem: Problem, answer: Answer) -> Any:
    """What the checker makes of the certificate after a trip through JSON."""
    assert answer.certificate is not None
    return lp_tree.bound(problem, json.loads(json.dumps(answer.certificate)))


def quadratic_rows(rng: np.random.Generator) -> Problem:
    """Binaries times binaries, integers and spins in the objective, one quadratic row."""
    problem = linear_rows(rng)
    x, y = problem.vars["x"], problem.vars["y"]
    terms: list[Any] = [
        Bilinear("x", "x", Dense(rng.integers(-3, 4, (x.size, x.size)).astype(float))),
        Bilinear("x", "y", Dense(rng.integers(-3, 4, (x.size, y.size)).astype(float))),
    ]
    if "s" in problem.vars:
        terms.append(Bilinear("s", "s", Dense(rng.integers(-3, 4, (2, 2)).astype(float))))
    which, index = np.array([[0, 1], [0, -1], [1, -1]]), np.array([[0, 1], [1, 0], [0, 0]])
    row = Monomials(1, ("x", "y"), np.zeros(3, np.int64), which, index, rng.integers(-3, 4, 3).astype(float))
    curve = Poly("curve", "constraint", (row,), np.ones(1), sense="<=", rhs=np.array([float(rng.integers(0, 5))]))
    goal = problem.objective
    return problem.with_blocks(
        [*(b for b in problem.blocks if b is not goal), curve, replace(goal, terms=(*goal.terms, *terms))]
    )


def real_rows(rng: np.random.Generator) -> Problem:
    return linear_rows(rng, real=True)


def with_decimals(rng: np.random.Generator) -> Problem:
    """Costs in tenths, which no float64 is, and a maximum."""
    problem = packing_rows(rng)
    goal = problem.objective
    (term,) = goal.terms
    tenth = replace(term, operator=Dense(np.round(term.operator.to_dense() / 10, 1)))  # type: ignore[attr-defined]
    return replace(
        problem.with_blocks([*(b for b in problem.blocks if b is not goal), replace(goal, terms=(tenth,))]),
        source=Objective(-1.0, 2.5),
    )


def mixed_curves(rng: np.random.Generator) -> Problem:
    """Cubic rows and objectives in binaries and one integer."""
    return monomial_rows(rng, mixed=True)


def spin_cubes(rng: np.random.Generator) -> Problem:
    """Spins in threes and fours, with repeats, in the objective and in one row."""
    which, index = np.zeros((10, 4), np.int64), rng.integers(0, 5, (10, 4))
    which[:4, 3] = -1
    terms = [
        Monomials(1, ("s",), np.zeros(10, np.int64), which, index, rng.integers(-4, 5, 10).astype(float))
        for _ in range(2)
    ]
    row = Poly("row", "constraint", (terms[0],), np.zeros(1), sense="<=", rhs=rng.integers(-6, 6, 1).astype(float))
    goal = Poly("objective", "objective", (terms[1],), np.zeros(1))
    return Problem("cubes", (Var.of("s", "spin", (5,)), row, goal))


MAKERS: dict[str, Callable[[np.random.Generator], Problem]] = {
    make.__name__: make
    for make in (linear_rows, decimal_rows, packing_rows, ranged_rows, quadratic_rows, with_decimals, monomial_rows,
                 mixed_curves, spin_cubes, real_rows)
}  # fmt: skip


def changed(rng: np.random.Generator, certificate: Any) -> dict[str, Any]:
    """The certificate with other multipliers, splits, kinds of leaves, or another cutoff."""
    tree = lp_tree.LpTree.from_plain(certificate)
    multiplier, value = tree.multiplier.copy(), tree.value.copy()
    kind, cutoff = rng.integers(5), tree.cutoff
    if kind == 0:
        multiplier *= rng.choice([0.5, 2.0, -1.0, 1.001], len(multiplier))
    elif kind == 1:
        value = value + rng.integers(-2, 3, len(value))
    elif kind == 2:
        multiplier = rng.normal(size=len(multiplier)) * 10.0 ** rng.integers(-3, 4)
    elif kind == 4:
        cutoff = float(rng.integers(-20, 20))
    farkas = ~tree.farkas if kind == 3 else tree.farkas
    return replace(tree, multiplier=multiplier, value=value, farkas=farkas, cutoff=cutoff).to_plain()


def sweep(name: str, count: int, seed: int = 0) -> Counter[str]:
    """What became of random problems of one kind. Raises AssertionError where anything claimed is false.

    With reals the optimum is HiGHS's, and enumeration on a grid only bounds it from one side.
    """
    found: Counter[str] = Counter()
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        problem = MAKERS[name](rng)
        table = points(problem)
        good = admits(problem, table)
        least = objective(problem, table)[good].min() if good.any() else np.inf
        answer = run(problem)
        found[answer.status] += 1
        assert answer.basis == "certificate", (number, answer.detail)
        assert check_optimize(problem, answer).verdict == "accepted", number
        if name == "real_rows":
            known = isinglass.solve(problem)
            assert (answer.status, known.status) in (("infeasible", "infeasible"), ("optimal", "optimal")), number
            least = np.inf if known.value is None else known.value
        check_value(problem, answer, float(least), number)
        for _ in range(4):
            assert lp_tree.bound(problem, changed(rng, answer.certificate)) <= least + 1e-6, number
    return found


def check_value(problem: Problem, answer: Answer, least: float, number: int) -> None:
    """Against the least minimised objective; infinite where there is no point."""
    if least == np.inf:
        assert answer.status == "infeasible" and proved(problem, answer) == np.inf, number
        return
    best = float(problem.source.value(np.array(least)))
    real = any(var.domain == "real" for var in problem.vars.values())
    slack = 1e-5 if real else 1e-8
    assert answer.status == "optimal" and answer.value is not None and abs(answer.value - best) <= slack, number
    assert answer.lower is not None and answer.upper is not None
    assert answer.lower <= answer.value <= answer.upper and answer.upper - answer.lower <= slack, number
    assert answer.witness is not None
    witness = {name: np.reshape(answer.witness[name], (1, -1)) for name in problem.vars}
    assert real or admits(problem, witness).all(), number
