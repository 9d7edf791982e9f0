"""Spin forms and proofs about them for tests, and their true maxima in rationals over all spins."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from scipy import sparse

from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Lin, Poly, Var
from isinglass.ir.fixed_spins import fixed_spins
from isinglass.ir.lift.objective import Objective
from isinglass.ir.odd_cycles import OddCycles
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.spin_form import SpinForm
from isinglass.ir.spin_tree import SpinTree
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear
from isinglass.ir.terms.square import Square

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


def random_problem(rng: np.random.Generator, kind: str = "any") -> Problem:
    """Binaries, spins, whole numbers between two neighbours and fixed reals, some of them fixed, in terms of all kinds;
    a row that is not looked at; perhaps a maximum."""

    def draw(*shape: int) -> Array:
        whole = rng.integers(-3, 4, shape).astype(float)
        return rng.normal(size=shape) if kind == "any" else whole * 0.1 if kind == "tenths" else whole

    b, s = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    low = rng.integers(-3, 3, 1).astype(float)
    held = draw(1)
    variables = (
        Var.of("x", "bin", (b,), 0.0, rng.choice([0.0, 0.5, 1.0, 1.0], b)), Var.of("s", "spin", (s,)),
        Var.of("z", "int", (1,), low - 0.25, low + 1.25), Var.of("r", "real", (1,), held, held),
        Var.of("far", "real", (2,)),
    )  # fmt: skip
    terms: tuple[Any, ...] = (
        Bilinear("x", "s", Dense(draw(b, s))), Bilinear("s", "s", Csr.of(draw(s, s))),
        Bilinear("z", "r", Dense(draw(1, 1))), Bilinear("z", "x", Dense(draw(1, b))).monomials(),
        Linear("x", Dense(draw(1, b))), Linear("z", Csr.of(draw(1, 1))),
    )  # fmt: skip
    if rng.random() < 0.3:
        parts = {"x": Dense(draw(1, b)), "s": Csr.of(draw(1, s)), "z": Dense(draw(1, 1))}
        terms += (Square(Affine(draw(1), parts)),)
    row = Lin("row", {"s": Dense(np.ones((1, s)))}, "<=", np.array([float(s)]))
    source = Objective(-1.0, 0.5) if rng.random() < 0.5 else Objective()
    return Problem("random", (*variables, row, Poly("goal", "objective", terms, draw(1))), source)


def exact_objective(problem: Problem, values: dict[str, list[Fraction]]) -> Fraction:
    """The minimised objective at one point, in rationals."""

    def affine(inner: Affine) -> Fraction:
        total = Fraction(float(inner.offset[0]))
        for name, operator in inner.parts.items():
            entries = operator.to_csr().toarray()[0].tolist()
            total += sum((Fraction(a) * x for a, x in zip(entries, values[name], strict=True)), Fraction(0))
        return total

    total = Fraction(float(problem.objective.constant[0]))
    for term in problem.objective.terms:
        if isinstance(term, Square):
            total += affine(term.inner) ** 2
            continue
        terms: Any = term.monomials()
        for which, index, coefficient in zip(terms.which, terms.index, terms.coefficient.tolist(), strict=True):
            part = Fraction(coefficient)
            for name, place in zip(which.tolist(), index.tolist(), strict=True):
                part *= values[terms.names[name]][place] if name >= 0 else 1
            total += part
    return total


def least(problem: Problem) -> Fraction:
    """The true minimum over all points of a problem as above, rows left out."""
    choices: list[list[float]] = []
    for name, var in problem.vars.items():
        for lower, upper in zip(var.lower.tolist(), var.upper.tolist(), strict=True):
            if name == "far":
                choices.append([0.0])
            elif var.domain == "spin":
                choices.append([-1.0, 1.0])
            elif var.domain == "real":
                choices.append([lower])
            else:
                choices.append([float(v) for v in range(int(np.ceil(lower)), int(np.floor(upper)) + 1)])
    starts = problem.starts
    found = []
    for point in product(*choices):
        exact = [Fraction(value) for value in point]
        values = {name: exact[start : start + problem.vars[name].size] for name, start in starts.items()}
        found.append(exact_objective(problem, values))
    return min(found)
