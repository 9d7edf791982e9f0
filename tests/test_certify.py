"""Certified answers to mixed-integer programs: tampering, limits, wrong solvers, the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certify_cases import MAKERS, UNKNOWN, changed, proved, run, sweep
from click.testing import CliRunner

import isinglass
from isinglass.cli import cli
from isinglass.frontends.networks.network import Layer, Network, network_blocks
from isinglass.ir.affine import Affine
from isinglass.ir.answers import Answer
from isinglass.ir.blocks import Arg, Lin, Poly, Var
from isinglass.ir.certificates import lp_tree
from isinglass.ir.checking import check_optimize
from isinglass.ir.errors import InputError
from isinglass.ir.evaluate import complete, evaluate
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.relu import Relu
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.terms.linear import Linear


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_proved_holds_and_what_holds_is_proved(name: str) -> None:
    """Also: whatever is done to a certificate, it proves nothing that is false."""
    assert sweep(name, 30, seed=11)["optimal"] >= 5


def unbounded(rng: np.random.Generator) -> Problem:
    """Free reals in rows of decimals, with costs that rows bound from below; one whole variable without a bound."""
    matrix = np.round(rng.integers(-30, 31, (6, 5)) * (rng.random((6, 5)) < 0.7) / 10, 1)
    cost = np.round(matrix.T @ rng.integers(0, 4, 6), 1) + np.array([0, 0, 0.5, 0, 0])
    b = isinglass.Builder("unbounded")
    u, n, m = b.real("u", (3,), -np.inf), b.integer("n", (), 0, 4), b.integer("m", (), 0, np.inf)
    if rng.random() < 0.5:
        b.add("half", u[0] >= -20.5)
    side = np.round(rng.integers(-20, 20, 6) / 10, 1)
    for k in range(6):
        left = sum((matrix[k, i] * u[i] for i in range(3)), matrix[k, 3] * n + matrix[k, 4] * m)
        b.add(f"r{k}", left == side[k] if k == 0 and rng.random() < 0.3 else left >= side[k])
    b.minimize(sum((cost[i] * u[i] for i in range(3)), (cost[3] + 1) * n + (cost[4] + 1) * m))
    return b.build()


def test_columns_without_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Multipliers become exact where reduced costs have to vanish; whatever they are, no false bound follows."""
    monkeypatch.setattr("isinglass.compiler.drivers.certify_milp.NODES", 1000)
    found = 0
    for number in range(40):
        rng = np.random.default_rng([13, number])
        problem = unbounded(rng)
        known = isinglass.solve(problem)
        answer = run(problem, known)
        if known.status == "witnessed":  # unbounded
            continue
        assert (answer.status, answer.basis) == (known.status, "certificate"), number
        assert check_optimize(problem, answer).verdict == "accepted", number
        if answer.status == "infeasible":
            continue
        found += 1
        assert known.value is not None and answer.lower is not None
        assert answer.lower <= known.value + 1e-6, number
        for _ in range(4):
            assert lp_tree.bound(problem, changed(rng, answer.certificate)) <= known.value + 1e-5, number
    assert found >= 25


def network_model(rng: np.random.Generator) -> Problem:
    """min c.y for a small network y of two inputs and a binary that shifts one of them."""
    sizes, function = (2, 5, 4, 2), Relu() if rng.random() < 0.5 else LeakyRelu(0.125)
    layers: list[Layer] = []
    before = "x"
    for k in range(3):
        weight = np.float64(np.float32(rng.normal(size=(sizes[k + 1], sizes[k]))))
        name = "y" if k == 2 else f"z{k}"
        offset = np.float64(np.float32(rng.normal(size=sizes[k + 1])))
        layers.append(Layer(name, (sizes[k + 1],), Affine(offset, {before: Dense(weight)}), "Gemm"))
        if k < 2:
            before = f"h{k}"
            layers.append(Layer(before, (sizes[k + 1],), (function, (Arg(name),)), "Relu"))
    network = Network("n.onnx", "", (2,), (2,), tuple(layers))
    x, flag = Var.of("x", "real", (2,), -1.0, 1.0), Var.of("flag", "bin", (1,))
    shift = Lin("shift", {"x": Dense(np.array([[1.0, 1.0]])), "flag": Dense(np.array([[1.5]]))}, "<=", np.ones(1))
    terms = Linear("y", Dense(rng.integers(-2, 3, (1, 2)) + 0.5)), Linear("flag", Dense(np.array([[-0.25]])))
    goal = Poly("objective", "objective", terms, np.zeros(1))
    return Problem("network", (x, flag, *network_blocks(network, "", "x"), shift, goal))


def test_networks_inside_models() -> None:
    phases = 0
    for number in range(15):
        rng = np.random.default_rng([14, number])
        problem = network_model(rng)
        known = isinglass.solve(problem)
        answer = run(problem, known)
        assert (answer.status, answer.basis) == ("optimal", "certificate"), (number, answer.detail)
        assert check_optimize(problem, answer).verdict == "accepted", number
        assert answer.lower is not None and known.value is not None
        assert answer.lower <= known.value + 1e-6 and known.value <= answer.lower + 1e-4, number
        points = {"x": rng.uniform(-1, 1, (500, 2)), "flag": rng.integers(0, 2, (500, 1)).astype(float)}
        points["x"][:, 1] = np.minimum(points["x"][:, 1], 1 - 1.5 * points["flag"][:, 0] - points["x"][:, 0])
        points = {name: array[(points["x"][:, 1] >= -1)] for name, array in points.items()}
        least = evaluate(problem, complete(problem, points), tolerance=1e-9)
        assert least.feasible.all() and least.minimised.min() >= answer.lower, number
        phases += lp_tree.LpTree.from_plain(answer.certificate).leaves > 2  # type: ignore[arg-type]
        for _ in range(4):
            assert lp_tree.bound(problem, changed(rng, answer.certificate)) <= known.value + 1e-5, number
    assert phases >= 3


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
    monkeypatch.setattr("isinglass.compiler.drivers.certify_milp.NODES", 2)
    bare = run(problem)
    assert (bare.status, bare.witness, bare.lower) == ("bracketed", None, None)
    assert check_optimize(problem, bare).verdict == "accepted"
    assert check_optimize(problem, bare.with_fields(lower=1.0)).verdict == "rejected"
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
