"""The semidefinite bound of a :class:`~isinglass.ir.spin_form.SpinForm` by low-rank vectors and one eigenvalue.

With unit vectors q_j for the spins, ``max constant + sum_i ||(B q)_i|| + <Q, q q^T>`` is never below the maximum of F.
Every scale a > 0 and diagonal d with ``Diag(d) - G >= 0``, ``G = Q + B^T Diag(1 / 2a) B``, prove

    F(t) <= constant + sum(a) / 2 + sum(d)        since |v| <= (a + v^2 / a) / 2 and t_j^2 = 1.

Vectors: ascent steps ``q_j = norm((B^T p)_j + 2 (Q q)_j + s_j q_j)``, ``p_i = norm((B q)_i)``, with shifts s that make
the quadratic part convex (so that no step goes down) and Nesterov's extrapolation, restarted when the value falls.
Multipliers of vectors q: a_i = ||(B q)_i||, d_j = ||(G q)_j||, then scaled by mu, the greatest eigenvalue of
``D^(-1/2) G D^(-1/2)``; without Q both by sqrt(mu), which is the better half of the way. They are sound up to rounding,
however badly the vectors converged; what they prove rigorously, ``ir/spin_proof`` says.

Sources: Burer and Monteiro 2003 (low rank), Wang, Chang and Kolter 2017 (mixing method), Grothendieck's bound of
``||B||_{inf->1}``; Nesterov 1983 with O'Donoghue and Candes' restarts.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from ...ir.spin_form import SpinForm
from ...ir.types import AnyArray, FloatArray
from ..search.clock import Clock

DENSE = 500
"""Up to so many spins the greatest eigenvalue comes from a dense factorisation, beyond from Lanczos steps."""
FLOOR = 1e-7
"""Least scale of a row and least diagonal, relative to the row's size and the mean diagonal."""


@dataclass(frozen=True, eq=False)
class Relaxation:
    """``vectors`` q [N, k], of length 1; ``value``: the relaxation there, which bounds nothing.

    ``scale`` a [n], ``diagonal`` d [N]: multipliers; ``upper``: what they prove, in float64 without care for rounding.
    """

    vectors: FloatArray
    value: float
    scale: FloatArray
    diagonal: FloatArray
    upper: float


def root_bound(form: SpinForm, clock: Clock | None = None, tolerance: float = 1e-6, seed: int = 0) -> Relaxation:
    """The semidefinite bound from random vectors of rank ceil(sqrt(2 N)): see :func:`relax`."""
    return relax(form, random_vectors(form.spins, seed), tolerance=tolerance, clock=clock)


def relax(
    form: SpinForm,
    vectors: FloatArray,
    tolerance: float = 1e-6,
    sweeps: int = 2000,
    clock: Clock | None = None,
    shift: FloatArray | None = None,
) -> Relaxation:
    """Sweeps from ``vectors`` [N, k] until upper and value agree to ``tolerance`` (relative), or time is over.

    ``shift`` [N]: see :func:`convex_shift`; computed if left out. Deterministic unless the clock cuts it short.
    """
    if shift is None:
        shift = convex_shift(form.quadratic)
    ascent = Ascent(form, vectors, shift)
    best: Relaxation | None = None
    pause = 25
    done = 0
    while True:
        pause = min(pause, sweeps - done)
        finished = ascent.run(pause, tolerance / 50, clock)
        done += pause
        found = multipliers(form, ascent.vectors)
        if best is None or found.upper < best.upper:
            best = found
        size = max(abs(found.value - form.constant), 1e-300)
        stop = found.upper - found.value <= tolerance * size or done >= sweeps or (clock is not None and clock.over)
        if stop or (finished and found.upper >= best.upper and found is not best):
            return best
        pause = max(25, done // 2)


class Ascent:
    """Extrapolated ascent of the relaxation; ``vectors`` [N, k] is the latest point, ``value`` the one before it."""

    def __init__(self, form: SpinForm, vectors: AnyArray, shift: AnyArray) -> None:
        self.form = form
        self.vectors = vectors
        self.shift = shift[:, None] if form.quadratic is not None else None
        self.value = -np.inf
        self._ahead = vectors
        self._weight = 1.0

    def run(self, sweeps: int, tolerance: float, clock: Clock | None = None) -> bool:
        """Some sweeps; True when the last ten gained less than ``tolerance``, relatively."""
        for done in range(0, sweeps, 10):
            before = self.value
            for _ in range(min(10, sweeps - done)):
                self.sweep()
            if 0 <= self.value - before <= tolerance * abs(self.value):
                return True
            if clock is not None and clock.over:
                break
        return False

    def sweep(self) -> None:
        """One step from the extrapolated point, or from the latest one where extrapolation went down."""
        value, slope = gradient(self.form, self._ahead)
        if value < self.value and self._ahead is not self.vectors:
            self._ahead, self._weight = self.vectors, 1.0
            value, slope = gradient(self.form, self._ahead)
        if self.shift is not None:
            slope += self.shift * self._ahead
        new = unit(slope, self._ahead)
        weight = (1 + sqrt(1 + 4 * self._weight**2)) / 2
        self._ahead = unit(new + ((self._weight - 1) / weight) * (new - self.vectors), new)
        self.vectors, self.value, self._weight = new, value, weight


def gradient(form: SpinForm, vectors: FloatArray) -> tuple[float, FloatArray]:
    """The relaxation without its constant at vectors [N, k], and its gradient [N, k]."""
    value, slope = 0.0, np.zeros_like(vectors)
    if len(form.rows):
        images = form.rows @ vectors
        lengths = np.sqrt(np.einsum("ij,ij->i", images, images))
        value += float(lengths.sum())
        images /= np.maximum(lengths, 1e-30)[:, None]
        slope = form.rows.T @ images
    if form.quadratic is not None:
        couplings = form.quadratic @ vectors
        value += float(np.vdot(couplings, vectors))
        slope += 2 * couplings
    return value, slope


def multipliers(form: SpinForm, vectors: FloatArray) -> Relaxation:
    """The multipliers that vectors [N, k] suggest, scaled until they prove a bound."""
    images = form.rows @ vectors
    lengths = np.sqrt(np.einsum("ij,ij->i", images, images))
    scale = np.maximum(lengths, FLOOR * np.abs(form.rows).sum(axis=1))
    held = np.maximum(scale, 1e-300)[:, None]
    slope = form.rows.T @ (images / (2 * held))
    value = float(lengths.sum())
    if form.quadratic is not None:
        couplings = form.quadratic @ vectors
        value += float(np.vdot(couplings, vectors))
        slope = slope + couplings
    diagonal = np.sqrt(np.einsum("ij,ij->i", slope, slope))
    diagonal = np.maximum(diagonal, max(FLOOR * float(diagonal.mean()), 1e-300))
    factor = max(greatest(form, scale, diagonal), 0.0)
    if form.quadratic is None:
        scale, diagonal = scale * np.sqrt(factor), diagonal * np.sqrt(factor)
    else:
        diagonal = diagonal * factor
    upper = form.constant + float(scale.sum() / 2 + diagonal.sum())
    return Relaxation(vectors, form.constant + value, scale, diagonal, upper)


def greatest(form: SpinForm, scale: FloatArray, diagonal: FloatArray) -> float:
    """The greatest eigenvalue of D^(-1/2) G D^(-1/2), from below by Lanczos steps where N is large."""
    size = form.spins
    across = 1 / np.sqrt(diagonal)
    rows = form.rows * across
    weight = np.where(scale > 0, 0.5 / np.maximum(scale, 1e-300), 0.0)
    if size <= DENSE:
        rows *= np.sqrt(weight)[:, None]
        return top(rows.T @ rows + scaled(form.quadratic, across, True))
    couplings = scaled(form.quadratic, across, False)

    def apply(x: FloatArray) -> FloatArray:
        x = x.ravel()
        return np.asarray(couplings @ x + rows.T @ (weight * (rows @ x)))

    return lanczos(LinearOperator((size, size), matvec=apply, dtype=float), "LA", 1e-7)


def top(matrix: FloatArray) -> float:
    """The greatest eigenvalue of a symmetric matrix."""
    last = len(matrix) - 1
    only: Any = {"eigvals_only": True, "subset_by_index": [last, last], "driver": "evr", "check_finite": False}
    return float(linalg.eigh(matrix, **only)[0])


def lanczos(operator: Any, end: Literal["LA", "SA"], tolerance: float) -> float:
    """An end of the spectrum from inside; Lanczos steps from a fixed vector, so the same every time."""
    start = np.random.default_rng(0).standard_normal(operator.shape[0])
    try:
        found: Any = eigsh(operator, k=1, which=end, v0=start, tol=tolerance, return_eigenvectors=False)
        return float(found[0])
    except ArpackNoConvergence as stopped:
        found = np.asarray(stopped.eigenvalues)
        return float(found[0]) if len(found) else float(abs(operator @ start).max())


def scaled(quadratic: Any, across: FloatArray, dense: bool) -> Any:
    """Diag(across) Q Diag(across); zero where there is no Q."""
    if quadratic is None:
        return np.zeros((1, 1)) if dense else sparse.csr_array((len(across), len(across)))
    if not isinstance(quadratic, np.ndarray):
        found = (quadratic.multiply(across[:, None]).multiply(across)).tocsr()
        return found.toarray() if dense else found
    return quadratic * across[:, None] * across


def convex_shift(quadratic: Any) -> FloatArray:
    """Shifts s [N] that make ``2 Q + Diag(s)`` positive semidefinite, up to a few percent; none without Q: [0]."""
    if quadratic is None:
        return np.zeros(0)
    square = quadratic * quadratic if isinstance(quadratic, np.ndarray) else quadratic.multiply(quadratic)
    size = np.sqrt(np.asarray(square.sum(axis=1), dtype=np.float64)).ravel()
    if not size.any():
        return size
    size = np.maximum(size, FLOOR * float(size.max()))
    across = 1 / np.sqrt(size)
    if len(size) <= DENSE:
        least = -top(-scaled(quadratic, across, True))
    else:
        least = lanczos(scaled(quadratic, across, False), "SA", 1e-2)
    return np.asarray(2 * max(-least, 0.0) * size)


def unit(vectors: FloatArray, default: FloatArray) -> FloatArray:
    """Rows [N, k] scaled to length 1; rows that vanish are taken from ``default``."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    if lengths.min(initial=1.0) > 1e-20:
        return np.asarray(vectors / lengths)
    return np.where(lengths > 1e-20, vectors / np.maximum(lengths, 1e-20), default)


def widened(vectors: AnyArray, share: float, seed: int) -> AnyArray:
    """Vectors [N, k] with ``share`` times as many dimensions, the new ones small and random."""
    rows, width = vectors.shape
    drawn = np.random.default_rng(seed).standard_normal((rows, int(np.ceil(share * width)) - width))
    wide = np.concatenate([vectors, 0.03 * drawn.astype(vectors.dtype)], axis=1)
    return unit(wide, wide)


def random_vectors(spins: int, seed: int, rank: int | None = None) -> FloatArray:
    """Unit vectors [N, k], k = ceil(sqrt(2 N)) if not told."""
    width = rank or int(np.ceil(np.sqrt(2 * spins)))
    drawn = np.random.default_rng(seed).standard_normal((spins, width))
    return unit(drawn, np.eye(1, width).repeat(spins, axis=0))
