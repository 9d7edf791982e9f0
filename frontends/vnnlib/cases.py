"""The disjunctive normal form: disjunctions multiplied out, contradictory cases dropped, boxes merged, rows thinned."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np

from ...ir.types import BoolArray, FloatArray, IntArray
from .atoms import NONE_HIGH, NONE_LOW, Table
from .frames import Clause

CASES = 250_000
"""Most cases."""
ENTRIES = 5_000_000
"""Most atoms of all cases together."""


class TooLarge(Exception):
    """``message`` says what is too large, ``at`` where the disjunction stands that made it so."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message, self.at = message, at


@dataclass(frozen=True, eq=False)
class Ways:
    """Case c consists of ``atoms[start[c]:start[c + 1]]``."""

    start: IntArray
    atoms: IntArray

    @property
    def count(self) -> int:
        return len(self.start) - 1

    @property
    def case(self) -> IntArray:
        """The case of each entry."""
        return np.repeat(np.arange(self.count), np.diff(self.start))

    @classmethod
    def of(cls, clause: Clause) -> Ways:
        sizes = np.fromiter(map(len, clause.cases), np.int64, len(clause.cases))
        atoms = np.fromiter(chain.from_iterable(clause.cases), np.int64, int(sizes.sum()))
        return cls(np.concatenate([[0], np.cumsum(sizes)]), atoms)

    def kept(self, mask: BoolArray) -> Ways:
        """The cases of a mask."""
        sizes = np.diff(self.start)[mask]
        return Ways(np.concatenate([[0], np.cumsum(sizes)]), self.atoms[mask[self.case]])

    def times(self, other: Ways, at: int) -> Ways:
        """Every case of the one with every case of the other. Raises :class:`TooLarge`."""
        count = self.count * other.count
        size = self.count * len(other.atoms) + other.count * len(self.atoms)
        if count > CASES or size > ENTRIES:
            message = f"{self.count:,} cases so far times {other.count:,} here are {count:,} cases"
            raise TooLarge(f"{message}, more than the limit of {CASES:,} (or {ENTRIES:,} comparisons in all)", at)
        mine = (self.case[:, None] * other.count + np.arange(other.count)).ravel()
        theirs = (other.case[:, None] + np.arange(self.count) * other.count).ravel()
        case = np.concatenate([mine, theirs])
        atoms = np.concatenate([np.repeat(self.atoms, other.count), np.repeat(other.atoms, self.count)])
        order = np.argsort(case, kind="stable")
        return Ways(np.searchsorted(case[order], np.arange(count + 1)), atoms[order])


@dataclass(frozen=True, eq=False)
class Bounds:
    """The tightest keys for some pairs of case and input [K], sorted; ``low`` and ``high`` as in :class:`Table`."""

    case: IntArray
    variable: IntArray
    low: IntArray
    high: IntArray


def multiplied(common: IntArray, clauses: list[Clause], table: Table) -> Ways:
    """All cases that do not contradict themselves, without the atoms that all of them share."""
    ways = Ways(np.zeros(2, np.int64), np.zeros(0, np.int64))
    if not possible(ways, common, table).all():
        return Ways(np.zeros(1, np.int64), np.zeros(0, np.int64))
    for clause in sorted(clauses, key=lambda one: len(one.cases)):
        fresh = Ways.of(clause)
        ways = ways.times(fresh.kept(possible(fresh, common, table)), clause.at)
        ways = ways.kept(possible(ways, common, table))
    return ways


def possible(ways: Ways, common: IntArray, table: Table) -> BoolArray:
    """Which cases leave a point: no atom is false, no bounds or rows contradict each other."""
    entry = np.concatenate([ways.atoms, common])
    case = np.concatenate([ways.case, np.full(len(common), ways.count)])  # the shared atoms as one case more
    wrong = np.zeros(ways.count + 1, dtype=np.bool_)
    wrong[case[table.truth[entry] == 0]] = True
    bounds = tightest(case, entry, table, ways.count)
    wrong[bounds.case[bounds.low > bounds.high]] = True
    rows = thinned(case, entry, table)
    wrong[rows.case[contradicting(rows, table)]] = True
    return np.asarray(~(wrong[:-1] | wrong[-1]))


def tightest(case: IntArray, atoms: IntArray, table: Table, shared: int) -> Bounds:
    """The tightest bounds that each case states, met with those of case ``shared``, which comes last."""
    which = table.variable[atoms] >= 0
    case, atoms = case[which], atoms[which]
    variable, key, is_lower = table.variable[atoms], table.key[atoms], table.is_lower[atoms]
    order = np.lexsort((variable, case))
    case, variable, key, is_lower = case[order], variable[order], key[order], is_lower[order]
    first = np.flatnonzero(np.concatenate([[True], (np.diff(case) != 0) | (np.diff(variable) != 0)]) & (case >= 0))
    if not first.size:
        nothing = np.zeros(0, np.int64)
        return Bounds(nothing, nothing, nothing, nothing)
    low = np.maximum.reduceat(np.where(is_lower, key, NONE_LOW), first)
    high = np.minimum.reduceat(np.where(is_lower, NONE_HIGH, key), first)
    case, variable = case[first], variable[first]
    own = case == shared
    at = np.searchsorted(variable[own], variable)
    if own.any():
        at = np.minimum(at, int(own.sum()) - 1)
        hit = variable[own][at] == variable
        low = np.where(hit, np.maximum(low, low[own][at]), low)
        high = np.where(hit, np.minimum(high, high[own][at]), high)
    return Bounds(case, variable, low, high)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows [K] of cases, sorted by case and linear part, one of each, the tightest."""

    case: IntArray
    row: IntArray
    constant: FloatArray
    strict: BoolArray
    atom: IntArray


def thinned(case: IntArray, atoms: IntArray, table: Table) -> Rows:
    """The rows that cases state: of those with one linear part the one with the least constant, strict before not."""
    which = table.row[atoms] >= 0
    case, atoms = case[which], atoms[which]
    row, constant, strict = table.row[atoms], table.constant[atoms], table.strict[atoms]
    order = np.lexsort((~strict, constant, row, case))
    case, row, constant, strict, atoms = case[order], row[order], constant[order], strict[order], atoms[order]
    if not len(case):
        return Rows(case, row, constant, strict, atoms)
    first = np.concatenate([[True], (np.diff(case) != 0) | (np.diff(row) != 0)])
    return Rows(case[first], row[first], constant[first], strict[first], atoms[first])


def contradicting(rows: Rows, table: Table) -> BoolArray:
    """Rows ``L + c >= 0`` whose case also states ``-L + d >= 0`` with c + d < 0 (c + d = 0 where one is strict)."""
    out = np.zeros(len(rows.case), dtype=np.bool_)
    if not len(rows.case):
        return out
    count = len(table.negated)
    code = rows.case * count + rows.row
    opposite = table.negated[rows.row]
    at = np.minimum(np.searchsorted(code, rows.case * count + opposite), len(code) - 1)
    hit = (opposite >= 0) & (code[at] == rows.case * count + opposite)
    other = -rows.constant[at]  # decimals of floats compare as the floats do
    out[hit] = ((rows.constant < other) | ((rows.constant == other) & (rows.strict | rows.strict[at])))[hit]
    return out
