"""HiGHS: programs, warm-started sessions with duals and rays, clashes; scipy judges."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from backend_cases import milp, optimum_by_scipy, quadratic_program
from scipy import sparse
from scipy.optimize import linprog

from isinglass.backends.highs_session import HighsSession, farkas_gap, open_lp
from isinglass.backends.mixed_integer import mixed_integer
from isinglass.backends.solver import make_solver
from isinglass.ir.blocks import Lin, Poly, Var
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.terms.linear import Linear


@pytest.mark.parametrize("seed", range(8))
def test_programs_are_solved(seed: int) -> None:
    problem = milp(seed, reals=seed % 2 == 0)
    samples = make_solver("highs")[0].solve(problem, Limits(seed=1))
    assert samples.count == 1 and samples.energy is not None
    assert samples.info["status"] == "optimal" and not samples.info["time_limited"]
    assert samples.energy[0] == pytest.approx(optimum_by_scipy(problem), abs=1e-6)
    assert samples.claimed_bound == pytest.approx(samples.energy[0], abs=1e-6)
    p, x = mixed_integer(problem), problem.stack(samples.values)[0]
    assert (x[p.integer] == np.rint(x[p.integer])).all()
    assert (p.matrix @ x <= p.row_upper + 1e-6).all() and (p.matrix @ x >= p.row_lower - 1e-6).all()
    assert ((x >= p.lower) & (x <= p.upper)).all()


def small(lower: float, upper: float, domain: str = "int", cost: float = 1.0) -> Problem:
    """min cost * x, 1 <= 2 x <= 1.5 over a box."""
    row = Lin("row", {"x": Dense(np.array([[2.0]]))}, "<=", np.array([1.5]), least=np.array([1.0]))
    objective = Poly("objective", "objective", (Linear("x", Dense(np.array([[cost]]))),), np.zeros(1))
    return Problem("m", (Var.of("x", domain, (1,), lower, upper), row, objective))


def test_statuses_of_programs() -> None:
    highs, _ = make_solver("highs")
    for problem in (small(0, 9), small(3, 9, "real"), small(5, 4)):
        samples = highs.solve(problem, Limits())
        assert samples.info["status"] == "infeasible" and samples.count == 0 and samples.claimed_bound is None
        assert samples.values["x"].shape == (0, 1)
    free = Problem("m", (Var.of("x", "real", (1,), 0.0), small(0, 9, cost=-1.0).objective))
    for presolve in ("on", "off", "choose"):
        samples = make_solver(f"highs{{presolve={presolve}}}")[0].solve(free, Limits())
        assert samples.info["status"] == "unbounded" and samples.claimed_bound is None
    samples = highs.solve(milp(0), Limits(timeout=0.0))
    assert samples.info["status"] == "limit" and samples.info["time_limited"]
    assert highs.solve(small(0, 9, "real"), Limits()).values["x"].tolist() == [[0.5]]


def test_quadratic_objectives_in_highs() -> None:
    problem = quadratic_program()
    samples = make_solver("highs")[0].solve(problem, Limits())
    np.testing.assert_allclose(samples.values["x"], [[1.3, 1.7]], atol=1e-5)
    assert samples.energy is not None
    assert samples.energy[0] == pytest.approx(problem.objective.value(samples.values)[0, 0])
    x, objective = Var.of("x", "int", (2,), 0.0, 5.0), problem.objective
    with pytest.raises(Refused, match="whole numbers"):
        make_solver("highs")[0].solve(Problem("m", (x, objective)), Limits())


def test_numbers_that_highs_can_not_keep() -> None:
    def with_coefficient(value: float) -> Problem:
        row = Lin("row", {"x": Dense(np.array([[value, 1.0]]))}, "<=", np.array([1.0]))
        return Problem("m", (Var.of("x", "bin", (2,)), row))

    assert make_solver("highs")[0].solve(with_coefficient(1e-13), Limits()).info["ignored_coefficients"] == 1
    with pytest.raises(InputError, match="does not accept"):
        make_solver("highs")[0].solve(with_coefficient(1e16), Limits())


def session(seed: int, rows: int = 4, n: int = 5) -> tuple[HighsSession, Any]:
    rng = np.random.default_rng(seed)
    matrix = sparse.csr_array(rng.integers(-4, 5, (rows, n)).astype(float))
    middle = matrix @ rng.integers(0, 4, n)
    arrays = (middle - rng.integers(0, 3, rows), middle + rng.integers(0, 3, rows), np.zeros(n), np.full(n, 3.0))
    cost = rng.integers(-5, 6, n).astype(float)
    return open_lp(matrix, *arrays, cost), (matrix, *arrays, cost)


def scipy_lp(matrix: Any, low: Any, high: Any, lower: Any, upper: Any, cost: Any) -> Any:
    rows = sparse.vstack([matrix, -matrix])
    return linprog(cost, A_ub=rows, b_ub=np.concatenate([high, -low]), bounds=np.stack([lower, upper], axis=1))


@pytest.mark.parametrize("seed", range(12))
def test_a_session_follows_its_changes(seed: int) -> None:
    lp, (matrix, low, high, lower, upper, cost) = session(seed)
    rng = np.random.default_rng(seed)
    for step in range(6):
        found, wanted = lp.solve(), scipy_lp(matrix, low, high, lower, upper, cost)
        assert found.status == {0: "optimal", 2: "infeasible"}[wanted.status]
        if found.status == "optimal":
            assert found.x is not None and found.dual is not None
            assert found.value == pytest.approx(wanted.fun, abs=1e-7) == pytest.approx(cost @ found.x, abs=1e-7)
            # weak duality with these signs: y >= 0 prices the lower side, y <= 0 the upper one
            y = found.dual
            reduced = cost - matrix.T @ y
            bound = (
                np.where(y > 0, y * low, y * high).sum() + np.where(reduced > 0, reduced * lower, reduced * upper).sum()
            )
            assert bound == pytest.approx(found.value, abs=1e-6)
        elif found.ray is not None:
            assert farkas_gap(lp, found.ray) > 0
        if step == 0:
            cost = rng.integers(-5, 6, 5).astype(float)
            lp.set_cost(cost)
        elif step == 1:
            lower, upper = lower + rng.integers(0, 2, 5), upper.copy()
            lp.set_bounds(lower, upper)
        elif step == 4:
            gone = np.arange(len(low)) % 2 == seed % 2
            lp.remove_rows(gone)
            matrix, low, high = matrix[~gone], low[~gone], high[~gone]
        else:
            row = rng.integers(-2, 3, (1, 5)).astype(float)
            side = row @ np.ones(5) * 2
            lp.add_rows(sparse.csr_array(row), side - 1, side)
            matrix = sparse.csr_array(sparse.vstack([matrix, sparse.csr_array(row)]))
            low, high = np.concatenate([low, side - 1]), np.concatenate([high, side])


def test_a_limit_is_about_one_solve() -> None:
    lp, _ = session(0)
    lp._highs.getRunTime = lambda: 1e6
    assert lp.solve(5.0).status in ("optimal", "infeasible")
    assert lp._highs.getOptionValue("time_limit")[1] == 1e6 + 5


def test_infeasible_sessions_give_rays() -> None:
    matrix = sparse.csr_array(np.array([[1.0, 1.0], [1.0, -1.0]]))
    inf = np.inf
    for low, high in (([7.0, -inf], [inf, inf]), ([-inf, -inf], [-1.0, inf]), ([5.0, 4.0], [inf, inf])):
        lp = open_lp(matrix, low, high, np.zeros(2), np.full(2, 3.0), np.ones(2))
        found = lp.solve()
        assert found.status == "infeasible" and found.ray is not None and farkas_gap(lp, found.ray) > 1e-6
        assert farkas_gap(lp, np.zeros(2)) == 0.0


def test_sessions_that_are_odd() -> None:
    matrix = sparse.csr_array(np.array([[1.0]]))
    lp = open_lp(matrix, [-np.inf], [5.0], [0.0], [np.inf], [-1.0])
    assert (lp.solve().value, lp.solve(seconds=10.0).status) == (-5.0, "optimal")
    lp.set_bounds(np.array([3.0]), np.array([2.0]))
    assert lp.solve().status == "infeasible"
    lp.set_bounds(np.array([0.0]), np.array([2.0]))
    assert lp.solve().value == -2.0
    assert open_lp(matrix, [6.0], [5.0], [0.0], [9.0], [1.0]).solve().status == "infeasible"
    assert open_lp(matrix, [0.0], [np.inf], [0.0], [np.inf], [-1.0]).solve().status == "unbounded"
    assert open_lp(matrix, [0.0], [9.0], [4.0], [3.0], [1.0]).solve().status == "infeasible"
    none = np.zeros(0)
    for low, status in ((0.0, "optimal"), (1.0, "infeasible")):
        empty = sparse.csr_array((1, 0))
        assert open_lp(empty, [low], [2.0], none, none, none).solve().status == status
    with pytest.raises(InputError, match="not finite"):
        lp.set_cost(np.array([np.nan]))


def test_the_clash_with_ortools_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ortools.linear_solver.pywraplp", ModuleType("pywraplp"))
    monkeypatch.setattr("isinglass.backends.highs_library.version", lambda name: "1.15.1")
    assert make_solver("highs")[0].solve(milp(0), Limits()).count == 1  # both are there already: no harm done
    monkeypatch.delitem(sys.modules, "highspy", raising=False)
    with pytest.raises(Refused, match="ortools"):
        make_solver("highs")[0].solve(milp(0), Limits())
    monkeypatch.setattr("isinglass.backends.highs_library.version", lambda name: "1.14.0")
    monkeypatch.setitem(sys.modules, "highspy", None)  # makes the import fail
    with pytest.raises(Refused, match="can't be imported"):
        make_solver("highs")[0].solve(milp(0), Limits())
