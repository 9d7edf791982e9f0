"""x clipped to lo..hi: piecewise linear, so an offset need only be enough at the ends and the two kinks.

The upper line on undecided elements: the chord where u <= hi (convex there), else through (hi, hi) with slope t times
that of the line from (l, f(l)) to (hi, hi), t the tilt, by default 1 where (l + u) / 2 < hi, else 0. The lower one by
symmetry with the same tilt. Slopes may be anything: offsets follow from them.
"""

from __future__ import annotations

import numpy as np

from ..functions.hardtanh import Hardtanh
from ..linear_proof.numbers import Bounds, Lines, above, finite
from ..types import BoolArray, FloatArray


def bounds(function: Hardtanh, lower: list[FloatArray], upper: list[FloatArray]) -> Bounds:
    """Of the value."""
    return np.clip(lower[0], function.lo, function.hi), np.clip(upper[0], function.lo, function.hi)


def undecided(function: Hardtanh, lower: list[FloatArray], upper: list[FloatArray]) -> BoolArray:
    """Where tighter bounds of the arguments would help."""
    low, high = lower[0], upper[0]
    inside = (low >= function.lo) & (high <= function.hi)
    return np.asarray(~inside & (high > function.lo) & (low < function.hi) & (low < high))


def lines(function: Hardtanh, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None) -> Lines:
    """See :class:`Lines`."""
    low, high = lower[0], upper[0]
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        steep, top = clip_above(low, high, function.lo, function.hi, tilt)
        flat, bottom = clip_above(-high, -low, -function.hi, -function.lo, tilt)
    return Lines([flat], -bottom, [steep], top)


def clip_above(low: FloatArray, high: FloatArray, lo: float, hi: float, tilt: FloatArray | None) -> Bounds:
    """Slope and offset of an upper line of clip(x, lo, hi) over low..high."""
    first, last = np.clip(low, lo, hi), np.clip(high, lo, hi)
    share = (low / 2 + high / 2 < hi).astype(np.float64) if tilt is None else tilt
    bend = share * ((hi - first) / (hi - low))
    slope = np.clip(np.where(high <= hi, (last - first) / (high - low), bend), 0.0, 1.0)
    slope = np.where((low >= lo) & (high <= hi), 1.0, np.where((high <= lo) | (low >= hi), 0.0, slope))
    points = [(x, np.clip(x, lo, hi)) for x in (low, np.clip(lo, low, high), np.clip(hi, low, high), high)]
    return finite(slope, above(slope, points), last)
