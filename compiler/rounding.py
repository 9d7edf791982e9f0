"""Rows with rational coefficients as rows with small integers: exact, equivalent, rounded with a bound, or refused.

rewrites   rows a.x <= b or a.x == b over a box, numbers under a reading (ir/rational.py)
adds       integer rows p.x <= q or p.x == q, with ``scale`` such that p is about ``scale`` * a
guarantee  per row by ``kind``: *exact*, *equivalent*, *always*, *never*: same feasible set; *outward*: it grows, by points
           that violate the row by at most ``error``; *inward*: it shrinks, losing only points of slack at most ``error``

Exact: all coefficients times one factor are integers p without a common divisor. Over integer variables p.x is an integer,
so p.x <= b' has the points of p.x <= floor(b'), and p.x == b' has none unless b' is an integer. A row with a continuous
variable keeps its right-hand side (an integer too, if one factor serves all). The activity range [lo, hi] of p.x over the
box decides *always* (hi <= b) and *never* (lo > b): in exact integer arithmetic, or with the rounding error against it.
Equivalent, outward and inward: compiler/row_scan.py, whose text is the proof.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..ir.errors import InputError, UsageError, nearest
from ..ir.rational import integer_rows, quotient
from ..ir.types import BoolArray, FloatArray, IntArray
from .row_scan import BaseRows, Found, coefficients, scan

KINDS = ("exact", "equivalent", "outward", "inward", "refused", "always", "never")
MODES = ("exact", "outward", "inward")
_MANTISSA = 2.0**53


@dataclass(frozen=True)
class NormalizedRows:
    """Result of :func:`normalize`, in the order of the input rows.

    ``matrix`` csr [m, n], ``rhs`` [m]: integers, except ``rhs`` of rows with continuous variables, and all of a refused row
    (the input's numbers). What always and never rows hold is of no use. Explicit zeros of the input are gone.
    ``kind`` [m] of KINDS. ``error`` [m] in the source row's units, rounded up: 0 unless outward or inward; inf if refused.
    ``scale`` [m]: integer row = scale * source row, for *exact* rows up to the rounding of this float, else about.
    ``reasons``: why, for each refused row.
    """

    matrix: csr_array
    rhs: FloatArray
    kind: NDArray[np.str_]
    error: FloatArray
    scale: FloatArray
    reasons: dict[int, str]


@dataclass(frozen=True)
class _Rows:
    """Rows under work, times ``factor``: integer coefficients where ``integral``, else as given (factor 1). Entries of row i
    are ``starts[i]:starts[i+1]``; ``low``, ``high`` are the bounds of their variables. ``whole``: integer variables only; if
    also ``integral``, ``rhs`` is the floor, and ``broken`` says that the side was no integer. ``rhs`` of other rows is the
    float nearest to the side, and ``near`` says that it is only near."""

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
        return _per_row(np.maximum, np.abs(self.data), self.starts)

    def activity(self) -> FloatArray:
        """sum |p_i| reach_i + |rhs|."""
        with np.errstate(over="ignore"):
            return _per_row(np.add, np.abs(self.data) * self.reach, self.starts) + np.abs(self.rhs)


def normalize(matrix: csr_array, rhs: FloatArray, sense: str, lower: FloatArray, upper: FloatArray, integer: BoolArray,
              reading: str, mode: str, largest: float = 2.0**31, *, shrink: bool = True) -> NormalizedRows:
    """Integer rows for ``matrix`` [m, n] x (``sense`` "<=" or "==") ``rhs`` [m] on lower <= x <= upper [n].

    ``integer`` [n] marks variables of integer value; the others are continuous. ``reading`` as in ir/rational.py. ``mode``
    says what becomes of rows that no integers up to ``largest`` represent: "exact" refuses them, "outward" and "inward"
    round ``<=`` rows; ``==`` rows are refused in any mode (relaxing one takes two rows, the caller's choice). ``shrink``
    also looks for a smaller equivalent of rows that fit (fewer slack bits; a linear relaxation may change).
    Accepted rows over bounded variables keep sum |p_i| max |x_i| + |q| below 2^53.
    Raises InputError for numbers that are not finite and for variables without a value, UsageError for unknown names.
    """
    for word, known in ((mode, MODES), (sense, ("<=", "=="))):
        if word not in known:
            raise UsageError(f"unknown mode or sense {word!r}", hint=nearest(word, known))
    matrix = matrix.copy()
    matrix.eliminate_zeros()
    rows = _base(matrix, rhs, *_box(lower, upper, integer), integer, reading)
    finite = _per_row(np.minimum, np.isfinite(rows.reach).astype(np.float64), rows.starts, 1.0) > 0
    total = rows.activity()
    fits = rows.integral & (rows.largest() <= largest) & (np.abs(rows.rhs) < _MANTISSA) & (~finite | (total < _MANTISSA))
    kind = np.where(fits & ~rows.near, "exact", "refused").astype("U10")
    always, never = _decide(rows, sense, rows.integral & rows.whole & (total < _MANTISSA))
    kind[always], kind[never] = "always", "never"

    result = NormalizedRows(matrix, np.array(rhs, dtype=np.float64), kind, np.zeros(kind.size), np.ones(kind.size), {})
    data = np.where((kind == "refused")[rows.spread], matrix.data, rows.data)
    result.rhs[kind != "refused"] = rows.rhs[kind != "refused"]
    result.scale[kind != "refused"] = rows.factor[kind != "refused"]
    if mode != "exact" and sense == "<=":
        _nudge(rows, fits & rows.near & (kind == "refused"), result, data, mode)
    _rescale(rows, finite, result, data, sense=sense, mode=mode, largest=largest, shrink=shrink)
    for row in np.flatnonzero(kind == "refused").tolist():
        result.reasons[row] = _reason(rows, row, matrix.indices, sense, largest)
        result.error[row] = np.inf
    final = csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    return NormalizedRows(final, result.rhs, kind, result.error, result.scale, result.reasons)


def _per_row(reduce: np.ufunc, values: FloatArray, starts: IntArray, empty: float = 0.0) -> FloatArray:
    result = np.full(starts.size - 1, empty)
    filled = np.flatnonzero(np.diff(starts))
    if filled.size:
        result[filled] = reduce.reduceat(values, starts[filled])
    return result


def _box(lower: FloatArray, upper: FloatArray, integer: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Integer bounds of integer variables; others widened by an ulp, so that every reading of the bound is inside."""
    low = np.where(integer, np.ceil(lower), np.where(lower == np.floor(lower), lower, np.nextafter(lower, -np.inf)))
    high = np.where(integer, np.floor(upper), np.where(upper == np.floor(upper), upper, np.nextafter(upper, np.inf)))
    bad = np.flatnonzero(~(low <= high) | (low == np.inf) | (high == -np.inf))
    if bad.size:
        j = int(bad[0])
        raise InputError(f"variable {j} has no value between {lower[j]} and {upper[j]}", hint="check its bounds")
    return low, high


def _base(matrix: csr_array, rhs: FloatArray, low: FloatArray, high: FloatArray, integer: BoolArray, reading: str) -> _Rows:
    scaled = integer_rows(matrix, rhs, reading, np.maximum(np.abs(low), np.abs(high)))
    starts = matrix.indptr.astype(np.int64)
    whole = _per_row(np.minimum, integer[matrix.indices].astype(np.float64), starts, 1.0) > 0
    floor = scaled.integral & whole
    dyadic = ((scaled.rhs_den & (scaled.rhs_den - 1)) == 0) & (np.abs(scaled.rhs_num) <= 2**53)
    rows = _Rows(data=scaled.matrix.data.copy(), starts=starts, low=low[matrix.indices], high=high[matrix.indices],
                 rhs=np.where(floor, np.floor(scaled.rhs), scaled.rhs), factor=_floats(scaled.factor_num, scaled.factor_den),
                 whole=whole, integral=scaled.integral, broken=np.asarray(scaled.rhs_den != 1, dtype=np.bool_),
                 near=~floor & ~np.asarray(dyadic, dtype=np.bool_))
    _join(rows, matrix.data, rhs, reading)
    return rows


def _floats(top: Integers, bottom: Integers) -> FloatArray:
    return np.minimum(quotient(top, bottom), 2.0**1023)


def _join(rows: _Rows, data: FloatArray, rhs: FloatArray, reading: str) -> None:
    """Rows with a continuous variable: one factor for the coefficients and the right-hand side, where that fits."""
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
    good, take = both.integral, np.repeat(both.integral, counts)
    rows.data[entries[take]] = both.matrix.data[places[take]]
    rows.rhs[joint[good]], rows.near[joint[good]] = both.matrix.data[last[good]], False
    rows.factor[joint[good]] = _floats(both.factor_num, both.factor_den)[good]


def _decide(rows: _Rows, sense: str, exact: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Rows that hold at every point, and rows that hold at none, by the activity range; ``exact``: sums do not round."""
    most = rows.largest()
    unit = np.where(exact | (most == 0), 1.0, most)
    scaled, side = rows.data / unit[rows.spread], rows.rhs / unit
    margin = np.where(exact, 0.0, (np.diff(rows.starts) + 8.0) * 2.0**-52)
    ends = []
    for bound in (np.where(scaled > 0, rows.low, rows.high), np.where(scaled > 0, rows.high, rows.low)):
        terms = scaled * bound
        underflow = np.where(exact, 0.0, 1e-30 * (1.0 + _per_row(np.add, np.abs(bound), rows.starts)))
        doubt = margin * (_per_row(np.add, np.abs(terms), rows.starts) + np.abs(side)) + underflow
        ends.append((_per_row(np.add, terms, rows.starts), np.where(exact, 0.0, doubt)))
    (low, below), (high, above) = ends
    sure = np.isfinite(side) & (exact | ((unit > 1e-280) & (unit < 1e280)))
    if sense == "<=":
        return sure & (high + above <= side), sure & (low - below > side)
    never = sure & ((low - below > side) | (high + above < side)) | (rows.integral & rows.whole & rows.broken)
    return exact & (low == side) & (high == side) & ~never, never


def _nudge(rows: _Rows, chosen: BoolArray, result: NormalizedRows, data: FloatArray, mode: str) -> None:
    """Integer coefficients with a continuous variable whose right-hand side is no float: the next float is near enough."""
    step = np.abs(rows.rhs) * 2.0**-50 + 5e-324
    side = rows.rhs + (step if mode == "outward" else -step)
    result.kind[chosen], result.rhs[chosen], result.scale[chosen] = mode, side[chosen], rows.factor[chosen]
    result.error[chosen] = ((2.0 + 2.0**-40) * step / rows.factor + 5e-324)[chosen]
    entries = chosen[rows.spread]
    data[entries] = rows.data[entries]


def _rescale(rows: _Rows, finite: BoolArray, result: NormalizedRows, data: FloatArray, *, sense: str, mode: str, largest: float,
             shrink: bool) -> None:
    """Scan rows that do not fit, or may get smaller; writes the ones found into ``result`` and ``data``."""
    kind, biggest, whole = result.kind, rows.largest(), rows.whole
    most = np.where(kind == "exact", biggest - 1.0, np.floor(largest))
    smaller = (kind == "exact") & whole & shrink
    other = (kind == "refused") & (whole | (mode != "exact"))
    work = np.flatnonzero((smaller | other) & finite & (most >= 1.0) & (biggest > 1e-280) & (biggest < 1e280))
    if not work.size:
        return
    gap = (rows.integral & whole).astype(np.float64)
    everything = BaseRows(rows.data, rows.low, rows.high, rows.starts, rows.rhs, rows.rhs + gap, whole, most)
    base = everything.take(work)
    found = scan(base, equality=sense == "==", inward=mode == "inward")
    kind[work[found.never]] = "never"
    rounded = (kind[work] == "refused") & (found.size > 0) & (mode != "exact") & (sense == "<=")
    good = np.flatnonzero(~found.never & (found.proved | rounded))
    taken = work[good]
    kind[taken] = np.where(found.proved[good], "equivalent", mode)
    error = found.error[good] + ((mode == "inward") & rows.broken[taken])
    result.error[taken] = np.where(found.proved[good], 0.0, (1.0 + 2.0**-40) * error / rows.factor[taken] + 5e-324)
    _write(rows, base.take(good), found.size[good], found.rhs[good], taken, result, data)


def _write(rows: _Rows, base: BaseRows, size: FloatArray, side: FloatArray, taken: IntArray, result: NormalizedRows,
           data: FloatArray) -> None:
    """The scanned rows, divided by the common divisor of their coefficients (p.x is a multiple of it)."""
    if not taken.size:
        return
    values = coefficients(base, size)
    divisor = np.gcd.reduceat(np.abs(values).astype(np.int64), base.starts[:-1])
    divisor = np.where(base.whole, divisor, 1).astype(np.float64)
    ...
