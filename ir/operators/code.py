"""One entry per column: x[owner[j]] += weight[j] * b[j].

Every bit encoding (log, bounded, unary, one-hot, domain-wall) is of this form, and so is writing the free part of a
block back into the whole (weights one).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from ..operator import ENTRY_LIMIT, Operator, index_faults
from ..types import BoolArray, FloatArray, IntArray
from .identity import Identity


@dataclass(frozen=True, eq=False)
class Code(Operator):
    """``owner`` [n] in 0..height-1, ``weight`` [n]; the operator is height x n."""

    owner: IntArray
    weight: FloatArray
    height: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.height, len(self.owner)

    @property
    def nnz(self) -> int:
        return len(self.owner)

    @property
    def roundings(self) -> int:
        return max(1, int(np.bincount(self.owner).max(initial=0)))

    def whole_rows(self) -> BoolArray:
        rows = np.ones(self.height, dtype=np.bool_)
        rows[self.owner[self.weight != np.rint(self.weight)]] = False
        return rows

    def faults(self) -> list[str]:
        if self.owner.shape != self.weight.shape:
            return [f"{self.owner.size} owners with {self.weight.size} weights"]
        return index_faults(self.owner, self.height, "owner") + super().faults()

    @cached_property
    def matrix(self) -> sparse.csr_array:
        order = np.argsort(self.owner, kind="stable")
        ends = np.concatenate([[0], np.cumsum(np.bincount(self.owner, minlength=self.height))])
        csr = sparse.csr_array((self.weight[order], order, ends), shape=self.shape)
        csr.eliminate_zeros()
        return csr

    def to_csr(self, limit: int = ENTRY_LIMIT) -> sparse.csr_array:
        return self.matrix

    def adjoint(self, y: FloatArray) -> FloatArray:
        return np.asarray(y[:, self.owner] * self.weight)

    def after(self, right: Operator) -> Operator:
        if isinstance(right, Identity):
            return Code(self.owner, self.weight * right.factor, self.height)
        if isinstance(right, Code):
            return self.compose(right)
        return super().after(right)

    def compose(self, right: Code) -> Code:
        """A code of a code is a code."""
        return Code(self.owner[right.owner], self.weight[right.owner] * right.weight, self.height)

    def transpose(self) -> Operator:
        from .gather import Gather

        return Gather(self.owner, self.weight, self.height)

    def scaled(self, factor: FloatArray | float) -> Operator:
        weight = self.weight * (factor[self.owner] if isinstance(factor, np.ndarray) else factor)
        return Code(self.owner, weight, self.height)
