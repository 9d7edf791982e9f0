"""Sums of products in exact integers, for the few rows and samples that float64 can't decide.

Each row has its own common denominator, each sample its own power of two, so the Python integers stay as short as the
numbers allow. One product, one shift and one addition of such integers per entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .exact import quotient
from .rational import Integers, read
from .types import FloatArray, IntArray

ENTRIES = 1 << 20
"""Entries expanded at once."""


@dataclass(frozen=True, eq=False)
class ExactRows:
    """Row r: sum over e, from starts[r] to starts[r+1] - 1, of ``top[e] / bottom[r]`` * product of ``columns[e]``."""

    starts: IntArray
    columns: IntArray
    top: Integers
    bottom: Integers

    @classmethod
    def of(cls, rows: int, row: IntArray, columns: IntArray, coefficient: FloatArray, reading: str) -> ExactRows:
        """Entry e adds ``coefficient[e]``, as ``reading`` has it, * product of ``columns[e]`` [d] to row ``row[e]``."""
        order = np.argsort(row, kind="stable")
        counts = np.bincount(row, minlength=rows)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        top, below = (part.astype(object) for part in read(coefficient[order], reading))
        bottom = np.ones(rows, dtype=object)
        filled = np.flatnonzero(counts)
        if filled.size:
            bottom[filled] = np.lcm.reduceat(below, starts[filled])
        return cls(starts, columns[order], top * (bottom[row[order]] // below), bottom)

    def at(self, table: FloatArray, sample: IntArray, row: IntArray) -> tuple[Integers, Integers]:
        """Exact values (tops and bottoms > 0) of row ``row[i]`` at ``table[sample[i]]``, for every i."""
        found = [self._cells(table, sample[part], row[part]) for part in self._parts(row)]
        tops, bottoms = zip(*found, strict=True) if found else ((), ())
        none = np.zeros(0, dtype=object)
        return np.concatenate([none, *tops]), np.concatenate([none, *bottoms])

    def _parts(self, row: IntArray) -> Iterator[slice]:
        """Cuts of the cells with about ``ENTRIES`` entries each."""
        ends = np.cumsum(self.starts[row + 1] - self.starts[row])
        begin = 0
        while begin < len(row):
            done = ends[begin - 1] if begin else 0
            end = max(begin + 1, int(np.searchsorted(ends, done + ENTRIES, side="right")))
            yield slice(begin, end)
            begin = end

    def _cells(self, table: FloatArray, sample: IntArray, row: IntArray) -> tuple[Integers, Integers]:
        counts = self.starts[row + 1] - self.starts[row]
        cell = np.repeat(np.arange(len(row)), counts)
        entry = np.arange(len(cell)) + np.repeat(self.starts[row] - np.cumsum(counts) + counts, counts)
        factors = [table[sample[cell], self.columns[entry, place]] for place in range(self.columns.shape[1])]
        alive = np.logical_and.reduce([np.ones(len(entry), np.bool_), *(factor != 0 for factor in factors)])
        cell, entry = cell[alive], entry[alive]  # most points have many zeros
        counts = np.bincount(cell, minlength=len(row))
        product, exponent = self.top[entry], np.zeros(len(entry), np.int64)
        for factor in factors:
            mantissa, power = split(factor[alive])
            product, exponent = product * mantissa.astype(object), exponent + power
        least = np.zeros(len(row), np.int64)
        np.minimum.at(least, cell, exponent)
        product = product << (exponent - least[cell]).astype(object)
        total = np.zeros(len(row), dtype=object)
        filled = np.flatnonzero(counts)
        if filled.size:
            total[filled] = np.add.reduceat(product, (np.cumsum(counts) - counts)[filled])
        return total, self.bottom[row] << (-least).astype(object)


def split(values: FloatArray) -> tuple[IntArray, IntArray]:
    """Odd whole numbers m and exponents e with values = m 2^e; no value is zero."""
    fraction, exponent = np.frexp(values)
    mantissa = np.ldexp(fraction, 53).astype(np.int64)
    zeros = np.frexp((mantissa & -mantissa).astype(np.float64))[1] - 1
    return mantissa >> zeros, exponent.astype(np.int64) - 53 + zeros


def to_float(top: Integers, bottom: Integers) -> FloatArray:
    """Correctly rounded quotients, except that nothing but zero becomes zero."""
    tiny = float(np.finfo(np.float64).smallest_subnormal)
    pairs = zip(top.tolist(), bottom.tolist(), strict=True)
    found = np.array([quotient(n, d) for n, d in pairs], dtype=np.float64)
    return np.where((found == 0) & np.asarray(top != 0, dtype=np.bool_), np.where(top > 0, tiny, -tiny), found)
