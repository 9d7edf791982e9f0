"""Objective and energy of many samples, in pieces, and samples that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

import isinglass.ir.evaluate as evaluation
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Lin, Penalty, Poly, Var
from isinglass.ir.errors import InputError
from isinglass.ir.evaluate import energy, evaluate
from isinglass.ir.lift.objective import Objective
from isinglass.ir.operator import as_operator
from isinglass.ir.problem import Problem
from isinglass.ir.terms.linear import Linear
from isinglass.ir.terms.square import Square


def penalised() -> Problem:
    x = Var.of("x", "bin", (3,))
    objective = Poly("objective", "objective", (Linear("x", as_operator([[1.0, 2, 3]])),), np.array([0.5]))
    square = Square(Affine(np.array([-1.0, -2.0]), {"x": as_operator([[1.0, 1, 0], [0, 1, 1]])}))
    penalty = Penalty(np.array([10.0, 4.0]), np.ones(2), np.zeros(2), "rows", np.arange(2))
    return Problem(
        "p", (x, objective, Poly("pen", "penalty", (square,), np.zeros(2), penalty=penalty)), Objective(-2.0, 1.0)
    )


def test_objective_in_both_senses_and_energy() -> None:
    x = np.array([[1, 0, 0], [1, 1, 1.0]])
    found = evaluate(penalised(), {"x": x})
    assert found.minimised.tolist() == [1.5, 6.5]
    assert found.objective.tolist() == [-2.0, -12.0]
    assert list(found.violation) == ["x"]  # penalties are no rows
    assert found.feasible.all()
    assert energy(penalised(), {"x": x}).tolist() == [1.5 + 0 + 4 * 4, 6.5 + 10 + 0]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    row = Lin("row", {"x": as_operator(rng.integers(-3, 4, (5, 3)) / 7)}, "<=", rng.integers(-3, 4, 5) / 7)
    problem = penalised().with_blocks((*penalised().blocks, row))
    values = {"x": rng.integers(0, 2, (50, 3)).astype(np.float64)}
    whole, total = evaluate(problem, values), energy(problem, values)
    monkeypatch.setattr(evaluation, "NUMBERS", 12)
    pieces = evaluate(problem, values)
    assert np.array_equal(whole.violation["row"], pieces.violation["row"])
    assert np.array_equal(whole.minimised, pieces.minimised)
    assert np.array_equal(whole.feasible, pieces.feasible)
    assert np.array_equal(total, energy(problem, values))


@pytest.mark.parametrize("batch", [0, 1])
def test_few_samples_and_no_objective(batch: int) -> None:
    row = Lin("row", {"x": as_operator(np.ones((1, 2)))}, "<=", np.ones(1))
    found = evaluate(Problem("p", (Var.of("x", "bin", (2,)), row)), {"x": np.zeros((batch, 2))})
    assert found.objective.tolist() == [0.0] * batch
    assert found.feasible.tolist() == [True] * batch
    assert found.violation["row"].shape == (batch, 1)


def test_rows_without_variables() -> None:
    rows = (
        Lin("never", {}, "<=", np.array([-0.1, 0.1])),
        Poly("p", "constraint", (), np.array([0.1]), "==", np.array([0.1])),
    )
    found = evaluate(Problem("p", (Var.of("x", "bin"), *rows)), {"x": np.zeros((2, 1))})
    assert found.violation["never"].tolist() == [[0.1, 0.0]] * 2
    assert found.violation["p"].tolist() == [[0.0]] * 2


def test_samples_of_another_problem_are_refused() -> None:
    problem = Problem("p", (Var.of("x", "bin", (2,)), Var.of("y", "bin")))
    with pytest.raises(InputError, match="samples of problem 'p' lack the variables 'y'"):
        evaluate(problem, {"x": np.zeros((1, 2))})
    with pytest.raises(InputError, match=r"samples of 'x' have shape \(1, 3\), not \(samples, 2\)"):
        evaluate(problem, {"x": np.zeros((1, 3)), "y": np.zeros((1, 1))})
    with pytest.raises(InputError, match=r"sample counts differ: \[1, 2\]"):
        energy(problem, {"x": np.zeros((1, 2)), "y": np.zeros((2, 1))})


def test_problems_without_variables_and_blocks_without_elements() -> None:
    nothing = Problem("p")
    assert nothing.stack({}).shape == (1, 0)
    assert evaluate(nothing, {}).feasible.tolist() == [True]
    empty = Problem(
        "p",
        (
            Var.of("e", "bin", (0, 3)),
            Var.of("x", "bin", (2,)),
            Lin("none", {"e": as_operator(np.ones((0, 0)))}, "<=", np.zeros(0)),
        ),
    )
    values = {"e": np.zeros((3, 0)), "x": np.ones((3, 2))}
    assert evaluate(empty, values).feasible.tolist() == [True] * 3
    assert evaluate(empty, values).violation["none"].shape == (3, 0)
    assert empty.labels() == ["x[0]", "x[1]"]
    assert empty.stack(values).shape == (3, 2)
    assert empty.unstack(np.ones((3, 2)))["e"].shape == (3, 0)
