"""Maxima over spins t in {-1, 1}^N with t_0 = 1: what Ising problems and one-layer Lipschitz constants have in common.

    F(t) = constant + t . Q t + sum_i |b_i . t|

An Ising problem has Q only (fields couple to t_0). For a :class:`~isinglass.ir.slope_form.SlopeForm` without inner
couplings, y = (1 + t) / 2 gives FGL = max F with B = [q + X^T r / 2 | X^T diag(r) / 2] (n x (1 + F)), Q = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .slope_form import SlopeForm
from .types import FloatArray

TINY = 1e-290
"""Smaller products may have lost digits."""


@dataclass(frozen=True, eq=False)
class SpinForm:
    """``rows`` B [n, N] (n may be 0); ``quadratic`` Q: None, dense [N, N] or CSR, symmetric with zero diagonal.

    ``error``: how far any F(t) may be off because these arrays are rounded (0 where they are exact).
    """

    rows: FloatArray
    quadratic: Any = None
    constant: float = 0.0
    error: float = 0.0

    @property
    def spins(self) -> int:
        return int(self.rows.shape[1])

    @cached_property
    def columns(self) -> FloatArray:
        """B transposed [N, n], in order of memory."""
        return np.ascontiguousarray(self.rows.T)

    @cached_property
    def column_sizes(self) -> FloatArray:
        """Sum of the magnitudes of each column of B [N]."""
        return np.asarray(np.abs(self.columns).sum(axis=1))

    @cached_property
    def quadratic_sizes(self) -> FloatArray:
        """Sum of the magnitudes of each row of Q [N]."""
        if self.quadratic is None:
            return np.zeros(self.spins)
        return np.asarray(abs(self.quadratic).sum(axis=1), dtype=np.float64).ravel()

    def value(self, spins: FloatArray) -> FloatArray:
        """F in float64 at spins [K, N]: [K]. Points with t_0 = -1 are as good as their negatives."""
        found = self.constant + np.abs(spins @ self.rows.T).sum(axis=1)
        if self.quadratic is not None:
            found = found + np.einsum("kn,kn->k", spins, (self.quadratic @ spins.T).T)
        return np.asarray(found)

    @classmethod
    def of_slopes(cls, form: SlopeForm, functional: int = 0, quantity: str = "lipschitz") -> SpinForm:
        """The form of one functional of a network with one hidden layer (``form.single``), linf norm.

        ``inf-to-one``: max of |A t|_1 over spins t, A = X^T diag(r), which HiQ-Lip maximises; t_0 is a unit then.
        """
        half = form.inputs.T * (form.unit_weights[functional] / 2)
        direct = form.input_weights[functional]
        rows = 2 * half if quantity == "inf-to-one" else np.column_stack([direct + half.sum(axis=1), half])
        error = (form.units + 4) * 2.0**-52 * float(2 * np.abs(half).sum() + np.abs(direct).sum())
        underflow = (np.abs(half) < TINY) & (form.inputs.T != 0) & (form.unit_weights[functional] != 0)
        error += 2 * TINY * float(underflow.sum())
        if form.errors is not None:
            _, inputs, units, off = form.errors
            weights = np.abs(form.unit_weights[functional])
            grown = (np.abs(form.inputs.T) + inputs.T) @ units[functional] + inputs.T @ weights
            error += 2 * float(grown.sum() + off[functional].sum())
        return cls(rows, error=error)
