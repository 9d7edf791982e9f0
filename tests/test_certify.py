"""Certified answers to mixed-integer programs, against enumeration: what is proved holds, and what holds is proved."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from models import admits, decimal_rows, linear_rows, monomial_rows, objective, packing_rows, points, ranged_rows

import isinglass
from isinglass.api import lp_tool
from isinglass.cli import cli
from isinglass.compiler.drivers.certify_milp import certify
from isinglass.ir.answers import Answer
from isinglass.ir.blocks import Poly, Var
from isinglass.ir.certificates import lp_tree
from isinglass.ir.checking import check_optimize
from isinglass.ir.errors import InputError
from isinglass.ir.lift.objective import Objective
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.monomials import Monomials

Array = Any
UNKNOWN = Answer("unknown")


def run(problem: Problem, answer: Answer = UNKNOWN, limits: Limits | None = None) -> Answer:
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


MAKERS = [linear_rows, decimal_rows, packing_rows, ranged_rows, quadratic_rows, with_decimals, monomial_rows,
          mixed_curves, spin_cubes]  # fmt: skip


@pytest.mark.parametrize("make", MAKERS, ids=lambda f: f.__name__)
def test_optima_are_proved(make: Callable[[np.random.Generator], Problem]) -> None:
    infeasible = 0
    for number in range(50):
        rng = np.random.default_rng([11, number])
        problem = make(rng)
        table = points(problem)
        good = admits(problem, table)
        answer = run(problem)
        assert answer.basis == "certificate", (number, answer.detail)
        assert check_optimize(problem, answer).verdict == "accepted", number
        if not good.any():
            infeasible += 1
            assert answer.status == "infeasible" and proved(problem, answer) == np.inf
            continue
        best = float(problem.source.value(objective(problem, table)[good].min()))
        assert answer.status == "optimal"
        assert answer.value == pytest.approx(best, abs=1e-9)
        assert answer.lower is not None and answer.upper is not None
        assert answer.lower <= answer.value <= answer.upper
        assert answer.upper - answer.lower <= 1e-8
        witness = {name: np.reshape(answer.witness[name], (1, -1)) for name in problem.vars}  # type: ignore[index]
        assert admits(problem, witness).all()
    assert infeasible < 40


@pytest.mark.parametrize("make", [linear_rows, quadratic_rows, real_rows, spin_cubes], ids=lambda f: f.__name__)
def test_no_point_is_below_a_proved_bound(make: Callable[[np.random.Generator], Problem]) -> None:
    """Trees with random splits and random multipliers, and honest ones with random changes."""
    tried = 0
    for number in range(60):
        rng = np.random.default_rng([12, number])
        problem = make(rng)
        table = points(problem)
        good = admits(problem, table)
        least = objective(problem, table)[good].min() if good.any() else np.inf
        answer = run(problem)
        if answer.certificate is None:
            continue
        for _ in range(4):
            tried += 1
            found = lp_tree.bound(problem, changed(rng, answer.certificate))
            assert float(found) <= least + 1e-9, number
    assert tried > 150


def changed(rng: np.random.Generator, certificate: Any) -> dict[str, Any]:
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


def knapsack() -> Problem:
    b = isinglass.Builder("knapsack")
    rng = np.random.default_rng(3)
    x = b.binary("x", (18,))
    for k in range(3):
        weight = rng.integers(5, 40, 18).astype(float)
        b.add(f"cap{k}", weight @ x <= float(weight.sum() // 3))
    b.maximize(rng.integers(5, 40, 18).astype(float) @ x)
    return b.build()


def test_tampering_is_noticed() -> None:
    problem = knapsack()
    answer = run(problem, isinglass.solve(problem))
    assert answer.status == "optimal"
    tree = lp_tree.LpTree.from_plain(answer.certificate)  # type: ignore[arg-type]
    least = proved(problem, answer)
    assert tree.leaves > 5

    def verdict(**changes: Any) -> str:
        return check_optimize(problem, answer.with_fields(**changes)).verdict

    def bound(**changes: Any) -> Any:
        return lp_tree.bound(problem, replace(tree, **changes).to_plain())

    assert verdict() == "accepted"
    assert answer.value is not None
    assert verdict(upper=answer.value - 1) == "rejected"
    assert verdict(value=answer.value - 1, lower=answer.value - 1) == "rejected"
    assert verdict(certificate=None) == "rejected"
    assert verdict(certificate={"kind": "bound-propagation"}) == "rejected"
    assert verdict(certificate={**answer.certificate, "rows": 2}) == "rejected"  # type: ignore[dict-item]
    assert verdict(status="infeasible") == "rejected"
    weaker = np.concatenate([np.zeros(1), tree.multiplier[1:]])
    assert bound(multiplier=weaker) < least
    assert bound(multiplier=-tree.multiplier) < least
    inner = np.flatnonzero(tree.variable >= 0)
    swapped = tree.value.copy()
    swapped[inner] = 1 - swapped[inner]
    assert bound(value=swapped) < least
    other = tree.variable.copy()
    other[inner[0]] = (other[inner[0]] + 1) % 18
    assert bound(variable=other) < least
    lone = replace(tree, variable=np.array([-1]), value=np.array([0]), farkas=tree.farkas[:1], start=tree.start[:2],
                   row=tree.row[: tree.start[1]], multiplier=tree.multiplier[: tree.start[1]])  # fmt: skip
    assert lp_tree.bound(problem, lone.to_plain()) < least
    b = isinglass.Builder("other")
    b.maximize(np.arange(18.0) @ b.binary("x", (18,)))
    assert check_optimize(b.build(), answer).verdict == "rejected"


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"variable": np.array([0, -1])}, "different lengths"),
        ({"variable": np.array([0, -1, 9]), "value": np.zeros(3, np.int64)}, "names no variable"),
        ({"variable": np.array([0, -1, 0]), "value": np.zeros(3, np.int64)}, "no tree in preorder"),
        ({"farkas": np.zeros(2, np.bool_)}, "leaves are missing"),
        ({"start": np.array([0, 5])}, "do not belong to its leaves"),
        ({"row": np.array([7])}, "names no row"),
        ({"multiplier": np.array([np.nan])}, "is no number"),
        ({"value": np.array([2**60])}, "out of range"),
    ],
)
def test_malformed_trees(field: dict[str, Any], message: str) -> None:
    b = isinglass.Builder("small")
    x = b.binary("x", (2,))
    b.add("r", x[0] + x[1] >= 1)
    b.minimize(x[0] + 2 * x[1])
    problem = b.build()
    tree = lp_tree.LpTree(2, 1, np.array([-1]), np.array([0]), np.array([False]), np.array([0, 1]), np.array([0]),
                          np.array([-1.0]))  # fmt: skip
    assert lp_tree.bound(problem, tree.to_plain()) == 1
    with pytest.raises(InputError, match=message):
        lp_tree.bound(problem, replace(tree, **field).to_plain())
    answer = Answer("infeasible", "certificate", certificate=replace(tree, **field).to_plain())
    assert check_optimize(problem, answer).verdict == "rejected"
    for broken in ({"kind": "lp-tree"}, {**tree.to_plain(), "row": {"dtype": "<i8", "shape": [1], "data": "!"}}):
        with pytest.raises(InputError, match="lp-tree certificate is malformed"):
            lp_tree.bound(problem, broken)


def test_splits_of_spins_leave_nothing_out() -> None:
    """Whatever the value of a split says, one of its sides holds each of -1 and 1."""
    b = isinglass.Builder("spin")
    s = b.spin("s")
    b.minimize(3 * s)
    problem = b.build()
    for value in range(-4, 5):
        tree = lp_tree.LpTree(1, 0, np.array([0, -1, -1]), np.array([value, 0, 0]), np.zeros(2, np.bool_),
                              np.zeros(3, np.int64), np.zeros(0, np.int64), np.zeros(0))  # fmt: skip
        assert lp_tree.bound(problem, tree.to_plain()) <= -3


def test_bounds_that_rows_imply() -> None:
    """Reals without stated upper bounds: the bound comes from rows; exactly the optimum of the mixed program."""
    b = isinglass.Builder("flow")
    n, r = b.integer("n", (), 0, 9), b.real("r", (2,), 0.0)
    b.add("sum", n + r[0] + r[1] >= 3.5)
    b.add("cap", r[0] + 2 * r[1] <= 4)
    b.minimize(2 * n + 3 * r[0] + 2.5 * r[1])
    problem = b.build()
    answer = run(problem, isinglass.solve(problem))
    assert (answer.status, answer.basis) == ("optimal", "certificate")
    assert answer.lower == pytest.approx(7.25, abs=1e-6) and answer.value == pytest.approx(7.25, abs=1e-6)
    assert check_optimize(problem, answer).verdict == "accepted"


def makespan() -> Problem:
    b = isinglass.Builder("makespan")
    x, z, d = b.binary("x", (2, 6)), b.real("z", (), 0.0), np.array([3.0, 5, 4, 6, 2, 7])
    for j in range(6):
        b.add(f"one{j}", x[0, j] + x[1, j] == 1)
    for i in range(2):
        b.add(f"load{i}", z >= d @ x[i])
    b.minimize(z)
    return b.build()


def test_the_incumbent_bounds_what_rows_leave_open() -> None:
    problem = makespan()
    answer = run(problem, isinglass.solve(problem))
    assert (answer.status, answer.basis, answer.value) == ("optimal", "certificate", 14.0)
    assert check_optimize(problem, answer).verdict == "accepted"
    tree = lp_tree.LpTree.from_plain(answer.certificate)  # type: ignore[arg-type]
    assert tree.cutoff == 14.0
    assert lp_tree.bound(problem, replace(tree, cutoff=10.0).to_plain()) <= 10
    assert lp_tree.bound(problem, replace(tree, cutoff=None).to_plain()) < 13
    assert not lp_tree.check(problem, replace(tree, farkas=~tree.farkas, cutoff=-1.0).to_plain())
    assert "no bound" in run(problem).detail[-1] or run(problem).status == "optimal"


def test_what_has_no_certificate_stays_as_it_was() -> None:
    b = isinglass.Builder("square")
    n = b.integer("n", (), -3, 3)
    b.minimize(n * n + n)
    problem = b.build()
    for given in (Answer("witnessed", value=0.0, upper=0.0, witness={"n": 0}), UNKNOWN):
        answer = run(problem, given)
        assert (answer.status, answer.basis, answer.certificate) == (given.status, given.basis, None)
        assert "not certified: objective has squares or products" in answer.detail[-1]
    b = isinglass.Builder("free")
    b.minimize(b.real("r", (), -np.inf) + 0.0)
    assert "no bound" in run(b.build()).detail[-1]


def test_a_bracket_when_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = knapsack()
    known = isinglass.solve(problem)
    monkeypatch.setattr("isinglass.compiler.drivers.certify_milp.NODES", 15)
    answer = run(problem, known)
    assert (answer.status, answer.basis) == ("bracketed", "certificate")
    assert answer.lower == known.value and answer.upper is not None and answer.upper > known.value  # type: ignore[operator]
    assert "was not finished" in answer.detail[-1]
    assert check_optimize(problem, answer).verdict == "accepted"
    assert check_optimize(problem, answer.with_fields(upper=known.value)).verdict == "rejected"
    over = run(problem, known, Limits(0.0))
    assert (over.status, over.basis) == ("optimal", "solver-word") and "not certified" in over.detail[-1]


def test_a_wrong_solver_is_corrected() -> None:
    problem = knapsack()
    best = isinglass.solve(problem)
    lie = Answer("optimal", "solver-word", value=0.0, lower=0.0, witness={"x": [0] * 18})
    answer = run(problem, lie)
    assert (answer.status, answer.value, answer.upper) == ("optimal", best.value, best.value)
    wrong = run(problem, Answer("infeasible", "solver-word"))
    assert (wrong.status, wrong.value) == ("optimal", best.value)


LP = """Maximize
 obj: 3 x + 2.5 y + 4 z - 0.1 r
Subject To
 c1: x + 2 y + 3 z <= 4.1
 c2: 0.3 x + r >= 0.2
Bounds
 0 <= r <= 3
Binary
 x y z
End
"""
NONE = "Minimize\n obj: x\nSubject To\n c: 2 x + 2 y = 3\nGeneral\n x y\nBounds\n x <= 9\n y <= 9\nEnd\n"


def test_from_the_command_line(tmp_path: Path) -> None:
    for name, text, status in (("a.lp", LP, "optimal"), ("b.lp", NONE, "infeasible")):
        path, out = tmp_path / name, tmp_path / f"{name}.json"
        path.write_text(text, encoding="utf-8")
        told = CliRunner().invoke(cli, ["run", str(path), "--certify", "--json"], catch_exceptions=False)
        assert told.exit_code == 0
        out.write_text(told.stdout, encoding="utf-8")
        answer = json.loads(told.stdout)
        assert (answer["status"], answer["basis"]) == (status, "certificate")
        assert CliRunner().invoke(cli, ["check", str(out)]).output.startswith("accepted")
        if status == "optimal":
            assert Fraction(answer["upper"]) >= Fraction(answer["value"])
            answer["upper"] -= 0.5
            out.write_text(json.dumps(answer), encoding="utf-8")
            assert CliRunner().invoke(cli, ["check", str(out)]).exit_code == 4
        path.write_text(text.replace("obj:", "obj: 2 x +"), encoding="utf-8")
        assert CliRunner().invoke(cli, ["check", str(out)]).exit_code == 4
