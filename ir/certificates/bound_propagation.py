"""Infeasibility by bounds alone: exact interval propagation over the source's rows ends in an empty interval.

The certificate holds only its kind; the checker derives everything again, in exact rationals, with code that it shares
with no pass. What it draws from a row, linear or polynomial:

* the other terms leave an interval for a variable that stands alone in a term; whole numbers are rounded inward;
* an equality over whole variables needs a side that the common divisor of its free coefficients divides;
* rows with the same terms, up to a factor, must leave room between their sides;
* a row over whole variables with few points is tried at each of them.

A guarded row counts where its guard is known to have its value; one that fails everywhere keeps its guard from having
it. A contradiction found this way needs no further trust than this file and the reading of numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from itertools import product
from math import ceil, floor, gcd, isinf, lcm, prod
from typing import Any

import numpy as np

from ..blocks import Lin, Poly
from ..problem import Problem
from ..rational import read
from ..terms.bilinear import Bilinear
from ..terms.linear import Linear
from ..terms.monomials import Monomials
from ..types import FloatArray

ROUNDS = 50
ENTRIES = 200_000
"""Larger problems are not checked (the answer then claims nothing)."""
POINTS = 4096
"""Most points at which one row is tried."""
TRIALS = 2_000_000
"""Most terms evaluated in all such trials together."""
Monomial = tuple[int, ...]
Ends = tuple[Fraction | None, Fraction | None]


class Contradiction(Exception):
    """An interval became empty."""


@dataclass(frozen=True)
class Row:
    """``terms <= rhs``, or ``==`` where ``equal``; binding where column ``guard[0]`` has the value ``guard[1]``."""

    terms: dict[Monomial, Fraction]
    rhs: Fraction
    equal: bool
    guard: tuple[int, int] | None = None

    @cached_property
    def sides(self) -> list[tuple[dict[Monomial, Fraction], Fraction]]:
        """As one or two ``<=`` rows."""
        below = [({key: -value for key, value in self.terms.items()}, -self.rhs)] if self.equal else []
        return [(self.terms, self.rhs), *below]

    @cached_property
    def columns(self) -> list[int]:
        return sorted({column for monomial in self.terms for column in monomial})


def check(problem: Problem, certificate: Mapping[str, Any]) -> bool:
    """Whether propagation from the bounds of ``problem`` proves that no point satisfies all rows."""
    if certificate.get("kind") != "bound-propagation":
        return False
    rows = list(exact_rows(problem))
    if sum(len(row.terms) for row in rows) > ENTRIES:
        return False
    try:
        box = Box.of(problem)
        parallel(rows)
        for _ in range(ROUNDS):
            if not any([box.propagate(row) for row in rows]) and not box.try_points(rows):
                return False
    except Contradiction:
        return True
    return False


# -- rows -----------------------------------------------------------------------------------------------------------


def exact_rows(problem: Problem) -> Iterator[Row]:
    """All rows, as what their numbers mean. Polynomial rows of other terms than these are left out."""
    for lin in problem.lins.values():
        listed = [Linear(name, operator).monomials() for name, operator in lin.parts.items()]
        yield from rows_of(problem, lin, listed, lin.rhs)
        if lin.least is not None:
            finite = np.where(np.isfinite(lin.least), lin.least, 0.0)
            below = list(rows_of(problem, lin, listed, finite))
            for row, least in zip(below, lin.least.tolist(), strict=True):
                if not isinf(least):
                    yield Row({key: -value for key, value in row.terms.items()}, -row.rhs, False, row.guard)
    for poly in problem.constraints:
        if all(isinstance(term, (Linear, Bilinear, Monomials)) for term in poly.terms):
            terms = [term.monomials() for term in poly.terms]
            constant = Monomials.none(poly.size).plus_constant(poly.constant)
            listed = [*(term for term in terms if isinstance(term, Monomials)), constant]
            assert poly.rhs is not None
            yield from rows_of(problem, poly, listed, poly.rhs)


def rows_of(problem: Problem, block: Lin | Poly, listed: Sequence[Monomials], rhs: FloatArray) -> Iterator[Row]:
    """The rows of one block; constants go to the right-hand side."""
    found: list[dict[Monomial, Fraction]] = [{} for _ in range(block.size)]
    for term in listed:
        starts = [problem.starts[name] for name in term.names]
        numbers = rationals(term.coefficient, block.reading)
        for row, which, index, value in zip(term.row.tolist(), term.which.tolist(), term.index.tolist(), numbers,
                                            strict=True):  # fmt: skip
            key = tuple(sorted(starts[w] + i for w, i in zip(which, index, strict=True) if w >= 0))
            found[row][key] = found[row].get(key, Fraction(0)) + value
    for row, (terms, side) in enumerate(zip(found, rationals(rhs, block.reading), strict=True)):
        guard = None
        if block.guard is not None and block.guard.index[row] >= 0:
            column = problem.starts[block.guard.variable] + int(block.guard.index[row])
            guard = column, int(block.guard.value[row])
        constant = terms.pop((), Fraction(0))
        yield Row({k: v for k, v in terms.items() if v}, side - constant, block.sense == "==", guard)


def rationals(values: FloatArray, reading: str) -> list[Fraction]:
    top, bottom = read(values, reading)
    return [Fraction(p, q) for p, q in zip(top.tolist(), bottom.tolist(), strict=True)]


def parallel(rows: Sequence[Row]) -> None:
    """Rows that bind always, with the same terms up to a factor: their sides must leave room."""
    low: dict[tuple[tuple[Monomial, Fraction], ...], Fraction] = {}
    high: dict[tuple[tuple[Monomial, Fraction], ...], Fraction] = {}
    for row in rows:
        if row.guard is not None or not row.terms:
            continue
        for terms, rhs in row.sides:
            items = sorted(terms.items())
            factor = items[0][1]
            key = tuple((monomial, value / factor) for monomial, value in items)
            side = rhs / factor
            if factor > 0:
                high[key] = min(high.get(key, side), side)
            else:
                low[key] = max(low.get(key, side), side)
            if key in low and key in high and low[key] > high[key]:
                raise Contradiction


# -- bounds ---------------------------------------------------------------------------------------------------------


@dataclass
class Box:
    """Bounds of all scalar variables (None: infinite) and their domains; they only ever move inward."""

    lower: list[Fraction | None]
    upper: list[Fraction | None]
    domain: list[str]
    trials: int = TRIALS

    @classmethod
    def of(cls, problem: Problem) -> Box:
        variables = problem.vars.values()
        domain = [var.domain for var in variables for _ in range(var.size)]
        box = cls([None] * len(domain), [None] * len(domain), domain)
        low = [value for var in variables for value in var.lower.tolist()]
        high = [value for var in variables for value in var.upper.tolist()]
        for column, (one, two) in enumerate(zip(low, high, strict=True)):
            box.narrow(column, None if isinf(one) else Fraction(one), None if isinf(two) else Fraction(two))
        return box

    def narrow(self, column: int, low: Fraction | None, high: Fraction | None) -> bool:
        """Move the bounds of a variable inward; says whether that changed anything."""
        kind, old = self.domain[column], (self.lower[column], self.upper[column])
        if kind != "real":
            low, high = None if low is None else Fraction(ceil(low)), None if high is None else Fraction(floor(high))
        if kind == "spin":
            low = Fraction(1 if low is not None and low > -1 else -1)
            high = Fraction(-1 if high is not None and high < 1 else 1)
        new_low = low if old[0] is None else old[0] if low is None else max(low, old[0])
        new_high = high if old[1] is None else old[1] if high is None else min(high, old[1])
        self.lower[column], self.upper[column] = new_low, new_high
        if new_low is not None and new_high is not None and new_low > new_high:
            raise Contradiction
        return (new_low, new_high) != old

    def interval(self, monomial: Monomial) -> Ends:
        """Least and greatest value of a product of variables."""
        if len(monomial) == 1:
            return self.lower[monomial[0]], self.upper[monomial[0]]
        low, high = Fraction(1), Fraction(1)
        for column, power in Counter(monomial).items():
            least, most = self.lower[column], self.upper[column]
            if least is None or most is None:
                return None, None
            if self.domain[column] == "spin" and power % 2 == 0:
                continue
            ends = [least**power, most**power] + ([Fraction(0)] if least <= 0 <= most else [])
            corners = [a * b for a in (low, high) for b in (min(ends), max(ends))]
            low, high = min(corners), max(corners)
        return low, high

    def binds(self, row: Row) -> bool | None:
        """Whether a row binds at every point (True), at none (False), or at some (None)."""
        if row.guard is None:
            return True
        column, value = row.guard
        if self.lower[column] == self.upper[column]:
            return self.lower[column] == value
        return None

    def propagate(self, row: Row) -> bool:
        """What one row implies; says whether a bound moved."""
        binds = self.binds(row)
        if binds is True:
            return self._narrowed(row, True)
        return False if binds is False else self._supposing(row, partial(self._narrowed, row, False))

    def _narrowed(self, row: Row, binds: bool) -> bool:
        self._divides(row)
        return any([self._side(terms, rhs, binds) for terms, rhs in row.sides])

    def _supposing(self, row: Row, attempt: Callable[[], object]) -> bool:
        """If a row fails with its guard at its value, the guard has the other one; says whether that was found."""
        assert row.guard is not None
        column, value = row.guard
        kept = self.lower[column], self.upper[column]
        self.lower[column] = self.upper[column] = Fraction(value)
        try:
            attempt()
        except Contradiction:
            self.lower[column], self.upper[column] = kept
            return self.narrow(column, Fraction(1 - value), Fraction(1 - value))
        self.lower[column], self.upper[column] = kept
        return False

    def _side(self, terms: dict[Monomial, Fraction], rhs: Fraction, binds: bool) -> bool:
        least: dict[Monomial, Fraction | None] = {}
        for key, value in terms.items():
            end = self.interval(key)[0 if value > 0 else 1]
            least[key] = None if end is None else value * end
        open_ = [key for key, end in least.items() if end is None]
        total = sum((end for end in least.values() if end is not None), Fraction(0))
        if not open_ and total > rhs:
            raise Contradiction
        changed = False
        for key in (open_ if len(open_) == 1 else [] if open_ else list(least)) if binds else []:
            if len(key) == 1:
                bound = (rhs - total + (least[key] or Fraction(0))) / terms[key]
                changed |= self.narrow(key[0], *((None, bound) if terms[key] > 0 else (bound, None)))
        return changed

    def _divides(self, row: Row) -> None:
        """An equality over whole variables: the divisor of its free coefficients divides what is left of its side."""
        if not row.equal or any(self.domain[column] == "real" for column in row.columns):
            return
        free, rest = [], row.rhs
        for key, value in row.terms.items():
            low, high = self.interval(key)
            if low is not None and low == high:
                rest -= value * low
            else:
                free.append(value)
        scale = lcm(rest.denominator, *(value.denominator for value in free))
        divisor = gcd(*(int(value * scale) for value in free))
        if int(rest * scale) % divisor if divisor else rest:
            raise Contradiction

    def try_points(self, rows: Sequence[Row]) -> bool:
        """Rows that fail at each of their few points; says whether a bound moved."""
        changed = False
        for row in rows:
            binds = self.binds(row)
            if binds is True:
                self._try(row)
            elif binds is None:
                changed |= self._supposing(row, partial(self._try, row))
        return changed

    def _try(self, row: Row) -> None:
        axes = [self._axis(column) for column in row.columns]
        count = 0 if None in axes else prod(len(axis) for axis in axes if axis is not None)
        if 0 < count <= POINTS and self.trials >= count * len(row.terms):
            self.trials -= count * len(row.terms)
            points = product(*(axis for axis in axes if axis is not None))
            if not any(holds(row, dict(zip(row.columns, point, strict=True))) for point in points):
                raise Contradiction

    def _axis(self, column: int) -> Sequence[int] | None:
        low, high = self.lower[column], self.upper[column]
        if self.domain[column] == "real" or low is None or high is None or high - low > POINTS:
            return None
        return [int(low), int(high)] if self.domain[column] == "spin" else range(int(low), int(high) + 1)


def holds(row: Row, point: Mapping[int, int]) -> bool:
    """Whether a row holds at whole values of its variables."""
    total = sum((value * prod(point[column] for column in key) for key, value in row.terms.items()), Fraction(0))
    return total == row.rhs if row.equal else total <= row.rhs
