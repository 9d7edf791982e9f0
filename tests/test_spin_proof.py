"""Bounds on the leaves of spin trees: never below the true maximum in rationals, and tight where they can be."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import spin_cases as cases
from hypothesis import given
from hypothesis import strategies as st

from isinglass.ir.fixed_spins import fixed_spins
from isinglass.ir.spin_form import SpinForm
from isinglass.ir.spin_proof.bounds import tree_upper
from isinglass.ir.spin_proof.leaf import SIGNS, leaf_upper, proved_upper

seeds = st.integers(0, 10**6)


@given(seeds, st.sampled_from(cases.STEPS))
def test_any_numbers_are_sound(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    form = cases.random_form(rng, kind=kind)
    for _ in range(4):
        fixed = cases.random_fixed(rng, form.spins)
        a, d = cases.duals(rng, form, fixed)
        upper = proved_upper(form, fixed, a, d, *cases.random_triangles(rng, form.spins))
        assert upper >= cases.greatest(form, fixed)


@given(seeds)
def test_numbers_of_all_sizes_are_sound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    form = cases.random_form(rng, kind="any")
    size = 10.0 ** rng.choice([-290, -150, -20, 20, 150, 280])
    quadratic = None if form.quadratic is None else form.quadratic * size
    form = SpinForm(form.rows * size, quadratic, form.constant * size)
    fixed = cases.random_fixed(rng, form.spins)
    a, d = cases.duals(rng, form, fixed)
    upper = proved_upper(form, fixed, a, np.clip(d, -1e10, 1e10) * rng.choice([1.0, size]))
    assert upper >= cases.greatest(form, fixed)


@given(seeds)
def test_a_ferromagnet_is_bounded_tightly(seed: int) -> None:
    """Couplings that can all be satisfied: the diagonal of the weighted Laplacian is the optimal dual."""
    rng = np.random.default_rng(seed)
    spins = int(rng.integers(2, 8))
    best = rng.choice([-1, 1], spins) * 1.0
    best[0] = 1
    upper = np.triu(rng.random((spins, spins)), 1)
    form = SpinForm(np.zeros((0, spins)), (upper + upper.T) * np.outer(best, best))
    fixed = np.where(rng.random(spins) < 0.3, best, 0).astype(np.int8)
    fixed[0] = 1
    weights = np.abs(form.quadratic)
    held = fixed != 0
    degree = weights[:, ~held].sum(axis=1) + np.where(held, 0.0, weights[:, held].sum(axis=1))
    degree[0] = weights[held][:, ~held].sum()
    true = cases.greatest(form, fixed)
    found = proved_upper(form, fixed, np.zeros(0), degree)
    assert true <= found <= float(true) * (1 + 1e-11)


@given(seeds)
def test_rows_of_known_sign_are_linear(seed: int) -> None:
    """With scale 0 rows whose fixed part outweighs the rest cost nothing: the bound is that of a linear function."""
    rng = np.random.default_rng(seed)
    spins = int(rng.integers(2, 7))
    rows = rng.normal(size=(4, spins))
    rows[:, 0] = np.abs(rows[:, 1:]).sum(axis=1) * rng.choice([-1, 1], 4) * 1.01
    form = SpinForm(rows)
    fixed = np.append(1, np.zeros(spins - 1, np.int8))
    line = (np.sign(rows[:, :1]) * rows).sum(axis=0)
    half = np.append(np.abs(line[1:]).sum(), np.abs(line[1:])) / 2
    found = proved_upper(form, fixed, np.zeros(4), half)
    true = cases.greatest(form, fixed)
    assert true <= found <= float(true) * (1 + 1e-11)


def test_rows_against_the_sign_taken_are_paid_for() -> None:
    """|1 + 3 t| - 10 t is 12 at t = -1, where the row has not the sign of its fixed part."""
    form = SpinForm(np.array([[1.0, 3.0]]), np.array([[0.0, -5.0], [-5.0, 0.0]]))
    found = proved_upper(form, np.array([1, 0]), np.zeros(1), np.full(2, 3.5))
    assert 12 <= found <= 12 + 1e-12


@given(seeds)
def test_one_square_is_tight(seed: int) -> None:
    rng = np.random.default_rng(seed)
    row = rng.normal(size=(1, int(rng.integers(1, 8))))
    form = SpinForm(row)
    best = np.abs(row).sum()
    fixed = np.append(1, np.zeros(row.shape[1] - 1, np.int8))
    found = proved_upper(form, fixed, np.array([best]), np.abs(row[0]) / 2)
    assert cases.greatest(form, fixed) <= found <= best * (1 + 1e-11)


def test_triangles_close_what_the_diagonal_leaves_open() -> None:
    """An antiferromagnetic triangle: 3/2 without the inequality, 1 with it; likewise in every gauge."""
    for pattern, signs in enumerate(SIGNS):
        quadratic = np.zeros((3, 3))
        for sign, (i, j) in zip(signs, ((0, 1), (0, 2), (1, 2)), strict=True):
            quadratic[i, j] = quadratic[j, i] = -sign / 2
        form = SpinForm(np.zeros((0, 3)), quadratic)
        fixed = np.array([1, 0, 0])
        triangle = np.array([[0, 1, 2]]), np.array([pattern])
        assert proved_upper(form, fixed, np.zeros(0), np.full(3, 0.5)) == pytest.approx(1.5, abs=1e-12)
        assert proved_upper(form, fixed, np.zeros(0), np.zeros(3), *triangle, np.ones(1)) == pytest.approx(1, abs=1e-12)


def test_fixed_spins_in_triangles_count_at_their_values() -> None:
    """Whatever is fixed, a form that triangles cancel exactly is bounded by the sum of their multipliers."""
    rng = np.random.default_rng(2)
    for _ in range(60):
        spins = int(rng.integers(3, 7))
        triangle = np.stack([rng.permutation(spins)[:3] for _ in range(3)])
        pattern, multiplier = rng.integers(0, 4, 3), rng.integers(1, 9, 3) / 4
        quadratic = np.zeros((spins, spins))
        for spot, one, weight in zip(triangle, pattern, multiplier, strict=True):
            for sign, (i, j) in zip(SIGNS[one], ((0, 1), (0, 2), (1, 2)), strict=True):
                quadratic[spot[i], spot[j]] -= sign * weight / 2
                quadratic[spot[j], spot[i]] -= sign * weight / 2
        form = SpinForm(np.zeros((0, spins)), quadratic)
        fixed = cases.random_fixed(rng, spins, 0.5)
        if fixed.all():
            continue
        found = proved_upper(form, fixed, np.zeros(0), np.zeros(spins), triangle, pattern, multiplier)
        assert found == pytest.approx(multiplier.sum(), abs=1e-12)


def test_a_fixed_leaf_is_its_value() -> None:
    rng = np.random.default_rng(3)
    for _ in range(100):
        form = cases.random_form(rng)
        fixed = np.append(1, rng.choice([-1, 1], form.spins - 1))
        true = cases.greatest(form, fixed)
        found = proved_upper(form, fixed, np.full(len(form.rows), np.nan), np.full(form.spins, np.nan))
        assert true <= found <= float(true) + 1e-12


def test_the_error_of_the_form_is_added() -> None:
    form = SpinForm(np.ones((1, 2)), None, 0.0, 0.25)
    assert proved_upper(form, np.array([1, 1]), np.zeros(1), np.zeros(2)) == pytest.approx(2.25)
    assert proved_upper(form, np.array([1, 0]), np.full(1, 2.0), np.full(2, 0.5)) == pytest.approx(2.25, abs=1e-12)


def test_numbers_that_prove_nothing() -> None:
    form = SpinForm(np.ones((1, 3)), np.ones((3, 3)) - np.eye(3))
    fixed, a, d = np.array([1, 0, 0]), np.ones(1), np.ones(3)
    triangle, pattern = np.array([[0, 1, 2]]), np.array([0])
    assert proved_upper(form, fixed, a, d, triangle, pattern, np.ones(1)) < 100
    for bad in (np.nan, -1.0, np.inf, -np.inf):
        assert proved_upper(form, fixed, np.array([bad]), d) == np.inf
        assert proved_upper(form, fixed, a, d, triangle, pattern, np.array([bad])) == np.inf
    for bad in (np.nan, np.inf, -np.inf):
        assert proved_upper(form, fixed, a, np.array([1.0, bad, 1.0])) == np.inf
    assert proved_upper(SpinForm(np.full((1, 3), np.inf)), fixed, a, d) == np.inf
    assert proved_upper(SpinForm(np.ones((1, 3)), None, np.nan), fixed, a, d) == np.inf
    assert proved_upper(SpinForm(np.zeros((0, 6000))), np.zeros(6000), np.zeros(0), np.zeros(6000)) == np.inf


@given(seeds, st.sampled_from(cases.STEPS))
def test_a_little_more_than_what_is_proved_may_be_claimed(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    form = cases.random_form(rng, kind=kind)
    fixed = cases.random_fixed(rng, form.spins)
    a, d = (np.minimum(part, 100) for part in cases.duals(rng, form, fixed))
    arguments = form, fixed, a, d, *cases.random_triangles(rng, form.spins)
    proved = proved_upper(*arguments)
    assert proved <= leaf_upper(*arguments) < proved + 1e-10 * (100 + abs(proved))
    assert leaf_upper(SpinForm(np.ones((1, 2))), np.array([1, 0]), -np.ones(1), np.ones(2)) == np.inf


@given(seeds, st.sampled_from([np.float16, np.float32, np.float64]))
def test_any_tree_is_sound(seed: int, kind: type) -> None:
    rng = np.random.default_rng(seed)
    form = cases.random_form(rng, most=5, rows=3)
    true = cases.greatest(form, np.append(1, np.zeros(form.spins - 1, np.int8)))
    assert tree_upper(form, cases.random_tree(rng, form, kind)) >= true


@given(seeds)
def test_the_leaves_of_a_tree_are_all_points_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spins = int(rng.integers(1, 6))
    spin = cases.random_splits(rng, spins)
    fixed = cases.leaves_of(spin, spins)
    found = [tuple(t) for one in fixed for t in cases.points(one).tolist()]
    assert len(found) == len(set(found)) == 2 ** (spins - 1)
    assert np.array_equal(np.concatenate(list(fixed_spins("test", spin, spins, 100))), fixed)


def test_the_first_subtree_is_that_of_plus_one() -> None:
    spin = np.array([2, 1, -1, -1, -1])
    assert cases.leaves_of(spin, 3).tolist() == [[1, 1, 1], [1, -1, 1], [1, 0, -1]]


def test_float32_numbers_cost_little() -> None:
    """What single precision of the dual costs on a middling form; the proof itself costs nothing visible."""
    rng = np.random.default_rng(4)
    n, spins = 60, 40
    form = SpinForm(rng.normal(size=(n, spins)))
    fixed = np.append(1, np.zeros(spins - 1, np.int8))
    a = np.full(n, np.sqrt(spins))
    square = (form.rows.T / (2 * a)) @ form.rows
    d = np.full(spins, float(np.linalg.eigvalsh(square)[-1]))
    plain = float(a.sum() / 2 + d.sum())
    assert plain * (1 - 1e-14) <= proved_upper(form, fixed, a, d) <= plain * (1 + 1e-10)
    rounded = proved_upper(form, fixed, a.astype(np.float32), d.astype(np.float32))
    assert rounded <= plain * (1 + 1e-6)


def test_the_judge_judges() -> None:
    form = SpinForm(np.array([[1.0, -2.0]]), np.array([[0.0, 0.5], [0.5, 0.0]]), 0.25)
    assert cases.exact_values(form, [[1, 1], [1, -1]]) == [Fraction(9, 4), Fraction(9, 4)]
