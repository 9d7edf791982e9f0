"""Files in MPS format, free or fixed.

Read: OBJSENSE; rows N L G E (the first N row is the objective, further ones are ignored); integer markers; RHS (that of
the objective row is its offset, negated); RANGES; BOUNDS (UP LO FX FR MI PL BV LI UI); QUADOBJ, QSECTION of the
objective, QMATRIX; QCMATRIX (without a factor 1/2); INDICATORS. A number means its exact decimal.
Bounds as in HiGHS and CPLEX: a column starts at 0 and has no upper bound. An integer column between markers that no
bound is stated for is binary; any stated bound takes that away, so a lower bound alone leaves it without an upper one.
An upper bound below 0 without any lower bound makes the lower one -inf, which is noted (so do CPLEX, Gurobi, GLPK, and
HiGHS on fixed files; HiGHS on free files leaves 0, so that no value is left).
What programs read differently is a mistake here: entries, sides and bounds stated twice, a column in two places, two
sets of right-hand sides, names that no section lists. Refused by type: semi-continuous variables, SOS, cones, lazy
rows, cuts. Free format is tried first; a file that does not fit it, but fits the columns of fixed format, is read so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...ir.ledger import Note
from ...ir.tasks import Optimize, Task
from ...ir.types import BoolArray, FloatArray, IntArray
from ..decimals import Numbers, read_numbers
from ..source_text import SourceText, read_source
from .blocks import to_problem
from .mps_lines import fixed, sections
from .mps_sections import FREE, OBJECTIVE, Products, Reader, Stated
from .rows import INFINITE_FROM, Entries, Model

CODE = "mps"


def read_mps(path: str | Path) -> Task:
    """The model in an MPS file (maybe gzipped) as ``Optimize``.

    Raises :class:`InputError` with all mistakes of the file, each with line and remedy, and :class:`Refused` for
    what is not supported.
    """
    source = read_source(path, CODE)
    found = sections(source)
    reader = Reader(source, found)
    if source.mistakes:
        source.check()
    before = list(source.refusals)
    reader.read()
    if reader.misfits:
        other = Reader(replace(source, mistakes=[], refusals=before, untold=0), found, fixed)
        other.read()
        reader = reader if other.source.mistakes else other
    return Optimize(to_problem(to_model(reader), reader.source))


def to_model(reader: Reader) -> Model:
    """What a reader found, as arrays; raises where numbers are none, or something is not supported."""
    source, m = reader.source, len(reader.senses)
    entries = joined([linear(reader), *(quadratic(reader, products) for products in reader.products)], m)
    least, most = row_sides(reader)
    lower, upper, notes = column_bounds(reader)
    offset = reader.sides.get(OBJECTIVE, ("0", 0))
    constant = numbers(source, [offset[0]], [offset[1]])
    source.check()
    guard, guard_value = np.full(m, -1, np.int64), np.ones(m)
    for row, (column, wanted, _) in reader.guards.items():
        guard[row], guard_value[row] = column, wanted
    for row in sorted(set(entries.row[entries.right >= 0].tolist()) & set(reader.guards)):
        hint = "only linear rows can be switched"
        source.say(reader.guards[row][2], "a row with products has an indicator", hint)
    integer = np.array(reader.marked, dtype=np.bool_)
    integer[list(reader.integer)] = True
    names = list(reader.rows)
    stem = Path(source.file).name.removesuffix(".gz").rpartition(".")[0]
    return Model(
        name=reader.name or stem,
        columns=list(reader.columns),
        integer=integer,
        lower=lower,
        upper=upper,
        rows=[name for name in names if reader.rows[name] >= 0],
        least=least,
        most=most,
        entries=entries,
        constant=-constant.fraction(0),
        maximize=reader.maximize,
        guard=guard,
        guard_value=guard_value,
        column_line=lambda k: max(line_of(reader.lower, k), line_of(reader.upper, k)) or reader.first_line[k],
        row_line=lambda k: line_of(reader.ranges, k) or line_of(reader.sides, k) or reader.row_line[k],
        notes=notes,
    )


def line_of(table: Mapping[int, Stated], key: int) -> int:
    """Where a number was stated; 0 where it was not."""
    return table[key][1] if key in table else 0


def numbers(source: SourceText, texts: Sequence[str], lines: Sequence[int], *, infinite: bool = False) -> Numbers:
    """Numbers from texts; those that are none become mistakes."""
    found, faults = read_numbers(texts, infinite=infinite, fortran=True)
    for k, why in faults.items():
        source.say(lines[k], f"{texts[k]} {why}", "write numbers like -12, 0.5 or 1.5e-3")
    found.values[list(faults)] = 0.0  # only to go on until all mistakes are told
    return found


# -- entries ----------------------------------------------------------------------------------------------------------


def linear(reader: Reader) -> Entries:
    """The section COLUMNS; entries of free rows are left out."""
    value = numbers(reader.source, reader.text, reader.line)
    row, column = np.array(reader.row, np.int64), np.array(reader.column, np.int64)
    repeated(reader, row, column)
    kept = np.flatnonzero(row != FREE)
    return Entries(row[kept], column[kept], np.full(kept.size, -1), value.take(kept))


def repeated(reader: Reader, row: IntArray, column: IntArray) -> None:
    """Entries for the same row and column are mistakes."""
    key = column * (len(reader.senses) + 2) + row + 2
    order = np.argsort(key, kind="stable")
    names = list(reader.columns)
    for place in np.flatnonzero(key[order[1:]] == key[order[:-1]]).tolist():
        first, again = int(order[place]), int(order[place + 1])
        name, line = names[reader.column[again]], reader.line[first]
        message = f"column {name} has two entries in one row, the first on line {line}"
        reader.source.say(reader.line[again], message, "add them up")


def quadratic(reader: Reader, products: Products) -> Entries:
    """One quadratic section: x'Qx of a row, or x'Qx / 2 of the objective with every product of two columns once."""
    source, terms = reader.source, products.terms
    value = numbers(source, [text for text, _ in terms.values()], [line for _, line in terms.values()])
    left, right = (np.array([pair[side] for pair in terms], np.int64) for side in (0, 1))
    if products.full:
        symmetric(reader, products, value)
    if products.row == OBJECTIVE:
        value = value.scaled(np.where(left == right, 0.5, 1.0))
        kept = np.flatnonzero((left <= right) | (not products.full))
        left, right, value = left[kept], right[kept], value.take(kept)
    return Entries(np.full(left.size, products.row, np.int64), left, right, value)


def symmetric(reader: Reader, products: Products, value: Numbers) -> None:
    """Both orders of a product must have the same coefficient."""
    place = {pair: k for k, pair in enumerate(products.terms)}
    names = list(reader.columns)
    for (left, right), k in place.items():
        other = place.get((right, left))
        if other is None or value.values[k] != value.values[other]:
            message = f"the product of {names[left]} and {names[right]} has another coefficient in the other order"
            hint = "list both orders with one number, or write the objective's as QUADOBJ"
            reader.source.say(products.terms[left, right][1], message, hint)


def joined(parts: Sequence[Entries], m: int) -> Entries:
    """All entries; those of the objective in row m."""
    row, left, right = (np.concatenate([getattr(part, key) for part in parts]) for key in ("row", "left", "right"))
    values = np.concatenate([part.value.values for part in parts])
    starts = np.cumsum([0, *(part.row.size for part in parts)]).tolist()
    exact = {start + k: found for start, part in zip(starts, parts, strict=False)
             for k, found in part.value.exact.items()}  # fmt: skip
    return Entries(np.where(row == OBJECTIVE, m, row), left, right, Numbers(values, exact))


# -- sides and bounds -------------------------------------------------------------------------------------------------


def row_sides(reader: Reader) -> tuple[Numbers, Numbers]:
    """Both sides of every row, ranges included."""
    m = len(reader.senses)
    stated = [reader.sides.get(k, ("0", 0)) for k in range(m)]
    side = numbers(reader.source, [text for text, _ in stated], [line for _, line in stated], infinite=True)
    kind = np.array(reader.senses, dtype="U1") if m else np.zeros(0, "U1")
    least, most = one_sided(side, kind == "L", -np.inf), one_sided(side, kind == "G", np.inf)
    rows = list(reader.ranges)
    texts, lines = [reader.ranges[k][0] for k in rows], [reader.ranges[k][1] for k in rows]
    width = numbers(reader.source, texts, lines, infinite=True)
    lows, highs = {}, {}
    for k, row in enumerate(rows):
        size, upward = abs(width.values[k]), kind[row] == "G" or (kind[row] == "E" and width.values[k] > 0)
        if size >= INFINITE_FROM or not np.isfinite(side.values[row]):
            if kind[row] == "E":
                reader.source.say(lines[k], "the range of an equality is not finite", "make it a row L or G")
        elif upward:
            highs[row] = side.fraction(row) + abs(width.fraction(k))
        else:
            lows[row] = side.fraction(row) - abs(width.fraction(k))
    return least.changed(lows), most.changed(highs)


def one_sided(side: Numbers, none: BoolArray, infinity: float) -> Numbers:
    """Sides without those of the rows that have none."""
    exact = {k: value for k, value in side.exact.items() if not none[k]}
    return Numbers(np.where(none, infinity, side.values), exact)


def column_bounds(reader: Reader) -> tuple[Numbers, Numbers, tuple[Note, ...]]:
    """Bounds of every column with the defaults of the format."""
    n, binary = len(reader.columns), "1"
    lower = [reader.lower.get(k, ("0", 0)) for k in range(n)]
    upper = [reader.upper.get(k, ("inf", 0)) for k in range(n)]
    for k in range(n):
        if reader.marked[k] and k not in reader.lower and k not in reader.upper:
            upper[k] = (binary, 0)
    least = bound_numbers(reader, lower)
    most = bound_numbers(reader, upper)
    below = np.flatnonzero(most.values < 0)
    opened = [k for k in below.tolist() if k not in reader.lower]
    values: FloatArray = least.values.copy()
    values[opened] = -np.inf
    what = "columns with an upper bound below 0 and no lower one: lower bound read as -inf"
    notes = (Note("read-mps", what, count=len(opened)),) if opened else ()
    return Numbers(values, least.exact), most, notes


def bound_numbers(reader: Reader, stated: Sequence[Stated]) -> Numbers:
    return numbers(reader.source, [text for text, _ in stated], [line for _, line in stated], infinite=True)
