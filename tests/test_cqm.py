"""dimod's constrained models: the same objective and rows as ours, in dimod's own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest
from backend_cases import milp, optimum_by_scipy
from hypothesis import given
from hypothesis import strategies as st

from isinglass.backends.mixed_integer import mixed_integer
from isinglass.backends.target import make_target
from isinglass.ir.blocks import Lin, Poly, Var
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.terms.bilinear import Bilinear

CQM, _ = make_target("cqm")


@pytest.mark.parametrize("seed", range(6))
def test_dimod_agrees_on_objective_and_rows(seed: int, tmp_path: Path) -> None:
    problem = milp(seed, maximize=seed % 2 == 1, whole=seed < 3)
    CQM.write(problem, tmp_path / "m.cqm")
    model: Any = dimod.ConstrainedQuadraticModel
    cqm = model.from_file((tmp_path / "m.cqm").read_bytes())
    assert cqm.is_equal(CQM.emit(problem))
    p, rng, labels = mixed_integer(problem), np.random.default_rng(seed), problem.labels()
    low, high = np.maximum(p.lower, -9), np.minimum(p.upper, 9)
    points = rng.uniform(low, high, (200, p.size))
    points = np.where(p.integer, np.rint(points), points)
    activity = points @ p.matrix.toarray().T
    feasible = ((activity >= p.row_lower - 1e-9) & (activity <= p.row_upper + 1e-9)).all(axis=1)
    for x, inside, value in zip(points, feasible.tolist(), p.objective(points).tolist(), strict=True):
        sample = dict(zip(labels, x.tolist(), strict=True))
        assert cqm.check_feasible(sample, rtol=0, atol=1e-9) == inside
        assert cqm.objective.energy(sample) == pytest.approx(value)
    assert [cqm.vartype(label).name for label in labels] == [
        "BINARY" if b else "INTEGER" if i else "REAL" for b, i in zip(p.binary, p.integer, strict=True)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_we_read_back_what_was_written(seed: int, tmp_path: Path) -> None:
    problem = milp(seed, whole=seed < 2)
    CQM.write(problem, tmp_path / "m.cqm")
    again = CQM.read(tmp_path / "m.cqm")
    p, q = mixed_integer(problem), mixed_integer(again)
    assert again.labels() == problem.labels()
    np.testing.assert_array_equal(q.lower, p.lower)
    np.testing.assert_array_equal(q.upper, p.upper)
    assert optimum_by_scipy(again) == pytest.approx(optimum_by_scipy(problem))


def one_hot(*rows: list[float], right: float = 1.0) -> Problem:
    matrix = np.array(rows, dtype=float)
    row = Lin("one", {"b": Dense(matrix)}, "==", np.full(len(matrix), right))
    return Problem("p", (Var.of("b", "bin", (matrix.shape[1],)), row))


def test_sums_of_binaries_that_are_one_are_discrete() -> None:
    assert set(CQM.emit(one_hot([1, 1, 1, 0, 0], [0, 0, 0, 1, 1])).discrete) == {"one[0]", "one[1]"}
    assert set(CQM.emit(one_hot([1, 1, 1, 0, 0], [0, 0, 1, 1, 1])).discrete) == {"one[0]"}
    for problem in (one_hot([1, 2, 1]), one_hot([1, 1, 1], right=2.0)):
        assert not CQM.emit(problem).discrete and CQM.emit(problem).num_constraints() == 1


def test_what_a_cqm_can_not_hold() -> None:
    product = Poly("objective", "objective", (Bilinear("x", "x", Dense(np.eye(1))),), np.zeros(1))
    with pytest.raises(Refused, match="products of real"):
        CQM.emit(Problem("p", (Var.of("x", "real", (1,), 0, 1), product)))
    with pytest.raises(Refused, match="can't hold the bounds"):
        CQM.emit(Problem("p", (Var.of("x", "real", (1,), 0, 1e31),)))
    assert CQM.emit(Problem("p", (Var.of("k", "int", (1,), 0, 3), Poly("o", "objective", (
        Bilinear("k", "k", Dense(np.eye(1))),), np.zeros(1))))).objective.energy({"k[0]": 3}) == 9  # fmt: skip


def test_soft_and_curved_constraints_are_not_read(tmp_path: Path) -> None:
    for kind in ("soft", "curved"):
        cqm: Any = dimod.ConstrainedQuadraticModel()
        cqm.add_variable("BINARY", "a")
        cqm.add_variable("BINARY", "b")
        terms = [("a", "b", 1.0)] if kind == "curved" else [("a", 1.0)]
        cqm.add_constraint_from_iterable(terms, "<=", rhs=1, label="r", weight=3.0 if kind == "soft" else None)
        (tmp_path / "m.cqm").write_bytes(cqm.to_file().read())
        with pytest.raises(Refused, match="quadratic or soft"):
            CQM.read(tmp_path / "m.cqm")


@given(cut=st.floats(0.0, 1.0, exclude_max=True))
def test_files_cut_off_are_input_errors(cut: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("cut") / "m.cqm"
    content = b"".join(CQM.render(milp(1)).chunks)
    path.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(InputError, match=r"m\.cqm"):
        CQM.read(path)
