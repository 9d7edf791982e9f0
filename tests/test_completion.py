"""Computed blocks and derivatives: what follows from the free variables, and how the objective depends on them."""

from __future__ import annotations

import numpy as np
import pytest

from isinglass.ir.blocks import Arg, Fn, Lin, Poly, Var
from isinglass.ir.errors import InputError
from isinglass.ir.evaluate import complete, evaluate
from isinglass.ir.functions.max import Max
from isinglass.ir.functions.product import Product
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid
from isinglass.ir.gradient import gradient
from isinglass.ir.operator import as_operator
from isinglass.ir.operators.gather import Gather
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear
from isinglass.ir.types import FloatArray


def network(rng: np.random.Generator) -> Problem:
    """x -> affine -> relu -> pairs of maxima and a sigmoid -> objective, blocks out of order."""
    first, second = rng.normal(size=(4, 3)), rng.normal(size=(2, 4))
    objective = Poly(
        "objective",
        "objective",
        (Linear("o", as_operator([[1.0, -2.0]])), Bilinear("x", "x", as_operator(rng.normal(size=(3, 3))))),
        np.zeros(1),
    )
    return Problem(
        "net",
        (
            objective,
            Fn("top", "m", Max(), (Arg("h", np.array([0, 2])), Arg("h", np.array([1, 3])), Arg("q"))),
            Fn("relu", "h", Relu(), (Arg("z"),)),
            Fn("squash", "o", Sigmoid(), (Arg("m"),)),
            Lin(
                "two",
                {"h": as_operator(second), "q": Identity(2, -2.0)},
                "==",
                np.array([0.5, -1.0]),
                "dyadic",
                defines="q",
            ),
            Lin("one", {"z": Identity(4), "x": as_operator(-first)}, "==", rng.normal(size=4), "dyadic", defines="z"),
            Var.of("x", "real", (3,)),
            Var.of("z", "real", (4,)),
            Var.of("h", "real", (4,)),
            Var.of("q", "real", (2,)),
            Var.of("m", "real", (2,)),
            Var.of("o", "real", (2,)),
        ),
    )


def test_completion_computes_every_defined_block() -> None:
    rng = np.random.default_rng(5)
    problem = network(rng)
    x = rng.normal(size=(6, 3))
    values = complete(problem, {"x": x, "z": np.full((6, 4), 99.0)})  # what is given of computed blocks is ignored
    assert list(values) == list(problem.vars)
    lins = problem.lins
    z = lins["one"].rhs - x @ lins["one"].parts["x"].to_dense().T
    h = np.maximum(z, 0)
    q = (h @ lins["two"].parts["h"].to_dense().T - lins["two"].rhs) / 2
    m = np.maximum(np.maximum(h[:, [0, 2]], h[:, [1, 3]]), q)
    for name, expected in {"z": z, "h": h, "q": q, "m": m, "o": 1 / (1 + np.exp(-m))}.items():
        assert values[name] == pytest.approx(expected)
    found = evaluate(problem, values, tolerance=1e-12)
    assert found.feasible.all()
    assert max(table.max() for table in found.residual.values()) == 0


def test_completion_of_a_whole_block_gives_whole_numbers() -> None:
    row = Lin("d", {"x": as_operator([[0.1]]), "z": Identity(1, -1.0)}, "==", np.array([0.3]), defines="z")
    problem = Problem("p", (Var.of("x", "int", (1,), 0, 50), Var.of("z", "int", (1,)), row))
    values = complete(problem, {"x": np.array([[33.0], [3.0], [4.0]])})
    assert values["z"][:2].tolist() == [[3.0], [0.0]]
    assert evaluate(problem, values).feasible.tolist() == [True, True, False]


def test_completion_wants_the_free_blocks() -> None:
    with pytest.raises(InputError, match="lack the variables 'x'"):
        complete(network(np.random.default_rng(0)), {"z": np.zeros((1, 4))})


def test_gradient_agrees_with_differences() -> None:
    rng = np.random.default_rng(11)
    problem = network(rng)
    x = rng.normal(size=(5, 3))

    def objective(points: FloatArray) -> FloatArray:
        return evaluate(problem, complete(problem, {"x": points})).minimised

    found = gradient(problem, complete(problem, {"x": x}))
    assert set(found) == set(problem.vars)
    for column in range(3):
        step = np.zeros(3)
        step[column] = 1e-6
        assert found["x"][:, column] == pytest.approx(
            (objective(x + step) - objective(x - step)) / 2e-6, rel=1e-5, abs=1e-7
        )


def test_gradient_adds_up_where_elements_are_used_twice() -> None:
    fn = Fn("p", "p", Product(), (Arg("x", np.array([0, 0, 1])), Arg("x", np.array([0, 1, 1]))))
    objective = Poly("objective", "objective", (Linear("p", Gather(np.array([1]), np.array([1.0]), 3)),), np.zeros(1))
    problem = Problem("p", (Var.of("x", "real", (2,)), Var.of("p", "real", (3,)), fn, objective))
    values = complete(problem, {"x": np.array([[2.0, 5.0]])})
    assert gradient(problem, values)["x"].tolist() == [[5.0, 2.0]]
