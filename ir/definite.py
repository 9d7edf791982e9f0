"""How far a symmetric float64 matrix is from being positive semidefinite, proved.

guarantee: with delta = :func:`least_shift`, every symmetric matrix within ``error`` (spectral norm) of ``matrix`` is
positive semidefinite once delta times the identity is added to it

An eigenvalue solver says where to look, and a Cholesky factorisation that runs to its end is the proof. For a symmetric
H of order n whose floating-point factor exists, H + E is positive semidefinite for some E with |E_ij| <= g sqrt(h_ii
h_jj), so the least eigenvalue of H is at least -g trace(H), where g = gamma_{n+1} / (1 - gamma_{n+1}), gamma_k = k u /
(1 - k u), u = 2^-53, in whatever order the sums are taken (Demmel 1989; Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., theorems 10.3 and 10.5; Rump, "Verification of positive definiteness", BIT 2006). Twice that is
allowed for here, so libraries may also multiply by rounded reciprocals. Matrices are first divided by a power of two,
which keeps underflow far below this. An elementwise error E has spectral norm at most its greatest row sum.

Where units differ, scale first: with p = :func:`powers` of the diagonal, p A p is exact, the result delta of that means
A + delta Diag(1 / p^2) >= 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, eigh, lapack

from .types import FloatArray

UNIT = 2.0**-53
TINY = 1e-280
"""Covers underflow in matrices whose greatest entry is about one."""
HUGE = 1e300
"""Nothing is proved about matrices with greater entries."""
TRIES = 60
"""How often a shift that does not suffice is raised, each time by twice as much."""


def least_shift(matrix: FloatArray, error: float = 0.0) -> float:
    """A number delta, negative where there is room, with A + delta I positive semidefinite for every symmetric A within
    ``error`` of ``matrix`` [n, n] in spectral norm; inf where none is found (numbers that are not finite).

    It is about 6 n u trace + ``error`` above minus the least eigenvalue. The lower triangle is read.
    """
    if len(matrix) == 0:
        return 0.0
    if not usable(matrix, error):
        return np.inf
    one = power_above(float(np.abs(matrix).max()))
    scaled = matrix / one
    low = least_eigenvalue(scaled)
    step = float(first_step(scaled.diagonal(), low))
    shift = -low + step
    for _ in range(TRIES):
        slack = cholesky_slack(scaled, shift)
        if slack < np.inf:
            return float(total(shift, slack, one, error))
        step *= 2
        shift += step
    return np.inf


def least_shifts(matrices: FloatArray, errors: FloatArray) -> FloatArray:
    """:func:`least_shift` for many small matrices [K, n, n] with errors [K]: [K]."""
    count, n = matrices.shape[:2]
    if count == 0 or n == 0:
        return np.zeros(count)
    greatest = np.abs(matrices).max(axis=(1, 2))
    fine = (greatest < HUGE) & (errors >= 0) & (errors < HUGE)
    one = np.array([power_above(value) for value in np.where(fine, greatest, 1.0).tolist()])
    scaled = np.where(fine[:, None, None], matrices, np.eye(n)) / one[:, None, None]
    low = np.linalg.eigvalsh(scaled)[:, 0]
    shift = -low + first_step(np.einsum("kii->ki", scaled), low)
    np.einsum("kii->ki", scaled)[:] += shift[:, None]
    try:
        ends = np.einsum("kii->ki", np.linalg.cholesky(scaled))
    except np.linalg.LinAlgError:
        return np.array([least_shift(*each) for each in zip(matrices, errors.tolist(), strict=True)], dtype=np.float64)
    diagonal = np.einsum("kii->ki", scaled)
    proved = fine & (diagonal > 0).all(axis=1) & (ends > 0).all(axis=1) & np.isfinite(ends).all(axis=1)
    return np.asarray(np.where(proved, total(shift, hidden(diagonal), one, errors), np.inf))


def definite(matrix: FloatArray, error: float = 0.0) -> bool:
    """Whether every symmetric matrix within ``error`` of ``matrix`` [n, n] in spectral norm is proved to be positive
    semidefinite: one Cholesky factorisation, no eigenvalues. False where the proof fails."""
    if len(matrix) == 0:
        return True
    if not usable(matrix, error):
        return False
    one = power_above(float(np.abs(matrix).max()))
    scaled = matrix / one
    shift = -(2 * float(hidden(np.abs(scaled.diagonal()))) + error / one) * (1 + 16 * UNIT)
    return bool(total(shift, cholesky_slack(scaled, shift), one, error) <= 0)


def powers(diagonal: FloatArray) -> FloatArray:
    """Powers of two p with p_j^2 diagonal_j between 1/4 and 2; 1 where the diagonal is not positive and finite."""
    fine = (diagonal > TINY) & (diagonal < HUGE)
    return np.asarray(np.ldexp(1.0, -(np.frexp(np.where(fine, diagonal, 1.0))[1] // 2)))


def cholesky_slack(matrix: FloatArray, shift: float) -> float:
    """Some s with ``matrix + (shift + s) I`` positive semidefinite, inf where the factorisation of ``matrix + shift I``
    breaks off. The entries are at most 1 in magnitude."""
    shifted = np.array(matrix, order="F")
    places = np.arange(len(matrix))
    shifted[places, places] += shift
    diagonal = shifted.diagonal().copy()
    if not (diagonal > 0).all():
        return np.inf
    factor, info = lapack.dpotrf(shifted, lower=1, clean=0, overwrite_a=1)
    ends = factor.diagonal()  # some libraries go on after a NaN, which then reaches the diagonal
    if info != 0 or not (np.isfinite(ends).all() and (ends > 0).all()):
        return np.inf
    return float(hidden(diagonal))


def hidden(diagonal: FloatArray) -> FloatArray:
    """How negative an eigenvalue of a matrix with a floating-point Cholesky factor may be, from its diagonal [.., n],
    the shift of which was rounded."""
    n = diagonal.shape[-1] + 4
    gamma = 2 * (1 + 2.0**-20) * n * UNIT / (1 - 2 * n * UNIT)
    return np.asarray(gamma * diagonal.sum(axis=-1) + UNIT * diagonal.max(axis=-1) + TINY)


def first_step(diagonal: FloatArray, low: Any) -> Any:
    """How far past an estimate ``low`` of the least eigenvalue a factorisation should succeed."""
    n = diagonal.shape[-1]
    trace = np.abs(diagonal - np.asarray(low)[..., None]).sum(axis=-1)
    return 2 * (n + 4) * UNIT * (trace + 4 * np.abs(low)) + TINY


def total(shift: Any, slack: Any, one: Any, error: Any) -> Any:
    """``(shift + slack) * one + error``, rounded up; ``one`` is a power of two."""
    away = 8 * UNIT * ((np.abs(shift) + slack) * one + error)
    return np.nextafter((shift + slack) * one + error + away, np.inf)


def least_eigenvalue(matrix: FloatArray) -> float:
    """An estimate; Gershgorin's bound where the solver gives up."""
    try:
        return float(eigh(matrix, eigvals_only=True, subset_by_index=[0, 0], check_finite=False)[0])
    except (LinAlgError, ValueError, IndexError):
        return float((2 * matrix.diagonal() - np.abs(matrix).sum(axis=1)).min())


def usable(matrix: FloatArray, error: float) -> bool:
    return bool(np.abs(matrix).max() < HUGE and 0 <= error < HUGE)


def power_above(value: float) -> float:
    """A power of two greater than a number, not too small a one."""
    return float(np.ldexp(1.0, np.frexp(max(value, TINY))[1]))
