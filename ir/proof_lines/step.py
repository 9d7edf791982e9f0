"""1 where x >= 0, else 0; and what it shares with :mod:`.sign`: nondecreasing, constant on both sides of 0.

Above over l <= 0 <= u: a line with slope s >= 0 that is enough at (0, f(u)) is enough right of 0, one that is enough at
(l, f(l)) is enough left of it. s = t (f(u) - f(l)) / -l, t the tilt, by default 1 where (l + u) / 2 < 0, else 0. Below
by symmetry: through (0, f(l)) with slope t (f(u) - f(l)) / u, by default t = 1 where (l + u) / 2 > 0.
"""

from __future__ import annotations

import numpy as np

from ..functions.step import Step
from ..linear_proof.numbers import Bounds, Lines, above, below, finite
from ..types import BoolArray, FloatArray


def bounds(function: Step, lower: list[FloatArray], upper: list[FloatArray]) -> Bounds:
    """Of the value."""
    return (lower[0] >= 0).astype(np.float64), (upper[0] >= 0).astype(np.float64)


def undecided(function: Step, lower: list[FloatArray], upper: list[FloatArray]) -> BoolArray:
    """Where tighter bounds of the arguments would help."""
    return np.asarray((lower[0] < 0) & (upper[0] >= 0))


def lines(function: Step, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None) -> Lines:
    """See :class:`Lines`."""
    return jump_lines(lower[0], upper[0], bounds(function, lower, upper), tilt)


def jump_lines(lower: FloatArray, upper: FloatArray, ends: Bounds, tilt: FloatArray | None) -> Lines:
    """``ends``: the values at ``lower`` and ``upper``."""
    least, most = ends
    zero = np.zeros_like(lower)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        middle, rise = lower / 2 + upper / 2, most - least
        left, right = ((middle < 0) * 1.0, (middle > 0) * 1.0) if tilt is None else (tilt, tilt)
        steep = np.maximum(np.where(lower < 0, left * rise / -lower, 0.0), 0.0)
        flat = np.maximum(np.where(upper > 0, right * rise / upper, 0.0), 0.0)
        steep, top = finite(steep, above(steep, [(zero, most), (lower, least)]), most)
        flat, bottom = finite(flat, below(flat, [(zero, least), (upper, most)]), least)
    same = least == most
    slopes = np.where(same, 0.0, flat), np.where(same, 0.0, steep)
    return Lines([slopes[0]], np.where(same, least, bottom), [slopes[1]], np.where(same, most, top))
