"""A problem as rows over bounded columns, with nothing lost: what a tree of linear programs is checked against.

Columns are the problem's variables in layout order, then the products of variables, then the phases of functions with
a bend (``bends.py``). A guarded row
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
from .bends import Bends
from .entries import Entries
from .products import Products
from .rows import Piece, Rows, implied, joined, sums

UNIT = 2.0**-53
SLIPS = 16
ENTRIES = 20_000_000
ROUNDS = 10


@dataclass(frozen=True, eq=False)
class Model:
    """min offset + cost.x, low <= A x <= high [m], lower <= x <= upper [n], x_j whole (``whole``), +-1 (``spin``).

    ``cost_size`` [n], ``size`` [m, n], ``side`` [m]: sums of the magnitudes that the numbers were made of.
    ``variables``: how many columns are variables of the problem. ``merged``: some cost is a rounded sum.
    ``reading`` [m]: number of the reading that gives a row's coefficients exactly; -1: none does. ``branch`` [n]: which
    columns decide everything once they are fixed: whole variables and the phases of functions.
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
    reading: IntArray
    branch: BoolArray

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
        if problem.penalties:
            raise Refused("a problem with penalties has no certificate by linear programs", code="certify")
        self.problem = problem
        self.bends = Bends.of(problem)
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
        pieces = [Piece.of(problem, *each) for each in zip(blocks, listed, columns[:-1], strict=True)]
        width = len(self.whole) + products.count
        rows = joined(pieces, width)
        cost, cost_size, offset, repeated = objective(goal, columns[-1], width)
        room = np.inf if cutoff is None else np.nextafter(float(Fraction(cutoff) - offset), np.inf)
        self.derive(rows, products, cost if repeated <= 1 else np.zeros(width), room)
        lower, upper = products.extended(self.lower, self.upper)
        rows = rows.without_guards(lower, upper).with_rows(products.rows(lower, upper))
        bends, phases = self.bends.rows(lower, upper)
        rows = rows.widened(phases).with_rows(bends)
        lower, upper = np.append(lower, np.zeros(phases)), np.append(upper, np.ones(phases))
        whole = np.append(products.whole(self.whole), np.ones(phases, np.bool_))
        spin = np.append(self.spin, np.zeros(products.count + phases, np.bool_))
        branch = whole & ((np.arange(len(whole)) < len(self.whole)) | (np.arange(len(whole)) >= width))
        cost, cost_size = np.append(cost, np.zeros(phases)), np.append(cost_size, np.zeros(phases))
        rows.check(np.concatenate([cost, lower, upper]))
        merged = repeated > 1 and not (goal.coefficient == np.rint(goal.coefficient)).all()
        return Model(
            rows.matrix, rows.size, rows.low, rows.high, rows.side, lower, upper, whole, spin, cost, cost_size, offset,
            len(self.whole), SLIPS + max(rows.repeated, repeated), merged, rows.reading, branch,
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
        for _ in range(ROUNDS + 2 * len(self.problem.blocks)):
            before = int(np.isinf(self.lower).sum() + np.isinf(self.upper).sum())
            lower, upper = products.extended(self.lower, self.upper)
            found = [implied(one, side, lower, upper) for one, side in ((matrix, high), (-matrix, -low))]
            n = len(self.lower)
            for least, most in (*found, self.bends.implied(self.lower, self.upper)):
                self.lower = np.where(np.isinf(self.lower), least[:n], self.lower)
                self.upper = np.where(np.isinf(self.upper), most[:n], self.upper)
            self.round_bounds()
            if int(np.isinf(self.lower).sum() + np.isinf(self.upper).sum()) == before:
                return


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
