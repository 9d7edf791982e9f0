"""One entry per row: y[i] = weight[i] * x[index[i]]; picks and repeats elements of a block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..operator import ENTRY_LIMIT, Operator, index_faults
from ..types import BoolArray, FloatArray, IntArray
from .code import Code
from .identity import Identity


@dataclass(frozen=True, eq=False)
class Gather(Operator):
    """``index`` [m] into ``width`` columns, ``weight`` [m]."""

    index: IntArray
    weight: FloatArray
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.index), self.width

    @property
    def nnz(self) -> int:
        return len(self.index)

    def to_csr(self, limit: int = ENTRY_LIMIT) -> sparse.csr_array:
        ends = np.arange(len(self.index) + 1)
        csr = sparse.csr_array((self.weight.copy(), self.index.copy(), ends), shape=self.shape)  # zeros go in place
        csr.eliminate_zeros()
        return csr

    @property
    def roundings(self) -> int:
        return 1

    def whole_rows(self) -> BoolArray:
        return np.asarray(self.weight == np.rint(self.weight))

    def faults(self) -> list[str]:
        if self.index.shape != self.weight.shape:
            return [f"{self.index.size} indices with {self.weight.size} weights"]
        return index_faults(self.index, self.width, "index") + super().faults()

    def apply(self, x: FloatArray) -> FloatArray:
        return np.asarray(x[:, self.index] * self.weight)

    def absolute(self, x: FloatArray) -> FloatArray:
        return np.asarray(x[:, self.index] * np.abs(self.weight))

    def after(self, right: Operator) -> Operator:
        if isinstance(right, Identity):
            return Gather(self.index, self.weight * right.factor, self.width)
        return right.rows(self.index).scaled(self.weight)

    def transpose(self) -> Operator:
        return Code(self.index, self.weight, self.width)

    def rows(self, index: IntArray) -> Operator:
        return Gather(self.index[index], self.weight[index], self.width)

    def scaled(self, factor: FloatArray | float) -> Operator:
        return Gather(self.index, self.weight * factor, self.width)
