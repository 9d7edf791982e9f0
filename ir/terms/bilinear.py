"""x^T Q y for two blocks (or one block twice): a single quadratic form whose matrix may stay structured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..affine import Affine, shape_faults
from ..operator import Operator
from ..operators.gram_code import sandwich
from ..term import Box, Term
from ..types import FloatArray, Values
from .linear import Linear
from .monomials import Monomials


@dataclass(frozen=True, eq=False)
class Bilinear:
    """``operator`` [size of ``left``, size of ``right``]; need not be symmetric or triangular."""

    left: str
    right: str
    operator: Operator

    @property
    def size(self) -> int:
        return 1

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.left,) if self.left == self.right else (self.left, self.right)

    @property
    def degree(self) -> int:
        return 2

    def value(self, values: Values) -> FloatArray:
        right = self.operator.apply(values[self.right])
        return np.asarray(np.einsum("bi,bi->b", values[self.left], right)[:, None])

    def magnitude(self, values: Values) -> FloatArray:
        right = self.operator.absolute(np.abs(values[self.right]))
        return np.asarray(np.einsum("bi,bi->b", np.abs(values[self.left]), right)[:, None])

    @property
    def roundings(self) -> int:
        return self.operator.roundings + max(1, self.operator.shape[0])

    def faults(self, sizes: Mapping[str, int]) -> list[str]:
        return shape_faults(self.operator, sizes[self.left], sizes[self.right], f"{self.left} and {self.right}")

    def gradient(self, values: Values, seed: FloatArray) -> dict[str, FloatArray]:
        left = seed * self.operator.apply(values[self.right])
        right = seed * self.operator.adjoint(values[self.left])
        return {self.left: left + right} if self.left == self.right else {self.left: left, self.right: right}

    def interval(self, box: Box) -> tuple[FloatArray, FloatArray]:
        return self.monomials().interval(box)

    def substitute(self, name: str, by: Affine) -> tuple[tuple[Term, ...], FloatArray]:
        left = by if name == self.left else None
        right = by if name == self.right else None
        if left is None and right is None:
            return (self,), np.zeros(1)
        lefts = self._side(self.left, left)
        rights = self._side(self.right, right)
        terms: list[Term] = []
        for left_name, outer in lefts.parts.items():
            for right_name, inner in rights.parts.items():
                terms.append(Bilinear(left_name, right_name, sandwich(outer, self.operator, inner)))
        terms += self._linear(lefts, self.operator.apply(rights.offset[None])[0])
        terms += self._linear(rights, self.operator.adjoint(lefts.offset[None])[0])
        constant = lefts.offset @ self.operator.apply(rights.offset[None])[0]
        return tuple(terms), np.array([constant])

    def _side(self, name: str, by: Affine | None) -> Affine:
        if by is not None:
            return by
        size = self.operator.shape[0] if name == self.left else self.operator.shape[1]
        return Affine.of_variable(name, size)

    @staticmethod
    def _linear(side: Affine, weights: FloatArray) -> list[Term]:
        """weights^T (side - offset), as linear terms; nothing where the weights vanish."""
        from ..operators.csr import Csr

        if not weights.any():
            return []
        return [Linear(name, Csr.of(operator.adjoint(weights[None]))) for name, operator in side.parts.items()]

    def monomials(self) -> Monomials:
        coo = self.operator.to_csr().tocoo()
        left, right = (np.asarray(c, dtype=np.int64) for c in coo.coords)
        which = np.zeros((len(left), 2), np.int64)
        which[:, 1] = len(self.variables) - 1
        row = np.zeros(len(left), np.int64)
        return Monomials(1, self.variables, row, which, np.stack([left, right], axis=1), coo.data)
