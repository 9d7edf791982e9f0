"""A tree of linear programs while it grows: nodes, their boxes, pseudocosts, and writing it down at the end."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...ir.lp_proof.model import Model
from ...ir.lp_proof.tree import LpTree
from ...ir.types import FloatArray, IntArray

SMALL = 1e-6
"""Distance from a whole number that counts as none."""


@dataclass(eq=False)
class Node:
    """Side ``above`` or not of ``parent``'s split. ``bound``: of cost.x, from its parent or its own multipliers
    ``rows``, ``values``; ``farkas``: they show that it holds no point."""

    parent: Node | None = None
    above: bool = False
    bound: float = -np.inf
    guess: float = -np.inf
    variable: int = -1
    value: int = 0
    sides: tuple[Node, Node] | None = None
    farkas: bool = False
    rows: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    values: FloatArray = field(default_factory=lambda: np.zeros(0))

    def box(self, model: Model) -> tuple[FloatArray, FloatArray]:
        """Its bounds [n] each: those of the model and of the splits on the way from the root."""
        lower, upper = model.lower.copy(), model.upper.copy()
        node = self
        while node.parent is not None:
            above, node = node.above, node.parent
            k = node.variable
            if above:
                lower[k] = 1 if model.spin[k] else max(lower[k], node.value + 1)
            else:
                upper[k] = min(upper[k], node.value)
        return lower, upper

    def keep(self, multipliers: FloatArray, farkas: bool, bound: float) -> None:
        """Take multipliers [m] and what they prove."""
        self.rows = np.flatnonzero(multipliers)
        self.values, self.farkas, self.bound = multipliers[self.rows], farkas, bound

    def split(self, variable: int, value: int, guesses: tuple[float, float]) -> tuple[Node, Node]:
        """The sides ``x <= value`` and ``x >= value + 1``; for a spin, split at -1, -1 and 1."""
        self.variable, self.value = variable, value
        below, above = (
            Node(self, side, self.bound, guess, rows=self.rows, values=self.values)
            for side, guess in zip((False, True), guesses, strict=True)
        )
        self.sides = below, above
        return self.sides


@dataclass(frozen=True, eq=False)
class Visit:
    """A node with its box while it is looked at."""

    node: Node
    lower: FloatArray
    upper: FloatArray


def written(root: Node, model: Model, cutoff: float | None) -> LpTree:
    """The tree in preorder; open nodes become leaves with the multipliers of their parents."""
    variable, value, farkas, sizes, rows, values = [], [], [], [0], [], []
    stack = [root]
    while stack:
        node = stack.pop()
        variable.append(node.variable)
        value.append(node.value)
        if node.sides is not None:
            stack += node.sides[::-1]
            continue
        farkas.append(node.farkas)
        sizes.append(len(node.rows))
        rows.append(node.rows)
        values.append(node.values)
    return LpTree(
        len(model.cost), len(model.low), np.array(variable), np.array(value), np.array(farkas), np.cumsum(sizes),
        np.concatenate(rows), np.concatenate(values), cutoff,
    )  # fmt: skip


@dataclass(eq=False)
class Pseudocosts:
    """Average rise of the bound per unit, [n] each, when a variable is rounded down or up; nan: not known."""

    total: FloatArray
    count: FloatArray

    @classmethod
    def of(cls, size: int) -> Pseudocosts:
        return cls(np.zeros((2, size)), np.zeros((2, size)))

    def learn(self, side: int, variable: int, rise: float, distance: float) -> None:
        if np.isfinite(rise) and distance > SMALL:
            self.total[side, variable] += max(rise, 0.0) / distance
            self.count[side, variable] += 1

    def scores(self, candidates: IntArray, x: FloatArray) -> FloatArray:
        """Product of the expected rises [k]; the average stands in for what is not known."""
        part = x[candidates] - np.floor(x[candidates])
        score = np.ones(len(candidates))
        for side, distance in ((0, part), (1, 1 - part)):
            seen = self.count[side] > 0
            usual = (self.total[side, seen] / self.count[side, seen]).mean() if seen.any() else 1.0
            count = self.count[side, candidates]
            rise = np.where(count > 0, self.total[side, candidates] / np.maximum(count, 1), usual)
            score *= np.maximum(rise * distance, 1e-6)
        return score
