"""Bounds from the duals of linear programs: as good as the program's own value, computed anew, never wrong."""

from __future__ import annotations

import numpy as np
import pytest
from bound_cases import FUNCTIONS, apply, layer, points, random_network
from scipy.optimize import linprog

from isinglass.backends.highs_session import open_lp
from isinglass.compiler.bounds.crown import crown_bounds
from isinglass.compiler.bounds.lp import Model, lp_bound
from isinglass.compiler.bounds.optimise import Schedule, case_problems, default_parameters, optimise, rigorous
from isinglass.compiler.bounds.splits import Splits
from isinglass.compiler.networks.view import NetView
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Arg, Block, Fn, Var
from isinglass.ir.function import Function
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem

STRAIGHT = [function for function in FUNCTIONS if function.straight]


@pytest.mark.parametrize("functions", [[Relu()], [LeakyRelu(0.1)], STRAIGHT], ids=lambda fs: repr(fs)[:20])
def test_the_bound_is_the_value_of_the_program(functions: list[Function]) -> None:
    """Strong duality: what the backward pass makes of the duals is what the program maximises, by another solver.

    Not always: lines that cross outside the box confine the argument, and such duals have no place in a backward pass.
    """
    rng = np.random.default_rng(20)
    better, equal = 0, 0
    for _ in range(12):
        view = NetView.of(random_network(rng, functions))
        box = crown_bounds(view, view.box())
        forms = Affine(rng.normal(size=3), {"y": Dense(rng.normal(size=(3, 3)))})
        problems = case_problems(view, forms, np.array([[0, -1], [1, 2]]), box)
        for number in (0, 1):
            found = lp_bound(problems, number, open_lp)
            model = Model.of(problems.pick(np.array([number])))
            assert found is not None and model is not None
            matrix, low, high, lower, upper, cost = model.arrays()
            dense, up, down = matrix.toarray(), np.isfinite(high), np.isfinite(low)
            rows, limits = np.vstack([dense[up], -dense[down]]), np.concatenate([high[up], -low[down]])
            judge = linprog(cost, rows, limits, bounds=np.stack([lower, upper], 1))
            assert judge.status == 0
            room = 1e-5 * (1 + abs(judge.fun))
            assert found.most[0] >= -judge.fun - room
            equal += int(found.most[0] <= -judge.fun + room)
            default = rigorous(problems, default_parameters(problems)).most[number]
            better += int(found.most[0] < default - 1e-6)
            steps = optimise(problems.pick(np.array([number])), Schedule(steps=60), goal=-np.inf).most[0]
            assert steps >= -judge.fun - room
    assert better and equal >= (20 if len(functions) > 1 else 24)


@pytest.mark.parametrize("functions", [[Relu()], STRAIGHT], ids=lambda fs: repr(fs)[:20])
def test_bounds_with_splits_hold_on_their_side(functions: list[Function]) -> None:
    rng = np.random.default_rng(21)
    for _ in range(12):
        view = NetView.of(random_network(rng, functions))
        box = crown_bounds(view, view.box())
        values = view.forward(points(rng, view.box(), 2000))
        names = tuple(dict.fromkeys(step.args[0].variable for step in view.steps if isinstance(step, Fn)))
        block = rng.integers(0, len(names), (1, 3))
        element = np.array([[rng.integers(box[names[b]][0].shape[1]) for b in block[0]]])
        value = np.array([[np.median(values[names[b]][:, e]) for b, e in zip(block[0], element[0], strict=True)]])
        splits = Splits(names, block, element, value, rng.random((1, 3)) < 0.5)
        forms = Affine(np.zeros(1), {"y": Dense(rng.normal(size=(1, 3)))})
        found = lp_bound(case_problems(view, forms, np.zeros((1, 1), np.int64), box, splits), 0, open_lp)
        assert found is not None
        inside = np.ones(2000, dtype=np.bool_)
        for b, e, v, above in zip(block[0], element[0], value[0], splits.above[0], strict=True):
            here = values[names[b]][:, e]
            inside &= here >= v if above else here <= v
        row = forms.value(values)[inside, 0]
        assert (row <= found.most[0] + 1e-9).all()


def test_splits_that_contradict_each_other_refute_anything() -> None:
    """z = x >= 0.1 and w = -x >= 0.1: no point is left, and the multipliers say so."""
    blocks: list[Block] = [Var.of("x", "real", (1,), -1.0, 1.0)]
    blocks += layer("z", {"x": Dense(np.array([[1.0], [-1.0]]))}, np.zeros(2))
    blocks += apply("h", Relu(), Arg("z"), size=2)
    blocks += layer("y", {"h": Dense(np.array([[1.0, 1.0]]))}, np.array([5.0]))
    view = NetView.of(Problem("net", tuple(blocks)))
    pair = np.zeros((1, 2), np.int64), np.array([[0, 1]]), np.full((1, 2), 0.1), np.ones((1, 2), np.bool_)
    forms = Affine(np.zeros(1), {"y": Dense(np.ones((1, 1)))})
    box = crown_bounds(view, view.box())
    problems = case_problems(view, forms, np.zeros((1, 1), np.int64), box, Splits(("z",), *pair))
    found = lp_bound(problems, 0, open_lp)
    assert found is not None and found.most[0] < -100


def test_functions_with_curved_lines_have_no_program() -> None:
    rng = np.random.default_rng(22)
    view = NetView.of(random_network(rng, [Sigmoid()]))
    forms = Affine(np.zeros(1), {"y": Dense(np.ones((1, 3)))})
    problems = case_problems(view, forms, np.zeros((1, 1), np.int64), crown_bounds(view, view.box()))
    assert lp_bound(problems, 0, open_lp) is None
