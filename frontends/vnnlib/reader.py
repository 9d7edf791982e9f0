"""VNN-LIB files, plain or gzipped, 1.0 or 2.0, as a :class:`Query`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...ir.types import BoolArray, FloatArray, IntArray
from ..source_text import SourceText, read_source
from .atoms import NONE_HIGH, NONE_LOW, Table, table_of
from .cases import ENTRIES, Rows, TooLarge, Ways, multiplied, thinned, tightest
from .declarations import Names, Tensor
from .parser import Parser
from .query import Query

BOX_ENTRIES = 2**25
"""Most numbers in one side of all boxes together."""
SHOWN_INPUTS = 5


def read_vnnlib(path: str | Path) -> Query:
    """The unsafe set stated in a file.

    Raises :class:`InputError` with all mistakes found (line, column, remedy): syntax, names that are not declared,
    inputs without bounds; :class:`Refused` for what is well formed but not supported: several networks, hidden values,
    products of variables, more cases than fit.
    """
    return query_of(read_source(path, "vnnlib"))


def query_of(source: SourceText) -> Query:
    """The unsafe set stated in a text. Raises as :func:`read_vnnlib`."""
    parser = Parser(source)
    parser.run()
    names = Names(parser)
    declared = names.declare()
    table = None if declared is None else table_of(parser, names, declared[0].size, declared[1].size)
    source.check()
    assert declared is not None
    assert table is not None
    common = np.unique(np.array(parser.root.atoms, dtype=np.int64))
    try:
        ways = multiplied(common, parser.root.clauses, table)
        return built(parser, names, declared, table, common, ways)
    except TooLarge as large:
        parser.refuse(large.at, large.message, "split the file into several")
        source.check()
        raise


def built(
    parser: Parser, names: Names, declared: tuple[Tensor, Tensor], table: Table, common: IntArray, ways: Ways
) -> Query:
    """The query of all cases that are left; duplicates become one."""
    inputs, outputs = declared
    region, sides = boxes(parser, inputs, table, common, ways)
    shared = common[table.row[common] >= 0]
    if ways.count * len(shared) + len(ways.atoms) > ENTRIES:
        raise TooLarge(f"{ways.count:,} cases with {len(shared):,} rows that all of them share", parser.root.at)
    case = np.concatenate([ways.case, np.repeat(np.arange(ways.count), len(shared))])
    atoms = np.concatenate([ways.atoms, np.tile(shared, ways.count)])
    rows = thinned(case, atoms, table)
    start = np.searchsorted(rows.case, np.arange(ways.count + 1))
    keep = distinct(region, rows, start)
    region, start, row, constant, strict = gathered(region, rows, start, keep)
    used, region = np.unique(region, return_inverse=True)
    outer_low, inner_low, outer_high, inner_high = (side[used] for side in sides)
    return Query(
        parser.source.file, names.version, names.network, inputs, outputs, outer_low, outer_high, inner_low, inner_high,
        region, start, row, constant, strict, table.matrix, table.rounded,
    )  # fmt: skip


def boxes(
    parser: Parser, inputs: Tensor, table: Table, common: IntArray, ways: Ways
) -> tuple[IntArray, list[FloatArray]]:
    """The box of each case, equal ones once; outer and inner lower sides, outer and inner upper ones [R, n]."""
    case = np.concatenate([ways.case, np.full(len(common), ways.count)])
    bounds = tightest(case, np.concatenate([ways.atoms, common]), table, ways.count)
    shared = bounds.case == ways.count
    mentioned = np.unique(bounds.variable)
    column = np.searchsorted(mentioned, bounds.variable)
    low, high = np.full(len(mentioned), NONE_LOW), np.full(len(mentioned), NONE_HIGH)
    low[column[shared]], high[column[shared]] = bounds.low[shared], bounds.high[shared]
    own = ~shared & ((bounds.low != low[column]) | (bounds.high != high[column]))
    told = np.ascontiguousarray(np.stack([column, bounds.low, bounds.high], axis=1)[own])
    start = np.searchsorted(bounds.case[own], np.arange(ways.count + 1)).tolist()
    known: dict[bytes, int] = {}
    region = np.zeros(ways.count, dtype=np.int64)
    first: list[int] = []
    for k in range(ways.count):
        number = known.setdefault(told[start[k] : start[k + 1]].tobytes(), len(known))
        if number == len(first):
            first.append(k)
        region[k] = number
    check_bounded(parser, inputs, mentioned, ways.count)
    if not ways.count:
        return region, [np.zeros((0, inputs.size))] * 4
    if len(first) * inputs.size > BOX_ENTRIES:
        raise TooLarge(f"{len(first):,} different boxes of {inputs.size:,} inputs", parser.root.at)
    lows, highs = np.tile(low, (len(first), 1)), np.tile(high, (len(first), 1))
    for number, k in enumerate(first):
        part = told[start[k] : start[k + 1]]
        lows[number, part[:, 0]], highs[number, part[:, 0]] = part[:, 1], part[:, 2]
    sides = [*table.sides.lower(lows), *table.sides.upper(highs)]
    open_ = np.flatnonzero(((lows == NONE_LOW) | (highs == NONE_HIGH)).any(axis=0))
    say_unbounded(parser, inputs, mentioned[open_].tolist(), len(open_))
    parser.source.check()
    return region, sides


def check_bounded(parser: Parser, inputs: Tensor, mentioned: IntArray, cases: int) -> None:
    """Raise where inputs have no bound at all; before arrays of the size of the input are made."""
    if cases and len(mentioned) < inputs.size:
        have, k = set(mentioned.tolist()), 0
        missing: list[int] = []
        while len(missing) < SHOWN_INPUTS and k < inputs.size:
            if k not in have:
                missing.append(k)
            k += 1
        say_unbounded(parser, inputs, missing, inputs.size - len(mentioned))
        parser.source.check()


def say_unbounded(parser: Parser, inputs: Tensor, elements: list[int], count: int) -> None:
    if count:
        named = ", ".join(inputs.label(k) for k in elements[:SHOWN_INPUTS])
        more = f" and {count - SHOWN_INPUTS:,} more" if count > SHOWN_INPUTS else ""
        message = f"inputs without a lower or an upper bound: {named}{more}"
        parser.source.say(0, message, "bound every input from both sides, in every case of a disjunction")


def distinct(region: IntArray, rows: Rows, start: IntArray) -> IntArray:
    """The first of all cases that say the same."""
    told = np.empty(len(rows.row), dtype=[("row", np.int64), ("constant", np.float64), ("strict", np.int64)])
    told["row"], told["constant"], told["strict"] = rows.row, rows.constant + 0.0, rows.strict
    ends, boxes_ = start.tolist(), region.tolist()
    known: dict[tuple[int, bytes], int] = {}
    for k in range(len(region)):
        known.setdefault((boxes_[k], told[ends[k] : ends[k + 1]].tobytes()), k)
    return np.array(list(known.values()), dtype=np.int64)


def gathered(
    region: IntArray, rows: Rows, start: IntArray, keep: IntArray
) -> tuple[IntArray, IntArray, IntArray, FloatArray, BoolArray]:
    """Region, start, and the rows of the cases kept; a case without a row gets ``0 >= 0`` (row -1)."""
    sizes = np.diff(start)[keep]
    filled = np.maximum(sizes, 1)
    ends = np.concatenate([[0], np.cumsum(filled)])
    place = np.repeat(start[keep], filled) + np.arange(int(ends[-1])) - np.repeat(ends[:-1], filled)
    none = np.repeat(sizes == 0, filled)
    safe = np.where(none, 0, place)
    if not len(rows.row):
        return region[keep], ends, np.full(len(none), -1), np.zeros(len(none)), np.zeros(len(none), np.bool_)
    row = np.where(none, -1, rows.row[safe])
    return region[keep], ends, row, np.where(none, 0.0, rows.constant[safe]), ~none & rows.strict[safe]
