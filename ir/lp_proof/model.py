"""A problem as rows over bounded columns, with nothing lost: what a tree of linear programs is checked against.

Columns are the problem's variables in layout order, then the products of variables. A guarded row
``g == v -> a.x <= r`` becomes ``a.x + M [g == v] <= r + M`` with M at least the greatest a.x - r; a product obeys
McCormick's rows, which leave no other value once one factor stands at a bound. Hence all but one of its factors have to
be binaries or spins. Sides that are missing are derived from rows, by interval arithmetic, and from
``objective <= cutoff`` where a *cutoff* is given: the model then holds the points that are no worse.

Numbers are float64; what they mean, and what the rows above are rounded by, is off by at most ``slips`` units of
roundoff times ``size`` (coefficients) and ``side`` (right-hand sides).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, inf, lcm

import numpy as np
from scipy import sparse

from ..blocks import Lin, Poly
from ..errors import Refused
from ..problem import Problem
from ..rational import read
from ..types import BoolArray, FloatArray, IntArray
from .entries import Entries
from .products import Products

UNIT = 2.0**-53
SLIPS = 16
TINY = 1e-280
"""Smaller numbers than this are not looked at: their rounding errors would not be relative."""
ENTRIES = 20_000_000
ROUNDS = 10
OUTWARD = 1e-9
"""By how much, relatively, derived bounds are moved outward: far more than their rounding errors."""


@dataclass(frozen=True, eq=False)
class Model:
    """min offset + cost.x, low <= A x <= high [m], lower <= x <= upper [n], x_j whole (``whole``), +-1 (``spin``).

    ``cost_size`` [n], ``size`` [m, n], ``side`` [m]: sums of the magnitudes that the numbers were made of.
    ``variables``: how many columns are variables of the problem. ``merged``: some cost is a rounded sum.
    """

    matrix: sparse.csr_array
    size: sparse.csr_array
    low: FloatArray
    high: FloatArray
    side: FloatArray
    lower: FloatArray
    upper: FloatArray
    whole: BoolArray
    spin: BoolArray
    cost: FloatArray
    cost_size: FloatArray
    offset: Fraction
    variables: int
    slips: int
    merged: bool

    @classmethod
    def of(cls, problem: Problem, cutoff: float | None = None) -> Model:
        """The model of all points whose minimised objective is at most ``cutoff``. Raises :class:`Refused` for what no
        such rows can say: functions, powers, reals times reals."""
        return _Builder(problem).model(cutoff)

    @cached_property
    def grid(self) -> tuple[Fraction, Fraction] | None:
        """g and N: cost.x is a multiple of g up to N at every feasible point; None where it is not known to be."""
        used = np.flatnonzero(self.cost)
        ends = np.maximum(np.abs(self.lower), np.abs(self.upper))[used]
        if not self.whole[used].all() or not np.isfinite(ends).all() or self.merged:
            return None
        top, bottom = (side.tolist() for side in read(np.abs(self.cost[used]), "simplest"))
        step = fraction_gcd(top, bottom)
        if top and max(Fraction(n, d) for n, d in zip(top, bottom, strict=True)) / step > 2**40:
            return None
        own = [Fraction(value) for value in np.abs(self.cost[used]).tolist()]
        off = (abs(one - Fraction(n, d)) for one, n, d in zip(own, top, bottom, strict=True))
        return step, sum((a * Fraction(b) for a, b in zip(off, ends.tolist(), strict=True)), Fraction(0))

    def raised(self, bound: float) -> Fraction | None:
        """A bound of the objective from one of cost.x: moved up to the grid where there is one. None: no bound."""
        if not np.isfinite(bound):
            return None
        exact = Fraction(bound)
        if self.grid is not None:
            step, noise = self.grid
            exact = max(exact, -((noise - exact) // step) * step - noise)
        return self.offset + exact


class _Builder:
    def __init__(self, problem: Problem) -> None:
        if problem.fns or problem.penalties:
            what = "functions" if problem.fns else "penalties"
            raise Refused(f"a problem with {what} has no certificate by linear programs", code="certify")
        self.problem = problem
        domain = np.array([var.domain for var in problem.vars.values() for _ in range(var.size)], dtype="<U4")
        self.spin = domain == "spin"
        self.whole = domain != "real"
        self.two = self.spin | (domain == "bin")
        self.lower, self.upper = problem.stack_bounds()
        natural = np.where(domain == "bin", 0.0, -1.0), np.where(self.two, 1.0, inf)
        self.lower = np.where(self.two, np.maximum(self.lower, natural[0]), self.lower)
        self.upper = np.where(self.two, np.minimum(self.upper, natural[1]), self.upper)
        self.round_bounds()

    def round_bounds(self) -> None:
        """Bounds of whole columns are whole, those of spins -1 or 1."""
        self.lower = np.where(self.whole, np.ceil(self.lower), self.lower) + 0.0
        self.upper = np.where(self.whole, np.floor(self.upper), self.upper) + 0.0
        self.lower = np.where(self.spin & (self.lower == 0), 1.0, self.lower)
        self.upper = np.where(self.spin & (self.upper == 0), -1.0, self.upper)

    def model(self, cutoff: float | None) -> Model:
        problem = self.problem
        blocks: list[Lin | Poly] = [*problem.lins.values(), *problem.constraints]
        listed = [Entries.of(problem, block, self.two, self.spin) for block in blocks]
        goal = Entries.of(problem, problem.objective, self.two, self.spin)
        if sum(len(one.row) for one in listed) > ENTRIES:
            raise Refused(f"more than {ENTRIES:,} entries", code="certify")
        products, columns = Products.of([*listed, goal], len(self.whole))
        pieces = [_Piece.of(problem, *each) for each in zip(blocks, listed, columns[:-1], strict=True)]
        width = len(self.whole) + products.count
        rows = joined(pieces, width)
        cost, cost_size, offset, repeated = objective(goal, columns[-1], width)
        room = np.inf if cutoff is None else np.nextafter(float(Fraction(cutoff) - offset), np.inf)
        self.derive(rows, products, cost if repeated <= 1 else np.zeros(width), room)
        lower, upper = products.extended(self.lower, self.upper)
        rows = rows.without_guards(lower, upper).with_rows(products.rows(lower, upper))
        whole = products.whole(self.whole)
        spin = np.concatenate([self.spin, np.zeros(products.count, np.bool_)])
        rows.check(np.concatenate([cost, lower, upper]))
        merged = repeated > 1 and not (goal.coefficient == np.rint(goal.coefficient)).all()
        return Model(
            rows.matrix, rows.size, rows.low, rows.high, rows.side, lower, upper, whole, spin, cost, cost_size, offset,
            len(self.whole), SLIPS + max(rows.repeated, repeated), merged,
        )  # fmt: skip

    def derive(self, rows: Rows, products: Products, cost: FloatArray, room: float) -> None:
        """Missing sides of variables from the rows that always bind and from ``cost.x <= room``, moved outward."""
        if rows.repeated > 1:  # coefficients that are sums may be off by more than is allowed for here
            return
        bound = rows.guard < 0
        if np.isfinite(self.lower).all() and np.isfinite(self.upper).all():
            return
        goal = sparse.csr_array(cost[None])
        matrix = sparse.csr_array(sparse.vstack([rows.matrix[bound], goal], format="csr"))
        low, high = np.append(rows.low[bound], -inf), np.append(rows.high[bound], room)
        for _ in range(ROUNDS):
            before = int(np.isinf(self.lower).sum() + np.isinf(self.upper).sum())
            lower, upper = products.extended(self.lower, self.upper)
            for one, side in ((matrix, high), (-matrix, -low)):
                least, most = implied(one, side, lower, upper)
                n = len(self.lower)
                self.lower = np.where(np.isinf(self.lower), least[:n], self.lower)
                self.upper = np.where(np.isinf(self.upper), most[:n], self.upper)
            self.round_bounds()
            if int(np.isinf(self.lower).sum() + np.isinf(self.upper).sum()) == before:
                return


def implied(
    matrix: sparse.csr_array, high: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Bounds [n] each that rows ``A x <= high`` imply one by one over a box, moved outward; infinite where none."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    column, value = matrix.indices, matrix.data
    with np.errstate(invalid="ignore", over="ignore"):
        least = np.where(value > 0, value * lower[column], value * upper[column])
        open_ = np.isinf(least)
        finite = np.where(open_, 0.0, least)
        total, scale = (np.bincount(row, part, matrix.shape[0]) for part in (finite, np.abs(finite)))
        missing = np.bincount(row, open_, matrix.shape[0])
        rest = np.where(missing[row] - open_ > 0, -inf, total[row] - finite)
        side = (high[row] - rest) / value
        away = OUTWARD * (np.abs(high[row]) + scale[row]) / np.abs(value)
        away = np.where(np.isfinite(side), away, 0.0)
    most, lowest = np.full(len(lower), inf), np.full(len(lower), -inf)
    up = (value > 0) & np.isfinite(side)
    down = (value < 0) & np.isfinite(side)
    np.minimum.at(most, column[up], side[up] + away[up])
    np.maximum.at(lowest, column[down], side[down] - away[down])
    return lowest, most


@dataclass(frozen=True, eq=False)
class _Piece:
    """Entries of one block, with columns for products, and its sides; ``guard`` [m]: its column (-1: none), ``value``
    [m]: where it binds."""

    row: IntArray
    column: IntArray
    coefficient: FloatArray
    low: FloatArray
    high: FloatArray
    side: FloatArray
    guard: IntArray
    value: FloatArray

    @classmethod
    def of(cls, problem: Problem, block: Lin | Poly, entries: Entries, column: IntArray) -> _Piece:
        free = column < 0
        constant = sums(entries.row[free], entries.coefficient[free], entries.rows)
        size = sums(entries.row[free], np.abs(entries.coefficient[free]), entries.rows)
        assert block.rhs is not None
        least = block.least if isinstance(block, Lin) else None
        low = block.rhs if block.sense == "==" else np.full(block.size, -inf) if least is None else least
        side = np.where(np.isfinite(low), np.maximum(np.abs(block.rhs), np.abs(low)), np.abs(block.rhs)) + size
        guard, value = np.full(block.size, -1), np.zeros(block.size)
        if block.guard is not None:
            start = problem.starts[block.guard.variable]
            guard = np.where(block.guard.index >= 0, start + block.guard.index, -1)
            value = np.asarray(block.guard.value, dtype=np.float64)
        return cls(entries.row[~free], column[~free], entries.coefficient[~free], low - constant,
                   block.rhs - constant, side, guard, value)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows under construction; ``guard`` [m]: column of the guard (-1: none), ``value`` [m]: at which it binds."""

    matrix: sparse.csr_array
    size: sparse.csr_array
    low: FloatArray
    high: FloatArray
    side: FloatArray
    guard: IntArray
    value: FloatArray
    repeated: int

    def without_guards(self, lower: FloatArray, upper: FloatArray) -> Rows:
        """Guarded rows with a term in the guard that lets them go where it does not have its value."""
        which = np.flatnonzero(self.guard >= 0)
        if not which.size:
            return self
        plain = np.flatnonzero(self.guard < 0)
        part, size = self.matrix[which], self.size[which]
        least, most = activity(part, lower, upper)
        scale = activity(size, np.zeros(len(lower)), np.maximum(np.abs(lower), np.abs(upper)))[1]
        exact = np.isin(np.arange(len(which)), whole_rows(part, lower, upper))
        pieces: list[tuple[sparse.csr_array, sparse.csr_array, FloatArray, FloatArray, FloatArray]] = []
        for sign, side, reach in ((1.0, self.high[which], most), (-1.0, -self.low[which], -least)):
            there = np.isfinite(side)
            big = np.maximum(reach[there] - side[there], 0.0)
            away = scale[there] + self.side[which][there]
            whole = exact[there] & (side[there] == np.rint(side[there])) & (away < 2**50)
            big = np.where(whole, big, big + 2**-30 * away)
            if not np.isfinite(big).all():
                raise Refused("a guarded row has no finite activity", code="certify", hint="bound its variables")
            guard, value = self.guard[which][there], self.value[which][there]
            slope = np.where(value > 0, big, -big)  # a.x + M g <= r + M for value 1, a.x - M g <= r for value 0
            shape = (len(guard), part.shape[1])
            term = sparse.csr_array((slope, (np.arange(len(guard)), guard)), shape=shape)
            rhs = side[there] + np.where(value > 0, big, 0.0)
            pieces.append((sparse.csr_array(sign * part[there] + term), sparse.csr_array(size[there] + abs(term)),
                           np.full(len(guard), -inf), rhs, self.side[which][there] + big))  # fmt: skip
        kept = (self.matrix[plain], self.size[plain], self.low[plain], self.high[plain], self.side[plain])
        return stacked([kept, *pieces], self.repeated + 2)

    def with_rows(self, more: tuple[sparse.csr_array, FloatArray, FloatArray]) -> Rows:
        matrix, low, high = more
        side = np.maximum(np.where(np.isfinite(low), np.abs(low), 0.0), np.where(np.isfinite(high), np.abs(high), 0.0))
        mine = (self.matrix, self.size, self.low, self.high, self.side)
        return stacked([mine, (matrix, sparse.csr_array(abs(matrix)), low, high, side)], self.repeated)

    def check(self, more: FloatArray) -> None:
        """Raise where numbers are so small or so large that rounding errors would not be relative."""
        numbers = np.abs(np.concatenate([self.matrix.data, self.low, self.high, more]))
        numbers = numbers[np.isfinite(numbers) & (numbers > 0)]
        if numbers.size and (numbers.min() < TINY or numbers.max() > 1 / TINY):
            raise Refused("a number of the problem is too small or too large to certify", code="certify")


def activity(matrix: sparse.csr_array, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least and greatest A x over a box, up to rounding; infinite where a side is."""
    row, size = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.shape[0]
    one, two = matrix.data * lower[matrix.indices], matrix.data * upper[matrix.indices]
    least, most = (sums(row, part, size) for part in (np.minimum(one, two), np.maximum(one, two)))
    return least, most


def sums(place: IntArray, values: FloatArray, size: int) -> FloatArray:
    """Sums of ``values`` by their place, [size]."""
    return np.asarray(np.bincount(place, values, size), dtype=np.float64)


def whole_rows(matrix: sparse.csr_array, lower: FloatArray, upper: FloatArray) -> IntArray:
    """Rows whose coefficients and bounds are whole, so that sums of them round nothing."""
    whole = (lower == np.rint(lower)) & (upper == np.rint(upper))
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    wrong = row[(matrix.data != np.rint(matrix.data)) | ~whole[matrix.indices]]
    return np.setdiff1d(np.arange(matrix.shape[0]), wrong)


def stacked(
    pieces: list[tuple[sparse.csr_array, sparse.csr_array, FloatArray, FloatArray, FloatArray]], repeated: int
) -> Rows:
    matrix = sparse.csr_array(sparse.vstack([piece[0] for piece in pieces], format="csr"))
    size = sparse.csr_array(sparse.vstack([piece[1] for piece in pieces], format="csr"))
    low, high, side = (np.concatenate([piece[k] for piece in pieces]) for k in (2, 3, 4))
    return Rows(matrix, size, low, high, side, np.full(len(low), -1), np.zeros(len(low)), repeated)


def joined(pieces: list[_Piece], width: int) -> Rows:
    """All blocks below each other; entries of one place are added up."""
    counts = [len(piece.low) for piece in pieces]
    starts = np.cumsum([0, *counts])
    none, zero = np.zeros(0, np.int64), np.zeros(0)
    row = np.concatenate([none, *(piece.row + start for piece, start in zip(pieces, starts, strict=False))])
    column = np.concatenate([none, *(piece.column for piece in pieces)])
    value = np.concatenate([zero, *(piece.coefficient for piece in pieces)])
    shape = (int(starts[-1]), width)
    repeated = int(np.unique(row * width + column, return_counts=True)[1].max(initial=0)) if len(row) else 0
    matrix, size = (sparse.csr_array((data, (row, column)), shape=shape) for data in (value, np.abs(value)))
    matrix.eliminate_zeros()
    names = ("low", "high", "side", "guard", "value")
    low, high, side, guard, at = (np.concatenate([zero, *(getattr(p, name) for p in pieces)]) for name in names)
    return Rows(matrix, size, low, high, side, guard.astype(np.int64), at, repeated)


def objective(entries: Entries, column: IntArray, width: int) -> tuple[FloatArray, FloatArray, Fraction, int]:
    """Cost and its magnitudes [n], the constant, and how many entries one cost has at the most."""
    used = column >= 0
    value = entries.coefficient[used]
    cost, size = (sums(column[used], part, width) for part in (value, np.abs(value)))
    constant = sum((Fraction(value) for value in entries.coefficient[~used].tolist()), Fraction(0))
    return cost, size, constant, int(np.bincount(column[used], minlength=1).max(initial=0))


def fraction_gcd(top: list[int], bottom: list[int]) -> Fraction:
    """The greatest number that all fractions are whole multiples of; 1 for none."""
    if not top:
        return Fraction(1)
    common = lcm(*bottom)
    return Fraction(gcd(*(n * (common // d) for n, d in zip(top, bottom, strict=True))), common)
