"""Triangle inequalities of products of spins, with multipliers: what may be added to a semidefinite bound.

Of three spins t the products t_i t_j, t_i t_k, t_j t_k are not all negative, and an odd number of minus signs is
impossible: ``1 + s_ij t_i t_j + s_ik t_i t_k + s_jk t_j t_k >= 0`` for the signs +++, +--, -+-, --+ (patterns 0 to 3).
A pattern says which spin is flipped: none, the last, the middle, the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.types import AnyArray
from .kernels import push, scan

ROOM = 1 << 18
"""Most violated triangles that are looked at in one round."""


@dataclass(frozen=True, eq=False)
class Triangles:
    """``triangle`` [T, 3] with i < j < k, ``pattern`` [T], ``multiplier`` float32 [T] >= 0."""

    triangle: AnyArray
    pattern: AnyArray
    multiplier: AnyArray

    def __len__(self) -> int:
        return len(self.pattern)

    @classmethod
    def none(cls) -> Triangles:
        return cls(np.zeros((0, 3), np.int16), np.zeros(0, np.int8), np.zeros(0, np.float32))

    def pick(self, which: AnyArray) -> Triangles:
        """Some of them, by mask or places."""
        return Triangles(self.triangle[which], self.pattern[which], self.multiplier[which])

    def valued(self, multiplier: AnyArray) -> Triangles:
        return Triangles(self.triangle, self.pattern, multiplier)

    def pushed(
        self, products: AnyArray, sigma: float, base: AnyArray | None
    ) -> tuple[AnyArray, AnyArray, AnyArray, float]:
        """See :func:`~.kernels.push`."""
        return push(products, self.triangle, self.pattern, self.multiplier, sigma, base)

    def most(self, number: int) -> Triangles:
        """Those with the greatest multipliers, in order of place."""
        if len(self) <= number:
            return self
        return self.pick(np.sort(np.argpartition(-self.multiplier, number)[:number]))

    def without(self, spin: int, value: int) -> Triangles:
        """After spin ``spin`` became ``value`` times spin 0: renumbered, those left out that hold both.

        What coincides then is added up.
        """
        inside = self.triangle == spin
        kept = self.pick(~(inside.any(axis=1) & (self.triangle[:, 0] == 0)))
        inside = kept.triangle == spin
        place = inside.argmax(axis=1)
        held = inside.any(axis=1)
        flipped = np.array([0, 3, 2, 1])[kept.pattern]  # pattern -> 1 + place of the flipped spin
        # Signs of the three spins in place; a spin merged into spin 0 at value -1 changes its sign.
        signs = np.where(np.arange(3) == flipped[:, None] - 1, -1, 1)
        rows = np.flatnonzero(held)
        signs[rows, place[rows]] *= value
        triangle = np.where(inside, 0, kept.triangle - (kept.triangle > spin)).astype(np.int16)
        order = np.argsort(triangle, axis=1, kind="stable")
        triangle, signs = np.take_along_axis(triangle, order, 1), np.take_along_axis(signs, order, 1)
        signs = signs * np.where((signs < 0).sum(axis=1) > 1, -1, 1)[:, None]
        pattern = np.where((signs < 0).any(axis=1), 3 - (signs < 0).argmax(axis=1), 0).astype(np.int8)
        return Triangles(triangle, pattern, kept.multiplier).merged()

    def merged(self) -> Triangles:
        """Equal ones as one."""
        _, first, inverse = np.unique(self.keys(), return_index=True, return_inverse=True)
        total = np.bincount(inverse.ravel(), self.multiplier, len(first)).astype(np.float32)
        return Triangles(self.triangle[first], self.pattern[first], total)

    def keys(self) -> AnyArray:
        i, j, k = self.triangle.T.astype(np.int64)
        return np.asarray(((i << 20 | j) << 20 | k) << 2 | self.pattern)

    def joined(self, other: Triangles) -> Triangles:
        """These and what is new of the others."""
        new = other.pick(~np.isin(other.keys(), self.keys()))
        return Triangles(
            np.concatenate([self.triangle, new.triangle]),
            np.concatenate([self.pattern, new.pattern]),
            np.concatenate([self.multiplier, new.multiplier]),
        )


def separate(products: AnyArray, least: float, most: int) -> Triangles:
    """The ``most`` most violated triangles at ``products`` Y [N, N], with multiplier 0."""
    triangle, pattern, amount = scan(products, least, ROOM)
    if len(amount) > most:
        chosen = np.sort(np.argpartition(-amount, most)[:most])
        triangle, pattern = triangle[chosen], pattern[chosen]
    return Triangles(triangle.copy(), pattern.copy(), np.zeros(len(pattern), np.float32))
