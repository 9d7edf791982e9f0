"""Spin forms and proofs about them for tests, and their true maxima in rationals over all spins."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from scipy import sparse

from isinglass.ir.fixed_spins import fixed_spins
from isinglass.ir.odd_cycles import OddCycles
from isinglass.ir.spin_form import SpinForm
from isinglass.ir.spin_tree import SpinTree

Array = Any
STEPS = ("any", "whole", "tenths")


def random_form(rng: np.random.Generator, most: int = 6, rows: int = 4, kind: str = "any") -> SpinForm:
    """Up to ``most`` spins and ``rows`` absolute values, Q None, dense or sparse."""

    def draw(*shape: int) -> Array:
        whole = rng.integers(-3, 4, shape).astype(float)
        return rng.normal(size=shape) if kind == "any" else whole * 0.1 if kind == "tenths" else whole

    spins, count = int(rng.integers(1, most + 1)), int(rng.integers(0, rows + 1))
    upper = np.triu(draw(spins, spins) * (rng.random((spins, spins)) < 0.7), 1)
    choice = rng.integers(0, 3)
    quadratic = None if choice == 0 else upper + upper.T
    if choice == 2:
        quadratic = sparse.csr_array(quadratic)
    return SpinForm(draw(count, spins), quadratic, float(draw(1)[0]))


def points(fixed: Array) -> Array:
    """All spins [P, N] that agree with ``fixed`` [N], t_0 = 1."""
    choices = [(1,) if j == 0 else (int(value),) if value else (1, -1) for j, value in enumerate(fixed)]
    return np.array(list(product(*choices)))


def exact_values(form: SpinForm, spins: Array) -> list[Fraction]:
    """F at spins [P, N], in rationals."""
    found = []
    dense = None if form.quadratic is None else np.asarray(form.quadratic @ np.eye(form.spins))
    rows = [[Fraction(float(value)) for value in row] for row in form.rows]
    for t in np.asarray(spins).tolist():
        total = Fraction(form.constant)
        total += sum((abs(sum((b * s for b, s in zip(row, t, strict=True)), Fraction(0))) for row in rows), Fraction(0))
        if dense is not None:
            pairs = zip(*np.nonzero(dense), strict=True)
            total += sum((Fraction(float(dense[i, j])) * t[int(i)] * t[int(j)] for i, j in pairs), Fraction(0))
        found.append(total)
    return found


def greatest(form: SpinForm, fixed: Array) -> Fraction:
    """The true maximum over the spins that agree with ``fixed``."""
    return max(exact_values(form, points(fixed)))


def random_fixed(rng: np.random.Generator, spins: int, share: float = 0.4) -> Array:
    found = np.where(rng.random(spins) < share, rng.choice([-1, 1], spins), 0).astype(np.int8)
    found[0] = 1
    return found


def duals(rng: np.random.Generator, form: SpinForm, fixed: Array) -> tuple[Array, Array]:
    """Scales and a diagonal: any, or those that would be tight at a good point."""
    if rng.random() < 0.3:
        a = np.abs(rng.normal(size=len(form.rows))) * rng.choice([0, 1, 1, 1e6, 1e-6], len(form.rows))
        return a, rng.normal(size=form.spins) * 3
    spins = points(fixed)[:64]
    best = spins[int(np.argmax(form.value(spins.astype(float))))].astype(float)
    a = np.abs(form.rows @ best) * rng.choice([1.0, 1.0, 0.9, 1.3], len(form.rows))
    inverse = np.divide(0.5, a, out=np.zeros_like(a), where=a > 0)
    square = (form.rows.T * inverse) @ form.rows + (0 if form.quadratic is None else form.quadratic @ np.eye(len(best)))
    return a, best * (square @ best)


def random_triangles(rng: np.random.Generator, spins: int) -> tuple[Array, Array, Array]:
    count = int(rng.integers(0, 5))
    return rng.integers(0, spins, (count, 3)), rng.integers(0, 4, count), rng.random(count) * rng.choice([0, 0.1, 1, 9])


def random_splits(rng: np.random.Generator, spins: int, share: float = 0.7) -> Array:
    """A tree [K] in preorder: spins to split on, -1 at leaves."""
    found: list[int] = []

    def grow(left: list[int]) -> None:
        if not left or rng.random() > share:
            found.append(-1)
            return
        place = int(rng.integers(len(left)))
        found.append(left[place])
        for _ in range(2):
            grow(left[:place] + left[place + 1 :])

    grow(list(range(1, spins)))
    return np.array(found)


def leaves_of(spin: Array, spins: int) -> Array:
    """The fixed spins [L, N] of the leaves."""
    return np.concatenate(list(fixed_spins("test", spin, spins, 3)))


def random_tree(rng: np.random.Generator, form: SpinForm, kind: Any = np.float64) -> SpinTree:
    """A proof with random splits and triangles; the other numbers near to tight ones or not."""
    spin = random_splits(rng, form.spins)
    fixed = leaves_of(spin, form.spins)
    numbers = [duals(rng, form, one) for one in fixed]
    cuts = [random_triangles(rng, form.spins) for _ in fixed]
    start = np.concatenate([[0], np.cumsum([len(cut[1]) for cut in cuts])])
    triangle, pattern, multiplier = (np.concatenate([cut[part] for cut in cuts]) for part in range(3))
    scale, diagonal = (np.clip(np.stack([pair[part] for pair in numbers]), -1e4, 1e4).astype(kind) for part in (0, 1))
    size = (form.spins, len(form.rows))
    return SpinTree(*size, spin, scale, diagonal, start, triangle, pattern, multiplier.astype(kind))


def random_walk(rng: np.random.Generator, spins: int) -> tuple[Array, Array]:
    """A closed walk over at least two spins and its flags."""
    steps = int(rng.integers(3, 8)) if spins > 2 else 4
    while True:
        vertex = rng.integers(0, spins, steps)
        if (vertex != np.roll(vertex, -1)).all():
            break
    flag = rng.integers(0, 2, steps)
    flag[0] = 1 - flag[1:].sum() % 2
    return vertex, flag


def random_cycles(rng: np.random.Generator, spins: int, share: float = 0.5) -> OddCycles:
    """Random splits, walks and multipliers over at least two spins."""
    spin = random_splits(rng, spins, share)
    counts = rng.integers(0, 4, int((spin < 0).sum()))
    walks = [random_walk(rng, spins) for _ in range(int(counts.sum()))]
    start = np.concatenate([[0], np.cumsum([len(vertex) for vertex, _ in walks])]).astype(np.int64)
    none = np.zeros(0, np.int64)
    vertex, flag = (np.concatenate([none, *(walk[part] for walk in walks)]) for part in range(2))
    leaf = np.concatenate([[0], np.cumsum(counts)])
    return OddCycles(spins, spin, leaf, start, vertex, flag, rng.random(len(walks)) * rng.choice([0, 1, 3]))
