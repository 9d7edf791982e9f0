"""Slope trees as certificates: what they prove, and that no tampering makes them prove too much."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import slope_cases as slopes
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.ir.arrays_text import packed
from isinglass.ir.certificates.slope_tree import tree_upper, upper
from isinglass.ir.errors import InputError
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.relu import Relu
from isinglass.ir.slope_proof.ranges import confirmed, own_ranges
from isinglass.ir.slope_reader import slope_form
from isinglass.ir.slope_tree import SlopeTree
from isinglass.ir.tasks import Bound

Array = Any
FUNCTIONS = [*slopes.PIECEWISE, *slopes.SMOOTH]


def small_task(seed: int, norm: str = "linf", free: bool = True) -> Bound:
    rng = np.random.default_rng([61, seed])
    problem = slopes.chain(rng, [(3, 4, 3, 2), (2, 3, 2, 2, 2), (4, 6, 2)][seed % 3], FUNCTIONS[seed % 6])
    return slopes.task_of(problem, np.array([[1.0, -1.0], [0.5, 2.0]]), norm, free)


def test_a_tree_comes_back_as_it_was_written() -> None:
    form = slope_form(small_task(0))
    tree = slopes.tree_of(form, [2, 5])
    tree = replace(tree, outer=tree.outer.astype(np.float32), ranges=(np.full(7, -np.inf), np.arange(7.0)))
    again = SlopeTree.from_plain(json.loads(json.dumps(tree.to_plain())))
    assert (again.units, again.inputs, again.norm, again.leaves) == (7, 3, "linf", 4)
    for name in ("unit", "outer", "multiplier"):
        np.testing.assert_array_equal(getattr(again, name), getattr(tree, name))
    assert again.outer.dtype == np.float32 and again.ranges is not None
    np.testing.assert_array_equal(again.ranges, tree.ranges)
    fixed = np.array(list(again.fixed()))
    np.testing.assert_array_equal(fixed[:, [2, 5]], [[0, 0], [0, 1], [1, 0], [1, 1]])
    assert np.isnan(np.delete(fixed, [2, 5], axis=1)).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("seed", range(12))
def test_trees_prove_bounds_and_deeper_ones_better(seed: int, norm: str) -> None:
    task = small_task(seed, norm, free=seed % 2 == 0)
    ranges = None if seed % 2 == 0 else own_ranges(task)
    form = slope_form(task, ranges)
    for k in range(2):
        true = slopes.greatest(form, k, norm)
        found = []
        for units in ((), range(2), range(form.units)):
            tree = replace(slopes.tree_of(form, units, k, norm), ranges=ranges)
            found.append(upper(task, k, tree.to_plain()))
        assert true * (1 - 1e-12) <= found[2] <= true * (1 + 1e-9) + 1e-150
        assert found[2] <= found[1] * (1 + 1e-9) and found[1] <= found[0] * 1.05 and found[0] < 3 * true + 1e-9


def test_a_box_makes_constants_smaller() -> None:
    rng = np.random.default_rng(3)
    problem = slopes.chain(rng, (3, 6, 4, 2), Relu(), radius=0.2)
    wide, local = (slopes.task_of(problem, np.eye(2), "linf", free) for free in (True, False))
    ranges = own_ranges(local)
    proved = upper(wide, 0, slopes.tree_of(slope_form(wide), ()).to_plain())
    tree = slopes.tree_of(slope_form(local, ranges), ())
    near = upper(local, 0, replace(tree, ranges=ranges).to_plain())
    assert near < 0.95 * proved
    assert upper(local, 0, slopes.tree_of(slope_form(wide), ()).to_plain()) == proved  # global ones hold in the box
    assert own_ranges(wide)[0].max() == -np.inf


def test_claimed_ranges_only_widen() -> None:
    task = small_task(1, free=False)
    low, high = own_ranges(task)
    zero = np.zeros_like(low)
    narrowed = confirmed(task, (zero, zero))
    assert (narrowed[0] <= low).all() and (narrowed[1] >= high).all()
    wider = confirmed(task, (low - 1, high + 1))
    np.testing.assert_array_equal(wider, (low - 1, high + 1))
    rng = np.random.default_rng(1)
    x = rng.uniform(task.problem.vars["x"].lower, task.problem.vars["x"].upper, (500, 2))
    from isinglass.compiler.networks.view import NetView

    values = NetView.of(task.problem).forward({"x": x})
    arguments = np.concatenate([values[f"z{k}"] for k in range(3)], axis=1)
    assert (arguments >= low).all() and (arguments <= high).all()


def test_other_networks_norms_and_quantities_are_rejected() -> None:
    task = small_task(0)
    plain = slopes.tree_of(slope_form(task), ()).to_plain()
    for other in (small_task(1), small_task(0, "l2"), replace(task, quantity="inf-to-one")):
        with pytest.raises(InputError):
            upper(other, 0, plain)
    with pytest.raises(InputError):
        upper(task, 2, plain)


def faulty(plain: dict[str, Any]) -> list[dict[str, Any]]:
    whole = np.ones((1, 7))
    leaf, bad = np.array([-1]), np.full((1, 7), np.nan)
    changes: list[dict[str, Any]] = [
        {"kind": "spin-tree"}, {"units": 8}, {"units": 7.0}, {"units": True}, {"inputs": -1}, {"norm": "l1"},
        {"norm": ["linf"]}, {"unit": packed(np.array([0, -1]))}, {"unit": packed(np.array([7, -1, -1]))},
        {"unit": packed(np.array([-1, -1]))}, {"unit": packed(np.zeros(0, np.int64))}, {"unit": packed(np.array([-2]))},
        {"unit": packed(leaf.astype(np.float64))}, {"outer": packed(np.ones((1, 2)))}, {"multiplier": packed(bad)},
        {"multiplier": packed(-whole)}, {"multiplier": packed(np.full((1, 7), np.inf))}, {"outer": [1.0]},
        {"outer": packed(np.full((1, 3), -1.0))}, {"low": packed(np.zeros(7))}, {"more": 1},
        {"low": packed(np.zeros(7)), "high": packed(np.zeros(6))},
        {"low": packed(np.zeros(7)), "high": packed(bad[0])},
    ]  # fmt: skip
    missing = [{key: value for key, value in plain.items() if key != name} for name in plain]
    return [{**plain, **change} for change in changes] + missing


def test_malformed_certificates_are_rejected() -> None:
    task = small_task(0)
    plain = slopes.tree_of(slope_form(task), ()).to_plain()
    assert np.isfinite(upper(task, 0, plain))
    for wrong in [*faulty(plain), [], None]:
        with pytest.raises(InputError):
            upper(task, 0, wrong)  # type: ignore[arg-type]
    twice = np.array([0, -1, 0, -1, -1])
    tree = SlopeTree(7, 3, "linf", twice, np.ones((3, 3)), np.ones((3, 7)))
    with pytest.raises(InputError, match="split twice"):
        upper(task, 0, tree.to_plain())


@settings(max_examples=120, derandomize=True, deadline=None)
@given(st.data())
def test_tampered_trees_never_prove_too_much(data: st.DataObject) -> None:
    seed, norm = data.draw(st.integers(0, 11)), data.draw(st.sampled_from(["linf", "l2"]))
    splits = data.draw(st.sampled_from([(), (0,), (1, 3), (4, 0, 2)]))
    task, own, true, tree = prepared(seed, norm, data.draw(st.booleans()), splits)
    unit, outer, inner = tree.unit.copy(), tree.outer.copy(), tree.multiplier.copy()
    for array in (outer, inner):
        for _ in range(data.draw(st.integers(0, 3))):
            place = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
            size = data.draw(st.sampled_from([0.0, 1e-300, 1e-9, 1.0, 1e9, 1e300]))
            array[place] = size * data.draw(st.floats(0.1, 2))
    if splits and data.draw(st.booleans()):
        unit[data.draw(st.sampled_from(np.flatnonzero(unit >= 0).tolist()))] = data.draw(st.integers(0, tree.units - 1))
    shift, zero = data.draw(st.sampled_from([0.0, 0.5, 1e9])), np.zeros(tree.units)
    changed = (own[0] + shift, own[1] - shift), (own[0] - shift, own[1] + shift), (zero + shift, zero - shift)
    ranges = data.draw(st.sampled_from([None, own, *changed]))
    try:
        found = upper(task, 0, SlopeTree(tree.units, tree.inputs, norm, unit, outer, inner, ranges).to_plain())
    except InputError:
        return
    assert found >= true * (1 - 1e-12)


@cache
def prepared(seed: int, norm: str, free: bool, splits: tuple[int, ...]) -> tuple[Bound, Array, float, SlopeTree]:
    """A task, the ranges of its units, a constant that it reaches, and a tree that is sound."""
    task = small_task(seed, norm, free)
    own = own_ranges(task)
    form = slope_form(task, own)
    true = max(slopes.greatest(form, 0, norm), reached(task, norm))
    return task, own, true, slopes.tree_of(form, splits, 0, norm, 1.0)


def reached(task: Bound, norm: str) -> float:
    """The steepest gradient at some points of the box."""
    from isinglass.compiler.networks.view import NetView

    x = task.problem.vars["x"]
    low, high = np.nan_to_num(x.lower, neginf=-2.0), np.nan_to_num(x.upper, posinf=2.0)
    view = NetView.of(task.problem)
    values = view.forward({"x": np.random.default_rng(0).uniform(low, high, (50, x.size))})
    seeds = {"y": np.tile(task.functionals[0], (50, 1))}
    return max(slopes.size_of(row, norm) for row in view.backward(values, seeds)["x"])


def test_a_missing_leaf_is_no_tree() -> None:
    form = slope_form(small_task(0))
    tree = slopes.tree_of(form, [0])
    for unit in (tree.unit[:2], tree.unit[1:], np.array([0, -1, -1, -1])):
        broken = replace(tree, unit=unit)
        with pytest.raises(InputError):
            SlopeTree.from_plain(broken.to_plain())
    short = replace(tree, outer=tree.outer[:1])
    with pytest.raises(InputError):
        SlopeTree.from_plain(short.to_plain())


def test_numbers_of_another_functional_are_sound() -> None:
    rng = np.random.default_rng(9)
    task = slopes.task_of(slopes.residual(rng, LeakyRelu(0.1)), rng.normal(size=(3, 2)))
    form = slope_form(task)
    for k in range(3):
        true = slopes.greatest(form, k)
        for other in range(3):
            assert tree_upper(form, k, "linf", slopes.tree_of(form, [0, 4], other)) >= true * (1 - 1e-12)
