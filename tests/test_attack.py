"""The search for counterexamples by points: margins and gradients, boxes, cases, starts, deadlines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import verification_cases as cases
from networks import save

from isinglass.compiler.networks.attack import Attack, Candidates
from isinglass.compiler.networks.descent import OwnRows, slope
from isinglass.compiler.networks.view import NetView
from isinglass.compiler.search.clock import Clock
from isinglass.frontends.networks.properties import question
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.affine import Affine
from isinglass.ir.operators.dense import Dense
from isinglass.ir.protocols import Limits
from isinglass.ir.tasks import Prove
from isinglass.ir.unsafe import UnsafeSet

Array = Any


def asked(seed: int, folder: Path, kinds: Any = cases.LINEAR + cases.SMOOTH) -> Prove:
    return cases.random_question(np.random.default_rng(seed), folder, kinds).task


def points_of(task: Prove, seed: int, count: int = 30) -> tuple[Array, Array]:
    """Random points, each in the box of a random case."""
    rng = np.random.default_rng(seed)
    case = rng.integers(0, task.unsafe.count, count)
    region = task.unsafe.region[case]
    return rng.uniform(task.unsafe.lower[region], task.unsafe.upper[region]), case


@pytest.mark.parametrize("seed", range(12))
def test_margins_and_gradients(seed: int, tmp_path: Path) -> None:
    task = asked(seed, tmp_path)
    view = NetView.of(task.problem)
    points, case = points_of(task, seed)
    values, own = view.forward({"x": points}), OwnRows.of(task.unsafe, case)
    rows = own.value(values)
    expected = task.unsafe.margins(values)[np.arange(len(points)), case]
    assert np.allclose(own.margin(rows), expected, rtol=1e-12, atol=1e-12)

    weight = np.random.default_rng(seed).random(len(rows))
    found = slope(view, "x", values, own.seeds(weight, values))
    step, compared = 1e-6, 0
    for element in range(points.shape[1]):
        sides = []
        for sign in (1.0, -1.0):
            moved = points.copy()
            moved[:, element] += sign * step
            sides.append(np.bincount(own.point, weight * own.value(view.forward({"x": moved})), len(points)))
        middle = np.bincount(own.point, weight * rows, len(points))
        smooth = np.abs(sides[0] + sides[1] - 2 * middle) < 1e-8  # no kink between
        slopes = (sides[0] - sides[1]) / (2 * step)
        assert np.allclose(found[smooth, element], slopes[smooth], rtol=1e-4, atol=1e-4)
        compared += int(smooth.sum())
    assert compared > len(points) / 2


@pytest.mark.parametrize("seed", range(12))
def test_candidates_lie_in_their_boxes_and_tell_their_margins(seed: int, tmp_path: Path) -> None:
    task = asked(seed, tmp_path)
    view, unsafe = NetView.of(task.problem), task.unsafe
    found = Attack(view, "x", unsafe).run(seed)
    region = unsafe.region[found.case]
    assert ((found.points >= unsafe.inner_lower[region]) & (found.points <= unsafe.inner_upper[region])).all()
    margins = unsafe.margins(view.forward({"x": found.points}))[np.arange(len(found.case)), found.case]
    assert np.allclose(margins, found.margin, rtol=1e-9, atol=1e-9)
    assert (np.diff(found.margin) <= 0).all()
    assert set(found.case.tolist()) == set(range(unsafe.count))
    again = Attack(view, "x", unsafe).run(seed)
    assert np.array_equal(again.points, found.points), "one seed, one result"


def test_no_worse_than_many_random_points(tmp_path: Path) -> None:
    worse = []
    for seed in range(20):
        task = asked(seed, tmp_path)
        view = NetView.of(task.problem)
        points, case = points_of(task, seed, 500)
        random = task.unsafe.margins(view.forward({"x": points}))[np.arange(500), case].max()
        worse.append(Attack(view, "x", task.unsafe).run(0).margin[0] < min(random, 0.0))
    assert sum(worse) <= 1


def test_cases_whose_inner_box_is_empty_are_left_out(tmp_path: Path) -> None:
    task = next(t for t in (asked(seed, tmp_path) for seed in range(50)) if len(set(t.unsafe.region.tolist())) > 1)
    view, unsafe = NetView.of(task.problem), task.unsafe
    upper = unsafe.inner_upper.copy()
    upper[0] = np.nextafter(unsafe.inner_lower[0], -np.inf)
    some = Attack(view, "x", replace(unsafe, inner_upper=upper))
    points, case = points_of(task, 0)
    for found in (some.run(0), some.improve(points), some.push(points, case)):
        assert len(found.case) and (unsafe.region[found.case] != 0).all()
    upper[:] = np.nextafter(unsafe.inner_lower, -np.inf)
    assert not len(Attack(view, "x", replace(unsafe, inner_upper=upper)).run(0).case)


def plateau(folder: Path) -> Prove:
    """y0 = relu(x0 - 0.9) and y1 = 0.02 relu(x1 - 0.5): y0 >= 0.05 holds at one end only, and is flat elsewhere."""
    layers = [(np.eye(2), np.array([-0.9, -0.5])), (np.diag([1.0, 0.02]), np.zeros(2))]
    rows = Affine(np.array([-0.05]), {"y": Dense(np.array([[1.0, 0.0]]))})
    box = np.array([[-10.0, -10.0]]), np.array([[1.0, 1.0]])
    one = np.zeros(1, np.int64)
    unsafe = UnsafeSet(rows, np.zeros(1, bool), np.array([0, 1]), one, *box, *box, "dyadic", ("case",))
    return question(read_network(save(folder / "net.onnx", layers)), unsafe, "claim")


def test_push_goes_strictly_inside(tmp_path: Path) -> None:
    task = plateau(tmp_path)
    attack = Attack(NetView.of(task.problem), "x", task.unsafe)
    assert attack.run(0).margin[0] > 0.01, "corners reach the end"
    pushed = attack.push(np.array([[0.93, 0.0]]), np.zeros(1, np.int64))
    assert pushed.margin[0] > 1e-5


def test_no_step_after_the_deadline(tmp_path: Path) -> None:
    task = plateau(tmp_path)
    attack = Attack(NetView.of(task.problem), "x", task.unsafe)
    start = Candidates(np.array([[0.0, 0.0]]), np.zeros(1, np.int64), np.zeros(1))
    found = attack.climb(start, 1000, Clock(Limits(timeout=0.0)))
    assert np.array_equal(found.points, start.points) and found.margin[0] == -0.05
