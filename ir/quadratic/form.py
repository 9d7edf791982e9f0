"""The arrays of a quadratic form over binaries: what every QUBO and Ising target writes and every sampler reads.

    E(x) = offset + linear . x + sum_{i<j} c_ij x_i x_j,    x in {0, 1}^n

Couplers are either a dense strictly upper triangle [n, n] or triplets with row < column. :func:`.assembly.assemble`
makes the form from a problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from ..errors import InputError
from ..operator import ENTRY_LIMIT, check_limit
from ..types import FloatArray, IntArray
from .ising_form import IsingForm
from .triplets import Couplers, Triplets, couplers_csr, finite, side_sums


@dataclass(frozen=True, eq=False)
class QuadraticForm:
    """``linear`` [n]; ``couplers``: dense [n, n], zero on and below the diagonal, or :class:`Triplets`."""

    offset: float
    linear: FloatArray
    couplers: Couplers

    @property
    def size(self) -> int:
        """Number of binaries n."""
        return len(self.linear)

    @property
    def dense(self) -> bool:
        return isinstance(self.couplers, np.ndarray)

    @cached_property
    def count(self) -> int:
        """Number of couplers that are not zero."""
        if isinstance(self.couplers, Triplets):
            return len(self.couplers.value)
        return int(np.count_nonzero(self.couplers))

    def triplets(self) -> Triplets:
        """All couplers that are not zero, ordered by row, then column."""
        return self.couplers if isinstance(self.couplers, Triplets) else Triplets.of_dense(self.couplers)

    def matrix(self, limit: int = ENTRY_LIMIT) -> FloatArray:
        """The strict upper triangle as a dense array [n, n] (not to be written to). Raises Refused beyond the limit."""
        if not isinstance(self.couplers, Triplets):
            return self.couplers
        check_limit(self.size**2, limit)
        dense = np.zeros((self.size, self.size))
        dense[self.couplers.row, self.couplers.column] = self.couplers.value
        return dense

    def csr(self) -> sparse.csr_array:
        """The strict upper triangle in compressed rows."""
        return couplers_csr(self.couplers, self.size)

    def energies(self, samples: FloatArray) -> FloatArray:
        """E [B] of 0/1 samples [B, n]."""
        x = np.asarray(samples, dtype=np.float64)
        product = x @ self.couplers if not isinstance(self.couplers, Triplets) else (self.csr().T @ x.T).T
        return np.asarray(self.offset + x @ self.linear + np.einsum("bi,bi->b", product, x))

    def ising(self) -> IsingForm:
        """The same energies over spins s = 2x - 1, by x = (1 + s) / 2: quarters of couplers; only the sums round."""
        rows, columns = side_sums(self.couplers, self.size)
        quarter: Couplers
        if isinstance(self.couplers, Triplets):
            quarter = Triplets(self.couplers.row, self.couplers.column, self.couplers.value / 4)
        else:
            quarter = self.couplers / 4
        offset = self.offset + self.linear.sum() / 2 + rows.sum() / 4
        return IsingForm(float(offset), self.linear / 2 + (rows + columns) / 4, quarter)

    def check(self, labels: Sequence[str] | None = None) -> QuadraticForm:
        """Itself; raises :class:`InputError` naming the first coefficient that is NaN or infinite."""
        names = labels or [f"variable {i}" for i in range(self.size)]
        hint = "find out where it comes from: a penalty weight, a bound or an array of the model"
        if not np.isfinite(self.offset):
            raise InputError(f"the constant of the energy is {self.offset}", code="not-finite", hint=hint)
        if not np.isfinite(self.linear).all():
            place = int(np.flatnonzero(~np.isfinite(self.linear))[0])
            value = self.linear[place]
            raise InputError(f"the linear coefficient of {names[place]} is {value}", code="not-finite", hint=hint)
        if not finite(self.couplers):
            found = self.triplets()
            place = int(np.flatnonzero(~np.isfinite(found.value))[0])
            left, right = names[found.row[place]], names[found.column[place]]
            raise InputError(f"the coupler {left}, {right} is {found.value[place]}", code="not-finite", hint=hint)
        return self

    def magnitudes(self) -> tuple[float, float]:
        """Least and greatest absolute value among the coefficients that are not zero; (0, 0) when all are."""
        values = self.couplers.value if isinstance(self.couplers, Triplets) else self.couplers
        sizes = [np.abs(part[part != 0]) for part in (self.linear, values)]
        sizes = [part for part in sizes if part.size]
        if not sizes:
            return 0.0, 0.0
        return float(min(part.min() for part in sizes)), float(max(part.max() for part in sizes))

    @property
    def degrees(self) -> IntArray:
        """Number of couplers at each variable [n]."""
        found = self.triplets()
        return np.bincount(found.row, minlength=self.size) + np.bincount(found.column, minlength=self.size)
