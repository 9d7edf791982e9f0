"""What a linear operator must offer, and the defaults that every file in ``ir/operators/`` inherits.

An operator is a matrix [m, n] that may stay structured until a target materialises it. All maps are batched over a
leading axis: ``apply`` takes [B, n] to [B, m]. Results that need entries go through ``to_csr`` or ``to_dense``, which
refuse beyond a stated number of entries instead of filling the memory.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from scipy import sparse

from .errors import Refused
from .types import AnyArray, BoolArray, FloatArray, IntArray

ENTRY_LIMIT = 400_000_000
"""Most entries that materialising one operator may create (3.2 GB of float64)."""


def check_limit(entries: int, limit: int) -> None:
    """Raise :class:`Refused` when an operator would have more than ``limit`` entries."""
    if entries > limit:
        raise Refused(
            f"materialising an operator would create {entries:,} entries, more than the limit of {limit:,}",
            code="too-large",
            hint="use fewer bits, decompose the problem, or raise the limit",
        )


class Operator:
    """Base of all operators: frozen dataclasses whose fields are arrays, numbers and other operators."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows m, columns n)."""
        raise NotImplementedError

    def to_csr(self, limit: int = ENTRY_LIMIT) -> sparse.csr_array:
        """The entries as CSR (float64, sorted, duplicates summed, explicit zeros kept out)."""
        raise NotImplementedError

    @property
    def nnz(self) -> int:
        """Entries that ``to_csr`` would hold at the most."""
        return int(self.to_csr().nnz)

    @property
    def roundings(self) -> int:
        """An n with float64 ``apply`` and ``absolute`` off by at most gamma_n |A| |x|; gamma_n = n u / (1 - n u)."""
        return max(1, self.shape[1])

    def whole_rows(self) -> BoolArray:
        """Rows [m] of whole numbers whose ``apply`` to whole numbers rounds nothing while |A| |x| stays below 2^53."""
        return np.zeros(self.shape[0], dtype=np.bool_)

    def faults(self) -> list[str]:
        """What is wrong with the data, in words (indices out of range, numbers that are not finite); empty if sound."""
        return finite_faults(self)

    def to_dense(self, limit: int = ENTRY_LIMIT) -> FloatArray:
        """The entries as a new C-ordered array [m, n]."""
        check_limit(self.shape[0] * self.shape[1], limit)
        return np.ascontiguousarray(self.to_csr(limit).toarray(), dtype=np.float64)

    def apply(self, x: FloatArray) -> FloatArray:
        """A x for every row of ``x`` [B, n]; returns [B, m]."""
        return np.asarray((self.to_csr() @ x.T).T)

    def adjoint(self, y: FloatArray) -> FloatArray:
        """A^T y for every row of ``y`` [B, m]; returns [B, n]."""
        return np.asarray((self.to_csr().T @ y.T).T)

    def absolute(self, x: FloatArray) -> FloatArray:
        """|A| x for every row of ``x`` [B, n]."""
        return np.asarray((abs(self.to_csr()) @ x.T).T)

    def absolute_adjoint(self, y: FloatArray) -> FloatArray:
        """|A|^T y for every row of ``y`` [B, m]."""
        return np.asarray((abs(self.to_csr()).T @ y.T).T)

    def after(self, right: Operator) -> Operator:
        """The composition self(right(x)). Kinds override it where structure survives."""
        from .operators.csr import Csr  # the general answer; imported late because it derives from this class

        return Csr.of(self.to_csr() @ right.to_csr())

    def transpose(self) -> Operator:
        """A^T."""
        from .operators.csr import Csr

        return Csr.of(self.to_csr().T)

    def rows(self, index: IntArray) -> Operator:
        """The operator of the chosen rows, in the given order."""
        from .operators.csr import Csr

        return Csr.of(self.to_csr()[index])

    def scaled(self, factor: FloatArray | float) -> Operator:
        """diag(factor) A, with a factor for every row or one for all."""
        from .operators.csr import Csr

        factors = np.broadcast_to(np.asarray(factor, dtype=np.float64), (self.shape[0],))
        return Csr.of(sparse.diags_array(factors) @ self.to_csr())

    def plus(self, other: Operator) -> Operator:
        """A + B for operators of equal shape."""
        from .operators.csr import Csr

        return Csr.of(self.to_csr() + other.to_csr())

    def describe(self) -> str:
        """A few words for listings."""
        m, n = self.shape
        return f"{type(self).__name__.lower()} {m}x{n}"


def finite_faults(value: Any) -> list[str]:
    """Faults of the float arrays, numbers and operators among the fields of a dataclass."""
    if not is_dataclass(value):
        return []
    found = []
    for field in fields(value):
        part = getattr(value, field.name)
        if isinstance(part, Operator):
            found += part.faults()
        elif isinstance(part, (float, np.ndarray)) and not np.isfinite(part).all():
            found.append(f"{field.name} has numbers that are not finite")
    return found


def index_faults(index: AnyArray, limit: int, what: str) -> list[str]:
    """Faults of indices that must lie in 0..limit-1."""
    if index.ndim != 1 or index.dtype.kind != "i":
        return [f"{what} is no vector of whole numbers"]
    numbers = index.astype(np.int64)
    wrong = np.flatnonzero((numbers < 0) | (numbers >= limit))
    return [f"{what} {numbers[wrong[0]]} is not in 0..{limit - 1}"] if wrong.size else []


def as_operator(matrix: Any) -> Operator:
    """An operator from an array, a scipy sparse matrix, or an operator."""
    from .operators.csr import Csr
    from .operators.dense import Dense

    if isinstance(matrix, Operator):
        return matrix
    if sparse.issparse(matrix):
        return Csr.of(matrix)
    array = np.asarray(matrix, dtype=np.float64)
    if array.ndim != 2:
        raise Refused(f"an operator needs a matrix, got an array of shape {array.shape}")
    return Dense(array)
