"""Polynomials with rational coefficients: what an expression means where float64 arithmetic on its numbers would round.

``0.1 x + 0.2 x <= 0.3`` means 3/10 x <= 3/10, but 0.1 + 0.2 is a float that reads as another rational. Expressions
keep how
they were made, and rows are added up here, in fractions, whenever a sum or product of their numbers may have rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .errors import Refused
from .rational import read
from .terms.monomials import Monomials
from .types import FloatArray, IntArray

Fractions = NDArray[Any]
"""Object array of :class:`fractions.Fraction`."""
WHOLE = 2.0**53


def fractions(values: FloatArray, reading: str) -> Fractions:
    """What floats mean, elementwise."""
    top, bottom = read(np.asarray(values, dtype=np.float64), reading)
    pairs = zip(top.ravel().tolist(), bottom.ravel().tolist(), strict=True)
    found = np.empty(top.size, dtype=object)
    found[:] = [Fraction(p, q) for p, q in pairs]
    return found.reshape(top.shape)


@dataclass(frozen=True, eq=False)
class ExactTerms:
    """``shape``: monomials whose coefficients are not used; ``coefficient`` [k]: the rational ones."""

    shape: Monomials
    coefficient: Fractions

    @classmethod
    def of(cls, monomials: Monomials, reading: str) -> ExactTerms:
        """The monomials with their coefficients read."""
        return cls(monomials, fractions(monomials.coefficient, reading))

    @property
    def rows(self) -> int:
        return self.shape.rows

    def plus(self, other: ExactTerms) -> ExactTerms:
        """The sum, equal monomials not merged."""
        joined = Monomials.join([self.shape, other.shape])
        return ExactTerms(joined, np.concatenate([self.coefficient, other.coefficient]))

    def scaled(self, factor: Fractions) -> ExactTerms:
        """Every polynomial times its factor [m]."""
        return ExactTerms(self.shape, self.coefficient * factor[self.shape.row])

    def combined(self, operator: sparse.csr_array, reading: str) -> ExactTerms:
        """The linear combinations that a matrix [m', m] forms of the polynomials."""
        columns = sparse.csc_array(operator)
        counts = np.diff(columns.indptr)[self.shape.row]
        starts = columns.indptr[self.shape.row].astype(np.int64)
        entry = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        source = np.repeat(np.arange(len(self.coefficient)), counts)
        old = self.shape
        row = columns.indices[entry].astype(np.int64)
        size = operator.shape[0]
        shape = Monomials(size, old.names, row, old.which[source], old.index[source], np.ones(len(source)))
        return ExactTerms(shape, self.coefficient[source] * fractions(columns.data, reading)[entry])

    def times(self, other: ExactTerms) -> ExactTerms:
        """Row-by-row products."""
        left, right = self.shape, other.shape
        order = np.argsort(right.row, kind="stable")
        counts = np.bincount(right.row, minlength=right.rows)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        repeat = counts[left.row]
        first = np.repeat(np.arange(len(left.row)), repeat)
        within = np.arange(repeat.sum()) - np.repeat(np.cumsum(repeat) - repeat, repeat)
        second = order[np.repeat(starts[left.row], repeat) + within]
        names = left.names + tuple(n for n in right.names if n not in left.names)
        renumber = np.array([names.index(n) for n in right.names] + [-1], dtype=np.int64)
        which = np.concatenate([left.which[first], renumber[right.which[second]]], axis=1)
        index = np.concatenate([left.index[first], right.index[second]], axis=1)
        shape = Monomials(left.rows, names, left.row[first], which, index, np.ones(len(first)))
        return ExactTerms(shape, self.coefficient[first] * other.coefficient[second])

    def merged(self) -> ExactTerms:
        """Equal monomials added up, zeros left out."""
        old = self.shape
        span = 1 + int(old.index.max(initial=0))
        key = np.where(old.which >= 0, old.which * span + old.index, np.iinfo(np.int64).max)
        order = np.argsort(key, axis=1, kind="stable")
        which, index = np.take_along_axis(old.which, order, 1), np.take_along_axis(old.index, order, 1)
        table = np.column_stack([old.row, which, np.where(which >= 0, index, 0)])
        unique, inverse = np.unique(table, axis=0, return_inverse=True)
        total = np.full(len(unique), Fraction(0), dtype=object)
        np.add.at(total, inverse.ravel(), self.coefficient)
        keep = np.array([bool(value) for value in total.tolist()], dtype=bool)
        width = old.which.shape[1]
        unique = unique[keep]
        row, which, index = unique[:, 0], unique[:, 1 : 1 + width], unique[:, 1 + width :]
        return ExactTerms(Monomials(old.rows, old.names, row, which, index, np.ones(len(row))), total[keep])


def as_floats(terms: ExactTerms, reading: str, name: str) -> tuple[Monomials, str]:
    """Float coefficients that mean the same: under the reading itself, or whole numbers after scaling every row.

    The second result is the reading to store (``dyadic`` for scaled rows: multiplying a row by a positive number
    changes nothing). Raises :class:`Refused` when a row has no common denominator within 2^53.
    """
    merged = terms.merged()
    values = np.array([nearest(f) for f in merged.coefficient.tolist()], dtype=np.float64)
    if np.isfinite(values).all() and (fractions(values, reading) == merged.coefficient).all():
        return with_coefficients(merged.shape, values), reading
    common = row_denominators(merged.shape.row, merged.coefficient, terms.rows)
    scaled = merged.coefficient * common[merged.shape.row]
    if any(abs(f) >= WHOLE for f in scaled.tolist()):
        raise Refused(
            f"the numbers of row {name!r}, added up exactly, have no common denominator within 2^53",
            hint="write the row with fewer digits, or with its coefficients already added up",
        )
    return with_coefficients(merged.shape, np.array([float(f) for f in scaled.tolist()])), "dyadic"


def nearest(value: Fraction) -> float:
    """Correctly rounded; infinite beyond the range of float64."""
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return float("inf")


def row_denominators(row: IntArray, coefficient: Fractions, rows: int) -> Fractions:
    """The least common denominator of every row [m]."""
    found = [1] * rows
    for i, f in zip(row.tolist(), coefficient.tolist(), strict=True):
        found[i] = lcm(found[i], f.denominator)
    return np.array(found, dtype=object)


def with_coefficients(shape: Monomials, values: FloatArray) -> Monomials:
    return Monomials(shape.rows, shape.names, shape.row, shape.which, shape.index, values)
