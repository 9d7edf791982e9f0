"""Explicit monomials of any degree: coefficient * product of variables, each belonging to one of m polynomials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..affine import Affine, batch_of
from ..operator import ENTRY_LIMIT, check_limit, index_faults
from ..sums import group, sum_by, sum_rows
from ..term import Box, Term
from ..types import BoolArray, FloatArray, IntArray, Values


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

    @classmethod
    def none(cls, rows: int) -> Monomials:
        """``rows`` zero polynomials."""
        empty = np.zeros((0, 1), np.int64)
        return cls(rows, (), empty[:, 0], empty, empty, np.zeros(0))

    @property
    def size(self) -> int:
        return self.rows

    @property
    def variables(self) -> tuple[str, ...]:
        return self.names

    @property
    def width(self) -> int:
        """Factor places of each monomial."""
        return int(self.which.shape[1])

    @property
    def degree(self) -> int:
        return int((self.which >= 0).sum(axis=1).max(initial=0))

    @property
    def roundings(self) -> int:
        return self.width + int(np.bincount(self.row).max(initial=1))

    def faults(self, sizes: Mapping[str, int]) -> list[str]:
        count = len(self.row)
        if self.which.ndim != 2 or self.which.shape != self.index.shape:
            return [f"which has shape {self.which.shape}, index {self.index.shape}"]
        if not count == len(self.which) == len(self.coefficient):
            return [f"{count} rows, {len(self.which)} monomials and {len(self.coefficient)} coefficients"]
        found = index_faults(self.row, self.rows, "row")
        found += index_faults(self.which.ravel() + 1, len(self.names) + 1, "block number")
        for number, name in enumerate(self.names):
            found += index_faults(self.index[self.which == number], sizes[name], f"index into {name!r}")
        if ((self.which[:, :-1] < 0) & (self.which[:, 1:] >= 0)).any():
            found.append("a monomial has a factor after an empty place")
        if not np.isfinite(self.coefficient).all():
            found.append("a coefficient is not finite")
        return found

    # -- values -------------------------------------------------------------------------------------------------------

    def factors(self, values: Values) -> list[FloatArray]:
        """The factors at each place [B, k]; ones where there is none."""
        batch = batch_of(values)
        table = np.concatenate([*(values[name] for name in self.names), np.ones((batch, 1))], axis=1)
        starts = np.cumsum([0, *(values[name].shape[1] for name in self.names)])
        column = np.where(self.which >= 0, starts[self.which] + self.index, table.shape[1] - 1)
        return [table[:, column[:, place]] for place in range(self.width)]

    def value(self, values: Values) -> FloatArray:
        product = np.broadcast_to(self.coefficient, (batch_of(values), len(self.row)))
        for factor in self.factors(values):
            product = product * factor
        return sum_rows(product, self.row, self.rows)

    def magnitude(self, values: Values) -> FloatArray:
        sizes = {name: np.abs(values[name]) for name in self.names}
        return replace(self, coefficient=np.abs(self.coefficient)).value(sizes or values)

    def gradient(self, values: Values, seed: FloatArray) -> dict[str, FloatArray]:
        factors = self.factors(values)
        found = {name: np.zeros_like(values[name]) for name in self.names}
        base = seed[:, self.row] * self.coefficient
        for place in range(self.width):
            others = base
            for other, factor in enumerate(factors):
                if other != place:
                    others = others * factor
            for number, name in enumerate(self.names):
                used = np.flatnonzero(self.which[:, place] == number)
                found[name] += sum_rows(others[:, used], self.index[used, place], found[name].shape[1])
        return found

    def interval(self, box: Box) -> tuple[FloatArray, FloatArray]:
        """Monomial by monomial; equal factors next to each other count as one power."""
        low, high = np.ones(len(self.row)), np.ones(len(self.row))
        power = self._powers()
        for place in range(self.width):
            for number, name in enumerate(self.names):
                used = np.flatnonzero((self.which[:, place] == number) & (power[:, place] > 0))
                lower, upper = (bound[self.index[used, place]] for bound in box[name])
                least, most = power_interval(lower, upper, power[used, place])
                ends = np.stack([multiply(low[used], least), multiply(low[used], most),
                                 multiply(high[used], least), multiply(high[used], most)])  # fmt: skip
                low[used], high[used] = ends.min(axis=0), ends.max(axis=0)
        ends = np.stack([multiply(low, self.coefficient), multiply(high, self.coefficient)])
        largest = np.finfo(np.float64).max  # an end that overflowed must not meet an infinite one of the other sign
        low, high = np.minimum(ends.min(axis=0), largest), np.maximum(ends.max(axis=0), -largest)
        return sum_by(self.row, low, self.rows), sum_by(self.row, high, self.rows)

    def _powers(self) -> IntArray:
        """How often the factor at each place occurs in a run from there on; 0 inside a run and at empty places."""
        power = np.where(self.which >= 0, 1, 0)
        for place in range(self.width - 1, 0, -1):
            twin = (self.which[:, place] == self.which[:, place - 1]) & (self.which[:, place] >= 0)
            twin &= self.index[:, place] == self.index[:, place - 1]
            power[twin, place - 1] += power[twin, place]
            power[twin, place] = 0
        return power

    # -- rewriting ----------------------------------------------------------------------------------------------------

    def substitute(self, name: str, by: Affine) -> tuple[tuple[Term, ...], FloatArray]:
        if name not in self.names:
            return (self,), np.zeros(self.rows)
        number = self.names.index(name)
        current = replace(self, names=self.names + tuple(new for new in by.parts if new not in self.names))
        for place in range(self.width):
            current = current._replace_place(number, place, by)
        new = tuple(n for n in current.names if n != name or n in by.parts)
        renumber = np.array([new.index(n) if n in new else -1 for n in current.names] + [-1])
        compact = replace(current, names=new, which=renumber[current.which]).tidy()
        free = compact.which[:, 0] < 0
        constant = sum_by(compact.row[free], compact.coefficient[free], self.rows)
        return (compact.take(~free),), constant

    def _replace_place(self, number: int, place: int, by: Affine) -> Monomials:
        """Block ``number`` at one factor place: x_j becomes offset_j or one of the entries of row j of the map."""
        here = self.which[:, place] == number
        kept, used = np.flatnonzero(~here), np.flatnonzero(here)
        target = self.index[used, place]
        offset = np.flatnonzero(by.offset[target])
        source, factor = [kept, used[offset]], [np.ones(len(kept)), by.offset[target[offset]]]
        which = [self.which[kept, place], np.full(len(offset), -1)]
        index = [self.index[kept, place], np.zeros(len(offset), np.int64)]
        for new, operator in by.parts.items():
            csr = operator.to_csr()
            starts, counts = csr.indptr[target].astype(np.int64), np.diff(csr.indptr)[target].astype(np.int64)
            check_limit(len(kept) + int(counts.sum()), ENTRY_LIMIT)
            entry = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
            source.append(np.repeat(used, counts))
            which.append(np.full(len(entry), self.names.index(new)))
            index.append(csr.indices[entry].astype(np.int64))
            factor.append(csr.data[entry])
        pick = np.concatenate(source)
        new_which, new_index = self.which[pick], self.index[pick]
        new_which[:, place], new_index[:, place] = np.concatenate(which), np.concatenate(index)
        coefficient = self.coefficient[pick] * np.concatenate(factor)
        return replace(self, row=self.row[pick], which=new_which, index=new_index, coefficient=coefficient)

    def take(self, chosen: BoolArray | IntArray) -> Monomials:
        """Only the chosen monomials (mask or index)."""
        return Monomials(self.rows, self.names, self.row[chosen], self.which[chosen], self.index[chosen],
                         self.coefficient[chosen])  # fmt: skip

    def tidy(self) -> Monomials:
        """Factors sorted within each monomial, equal monomials merged, zero coefficients removed, places trimmed.

        Sorted by row and factors. Coefficients of equal monomials are added in the order in which they stand.
        """
        starts, total = self._columns()
        none = np.int64(total)
        factor = np.sort(np.where(self.which >= 0, starts[self.which] + self.index, none), axis=1)
        width = max(1, int((factor < none).sum(axis=1).max(initial=0)))
        factor = factor[:, :width] if self.width else np.full((len(self.row), 1), none)
        order, new = group(self.row, factor, total + 1)
        coefficient = sum_by(np.cumsum(new) - 1, self.coefficient[order], int(new.sum()))
        keep = coefficient != 0
        first = order[new][keep]
        row, factor = self.row[first], factor[first]
        which = np.searchsorted(starts, factor, side="right") - 1
        used = factor < none
        index = np.where(used, factor - starts[which], 0)
        return Monomials(self.rows, self.names, row, np.where(used, which, -1), index, coefficient[keep])

    def _columns(self) -> tuple[IntArray, int]:
        """First column of each block when those that occur stand side by side, and the number of columns."""
        spans = [int(self.index.max(where=self.which == number, initial=0)) + 1 for number in range(len(self.names))]
        return np.cumsum([0, *spans], dtype=np.int64)[: max(1, len(spans))], sum(spans)

    def monomials(self) -> Monomials:
        return self

    def scaled_rows(self, factor: FloatArray) -> Monomials:
        """Every polynomial times its factor [m]."""
        return replace(self, coefficient=self.coefficient * factor[self.row])

    def plus_constant(self, constant: FloatArray) -> Monomials:
        """With a monomial without factors added to each polynomial whose constant [m] is not zero."""
        rows = np.flatnonzero(constant)
        return Monomials(
            self.rows,
            self.names,
            np.concatenate([self.row, rows]),
            np.concatenate([self.which, np.full((len(rows), self.width), -1)]),
            np.concatenate([self.index, np.zeros((len(rows), self.width), np.int64)]),
            np.concatenate([self.coefficient, constant[rows]]),
        )

    def times(self, other: Monomials) -> Monomials:
        """Row-by-row product of two vectors of polynomials with equally many rows."""
        left, right = np.argsort(self.row, kind="stable"), np.argsort(other.row, kind="stable")
        counts = np.bincount(other.row, minlength=self.rows)
        starts = np.cumsum(counts) - counts
        repeat = counts[self.row[left]]
        total = int(repeat.sum())
        check_limit(total, ENTRY_LIMIT)
        first = np.repeat(left, repeat)
        within = np.arange(total) - np.repeat(np.cumsum(repeat) - repeat, repeat)
        second = right[np.repeat(starts[self.row[left]], repeat) + within]
        names, renumber = merged((self.names, other.names))
        return Monomials(
            self.rows,
            names,
            self.row[first],
            np.concatenate([self.which[first], renumber[1][other.which[second]]], axis=1),
            np.concatenate([self.index[first], other.index[second]], axis=1),
            self.coefficient[first] * other.coefficient[second],
        ).tidy()

    @classmethod
    def join(cls, parts: Sequence[Monomials]) -> Monomials:
        """The sum of several vectors of polynomials with equally many rows."""
        names, renumber = merged([part.names for part in parts])
        width = max((part.width for part in parts), default=1)
        pads = [((0, 0), (0, width - part.width)) for part in parts]
        which = [np.pad(number[part.which], pad, constant_values=-1)
                 for part, number, pad in zip(parts, renumber, pads, strict=True)]  # fmt: skip
        return cls(
            parts[0].rows,
            names,
            np.concatenate([part.row for part in parts]),
            np.concatenate(which),
            np.concatenate([np.pad(part.index, pad) for part, pad in zip(parts, pads, strict=True)]),
            np.concatenate([part.coefficient for part in parts]),
        )


def merged(groups: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], list[IntArray]]:
    """All names once, and for each group the new number of each of its names, followed by -1 for empty places."""
    names = tuple(dict.fromkeys(name for group in groups for name in group))
    return names, [np.array([*map(names.index, group), -1], dtype=np.int64) for group in groups]


def power_interval(lower: FloatArray, upper: FloatArray, power: IntArray) -> tuple[FloatArray, FloatArray]:
    """Bounds of x^power over boxes; power >= 1."""
    with np.errstate(over="ignore"):
        low, high = lower**power, upper**power
    even = power % 2 == 0
    least = np.where(even & (lower <= 0) & (upper >= 0), 0.0, np.minimum(low, high))
    return least, np.maximum(low, high)


def multiply(a: FloatArray, b: FloatArray) -> FloatArray:
    """Products in interval arithmetic, where 0 times infinity is 0."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where((a == 0) | (b == 0), 0.0, a * b)
