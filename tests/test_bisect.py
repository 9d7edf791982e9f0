"""Bisection of inputs: its parts against plain references, its verdicts and trees through the checker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import verification_cases as cases
from networks import save

from isinglass.api import prove
from isinglass.compiler.bounds.crown import crown_bounds
from isinglass.compiler.bounds.rows import row_bounds
from isinglass.compiler.networks.view import NetView
from isinglass.compiler.search.bisection import contracted
from isinglass.compiler.search.claim import Claim
from isinglass.compiler.search.recorder import Leaves, Recorder, preorder
from isinglass.compiler.search.smear import Smear
from isinglass.compiler.search.states import Stack
from isinglass.facade.checks import check_prove
from isinglass.frontends.networks.properties import question
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.affine import Affine
from isinglass.ir.answers import Answer
from isinglass.ir.operators.dense import Dense
from isinglass.ir.protocols import Limits
from isinglass.ir.tasks import Prove
from isinglass.ir.unsafe import UnsafeSet

Array = Any
ALL = cases.LINEAR + cases.JUMPS + cases.SMOOTH


def bisect(task: Prove, timeout: float | None = 20.0, **options: Any) -> Answer:
    return prove(replace(task, options=options), {"method": "bisect"}, Limits(timeout), None)


def saw(teeth: int, limit: float, folder: Path, boxes: int = 1) -> Prove:
    """y = a zigzag between 0 and 1 over [0, teeth], cut into boxes; unsafe where y >= ``limit`` (a case for each)."""
    kinks = np.arange(0, 2 * teeth) / 2
    sizes = np.concatenate([[2.0], np.where(np.arange(1, 2 * teeth) % 2, -4.0, 4.0)])
    layers = [(np.ones((1, len(kinks))), -kinks), (sizes[:, None], np.zeros(1))]
    ends = np.linspace(0.0, teeth, boxes + 1)
    rows = Affine(np.full(boxes, -limit), {"y": Dense(np.ones((boxes, 1)))})
    box = ends[:-1, None], ends[1:, None]
    each = np.arange(boxes)
    unsafe = UnsafeSet(
        rows, np.zeros(boxes, bool), np.arange(boxes + 1), each, *box, *box, "dyadic", [f"case {k}" for k in each]
    )
    return question(read_network(save(folder / "net.onnx", layers)), unsafe, "claim")


@pytest.mark.parametrize("boxes", [1, 3])
def test_zigzag(boxes: int, tmp_path: Path) -> None:
    safe = saw(6, 1.01, tmp_path, boxes)
    answer = bisect(safe)
    assert (answer.status, answer.basis) == ("unsat", "certificate")
    assert len(answer.detail) == boxes and all("boxes" in line for line in answer.detail)
    assert check_prove(safe, answer).verdict == "accepted"
    assert check_prove(saw(6, 0.98, tmp_path, boxes), answer).verdict == "rejected", "there are such points"
    found = bisect(saw(6, 0.99, tmp_path, boxes))
    assert found.status == "sat" and check_prove(saw(6, 0.99, tmp_path, boxes), found).verdict == "witness-only"


def test_ties_at_single_points_stay_open(tmp_path: Path) -> None:
    """The top of the zigzag is exactly 1 at points that halving reaches: > 1 holds nowhere, bounds can't tell."""
    task = saw(2, 1.0, tmp_path)
    strict = replace(task, unsafe=replace(task.unsafe, strict=np.ones(1, bool)))
    assert bisect(strict, 0.5).status != "sat"
    assert bisect(task).status == "sat"


def test_the_memory_is_limited(tmp_path: Path) -> None:
    answer = bisect(saw(40, 1.0001, tmp_path), memory=1e-6)
    assert answer.status == "unknown" and any("memory" in line for line in answer.detail)


def test_one_seed_one_answer(tmp_path: Path) -> None:
    one, two = (bisect(saw(6, 1.01, tmp_path)) for _ in range(2))
    assert one.certificate == two.certificate


@pytest.mark.parametrize("seed", range(25))
def test_random_questions(seed: int, tmp_path: Path) -> None:
    """Every activation, several regions, cases with several rows: against points that are proved to be unsafe."""
    rng = np.random.default_rng(seed)
    asked = cases.random_question(rng, tmp_path, ALL, units=6)
    answer = bisect(asked.task, 1.0)
    if answer.status == "unsat":
        assert not cases.unsafe_cases(asked, rng).any()
        assert check_prove(asked.task, answer).verdict == "accepted"
    elif answer.status == "sat":
        assert check_prove(asked.task, answer).verdict == "witness-only"


def test_most_of_them_are_decided(tmp_path: Path) -> None:
    found = []
    for seed in range(100, 112):
        task = cases.random_question(np.random.default_rng(seed), tmp_path, ("relu",), units=6).task
        found.append(bisect(task, 1.0).status)
    assert sum(status in ("sat", "unsat") for status in found) >= 9


# -- parts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_contraction_keeps_every_unsafe_point(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    task = cases.random_question(rng, tmp_path, ALL).task
    view, unsafe = NetView.of(task.problem), task.unsafe
    mine = np.flatnonzero(unsafe.region == unsafe.region[0])
    own = unsafe.pick(mine)
    low, high = (side[[unsafe.region[0]]] for side in (unsafe.lower, unsafe.upper))
    box = crown_bounds(view, {"x": (low, high)})
    found = row_bounds(view, own.forms, own.reading, box)
    alive = ~own.excluded(found.most)
    narrow = contracted(low, high, found.slope, np.arange(own.forms.size), found.most, own.start[:-1], alive)
    points = rng.uniform(low, high, (20000, low.shape[1]))
    holds = (own.margins(view.forward({"x": points})) >= 0).any(axis=1)
    inside = ((points >= narrow[0]) & (points <= narrow[1])).all(axis=1) & ~narrow[2][0]
    assert not (holds & ~inside).any()


@pytest.mark.parametrize("seed", range(12))
def test_smear_bounds_how_much_rows_change(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    task = cases.random_question(rng, tmp_path, cases.LINEAR[:4] + cases.SMOOTH).task
    view, unsafe = NetView.of(task.problem), task.unsafe
    low, high = unsafe.lower[:1], unsafe.upper[:1]
    rows = unsafe.forms.size
    box = {name: (np.repeat(a, rows, axis=0), np.repeat(b, rows, axis=0))
           for name, (a, b) in crown_bounds(view, {"x": (low, high)}).items()}  # fmt: skip
    strength = Smear(view, "x", unsafe).strength(box, np.eye(rows))
    points = rng.uniform(low, high, (200, low.shape[1]))
    here = unsafe.forms.value(view.forward({"x": points}))
    for element in range(low.shape[1]):
        moved = points.copy()
        moved[:, element] = rng.uniform(low[0, element], high[0, element], len(points))
        distance = np.abs(moved[:, element] - points[:, element])
        change = np.abs(unsafe.forms.value(view.forward({"x": moved})) - here)
        assert (change <= strength[:, element] * distance[:, None] * (1 + 1e-9) + 1e-9).all()


def test_rows_with_one_direction_are_bounded_once(tmp_path: Path) -> None:
    task = saw(3, 0.5, tmp_path)
    view = NetView.of(task.problem)
    count = 40
    offset = np.linspace(-2, 1, count)
    forms = Affine(offset, {"y": Dense(np.where(np.arange(count)[:, None] % 2, 1.0, -1.0))})
    unsafe = replace(
        task.unsafe, forms=forms, strict=np.zeros(count, bool), start=np.arange(count + 1),
        region=np.zeros(count, np.int64), texts=[""] * count,
    )  # fmt: skip
    claim = Claim(view, unsafe)
    box = crown_bounds(view, {"x": (np.array([[0.0], [1.0]]), np.array([[0.7], [3.0]]))})
    rows = np.array([0, 3, 4, 7, 39])
    most, found, place = claim.most(box, rows)
    assert found.most.shape == (2, 2) and place.tolist() == [place[0], place[1], place[0], place[1], place[1]]
    plain = row_bounds(view, forms.rows(rows), "dyadic", box).most
    assert (most >= plain - 1e-12).all() and np.allclose(most, plain, atol=1e-9)
    assert np.array_equal(claim.excluded(most, rows), unsafe.excluded(claim.most(box, np.arange(count))[0])[:, rows])


def test_preorder() -> None:
    rng = np.random.default_rng(0)
    for roots in (1, 3):
        recorder, open_ = Recorder(roots), list(range(roots))
        children: dict[int, tuple[int, int]] = {}
        for _ in range(30):
            nodes = rng.choice(open_, size=min(len(open_), 3), replace=False)
            first = recorder.split(nodes, 0, nodes % 5, nodes / 2.0)
            for node, child in zip(nodes.tolist(), first.tolist(), strict=True):
                children[node] = (child, child + 1)
                open_.remove(node)
                open_ += [child, child + 1]
        recorder.close(Leaves(np.array(open_), {"h": np.array(open_, np.float32)[:, None]}))

        def walk(node: int, known: dict[int, tuple[int, int]]) -> list[int]:
            below = known.get(node, ())
            return [node, *(one for child in below for one in walk(child, known))]

        order = [node for root in range(roots) for node in walk(root, children)]
        child = np.array([children.get(node, (-1, -1))[0] for node in range(recorder.count)])
        assert preorder(child, np.arange(roots))[0].tolist() == order
        forest = recorder.forest([np.array([k]) for k in range(roots)], ("x",))
        inner = np.isin(order, list(children))
        assert np.array_equal(forest.leaf, ~inner)
        assert forest.value is not None and np.array_equal(forest.value[inner], np.array(order)[inner] / 2.0)
        assert np.array_equal(forest.tilts["h"][:, 0], np.array(order)[~inner]), "data of leaves in their order"


def test_the_stack_keeps_the_order() -> None:
    stack = Stack()
    stack.push({"k": np.arange(5), "share": np.ones(5)})
    stack.push({"k": np.arange(5, 7), "share": np.ones(2)})
    assert stack.pop(3)["k"].tolist() == [4, 5, 6] and stack.size == 4
    stack.push({"k": np.arange(7, 9), "share": np.ones(2)})
    assert stack.pop(100)["k"].tolist() == [0, 1, 2, 3, 7, 8] and stack.size == 0 and stack.bytes == 0
