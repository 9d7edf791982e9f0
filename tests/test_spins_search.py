"""Branch and bound over spins: against enumeration, with the checker's word on every tree."""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from isinglass.compiler.search.clock import Clock
from isinglass.compiler.spins import search as searching
from isinglass.compiler.spins.search import SpinOptions, SpinResult, bracket
from isinglass.ir.protocols import Event, Limits
from isinglass.ir.spin_form import SpinForm
from isinglass.ir.spin_proof.bounds import tree_upper
from isinglass.ir.spin_tree import SpinTree
from isinglass.ir.types import FloatArray


def drain(events: Generator[Event, None, SpinResult]) -> SpinResult:
    while True:
        try:
            next(events)
        except StopIteration as stop:
            result: SpinResult = stop.value
            return result


def solve(form: SpinForm, seconds: float | None = None, **options: Any) -> SpinResult:
    return drain(bracket(form, np.zeros((0, form.spins)), Clock(Limits(seconds)), SpinOptions(**options)))


def points(spins: int) -> FloatArray:
    return np.array([(1, *rest) for rest in product((1, -1), repeat=spins - 1)], dtype=np.float64)


def form(seed: int, spins: int, rows: int, kind: str) -> SpinForm:
    rng = np.random.default_rng(seed)
    b = rng.standard_normal((rows, spins))
    q = np.triu(rng.standard_normal((spins, spins)) * (rng.random((spins, spins)) < 0.6), 1)
    if kind == "whole":
        b, q = np.rint(b), np.rint(2 * q)
    quadratic = None if kind == "rows" else sparse.csr_array(q + q.T) if kind == "csr" else q + q.T
    return SpinForm(b, quadratic, float(rng.standard_normal()))


FORMS = st.builds(
    form,
    st.integers(0, 10_000),
    st.integers(1, 10),
    st.integers(0, 8),
    st.sampled_from(["rows", "dense", "csr", "whole"]),
)


def judged(given_form: SpinForm, result: SpinResult) -> None:
    """What has to hold however the search went; the tree is read back from plain data first."""
    true = given_form.value(points(given_form.spins)).max()
    size = 1 + abs(true)
    assert result.value <= true + 1e-12 * size
    assert result.value == pytest.approx(given_form.value(result.spins[None])[0], abs=1e-12)
    tree = SpinTree.from_plain(result.tree.to_plain())
    assert true - 1e-12 * size <= tree_upper(given_form, tree) <= result.upper
    if result.exact:
        assert result.value == pytest.approx(true, rel=1e-8, abs=1e-8)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(FORMS)
def test_small_forms_are_solved_by_plain_bounds(given_form: SpinForm) -> None:
    result = solve(given_form)
    judged(given_form, result)
    assert result.upper - result.value <= 1e-8 * (1 + abs(result.value))


@settings(derandomize=True, deadline=None, max_examples=15)
@given(FORMS)
def test_small_forms_are_solved_with_cuts(given_form: SpinForm) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "WORK", 0.0)
        result = solve(given_form)
    judged(given_form, result)
    assert result.upper - result.value <= 1e-8 * (1 + abs(result.value))


@settings(derandomize=True, deadline=None, max_examples=25)
@given(FORMS, st.sampled_from([1, 2, 4, 9]), st.sampled_from([0.0, 1e12]))
def test_searches_cut_short_prove_what_they_say(given_form: SpinForm, nodes: int, work: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "WORK", work)
        result = solve(given_form, nodes=nodes)
        judged(given_form, result)
        assert result.nodes <= nodes + 1


def test_no_time_leaves_the_root() -> None:
    one = form(3, 10, 8, "rows")
    result = solve(one, seconds=0.0)
    judged(one, result)
    assert result.tree.leaves == 1 and result.nodes == 1


def test_without_branching_the_root_alone() -> None:
    one = form(4, 10, 8, "rows")
    result = solve(one, branch=False)
    judged(one, result)
    assert result.tree.leaves == 1 and result.upper == result.root


def test_known_points_are_used() -> None:
    one = form(5, 10, 8, "dense")
    values = one.value(points(10))
    best = -points(10)[[values.argmax()]]
    result = drain(bracket(one, best, Clock(Limits()), SpinOptions(nodes=1)))
    assert result.value == pytest.approx(values.max(), rel=1e-12)
    assert result.spins[0] == 1


def test_tolerance_and_grid_end_a_search_early() -> None:
    one = form(11, 10, 0, "whole")
    assert one.quadratic is not None
    exact = solve(one)
    loose = solve(one, tolerance=0.5)
    judged(one, loose)
    assert loose.nodes < exact.nodes and loose.exact
    # Values of the couplings' sums lie 4 apart: flipping one spin changes each of its products by 2, and twice.
    gridded = solve(one, grid=4.0)
    judged(one, gridded)
    assert gridded.exact and gridded.nodes <= exact.nodes and gridded.value == exact.value


def test_the_bracket_only_narrows_and_cuts_beat_the_plain_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "WORK", 0.0)
    rng = np.random.default_rng(2)
    one = SpinForm(rng.standard_normal((40, 25)))
    uppers = []
    events = bracket(one, np.zeros((0, 25)), Clock(Limits()), SpinOptions(nodes=41))
    while True:
        try:
            uppers.append(float(next(events).text.split()[-1]))
        except StopIteration as stop:
            result = stop.value
            break
    assert all(late <= early * (1 + 1e-6) for early, late in pairwise(uppers))
    assert result.upper < uppers[1] < result.root
    assert len(result.tree.pattern) > 0


def test_the_same_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "WORK", 0.0)
    one = form(6, 10, 8, "rows")
    first, second = (solve(one, nodes=5) for _ in range(2))
    assert first.upper == second.upper and first.value == second.value
    assert np.array_equal(first.tree.scale, second.tree.scale)
    assert np.array_equal(first.tree.multiplier, second.tree.multiplier)


@pytest.mark.parametrize("work", [0.0, 1e12])
def test_points_that_rounding_misses_are_found_at_the_ends_of_the_tree(
    monkeypatch: pytest.MonkeyPatch, work: float
) -> None:
    monkeypatch.setattr(searching, "WORK", work)
    monkeypatch.setattr(searching, "rounded", lambda *_: np.zeros((0, 6)))
    one = form(9, 6, 5, "dense")
    result = solve(one)
    judged(one, result)
    assert result.exact
