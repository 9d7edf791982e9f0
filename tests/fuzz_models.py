"""Random small models of everything the builder can say, with all their points judged in whole numbers.

Plain functions of a numpy Generator. ``fuzz_draft`` keeps every polynomial twice, as the builder's expression and as
fractions by monomial; the truth comes from the fractions alone, over all points of the box, without the package's
arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from fuzz_draft import MOST, ROWS, SHARES, Draft, Polynomial, plus

from isinglass.ir.problem import Problem

Rng = np.random.Generator
Array = Any
LIMIT = 1 << 13


@dataclass(frozen=True, eq=False)
class Model:
    """``points``: block -> [B, n], all of the box; ``objective`` [B] as fractions in the source's sense; ``feasible``
    [B]; ``broken``: label of a row -> [B]."""

    problem: Problem
    points: dict[str, Array]
    objective: Array
    feasible: Array
    broken: dict[str, Array]
    maximize: bool

    @property
    def optimum(self) -> Fraction | None:
        """The best value of a feasible point; None where there is none."""
        found = self.objective[self.feasible]
        return None if not len(found) else max(found) if self.maximize else min(found)

    @property
    def table(self) -> Array:
        """All points [B, size]."""
        return np.concatenate([self.points[name] for name in self.problem.vars], axis=1)


def mixed_model(rng: Rng) -> tuple[Problem, dict[str, Array], Array, Array]:
    """A random model, all points of its box, their objective [B] and which are feasible [B]."""
    model = random_model(rng)
    return model.problem, model.points, model.objective, model.feasible


def random_model(rng: Rng) -> Model:
    """A random model with the truth about it."""
    while True:
        draft = Draft(rng)
        draft.variables()
        draft.goal()
        for _ in range(int(rng.integers(0, 6))):
            rng.choice(np.array(ROWS, dtype=object), p=SHARES)(draft)
        if draft.count <= LIMIT and len(draft.axes) <= MOST:
            return judged(draft)


def judged(draft: Draft) -> Model:
    """The model, and the truth about every point of its box."""
    problem = draft.builder.build()
    grid = np.meshgrid(*(np.array(axis, dtype=np.int64) for axis in draft.axes), indexing="ij")
    table = np.stack(grid, axis=-1).reshape(-1, len(draft.axes)) if draft.axes else np.zeros((1, 0), np.int64)
    points = problem.unstack(table.astype(float))
    sign = -1 if draft.maximize else 1  # costs are paid, whichever way the objective goes
    top, bottom = whole_values(plus(draft.objective, {m: sign * v for m, v in draft.costs.items()}), table)
    objective = np.array([Fraction(int(t), bottom) for t in top.tolist()] + [None], dtype=object)[:-1]
    feasible = np.ones(len(table), bool)
    broken = {}
    for row in draft.rows:
        top, bottom = whole_values(plus(row.polynomial, {(): -row.side}), table)
        fine = {"<=": top <= 0, ">=": top >= 0, "==": top == 0}[row.sense]
        if row.guard is not None:
            fine = fine | (table[:, row.guard] != row.value)
        broken[row.label] = ~fine
        feasible &= fine
    return Model(problem, points, objective, feasible, broken, draft.maximize)


def whole_values(polynomial: Polynomial, table: Array) -> tuple[Array, int]:
    """Values [B] at whole points [B, n] as whole numbers over a common denominator."""
    bottom = lcm(*(value.denominator for value in polynomial.values()))
    total = np.zeros(len(table), np.int64)
    for monomial, value in polynomial.items():
        part = np.full(len(table), int(value * bottom), np.int64)
        for column in monomial:
            part = part * table[:, column]
        total += part
    return total, bottom
