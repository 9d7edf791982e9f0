"""All rows of a problem side by side, and bounds of their activities over a box that a proof may rest on.

Activities are summed in float64. Where a row's coefficients mean the float64 numbers themselves, all its terms are
multiples of one power of two u and their absolute values and the side sum to less than 2^53 u, every product and every
partial sum is a float64 and the result is *exact* (u = 1 for integer rows over integer bounds). Elsewhere the result is
moved outward by (n + 4) 2^-52 times that sum, twice what can be lost with n terms: each coefficient stands for a number
within relative 2^-53 of it (any reading), each product rounds once, and n - 1 sums round once each (Higham, Accuracy
and Stability of Numerical Algorithms, section 3.1). Underflow is covered by 2^-1000 per term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from ...ir.blocks import Lin
from ...ir.errors import Infeasible
from ...ir.problem import Problem
from ...ir.types import BoolArray, FloatArray, IntArray
from .dyadic import lowest_bit
from .stacked import stacked_rows

EXACT = 2.0**53


@dataclass(frozen=True, eq=False)
class RowSystem:
    """``low`` <= ``matrix`` x <= ``high`` (infinite: no such side), binding where column ``guard`` has ``value``.

    A guard of -1: always. ``matrix`` [m, n] over the problem's layout; the other arrays [m], ``whole`` [n]. The numbers
    of ``sharp`` rows mean themselves: they are read as dyadic, or integers, on which all readings agree. Row r is row
    ``place[r]`` of ``lins[block[r]]``.
    """

    matrix: sparse.csr_array
    low: FloatArray
    high: FloatArray
    guard: IntArray
    value: FloatArray
    block: IntArray
    place: IntArray
    sharp: BoolArray
    whole: BoolArray
    lins: tuple[Lin, ...]

    @classmethod
    def of(cls, problem: Problem, lins: Sequence[Lin] | None = None) -> RowSystem:
        """The rows of the given blocks; of all blocks without a choice."""
        chosen = tuple(problem.lins.values()) if lins is None else tuple(lins)
        matrix = stacked_rows(problem, chosen)
        sizes = np.array([lin.size for lin in chosen], np.int64)
        high = joined([lin.rhs for lin in chosen])
        low = joined([lower_side(lin) for lin in chosen])
        guard = joined([np.full(lin.size, -1.0) if lin.guard is None else
                        np.where(lin.guard.index < 0, -1, lin.guard.index + problem.starts[lin.guard.variable])
                        for lin in chosen]).astype(np.int64)  # fmt: skip
        value = joined([np.ones(lin.size) if lin.guard is None else lin.guard.value for lin in chosen])
        integral = whole_numbers(matrix.data)
        sharp = count_rows(matrix, ~integral) == 0
        sharp &= (np.isinf(high) | whole_numbers(high)) & (np.isinf(low) | whole_numbers(low))
        block = np.repeat(np.arange(len(chosen)), sizes)
        sharp |= np.array([lin.reading == "dyadic" for lin in chosen] + [False])[block]
        place = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        kinds = [np.full(var.size, var.discrete) for var in problem.vars.values()]
        whole = np.concatenate([np.zeros(0, bool), *kinds])
        return cls(matrix, low, high, guard, value, block, place, sharp, whole, chosen)

    @property
    def size(self) -> int:
        return len(self.high)

    @cached_property
    def integral(self) -> BoolArray:
        """Rows whose activity is an integer at every point: integer coefficients on integer variables."""
        broken = ~whole_numbers(self.matrix.data) | ~self.whole[self.matrix.indices]
        return np.asarray(count_rows(self.matrix, broken) == 0)

    def label(self, row: int) -> str:
        """The row's name, as its block gives it."""
        lin = self.lins[int(self.block[row])]
        return lin.name if lin.size == 1 else f"{lin.name}[{int(self.place[row])}]"

    def snapped(self) -> RowSystem:
        """Sides of integral rows moved to the next integers inside; raises :class:`Infeasible` where none is left."""
        low = np.where(self.integral, np.ceil(self.low), self.low)
        high = np.where(self.integral, np.floor(self.high), self.high)
        for row in np.flatnonzero((low > high) & (self.guard < 0))[:1].tolist():
            sides = f"{self.low[row]:.17g} .. {self.high[row]:.17g}"
            raise Infeasible(f"no integer point satisfies row {self.label(row)}: its activity is an integer, "
                             f"none of which lies in {sides}", row=self.label(row))  # fmt: skip
        return replace(self, low=low, high=high, sharp=self.sharp | self.integral)

    def activity(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Proved bounds of every row's activity over a box, each [m]; exact where the module's text says so."""
        least = LeastSums.of(self.matrix, lower, upper, np.zeros(self.size), self.sharp)
        most = LeastSums.of(-self.matrix, lower, upper, np.zeros(self.size), self.sharp)
        return least.bound, -most.bound


@dataclass(frozen=True, eq=False)
class LeastSums:
    """Least activities of the rows of a matrix over a box, in parts.

    ``terms`` [nnz]: least value of each entry's term, 0 where infinite; ``infinite`` [nnz]. ``total`` [m]: sum of the
    finite terms, ``unbounded`` [m]: number of infinite ones, ``scale`` [m]: absolute terms and side together, ``error``
    [m]: what ``total`` may be off, 0 in ``exact`` rows.
    """

    terms: FloatArray
    infinite: BoolArray
    total: FloatArray
    unbounded: IntArray
    scale: FloatArray
    error: FloatArray
    exact: BoolArray

    @classmethod
    def of(
        cls, matrix: sparse.csr_array, lower: FloatArray, upper: FloatArray, side: FloatArray, sharp: BoolArray
    ) -> LeastSums:
        rows, count = entry_rows(matrix), np.diff(matrix.indptr)
        bound = np.where(matrix.data > 0, lower[matrix.indices], upper[matrix.indices])
        with np.errstate(over="ignore"):
            infinite = np.isinf(matrix.data * bound)
        terms = matrix.data * np.where(infinite, 0.0, bound)
        total = np.asarray(np.bincount(rows, terms, matrix.shape[0]), dtype=np.float64)
        scale = np.asarray(np.bincount(rows, np.abs(terms), matrix.shape[0]), dtype=np.float64) + np.abs(side)
        unit = np.where(np.isfinite(side), lowest_bit(side), np.inf)
        np.minimum.at(unit, rows, lowest_bit(matrix.data) * np.where(infinite, np.inf, lowest_bit(bound)))
        exact = sharp & (scale < EXACT * unit)
        error = np.where(exact, 0.0, (count + 4) * (2.0**-52 * scale + 2.0**-1000))
        return cls(terms, infinite, total, count_rows(matrix, infinite), scale, error, exact)

    @property
    def bound(self) -> FloatArray:
        """A proved lower bound of each activity."""
        return np.where(self.unbounded > 0, -np.inf, np.where(self.exact, self.total, self.total - self.error))


def lower_side(lin: Lin) -> FloatArray:
    if lin.sense == "==":
        return lin.rhs
    return np.full(lin.size, -np.inf) if lin.least is None else lin.least


def joined(parts: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([np.zeros(0), *(np.asarray(part, dtype=np.float64) for part in parts)])


def entry_rows(matrix: sparse.csr_array) -> IntArray:
    """The row of every stored entry."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def count_rows(matrix: sparse.csr_array, chosen: BoolArray) -> IntArray:
    """How many of the chosen entries each row holds."""
    return np.asarray(np.bincount(entry_rows(matrix)[chosen], minlength=matrix.shape[0]), dtype=np.int64)


def whole_numbers(values: FloatArray) -> BoolArray:
    """Integers of magnitude below 2^53."""
    return np.asarray((values == np.rint(values)) & (np.abs(values) < EXACT))
