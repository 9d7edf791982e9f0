"""What a search may claim when it is cut short: by a witness, by other searches that settle cases, by single points."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import verification_cases as cases
from networks import save

from isinglass.backends.highs_session import open_lp
from isinglass.compiler.networks.view import NetView
from isinglass.compiler.search import bisection
from isinglass.compiler.search.bisection import Bisection
from isinglass.compiler.search.branching import Branching
from isinglass.compiler.search.clock import Clock
from isinglass.compiler.search.inquiry import Inquiry
from isinglass.compiler.search.root import bounded
from isinglass.frontends.networks.properties import question
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.affine import Affine
from isinglass.ir.case_tree import CaseTree
from isinglass.ir.certificates.case_tree import refuted
from isinglass.ir.operators.dense import Dense
from isinglass.ir.protocols import Limits
from isinglass.ir.tasks import Prove
from isinglass.ir.unsafe import UnsafeSet

Array = Any
NO_LIMIT = Limits()


def started(task: Prove) -> Inquiry:
    tools = SimpleNamespace(milp=None, open_lp=open_lp, runner=None)
    return Inquiry.of(task, tools, NO_LIMIT, NetView.of(task.problem), 1e9)


def hat(folder: Path, limits: Array, rows: Array, boxes: Array, strict: bool = False) -> Prove:
    """y = |x| as relu(x) + relu(-x); a case for each limit: y >= limit, times ``rows`` 1 or -1, on its own box."""
    layers = [(np.array([[1.0, -1.0]]), np.zeros(2)), (np.ones((2, 1)), np.zeros(1))]
    count = len(limits)
    forms = Affine(-rows * limits, {"y": Dense(rows[:, None])})
    low, high = boxes[:, :1], boxes[:, 1:]
    unsafe = UnsafeSet(
        forms, np.full(count, strict), np.arange(count + 1), np.arange(count), low, high, low, high, "dyadic",
        tuple(f"case {k}" for k in range(count)),
    )  # fmt: skip
    return question(read_network(save(folder / "net.onnx", layers)), unsafe, "claim")


def run(inquiry: Inquiry, search: Bisection | Branching, events: int = 10_000) -> bool:
    """At most so many events; whether the search ended."""
    return sum(1 for _ in islice(search.run(Clock(inquiry.limits, 20.0)), events)) < events


def test_a_witness_excludes_no_other_case(tmp_path: Path) -> None:
    """The first batch of boxes finds the witness of one case and drops the boxes of the other."""
    boxes = np.array([[-1.0, 1.0], [-1.0, 1.0]])
    task = hat(tmp_path, np.array([0.5, 0.1]), np.array([1.0, -1.0]), boxes)
    inquiry = started(task)
    assert run(inquiry, Bisection(inquiry))
    assert inquiry.witness is not None and not inquiry.told and not inquiry.forests
    assert inquiry.answer().status == "sat" and not any("excluded" in line for line in inquiry.answer().detail)


@pytest.mark.parametrize("kind", [Bisection, Branching])
@pytest.mark.parametrize("seed", range(12))
def test_cases_settled_by_others_are_left_out(kind: Any, seed: int, tmp_path: Path) -> None:
    """Between events others settle cases: trees tell of the rest only, and the checker accepts every one of it."""
    rng = np.random.default_rng(seed)
    asked = cases.random_question(rng, tmp_path, cases.LINEAR + cases.JUMPS + cases.SMOOTH, units=8)
    unsafe = asked.task.unsafe
    task = replace(asked.task, unsafe=unsafe.pick(np.tile(np.arange(unsafe.count), 3)))
    inquiry = started(task)
    steps = kind(inquiry).run(Clock(NO_LIMIT, 1.0))
    taken: list[int] = []
    for _ in range(6):
        left = np.flatnonzero(inquiry.open)
        if next(steps, None) is None or not len(left):
            break
        case = int(rng.choice(left))
        inquiry.open[case] = False  # someone else's word
        taken.append(case)
    for _ in steps:
        pass
    told = [case for some in inquiry.told.values() for case in some]
    assert len(set(told)) == len(told) and not set(told) & set(taken)
    accepted = refuted(task, CaseTree(tuple(inquiry.forests)).to_plain())
    assert set(np.flatnonzero(accepted).tolist()) >= set(told)
    wrong = cases.unsafe_cases(asked, rng)
    assert not any(wrong[case % unsafe.count] for case in told)


def test_single_points_stay_open(tmp_path: Path) -> None:
    """A strict tie on boxes of one point and of two neighbours: halving ends, and nothing is claimed of these."""
    one = np.array([1.0, 1.0])
    boxes = np.array([one, [1.0, np.nextafter(1.0, 2)], [2.0, 3.0]])
    limits = np.array([1.0 - 2.0**-53, 1.0, 4.0])
    task = hat(tmp_path, limits, np.ones(3), boxes, strict=True)
    for kind in (Bisection, Branching):
        inquiry = started(task)
        inquiry.look = lambda points, case, margin: False  # type: ignore[method-assign]
        assert run(inquiry, kind(inquiry))
        assert inquiry.open.tolist() == [True, True, False]
        assert refuted(task, CaseTree(tuple(inquiry.forests)).to_plain()).tolist() == [False, False, True]


def test_no_more_nodes_than_a_certificate_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bisection, "NODES", 5)
    task = hat(tmp_path, np.array([1.0]), np.ones(1), np.array([[-1.0, 1.0]]), strict=True)
    inquiry = started(task)
    assert run(inquiry, Bisection(inquiry))
    assert inquiry.open.all() and any("nodes" in note for note in inquiry.notes)


def test_many_cases_take_tables_of_bounded_size(tmp_path: Path) -> None:
    """30,000 thresholds on one output: no table of all points and all cases; the possible ones are found."""
    count = 30_000
    boxes = np.array([[-1.0, 1.0]])
    task = hat(tmp_path, np.array([0.5]), np.ones(1), boxes)
    forms = Affine(np.linspace(-3.0, -1.5, count), {"y": Dense(np.ones((count, 1)))})
    unsafe = replace(
        task.unsafe, forms=forms, strict=np.zeros(count, bool), start=np.arange(count + 1),
        region=np.zeros(count, np.int64), texts=("",) * count,
    )  # fmt: skip
    inquiry = started(replace(task, unsafe=unsafe))
    bounded(inquiry, Branching(inquiry).claim, 0, Clock(NO_LIMIT))
    assert inquiry.witness is None and not inquiry.open.any()
    reachable = replace(unsafe, forms=Affine(forms.offset + 2.0, forms.parts))
    inquiry = started(replace(task, unsafe=reachable))
    bounded(inquiry, Branching(inquiry).claim, 0, Clock(NO_LIMIT))
    assert inquiry.witness is not None
