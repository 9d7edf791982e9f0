"""Triangle inequalities: never violated by spins, the same with and without compiled loops, and worth having."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.compiler.spins import kernels
from isinglass.compiler.spins.bounding import BELOW, ROOT, child, cut, rooted
from isinglass.compiler.spins.cuts import Point, Problem, exchanged, tightened
from isinglass.compiler.spins.kernels import SIGNS, push, scan, scan_rows
from isinglass.compiler.spins.reduced import reduced
from isinglass.compiler.spins.sdp import random_vectors, root_bound
from isinglass.compiler.spins.triangles import Triangles, separate
from isinglass.ir.spin_form import SpinForm
from isinglass.ir.types import AnyArray


def products(spins: int, seed: int, rank: int = 3) -> AnyArray:
    vectors = random_vectors(spins, seed, rank).astype(np.float32)
    return np.asarray(vectors @ vectors.T)


def slack(cuts: Triangles, y: AnyArray) -> AnyArray:
    """1 + the signed products of each triangle, one at a time."""
    found = []
    for (i, j, k), pattern in zip(cuts.triangle.tolist(), cuts.pattern.tolist(), strict=True):
        a, b, c = SIGNS[pattern].tolist()
        found.append(1 + a * y[i, j] + b * y[i, k] + c * y[j, k])
    return np.array(found)


def some(spins: int, seed: int, number: int) -> Triangles:
    rng = np.random.default_rng(seed)
    triangle = np.sort(np.array([rng.choice(spins, 3, replace=False) for _ in range(number)]), axis=1)
    weight = rng.random(number).astype(np.float32)
    return Triangles(triangle.astype(np.int16), rng.integers(0, 4, number).astype(np.int8), weight).merged()


def plain_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "compiled", lambda name: None)


def test_patterns_hold_at_all_spins_and_are_tight_at_some() -> None:
    triangle = np.tile(np.array([0, 1, 2], np.int16), (4, 1))
    cuts = Triangles(triangle, np.arange(4, dtype=np.int8), np.ones(4, np.float32))
    values = np.array([slack(cuts, np.outer(t, t)) for t in product((1, -1), repeat=3)])
    assert set(values.ravel()) == {0.0, 4.0}


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.integers(4, 14), st.integers(0, 999))
def test_separation_finds_the_worst_pattern_of_every_violated_triangle(spins: int, seed: int) -> None:
    y = products(spins, seed)
    expected = {}
    for i in range(spins):
        for j in range(i + 1, spins):
            for k in range(j + 1, spins):
                four = [1 + a * y[i, j] + b * y[i, k] + c * y[j, k] for a, b, c in SIGNS]
                if min(four) < -0.05:
                    expected[i, j, k] = min(four)
    found = separate(y, 0.05, 10_000)
    assert {tuple(t) for t in found.triangle.tolist()} == set(expected)
    assert np.allclose(slack(found, y), [expected[tuple(t)] for t in found.triangle.tolist()], atol=1e-5)
    few = separate(y, 0.05, 3)
    assert len(few) == min(3, len(found))
    if len(few):
        assert np.allclose(np.sort(slack(few, y)), np.sort(slack(found, y))[: len(few)], atol=1e-5)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.integers(4, 14), st.integers(0, 999))
def test_both_ways_to_scan_and_push_agree(spins: int, seed: int) -> None:
    y = products(spins, seed)
    cuts = some(spins, seed, 20)
    base = np.asarray(np.random.default_rng(seed).random((spins, spins)), np.float32)
    compiled = (*scan(y, 0.05, 10_000), *push(y, cuts.triangle, cuts.pattern, cuts.multiplier, 0.3, base))
    with pytest.MonkeyPatch.context() as patch:
        plain_numpy(patch)
        numpy = (*scan_rows(y, 0.05), *push(y, cuts.triangle, cuts.pattern, cuts.multiplier, 0.3, base))
    order = [np.lexsort(parts[0].T) for parts in (compiled, numpy)]
    for place in range(3):
        assert np.allclose(compiled[place][order[0]], numpy[place][order[1]], atol=1e-5)
    for one, other in zip(compiled[3:], numpy[3:], strict=True):
        assert np.allclose(one, other, atol=1e-4)


def test_pushed_weights_are_those_of_the_penalty() -> None:
    y, cuts = products(8, 1), some(8, 2, 12)
    new, matrix, count, square = cuts.pushed(y, 0.5, None)
    assert np.allclose(new, np.maximum(0, cuts.multiplier - 0.5 * slack(cuts, y)), atol=1e-6)
    t = np.random.default_rng(0).choice([-1.0, 1.0], 8)
    assert t @ matrix @ t / 2 == pytest.approx(float(new @ (slack(cuts, np.outer(t, t)) - 1)), abs=1e-4)
    assert count.sum() == 3 * (new > 0).sum() and square == pytest.approx(float(new @ new), rel=1e-5)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(4, 9), st.integers(0, 999), st.sampled_from([1, -1]))
def test_triangles_of_a_child_are_those_of_its_parent(spins: int, seed: int, value: int) -> None:
    """At points where the spin has its value, the weighted slacks add up to the same but for those left out."""
    cuts, spin = some(spins, seed, 25), 1 + seed % (spins - 1)
    left = cuts.without(spin, value)
    dropped = cuts.pick((cuts.triangle == spin).any(axis=1) & (cuts.triangle[:, 0] == 0))
    assert (np.diff(left.triangle, axis=1) > 0).all()
    rng = np.random.default_rng(seed)
    for _ in range(5):
        inner = np.append(1.0, rng.choice([-1.0, 1.0], spins - 2))
        outer = np.insert(inner, spin, value)
        before = cuts.multiplier @ slack(cuts, np.outer(outer, outer))
        if len(dropped):
            before -= dropped.multiplier @ slack(dropped, np.outer(outer, outer))
        after = left.multiplier @ slack(left, np.outer(inner, inner)) if len(left) else 0.0
        assert after == pytest.approx(before, abs=1e-4)


def test_a_round_with_cuts_lowers_the_bound_to_the_maximum_of_an_odd_cycle() -> None:
    q = np.zeros((5, 5))
    for i in range(5):
        q[i, (i + 1) % 5] = q[(i + 1) % 5, i] = -0.5
    pentagon = SpinForm(np.zeros((0, 5)), q)
    node = rooted(pentagon, root_bound(pentagon))
    assert node.upper > 4
    cut(pentagon, node, reduced(pentagon, node.fixed), ROOT, 1.0)
    assert 3 <= node.upper <= 3.02


@settings(derandomize=True, deadline=None, max_examples=12)
@given(st.integers(0, 999), st.booleans())
def test_bounds_with_cuts_are_never_below_the_maximum(seed: int, coupled: bool) -> None:
    rng = np.random.default_rng(seed)
    q = np.triu(rng.standard_normal((8, 8)), 1)
    form = SpinForm(rng.standard_normal((6, 8)), q + q.T if coupled else None)
    spins = np.array([(1, *rest) for rest in product((1, -1), repeat=7)], dtype=np.float64)
    values = form.value(spins)
    root = rooted(form, root_bound(form))
    plain = root.upper
    cut(form, root, reduced(form, root.fixed), ROOT, 1.0)
    assert values.max() <= root.upper <= plain
    assert root.upper == root.proof.upper(form, root.fixed)
    for value in (1, -1):
        node, small = child(form, root, 3, value)
        cut(form, node, small, BELOW, 1.0)
        assert values[spins[:, 3] == value].max() <= node.upper


def test_rounds_are_the_same_twice_and_without_compiled_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    form = SpinForm(rng.standard_normal((12, 9)))
    start = Point(root_bound(form).vectors.astype(np.float32), Triangles.none())

    def value() -> tuple[int, float]:
        problem = Problem.of(form, 1.0)
        point = tightened(problem, exchanged(start, 50, 100), 0.5, 10)
        return len(point.cuts), float(point.cuts.multiplier.sum())

    first = value()
    assert first == value() and first[1] > 0
    plain_numpy(monkeypatch)
    again = value()
    assert again[0] == first[0] and again[1] == pytest.approx(first[1], rel=0.02)
