"""Bounds of intermediate values tightened by linear programs: sound, as tight as another solver's, stopped in time."""

from __future__ import annotations

import numpy as np
import pytest
from bound_cases import FUNCTIONS, points, random_network
from scipy.optimize import linprog

from isinglass.backends.highs_session import open_lp
from isinglass.compiler.bounds.crown import crown_bounds
from isinglass.compiler.bounds.lp import Model
from isinglass.compiler.bounds.lp_layers import lp_layers
from isinglass.compiler.networks.view import NetView
from isinglass.ir.function import Function
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid


@pytest.mark.parametrize("functions", [[Relu()], FUNCTIONS], ids=["relu", "all"])
def test_sound_and_tighter(functions: list[Function]) -> None:
    rng = np.random.default_rng(3)
    tighter = 0
    for _ in range(10):
        view = NetView.of(random_network(rng, functions))
        box = crown_bounds(view, view.box())
        found = lp_layers(view, box, open_lp)
        values = view.forward(points(rng, view.box(), 3000))
        for name, (low, high) in found.items():
            assert (low >= box[name][0]).all() and (high <= box[name][1]).all()
            room = 1e-12 * (1 + np.abs(values[name]))
            assert (values[name] >= low - room).all() and (values[name] <= high + room).all()
            tighter += int((low > box[name][0] + 1e-9).any() or (high < box[name][1] - 1e-9).any())
    assert tighter >= 3


def test_as_tight_as_another_solver_says() -> None:
    """Relu networks: the last argument's bounds are the optima of the program over the bounds before it."""
    rng = np.random.default_rng(4)
    checked = 0
    for _ in range(8):
        view = NetView.of(random_network(rng, [Relu()]))
        found = lp_layers(view, crown_bounds(view, view.box()), open_lp)
        model = Model.of_layers(view, {name: found[name] for name in found})
        assert model is not None
        matrix, low, high, lower, upper, _ = model.arrays()
        dense, up, down = matrix.toarray(), np.isfinite(high), np.isfinite(low)
        rows, limits = np.vstack([dense[up], -dense[down]]), np.concatenate([high[up], -low[down]])
        for name, (least, most) in found.items():
            for element in range(least.shape[1]):
                cost = np.zeros(model.columns)
                cost[model.starts[name] + element] = -1.0
                judge = linprog(cost, rows, limits, bounds=np.stack([lower, upper], 1))
                assert judge.status == 0 and -judge.fun <= most[0, element] + 1e-6 * (1 + abs(judge.fun))
                checked += 1
    assert checked > 50


def test_no_time_and_no_program_leave_bounds_as_they_are() -> None:
    rng = np.random.default_rng(5)
    for functions, over in (([Relu()], True), ([Sigmoid()], False)):
        view = NetView.of(random_network(rng, functions))
        box = crown_bounds(view, view.box())
        found = lp_layers(view, box, open_lp, over=lambda over=over: over)  # type: ignore[misc]
        for name in box:
            np.testing.assert_allclose(found[name], box[name], rtol=0, atol=1e-12)
