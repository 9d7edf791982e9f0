"""Proved shifts of symmetric matrices: exact rationals (leading minors by fraction-free elimination) are the judge."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.ir.definite import cholesky_slack, definite, least_shift, least_shifts, powers
from isinglass.ir.types import FloatArray


def semidefinite(matrix: FloatArray, shift: float) -> bool:
    """Whether matrix + shift I is positive semidefinite, in rationals: symmetric elimination, zero pivots need zero
    rows."""
    n = len(matrix)
    rows = [[Fraction(float(value)) for value in line] for line in matrix]
    for i in range(n):
        rows[i][i] += Fraction(shift)
    for k in range(n):
        if rows[k][k] < 0 or (rows[k][k] == 0 and any(rows[k][k:])):
            return False
        if rows[k][k] == 0:
            continue
        for i in range(k + 1, n):
            factor = rows[i][k] / rows[k][k]
            for j in range(k, n):
                rows[i][j] -= factor * rows[k][j]
    return True


def random_matrix(seed: int, n: int, rank: int, size: float) -> FloatArray:
    """A singular or indefinite symmetric matrix with hard eigenvalues near 0."""
    rng = np.random.default_rng(seed)
    left = rng.standard_normal((n, rank))
    noise = rng.standard_normal((n, n)) * rng.choice([0.0, 1e-15, 1e-9, 1.0])
    return size * (left @ left.T + noise + noise.T)


@settings(derandomize=True, max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(0, 7), st.sampled_from([1e-200, 1e-3, 1.0, 1e12, 1e200]))
def test_the_shifted_matrix_is_semidefinite(seed: int, n: int, rank: int, size: float) -> None:
    matrix = random_matrix(seed, n, rank, size)
    shift = least_shift(matrix)
    assert semidefinite(matrix, shift)
    least = float(np.linalg.eigvalsh(matrix)[0])
    assert shift <= -least + 1e-12 * float(np.abs(matrix).max()) * n**2 + 1e-250


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_what_is_called_definite_is(seed: int, n: int) -> None:
    matrix = random_matrix(seed, n, n, 1.0)
    assert not definite(matrix) or semidefinite(matrix, 0.0)
    least = float(np.linalg.eigvalsh(matrix)[0])
    assert definite(matrix + np.eye(n) * (1e-12 * n**2 * np.abs(matrix).max() - min(least, 0.0)))


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 5))
def test_many_are_as_one(seed: int, n: int, count: int) -> None:
    matrices = np.stack([random_matrix(seed + k, n, k, 10.0 ** (k - 2)) for k in range(count)])
    errors = np.arange(count) * 1e-6
    for matrix, error, shift in zip(matrices, errors.tolist(), least_shifts(matrices, errors), strict=True):
        assert semidefinite(matrix, float(shift) - error)
        assert shift == pytest.approx(least_shift(matrix, error), abs=1e-12 * float(np.abs(matrix).max()) * n**2)


def test_a_factor_of_a_matrix_that_is_not_semidefinite_is_paid_for() -> None:
    """Cholesky ends well for some singular matrices less a little: what it may hide has to be added."""
    found = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(2, 7))
        half = rng.integers(-30, 31, (n, n - 1)) / 64.0
        matrix = half @ half.T / n  # entries in -1/4..1/4, singular up to its rounding
        shift = -float(rng.integers(0, 12)) * 2.0**-58
        slack = cholesky_slack(matrix, shift)
        if slack < np.inf:
            assert semidefinite(matrix, shift + slack)
            found += not semidefinite(matrix, shift)
    assert found > 3


def test_errors_are_added() -> None:
    matrix = np.diag([1.0, 2.0])
    assert -1.0 <= least_shift(matrix) <= -1 + 1e-13
    assert -0.5 <= least_shift(matrix, 0.5) <= -0.5 + 1e-13
    assert definite(matrix, 0.99) and not definite(matrix, 1.01) and not definite(-matrix)


def test_numbers_that_prove_nothing() -> None:
    bad = np.array([[1.0, np.nan], [np.nan, 1.0]])
    assert least_shift(bad) == np.inf and not definite(bad)
    assert least_shift(np.eye(2), np.nan) == np.inf and not definite(np.eye(2), -1.0)
    assert least_shift(np.array([[np.inf]])) == np.inf and least_shift(np.eye(2) * 1e305) == np.inf
    found = least_shifts(np.stack([bad, np.eye(2), np.eye(2)]), np.array([0.0, 0.0, np.inf]))
    assert found[0] == np.inf and found[1] <= -1 + 1e-13 and found[2] == np.inf
    assert least_shift(np.zeros((0, 0))) == 0.0 and definite(np.zeros((0, 0)))
    assert 0 < least_shift(np.zeros((3, 3))) < 1e-250


def test_many_with_one_that_needs_more() -> None:
    """A batch in which a factorisation breaks off is done one by one."""
    matrices = np.stack([np.eye(3), np.zeros((3, 3)), np.ones((3, 3)) - 2 * np.eye(3)])
    found = least_shifts(matrices, np.zeros(3))
    assert all(semidefinite(one, float(shift)) for one, shift in zip(matrices, found, strict=True))


def test_powers_of_two_even_out_a_diagonal() -> None:
    diagonal = np.array([1e-12, 3.0, 1e30, 0.0, -1.0, np.inf])
    found = powers(diagonal)
    assert (np.frexp(found)[0] == 0.5).all()
    assert ((found[:3] ** 2 * diagonal[:3] >= 0.25) & (found[:3] ** 2 * diagonal[:3] <= 2)).all()
    assert (found[3:] == 1).all()
