"""relu with binaries: optima against all phases one by one, feasible sets on grids, the lift both ways."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from isinglass.compiler.networks.view import NetView
from isinglass.compiler.passes.bound_intervals import BoundIntervals
from isinglass.compiler.passes.encode_activations import FORMS, EncodeActivations
from isinglass.compiler.pipeline import Pipeline
from isinglass.ir.blocks import Arg, Block, Fn, Lin, Var
from isinglass.ir.errors import Refused, UsageError
from isinglass.ir.functions.product import Product
from isinglass.ir.functions.relu import Relu
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.rules import LIFTS
from isinglass.ir.step import Step
from isinglass.ir.text import parse_ir, parse_value, print_ir, print_value

Rng = np.random.Generator


def layer(name: str, source: str, weights: np.ndarray, shift: np.ndarray) -> list[Block]:
    parts = {source: Dense(weights), name: Identity(len(shift), -1.0)}
    row = Lin(f"{name}.def", parts, "==", -shift, "dyadic", defines=name)
    return [Var.of(name, "real", (len(shift),)), row]


def relu(name: str, source: str, size: int) -> list[Block]:
    return [Var.of(name, "real", (size,)), Fn(f"{name}.def", name, Relu(), (Arg(source),))]


def network(rng: Rng) -> Problem:
    """2-4-3-1, a box wide enough for several undecided neurons."""
    blocks: list[Block] = [Var.of("x", "real", (2,), -1.0, 1.0)]
    blocks += layer("z1", "x", rng.normal(size=(4, 2)), rng.normal(size=4) * 0.5) + relu("h1", "z1", 4)
    blocks += layer("z2", "h1", rng.normal(size=(3, 4)), rng.normal(size=3) * 0.5) + relu("h2", "z2", 3)
    blocks += layer("y", "h2", rng.normal(size=(1, 3)), rng.normal(size=1))
    return Problem("net", tuple(blocks))


def encoded(problem: Problem) -> Step:
    return EncodeActivations().run(BoundIntervals().run(problem).problem)


def rows_of(problem: Problem) -> tuple[sparse.csr_array, np.ndarray, np.ndarray]:
    """Matrix, least and most of all rows, columns as in ``problem.starts``."""
    matrices, least, most = [], [], []
    for lin in problem.lins.values():
        known = {name: operator.to_csr() for name, operator in lin.parts.items()}
        row = [known.get(name, sparse.csr_array((lin.size, var.size))) for name, var in problem.vars.items()]
        matrices.append(sparse.hstack(row))
        most.append(lin.rhs)
        least.append(lin.rhs if lin.sense == "==" else np.full(lin.size, -np.inf))
    return sparse.csr_array(sparse.vstack(matrices)), np.concatenate(least), np.concatenate(most)


def milp_maximum(problem: Problem, column: int) -> float:
    matrix, least, most = rows_of(problem)
    lower = np.concatenate([v.lower for v in problem.vars.values()])
    upper = np.concatenate([v.upper for v in problem.vars.values()])
    whole = np.concatenate([np.full(v.size, v.discrete) for v in problem.vars.values()])
    cost = np.zeros(problem.size)
    cost[column] = -1.0
    rows = LinearConstraint(matrix, least, most)
    found = milp(cost, integrality=whole, bounds=Bounds(lower, upper), constraints=rows)
    assert found.success
    return -float(found.fun)


def phase_maximum(problem: Problem, rng: Rng) -> float:
    """max y over all 2^7 phase patterns, each a linear program over x alone (no big-M, no bounds)."""
    operators = [(problem.lins[f"{n}.def"].parts, -problem.lins[f"{n}.def"].rhs) for n in ("z1", "z2", "y")]
    (p1, b1), (p2, b2), (p3, b3) = operators
    w1, w2, w3 = p1["x"].to_dense(), p2["h1"].to_dense(), p3["h2"].to_dense()
    best = -np.inf
    for phases in itertools.product([0.0, 1.0], repeat=7):
        one, two = np.array(phases[:4]), np.array(phases[4:])
        a, c = one[:, None] * w1, one * b1
        a2, c2 = w2 @ a, w2 @ c + b2
        sides = np.concatenate([np.where(one, -1.0, 1.0), np.where(two, -1.0, 1.0)])
        left = sides[:, None] * np.vstack([w1, a2])
        right = -sides * np.concatenate([b1, c2])
        a3, c3 = w3 @ (two[:, None] * a2), w3 @ (two * c2) + b3
        found = linprog(-a3[0], left, right, bounds=[(-1, 1)] * 2)
        if found.status == 0:
            best = max(best, float(a3[0] @ found.x + c3[0]))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_the_optimum_is_the_best_over_all_phases(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = network(rng)
    step = encoded(problem)
    binaries = sum(var.size for var in step.problem.vars.values() if var.domain == "bin")
    assert binaries == sum(note.count for note in step.ledger if "undecided" in note.what) > 0
    assert not step.problem.fns
    found = milp_maximum(step.problem, step.problem.starts["y"])
    assert found == pytest.approx(phase_maximum(problem, rng), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_lift_both_ways(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = network(rng)
    step = encoded(problem)
    values = NetView.of(problem).forward({"x": rng.uniform(-1, 1, size=(200, 2))})
    down, kept = step.lift.down(values)
    assert kept.all() and set(down) == set(step.problem.vars)
    up = step.lift.up(down)
    assert set(up) == set(problem.vars)
    assert all(np.array_equal(up[name], values[name]) for name in values)
    matrix, least, most = rows_of(step.problem)
    table = step.problem.stack(down)
    activity = (matrix @ table.T).T
    slack = 1e-9
    assert (activity >= least - slack).all() and (activity <= most + slack).all()
    for name, var in step.problem.vars.items():
        assert (down[name] >= var.lower).all() and (down[name] <= var.upper).all(), name


def one_neuron(lower: float, upper: float) -> Problem:
    blocks = (Var.of("z", "real", (1,), lower, upper), Var.of("h", "real", (1,)), Fn("f", "h", Relu(), (Arg("z"),)))
    return Problem("one", blocks)


@pytest.mark.parametrize(("lower", "upper"), [(-2.0, 1.0), (-0.5, 3.0), (-1e-3, 1e-3)])
def test_rows_leave_exactly_the_relu(lower: float, upper: float) -> None:
    """For every z and phase the rows leave an empty range for h, or relu(z) alone; some phase leaves it."""
    step = EncodeActivations().run(one_neuron(lower, upper))
    (rows,) = step.problem.lins.values()
    on = next(var.name for var in step.problem.vars.values() if var.domain == "bin")
    for z in [*np.linspace(lower, upper, 41), 0.0]:
        feasible = []
        for phase in (0.0, 1.0):
            low, high = float(step.problem.vars["h"].lower[0]), float(step.problem.vars["h"].upper[0])
            rest = rows.parts["z"].to_dense()[:, 0] * z + rows.parts[on].to_dense()[:, 0] * phase
            for a, r, b in zip(rows.parts["h"].to_dense()[:, 0], rest, rows.rhs, strict=True):
                low, high = (max(low, (b - r) / a), high) if a < 0 else (low, min(high, (b - r) / a))
            if low <= high + 1e-12:
                feasible.append(phase)
                assert low == pytest.approx(max(z, 0.0), abs=1e-12) and high == pytest.approx(max(z, 0.0), abs=1e-12)
        assert float(z >= 0) in feasible


def test_known_phases_need_no_binary() -> None:
    for lower, upper, weight in [(0.0, 2.0, [[1.0]]), (1.0, 2.0, [[1.0]]), (-3.0, 0.0, [[0.0]]), (-3.0, -1.0, [[0.0]])]:
        step = EncodeActivations().run(one_neuron(lower, upper))
        assert set(step.problem.vars) == {"z", "h"} and not step.lift.records
        (row,) = step.problem.lins.values()
        assert (row.sense, row.defines, row.reading) == ("==", "h", "dyadic")
        assert row.parts["z"].to_dense().tolist() == weight and row.parts["h"].to_dense().tolist() == [[-1.0]]


def test_mixed_phases_of_picked_elements() -> None:
    z = Var.of("z", "real", (4,), [-1.0, 1.0, -2.0, -5.0], [1.0, 2.0, -1.0, 4.0])
    blocks = (z, Var.of("h", "real", (4,)), Fn("f", "h", Relu(), (Arg("z", np.array([3, 1, 2, 0])),)))
    step = EncodeActivations().run(Problem("p", blocks))
    assert step.problem.vars["h.on"].size == 2
    assert step.problem.vars["h"].upper.tolist() == [4.0, 2.0, 0.0, 1.0]
    stable = step.problem.lins["f.stable"]
    assert stable.defines is None
    assert stable.parts["z"].to_dense().tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]
    assert stable.parts["h"].to_dense().tolist() == [[0, -1, 0, 0], [0, 0, -1, 0]]
    values = {"z": np.array([[0.5, 1.5, -1.5, -0.25]]), "h": np.array([[0.0, 1.5, 0.0, 0.5]])}
    down, _ = step.lift.down(values)
    assert down["h.on"].tolist() == [[0.0, 1.0]]


def test_the_phase_at_zero_is_feasible_and_fixed() -> None:
    step = EncodeActivations().run(one_neuron(-1.0, 1.0))
    down, kept = step.lift.down({"z": np.array([[0.0], [-0.0]]), "h": np.zeros((2, 1))})
    assert kept.all() and down["h.on"].tolist() == [[1.0], [1.0]]


def test_other_functions_stay() -> None:
    blocks = (Var.of("x", "bin", (2,)), Var.of("p", "real", (1,)),
              Fn("f", "p", Product(), (Arg("x", np.array([0])), Arg("x", np.array([1])))))
    problem = Problem("p", blocks)
    assert EncodeActivations().run(problem).problem is problem


def test_what_is_refused() -> None:
    with pytest.raises(Refused, match=r"relu of z\[0\] has no finite big-M") as caught:
        EncodeActivations().run(one_neuron(-1.0, np.inf))
    assert caught.value.diagnostics[0].code == "infinite-bound"
    assert EncodeActivations().run(one_neuron(0.0, np.inf)).problem.lins
    with pytest.raises(UsageError, match="unknown piecewise form 'big-n'"):
        EncodeActivations("big-n").run(one_neuron(-1.0, 1.0))


def test_pipeline_text_and_saved_form() -> None:
    problem = network(np.random.default_rng(1))
    text = "bound-intervals,encode-activations"
    trace = Pipeline.parse(text + "{form=big-m}").run(problem)
    assert trace.text == text
    assert (trace.guarantee.feasible, trace.guarantee.optimum) == ("same", "kept")
    assert print_ir(parse_ir(*print_ir(trace.problem))) == print_ir(trace.problem)
    lift = print_value(trace.lift)
    assert print_value(parse_value(*lift)) == lift
    assert "complete" in LIFTS and "big-m" in FORMS
