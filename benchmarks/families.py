"""Small random models whose optimum is known by brute force in integers, written without isinglass's arithmetic.

The families are those on which default QUBO constructions go wrong: mixed and cooperative objectives, one-decimal rows,
rows divided by their capacity, a pinned chain, cubic objectives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from isinglass import Builder

Rng = np.random.Generator


@dataclass(frozen=True)
class Model:
    """``problem`` as isinglass sees it; ``points`` [B, n], their ``objective`` and whether they are ``feasible``."""

    problem: Any
    points: np.ndarray
    objective: np.ndarray
    feasible: np.ndarray

    @property
    def optimum(self) -> float | None:
        return float(self.objective[self.feasible].min()) if self.feasible.any() else None


def grid(tops: np.ndarray) -> np.ndarray:
    axes = [np.arange(top + 1) for top in tops]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(tops))


def rows_model(rng: Rng, kind: str, integers: bool = False) -> Model:
    """Six variables, one capacity row, four variables that sum to two."""
    n = 6
    tops = np.where(rng.random(n) < 0.34, 3, 1) if integers else np.ones(n, int)
    C = np.triu(rng.integers(-9, 10, (n, n)))
    if kind == "cooperative":
        C = -np.abs(C)
    points = grid(tops)
    b = Builder(kind)
    x = b.integer("x", (n,), 0, tops)
    if kind == "float":
        tenths = rng.integers(1, 100, n)
        side = round(float(tenths.sum()) / 2)
        b.add("cap", (tenths / 10) @ x <= side / 10)
        held = points @ tenths <= side
    else:
        w = rng.integers(1, 10, n)
        side = int(w.sum() // 2)
        b.add("cap", (w / side) @ x <= 1.0 if kind == "divided" else w.astype(float) @ x <= side)
        held = points @ w <= side
    four = rng.choice(n, 4, replace=False)
    b.add("two", x[four].sum() == 2)
    held &= points[:, four].sum(axis=1) == 2
    b.minimize(x @ C.astype(float) @ x)
    return Model(b.build(), points, np.einsum("bi,ij,bj->b", points, C, points).astype(float), held)


def pinned(rng: Rng, number: int) -> Model:
    """C = -1 above the diagonal, row x_0 == 0, 4 to 14 binaries."""
    n = 4 + number % 11
    C = -np.triu(np.ones((n, n)), 1)
    b = Builder("pinned")
    x = b.binary("x", (n,))
    b.add("pin", x[0] == 0)
    b.minimize(x @ C @ x)
    points = grid(np.ones(n, int))
    return Model(b.build(), points, np.einsum("bi,ij,bj->b", points, C, points), points[:, 0] == 0)


def cubic(rng: Rng, number: int) -> Model:
    """Three random triples with coefficients in -9..9 over six binaries, and a linear part."""
    n = 6
    b = Builder("cubic")
    x = b.binary("x", (n,))
    points = grid(np.ones(n, int))
    linear = rng.integers(-9, 10, n)
    value, total = points @ linear, linear.astype(float) @ x
    for _ in range(3):
        i, j, k = (int(v) for v in rng.choice(n, 3, replace=False))
        c = int(rng.integers(-9, 10))
        total = total + float(c) * x[i] * x[j] * x[k]
        value = value + c * points[:, i] * points[:, j] * points[:, k]
    b.minimize(total)
    return Model(b.build(), points, value.astype(float), np.ones(len(points), bool))


FAMILIES: dict[str, Callable[[Rng, int], Model]] = {
    "mixed": lambda rng, _: rows_model(rng, "mixed"),
    "cooperative": lambda rng, _: rows_model(rng, "cooperative"),
    "float": lambda rng, _: rows_model(rng, "float"),
    "divided": lambda rng, _: rows_model(rng, "divided"),
    "mixed-integer": lambda rng, _: rows_model(rng, "mixed", integers=True),
    "cooperative-integer": lambda rng, _: rows_model(rng, "cooperative", integers=True),
    "float-integer": lambda rng, _: rows_model(rng, "float", integers=True),
    "divided-integer": lambda rng, _: rows_model(rng, "divided", integers=True),
    "pinned": pinned,
    "cubic": cubic,
}
