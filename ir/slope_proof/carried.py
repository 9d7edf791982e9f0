"""Errors of a slope form carried through units that are put in, as products of nonnegative matrices with vectors.

With ``W = Z_fh (I - Z_hh)^-1`` computed in floats and the residual R = Z_fh - W (I - Z_hh), which is bounded entry by
entry, W is off by ``|R| (I - |Z_hh|)^-1`` at the most: Z_hh is strictly lower triangular, so that inverse is a finite
sum of its powers. None of the other error matrices is ever formed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular

from ..linear_proof.numbers import SLACK, gamma
from ..types import FloatArray, IntArray
from .magnitudes import Magnitudes

TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Errors:
    """Bounds of errors of the rows ``top`` [m] with columns ``free`` [f] once ``held`` [h] are put in.

    ``weights`` W [m, h] as computed, ``residual`` [m, h] bounds |R|.
    """

    whole: Magnitudes
    top: IntArray
    free: IntArray
    held: IntArray
    weights: FloatArray
    residual: FloatArray

    @classmethod
    def of(cls, whole: Magnitudes, top: IntArray, free: IntArray, held: IntArray) -> Errors:
        right, inner = whole.rows[np.ix_(top, held)], whole.rows[np.ix_(held, held)]
        if not len(held):
            return cls(whole, top, free, held, right, right)
        system = np.eye(len(held)) - inner
        weights = solve_triangular(system, right.T, trans="T", lower=True, unit_diagonal=True, check_finite=False).T
        residual = np.abs(right - weights + weights @ inner)
        size = np.abs(weights)
        residual += gamma(len(held) + 6) * (np.abs(right) + size + size @ np.abs(inner)) + TINY
        if whole.row_error is not None:
            residual += whole.row_error[np.ix_(top, held)] + size @ whole.row_error[np.ix_(held, held)]
        return cls(whole, top, free, held, weights, residual * SLACK)

    @property
    def small(self) -> float:
        """What a sum over the held units rounds, relatively."""
        return gamma(len(self.held) + 4)

    @property
    def exact_inputs(self) -> bool:
        return self.whole.input_error is None and not len(self.held)

    def lost(self, v: FloatArray) -> FloatArray:
        """A bound of |W error| v for v [h] >= 0: [m]."""
        return np.asarray(self.residual @ powers_of(self.inner, v))

    def lost_back(self, u: FloatArray) -> FloatArray:
        """A bound of u |W error|: [h]."""
        return powers_of(self.inner.T, u @ self.residual)

    @cached_property
    def inner(self) -> FloatArray:
        return self.whole.row_size[np.ix_(self.held, self.held)]

    @cached_property
    def blocks(self) -> tuple[FloatArray, FloatArray]:
        """Magnitudes of rows ``top`` and ``held`` over the free units."""
        size = self.whole.row_size
        return size[np.ix_(self.top, self.free)], size[np.ix_(self.held, self.free)]

    @cached_property
    def block_errors(self) -> tuple[FloatArray, FloatArray] | None:
        error = self.whole.row_error
        return None if error is None else (error[np.ix_(self.top, self.free)], error[np.ix_(self.held, self.free)])

    @cached_property
    def size(self) -> FloatArray:
        return np.abs(self.weights)

    def units(self, v: FloatArray) -> FloatArray:
        """A bound of |error of Z'| v for v [f] >= 0: [m]."""
        found = np.zeros(len(self.top))
        if self.block_errors is not None:
            here, there = self.block_errors
            found += here @ v + self.size @ (there @ v)
        if len(self.held):
            here, there = self.blocks
            found += self.lost(there @ v) + self.small * (here @ v + self.size @ (there @ v))
        return found

    def units_back(self, u: FloatArray) -> FloatArray:
        """The transpose: [f] for u [m] >= 0."""
        found = np.zeros(len(self.free))
        if self.block_errors is not None:
            here, there = self.block_errors
            found += u @ here + (u @ self.size) @ there
        if len(self.held):
            here, there = self.blocks
            found += self.lost_back(u) @ there + self.small * (u @ here + (u @ self.size) @ there)
        return found

    def inputs(self, v: FloatArray) -> FloatArray:
        """A bound of |error of X'| v for v [n] >= 0: [m]; for W and X as stored, whose product is not formed."""
        found = np.zeros(len(self.top))
        if self.whole.input_error is not None:
            carried = self.whole.input_error @ v
            found += carried[self.top] + self.size @ carried[self.held]
        if len(self.held):
            found += self.lost((self.whole.input_size @ v)[self.held])
        return found

    def inputs_back(self, u: FloatArray) -> FloatArray:
        """The transpose: [n] for u [m] >= 0."""
        found = np.zeros(self.whole.inputs.shape[1])
        if self.whole.input_error is not None:
            found += u @ self.whole.input_error[self.top] + (u @ self.size) @ self.whole.input_error[self.held]
        if len(self.held):
            found += self.lost_back(u) @ self.whole.input_size[self.held]
        return found

    def direct(self) -> FloatArray:
        """How far q' [n] is off, the rounding of its sum included."""
        last = np.zeros(len(self.top))
        last[-1] = 1.0
        found = self.inputs_back(last)
        if len(self.held):
            size = self.whole.input_size
            found += self.small * (size[-1] + self.size[-1] @ size[self.held])
        return found


def powers_of(matrix: FloatArray, v: FloatArray) -> FloatArray:
    """A bound of (I - N)^-1 v for a nonnegative, strictly triangular N [h, h] and v [h] >= 0: v + N v + N^2 v + ..."""
    found, more = v, matrix @ v
    for _ in range(len(v)):
        if not more.any():
            break
        found, more = found + more, matrix @ more
    return found * SLACK
