"""How far apart the activities next to a row's right-hand side are, by enumerating short rows.

For rows whose box has at most 2^12 points (in bits: an integer variable of range w takes bits of weights 1, 2, 4,
..., rest, which give each value 0..w) all activities c.x are formed and the thresholds of compiler/rows/scan.py moved
to the nearest ones. ``<=``: ``below`` to the greatest activity not above the side, ``above`` to the least one above
it. ``==``: ``above`` so that every activity but ``below`` is at least above - below away from it. With n terms and k
bits an activity is known to within D = (k + n + 8) 2^-52 (sum |c_i| r_i + |side|), r_i = max(|l_i|, |u_i|), and
exactly where the row's numbers are integers with sums below 2^53. An activity within D of the side counts on both
sides of it; D is added to ``below`` and taken from ``above``, never beyond the side.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...ir.types import BoolArray, FloatArray, IntArray
from .scan import BaseRows

BITS = 12
_CHUNK = 1 << 19


def widen(rows: BaseRows, exact: BoolArray, *, equality: bool) -> tuple[BaseRows, BoolArray]:
    """``rows`` with the thresholds of short rows moved apart, and [m] which ``==`` rows no point satisfies.

    ``exact`` [m]: coefficients are integers and sum |c_i| r_i + |side| < 2^53. Equalities are looked at only there.
    """
    total = np.add.reduceat(_bits(rows.high - rows.low), rows.starts[:-1])
    short = rows.whole & (total <= BITS) & (exact | (not equality))
    below, above, never = rows.below.copy(), rows.above.copy(), np.zeros(rows.below.size, np.bool_)
    for count in np.unique(total[short]).tolist():
        same = np.flatnonzero(short & (total == count))
        size = max(1, _CHUNK >> count)
        for first in range(0, same.size, size):
            part = same[first : first + size]
            some = rows.take(part)
            sums = _activities(some, count)
            if equality:
                above[part], never[part] = _around(some, sums)
            else:
                below[part], above[part] = _beside(some, sums, exact[part])
    return replace(rows, below=below, above=above, moved=rows.below - below), never


def _bits(width: FloatArray) -> IntArray:
    """Bits of a variable with values 0..width."""
    return np.frexp(width)[1].astype(np.int64)


def _activities(rows: BaseRows, count: int) -> FloatArray:
    """c.x at all points, [m, 2^count] (points may repeat)."""
    width = rows.high - rows.low
    bits = _bits(width)
    owner = np.repeat(np.arange(width.size), bits)
    place = np.arange(owner.size) - np.repeat(np.cumsum(bits) - bits, bits)
    weight = np.where(place < bits[owner] - 1, 2.0**place, width[owner] - (2.0 ** (bits[owner] - 1) - 1.0))
    steps = (rows.data[owner] * weight).reshape(rows.below.size, count)
    sums = np.add.reduceat(rows.data * rows.low, rows.starts[:-1])[:, None]
    for bit in range(count):
        sums = np.concatenate([sums, sums + steps[:, bit : bit + 1]], axis=1)
    return sums


def _beside(rows: BaseRows, sums: FloatArray, exact: BoolArray) -> tuple[FloatArray, FloatArray]:
    first = rows.starts[:-1]
    reach = np.maximum(np.abs(rows.low), np.abs(rows.high))
    size = np.add.reduceat(np.abs(rows.data) * reach, first) + np.abs(rows.below)
    doubt = (np.log2(sums.shape[1]) + np.diff(rows.starts) + 8.0) * 2.0**-52 * size
    doubt = np.where(exact, 0.0, doubt + 1e-300 * (1.0 + np.add.reduceat(reach, first)))
    above = sums - rows.below[:, None]
    under = np.where(above <= doubt[:, None], sums, -np.inf).max(axis=1) + doubt
    over = np.where(above > -doubt[:, None], sums, np.inf).min(axis=1) - doubt
    return (np.where(np.isfinite(under), np.minimum(rows.below, under), rows.below),
            np.where(np.isfinite(over), np.maximum(rows.above, over), rows.above))


def _around(rows: BaseRows, sums: FloatArray) -> tuple[FloatArray, BoolArray]:
    away = np.abs(sums - rows.below[:, None])
    other = np.where(away > 0, away, np.inf).min(axis=1)
    above = np.where(np.isfinite(other), np.maximum(rows.above, rows.below + other), rows.above)
    return above, ~np.any(away == 0, axis=1)
