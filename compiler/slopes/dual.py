"""The dual bound of the relaxation: any positive multipliers d, T prove one where a matrix is positive definite.

u_j (z_j - u_j) = 0 for slopes 0 and 1 and x_i^2 <= 1 (linf; |x|^2 <= 1 for l2, d one number), so

    2 (q . x + r . u) <= tau + sum d    if    tau + x . D x - 2 (q . x + r . u) - 2 sum_j T_j u_j (z_j - u_j) >= 0

for all x, u.

With x eliminated, K = X D^-1 X^T, P = Diag(2 T) - T Z - Z^T T - T K T and b = r + T X D^-1 q this is P > 0 and
tau = q . D^-1 q + b . P^-1 b; scaling (d, T) by c and tau by 1/c gives FGL <= sqrt(tau sum d) at the best c.

*Repair.* Multipliers of vectors that have not quite converged leave P slightly indefinite. T_j of layer k (of L, from
0) grows by (1 + e)^(L - 1 - k), d by (1 + e)^L: in units of the diagonal every coupling between layers l < k,
directions being layer -1, shrinks by (1 + e)^-((k - l) / 2). These factors form a positive definite matrix, so
(Schur) a matrix that is positive semidefinite gets a margin and keeps its shape; a few e are tried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import lapack, solve_triangular

from ...ir.slope_form import SlopeForm
from ...ir.types import AnyArray, BoolArray, FloatArray, IntArray

COARSEST = 0.5
STEP, TRIES = 4.0, 20
SPARED = 100.0
"""A repair that gains less than this times the finest one, relatively, is not followed by finer ones."""


@dataclass(frozen=True, eq=False)
class Held:
    """A node's form: used units F' that are left, ports m: ``within`` Z [F', F'], ``ports`` E [F', m],
    ``units`` r [F'], ``inputs`` [m], ``level`` [F'] layers, ``free`` [F'] positions in the whole form."""

    within: FloatArray
    ports: FloatArray
    units: FloatArray
    inputs: FloatArray
    level: IntArray
    free: IntArray


@dataclass(frozen=True, eq=False)
class Dual:
    """One functional of a form. Inputs come in through m ``rows`` [m, n]: those of X that are not zero, and q."""

    within: FloatArray
    ports: FloatArray
    units: FloatArray
    inputs: FloatArray
    level: IntArray
    rows: FloatArray
    gram: FloatArray
    norm: str
    last: BoolArray
    fed: BoolArray
    links: AnyArray

    @classmethod
    def of(cls, form: SlopeForm, functional: int, norm: str) -> Dual:
        fed = np.flatnonzero(form.inputs.any(axis=1))
        direct = form.input_weights[functional]
        rows = form.inputs[fed]
        if direct.any():
            rows = np.vstack([rows, direct])
        ports = np.zeros((form.units, len(rows)))
        ports[fed, np.arange(len(fed))] = 1
        inputs = np.zeros(len(rows))
        inputs[len(fed) :] = 1
        level = np.unique(form.layer, return_inverse=True)[1].astype(np.int64)
        gram = rows @ rows.T if norm == "l2" else np.zeros((0, 0))
        weights = form.unit_weights[functional]
        reads: BoolArray = np.asarray(np.vstack([form.within, weights]) != 0)
        reached: BoolArray = np.asarray(form.inputs.any(axis=1))
        if form.errors is not None:
            reached = reached | form.errors[1].any(axis=1)
            reads |= np.vstack([form.errors[0], form.errors[2][functional]]) > 0
        return cls(
            form.within,
            ports,
            weights,
            inputs,
            level,
            rows,
            gram,
            norm,
            reads[-1],
            reached,
            reads[:-1].astype(np.float32),
        )

    @property
    def depth(self) -> int:
        return int(self.level.max(initial=-1)) + 1

    def used(self, pattern: AnyArray) -> BoolArray:
        """Units [F] on some way from the inputs to the functional past none that is held off."""
        there = np.asarray(pattern != 0)
        ahead = self.last & there
        for _ in range(self.depth):
            ahead |= (ahead.astype(np.float32) @ self.links > 0) & there
        found = self.fed & ahead
        for _ in range(self.depth):
            found |= (self.links @ found.astype(np.float32) > 0) & ahead
        return np.asarray(found)

    def held(self, pattern: AnyArray) -> Held:
        """The form of the used units that ``pattern`` [F] (0, 1, NaN) leaves free."""
        used = self.used(pattern)
        free = np.flatnonzero(used & np.isnan(pattern))
        on = np.flatnonzero(used & (pattern == 1))
        across = np.hstack([self.within[np.ix_(free, free)], self.ports[free]])
        direct = np.concatenate([self.units[free], self.inputs])
        if len(on):
            system = np.eye(len(on)) - self.within[np.ix_(on, on)]
            sides = np.hstack([self.within[np.ix_(on, free)], self.ports[on]])
            through = solve_triangular(system, sides, lower=True, unit_diagonal=True, check_finite=False)
            across += self.within[np.ix_(free, on)] @ through
            direct += self.units[on] @ through
        cut = len(free)
        return Held(across[:, :cut], across[:, cut:], direct[:cut], direct[cut:], self.level[free], free)

    def port_gram(self, d: FloatArray) -> FloatArray:
        """rows D^-1 rows^T [m, m]."""
        if self.norm == "l2":
            return np.asarray(self.gram / d[0])
        scaled = self.rows / np.sqrt(d)
        return np.asarray(scaled @ scaled.T)

    def bound(self, pattern: AnyArray, d: AnyArray, multiplier: AnyArray, hint: float, finest: float) -> Bounded:
        """The best bound that repairs near ``hint`` give, for d [n] or [1] and T [F] of any quality.

        Repairs finer than ``finest`` are not tried: numbers that will be rounded need some.
        """
        d, held = _positive(np.asarray(d, np.float64)), self.held(pattern)
        t, gram = _positive(np.asarray(multiplier, np.float64)[held.free]), self.port_gram(d)
        through = held.ports @ gram
        matrices = Matrices(
            held,
            through @ held.ports.T,
            through @ held.inputs,
            float(held.inputs @ gram @ held.inputs),
            float(d.sum()),
            t,
        )
        best, grade, rising = Bounded(np.inf, d, multiplier, hint), min(max(hint, finest), COARSEST), False
        for _ in range(TRIES):
            value, scaled = matrices.graded(grade, self.depth)
            if not value < best.value:
                if np.isfinite(best.value):
                    break
                rising, grade = True, grade * STEP
            else:
                whole = np.zeros(len(pattern))
                whole[held.free] = scaled
                enough = best.value - value < SPARED * finest * value
                best = Bounded(value, d * (1 + grade) ** self.depth, whole, grade)
                if rising or enough or grade <= finest:
                    break
                grade = max(grade / STEP, finest)
        return best

    def raised(self, d: AnyArray, multiplier: AnyArray, grade: float) -> tuple[AnyArray, AnyArray]:
        """d and T after one repair, in their own precision."""
        growth = (1 + grade) ** (self.depth - 1 - self.level)
        return (d * (1 + grade) ** self.depth).astype(d.dtype), (multiplier * growth).astype(multiplier.dtype)


@dataclass(frozen=True, eq=False)
class Matrices:
    """A node's parts of P and b: ``square`` E gram E^T [F', F'], ``edge`` [F'] and ``corner`` with the ports of q."""

    held: Held
    square: FloatArray
    edge: FloatArray
    corner: float
    total: float
    multiplier: FloatArray

    def graded(self, grade: float, depth: int) -> tuple[float, FloatArray]:
        """Bound and T [F'] under one repair; inf where P is not positive definite."""
        growth = 1 + grade
        shrunk = growth**-depth
        t = self.multiplier * growth ** (depth - 1 - self.held.level)
        tau = self.corner * shrunk
        if len(t):
            s = np.sqrt(t)
            # Diag(1/s) P Diag(1/s) below its diagonal, Z being lower triangular
            matrix = self.held.within * (-1 / s)
            matrix -= self.square * (s * shrunk)
            matrix *= s[:, None]
            matrix[np.diag_indices_from(matrix)] += 2
            factor, failed = lapack.dpotrf(matrix.T, lower=0, clean=0, overwrite_a=1)
            if failed or not np.isfinite(factor[-1, -1]):
                return np.inf, t
            half, _ = lapack.dtrtrs(factor, self.held.units / s + self.edge * (s * shrunk), lower=0, trans=1)
            tau += float(half @ half)
        return float(np.sqrt(max(tau, 0.0) * self.total / shrunk)), t


@dataclass(frozen=True, eq=False)
class Bounded:
    """``value`` that d and T (0 where held) prove, before rounding; inf where none was found. ``grade``: the repair."""

    value: float
    inputs: AnyArray
    multiplier: AnyArray
    grade: float

    def rounded(self) -> Bounded:
        """With d and T in float32, to be kept."""
        return replace(self, inputs=self.inputs.astype(np.float32), multiplier=self.multiplier.astype(np.float32))


def _positive(values: FloatArray) -> FloatArray:
    """No multiplier may be zero: unused ones get a small part of the largest."""
    most = float(values.max(initial=0.0)) or 1.0
    return np.maximum(values, 1e-12 * most)
