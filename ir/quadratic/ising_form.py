"""The arrays of an Ising energy E(s) = offset + h . s + sum_{i<j} J_ij s_i s_j, s in {-1, +1}^n, and its rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..errors import UsageError
from ..ledger import Note
from ..operator import ENTRY_LIMIT, check_limit
from ..types import FloatArray
from .triplets import Couplers, Triplets, couplers_csr


@dataclass(frozen=True, eq=False)
class IsingForm:
    """``h`` [n]; ``couplers`` J as in the quadratic form. With ``scale`` c: c times the form is what it stands for."""

    offset: float
    h: FloatArray
    couplers: Couplers
    scale: float = 1.0

    @property
    def size(self) -> int:
        """Number of spins n."""
        return len(self.h)

    def triplets(self) -> Triplets:
        """All couplers that are not zero, ordered by row, then column."""
        return self.couplers if isinstance(self.couplers, Triplets) else Triplets.of_dense(self.couplers)

    def csr(self) -> sparse.csr_array:
        """J's strict upper triangle in compressed rows."""
        return couplers_csr(self.couplers, self.size)

    def symmetric(self, limit: int = ENTRY_LIMIT) -> FloatArray:
        """[n, n]: J_ij at (i, j) and at (j, i), h on the diagonal. Raises Refused beyond the limit."""
        check_limit(self.size**2, limit)
        upper = self.csr().toarray() if isinstance(self.couplers, Triplets) else self.couplers
        return np.asarray(upper + upper.T + np.diag(self.h))

    def energies(self, spins: FloatArray) -> FloatArray:
        """scale * E(s) [B] for -1/+1 samples [B, n]."""
        s = np.asarray(spins, dtype=np.float64)
        product = (self.csr().T @ s.T).T if isinstance(self.couplers, Triplets) else s @ self.couplers
        return np.asarray(self.scale * (self.offset + s @ self.h + np.einsum("bi,bi->b", product, s)))

    def rounded(self, bits: int) -> tuple[IsingForm, Note]:
        """All h and J as whole numbers of ``bits`` bits with sign: q = round(v / scale), |q| <= 2^(bits-1) - 1.

        Where all coefficients are such whole multiples of one number already, that number is ``scale`` and nothing is
        lost. Else it is the greatest absolute coefficient over the limit, and the note says how many coefficients
        changed and the greatest energy difference of any state, sum |v - scale q|, rounded outward. Raises
        :class:`UsageError` for a number of bits outside 2..53.
        """
        if not 2 <= bits <= 53:
            raise UsageError(f"bits = {bits}: integer couplers need 2 to 53 bits")
        found, limit = self.triplets(), 2.0 ** (bits - 1) - 1
        values = np.concatenate([self.h, found.value])
        most = float(np.abs(values).max(initial=0.0))
        exact = common_unit(values)
        lossy = exact == 0.0 or most > limit * exact
        scale = most / limit if lossy else exact
        units = np.rint(values / scale)
        error = np.abs(values - scale * units)
        count, vanished = int(np.count_nonzero(error)), int(np.count_nonzero((units == 0) & (values != 0)))
        text = f"h and J as {bits}-bit whole numbers times {scale!r}"
        if vanished:
            text += f", {vanished} of them rounded to zero"
        # outward: each product is good to an ulp, the pairwise sum to far less than 1e-12 of itself
        worst = float(error.sum() * (1 + 1e-12) + 4e-16 * most * len(values)) if lossy else 0.0
        note = Note("ising", text, "couplers", count, worst, "energy", loss=lossy)
        kept = units[self.size :] != 0
        couplers = Triplets(found.row[kept], found.column[kept], units[self.size :][kept])
        return IsingForm(self.offset / scale, units[: self.size], couplers, scale), note


def common_unit(values: FloatArray) -> float:
    """The greatest number of which all ``values`` are whole multiples below 2^53; 0: there is none, 1: all are zero."""
    values = np.abs(values[values != 0])
    if not values.size:
        return 1.0
    mantissa, exponent = np.frexp(values)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    zeros = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    least = int((exponent - 53 + zeros).min())
    if int(exponent.max()) - least > 53:
        return 0.0
    # the top exponent says |v| < 2^exponent, so all multiples are whole numbers below 2^53
    return float(np.ldexp(float(np.gcd.reduce(np.ldexp(values, -least).astype(np.int64))), least))
