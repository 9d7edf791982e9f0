"""Rows of all blocks below each other, guards as terms of their own, and what rows imply for bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np
from scipy import sparse

from ..blocks import Lin, Poly
from ..errors import Refused
from ..problem import Problem
from ..rational import READINGS
from ..types import FloatArray, IntArray
from .entries import Entries

TINY = 1e-280
"""Smaller numbers than this are not looked at: their rounding errors would not be relative."""
OUTWARD = 1e-9
"""By how much, relatively, derived bounds are moved outward: far more than their rounding errors."""
Part = tuple[sparse.csr_array, sparse.csr_array, FloatArray, FloatArray, FloatArray, IntArray]
"""Matrix, sizes, low, high, side, reading: see :class:`Rows`."""


def implied(
    matrix: sparse.csr_array, high: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Bounds [n] each that rows ``A x <= high`` imply one by one over a box, moved outward; infinite where none."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    column, value = matrix.indices, matrix.data
    with np.errstate(invalid="ignore", over="ignore"):
        least = np.where(value > 0, value * lower[column], value * upper[column])
        open_ = np.isinf(least)
        finite = np.where(open_, 0.0, least)
        total, scale = (np.bincount(row, part, matrix.shape[0]) for part in (finite, np.abs(finite)))
        missing = np.bincount(row, open_, matrix.shape[0])
        rest = np.where(missing[row] - open_ > 0, -inf, total[row] - finite)
        side = (high[row] - rest) / value
        away = OUTWARD * (np.abs(high[row]) + scale[row]) / np.abs(value)
        away = np.where(np.isfinite(side), away, 0.0)
    most, lowest = np.full(len(lower), inf), np.full(len(lower), -inf)
    up = (value > 0) & np.isfinite(side)
    down = (value < 0) & np.isfinite(side)
    np.minimum.at(most, column[up], side[up] + away[up])
    np.maximum.at(lowest, column[down], side[down] - away[down])
    return lowest, most


@dataclass(frozen=True, eq=False)
class Piece:
    """Entries of one block, with columns for products, and its sides; ``guard`` [m]: its column (-1: none), ``value``
    [m]: where it binds."""

    row: IntArray
    column: IntArray
    coefficient: FloatArray
    low: FloatArray
    high: FloatArray
    side: FloatArray
    guard: IntArray
    value: FloatArray
    reading: IntArray

    @classmethod
    def of(cls, problem: Problem, block: Lin | Poly, entries: Entries, column: IntArray) -> Piece:
        free = column < 0
        constant = sums(entries.row[free], entries.coefficient[free], entries.rows)
        size = sums(entries.row[free], np.abs(entries.coefficient[free]), entries.rows)
        assert block.rhs is not None
        least = block.least if isinstance(block, Lin) else None
        low = block.rhs if block.sense == "==" else np.full(block.size, -inf) if least is None else least
        side = np.where(np.isfinite(low), np.maximum(np.abs(block.rhs), np.abs(low)), np.abs(block.rhs)) + size
        guard, value = np.full(block.size, -1), np.zeros(block.size)
        if block.guard is not None:
            start = problem.starts[block.guard.variable]
            guard = np.where(block.guard.index >= 0, start + block.guard.index, -1)
            value = np.asarray(block.guard.value, dtype=np.float64)
        reading = np.full(block.size, READINGS.index(block.reading))
        return cls(entries.row[~free], column[~free], entries.coefficient[~free], low - constant,
                   block.rhs - constant, side, guard, value, reading)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows under construction; ``guard`` [m]: column of the guard (-1: none), ``value`` [m]: at which it binds;
    ``reading`` [m]: number of the reading that gives its coefficients exactly (-1: none does)."""

    matrix: sparse.csr_array
    size: sparse.csr_array
    low: FloatArray
    high: FloatArray
    side: FloatArray
    guard: IntArray
    value: FloatArray
    reading: IntArray
    repeated: int

    def without_guards(self, lower: FloatArray, upper: FloatArray) -> Rows:
        """Guarded rows with a term in the guard that lets them go where it does not have its value."""
        which = np.flatnonzero(self.guard >= 0)
        if not which.size:
            return self
        plain = np.flatnonzero(self.guard < 0)
        part, size = self.matrix[which], self.size[which]
        least, most = activity(part, lower, upper)
        scale = activity(size, np.zeros(len(lower)), np.maximum(np.abs(lower), np.abs(upper)))[1]
        exact = np.isin(np.arange(len(which)), whole_rows(part, lower, upper))
        pieces: list[Part] = []
        for sign, side, reach in ((1.0, self.high[which], most), (-1.0, -self.low[which], -least)):
            there = np.isfinite(side)
            big = np.maximum(reach[there] - side[there], 0.0)
            away = scale[there] + self.side[which][there]
            whole = exact[there] & (side[there] == np.rint(side[there])) & (away < 2**50)
            big = np.where(whole, big, big + 2**-30 * away)
            if not np.isfinite(big).all():
                raise Refused("a guarded row has no finite activity", code="certify", hint="bound its variables")
            guard, value = self.guard[which][there], self.value[which][there]
            slope = np.where(value > 0, big, -big)  # a.x + M g <= r + M for value 1, a.x - M g <= r for value 0
            shape = (len(guard), part.shape[1])
            term = sparse.csr_array((slope, (np.arange(len(guard)), guard)), shape=shape)
            rhs = side[there] + np.where(value > 0, big, 0.0)
            pieces.append((sparse.csr_array(sign * part[there] + term), sparse.csr_array(size[there] + abs(term)),
                           np.full(len(guard), -inf), rhs, self.side[which][there] + big,
                           np.full(len(guard), -1)))  # fmt: skip
        kept = (self.matrix[plain], self.size[plain], self.low[plain], self.high[plain], self.side[plain],
                self.reading[plain])  # fmt: skip
        return stacked([kept, *pieces], self.repeated + 2)

    def widened(self, columns: int) -> Rows:
        """With so many columns more, all zero."""
        shape = (self.matrix.shape[0], self.matrix.shape[1] + columns)
        matrix, size = (
            sparse.csr_array((part.data, part.indices, part.indptr), shape=shape) for part in (self.matrix, self.size)
        )
        return replace(self, matrix=matrix, size=size)

    def with_rows(self, more: tuple[sparse.csr_array, FloatArray, FloatArray]) -> Rows:
        """With rows whose numbers may be rounded once."""
        matrix, low, high = more
        side = np.maximum(np.where(np.isfinite(low), np.abs(low), 0.0), np.where(np.isfinite(high), np.abs(high), 0.0))
        mine = (self.matrix, self.size, self.low, self.high, self.side, self.reading)
        more_ = (matrix, sparse.csr_array(abs(matrix)), low, high, side, np.full(len(low), -1))
        return stacked([mine, more_], self.repeated)

    def check(self, more: FloatArray) -> None:
        """Raise where numbers are so small or so large that rounding errors would not be relative."""
        numbers = np.abs(np.concatenate([self.matrix.data, self.low, self.high, more]))
        numbers = numbers[np.isfinite(numbers) & (numbers > 0)]
        if numbers.size and (numbers.min() < TINY or numbers.max() > 1 / TINY):
            raise Refused("a number of the problem is too small or too large to certify", code="certify")


def activity(matrix: sparse.csr_array, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least and greatest A x over a box, up to rounding; infinite where a side is."""
    row, size = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.shape[0]
    one, two = matrix.data * lower[matrix.indices], matrix.data * upper[matrix.indices]
    least, most = (sums(row, part, size) for part in (np.minimum(one, two), np.maximum(one, two)))
    return least, most


def sums(place: IntArray, values: FloatArray, size: int) -> FloatArray:
    """Sums of ``values`` by their place, [size]."""
    return np.asarray(np.bincount(place, values, size), dtype=np.float64)


def whole_rows(matrix: sparse.csr_array, lower: FloatArray, upper: FloatArray) -> IntArray:
    """Rows whose coefficients and bounds are whole, so that sums of them round nothing."""
    whole = (lower == np.rint(lower)) & (upper == np.rint(upper))
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    wrong = row[(matrix.data != np.rint(matrix.data)) | ~whole[matrix.indices]]
    return np.setdiff1d(np.arange(matrix.shape[0]), wrong)


def stacked(pieces: list[Part], repeated: int) -> Rows:
    """Parts below each other."""
    matrix = sparse.csr_array(sparse.vstack([piece[0] for piece in pieces], format="csr"))
    size = sparse.csr_array(sparse.vstack([piece[1] for piece in pieces], format="csr"))
    low, high, side = (np.concatenate([piece[k] for piece in pieces]) for k in (2, 3, 4))
    reading = np.concatenate([piece[5] for piece in pieces])
    return Rows(matrix, size, low, high, side, np.full(len(low), -1), np.zeros(len(low)), reading, repeated)


def joined(pieces: list[Piece], width: int) -> Rows:
    """All blocks below each other; entries of one place are added up."""
    counts = [len(piece.low) for piece in pieces]
    starts = np.cumsum([0, *counts])
    none, zero = np.zeros(0, np.int64), np.zeros(0)
    row = np.concatenate([none, *(piece.row + start for piece, start in zip(pieces, starts, strict=False))])
    column = np.concatenate([none, *(piece.column for piece in pieces)])
    value = np.concatenate([zero, *(piece.coefficient for piece in pieces)])
    shape = (int(starts[-1]), width)
    repeated = int(np.unique(row * width + column, return_counts=True)[1].max(initial=0)) if len(row) else 0
    matrix, size = (sparse.csr_array((data, (row, column)), shape=shape) for data in (value, np.abs(value)))
    matrix.eliminate_zeros()
    names = ("low", "high", "side", "guard", "value", "reading")
    low, high, side, guard, at, read_ = (np.concatenate([zero, *(getattr(p, n) for p in pieces)]) for n in names)
    reading = np.where(repeated > 1, -1, read_).astype(np.int64)
    return Rows(matrix, size, low, high, side, guard.astype(np.int64), at, reading, repeated)
