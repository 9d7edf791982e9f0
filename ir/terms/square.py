"""(A x + c)_r^2 for each row r: the penalty of an equality row, kept as the row itself until emission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..affine import Affine
from ..term import Box, Term
from ..types import FloatArray, Values
from .linear import Linear
from .monomials import Monomials


@dataclass(frozen=True, eq=False)
class Square:
    """``inner``: affine map with m rows."""

    inner: Affine

    @property
    def size(self) -> int:
        return self.inner.size

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(self.inner.parts)

    @property
    def degree(self) -> int:
        return 2

    def value(self, values: Values) -> FloatArray:
        return self.inner.value(values) ** 2

    def magnitude(self, values: Values) -> FloatArray:
        return self.inner.magnitude(values) ** 2

    @property
    def roundings(self) -> int:
        return 2 * self.inner.roundings + 1

    def faults(self, sizes: Mapping[str, int]) -> list[str]:
        return self.inner.faults(sizes)

    def gradient(self, values: Values, seed: FloatArray) -> dict[str, FloatArray]:
        weight = 2 * seed * self.inner.value(values)
        return {name: operator.adjoint(weight) for name, operator in self.inner.parts.items()}

    def interval(self, box: Box) -> tuple[FloatArray, FloatArray]:
        low, high = self.inner.interval(box)
        least = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(low**2, high**2))
        return least, np.maximum(low**2, high**2)

    def substitute(self, name: str, by: Affine) -> tuple[tuple[Term, ...], FloatArray]:
        inner = self.inner.substitute(name, by)
        return (self if inner is self.inner else Square(inner),), np.zeros(self.size)

    def monomials(self) -> Monomials:
        parts = [Linear(name, operator).monomials() for name, operator in self.inner.parts.items()]
        if not parts:
            return Monomials.none(self.size).plus_constant(self.inner.offset**2)
        affine = Monomials.join(parts)
        cross = affine.scaled_rows(2 * self.inner.offset)
        return Monomials.join([affine.times(affine), cross]).plus_constant(self.inner.offset**2)
