"""The portfolio: order of its searches, turns, limits, what its answers say."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import verification_cases as cases
from test_bisect import saw
from test_branch import ask_about, dense_task

from isinglass.api import Tools, prove
from isinglass.compiler.drivers.verify import Verify, searches
from isinglass.compiler.search import portfolio
from isinglass.compiler.search.begin import begin
from isinglass.compiler.search.bisection import Bisection
from isinglass.compiler.search.branching import Branching
from isinglass.compiler.search.clock import Clock
from isinglass.compiler.search.inquiry import Inquiry
from isinglass.facade.checks import check_prove
from isinglass.ir.answers import Answer
from isinglass.ir.errors import Refused
from isinglass.ir.protocols import Event, Limits
from isinglass.ir.tasks import Prove

Array = Any
METHODS = ["verify", "bisect", "branch", "milp", "milp-prove"]


def wide(seed: int, folder: Path, inputs: int, shift: float) -> Prove:
    """y0 >= y1 + shift on a box of many inputs."""
    network, _ = dense_task(seed, folder, inputs, 12)
    low, high = np.full((1, inputs), -0.5), np.full((1, inputs), 0.5)
    return ask_about(network, np.array([[1.0, -1.0, 0.0]]), np.array([-shift]), np.array([0, 1]), low, high)


def inquiry_of(task: Prove, timeout: float | None = None) -> Inquiry:
    return begin(task, Tools("highs", task), Limits(timeout))


@pytest.mark.parametrize("method", METHODS)
def test_no_time_at_all(method: str, tmp_path: Path) -> None:
    answer = prove(saw(3, 1.01, tmp_path), {"method": method}, Limits(0.0), None)
    assert (answer.status, answer.time_limited, answer.certificate) == ("timeout", True, None)
    assert answer.detail == ("case 0: open",)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers(method: str, tmp_path: Path) -> None:
    safe, unsafe = saw(2, 1.01, tmp_path), saw(2, 0.9, tmp_path)
    events: list[Event] = []
    answer = prove(safe, {"method": method}, Limits(60.0), events.append)
    assert answer.status == "unsat" and answer.basis == ("solver-word" if "milp" in method else "certificate")
    assert check_prove(safe, answer).verdict == ("solver-word" if "milp" in method else "accepted")
    assert events and all(isinstance(event, Event) for event in events)
    assert {"attack", "witness"} <= answer.timings.keys() and all(s >= 0 for s in answer.timings.values())
    found = prove(unsafe, {"method": method}, Limits(60.0), None)
    assert (found.status, found.arithmetic) == ("sat", "both")
    assert check_prove(unsafe, found).verdict == "witness-only"


def test_unknown_methods_are_refused(tmp_path: Path) -> None:
    for method in ("transfer", "incumbent", "certify-milp"):
        with pytest.raises(Refused, match="verify, bisect, branch, lipschitz, milp"):
            prove(saw(2, 1.01, tmp_path), {"method": method}, Limits(1.0), None)


def test_the_default_is_the_portfolio(tmp_path: Path) -> None:
    task = saw(6, 1.01, tmp_path, 2)
    one, two = (prove(task, options, Limits(), None) for options in ({}, {"method": "verify"}))
    assert one.certificate == two.certificate and one.detail == two.detail
    assert one.detail[0].startswith("case 0: excluded by bounds on")


def test_what_goes_first(tmp_path: Path) -> None:
    kinds = {n: [type(one) for one in searches(inquiry_of(wide(0, tmp_path, n, 100.0)))] for n in (3, 14, 15, 41)}
    assert kinds == {3: [Bisection, Branching], 14: [Bisection, Branching], 15: [Branching, Bisection], 41: [Branching]}
    task = wide(0, tmp_path, 41, 100.0)
    low, high = task.unsafe.lower.copy(), task.unsafe.upper.copy()
    low[0, 3:] = 0.1  # a decimal that floats enclose
    high[0, 3:] = np.nextafter(0.1, 1.0)
    narrow = replace(task, unsafe=replace(task.unsafe, lower=low, upper=high, inner_lower=low, inner_upper=high))
    assert [type(one) for one in searches(inquiry_of(narrow))] == [Bisection, Branching]


@pytest.mark.parametrize("inputs", [20, 45])
def test_many_inputs(inputs: int, tmp_path: Path) -> None:
    """Safe by branching, with a certificate, and unsafe where a point is known."""
    task = wide(1, tmp_path, inputs, 0.0)
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (4000, inputs))
    values = inquiry_of(task).view.forward({"x": np.where(x > 0, 0.5, -0.5)})["y"]
    most = float((values[:, 0] - values[:, 1]).max())
    below = wide(1, tmp_path, inputs, most - 0.1)
    assert prove(below, {}, Limits(60.0), None).status == "sat"
    above = wide(1, tmp_path, inputs, 2 * abs(most) + 20.0)
    answer = prove(above, {}, Limits(60.0), None)
    assert (answer.status, answer.basis) == ("unsat", "certificate")
    assert check_prove(above, answer).verdict == "accepted"


def test_more_cases_than_are_told(tmp_path: Path) -> None:
    answer = prove(saw(30, 1.01, tmp_path, 30), {}, Limits(60.0), None)
    assert answer.status == "unsat" and len(answer.detail) == 21 and answer.detail[-1].startswith("10 further cases")
    assert Answer.from_json(answer.to_json()).certificate == answer.certificate


def test_nothing_to_prove(tmp_path: Path) -> None:
    task = saw(2, 1.01, tmp_path)
    none = replace(task, unsafe=task.unsafe.pick(np.zeros(0, np.int64)))
    answer = prove(none, {}, Limits(0.0), None)
    assert (answer.status, answer.basis) == ("unsat", "certificate")
    assert check_prove(none, answer).verdict == "accepted"


@pytest.mark.parametrize("seed", range(15))
def test_random_questions(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(3000 + seed)
    asked = cases.random_question(rng, tmp_path, cases.LINEAR + cases.JUMPS + cases.SMOOTH, units=8)
    answer = prove(asked.task, {}, Limits(1.0), None)
    if answer.status == "unsat":
        assert not cases.unsafe_cases(asked, rng).any()
        assert check_prove(asked.task, answer).verdict in ("accepted", "solver-word")
    elif answer.status == "sat":
        assert check_prove(asked.task, answer).verdict == "witness-only"


# -- turns ------------------------------------------------------------------------------------------------------------


@dataclass
class Steps:
    """A search that takes ``count`` steps of a clock that only it moves."""

    name: str
    count: int
    log: list[str]
    time: list[float]
    inquiry: Inquiry
    settles: bool = False
    done: int = 0

    @property
    def progress(self) -> float:
        return self.done / self.count

    def run(self, clock: Clock) -> Generator[Event, None, None]:
        while self.done < self.count:
            if clock.over or self.inquiry.settled:
                return
            self.done += 1
            self.time[0] += 0.25
            self.log.append(self.name)
            yield Event(self.name)
        if self.settles:
            self.inquiry.open[:] = False


@dataclass
class World:
    inquiry: Inquiry
    log: list[str] = field(default_factory=list)
    time: list[float] = field(default_factory=lambda: [0.0])

    def steps(self, name: str, count: int, settles: bool = False) -> Steps:
        return Steps(name, count, self.log, self.time, self.inquiry, settles)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A portfolio whose time is moved by its searches alone, and whose attack and MILP stage only leave a note."""
    found = World(inquiry_of(saw(2, 1.01, tmp_path)))

    class Asked:
        def __init__(self, inquiry: Inquiry, most: float = np.inf) -> None:
            pass

        def run(self, clock: Clock) -> Generator[Event, None, None]:
            found.log.append("milp")
            yield Event("milp")

    monkeypatch.setattr(portfolio, "perf_counter", lambda: found.time[0])
    monkeypatch.setattr(portfolio, "attack", lambda *args, **effort: found.log.append("attack"))
    monkeypatch.setattr(portfolio, "Milp", Asked)
    return found


def test_the_search_that_promises_to_end_first_gets_the_turns(world: World) -> None:
    list(portfolio.play(world.inquiry, [world.steps("slow", 400), world.steps("fast", 40, settles=True)], milp=False))
    assert world.log.count("fast") == 40 and world.log.count("slow") <= 12
    assert world.inquiry.settled and not math.isinf(world.time[0])
    assert 1 <= world.log.count("attack") <= 3


def test_the_milp_stage_comes_once_and_last_where_all_is_done(world: World) -> None:
    list(portfolio.play(world.inquiry, [world.steps("one", 3)]))
    assert world.log == ["one"] * 3 + ["milp"]


def test_a_search_that_settles_ends_the_play(world: World) -> None:
    list(portfolio.play(world.inquiry, [world.steps("one", 2, settles=True), world.steps("two", 5)]))
    assert world.log == ["one", "one"]


def test_drivers_may_be_iterated(tmp_path: Path) -> None:
    task = saw(2, 1.01, tmp_path)
    *events, answer = Verify(task, Tools("highs", task), Limits())
    assert isinstance(answer, Answer) and answer.status == "unsat" and isinstance(events[0], Event)
