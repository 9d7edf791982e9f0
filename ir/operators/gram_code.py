"""A quadratic form seen through bit encodings: L^T Q R for codes L, R, kept as Q and the codes.

With d numbers of K bits each it holds O(d^2 + dK) numbers for O(d^2 K^2) couplers; entry (i, j) is
Q[left_owner[i], right_owner[j]] * left_weight[i] * right_weight[j].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..operator import ENTRY_LIMIT, Operator, check_limit
from ..types import FloatArray, IntArray
from .code import Code
from .dense import Dense
from .identity import Identity


@dataclass(frozen=True, eq=False)
class GramCode(Operator):
    """``base`` [p, q], ``left`` p x m code, ``right`` q x n code; the operator is m x n."""

    base: Operator
    left: Code
    right: Code

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.left.owner), len(self.right.owner)

    @property
    def nnz(self) -> int:
        if isinstance(self.base, Dense):
            return self.shape[0] * self.shape[1]
        left = np.bincount(self.left.owner, minlength=self.left.height)
        right = np.bincount(self.right.owner, minlength=self.right.height)
        base = self.base.to_csr()
        return int(left @ (abs(base).sign() @ right))

    def to_csr(self, limit: int = ENTRY_LIMIT) -> sparse.csr_array:
        check_limit(self.nnz, limit)
        if isinstance(self.base, Dense):
            return sparse.csr_array(self.to_dense(max(limit, self.nnz)))
        entries = self.base.to_csr(limit)[self.left.owner][:, self.right.owner]
        csr = sparse.csr_array(sparse.diags_array(self.left.weight) @ entries @ sparse.diags_array(self.right.weight))
        csr.sort_indices()
        csr.eliminate_zeros()
        return csr

    @property
    def roundings(self) -> int:
        # two more, because ``to_csr`` rounds when it multiplies the weights into an entry
        return self.left.roundings + self.base.roundings + self.right.roundings + 3

    def faults(self) -> list[str]:
        found = super().faults()
        if not found and (self.left.height, self.right.height) != self.base.shape:
            found.append(f"codes of heights {self.left.height} and {self.right.height} for a base {self.base.shape}")
        return found

    def to_dense(self, limit: int = ENTRY_LIMIT) -> FloatArray:
        check_limit(self.shape[0] * self.shape[1], limit)
        dense = np.take(self.base.to_dense(limit)[self.left.owner], self.right.owner, axis=1)
        dense *= self.left.weight[:, None]
        dense *= self.right.weight
        return dense

    def apply(self, x: FloatArray) -> FloatArray:
        return self.left.adjoint(self.base.apply(self.right.apply(x)))

    def adjoint(self, y: FloatArray) -> FloatArray:
        return self.right.adjoint(self.base.adjoint(self.left.apply(y)))

    def absolute(self, x: FloatArray) -> FloatArray:
        left = Code(self.left.owner, np.abs(self.left.weight), self.left.height)
        right = Code(self.right.owner, np.abs(self.right.weight), self.right.height)
        return left.adjoint(self.base.absolute(right.apply(x)))

    def after(self, right: Operator) -> Operator:
        if isinstance(right, (Code, Identity)):
            return GramCode(self.base, self.left, self.right.compose(as_code(right)))
        return super().after(right)

    def rows(self, index: IntArray) -> Operator:
        return GramCode(self.base, Code(self.left.owner[index], self.left.weight[index], self.left.height), self.right)

    def transpose(self) -> Operator:
        return GramCode(self.base.transpose(), self.right, self.left)

    def scaled(self, factor: FloatArray | float) -> Operator:
        left = Code(self.left.owner, self.left.weight * factor, self.left.height)
        return GramCode(self.base, left, self.right)


def sandwich(left: Operator, base: Operator, right: Operator) -> Operator:
    """left^T base right, structured where both sides are codes or identities."""
    if isinstance(left, Identity) and isinstance(right, Identity):
        factor = left.factor * right.factor
        return base if factor == 1.0 else base.scaled(factor)
    if isinstance(left, (Code, Identity)) and isinstance(right, (Code, Identity)):
        outer, inner = as_code(left), as_code(right)
        if isinstance(base, GramCode):
            return GramCode(base.base, base.left.compose(outer), base.right.compose(inner))
        return GramCode(base, outer, inner)
    return left.transpose().after(base.after(right))


def as_code(operator: Code | Identity) -> Code:
    """A code as it is, an identity as the code of one column per row."""
    if isinstance(operator, Code):
        return operator
    return Code(np.arange(operator.size), np.full(operator.size, operator.factor), operator.size)
