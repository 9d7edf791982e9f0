"""Products of two variables as columns of their own, tied to their factors by McCormick's rows.

For x in [k, l] and y in [m, n], w = x y satisfies w >= m x + k y - k m, w >= n x + l y - l n, w <= n x + k y - k n,
w <= m x + l y - l m, and these leave w = x y wherever x or y stands at one of its bounds (McCormick 1976).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..errors import Refused
from ..types import BoolArray, FloatArray, IntArray
from .entries import Entries


@dataclass(frozen=True, eq=False)
class Products:
    """Product k of variables ``first[k] > second[k]`` is column ``variables + k``."""

    first: IntArray
    second: IntArray
    variables: int

    @classmethod
    def of(cls, listed: Sequence[Entries], variables: int, two_valued: BoolArray) -> Products:
        """All products that occur. Raises :class:`Refused` where neither factor is a binary or a spin."""
        codes = [one.first[one.second >= 0] * variables + one.second[one.second >= 0] for one in listed]
        code = np.unique(np.concatenate([np.zeros(0, np.int64), *codes]))
        first, second = np.divmod(code, max(variables, 1))
        if not (two_valued[first] | two_valued[second]).all():
            raise Refused("products of two variables with more than two values each", code="certify")
        return cls(first, second, variables)

    @property
    def count(self) -> int:
        return len(self.first)

    def column(self, entries: Entries) -> IntArray:
        """The column of each entry; -1 for constants."""
        code = entries.first * self.variables + entries.second
        at = np.searchsorted(self.first * self.variables + self.second, code)
        return np.asarray(np.where(entries.second >= 0, self.variables + at, entries.first))

    def intervals(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Bounds of the products over bounds of the variables, an ulp outward."""
        with np.errstate(invalid="ignore"):
            ends = [a[self.first] * b[self.second] for a in (lower, upper) for b in (lower, upper)]
        table = np.array(ends).reshape(4, -1)
        least = np.where(np.isnan(table).any(axis=0), -np.inf, table.min(axis=0, initial=np.inf))
        most = np.where(np.isnan(table).any(axis=0), np.inf, table.max(axis=0, initial=-np.inf))
        whole = np.isfinite(least) & (least == np.rint(least)) & (np.abs(least) < 2**50)
        least = np.where(whole, least, np.nextafter(least, -np.inf))
        whole = np.isfinite(most) & (most == np.rint(most)) & (np.abs(most) < 2**50)
        return least, np.where(whole, most, np.nextafter(most, np.inf))

    def rows(self, lower: FloatArray, upper: FloatArray, width: int) -> tuple[sparse.csr_array, FloatArray, FloatArray]:
        """McCormick's rows: matrix [4 K, width], low and high."""
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
