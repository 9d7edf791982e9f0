"""Products of variables as columns of their own, tied to their factors by McCormick's rows.

For x in [k, l] and y in [m, n], w = x y satisfies w >= m x + k y - k m, w >= n x + l y - l n, w <= n x + k y - k n,
w <= m x + l y - l m, and these leave w = x y wherever x or y stands at one of its bounds (McCormick 1976). Longer
products are made factor by factor; one factor of each is a binary or a spin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from ..errors import Refused
from ..types import BoolArray, FloatArray, IntArray
from .entries import Entries

LIMIT = 1_000_000
"""Most products."""


@dataclass(frozen=True, eq=False)
class Products:
    """Product k of columns ``first[k]`` and ``second[k]`` is column ``variables + k``. Those from ``ends[r]`` to
    ``ends[r + 1]`` have only earlier ones as factors."""

    first: IntArray
    second: IntArray
    variables: int
    ends: tuple[int, ...]

    @classmethod
    def of(cls, listed: Sequence[Entries], variables: int) -> tuple[Products, list[IntArray]]:
        """All products that occur, and the column of each entry of each of the lists (-1: a constant)."""
        width = max((one.factors.shape[1] for one in listed), default=0)
        gaps = [((0, 0), (0, width - one.factors.shape[1])) for one in listed]
        padded = [np.pad(one.factors, gap, constant_values=-1) for one, gap in zip(listed, gaps, strict=True)]
        table = np.concatenate([np.zeros((0, width), np.int64), *padded])
        known, ends = np.zeros((0, 2), np.int64), [0]
        for _ in range(width - 1):
            count = (table >= 0).sum(axis=1)
            line = np.flatnonzero(count > 1)
            last = count[line] - 1  # the last two factors become one; what has many values stays last
            pairs, where = np.unique(
                np.stack([table[line, last - 1], table[line, last]], axis=1), axis=0, return_inverse=True
            )
            if not len(pairs):
                break
            table[line, last] = -1
            table[line, last - 1] = variables + len(known) + where.ravel()
            known = np.concatenate([known, pairs])
            ends.append(len(known))
            if len(known) > LIMIT:
                raise Refused(f"more than {LIMIT:,} products of variables", code="certify")
        column = table[:, 0] if width else np.full(len(table), -1)
        sizes = np.cumsum([len(one.row) for one in listed])[:-1]
        return cls(known[:, 0], known[:, 1], variables, tuple(ends)), np.split(column, sizes)

    @property
    def count(self) -> int:
        return len(self.first)

    def extended(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Bounds of all columns from those of the variables; the products' an ulp outward where they may be rounded."""
        for begin, end in pairwise(self.ends):
            first, second = self.first[begin:end], self.second[begin:end]
            with np.errstate(invalid="ignore"):
                table = np.array([a[first] * b[second] for a in (lower, upper) for b in (lower, upper)])
            open_ = np.isnan(table).any(axis=0)
            least, most = np.where(open_, -np.inf, table.min(axis=0)), np.where(open_, np.inf, table.max(axis=0))
            exact = np.all([a[f] == np.rint(a[f]) for a in (lower, upper) for f in (first, second)], axis=0)
            exact &= np.abs(table).max(axis=0) < 2**50
            lower = np.concatenate([lower, np.where(exact, least, np.nextafter(least, -np.inf))])
            upper = np.concatenate([upper, np.where(exact, most, np.nextafter(most, np.inf))])
        return lower, upper

    def whole(self, whole: BoolArray) -> BoolArray:
        """Which columns are whole, given which variables are."""
        for begin, end in pairwise(self.ends):
            whole = np.concatenate([whole, whole[self.first[begin:end]] & whole[self.second[begin:end]]])
        return whole

    def rows(self, lower: FloatArray, upper: FloatArray) -> tuple[sparse.csr_array, FloatArray, FloatArray]:
        """McCormick's rows over bounds of all columns: matrix [4 K, columns], low and high."""
        width = len(lower)
        if not self.count:
            return sparse.csr_array((0, width)), np.zeros(0), np.zeros(0)
        bounds = lower[self.first], upper[self.first], lower[self.second], upper[self.second]
        if not np.isfinite(bounds).all():
            raise Refused("a product of variables without bounds", code="certify", hint="give them bounds")
        k, top, m, n = bounds
        own = self.variables + np.arange(self.count)
        pieces, low, high = [], [], []
        for x_slope, y_slope, constant, above in ((m, k, k * m, True), (n, top, top * n, True), (n, k, k * n, False),
                                                   (m, top, top * m, False)):  # fmt: skip
            row = np.tile(np.arange(self.count), 3)
            column = np.concatenate([own, self.first, self.second])
            data = np.concatenate([np.ones(self.count), -x_slope, -y_slope])
            pieces.append(sparse.csr_array((data, (row, column)), shape=(self.count, width)))
            none = np.full(self.count, np.inf)
            low.append(-constant if above else -none)
            high.append(none if above else -constant)
        matrix = sparse.csr_array(sparse.vstack(pieces, format="csr"))
        return matrix, np.concatenate(low), np.concatenate(high)
