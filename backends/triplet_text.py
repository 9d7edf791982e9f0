"""Text files of lines ``i j value`` (i = j: linear), as several QUBO and Ising formats have them: writing, reading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..ir.errors import Diagnostic, InputError, Span
from ..ir.quadratic.triplets import Triplets
from ..ir.types import FloatArray, IntArray
from .files import CHUNK, numbers

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
ENTRY = re.compile(rf"\s*(\d+)\s+(\d+)\s+({NUMBER.pattern})\s*")
SETTING = re.compile(r"(\w+)\s*[=:]\s*(\S+)")
LIMIT = 1 << 24
"""Most variables that a file's indices may ask for."""


def triplet_lines(linear: FloatArray, couplers: Triplets, positional: bool = False) -> Iterator[bytes]:
    """``i i value`` for every variable (zeros too, so that none is lost), then ``i j value`` for every coupler."""
    every = np.arange(len(linear))
    yield from _lines(every, every, linear, positional)
    yield from _lines(couplers.row, couplers.column, couplers.value, positional)


def _lines(row: IntArray, column: IntArray, value: FloatArray, positional: bool) -> Iterator[bytes]:
    for start in range(0, len(value), CHUNK):
        part = slice(start, start + CHUNK)
        texts = zip(row[part].tolist(), column[part].tolist(), numbers(value[part], positional), strict=True)
        yield "".join(f"{i} {j} {v}\n" for i, j, v in texts).encode()


@dataclass(frozen=True, eq=False)
class TripletText:
    """What such a file holds: comment lines, ``name=value`` settings found in them, other lines, the entries, and
    whether the last line ends."""

    settings: dict[str, str]
    other: dict[int, str]
    row: IntArray
    column: IntArray
    value: FloatArray
    ended: bool

    def check_complete(self, file: str) -> None:
        """Raise :class:`InputError` where the file says how many entries it has and does not end after so many."""
        stated = self.number("entries", file)
        if stated is not None and (stated != len(self.row) or not self.ended):
            message = f"{file}: {len(self.row)} entries, but its header says {stated:.0f}"
            raise InputError(message, hint="was the file cut off or edited?")

    def number(self, name: str, file: str) -> float | None:
        """A setting as a number; None where it is absent. Raises :class:`InputError` for anything else."""
        if name not in self.settings:
            return None
        text = self.settings[name]
        if not NUMBER.fullmatch(text) or not np.isfinite(float(text)):
            raise InputError(f"{file}: {name} = {text!r} is no finite number")
        return float(text)

    def form(self, file: str, size: int | None = None) -> tuple[FloatArray, Triplets]:
        """Linear coefficients [n] and couplers; repeated entries add up. n: ``size``, else what the indices need.

        Raises :class:`InputError` where an index does not fit.
        """
        most = int(max(self.row.max(initial=-1), self.column.max(initial=-1)))
        n = most + 1 if size is None else size
        if most >= n or n > LIMIT:
            raise InputError(f"{file}: variable {most} does not fit {min(n, LIMIT):,} variables", hint="was it edited?")
        diagonal = self.row == self.column
        linear = np.zeros(n)
        np.add.at(linear, self.row[diagonal], self.value[diagonal])
        low, high = np.minimum(self.row, self.column)[~diagonal], np.maximum(self.row, self.column)[~diagonal]
        return linear, Triplets.of_sum(low, high, self.value[~diagonal], n)


def read_triplets(text: str, file: str, comment: str) -> TripletText:
    """Parse such a file. Lines that start with ``comment`` are comments, lines that start with another letter go to
    ``other`` by line number. Raises :class:`InputError` with file, line and caret for anything else."""
    settings: dict[str, str] = {}
    other: dict[int, str] = {}
    rows, columns, values = [], [], []
    for number, line in enumerate(text.splitlines(), 1):
        found = ENTRY.fullmatch(line)
        if found:
            rows.append(int(found[1]))
            columns.append(int(found[2]))
            values.append(float(found[3]))
        elif line.startswith(comment):
            settings |= dict(SETTING.findall(line))
        elif line[:1].isalpha() and comment != line[:1]:
            other[number] = line
        elif line.strip():
            raise bad_line(file, number, line)
    value = np.array(values, dtype=np.float64)
    if not np.isfinite(value).all():
        raise InputError(f"{file}: entry {int(np.flatnonzero(~np.isfinite(value))[0]) + 1} is too large for a float64")
    row, column = np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64)
    return TripletText(settings, other, row, column, value, text.endswith("\n"))


def bad_line(file: str, number: int, line: str, message: str = "not of the form: i j value") -> InputError:
    """The error for one line."""
    span = Span(file, number, 1, max(2, len(line) + 1), line)
    return InputError(Diagnostic("format", message, span, "two whole numbers and a finite number, or a comment"))
