"""Rows with rational coefficients as rows with small integers: exact, equivalent, rounded with a bound, or refused.

rewrites   rows a.x <= b or a.x == b over a box, numbers under a reading (ir/rational.py)
adds       integer rows p.x <= q or p.x == q, with ``scale`` such that p is about ``scale`` * a
guarantee  per row by ``kind``: *exact*, *equivalent*, *always*, *never*: same feasible set; *outward*: it grows, by
           points that violate the row by at most ``error``; *inward*: it shrinks, losing only points of slack at most
           ``error``

Exact: all coefficients times one factor are integers p without a common divisor. Over integer variables p.x is an
integer, so p.x <= b' has the points of p.x <= floor(b'), and p.x == b' has none unless b' is an integer. A row with a
continuous variable keeps its right-hand side (an integer too, if one factor serves all). The activity range [lo, hi]
of p.x over the box decides *always* (hi <= b) and *never* (lo > b): in exact integer arithmetic, or with the rounding
error against it. Equivalent, outward and inward: compiler/rows/scan.py, whose text is the proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...ir.errors import UsageError, nearest
from ...ir.types import BoolArray, FloatArray, IntArray
from .base import ScaledRows, box, decide, per_row, scaled_rows
from .gap import widen
from .scan import BaseRows, coefficients, scan

KINDS = ("exact", "equivalent", "outward", "inward", "refused", "always", "never")
MODES = ("exact", "outward", "inward")
_MANTISSA = 2.0**53


@dataclass(frozen=True)
class NormalizedRows:
    """Result of :func:`normalize`, in the order of the input rows.

    ``matrix`` csr [m, n], ``rhs`` [m]: integers, except ``rhs`` of rows with continuous variables, and all of a refused
    row (the input's numbers). What always and never rows hold is of no use. No explicit zeros.
    ``kind`` [m] of KINDS. ``error`` [m] in the source row's units, rounded up: 0 unless outward or inward, inf where
    refused.
    ``scale`` [m]: integer row = scale * source row, for *exact* rows up to the rounding of this float, else about.
    ``reasons``: why, for each refused row.
    """

    matrix: csr_array
    rhs: FloatArray
    kind: NDArray[np.str_]
    error: FloatArray
    scale: FloatArray
    reasons: dict[int, str]


def normalize(matrix: csr_array, rhs: FloatArray, sense: str, lower: FloatArray, upper: FloatArray, integer: BoolArray,
              reading: str, mode: str, largest: float = 2.0**31, *, shrink: bool = True) -> NormalizedRows:
    """Integer rows for ``matrix`` [m, n] x (``sense`` "<=" or "==") ``rhs`` [m] on lower <= x <= upper [n].

    ``integer`` [n] marks variables of integer value; the others are continuous. ``reading`` as in ir/rational.py.
    ``mode`` says what becomes of rows that no integers up to ``largest`` (at most 2^52) represent: "exact" refuses
    them, "outward" and "inward" round ``<=`` rows; ``==`` rows are refused in any mode (relaxing one takes two rows,
    which is the caller's choice). ``shrink`` also looks for a smaller equivalent of rows that fit (fewer slack bits; a
    linear relaxation may change). Accepted rows over bounded variables keep sum |p_i| max |x_i| + |q| below 2^53.
    Time is linear in nonzeros times scanned scales (some 500), plus 2^12 per short row.
    Raises InputError for numbers that are not finite and for variables without a value, UsageError for unknown names.
    """
    for word, known in ((mode, MODES), (sense, ("<=", "=="))):
        if word not in known:
            raise UsageError(f"unknown mode or sense {word!r}", hint=nearest(word, known))
    largest = min(largest, _MANTISSA / 2)
    matrix = matrix.copy()
    matrix.eliminate_zeros()
    rows = scaled_rows(matrix, rhs, box(lower, upper, integer), integer, reading, largest)
    finite = per_row(np.minimum, np.isfinite(rows.reach).astype(np.float64), rows.starts, 1.0) > 0
    total = rows.activity()
    fits = rows.integral & (rows.largest() <= largest) & (np.abs(rows.rhs) < _MANTISSA)
    fits &= ~finite | (total < _MANTISSA)
    kind = np.where(fits & ~rows.near, "exact", "refused").astype("U10")
    always, never = decide(rows, sense)
    kind[always], kind[never] = "always", "never"

    result = NormalizedRows(matrix, np.array(rhs, dtype=np.float64), kind, np.zeros(kind.size), np.ones(kind.size), {})
    data = np.where((kind == "refused")[rows.spread], matrix.data, rows.data)
    result.rhs[kind != "refused"] = rows.rhs[kind != "refused"]
    result.scale[kind != "refused"] = rows.factor[kind != "refused"]
    if mode != "exact" and sense == "<=":
        _nudge(rows, fits & rows.near & (kind == "refused"), result, data, mode)
    _rescale(rows, finite, result, data, sense=sense, mode=mode, largest=largest, shrink=shrink)
    for row in np.flatnonzero(kind == "refused").tolist():
        part = slice(int(rows.starts[row]), int(rows.starts[row + 1]))
        result.reasons[row] = _reason(rows, row, part, matrix.indices[part], sense, largest)
        result.error[row] = np.inf
    final = csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    final.eliminate_zeros()
    return NormalizedRows(final, result.rhs, kind, result.error, result.scale, result.reasons)


def _nudge(rows: ScaledRows, chosen: BoolArray, result: NormalizedRows, data: FloatArray, mode: str) -> None:
    """Integer coefficients with a continuous variable whose right-hand side is no float: a float beside it will do."""
    side, factor = rows.rhs[chosen], rows.factor[chosen]
    step = np.abs(side) * 2.0**-50 + 5e-324
    result.kind[chosen], result.scale[chosen] = mode, factor
    result.rhs[chosen] = side + (step if mode == "outward" else -step)
    result.error[chosen] = (2.0 + 2.0**-40) * step / factor + 5e-324
    entries = chosen[rows.spread]
    data[entries] = rows.data[entries]


def _rescale(rows: ScaledRows, finite: BoolArray, result: NormalizedRows, data: FloatArray, *, sense: str, mode: str,
             largest: float, shrink: bool) -> None:
    """Scan rows that do not fit, or may get smaller; writes the ones found into ``result`` and ``data``."""
    kind, biggest, whole = result.kind, rows.largest(), rows.whole
    most = np.where(kind == "exact", biggest - 1.0, np.floor(largest))
    smaller = (kind == "exact") & whole & shrink
    other = (kind == "refused") & (whole | (mode != "exact"))
    sane = finite & np.isfinite(rows.rhs) & (biggest > 1e-280) & (biggest < 1e280)
    work = np.flatnonzero((smaller | other) & sane & (most >= 1.0))
    if not work.size:
        return
    gap = (rows.integral & whole).astype(np.float64)
    everything = BaseRows(rows.data, rows.low, rows.high, rows.starts, rows.rhs, rows.rhs + gap, whole, most,
                          np.zeros_like(most))
    exact = rows.integral & whole & (rows.activity() < _MANTISSA)
    base, never = widen(everything.take(work), exact[work], equality=sense == "==")
    found = scan(base, equality=sense == "==", inward=mode == "inward")
    kind[work[found.never | never]] = "never"
    rounded = (kind[work] == "refused") & (found.size > 0) & (mode != "exact") & (sense == "<=")
    good = np.flatnonzero(~found.never & ~never & (found.proved | rounded))
    taken = work[good]
    kind[taken] = np.where(found.proved[good], "equivalent", mode)
    error = found.error[good] + ((mode == "inward") & rows.broken[taken])
    result.error[taken] = np.where(found.proved[good], 0.0, (1.0 + 2.0**-40) * error / rows.factor[taken] + 5e-324)
    _write(rows, base.take(good), found.size[good], found.rhs[good], taken, result, data, equality=sense == "==")


def _write(rows: ScaledRows, base: BaseRows, size: FloatArray, side: FloatArray, taken: IntArray,
           result: NormalizedRows, data: FloatArray, *, equality: bool) -> None:
    """The scanned rows, divided by the common divisor of their coefficients (p.x is a multiple of it)."""
    if not taken.size:
        return
    values = coefficients(base, size)
    counts = np.diff(base.starts)
    divisor = np.gcd.reduceat(np.abs(values).astype(np.int64), base.starts[:-1])
    divisor = np.where(base.whole, divisor, 1).astype(np.float64)
    share = side / divisor  # below 2^52, so the floor of the rounded quotient is the floor of the quotient
    broken = base.whole & (share != np.floor(share))
    entries = np.flatnonzero(np.isin(rows.spread, taken))
    data[entries] = values / np.repeat(divisor, counts)
    result.rhs[taken] = np.where(base.whole, np.floor(share), side)
    biggest = np.maximum.reduceat(np.abs(base.data), base.starts[:-1])
    result.scale[taken] = rows.factor[taken] * (size / biggest / divisor)
    if equality:
        result.kind[taken[broken]] = "never"


def _reason(rows: ScaledRows, row: int, part: slice, columns: NDArray[Any], sense: str, largest: float) -> str:
    endless = np.flatnonzero(~np.isfinite(rows.low[part]) | ~np.isfinite(rows.high[part]))
    most = float(np.abs(rows.data[part]).max(initial=0.0))
    if rows.integral[row] and most > largest:
        cause = f"its integer coefficients go up to {most:.0f}, above the limit {largest:.0f}"
    elif rows.integral[row]:
        cause = "coefficients times bounds, or the right-hand side, exceed 2^53"
    else:
        cause = "its coefficients have no common denominator within 2^53"
    if endless.size:
        return f"{cause}, and variable {int(columns[endless[0]])} has no finite bound that would limit a rounding"
    if sense == "==":
        return f"{cause}; an equality is never rounded: relax it into two <= rows, or raise the limit"
    return f"{cause}, and no smaller row was proved equivalent: allow rounding outward or inward, or raise the limit"
