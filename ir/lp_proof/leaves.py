"""What multipliers of rows prove over a box, with every rounding error on the safe side.

For any y [m] and every x with ``low <= A x <= high`` and ``lower <= x <= upper``,

    c.x >= sum_{y_i > 0} y_i low_i + sum_{y_i < 0} y_i high_i + sum_j min over the box of (c - A^T y)_j x_j

(weak duality; Neumaier and Shcherbina, "Safe bounds in linear and mixed-integer programming", 2004). With c = 0, a
positive right-hand side says that there is no such x (Farkas). A multiplier on a missing side counts as 0, so any
numbers are sound. The sums are computed in float64; with S_j = |c_j| + sum_i |y_i| |a_ij| the computed reduced cost d_j
is off by at most (k + slips) u S_j for a column with k entries, and each further sum by as many units of roundoff times
the sum of its magnitudes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from ..types import BoolArray, FloatArray
from .model import UNIT, Model
from .unbounded import misplaced, settled

CHUNK = 1 << 21
"""Numbers of one array that are held at once."""
SAFE = 1.01
"""Covers the rounding of the error bounds themselves."""


@dataclass(frozen=True, eq=False)
class Leaves:
    """Bounds for many boxes of one model."""

    model: Model

    @cached_property
    def entries(self) -> int:
        """Most entries of a column, plus what the model's own numbers are off by."""
        return int(np.bincount(self.model.size.indices, minlength=1).max(initial=0)) + self.model.slips

    def bounds(
        self, multipliers: sparse.csr_array, farkas: BoolArray, lower: FloatArray, upper: FloatArray
    ) -> FloatArray:
        """Lower bounds [K] of cost.x over boxes [K, n] from multipliers [K, m]; infinite where an infeasible box was
        proved by ``farkas`` [K] multipliers or is empty; -inf where nothing follows."""
        count, n = lower.shape
        step = max(1, CHUNK // max(1, n))
        parts = [slice(k, min(k + step, count)) for k in range(0, count, step)]
        found = [self._chunk(multipliers[part], farkas[part], lower[part], upper[part]) for part in parts]
        return np.concatenate([np.zeros(0), *found])

    def _chunk(
        self, multipliers: sparse.csr_array, farkas: BoolArray, lower: FloatArray, upper: FloatArray
    ) -> FloatArray:
        y = self.usable(multipliers)
        reduced, error = self.reduced(y, farkas)
        wrong = misplaced(reduced, error, lower, upper)
        bound = self.total(y, farkas, reduced, error, lower, upper)
        for k in np.flatnonzero(wrong.any(axis=1) & (lower <= upper).all(axis=1)).tolist():
            part, own = slice(*y.indptr[k : k + 2].tolist()), slice(k, k + 1)
            rows, places = y.indices[part].astype(np.int64), np.flatnonzero(wrong[k])
            values = settled(self.model, rows, y.data[part], bool(farkas[k]), places, lower[k], upper[k])
            bound[k] = -np.inf
            if values is not None:
                near = sparse.csr_array((values, (np.zeros(len(rows), np.int64), rows)), shape=(1, y.shape[1]))
                sums = self.reduced(near, farkas[own])
                bound[k] = self.total(near, farkas[own], *sums, lower[own], upper[own])[0]
        bound = np.where(np.isnan(bound), -np.inf, bound)
        bound = np.where(farkas, np.where(bound > 0, np.inf, -np.inf), bound)
        return np.where((lower > upper).any(axis=1), np.inf, bound)

    def usable(self, multipliers: sparse.csr_array) -> sparse.csr_array:
        """The multipliers, 0 where they would need a side that is missing."""
        y = sparse.csr_array(multipliers, copy=True)
        side = np.where(y.data > 0, self.model.low[y.indices], self.model.high[y.indices])
        y.data = np.where(np.isfinite(side), y.data, 0.0)
        return y

    def reduced(self, y: sparse.csr_array, farkas: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Reduced costs [K, n] and how far off they may be, an ulp of the multipliers included."""
        model, factor = self.model, np.where(farkas, 0.0, 1.0)[:, None]
        with np.errstate(all="ignore"):
            found = factor * model.cost - (y @ model.matrix).toarray()
            scale = factor * model.cost_size + (abs(y) @ model.size).toarray()
        return found, SAFE * (self.entries + 8) * UNIT * scale

    def total(
        self, y: sparse.csr_array, farkas: BoolArray, reduced: FloatArray, error: FloatArray, lower: FloatArray,
        upper: FloatArray,
    ) -> FloatArray:  # fmt: skip
        """The right-hand side of the inequality [K], less what its computation may be off by. Reduced costs of columns
        without bounds are taken to have the right sign."""
        model = self.model
        side = np.where(y.data > 0, model.low[y.indices], model.high[y.indices])
        side = np.where(y.data == 0, 0.0, side)
        row = np.repeat(np.arange(y.shape[0]), np.diff(y.indptr))
        with np.errstate(all="ignore"):
            need = np.bincount(row, y.data * side, len(farkas))
            sizes = np.bincount(row, np.abs(y.data) * (np.abs(side) + model.side[y.indices]), len(farkas))
            least, width = products(reduced, error, lower, upper)
            sizes = sizes + np.abs(least).sum(axis=1)
            terms = lower.shape[1] + np.diff(y.indptr) + self.entries + 8
            away = SAFE * (width.sum(axis=1) + terms * UNIT * sizes) + 1e-300
            return np.asarray(need + least.sum(axis=1) - away)


def products(
    reduced: FloatArray, error: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """min over [lower, upper] of d x for d within ``error`` of ``reduced``: a value and how far off it may be. Where a
    side is missing the minimum lies at the other one, or is 0."""
    low_open, high_open = np.isinf(lower), np.isinf(upper)
    low, high = np.where(low_open, 0.0, lower), np.where(high_open, 0.0, upper)
    at_low, at_high = reduced * low, reduced * high
    width = error * np.maximum(np.abs(low), np.abs(high))
    return np.where(low_open, at_high, np.where(high_open, at_low, np.minimum(at_low, at_high))), width
