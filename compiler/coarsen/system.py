"""An Ising energy as loops over blocks need it: symmetric couplings, dense or in compressed rows.

E(s) = offset + h . s + 1/2 s . J s,    s in {-1, +1}^n, J symmetric with zero diagonal
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from ...ir.quadratic.ising_form import IsingForm
from ...ir.quadratic.triplets import Triplets
from ...ir.types import FloatArray, IntArray, SpinArray

DENSE_SHARE = 4
"""Couplings are kept dense where at least one in this many is there."""
DENSE_SIZE = 20_000
"""Spins up to which they may be."""


@dataclass(frozen=True, eq=False)
class System:
    """``fields`` h [n]; ``matrix`` J [n, n]: an array, or CSR with sorted columns."""

    offset: float
    fields: FloatArray
    matrix: Any

    @classmethod
    def of(cls, form: IsingForm) -> System:
        """The energies of ``scale`` * form."""
        if isinstance(form.couplers, Triplets):
            upper = form.csr()
            return cls.packed(form.scale * form.offset, form.scale * form.h, form.scale * (upper + upper.T))
        return cls.packed(form.scale * form.offset, form.scale * form.h, form.scale * (form.couplers + form.couplers.T))

    @classmethod
    def packed(cls, offset: float, fields: FloatArray, matrix: Any) -> System:
        """From symmetric couplings in either form, in the form that suits them."""
        n = len(fields)
        full = isinstance(matrix, np.ndarray)
        count = int(np.count_nonzero(matrix)) if full else matrix.nnz
        if count * DENSE_SHARE >= n * n and n <= DENSE_SIZE:
            dense = matrix if full else matrix.toarray()
            return cls(offset, fields, np.ascontiguousarray(dense, dtype=np.float64))
        found = sparse.csr_array(matrix, dtype=np.float64)
        found.sum_duplicates()
        found.eliminate_zeros()
        return cls(offset, fields, found)

    @property
    def size(self) -> int:
        return len(self.fields)

    @property
    def dense(self) -> bool:
        return isinstance(self.matrix, np.ndarray)

    @cached_property
    def csr(self) -> sparse.csr_array:
        return sparse.csr_array(self.matrix)

    @cached_property
    def rows(self) -> tuple[IntArray, IntArray, FloatArray]:
        """``indptr`` [n + 1], ``indices`` and ``data`` [k] of J, for kernels that take one type only."""
        csr = self.csr
        return csr.indptr.astype(np.int64), csr.indices.astype(np.int64), csr.data

    @cached_property
    def scales(self) -> FloatArray:
        """Size of the field that each spin feels where all others are random [n]: sqrt(h_i^2 + sum_j J_ij^2)."""
        j = self.matrix
        squares = np.einsum("ij,ij->i", j, j) if self.dense else j.power(2).sum(axis=1)
        return np.asarray(np.sqrt(np.square(self.fields) + np.asarray(squares).ravel()))

    def local(self, spins: SpinArray) -> FloatArray:
        """h + J s [n]: flipping spin i changes the energy by -2 s_i times its entry."""
        return np.asarray(self.fields + self.matrix @ spins.astype(np.float64))

    def energy(self, spins: SpinArray) -> float:
        s = spins.astype(np.float64)
        return float(self.offset + self.fields @ s + s @ (self.matrix @ s) / 2)

    def form(self) -> IsingForm:
        """The same energies over the strict upper triangle."""
        upper = sparse.csr_array(sparse.triu(self.csr, k=1, format="csr"))
        return IsingForm(self.offset, self.fields, Triplets.of_csr(upper))
