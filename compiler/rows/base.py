"""Rows over a box in integer coefficients where one factor makes them so, and those that the box alone decides.

The first steps of compiler/rows/rounding.py, which says what they are for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ...ir.errors import InputError
from ...ir.rational import Integers, integer_rows, quotient
from ...ir.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class ScaledRows:
    """Rows under work, times ``factor``: integer coefficients where ``integral``, else as given (factor 1).

    Entries of row i are ``starts[i]:starts[i+1]``; ``low``, ``high`` are the bounds of their variables. ``whole``: only
    integer variables; if also ``integral``, ``rhs`` is the floor of the side, and ``broken`` says the side was no
    integer. Elsewhere ``rhs`` is the nearest float, to three roundings, and ``near`` says it is not the side itself.
    """

    data: FloatArray
    starts: IntArray
    low: FloatArray
    high: FloatArray
    rhs: FloatArray
    factor: FloatArray
    whole: BoolArray
    integral: BoolArray
    broken: BoolArray
    near: BoolArray

    @property
    def spread(self) -> IntArray:
        return np.repeat(np.arange(self.rhs.size), np.diff(self.starts))

    @property
    def reach(self) -> FloatArray:
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def largest(self) -> FloatArray:
        return per_row(np.maximum, np.abs(self.data), self.starts)

    def activity(self) -> FloatArray:
        """sum |p_i| reach_i + |rhs|."""
        with np.errstate(over="ignore"):
            return per_row(np.add, np.abs(self.data) * self.reach, self.starts) + np.abs(self.rhs)


def per_row(reduce: np.ufunc, values: FloatArray, starts: IntArray, empty: float = 0.0) -> FloatArray:
    """``reduce`` over the entries of each row; ``empty`` for rows without any."""
    result = np.full(starts.size - 1, empty)
    filled = np.flatnonzero(np.diff(starts))
    if filled.size:
        result[filled] = reduce.reduceat(values, starts[filled])
    return result


def box(lower: FloatArray, upper: FloatArray, integer: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Integer bounds of integer variables; others widened by an ulp, so that every reading of the bound is inside."""
    low = np.where(integer, np.ceil(lower), np.where(lower == np.floor(lower), lower, np.nextafter(lower, -np.inf)))
    high = np.where(integer, np.floor(upper), np.where(upper == np.floor(upper), upper, np.nextafter(upper, np.inf)))
    bad = np.flatnonzero(~(low <= high) | (low == np.inf) | (high == -np.inf))
    if bad.size:
        j = int(bad[0])
        raise InputError(f"variable {j} has no value between {lower[j]} and {upper[j]}", hint="check its bounds")
    return low, high


def scaled_rows(matrix: csr_array, rhs: FloatArray, bounds: tuple[FloatArray, FloatArray], integer: BoolArray,
                reading: str, largest: float) -> ScaledRows:
    """Rows times the factor that makes their coefficients integers; ``matrix`` without explicit zeros, ``bounds`` as
    :func:`box` gives them. ``largest``: the greatest coefficient that a row with a continuous variable is scaled to."""
    low, high = bounds
    scaled = integer_rows(matrix, rhs, reading, np.maximum(np.abs(low), np.abs(high)))
    starts = matrix.indptr.astype(np.int64)
    whole = per_row(np.minimum, integer[matrix.indices].astype(np.float64), starts, 1.0) > 0
    floor = scaled.integral & whole
    floats = ((scaled.rhs_den & (scaled.rhs_den - 1)) == 0) & (np.abs(scaled.rhs_num) <= 2**53)
    rows = ScaledRows(data=scaled.matrix.data.copy(), starts=starts, low=low[matrix.indices], high=high[matrix.indices],
                      rhs=np.where(floor, np.floor(scaled.rhs), scaled.rhs),
                      factor=_floats(scaled.factor_num, scaled.factor_den), whole=whole, integral=scaled.integral,
                      broken=np.asarray(scaled.rhs_den != 1, dtype=np.bool_),
                      near=~floor & ~np.asarray(floats, dtype=np.bool_))
    _join(rows, matrix.data, rhs, reading, largest)
    return rows


def _floats(top: Integers, bottom: Integers) -> FloatArray:
    return np.minimum(quotient(top, bottom), 2.0**1023)


def _join(rows: ScaledRows, data: FloatArray, rhs: FloatArray, reading: str, largest: float) -> None:
    """Rows with a continuous variable: one factor for coefficients and right-hand side, where that fits."""
    chosen = rows.integral & ~rows.whole
    joint = np.flatnonzero(chosen)
    if not joint.size:
        return
    counts = np.diff(rows.starts)[joint]
    starts = np.concatenate([[0], np.cumsum(counts + 1)])
    last, entries = starts[1:] - 1, np.flatnonzero(chosen[rows.spread])
    places = np.delete(np.arange(starts[-1]), last)
    values = np.zeros(starts[-1])
    values[places], values[last] = data[entries], rhs[joint]
    both = integer_rows(csr_array((values, np.zeros(values.size, np.int64), starts), shape=(joint.size, 1)),
                        np.zeros(joint.size), reading, np.zeros(1))
    sizes = np.abs(both.matrix.data)
    sizes[last] = 0.0
    good = both.integral & (np.maximum.reduceat(sizes, starts[:-1]) <= largest)
    take = np.repeat(good, counts)
    rows.data[entries[take]] = both.matrix.data[places[take]]
    rows.rhs[joint[good]], rows.near[joint[good]] = both.matrix.data[last[good]], False
    rows.factor[joint[good]] = _floats(both.factor_num, both.factor_den)[good]


def decide(rows: ScaledRows, sense: str) -> tuple[BoolArray, BoolArray]:
    """Rows that hold at every point, and rows that hold at none, by the ends of the activity range: exact where they
    are sums of integers below 2^53, else with the doubt of a float sum (compiler/rows/scan.py), in units of max |c|."""
    most, counted = rows.largest(), rows.integral & rows.whole
    unit = np.where(counted | (most == 0), 1.0, most)
    scaled, side = rows.data / unit[rows.spread], rows.rhs / unit
    ends, doubts = [], []
    with np.errstate(over="ignore", invalid="ignore"):
        for bound in (np.where(scaled > 0, rows.low, rows.high), np.where(scaled > 0, rows.high, rows.low)):
            size = per_row(np.add, np.abs(scaled * bound), rows.starts) + np.abs(side)
            doubt = (np.diff(rows.starts) + 8.0) * 2.0**-52 * size
            doubt += 1e-30 * (1.0 + per_row(np.add, np.abs(bound), rows.starts))
            ends.append(per_row(np.add, scaled * bound, rows.starts))
            doubts.append(np.where(counted & (size < 2.0**53), 0.0, doubt))
        low, high = ends[0] - doubts[0], ends[1] + doubts[1]
    sure = np.isfinite(side) & (counted | ((unit > 1e-280) & (unit < 1e280)))
    if sense == "<=":
        return sure & (high <= side), sure & (low > side)
    never = (sure & ((low > side) | (high < side))) | (counted & rows.broken)
    return sure & (low == side) & (high == side) & ~never, never
