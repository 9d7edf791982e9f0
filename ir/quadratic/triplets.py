"""Couplers of a quadratic or Ising form: a dense strict upper triangle [n, n], or triplets (i, j, value) with i < j."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..types import FloatArray, IntArray

BLOCK = 128
"""Rows that :func:`fold` and :meth:`Triplets.of_dense` handle at a time, so that no second matrix is made."""


@dataclass(frozen=True, eq=False)
class Triplets:
    """``row`` < ``column`` and ``value``, each [k]; ordered by row, then column; no pair twice, no exact zero."""

    row: IntArray
    column: IntArray
    value: FloatArray

    @classmethod
    def of_dense(cls, upper: FloatArray) -> Triplets:
        """The entries of a strict upper triangle that are not zero."""
        n = len(upper)
        rows, columns, values = [], [], []
        for start in range(0, n, BLOCK):
            part = upper[start : start + BLOCK]
            row, column = np.nonzero(part)
            rows.append(row + start)
            columns.append(column)
            values.append(part[row, column])
        none = np.zeros(0, np.int64)
        entries = np.concatenate([np.zeros(0), *values])
        return cls(np.concatenate([none, *rows]), np.concatenate([none, *columns]), entries)

    @classmethod
    def of_sum(cls, row: IntArray, column: IntArray, value: FloatArray, size: int) -> Triplets:
        """From entries with row < column in any order, pairs repeated: summed up, exact zeros left out."""
        csr = sparse.csr_array(sparse.coo_array((value, (row, column)), shape=(size, size)))
        return cls.of_csr(csr)

    @classmethod
    def of_csr(cls, upper: sparse.csr_array) -> Triplets:
        """From a strictly upper triangular matrix."""
        upper.sum_duplicates()
        upper.eliminate_zeros()
        row = np.repeat(np.arange(upper.shape[0], dtype=np.int64), np.diff(upper.indptr))
        return cls(row, np.asarray(upper.indices, dtype=np.int64), np.asarray(upper.data, dtype=np.float64))


Couplers = FloatArray | Triplets


def fold(square: FloatArray) -> FloatArray:
    """In place: entries below the diagonal added to their mirror above, the diagonal taken out and returned [n]."""
    n = len(square)
    diagonal = np.array(np.diagonal(square))
    np.fill_diagonal(square, 0.0)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        corner = square[start:stop, start:stop]
        corner += np.tril(corner, -1).T
        corner[np.tril_indices(stop - start, -1)] = 0.0
        for left in range(stop, n, BLOCK):
            right = min(left + BLOCK, n)
            square[start:stop, left:right] += square[left:right, start:stop].T
            square[left:right, start:stop] = 0.0
    return diagonal


def couplers_csr(couplers: Couplers, size: int) -> sparse.csr_array:
    """The strict upper triangle in compressed rows."""
    if not isinstance(couplers, Triplets):
        return sparse.csr_array(couplers)
    starts = np.searchsorted(couplers.row, np.arange(size + 1))
    return sparse.csr_array((couplers.value, couplers.column, starts), shape=(size, size))


def side_sums(couplers: Couplers, size: int) -> tuple[FloatArray, FloatArray]:
    """Sums over each row and over each column, both [n]."""
    if not isinstance(couplers, Triplets):
        return couplers.sum(axis=1), couplers.sum(axis=0)
    return _sums(couplers.row, couplers.value, size), _sums(couplers.column, couplers.value, size)


def _sums(index: IntArray, value: FloatArray, size: int) -> FloatArray:
    return np.asarray(np.bincount(index, value, size), dtype=np.float64)


def finite(couplers: Couplers) -> bool:
    """Whether no coupler is NaN or infinite. The sum tells at once unless it overflows."""
    values = couplers.value if isinstance(couplers, Triplets) else couplers
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum())) or bool(np.isfinite(values).all())
