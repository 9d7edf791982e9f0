"""A dense matrix. Composing with codes and gathers stays dense; products use BLAS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..operator import ENTRY_LIMIT, Operator
from ..types import BoolArray, FloatArray, IntArray
from .code import Code
from .identity import Identity


@dataclass(frozen=True, eq=False)
class Dense(Operator):
    """``matrix``: float64 [m, n]."""

    matrix: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape[0], self.matrix.shape[1]

    @property
    def nnz(self) -> int:
        return int(self.matrix.size)

    def to_csr(self, limit: int = ENTRY_LIMIT) -> sparse.csr_array:
        return sparse.csr_array(self.matrix)

    def to_dense(self, limit: int = ENTRY_LIMIT) -> FloatArray:
        return np.array(self.matrix, dtype=np.float64, order="C")

    def whole_rows(self) -> BoolArray:
        return np.asarray((self.matrix == np.rint(self.matrix)).all(axis=1))

    def faults(self) -> list[str]:
        return super().faults() if self.matrix.ndim == 2 else [f"an array of shape {self.matrix.shape} is no matrix"]

    def apply(self, x: FloatArray) -> FloatArray:
        return np.asarray(x @ self.matrix.T)

    def adjoint(self, y: FloatArray) -> FloatArray:
        return np.asarray(y @ self.matrix)

    def absolute(self, x: FloatArray) -> FloatArray:
        return np.asarray(x @ np.abs(self.matrix).T)

    def absolute_adjoint(self, y: FloatArray) -> FloatArray:
        return np.asarray(y @ np.abs(self.matrix))

    def after(self, right: Operator) -> Operator:
        if isinstance(right, Identity):
            return self if right.factor == 1.0 else Dense(self.matrix * right.factor)
        if isinstance(right, Dense):
            return Dense(self.matrix @ right.matrix)
        if isinstance(right, Code):
            return Dense(self.matrix[:, right.owner] * right.weight)
        return super().after(right)

    def transpose(self) -> Operator:
        return Dense(self.matrix.T)

    def rows(self, index: IntArray) -> Operator:
        return Dense(self.matrix[index])

    def scaled(self, factor: FloatArray | float) -> Operator:
        return Dense(self.matrix * (factor[:, None] if isinstance(factor, np.ndarray) else factor))

    def plus(self, other: Operator) -> Operator:
        return Dense(self.matrix + other.to_dense())
