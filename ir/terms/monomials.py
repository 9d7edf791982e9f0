"""Explicit monomials of any degree: coefficient * product of variables, each belonging to one of m polynomials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..affine import Affine
from ..term import Box, Term
from ..types import FloatArray, IntArray, Values


@dataclass(frozen=True, eq=False)
class Monomials:
    """k monomials: ``coefficient`` [k] in polynomial ``row`` [k], factors ``names[which[k, d]][index[k, d]]``.

    ``which`` is -1 where a monomial has fewer than d factors; used places come first. A monomial without factors is
    a constant. A variable may occur twice (a square).
    """

    rows: int
    names: tuple[str, ...]
    row: IntArray
    which: IntArray
    index: IntArray
    coefficient: FloatArray

    @property
    def size(self) -> int:
        return self.rows

    @property
    def variables(self) -> tuple[str, ...]:
        return self.names

    @property
    def degree(self) -> int:
        return int((self.which >= 0).sum(axis=1).max(initial=0))

    def _factor(self, values: Values, place: int) -> FloatArray:
        """The factor at one place [B, k]; ones where there is none."""
        batch = next((len(values[name]) for name in self.names), 1)
        factor = np.ones((batch, len(self.row)))
        for number, name in enumerate(self.names):
            used = self.which[:, place] == number
            factor[:, used] = values[name][:, self.index[used, place]]
        return factor

    def value(self, values: Values) -> FloatArray:
        product = np.asarray(self.coefficient)
        for place in range(self.which.shape[1]):
            product = product * self._factor(values, place)
        return sum_rows(np.atleast_2d(product), self.row, self.rows)

    def gradient(self, values: Values, seed: FloatArray) -> dict[str, FloatArray]:
        factors = [self._factor(values, place) for place in range(self.which.shape[1])]
        found = {name: np.zeros_like(values[name]) for name in self.names}
        base = seed[:, self.row] * self.coefficient
        for place in range(len(factors)):
            others = base
            for other, factor in enumerate(factors):
                if other != place:
                    others = others * factor
            for number, name in enumerate(self.names):
                used = self.which[:, place] == number
                found[name] += sum_rows(others[:, used], self.index[used, place], found[name].shape[1])
        return found

    def interval(self, box: Box) -> tuple[FloatArray, FloatArray]:
        low, high = np.ones(len(self.row)), np.ones(len(self.row))
        done = np.zeros(len(self.row), dtype=bool)
        for place in range(self.which.shape[1]):
            # equal neighbours x * x are squared, not multiplied as if independent
            twin = np.zeros(len(self.row), dtype=bool)
            if place + 1 < self.which.shape[1]:
                twin = (self.which[:, place] == self.which[:, place + 1]) & (self.which[:, place] >= 0)
                twin &= self.index[:, place] == self.index[:, place + 1]
            for number, name in enumerate(self.names):
                used = (self.which[:, place] == number) & ~done
                lower, upper = (bound[self.index[used, place]] for bound in box[name])
                square = twin[used]
                least = np.where((lower <= 0) & (upper >= 0), 0.0, np.minimum(lower**2, upper**2))
                most = np.maximum(lower**2, upper**2)
                lower, upper = np.where(square, least, lower), np.where(square, most, upper)
                ends = np.stack([multiply(low[used], lower), multiply(low[used], upper),
                                 multiply(high[used], lower), multiply(high[used], upper)])  # fmt: skip
                low[used], high[used] = ends.min(axis=0), ends.max(axis=0)
            done = twin & ~done
        ends = np.stack([multiply(low, self.coefficient), multiply(high, self.coefficient)])
        size = self.rows
        return np.bincount(self.row, ends.min(axis=0), size), np.bincount(self.row, ends.max(axis=0), size)

    def substitute(self, name: str, by: Affine) -> tuple[tuple[Term, ...], FloatArray]:
        constant = np.zeros(self.rows)
        if name not in self.names:
            return (self,), constant
        current = self
        for place in range(self.which.shape[1]):
            current = current._replace_place(self.names.index(name), place, by, tuple(by.parts))
        names = tuple(n for n in current.names if n != name or n in by.parts)
        renumber = np.array([names.index(n) if n in names else -2 for n in current.names] + [-1])
        compact = Monomials(
            current.rows, names, current.row, renumber[current.which], current.index, current.coefficient
        ).tidy()
        free = (compact.which >= 0).any(axis=1)
        constant += np.bincount(compact.row[~free], compact.coefficient[~free], self.rows)
        return (compact.take(free),), constant

    def _replace_place(self, number: int, place: int, by: Affine, fresh: tuple[str, ...]) -> Monomials:
        """One factor place of every monomial: x_j becomes offset_j or one of the entries of row j of the map."""
        names = self.names + tuple(n for n in fresh if n not in self.names)
        used = np.flatnonzero(self.which[:, place] == number)
        kept = np.flatnonzero(self.which[:, place] != number)
        source, which, index, factor = [kept], [self.which[kept, place]], [self.index[kept, place]], [np.ones(len(kept))]
        target = self.index[used, place]
        source.append(used)
        which.append(np.full(len(used), -1))
        index.append(np.zeros(len(used), np.int64))
        factor.append(by.offset[target])
        for new, operator in by.parts.items():
            csr = operator.to_csr()
            starts, counts = csr.indptr[target], np.diff(csr.indptr)[target]
            entry = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
            source.append(np.repeat(used, counts))
            which.append(np.full(len(entry), -3 - names.index(new)))  # marked, so that later places do not see it
            index.append(csr.indices[entry].astype(np.int64))
            factor.append(csr.data[entry])
        pick = np.concatenate(source)
        new_which, new_index = self.which[pick], self.index[pick]
        new_which[:, place] = np.concatenate(which)
        new_index[:, place] = np.concatenate(index)
        weights = np.concatenate(factor)
        fresh_terms = Monomials(
            self.rows, names, self.row[pick], new_which, new_index, self.coefficient[pick] * weights
        )
        if place + 1 < self.which.shape[1]:
            return fresh_terms.take(weights != 0)
        done = fresh_terms.which
        return Monomials(
            self.rows, names, fresh_terms.row, np.where(done <= -3, -3 - done, done), new_index, fresh_terms.coefficient
        ).take(weights != 0)

    def take(self, chosen: np.ndarray) -> Monomials:
        """Only the chosen monomials (mask or index)."""
        return Monomials(self.rows, self.names, self.row[chosen], self.which[chosen], self.index[chosen],
                         self.coefficient[chosen])  # fmt: skip

    def tidy(self) -> Monomials:
        """Factors sorted within each monomial, equal monomials merged, zero coefficients removed, places trimmed."""
        width = max(1, self.which.shape[1])
        span = 1 + int(self.index.max(initial=0))
        key = np.where(self.which >= 0, self.which * span + self.index, np.iinfo(np.int64).max)
        order = np.argsort(key, axis=1, kind="stable")
        which, index = np.take_along_axis(self.which, order, 1), np.take_along_axis(self.index, order, 1)
        which, index = np.where(which >= 0, which, -1), np.where(which >= 0, index, 0)
        width = max(1, int((which >= 0).sum(axis=1).max(initial=0)))
        which, index = which[:, :width], index[:, :width]
        table = np.column_stack([self.row, which, index])
        unique, inverse = np.unique(table, axis=0, return_inverse=True)
        coefficient = np.bincount(inverse.ravel(), self.coefficient, len(unique))
        unique, coefficient = unique[coefficient != 0], coefficient[coefficient != 0]
        return Monomials(self.rows, self.names, unique[:, 0], unique[:, 1 : 1 + width], unique[:, 1 + width :], coefficient)

    def monomials(self) -> Monomials:
        return self

    def scaled_rows(self, factor: FloatArray) -> Monomials:
        """Every polynomial times its factor [m]."""
        coefficient = self.coefficient * factor[self.row]
        return Monomials(self.rows, self.names, self.row, self.which, self.index, coefficient)

    def plus_constant(self, constant: FloatArray) -> Monomials:
        """With a monomial without factors added to each polynomial whose constant [m] is not zero."""
        rows = np.flatnonzero(constant)
        width = self.which.shape[1]
        return Monomials(
            self.rows,
            self.names,
            np.concatenate([self.row, rows]),
            np.concatenate([self.which, np.full((len(rows), width), -1)]),
            np.concatenate([self.index, np.zeros((len(rows), width), np.int64)]),
            np.concatenate([self.coefficient, constant[rows]]),
        )

    def times(self, other: Monomials) -> Monomials:
        """Row-by-row product of two vectors of polynomials over the same names and rows."""
        left, right = np.argsort(self.row, kind="stable"), np.argsort(other.row, kind="stable")
        counts = np.bincount(other.row, minlength=self.rows)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        repeat = counts[self.row[left]]
        first = np.repeat(left, repeat)
        within = np.arange(repeat.sum()) - np.repeat(np.cumsum(repeat) - repeat, repeat)
        second = right[np.repeat(starts[self.row[left]], repeat) + within]
        names = self.names + tuple(n for n in other.names if n not in self.names)
        renumber = np.array([names.index(n) for n in other.names] + [-1], dtype=np.int64)
        return Monomials(
            self.rows,
            names,
            self.row[first],
            np.concatenate([self.which[first], renumber[other.which[second]]], axis=1),
            np.concatenate([self.index[first], other.index[second]], axis=1),
            self.coefficient[first] * other.coefficient[second],
        ).tidy()

    @classmethod
    def join(cls, parts: Sequence[Monomials]) -> Monomials:
        """The sum of several vectors of polynomials with equally many rows."""
        names = tuple(dict.fromkeys(name for part in parts for name in part.names))
        width = max((part.which.shape[1] for part in parts), default=1)
        which, index = [], []
        for part in parts:
            renumber = np.array([names.index(n) for n in part.names] + [-1], dtype=np.int64)
            pad = ((0, 0), (0, width - part.which.shape[1]))
            which.append(np.pad(renumber[part.which], pad, constant_values=-1))
            index.append(np.pad(part.index, pad))
        return cls(
            parts[0].rows,
            names,
            np.concatenate([part.row for part in parts]),
            np.concatenate(which),
            np.concatenate(index),
            np.concatenate([part.coefficient for part in parts]),
        )


def sum_rows(data: FloatArray, row: IntArray, rows: int) -> FloatArray:
    """Sum columns of ``data`` [B, k] into [B, rows] by ``row`` [k]."""
    total = np.zeros((len(data), rows))
    np.add.at(total.T, row, data.T)
    return total


def multiply(a: FloatArray, b: FloatArray) -> FloatArray:
    """Products in interval arithmetic, where 0 times infinity is 0."""
    with np.errstate(invalid="ignore"):
        return np.where((a == 0) | (b == 0), 0.0, a * b)
