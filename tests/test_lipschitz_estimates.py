"""Estimates under their own names: what the formulas say, and the networks that show which of them are no bounds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from test_lipschitz_patterns import enumerated, random_form

from isinglass.compiler.lipschitz.estimates import KINDS, estimates, inf_to_one, sampled_gradient
from isinglass.ir.blocks import Arg, Fn, Lin, Var
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.functions.relu import Relu
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.slope_form import SlopeForm
from isinglass.ir.slope_reader import slope_form
from isinglass.ir.tasks import Bound


def scalar_chain(depth: int) -> SlopeForm:
    """``depth`` weight matrices 1 x 1 of ones."""
    units = depth - 1
    ones = np.eye(units)[0]
    return SlopeForm(np.eye(units, k=-1), ones[:, None], ones[None, ::-1], np.zeros((1, 1)), np.zeros(units),
                     np.ones(units), tuple((f"h.{k}", k, 1) for k in range(units)), np.arange(units))  # fmt: skip


@pytest.mark.parametrize("depth", [3, 4, 5])
def test_scalar_networks_refute_the_products(depth: int) -> None:
    form = scalar_chain(depth)
    assert enumerated(SlopeForm(**{**vars(form), "unit_weights": np.repeat(form.unit_weights, 2, axis=0),
                                   "input_weights": np.zeros((2, 1))}), 1, "linf") == 1  # fmt: skip
    a, b, c = estimates(form)
    assert (a.name, b.name, c.name) == ("product-a", "product-b", "norm-product")
    assert a.value == 0.5 ** (depth - 2)
    assert b.value == a.value / depth ** (depth - 3)
    assert c.value == 1
    assert depth != 4 or b.value == 1 / 16
    assert "no bound" in a.means and "no bound" in b.means and "no bound" not in c.means


def test_the_norm_of_a_matrix() -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        matrix = rng.normal(size=(5, 4))
        spins = np.array(list(product((-1.0, 1.0), repeat=5)))
        assert inf_to_one(matrix) == pytest.approx(np.abs(spins @ matrix).sum(axis=1).max())


def test_formulas_on_a_chain() -> None:
    form = random_form(8, (3, 4), inputs=3)
    a, b, c = estimates(form, 1)
    first, second, last = form.inputs[:3], form.within[3:, :3], form.unit_weights[1, 3:]
    assert a.value == b.value == pytest.approx(inf_to_one(first) * inf_to_one(last[:, None] * second) / 2)
    rows = np.abs(first).sum(axis=1).max() * np.abs(second).sum(axis=1).max()
    assert c.value == pytest.approx(np.abs(last).sum() * rows)
    assert c.value >= enumerated(form, 1, "linf")
    with pytest.raises(Refused, match="skipped"):
        estimates(random_form(8, (3, 4), inputs=3, skips=True))


def network(lower: float = -np.inf, upper: float = np.inf) -> Bound:
    rng = np.random.default_rng(0)
    first, last = rng.normal(size=(4, 2)), rng.normal(size=(1, 4))
    blocks = (
        Var.of("x", "real", (2,), lower, upper),
        Var.of("z", "real", (4,)),
        Lin("z.def", {"x": Dense(first), "z": Identity(4, -1.0)}, "==", np.zeros(4), "dyadic", defines="z"),
        Var.of("h", "real", (4,)),
        Fn("h.def", "h", Relu(), (Arg("z"),)),
        Var.of("y", "real", (1,)),
        Lin("y.def", {"h": Dense(last), "y": Identity(1, -1.0)}, "==", np.zeros(1), "dyadic", defines="y"),
    )
    return Bound(Problem("net", blocks), np.eye(1), ("y[0]",), "x", "y")


def test_sampled_gradients_are_those_of_patterns() -> None:
    task = network()
    form = slope_form(task)
    found = sampled_gradient(task, count=300)
    patterns = np.array(list(product((0.0, 1.0), repeat=4)))
    values = [np.abs(form.gradient(pattern)).sum() for pattern in patterns]
    assert min(abs(found.value - value) for value in values) < 1e-12
    assert found.value <= max(values) * (1 + 1e-12)
    assert found.name in KINDS
    point = np.array([[0.3, -0.2]])
    pattern = (form.inputs @ point[0] > 0).astype(float)
    assert sampled_gradient(task, points=point).value == pytest.approx(np.abs(form.gradient(pattern)).sum())
    inside = sampled_gradient(network(0.25, 0.3), count=20).value
    assert inside <= found.value * (1 + 1e-12)
    with pytest.raises(InputError, match="rows of 2"):
        sampled_gradient(task, points=np.ones((1, 3)))
