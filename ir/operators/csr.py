"""A general sparse matrix in compressed rows, canonical: columns sorted, duplicates summed, no explicit zeros."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..operator import ENTRY_LIMIT, Operator, index_faults
from ..types import BoolArray, FloatArray
from .code import Code
from .identity import Identity


@dataclass(frozen=True, eq=False)
class Csr(Operator):
    """``data`` [nnz], ``indices`` [nnz], ``indptr`` [m + 1], int32 where scipy chose it; ``width`` columns."""

    data: FloatArray
    indices: NDArray[np.signedinteger[Any]]
    indptr: NDArray[np.signedinteger[Any]]
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
            csr.indices,
            csr.indptr,
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

    @property
    def roundings(self) -> int:
        return max(1, int(np.diff(self.indptr).max(initial=0)))

    def whole_rows(self) -> BoolArray:
        broken = np.flatnonzero(self.data != np.rint(self.data))
        rows = np.ones(self.shape[0], dtype=np.bool_)
        rows[np.searchsorted(self.indptr, broken, side="right") - 1] = False
        return rows

    def faults(self) -> list[str]:
        ends = self.indptr
        if ends.ndim != 1 or not len(ends) or ends[0] != 0 or ends[-1] != len(self.data) or (np.diff(ends) < 0).any():
            return ["indptr does not count up from 0 to the number of entries"]
        if self.data.shape != self.indices.shape:
            return [f"{self.data.size} entries with {self.indices.size} columns"]
        return index_faults(self.indices, self.width, "column") + super().faults()

    def after(self, right: Operator) -> Operator:
        if isinstance(right, Identity):
            return self if right.factor == 1.0 else Csr.of(self.matrix * right.factor)
        if isinstance(right, Code):  # every column of the code has one owner, so columns are copied and scaled
            return Csr.of(self.matrix[:, right.owner] @ sparse.diags_array(right.weight))
        return super().after(right)
