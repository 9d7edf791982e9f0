"""Semidefinite bounds of spin forms: against enumeration, and what they cost in accuracy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from isinglass.compiler.spins.reduced import reduced
from isinglass.compiler.spins.rounding import climbed, gains, rounded
from isinglass.compiler.spins.sdp import (
    Ascent,
    convex_shift,
    greatest,
    multipliers,
    random_vectors,
    relax,
    root_bound,
)
from isinglass.ir.spin_form import SpinForm
from isinglass.ir.spin_proof.leaf import leaf_upper
from isinglass.ir.types import FloatArray


def points(spins: int) -> FloatArray:
    """All points with t_0 = 1."""
    return np.array([(1, *rest) for rest in product((1, -1), repeat=spins - 1)], dtype=np.float64)


def form(seed: int, spins: int, rows: int, kind: str) -> SpinForm:
    """Random rows and couplings; kinds: ``rows`` (no couplings), ``dense``, ``csr``, ``whole`` (small integers)."""
    rng = np.random.default_rng(seed)
    b = rng.standard_normal((rows, spins))
    q = np.triu(rng.standard_normal((spins, spins)) * (rng.random((spins, spins)) < 0.7), 1)
    if kind == "whole":
        b, q = np.rint(b), np.rint(2 * q)
    q = q + q.T
    quadratic = None if kind == "rows" else sparse.csr_array(q) if kind == "csr" else q
    return SpinForm(b, quadratic, float(rng.standard_normal()))


FORMS = st.builds(
    form,
    st.integers(0, 10_000),
    st.integers(1, 9),
    st.integers(0, 8),
    st.sampled_from(["rows", "dense", "csr", "whole"]),
)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(FORMS)
def test_multipliers_prove_bounds_above_the_maximum(given_form: SpinForm) -> None:
    true = given_form.value(points(given_form.spins)).max()
    found = root_bound(given_form, tolerance=1e-6)
    size = 1 + abs(true)
    assert found.upper >= true - 1e-9 * size
    proved = leaf_upper(given_form, np.zeros(given_form.spins, np.int8), found.scale, found.diagonal)
    assert true <= proved <= found.upper + 1e-6 * size
    assert found.value <= found.upper + 1e-9 * size


@settings(derandomize=True, deadline=None, max_examples=30)
@given(FORMS, st.integers(0, 99))
def test_multipliers_of_any_vectors_prove_bounds(given_form: SpinForm, seed: int) -> None:
    true = given_form.value(points(given_form.spins)).max()
    found = multipliers(given_form, random_vectors(given_form.spins, seed, 2))
    proved = leaf_upper(given_form, np.zeros(given_form.spins, np.int8), found.scale, found.diagonal)
    assert true <= proved <= found.upper + 1e-6 * (1 + abs(found.upper))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(FORMS, st.integers(0, 99))
def test_reduced_forms_have_the_values_of_the_points_they_stand_for(given_form: SpinForm, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fixed = rng.choice(np.array([-1, 0, 0, 1], np.int8), given_form.spins)
    fixed[0] = 1
    small = reduced(given_form, fixed)
    inner = points(small.form.spins)
    whole = np.repeat(fixed[None].astype(np.float64), len(inner), axis=0)
    whole[:, small.free] = inner
    assert np.allclose(small.form.value(inner), given_form.value(whole), atol=1e-9)


def test_steps_never_go_down_and_reach_the_optimum_of_a_cycle() -> None:
    """The vectors of an odd cycle lie in a plane, neighbours at an angle of 4 pi / 5 (Lovasz)."""
    q = np.zeros((5, 5))
    for i in range(5):
        q[i, (i + 1) % 5] = q[(i + 1) % 5, i] = -0.5
    pentagon = SpinForm(np.zeros((0, 5)), q)
    found = root_bound(pentagon, tolerance=1e-10)
    assert found.upper == pytest.approx(-5 * np.cos(4 * np.pi / 5), rel=1e-8)
    ascent = Ascent(form(3, 9, 8, "dense"), random_vectors(9, 1), convex_shift(form(3, 9, 8, "dense").quadratic))
    values = []
    for _ in range(40):
        ascent.sweep()
        values.append(ascent.value)
    assert values[-1] > values[0]
    # What a restart evaluates anew is the point before the fall: never below the last but one.
    assert all(late >= early - 1e-9 for early, late in zip(values, values[2:], strict=False))


def test_known_value_of_a_small_matrix() -> None:
    """Rows (1, 1) and (1, -1): the vectors are orthogonal, 2 sqrt(2) over a maximum of 2 (the CHSH inequality)."""
    chsh = SpinForm(np.array([[1.0, 1.0], [1.0, -1.0]]))
    assert root_bound(chsh, tolerance=1e-10).upper == pytest.approx(2 * np.sqrt(2), rel=1e-9)


def test_large_forms_use_lanczos_steps_and_agree_with_dense_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    one = form(5, 40, 30, "csr")
    found = root_bound(one)
    dense = greatest(one, found.scale, found.diagonal)
    shift = convex_shift(one.quadratic)
    monkeypatch.setattr("isinglass.compiler.spins.sdp.DENSE", 10)
    assert greatest(one, found.scale, found.diagonal) == pytest.approx(dense, rel=1e-5)
    assert np.allclose(convex_shift(one.quadratic), shift, rtol=0.05)


def test_zero_forms_and_spins_without_couplings() -> None:
    for rows, quadratic in ((np.zeros((0, 3)), None), (np.zeros((2, 3)), np.zeros((3, 3)))):
        empty = SpinForm(rows, quadratic, 2.0)
        assert root_bound(empty).upper == pytest.approx(2.0, abs=1e-9)
    alone = SpinForm(np.array([[1.0, 0.0, 2.0]]), None)
    assert root_bound(alone).upper == pytest.approx(3.0, rel=1e-5)


def test_the_same_twice() -> None:
    one = form(7, 9, 8, "dense")
    first, second = root_bound(one, seed=4), root_bound(one, seed=4)
    assert np.array_equal(first.vectors, second.vectors) and first.upper == second.upper
    warm = relax(one, first.vectors, sweeps=25)
    assert warm.upper <= first.upper * (1 + 1e-9) + 1e-9


@settings(derandomize=True, deadline=None, max_examples=30)
@given(FORMS, st.integers(0, 99))
def test_climbs_end_where_no_flip_helps_and_never_below_their_start(given_form: SpinForm, seed: int) -> None:
    start = np.random.default_rng(seed).choice([-1.0, 1.0], (3, given_form.spins))
    ends = climbed(given_form, start)
    assert np.isin(ends, (-1, 1)).all() and (ends[:, 0] == 1).all()
    assert given_form.value(ends).max() >= given_form.value(start).max() - 1e-9
    flips = gains(given_form, ends)
    for k, point in enumerate(ends):
        for j in range(given_form.spins):
            other = point.copy()
            other[j] *= -1
            assert flips[k, j] == pytest.approx(given_form.value(other[None])[0] - given_form.value(point[None])[0])
    assert flips.max() <= 1e-9
    fixed = np.zeros(given_form.spins, np.int8)
    assert rounded(given_form, random_vectors(given_form.spins, 0), fixed, 3, 0).shape[1] == given_form.spins
