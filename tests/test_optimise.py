"""Chosen lines, multiples of splits, weights: derivatives are right, what comes back is sound and no worse."""

from __future__ import annotations

import numpy as np
import pytest
from bound_cases import FUNCTIONS, Array, Box, apply, layer, points, random_network
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.compiler.bounds.crown import crown_bounds
from isinglass.compiler.bounds.interval import Bounds
from isinglass.compiler.bounds.layers import optimise_layers
from isinglass.compiler.bounds.optimise import Schedule, case_problems, default_parameters, optimise, rigorous
from isinglass.compiler.bounds.relaxed import Parameters, Problems, Relaxed
from isinglass.compiler.bounds.rows import row_bounds
from isinglass.compiler.bounds.splits import Splits
from isinglass.compiler.networks.view import NetView
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Arg, Block, Fn, Var
from isinglass.ir.function import Function
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid
from isinglass.ir.functions.tanh import Tanh
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem

STEPS = Schedule(steps=15)


def case(rng: np.random.Generator, functions: list[Function], count: int = 4) -> Problems:
    """Combinations of two rows of a random network over the box split at random places."""
    view = NetView.of(random_network(rng, functions))
    box = crown_bounds(view, view.box())
    names = tuple(step.args[0].variable for step in view.steps if isinstance(step, Fn))
    depth = 3
    block = rng.integers(-1, len(names), (count, depth))
    sizes = np.array([box[name][0].shape[1] for name in names])
    element = (rng.random((count, depth)) * sizes[block]).astype(np.int64)
    middle = [(low + high)[0] / 2 for low, high in (box[name] for name in names)]
    value = np.array([[middle[b][e] for b, e in zip(*pair, strict=True)] for pair in zip(block, element, strict=True)])
    splits = Splits(names, block, element, value, rng.random((count, depth)) < 0.5)
    forms = Affine(rng.normal(size=5), {"y": Dense(rng.normal(size=(5, 3))), "x": Dense(rng.normal(
        size=(5, view.problem.vars["x"].size)))})  # fmt: skip
    pick = rng.integers(0, 5, (count, 2))
    pick[0, 1] = -1
    return case_problems(view, forms, pick, clamped(box, splits), splits)


def clamped(box: Box, splits: Splits) -> dict[str, Bounds]:
    """The boxes of all problems, narrowed to their sides of the splits."""
    count = len(splits.block)
    found = {name: (np.repeat(low, count, axis=0), np.repeat(high, count, axis=0)) for name, (low, high) in box.items()}
    for name in splits.names:
        problem, depth, element = splits.places(name)
        for n, d, e in zip(problem, depth, element, strict=True):
            low, high = found[name]
            if splits.above[n, d]:
                low[n, e] = max(low[n, e], splits.value[n, d])
            else:
                high[n, e] = min(high[n, e], splits.value[n, d])
    return found


def somewhere(rng: np.random.Generator, problems: Problems) -> Parameters:
    """Parameters inside their ranges."""
    at = default_parameters(problems)
    tilts = {name: rng.uniform(0.1, 0.9, tilt.shape) for name, tilt in at.tilts.items()}
    weights = at.weights * rng.uniform(0.5, 1.0, at.weights.shape)
    return Parameters(tilts, rng.random(at.multipliers.shape), weights)


def on_its_side(problems: Problems, values: dict[str, Array], n: int) -> Array:
    """Which points lie on the right side of all splits of problem n."""
    splits, inside = problems.splits, np.ones(len(values["x"]), dtype=np.bool_)
    for d in range(splits.depth):
        if splits.block[n, d] >= 0:
            here = values[splits.names[splits.block[n, d]]][:, splits.element[n, d]]
            inside &= here >= splits.value[n, d] if splits.above[n, d] else here <= splits.value[n, d]
    return inside


@pytest.mark.parametrize("functions", [[f] for f in FUNCTIONS], ids=repr)
def test_derivatives_agree_with_differences(functions: list[Function]) -> None:
    """At a corner that does not change; where it does (probability zero), the bound has a kink."""
    rng = np.random.default_rng(12)
    for _ in range(4):
        problems = case(rng, functions)
        at, relaxed = somewhere(rng, problems), Relaxed(problems)
        value, slope = relaxed.evaluate(at)
        step, room = (1e-6, 1e-4) if functions[0].straight else (1e-5, 1e-2)
        for key, array in at.arrays().items():
            for _ in range(6):
                n = int(rng.integers(len(array)))
                if not array.shape[1] or not np.isfinite(value[n]):
                    continue
                k = int(rng.integers(array.shape[1]))
                moved = at.pick(np.arange(problems.count))
                moved.arrays()[key][n, k] += step
                rate = (relaxed.evaluate(moved)[0][n] - value[n]) / step
                assert slope.arrays()[key][n, k] == pytest.approx(rate, rel=room, abs=room), key


@pytest.mark.parametrize("functions", [*([f] for f in FUNCTIONS), list(FUNCTIONS)], ids=lambda fs: repr(fs)[:20])
def test_bounds_of_any_parameters_hold(functions: list[Function]) -> None:
    rng = np.random.default_rng(13)
    for _ in range(8):
        problems = case(rng, functions)
        there = np.isfinite(problems.constant)
        values = problems.view.forward(points(rng, problems.view.box(), 500))
        for at in (default_parameters(problems), somewhere(rng, problems)):
            found = rigorous(problems, at)
            plain = Relaxed(problems).evaluate(at)[0]
            fine = np.isfinite(found.most)
            assert found.most[fine] == pytest.approx(plain[fine], rel=1e-6, abs=1e-6)
            for n in range(problems.count):
                inside = on_its_side(problems, values, n)
                rows = np.where(there[n], problems.constant[n], 0.0)
                rows = rows + sum(values[name] @ part[n].T for name, part in problems.rows.items())
                combined = np.where(there[n], rows * at.weights[n], 0.0).sum(axis=1)
                assert (combined[inside] <= found.most[n] + 1e-11 * (1 + np.abs(combined[inside]))).all()


@pytest.mark.parametrize("functions", [[Relu()], [Sigmoid()], [Tanh()], list(FUNCTIONS)], ids=lambda fs: repr(fs)[:20])
def test_steps_improve_and_what_comes_back_can_be_computed_again(functions: list[Function]) -> None:
    rng = np.random.default_rng(14)
    gains = []
    for _ in range(8):
        problems = case(rng, functions)
        start = default_parameters(problems)
        kept = {key: array.copy() for key, array in start.arrays().items()}
        before = rigorous(problems, start).most
        found = optimise(problems, STEPS, start, goal=-np.inf)
        assert all(np.array_equal(kept[key], array) for key, array in start.arrays().items())
        assert (found.most <= before + 1e-5 * (1 + np.abs(before))).all()  # parameters are float32 in the end
        again = rigorous(problems, found.parameters)
        assert np.array_equal(again.most, found.most)
        for key, array in found.parameters.arrays().items():
            assert np.array_equal(array.astype(np.float32).astype(np.float64), array)
            assert (array >= 0).all() and (key in "*" or (array <= 1).all())
        fine = np.isfinite(before)
        gains.append((before - found.most)[fine].sum())
    assert max(gains) > 1e-3


def test_a_split_needs_its_multiplier() -> None:
    """y = relu(w) - relu(z) - 0.2 with z = x and w = -x on [-1, 1], and the split z >= 0, which says nothing about w.

    y <= (w + 1) / 2 - z - 0.2 = 0.3 - 3/2 x, at most 1.8; with 3/2 of the split added, 0.3.
    """
    blocks: list[Block] = [Var.of("x", "real", (1,), -1.0, 1.0)]
    blocks += layer("z", {"x": Dense(np.array([[1.0], [-1.0]]))}, np.zeros(2))
    blocks += apply("h", Relu(), Arg("z"), size=2)
    blocks += layer("y", {"h": Dense(np.array([[-1.0, 1.0]]))}, np.array([-0.2]))
    view = NetView.of(Problem("net", tuple(blocks)))
    box = crown_bounds(view, view.box())
    none = np.zeros((1, 1), np.int64)
    splits = Splits(("z",), none, none, np.zeros((1, 1)), np.ones((1, 1), np.bool_))
    forms = Affine(np.zeros(1), {"y": Dense(np.ones((1, 1)))})
    low = (np.array([[0.0, -1.0]]), box["z"][1])
    problems = case_problems(view, forms, none, {**box, "z": low}, splits)
    assert rigorous(problems, default_parameters(problems)).most[0] == pytest.approx(1.8)
    found = optimise(problems, Schedule(steps=100), goal=-np.inf)
    assert found.most[0] == pytest.approx(0.3, abs=0.01)
    assert found.parameters.multipliers[0, 0] == pytest.approx(1.5, abs=0.05)


def test_rows_that_exclude_only_each_other() -> None:
    """x - 0.4 >= 0 and 0.3 - x >= 0 hold nowhere, though each holds somewhere: equal weights show it."""
    blocks: list[Block] = [Var.of("x", "real", (2,), 0.0, 1.0)]
    blocks += layer("y", {"x": Dense(np.eye(2))}, np.zeros(2))
    view = NetView.of(Problem("net", tuple(blocks)))
    forms = Affine(np.array([-0.8, 0.3, 0.0]), {"y": Dense(np.array([[2.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]))})
    box = crown_bounds(view, view.box())
    assert (row_bounds(view, forms, "dyadic", box).most > 0).all()
    found = optimise(case_problems(view, forms, np.array([[0, 1, 2]]), box), Schedule(steps=60))
    assert found.most[0] < 0
    weights = found.parameters.weights[0]
    assert weights[1] == pytest.approx(2 * weights[0], rel=0.3) and weights[2] < weights[0]


def test_problems_below_the_goal_stop_early_and_others_go_on() -> None:
    rng = np.random.default_rng(15)
    problems = case(rng, [Relu()], 12)
    alone = optimise(problems, STEPS, goal=-np.inf)
    goal = float(np.median(alone.most[np.isfinite(alone.most)]))
    together = optimise(problems, STEPS, goal=goal + 1e-6)
    reached = alone.most < goal
    assert (together.most[reached] < goal + 1e-5).all()
    assert together.most[~reached] == pytest.approx(alone.most[~reached], abs=1e-5)
    coarse = optimise(problems, STEPS, goal=-np.inf, grid=64)
    assert coarse.most == pytest.approx(alone.most, abs=0.1)
    for tilt in coarse.parameters.tilts.values():
        assert (tilt * 64 == np.rint(tilt * 64)).all()
    first = optimise(problems, STEPS, over=lambda: True)
    assert first.most == pytest.approx(rigorous(problems, default_parameters(problems)).most, abs=1e-5)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([[Relu()], [Sigmoid(), Tanh()], list(FUNCTIONS)]))
def test_improved_layers_hold_and_can_be_derived_again(seed: int, functions: list[Function]) -> None:
    rng = np.random.default_rng(seed)
    view = NetView.of(random_network(rng, functions))
    box = crown_bounds(view, view.box())
    found, tilts = optimise_layers(view, box, STEPS)
    values = view.forward(points(rng, view.box(), 1000))
    for name, (low, high) in found.items():
        room = 1e-12 * (1 + np.abs(values[name]))
        assert (values[name] >= low - room).all() and (values[name] <= high + room).all(), name
        assert (low >= box[name][0]).all() and (high <= box[name][1]).all(), name
    known = box
    for entry in tilts:
        known = derived(view, known, entry.block, entry.rows, entry.lower, entry.upper)
        known = crown_bounds(view, view.box(), known)
    for name in found:
        assert np.concatenate(known[name]) == pytest.approx(np.concatenate(found[name]), rel=1e-9, abs=1e-9), name


def derived(view: NetView, box: Box, name: str, rows: Array, *sides: dict[str, Array]) -> dict[str, Bounds]:
    """Bounds of elements with given tilts, row by row."""
    low, high = (np.array(side) for side in box[name])
    for k, element in enumerate(rows):
        for sign, tilts in zip((-1.0, 1.0), sides, strict=True):
            unit = np.zeros((1, low.shape[1]))
            unit[0, int(element)] = sign
            chosen = {key: tilt[k : k + 1] for key, tilt in tilts.items()}
            most = row_bounds(view, Affine(np.zeros(1), {name: Dense(unit)}), "dyadic", box, chosen).most[0, 0]
            if sign > 0:
                high[0, element] = min(high[0, element], most)
            else:
                low[0, element] = max(low[0, element], -most)
    return {**box, name: (low, high)}
