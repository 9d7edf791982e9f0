"""Iterated greedy on monotone problems: every variable has a direction in which it violates no row.

Packing, covering and knapsack rows are of this kind. In steps t from the safe end the problem is max p.t with
S t <= cap, S >= 0, 0 <= t <= range, so t = 0 is feasible if anything is, and greedy filling keeps every candidate
feasible. The best candidate is then taken apart a little and filled again, many copies at once (Ruiz and Stuetzle,
European J. of Operational Research 177, 2007). The loop over variables is what makes filling greedy; it runs on all
copies at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...ir.protocols import Limits
from ...ir.types import FloatArray, IntArray
from ..rows.system import RowSystem

COPIES = 64
NOISE = 0.4


@dataclass(frozen=True, eq=False)
class Packing:
    """max ``profit``.t over S t <= ``room``, 0 <= t <= ``most``; x = ``safe`` + ``way`` * t. Arrays [n], ``room`` [m].

    S >= 0 as columns: ``columns`` (CSC) [m, n].
    """

    columns: sparse.csc_array
    room: FloatArray
    most: FloatArray
    profit: FloatArray
    safe: FloatArray
    way: FloatArray

    @classmethod
    def of(cls, system: RowSystem, cost: FloatArray, lower: FloatArray, upper: FloatArray) -> Packing | None:
        """None where some variable has no safe direction, or is unbounded in it."""
        above, below = np.isfinite(system.high), np.isfinite(system.low)
        if (above & below).any() or (system.guard >= 0).any() or not system.whole.all():
            return None
        sign = np.where(above, 1.0, -1.0)
        matrix = sparse.csc_array(sparse.diags_array(sign) @ system.matrix)
        least, most = np.zeros(len(cost)), np.zeros(len(cost))
        column = np.repeat(np.arange(len(cost)), np.diff(matrix.indptr))
        np.minimum.at(least, column, matrix.data)
        np.maximum.at(most, column, matrix.data)
        way = np.where(most > 0, 1.0, np.where(least < 0, -1.0, np.where(cost < 0, 1.0, -1.0)))
        safe = np.where(way > 0, lower, upper)
        if ((least < 0) & (most > 0)).any() or not (np.isfinite(lower).all() and np.isfinite(upper).all()):
            return None
        side = np.where(above, system.high, -system.low)
        columns = sparse.csc_array(matrix @ sparse.diags_array(way))
        return cls(columns, side - matrix @ safe, upper - lower, -cost * way, safe, way)

    def point(self, steps: FloatArray) -> FloatArray:
        """x [B, n] from steps."""
        return np.asarray(self.safe + self.way * steps)

    def steps(self, point: FloatArray) -> FloatArray:
        """Feasible whole steps [n] below a point that may be fractional (an LP's)."""
        found = np.clip(np.floor((point - self.safe) * self.way + 1e-7), 0.0, self.most)
        return found if (self.columns @ found <= self.room).all() else np.zeros_like(found)

    def fill(self, steps: FloatArray, order: IntArray) -> FloatArray:
        """Every copy [B, n] filled up, variable after variable; only variables with a profit."""
        steps = steps.copy()
        left = self.room - (self.columns @ steps.T).T
        starts = self.columns.indptr
        for j in order[self.profit[order] > 0].tolist():
            entry = slice(starts[j], starts[j + 1])
            rows, size = self.columns.indices[entry], self.columns.data[entry]
            more = self.most[j] - steps[:, j]
            if len(rows):
                more = np.minimum(more, np.floor(left[:, rows] / size).min(axis=1))
            more = np.maximum(more, 0.0)
            steps[:, j] += more
            left[:, rows] -= more[:, None] * size
        return steps

    def improve(self, start: FloatArray, rng: np.random.Generator, sweeps: int, limits: Limits) -> FloatArray:
        """Best steps [n] found from ``start``; same seed, same result unless the time runs out."""
        ratio = self.profit / np.maximum(self.columns.T @ (1.0 / np.maximum(self.room, 1.0)), 1e-12)
        best = self.fill(start[None], np.argsort(-ratio))[0]
        for _ in range(sweeps):
            if limits.over:
                break
            taken = rng.random((COPIES, len(best))) * len(best) < rng.integers(1, 5, COPIES)[:, None]
            parts = np.maximum(best - taken * rng.integers(1, 4, taken.shape), 0.0)
            order = np.argsort(-ratio * np.exp(rng.normal(0.0, NOISE, len(best))))
            found = self.fill(parts, order)
            value = found @ self.profit
            if value.max() >= best @ self.profit:
                best = found[int(value.argmax())]
        return np.asarray(best)
