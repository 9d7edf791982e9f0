"""Points from vectors: hyperplanes, then steps that never go down. Lower bounds by evaluation, nothing is proved."""

from __future__ import annotations

import numpy as np

from ...ir.spin_form import SpinForm
from ...ir.types import AnyArray, FloatArray

STEPS = 100
"""Most steps of a climb with rows; each looks at all rows."""
FLIPPED = 4
"""Points that are improved by single flips where there are rows."""
FLIPS = 5
"""Most flips of a climb without rows, for each spin."""


def rounded(form: SpinForm, vectors: AnyArray, fixed: AnyArray, number: int, seed: int) -> FloatArray:
    """Points [K, N] from ``number`` hyperplanes over the free spins' vectors [N', k], and from the signs relative to
    spin 0; climbed over all spins."""
    drawn = np.random.default_rng(seed).standard_normal((vectors.shape[1], number))
    sides = np.where(vectors @ np.column_stack([vectors[0], drawn]) >= 0, 1.0, -1.0).T
    points = np.repeat(np.asarray(fixed, dtype=np.float64)[None], number + 1, axis=0)
    points[:, np.append(0, 1 + np.flatnonzero(fixed[1:] == 0))] = sides * sides[:, :1]
    return climbed(form, points)


def climbed(form: SpinForm, points: FloatArray) -> FloatArray:
    """Alternating maximisation where there are rows only, then single flips, best first, until nothing improves: [K, N]
    with t_0 = 1."""
    points = np.where(points >= 0, 1.0, -1.0)
    if len(form.rows):
        if form.quadratic is None:
            points = np.unique(alternated(form, points), axis=0)
        points = points[np.argsort(-form.value(points))[:FLIPPED]]
    least = 1e-12 * float(form.column_sizes.sum() + form.quadratic_sizes.sum())
    fields = None if len(form.rows) else points @ form.quadratic if form.quadratic is not None else 0 * points
    for _ in range(STEPS if fields is None else FLIPS * form.spins):
        gain = gains(form, points) if fields is None else -4 * points * fields
        best = gain.argmax(axis=1)
        better = np.flatnonzero(gain[np.arange(len(points)), best] > least)
        if not len(better):
            break
        flipped = best[better]
        if fields is not None:
            columns = form.quadratic[flipped]
            columns = columns if isinstance(columns, np.ndarray) else columns.toarray()
            fields[better] -= 2 * points[better, flipped][:, None] * columns
        points[better, flipped] *= -1
    return points * points[:, :1]


def alternated(form: SpinForm, points: FloatArray) -> FloatArray:
    """t = sign(B^T sign(B t)), which never goes down, until nothing changes."""
    for _ in range(STEPS):
        new = np.where(np.sign(points @ form.rows.T) @ form.rows >= 0, 1.0, -1.0)
        if (new == points).all():
            break
        points = new
    return points


def gains(form: SpinForm, points: FloatArray) -> FloatArray:
    """How much each single flip would add to F: [K, N]."""
    gain = np.zeros_like(points)
    if len(form.rows):
        images = points @ form.rows.T
        before = np.abs(images).sum(axis=1)
        for k, (image, point) in enumerate(zip(images, points, strict=True)):
            gain[k] = np.abs(image - 2 * form.columns * point[:, None]).sum(axis=1) - before[k]
    if form.quadratic is not None:
        gain -= 4 * points * (form.quadratic @ points.T).T
    return gain
