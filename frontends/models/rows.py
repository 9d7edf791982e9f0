"""What files of rows (LP, MPS) say, as arrays: the seam between the readers and the IR.

A number means its exact decimal. Bounds of integers are rounded inward exactly, entries that occur several times are
added up exactly, and everything that float64 can't hold is rounded to nearest with a note.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ...ir.ledger import Note
from ...ir.types import BoolArray, FloatArray, IntArray
from ..decimals import Numbers, summed
from ..source_text import SourceText

INFINITE_FROM = 1e20
"""A bound or side of this size or more is none, as in all programs that read and write these files."""


@dataclass(frozen=True, eq=False)
class Entries:
    """``value[k] * left[k]`` (``* right[k]`` unless that is -1) belongs to row ``row[k]``; row m is the objective."""

    row: IntArray
    left: IntArray
    right: IntArray
    value: Numbers

    def take(self, index: IntArray) -> Entries:
        return Entries(self.row[index], self.left[index], self.right[index], self.value.take(index))


@dataclass(frozen=True, eq=False)
class Model:
    """What a file says about n columns and m rows: ``least <= row <= most``, infinite where there is no such side.

    ``guard`` [m]: column of the binary that switches a row on when it is ``guard_value``, -1 for none. ``constant``
    belongs to the objective. ``column_line`` and ``row_line`` say where the bounds of a column and a row were stated.
    """

    name: str
    columns: Sequence[str]
    integer: BoolArray
    lower: Numbers
    upper: Numbers
    rows: Sequence[str]
    least: Numbers
    most: Numbers
    entries: Entries
    constant: Fraction
    maximize: bool
    guard: IntArray
    guard_value: FloatArray
    column_line: Callable[[int], int]
    row_line: Callable[[int], int]
    notes: tuple[Note, ...] = ()


def checked(model: Model, source: SourceText) -> Model:
    """The model with its bounds, sides and entries in order; mistakes go to ``source``, roundings to the notes."""
    checker = Checker(model, source)
    lower, upper = checker.bounds()
    least, most = checker.sides()
    entries = checker.entries()
    return replace(
        model, lower=lower, upper=upper, least=least, most=most, entries=entries, notes=tuple(checker.notes)
    )


class Checker:
    """The steps of :func:`checked`; ``notes`` grows on the way."""

    def __init__(self, model: Model, source: SourceText) -> None:
        self.model, self.source, self.notes = model, source, list(model.notes)
        constant = Numbers(np.zeros(1)).changed({0: model.constant})
        self.note("constant rounded to float64", constant, "objective")

    def note(self, what: str, numbers: Numbers, block: str = "") -> None:
        """Record how many numbers were rounded, and by how much."""
        count, amount = numbers.loss()
        if count:
            self.notes.append(Note(f"read-{self.source.code}", what, block, count, amount, loss=True))

    def open_sides(self, numbers: Numbers) -> Numbers:
        """Sides of 1e20 and more are none."""
        huge = np.isfinite(numbers.values) & (np.abs(numbers.values) >= INFINITE_FROM)
        if not huge.any():
            return numbers
        what = f"bounds and sides from {INFINITE_FROM:g} on read as infinite"
        self.notes.append(Note(f"read-{self.source.code}", what, count=int(huge.sum())))
        values = np.where(huge, np.copysign(np.inf, numbers.values), numbers.values)
        return Numbers(values, {k: value for k, value in numbers.exact.items() if not huge[k]})

    def bounds(self) -> tuple[Numbers, Numbers]:
        """Bounds of the columns; those of integers rounded inward, exactly."""
        model = self.model
        lower, upper = self.open_sides(model.lower), self.open_sides(model.upper)
        stated = lower.values, upper.values
        lower, upper = self.whole(lower, up=True), self.whole(upper, up=False)
        empty = (lower.values > upper.values) | (lower.values == np.inf) | (upper.values == -np.inf)
        for k in np.flatnonzero(empty).tolist():
            self.source.say(
                model.column_line(k),
                f"no value of {model.columns[k]} lies between its bounds {stated[0][k]:.12g} and {stated[1][k]:.12g}",
                "correct the bounds; a variable that may be negative needs a lower bound, for example -inf",
            )
        self.note("bounds rounded to float64", lower)
        self.note("bounds rounded to float64", upper)
        return lower, upper

    def whole(self, bound: Numbers, *, up: bool) -> Numbers:
        """Bounds of integer columns rounded up or down to whole numbers."""
        broken = np.isfinite(bound.values) & (bound.values != np.floor(bound.values))
        broken[list(bound.exact)] = True
        values = {k: bound.fraction(k) for k in np.flatnonzero(self.model.integer & broken).tolist()}
        rounded = {k: Fraction(-(-value // 1) if up else value // 1) for k, value in values.items()}
        return bound.changed(rounded) if rounded else bound

    def sides(self) -> tuple[Numbers, Numbers]:
        """Both sides of every row."""
        model = self.model
        least, most = self.open_sides(model.least), self.open_sides(model.most)
        wrong = (least.values > most.values) | (least.values == np.inf) | (most.values == -np.inf)
        for k in np.flatnonzero(wrong).tolist():
            ends = f"at least {least.values[k]:.12g} and at most {most.values[k]:.12g}"
            hint = "correct the right-hand side or the range"
            self.source.say(model.row_line(k), f"row {model.rows[k]} must be {ends}", hint)
        self.note("right-hand sides rounded to float64", least)
        self.note("right-hand sides rounded to float64", most.take(np.flatnonzero(least.values != most.values)))
        idle = int((np.isinf(least.values) & np.isinf(most.values) & ~wrong).sum())
        if idle:
            self.notes.append(Note(f"read-{self.source.code}", "rows without a finite side left out", count=idle))
        return least, most

    def entries(self) -> Entries:
        """Entries of the same row and variables added up exactly; of two factors the first comes first in the file."""
        entries, m = self.model.entries, len(self.model.rows)
        single = entries.right < 0
        left = np.where(single, entries.left, np.minimum(entries.left, entries.right))
        right = np.where(single, -1, np.maximum(entries.left, entries.right))
        pairs, pair = np.unique(left * (len(self.model.columns) + 1) + right + 1, return_inverse=True)
        kept, value = summed(entries.row * pairs.size + pair, entries.value)
        for row in np.unique(entries.row[kept[~np.isfinite(value.values)]]).tolist():
            line, what = (self.model.row_line(row), f"row {self.model.rows[row]}") if row < m else (0, "the objective")
            self.source.say(line, f"equal terms of {what} add up to more than a float64 holds", "rescale it")
        found = Entries(entries.row[kept], left[kept], right[kept], value)
        objective = found.row == m
        self.note("coefficients rounded to float64", value.take(np.flatnonzero(~objective)))
        self.note("coefficients rounded to float64", value.take(np.flatnonzero(objective)), "objective")
        return found
