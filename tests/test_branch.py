"""Branch and bound on phases: which splits are chosen, verdicts against points, trees through the checker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import verification_cases as cases
from networks import save
from test_prove import enumerated

from isinglass.api import prove
from isinglass.compiler.bounds.crown import crown_bounds
from isinglass.compiler.networks.view import NetView
from isinglass.compiler.search import branching
from isinglass.compiler.search.phases import Phases, split_value
from isinglass.facade.checks import check_prove
from isinglass.frontends.networks.properties import question
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.affine import Affine
from isinglass.ir.answers import Answer
from isinglass.ir.case_tree import CaseTree
from isinglass.ir.operators.dense import Dense
from isinglass.ir.protocols import Limits
from isinglass.ir.tasks import Prove
from isinglass.ir.unsafe import UnsafeSet

Array = Any
ALL = cases.LINEAR + cases.JUMPS + cases.SMOOTH


def branch(task: Prove, timeout: float | None = 20.0, **options: Any) -> Answer:
    return prove(replace(task, options=options), {"method": "branch"}, Limits(timeout), None)


def dense_task(seed: int, folder: Path, inputs: int = 12, hidden: int = 20) -> tuple[Prove, Any]:
    """A random net with one hidden layer and as many inputs as bisection has no hope with."""
    rng = np.random.default_rng(seed)
    layers = [(rng.normal(size=(inputs, hidden)), rng.normal(size=hidden)), (rng.normal(size=(hidden, 3)), np.zeros(3))]
    layers = [(w.astype(np.float32).astype(float), b.astype(np.float32).astype(float)) for w, b in layers]
    return read_network(save(folder / "net.onnx", layers)), layers


def ask_about(network: Any, rows: Array, offset: Array, start: Array, low: Array, high: Array) -> Prove:
    cases_ = len(start) - 1
    unsafe = UnsafeSet(
        Affine(offset, {"y": Dense(rows)}), np.zeros(len(rows), bool), start, np.zeros(cases_, np.int64), low, high,
        low, high, "dyadic", [f"case {k}" for k in range(cases_)],
    )  # fmt: skip
    return question(network, unsafe, "claim")


@pytest.mark.parametrize("seed", range(6))
def test_against_all_phases(seed: int, tmp_path: Path) -> None:
    """Three cases, one of them with two rows, on both sides of the greatest margin by a clear amount."""
    network, layers = dense_task(seed, tmp_path, 4, 7)
    low, high = np.full((1, 4), -1.0), np.full((1, 4), 1.0)
    rows = np.array([[1.0, -1.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    start = np.array([0, 1, 2, 4])
    most = [enumerated(layers, low[0], high[0], rows[a:b], np.zeros(b - a)) for a, b in ((0, 1), (1, 2), (2, 4))]
    shift = -np.repeat(most, [1, 1, 2])
    safe = branch(ask_about(network, rows, shift - 1e-3, start, low, high))
    assert (safe.status, safe.basis) == ("unsat", "certificate")
    assert check_prove(ask_about(network, rows, shift - 1e-3, start, low, high), safe).verdict == "accepted"
    shift[seed % 2] += 2e-3
    open_ = ask_about(network, rows, shift - 1e-3, start, low, high)
    assert branch(open_).status == "sat"
    assert check_prove(open_, safe).verdict == "rejected", "this certificate belongs to another claim"


def test_trees_of_many_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for splits grows, trees have multipliers and tilts, a changed one is rejected or still a proof."""
    monkeypatch.setattr(branching, "DEPTH", 2)
    network, layers = dense_task(3, tmp_path, 4, 9)
    low, high = np.full((1, 4), -1.0), np.full((1, 4), 1.0)
    rows = np.array([[1.0, -1.0, 0.0]])
    most = enumerated(layers, low[0], high[0], rows, np.zeros(1))
    task = ask_about(network, rows, np.array([-most - 1e-4]), np.array([0, 1]), low, high)
    answer = branch(task)
    assert answer.status == "unsat" and answer.certificate is not None
    (forest,) = CaseTree.from_plain(answer.certificate).forests
    assert len(forest.block) > 31 and forest.bounds == "kept"
    assert forest.multipliers is not None and (forest.multipliers > 0).any()  # type: ignore[operator]
    assert check_prove(task, answer).verdict == "accepted"
    for change in ({"multipliers": forest.multipliers * 0}, {"tilts": {}}):  # type: ignore[operator]
        changed = replace(answer, certificate=CaseTree((replace(forest, **change),)).to_plain())
        assert check_prove(task, changed).verdict == "rejected"


@pytest.mark.parametrize("seed", range(25))
def test_random_questions(seed: int, tmp_path: Path) -> None:
    """Every activation, several regions, cases with several rows: against points that are proved to be unsafe."""
    rng = np.random.default_rng(1000 + seed)
    asked = cases.random_question(rng, tmp_path, ALL, units=6)
    answer = branch(asked.task, 1.0)
    if answer.status == "unsat":
        assert not cases.unsafe_cases(asked, rng).any()
        assert check_prove(asked.task, answer).verdict == "accepted"
    elif answer.status == "sat":
        assert check_prove(asked.task, answer).verdict == "witness-only"


@pytest.mark.parametrize("kinds", [cases.LINEAR[:4], cases.SMOOTH])
def test_most_of_them_are_decided(kinds: Any, tmp_path: Path) -> None:
    found = []
    for seed in range(200, 212):
        task = cases.random_question(np.random.default_rng(seed), tmp_path, kinds, units=6).task
        found.append(branch(task, 2.0).status)
    assert sum(status in ("sat", "unsat") for status in found) >= 8


def test_what_is_settled_by_others_is_left_alone(tmp_path: Path) -> None:
    """No input, no case, a box without a point: nothing to search."""
    network, _ = dense_task(0, tmp_path, 2, 3)
    low, high = np.zeros((1, 2)), np.zeros((1, 2))
    none = ask_about(network, np.zeros((0, 3)), np.zeros(0), np.zeros(1, np.int64), low, high)
    assert branch(none).status == "unsat"
    point = ask_about(network, np.array([[0.0, 0.0, 0.0]]), np.array([-1.0]), np.array([0, 1]), low, high)
    assert branch(point).status == "unsat"


def test_the_memory_is_limited(tmp_path: Path) -> None:
    network, layers = dense_task(3, tmp_path, 4, 9)
    low, high = np.full((1, 4), -1.0), np.full((1, 4), 1.0)
    rows = np.array([[1.0, -1.0, 0.0]])
    most = enumerated(layers, low[0], high[0], rows, np.zeros(1))
    task = ask_about(network, rows, np.array([-most - 1e-4]), np.array([0, 1]), low, high)
    answer = branch(task, memory=1e-6)
    assert answer.status == "unknown" and any("memory" in line for line in answer.detail)


# -- parts ------------------------------------------------------------------------------------------------------------


def test_split_values() -> None:
    low, high = np.array([-1.0, 1.0, -3.0, -2.0]), np.array([2.0, 3.0, 2.0, -1.0])
    assert split_value((0.0,), low, high).tolist() == [0.0, 2.0, 0.0, -1.5]
    assert split_value((-1.0, 1.0), low, high).tolist() == [1.0, 2.0, -1.0, -1.5]
    assert split_value((), low, high).tolist() == [0.5, 2.0, -0.5, -1.5]


def test_the_neuron_that_costs_most_comes_first(tmp_path: Path) -> None:
    """Three relus: one decided, one with a small triangle and one with a large one."""
    layers = [(np.eye(3), np.array([5.0, 0.9, 0.0])), (np.array([[1.0], [1.0], [1.0]]), np.zeros(1))]
    network = read_network(save(tmp_path / "net.onnx", layers))
    low, high = -np.ones((1, 3)), np.ones((1, 3))
    task = ask_about(network, np.ones((1, 1)), np.zeros(1), np.array([0, 1]), low, high)
    view = NetView.of(task.problem)
    box = crown_bounds(view, {"x": (low, high)})
    phases = Phases(view, "x")
    (fn,) = phases.functions
    tilts = {fn.output: np.ones((1, 3))}
    found = phases.choose(box, {fn.output: np.ones((1, 3))}, tilts, 3)
    assert [phases.names[k] for k in found.block[0]] == [fn.args[0].variable] * 3
    assert found.element[0].tolist() == [2, 1, 0] and found.value[0, :2].tolist() == [0.0, 0.0]
    assert found.promise[0, 0] == pytest.approx(0.5) and found.promise[0, 1] > 0 == found.promise[0, 2]
    one = found.pick(np.array([1]))
    assert (one.element[0], one.promise[0]) == (1, found.promise[0, 1])
