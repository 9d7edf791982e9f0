"""A general sparse matrix in compressed rows, canonical: columns sorted, duplicates summed, no explicit zeros."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from ..operator import ENTRY_LIMIT, Operator
from ..types import FloatArray, IntArray
from .code import Code
from .identity import Identity


@dataclass(frozen=True, eq=False)
class Csr(Operator):
    """``data`` [nnz], ``indices`` [nnz], ``indptr`` [m + 1] as in scipy; ``width`` = number of columns."""

    data: FloatArray
    indices: IntArray
    indptr: IntArray
    width: int

    @classmethod
    def of(cls, matrix: Any) -> Csr:
        """From any scipy sparse matrix (copied only where it has to be cleaned)."""
        csr = sparse.csr_array(matrix)
        if not csr.has_canonical_format or (csr.nnz and not csr.data.all()):
            csr = csr.copy()
            csr.sum_duplicates()
            csr.eliminate_zeros()
        return cls(
            np.asarray(csr.data, dtype=np.float64),
            np.asarray(csr.indices, dtype=np.int64),
            np.asarray(csr.indptr, dtype=np.int64),
            int(csr.shape[1]),
        )

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.indptr) - 1, self.width

    @property
    def nnz(self) -> int:
        return len(self.data)

    @cached_property
    def matrix(self) -> sparse.csr_array:
        return sparse.csr_array((self.data, self.indices, self.indptr), shape=self.shape)

    def to_csr(self, limit: int = ENTRY_LIMIT) -> sparse.csr_array:
        return self.matrix

    def after(self, right: Operator) -> Operator:
        if isinstance(right, Identity):
            return self if right.factor == 1.0 else Csr(self.data * right.factor, self.indices, self.indptr, self.width)
        if isinstance(right, Code):  # every column of the code has one owner, so columns are copied and scaled
            return Csr.of(self.matrix[:, right.owner] @ sparse.diags_array(right.weight))
        return super().after(right)
