"""Incumbents, multipliers for row activities, and what the passes make of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sweeps
from scipy import sparse

from isinglass.compiler.drivers._packing import Packing
from isinglass.compiler.drivers.activity_duals import activity_duals
from isinglass.compiler.drivers.incumbent import Effort, checked, find_incumbent
from isinglass.compiler.passes.drop_rows import DropRows
from isinglass.compiler.passes.encode_products import EncodeProducts
from isinglass.compiler.passes.guards_to_big_m import GuardsToBigM
from isinglass.compiler.passes.linearize_constraints import LinearizeConstraints
from isinglass.compiler.passes.objective_cutoff import ObjectiveCutoff
from isinglass.compiler.passes.tighten_activity import TightenActivity
from isinglass.compiler.passes.tighten_bounds import TightenBounds
from isinglass.compiler.pipeline import Pipeline
from isinglass.compiler.pipeline_values import Named
from isinglass.compiler.rows.system import RowSystem
from isinglass.ir.blocks import Fn, Guard, Lin, Poly, Var
from isinglass.ir.errors import Refused, UsageError
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear


def program(seed: int = 0, rows: int = 40, columns: int = 20) -> Problem:
    """Maximise p.x over sparse packing rows, 0 <= x <= 15."""
    rng = np.random.default_rng(seed)
    dense = rng.integers(1, 8, (rows, columns)) * (rng.random((rows, columns)) < 0.25)
    matrix = sparse.csr_array(dense.astype(float))
    side = np.floor(matrix.sum(axis=1) * 8)
    goal = Linear("x", Dense(-rng.integers(1, 7, (1, columns)).astype(float)))
    x = Var.of("x", "int", (columns,), 0, 15)
    return Problem("ip", (x, Lin("cap", {"x": Csr.of(matrix)}, "<=", side, "dyadic"),
                          Poly("objective", "objective", (goal,), np.zeros(1))))  # fmt: skip


def slack_bits(problem: Problem) -> int:
    lin = problem.lins["cap"]
    least = np.zeros(lin.size) if lin.least is None else np.maximum(lin.least, 0.0)
    return sum(int(steps).bit_length() for steps in np.floor((lin.rhs - least) / 2))


def optimum(problem: Problem) -> float:
    from scipy.optimize import LinearConstraint, milp

    lin, (goal,) = problem.lins["cap"], problem.objective.terms
    assert isinstance(goal, Linear)
    rows = LinearConstraint(lin.parts["x"].to_csr(), ub=lin.rhs)
    found = milp(goal.operator.to_dense()[0], constraints=rows, integrality=np.ones(problem.size), bounds=(0, 15))
    return float(found.fun)


def test_the_whole_chain_shrinks_slacks_and_keeps_the_optimum() -> None:
    given = program()
    found = find_incumbent(given, sweeps.ScipyLp, Limits(seed=1))
    assert found is not None
    best = optimum(given)
    assert best <= found.value <= 0.97 * best
    duals = activity_duals(given, found.value, sweeps.ScipyLp)
    arrays: dict[str, Any] = {"d": duals, "x": found.point}
    text = f"tighten-activity{{duals=@d,cutoff={found.value},incumbent=@x}}"
    trace = Pipeline.parse(text, arrays).run(given)
    assert slack_bits(trace.problem) < 0.8 * slack_bits(given)
    assert (trace.guarantee.feasible, trace.guarantee.optimum) == ("shrinks", "kept")
    assert "optimum-preserving: points worse than the incumbent's value are cut" in str(trace.ledger[0])
    # as good as the LPs themselves, up to rounding
    lin = given.lins["cap"]
    rows = sparse.csr_array(sparse.vstack([lin.parts["x"].to_csr(), given.objective.terms[0].operator.to_csr()]))  # type: ignore[attr-defined]
    lp = sweeps.ScipyLp(rows, np.full(lin.size + 1, -np.inf), np.append(lin.rhs, found.value), np.zeros(20),
                        np.full(20, 15.0), np.zeros(20))  # fmt: skip
    least = []
    for row in lin.parts["x"].to_dense():
        lp.set_cost(row)
        least.append(np.ceil(lp.solve().value - 1e-6))
    new = trace.problem.lins["cap"].least
    assert new is not None
    assert np.array_equal(np.maximum(new, 0.0), np.array(least))


@pytest.mark.parametrize("seed", range(3))
def test_greedy_without_a_solver_comes_close(seed: int) -> None:
    given = program(seed)
    found = find_incumbent(given, None, Limits(seed=seed))
    assert found is not None
    assert found.value <= 0.95 * optimum(given)


def test_same_seed_same_incumbent() -> None:
    first, second = (find_incumbent(program(), None, Limits(seed=4), Effort(20, 100)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert np.array_equal(first.point, second.point)


def test_quadratic_objective_over_an_assignment() -> None:
    """A 5 x 5 quadratic assignment problem against all 120 permutations."""
    from itertools import permutations

    rng = np.random.default_rng(3)
    flow, distance = rng.integers(0, 9, (5, 5)).astype(float), rng.integers(0, 9, (5, 5)).astype(float)
    once = np.vstack([np.kron(np.eye(5), np.ones(5)), np.kron(np.ones(5), np.eye(5))])
    goal = Poly("objective", "objective", (Bilinear("x", "x", Dense(np.kron(flow, distance))),), np.zeros(1))
    given = Problem("qap", (Var.of("x", "bin", (5, 5)), Lin("once", {"x": Dense(once)}, "==", np.ones(10)), goal))
    found = find_incumbent(given)
    assert found is not None
    assert found.value == min((flow * distance[np.ix_(p, p)]).sum() for p in map(list, permutations(range(5))))


def test_guards_are_respected() -> None:
    given = program()
    guard = Guard("g", np.zeros(40, np.int64), np.ones(40))
    g = Var.of("g", "bin", (1,))
    force = Lin("on", {"g": Dense(-np.ones((1, 1)))}, "<=", -np.ones(1), "dyadic")
    blocks = [replace(b, guard=guard) if isinstance(b, Lin) else b for b in given.blocks]
    found = find_incumbent(given.with_blocks([g, *blocks, force]))
    assert found is not None
    assert found.point[0] == 1
    assert (given.lins["cap"].parts["x"].to_dense() @ found.point[1:] <= given.lins["cap"].rhs).all()


def test_problems_that_are_not_searched() -> None:
    from isinglass.ir.blocks import Arg
    from isinglass.ir.functions.product import Product

    x, z = Var.of("x", "bin", (2,)), Var.of("z", "bin", (1,))
    fn = Fn("and", "z", Product(), (Arg("x", np.array([0])), Arg("x", np.array([1]))))
    assert find_incumbent(Problem("p", (x, z, fn))) is None
    assert find_incumbent(Problem("p", (Var.of("r", "real", (2,), 0, 1),))) is None
    assert find_incumbent(Problem("p", (Var.of("y", "int", (2,), 0),))) is None


def test_covering_is_packing_turned_round() -> None:
    x = Var.of("x", "int", (2,), 0, 4)
    rows = Lin("need", {"x": Dense(-np.array([[2.0, 1.0], [0.0, 3.0]]))}, "<=", np.array([-5.0, -4.0]), "dyadic")
    given = Problem("cover", (x, rows))
    packing = Packing.of(RowSystem.of(given), np.array([1.0, 1.0]), x.lower, x.upper)
    assert packing is not None
    assert (packing.columns.toarray() >= 0).all()
    assert packing.point(np.zeros(2)).tolist() == [4, 4]
    assert packing.room.tolist() == [7, 8]
    assert packing.steps(np.array([2.5, 4.0])).tolist() == [1, 0]
    assert packing.fill(np.zeros((1, 2)), np.array([0, 1])).tolist() == [[3, 1]]


def test_problems_without_rows_or_variables() -> None:
    x = Var.of("x", "int", (2,), -1, 4)
    goal = Poly("objective", "objective", (Linear("x", Dense(np.array([[1.0, -2.0]]))),), np.zeros(1))
    for given, value in ((Problem("free", (x, goal)), -9.0), (Problem("none"), 0.0)):
        found = find_incumbent(given, sweeps.ScipyLp)
        assert found is not None
        assert found.value == value
        duals = activity_duals(given, value, sweeps.ScipyLp)
        assert duals.shape == (0, 1)
        assert TightenActivity(Named("d", duals), value).run(given).problem is given
    for one in (TightenBounds(), DropRows(), GuardsToBigM(), LinearizeConstraints(), EncodeProducts()):
        assert one.run(Problem("none")).problem.blocks == ()


def test_only_what_the_problem_accepts_counts() -> None:
    given = program()
    good, bad = np.zeros(20), np.full(20, 15.0)
    found = checked(given, [bad, good])
    assert found is not None
    assert found.value == 0
    assert checked(given, [bad, good + 0.5]) is None


def test_no_time_no_walk() -> None:
    found = find_incumbent(program(), None, Limits(timeout=0.0))
    assert found is not None  # the greedy start is feasible without any search
    assert not activity_duals(program(), found.value, sweeps.ScipyLp, Limits(timeout=0.0)).any()


# -- errors ------------------------------------------------------------------------------------------------------------


def test_wrong_shape_of_duals() -> None:
    with pytest.raises(UsageError, match=r"needs duals of shape \(40, 41\), got \(40, 40\)"):
        TightenActivity(Named("d", np.zeros((40, 40))), 0.0).run(program())
    with pytest.raises(UsageError, match=r"got None"):
        TightenActivity().run(program())


def test_incumbent_that_is_none() -> None:
    given, duals = program(), Named("d", np.zeros((40, 41)))
    with pytest.raises(Refused, match="the incumbent is not feasible"):
        TightenActivity(duals, 0.0, Named("x", np.full(20, 15.0))).run(given)
    with pytest.raises(Refused, match="the incumbent has the value 0, the cutoff is -5"):
        TightenActivity(duals, -5.0, Named("x", np.zeros(20))).run(given)
    with pytest.raises(UsageError, match="the incumbent has 3 values, the problem 20"):
        TightenActivity(duals, -5.0, Named("x", np.zeros(3))).run(given)


def test_rows_with_two_sides_have_to_go_first() -> None:
    given = program()
    cap = given.lins["cap"]
    given = given.with_blocks(replace(b, least=cap.rhs - 9) if b is cap else b for b in given.blocks)
    with pytest.raises(Refused, match=r"row cap\[\d+\] has two sides already(.|\n)*run range-slacks first"):
        TightenActivity(Named("d", np.zeros((40, 41))), 0.0).run(given)


def test_cutoff_that_no_point_reaches() -> None:
    y = Var.of("y", "int", (1,), 0, 9)
    goal = Poly("objective", "objective", (Linear("y", Dense(-np.ones((1, 1)))),), np.zeros(1))
    given = Problem("p", (y, Lin("cap", {"y": Dense(np.ones((1, 1)))}, "<=", np.array([4.0]), "dyadic"), goal))
    duals = np.array([[0.0, 1.0]])
    text = "no feasible point has a value of at most -6: row cap would have to reach 6, more than 4"
    with pytest.raises(Refused, match=text):
        TightenActivity(Named("d", duals), -6.0).run(given)


def test_quadratic_objective_has_no_cutoff() -> None:
    goal = Poly("objective", "objective", (Bilinear("x", "x", Dense(np.ones((2, 2)))),), np.zeros(1))
    with pytest.raises(Refused, match="an objective cutoff needs a linear objective"):
        ObjectiveCutoff(1.0).run(Problem("p", (Var.of("x", "bin", (2,)), goal)))


def test_cutoff_needs_a_value() -> None:
    with pytest.raises(UsageError, match="objective-cutoff needs a value"):
        ObjectiveCutoff().run(program())


def test_cutoff_row_keeps_points_whose_float_value_was_rounded() -> None:
    """0.1 + 0.2 > 0.3 in float64: the row must admit the point whose value was computed so."""
    goal = Linear("x", Dense(np.array([[0.1, 0.2, 0.3]])))
    given = Problem("p", (Var.of("x", "bin", (3,)), Poly("objective", "objective", (goal,), np.zeros(1))))
    row = ObjectiveCutoff(0.3).run(given).problem.lins["cutoff"]
    assert 0.1 + 0.2 <= row.rhs[0] <= 0.3 + 1e-14
