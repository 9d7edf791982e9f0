"""A multiple of the identity: a whole block of variables taken as it stands (or negated, doubled, ...)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..operator import ENTRY_LIMIT, Operator
from ..types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Identity(Operator):
    """factor * I of the given size."""

    size: int
    factor: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        return self.size, self.size

    @property
    def nnz(self) -> int:
        return self.size

    def to_csr(self, limit: int = ENTRY_LIMIT) -> sparse.csr_array:
        if self.factor == 0:
            return sparse.csr_array(self.shape, dtype=np.float64)
        return sparse.csr_array(sparse.eye_array(self.size, format="csr") * self.factor)

    @property
    def roundings(self) -> int:
        return 1

    def whole_rows(self) -> BoolArray:
        return np.full(self.size, float(self.factor).is_integer())

    def faults(self) -> list[str]:
        return super().faults() + ([f"size {self.size} is negative"] if self.size < 0 else [])

    def apply(self, x: FloatArray) -> FloatArray:
        return x * self.factor

    def adjoint(self, y: FloatArray) -> FloatArray:
        return y * self.factor

    def absolute(self, x: FloatArray) -> FloatArray:
        return x * abs(self.factor)

    def absolute_adjoint(self, y: FloatArray) -> FloatArray:
        return y * abs(self.factor)

    def after(self, right: Operator) -> Operator:
        return right if self.factor == 1.0 else right.scaled(self.factor)

    def transpose(self) -> Operator:
        return self

    def rows(self, index: IntArray) -> Operator:
        from .gather import Gather

        return Gather(np.asarray(index, dtype=np.int64), np.full(len(index), self.factor), self.size)

    def scaled(self, factor: FloatArray | float) -> Operator:
        if isinstance(factor, np.ndarray):
            return super().scaled(factor)
        return Identity(self.size, self.factor * float(factor))

    def plus(self, other: Operator) -> Operator:
        if isinstance(other, Identity):
            return Identity(self.size, self.factor + other.factor)
        return super().plus(other)
