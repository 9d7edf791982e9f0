"""Files in CPLEX's LP format.

Read: objective with products and constant; rows with one or two sides, with products, with indicators
(``b = 1 -> x + y <= 3``); lazy constraints (as rows); bounds, general and binary variables. Variables start at 0 and
have no upper bound; a binary keeps bounds within 0..1 that the file states for it. A number means its exact decimal.
Refused by type: semi-continuous and semi-integer variables, SOS, piecewise-linear and general constraints, user cuts.
Terms of the same variable are added up, in the objective too, and a constant on the left side of a row counts. (HiGHS
1.15 drops that constant and keeps only the last of equal objective terms.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from ...ir.tasks import Optimize, Task
from ...ir.types import IntArray
from ..decimals import Numbers, read_numbers
from ..source_text import read_source
from .blocks import to_problem
from .lp_rows import OBJECTIVE
from .lp_sections import Reader
from .lp_tokens import COMMENT
from .rows import Entries, Model

CODE = "lp"


def read_lp(path: str | Path) -> Task:
    """The model in an LP file (maybe gzipped) as ``Optimize``.

    Raises :class:`InputError` with all mistakes of the file, each with line and remedy, and :class:`Refused` for
    sections that are not supported.
    """
    found = read_source(path, CODE)
    source = replace(found, text=COMMENT.sub("", found.text))
    reader = Reader(source)
    reader.read()
    return Optimize(to_problem(to_model(reader), source))


def to_model(reader: Reader) -> Model:
    """What a reader found, as arrays; raises where numbers are none, or something is not supported."""
    out, source = reader.out, reader.source
    n, m = len(out.columns), len(out.names)
    ones = reader.binary
    lower = numbers(reader, [reader.lower.get(k, "0") for k in range(n)], infinite=True)
    upper = numbers(reader, [reader.upper.get(k, "1" if k in ones else "inf") for k in range(n)], infinite=True)
    least, most = (numbers(reader, side, infinite=True) for side in (out.least, out.most))
    terms = entries(reader, m)
    shifts = {row: constant(reader, row) for row in out.constants}
    source.check()
    check_binaries(reader, lower, upper)
    integer = np.zeros(n, np.bool_)
    integer[list(reader.integer | reader.binary)] = True
    guard, guard_value = np.full(m, -1, np.int64), np.ones(m)
    for k, (column, wanted) in out.guards.items():
        guard[k], guard_value[k] = column, wanted
    return Model(
        name=Path(source.file).name.removesuffix(".gz").rpartition(".")[0],
        columns=list(out.columns),
        integer=integer,
        lower=lower,
        upper=upper,
        rows=row_names(out.names),
        least=shifted(least, shifts),
        most=shifted(most, shifts),
        entries=terms,
        constant=shifts.get(OBJECTIVE, Fraction(0)),
        maximize=reader.maximize,
        guard=guard,
        guard_value=guard_value,
        column_line=reader.column_line,
        row_line=out.line,
    )


def entries(reader: Reader, m: int) -> Entries:
    """All terms; those of the objective in row m."""
    out = reader.out
    value, row = numbers(reader, out.text), as_index(out.row)
    if out.halved:
        halved = as_index(out.halved)
        value = value.changed({k: value.fraction(k) / 2 for k in halved[row[halved] != OBJECTIVE].tolist()})
        power = np.ones(len(out.text))
        power[halved[row[halved] == OBJECTIVE]] = 0.5
        value = value.scaled(power)
    return Entries(np.where(row == OBJECTIVE, m, row), as_index(out.left), as_index(out.right), value)


def numbers(reader: Reader, texts: Sequence[str], *, infinite: bool = False) -> Numbers:
    """Numbers from texts; those that are none become mistakes, each told once."""
    found, faults = read_numbers(texts, infinite=infinite)
    for text, why in {texts[k].lstrip("-"): why for k, why in faults.items()}.items():
        reader.source.say(reader.find(text), f"{text} {why}", "write numbers like -12, 0.5 or 1.5e-3")
    return found


def constant(reader: Reader, row: int) -> Fraction:
    """The sum of the numbers on the left side of a row."""
    found = numbers(reader, reader.out.constants[row])
    finite = np.flatnonzero(np.isfinite(found.values))
    return sum((found.fraction(k) for k in finite.tolist()), Fraction(0))


def check_binaries(reader: Reader, lower: Numbers, upper: Numbers) -> None:
    """Bounds that a file states for a binary must leave it one."""
    names = list(reader.out.columns)
    for column in sorted(reader.binary):
        least, most = lower.values[column], upper.values[column]
        if not 0 <= least <= most <= 1:
            message = f"{names[column]} is binary, but its bounds are {least:.12g} and {most:.12g}"
            hint = "list it under General, or give it bounds within 0 and 1"
            reader.source.say(reader.column_line(column), message, hint)
    reader.source.check()


def as_index(numbers: list[int]) -> IntArray:
    return np.array(numbers, dtype=np.int64)


def shifted(side: Numbers, shifts: dict[int, Fraction]) -> Numbers:
    """Sides less the constants on the left."""
    rows = [row for row in shifts if row != OBJECTIVE and np.isfinite(side.values[row])]
    return side.changed({row: side.fraction(row) - shifts[row] for row in rows}) if rows else side


def row_names(names: list[str]) -> list[str]:
    """Names for rows without one: c1, c2, ... by place, underscored where the file uses that name."""
    taken, found = set(names), list(names)
    for row, name in enumerate(names, 1):
        if not name:
            name = f"c{row}"
            while name in taken:
                name += "_"
            taken.add(name)
            found[row - 1] = name
    return found
