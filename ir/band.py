"""Rows at samples where float64 can't tell whether they hold: on whole numbers, or in exact integers.

At whole points a row scaled to whole numbers is computed without rounding. All other cells (one row at one sample) are
sums of Python integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .activity import TINY
from .affine import Affine
from .blocks import Lin, Poly
from .exact_rows import ExactRows, to_float
from .operator import Operator
from .rational import Integers, integer_rows
from .terms.linear import Linear
from .terms.monomials import Monomials
from .terms.square import Square
from .types import BoolArray, FloatArray, IntArray, Values


@dataclass(frozen=True, eq=False)
class Sides:
    """``low <= activity <= high`` for m rows; infinite where there is no such side; equal for equations."""

    low: FloatArray
    high: FloatArray
    reading: str

    @classmethod
    def of(cls, row: Lin | Poly) -> Sides:
        assert row.rhs is not None
        least = row.least if isinstance(row, Lin) else None
        low = row.rhs if row.sense == "==" else np.full(row.size, -np.inf) if least is None else least
        return cls(low, row.rhs, row.reading)


def decide(row: Lin | Poly, sides: Sides, values: Values, sample: IntArray, place: IntArray) -> FloatArray:
    """Exact violations (rounded once) of single rows ``place`` at single samples ``sample``."""
    rows, which = np.unique(place, return_inverse=True)
    samples, who = np.unique(sample, return_inverse=True)
    part = {name: values[name][samples] for name in row.variables}
    if isinstance(row, Poly):
        return decide_polynomial(row, sides, Cells.of(part, len(samples), who, place, sides.reading))
    picked = row.activity.rows(rows)
    points = np.concatenate([np.zeros((len(samples), 0)), *(part[name] for name in picked.parts)], axis=1)
    used = np.flatnonzero((points != 0).any(axis=0))
    matrix, points = stack(list(picked.parts.values()), len(rows))[:, used], points[:, used]
    sides = Sides(sides.low[rows], sides.high[rows], sides.reading)
    amount, left = whole_points(matrix, sides, points, who, which)
    if left.any():
        cells = Cells.of(part, len(samples), who[left], which[left], sides.reading)
        amount[left] = beyond(sides, cells, *cells.exact(affine_monomials(picked)))
    return amount


def stack(operators: list[Operator], rows: int) -> sparse.csr_array:
    """Operators side by side."""
    if not operators:
        return sparse.csr_array((rows, 0), dtype=np.float64)
    return sparse.csr_array(sparse.hstack([operator.to_csr() for operator in operators], format="csr"))


def whole_points(
    matrix: sparse.csr_array, sides: Sides, points: FloatArray, sample: IntArray, place: IntArray
) -> tuple[FloatArray, BoolArray]:
    """Violations at whole points by the rows scaled to whole numbers, and which cells could not be decided so."""
    amount, left = np.zeros(len(sample)), np.ones(len(sample), dtype=np.bool_)
    whole = (points == np.rint(points)).all(axis=1)
    if not whole.any():
        return amount, left
    reach = np.abs(points[whole]).max(axis=0, initial=0.0)
    left = ~whole[sample]
    equations = np.array_equal(sides.low, sides.high)
    for side, sign in ((sides.high, 1.0), (sides.low, -1.0))[: 1 if equations else 2]:
        finite = np.isfinite(side)
        scaled = integer_rows(matrix, np.where(finite, side, 0.0), sides.reading, reach)
        left |= ~scaled.exact[place] & finite[place]
        activity = np.asarray((scaled.matrix @ points.T).T)[sample, place]
        excess = sign * np.where(finite[place], activity - scaled.rhs[place], 0.0)
        excess = np.abs(excess) if equations else np.maximum(excess, 0.0)
        unit = to_float(scaled.factor_den, scaled.factor_num)[place]
        amount = np.maximum(amount, np.where(excess > 0, np.maximum(excess * unit, TINY), 0.0))
    return amount, left


def decide_polynomial(poly: Poly, sides: Sides, cells: Cells) -> FloatArray:
    """The same for polynomial rows; every stored coefficient is read on its own."""
    top, bottom = np.zeros(len(cells.place), dtype=object), np.ones(len(cells.place), dtype=object)
    for term in (*poly.terms, Monomials.none(poly.size).plus_constant(poly.constant)):
        if isinstance(term, Square):
            inner, below = cells.exact(affine_monomials(term.inner))
            more = inner * inner, below * below
        else:
            listed = term.monomials()
            assert isinstance(listed, Monomials)
            more = cells.exact(listed)
        top, bottom = top * more[1] + more[0] * bottom, bottom * more[1]
    return beyond(sides, cells, top, bottom)


def beyond(sides: Sides, cells: Cells, top: Integers, bottom: Integers) -> FloatArray:
    """How far exact activities ``top / bottom`` lie outside their sides; 0 where they do not."""
    worst = np.zeros(len(cells.place))
    for side, sign in ((sides.high, 1), (sides.low, -1)):
        finite = np.isfinite(side)
        limit, below = cells.exact(Monomials.none(len(side)).plus_constant(np.where(finite, side, 0.0)))
        found = to_float((top * below - limit * bottom) * sign, bottom * below)
        worst = np.maximum(worst, np.where(finite[cells.place], found, 0.0))
    return worst


def affine_monomials(affine: Affine) -> Monomials:
    """An affine map as monomials with its own numbers."""
    parts = [Linear(name, operator).monomials() for name, operator in affine.parts.items()]
    return Monomials.join([Monomials.none(affine.size), *parts]).plus_constant(affine.offset)


@dataclass(frozen=True, eq=False)
class Cells:
    """Polynomials ``place`` [k] at samples ``sample`` [k] of a table: blocks from column ``starts`` on, then ones."""

    table: FloatArray
    starts: Mapping[str, int]
    sample: IntArray
    place: IntArray
    reading: str

    @classmethod
    def of(cls, values: Values, samples: int, sample: IntArray, place: IntArray, reading: str) -> Cells:
        ends = np.cumsum([array.shape[1] for array in values.values()]).tolist()
        table = np.concatenate([*values.values(), np.ones((samples, 1))], axis=1)
        return cls(table, dict(zip(values, [0, *ends], strict=False)), sample, place, reading)

    def exact(self, listed: Monomials) -> tuple[Integers, Integers]:
        """Values of polynomials at the cells: tops and bottoms."""
        first = np.array([*(self.starts[name] for name in listed.names), 0], dtype=np.int64)
        columns = np.where(listed.which >= 0, first[listed.which] + listed.index, self.table.shape[1] - 1)
        rows = ExactRows.of(listed.rows, listed.row, columns, listed.coefficient, self.reading)
        return rows.at(self.table, self.sample, self.place)
