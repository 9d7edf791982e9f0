"""The greatest of several arguments.

Below: max(a) >= (1 - t) a_i + t a_j for the two arguments with the greatest middles, t the tilt, 0 by default. Above:
max(a) <= max(a_k, m), where a_k is the argument with the greatest upper end and m the greatest upper end of the others:
convex in a_k, so its chord need only be enough at the two ends. Both lines are a_k where it is never below another.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from ..functions.max import Max
from ..linear_proof.numbers import UNIT, Bounds, Lines, above, finite
from ..types import BoolArray, FloatArray, IntArray


def bounds(function: Max, lower: list[FloatArray], upper: list[FloatArray]) -> Bounds:
    """Of the value."""
    return reduce(np.maximum, lower), reduce(np.maximum, upper)


def undecided(function: Max, lower: list[FloatArray], upper: list[FloatArray]) -> BoolArray:
    """Where tighter bounds of the arguments would help."""
    low, rest, _, _ = leader(*stacked(lower, upper))
    return np.asarray(~(low >= rest))


def lines(function: Max, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None) -> Lines:
    """See :class:`Lines`."""
    low, high = stacked(lower, upper)
    low_first, rest, high_first, first = leader(low, high)
    decided = low_first >= rest
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        start = np.maximum(low_first, rest)
        slope = np.clip((high_first - start) / (high_first - low_first), 0.0, 1.0)
        end = np.maximum(high_first, rest)
        slope, offset = finite(slope, above(slope, [(low_first, start), (high_first, end)]), end)
        order = np.argsort(low / 2 + high / 2, axis=0)
    slope, offset = np.where(decided, 1.0, slope), np.where(decided, 0.0, offset)
    best, second = np.where(decided, first, order[-1]), order[-min(2, len(order))]
    single = decided | (best == second)
    share = np.where(single, 0.0, 0.0 if tilt is None else tilt)
    # 1 - t is off by a unit, relatively, where it rounds
    slack = np.where((share > 0) & (share < 1), 2 * UNIT * np.maximum(np.abs(low), np.abs(high)).max(axis=0), 0.0)
    mixed = [(1.0 - share) * (best == place) + share * (second == place) * ~single for place in range(len(low))]
    return Lines(mixed, -slack, [slope * (first == place) for place in range(len(low))], offset)


def stacked(lower: list[FloatArray], upper: list[FloatArray]) -> Bounds:
    """All bounds, arguments first."""
    return np.stack(np.broadcast_arrays(*lower)), np.stack(np.broadcast_arrays(*upper))


def leader(low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """The argument that may be greatest: its lower end, the others' greatest upper end, its own, and its place."""
    first = np.argmax(high, axis=0)
    own = np.arange(len(high)).reshape(-1, *[1] * (high.ndim - 1)) == first
    rest = np.where(own, -np.inf, high).max(axis=0)
    pick = first[None]
    return np.take_along_axis(low, pick, 0)[0], rest, np.take_along_axis(high, pick, 0)[0], first
