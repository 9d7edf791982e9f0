"""Triangle cuts on the low-rank relaxation: an augmented Lagrangian whose multipliers are proved afterwards.

Over unit vectors q with products Y = q q^T, ``relaxation(q) + sum_T lambda_T slack_T(Y)`` bounds the maximum for every
lambda >= 0. Multipliers come from ascents of the augmented Lagrangian

    relaxation(q) - 1 / (2 sigma) sum_T (max(0, lambda_T - sigma slack_T)^2 - lambda_T^2)

and ``lambda_T <- max(0, lambda_T - sigma slack_T)`` between them (Hestenes; Rockafellar 1973), in float32: nothing here
has to be right. With lambda then held, :func:`settled` ascends the Lagrangian itself, whose multipliers (a, d) and
lambda ``ir/spin_proof`` turns into a bound. A step is ``norm(gradient + shift q)``, where the shift follows the size of
the couplings and the curvature of the penalty, and grows while steps go down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from ...ir.spin_form import SpinForm
from ...ir.types import AnyArray
from .sdp import Ascent, convex_shift, unit
from .triangles import Triangles, separate

LEAST = 0.02
"""Violations up to this size are left alone."""
DROP = 1e-7
"""Multipliers up to this size are dropped when triangles are exchanged."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A form divided by ``size``, in float32: ``rows`` B [n, N], ``base`` 2 Q [N, N] or None."""

    rows: AnyArray
    base: AnyArray | None

    @classmethod
    def of(cls, form: SpinForm, size: float) -> Problem:
        base = None
        if form.quadratic is not None:
            dense = form.quadratic if isinstance(form.quadratic, np.ndarray) else form.quadratic.toarray()
            base = (2 / size * dense).astype(np.float32)
        return cls((form.rows / size).astype(np.float32), base)

    def lagrangian(self, cuts: Triangles, vectors: AnyArray) -> SpinForm:
        """The form with the triangles' part, in float32 and without constants."""
        matrix = cuts.pushed(vectors @ vectors.T, 0.0, self.base)[1]
        return SpinForm(self.rows, matrix / 2)


@dataclass(frozen=True, eq=False)
class Point:
    """``vectors`` float32 [N, k], triangles with multipliers, and ``step``: the size of shifts that last worked."""

    vectors: AnyArray
    cuts: Triangles
    step: float = 0.3


def exchanged(point: Point, add: int, keep: int) -> Point:
    """Triangles that are of no use are dropped, the most violated ones join; at most ``keep`` are kept before that."""
    products = point.vectors @ point.vectors.T
    cuts = point.cuts
    if len(cuts):
        near = cuts.valued(np.full(len(cuts), DROP, np.float32)).pushed(products, DROP / LEAST, None)[0]
        cuts = cuts.pick((cuts.multiplier > DROP) | (near > 0)).most(keep)
    return replace(point, cuts=cuts.joined(separate(products, LEAST, add)))


def tightened(problem: Problem, point: Point, penalty: float, sweeps: int) -> Point:
    """One round: ``sweeps`` steps of ascent, then new multipliers. ``penalty``: sigma times the number of triangles
    that a spin is in, on average: what curves the penalty, next to diagonals of about 1."""
    sigma = penalty / max(3 * len(point.cuts) / len(point.vectors), 1.0)
    cuts, vectors, step = point.cuts, point.vectors, point.step
    ahead, best, weight, falls = vectors, -np.inf, 1.0, 0
    square = float(cuts.multiplier @ cuts.multiplier)
    shift = np.zeros((len(vectors), 1), np.float32)
    for sweep in range(sweeps):
        _, matrix, count, total = cuts.pushed(ahead @ ahead.T, sigma, problem.base)
        images = problem.rows @ ahead
        lengths = np.sqrt(np.einsum("ij,ij->i", images, images))
        slope = matrix @ ahead
        value = float(lengths.sum(dtype=np.float64)) - (total - square) / (2 * sigma)
        if problem.base is not None:
            value += float(np.vdot(problem.base @ ahead, ahead)) / 2
        if value < best - 1e-6 * abs(best):
            falls += 1
            step *= 1.5 if ahead is vectors else 1.15
            ahead, weight, best = vectors, 1.0, -np.inf
            continue
        best = value
        if sweep == 0:
            shift = (2 * np.sqrt(np.einsum("ij,ij->i", matrix, matrix)) + 2 * np.float32(sigma) * count)[:, None]
        slope += problem.rows.T @ (images / np.maximum(lengths, 1e-30)[:, None])
        slope += (np.float32(step) * shift) * ahead
        new = unit(slope, ahead)
        faster = (1 + sqrt(1 + 4 * weight**2)) / 2
        ahead = unit(new + np.float32((weight - 1) / faster) * (new - vectors), new)
        vectors, weight = new, faster
    multiplier = cuts.pushed(vectors @ vectors.T, sigma, problem.base)[0]
    return Point(vectors, cuts.valued(multiplier), step * (0.85 if falls == 0 else 1.0))


def settled(problem: Problem, point: Point, sweeps: int) -> AnyArray:
    """Vectors near the best of the Lagrangian for the point's multipliers."""
    form = problem.lagrangian(point.cuts, point.vectors)
    shift = convex_shift(form.quadratic).astype(np.float32)
    ascent = Ascent(form, point.vectors, shift)
    ascent.run(sweeps, 0.0)
    return ascent.vectors
