"""The greatest of any number of arguments: pooling windows, disjunctions.

Lines: below, ``(1 - tilt) a_i + tilt a_j`` of the two arguments with the greatest middles (by default tilt 0); above,
max(a) <= max(a_k, m) with k the argument that may be greatest and m the bound of the others, so the chord of that
convex function of a_k. Both are a_k where it is never below another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import lcm

import numpy as np

from ..exact import Exact
from ..function import Function
from ..lines import TINY, UNIT, Lines, guarded, offset_above, share
from ..types import FloatArray


@dataclass(frozen=True)
class Max(Function):
    onnx = ("Max", "MaxPool")
    discrete = True
    rounds = False

    def arity(self, given: int) -> bool:
        return given >= 1

    def value(self, args: list[FloatArray]) -> FloatArray:
        return reduce(np.maximum, args)

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        """All of it to the first argument that attains the maximum."""
        first = np.argmax(np.stack(args), axis=0)
        return [np.where(first == place, seed, 0.0) for place in range(len(args))]

    def interval(self, lower: list[FloatArray], upper: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
        return reduce(np.maximum, lower), reduce(np.maximum, upper)

    def exact(self, args: list[Exact]) -> Exact:
        common = lcm(*(arg.bottom for arg in args))
        return Exact(reduce(np.maximum, [arg.top * (common // arg.bottom) for arg in args]), common)

    def lines(self, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None = None) -> Lines:
        low, high = np.stack(np.broadcast_arrays(*lower)), np.stack(np.broadcast_arrays(*upper))
        places = np.arange(len(low)).reshape(-1, *[1] * (low.ndim - 1))
        first = np.argmax(high, axis=0)
        rest = np.where(places == first, -np.inf, high).max(axis=0)
        low_first, high_first = (np.take_along_axis(side, first[None], axis=0)[0] for side in (low, high))
        decided = low_first >= rest
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            bend = np.maximum(low_first, rest)
            chord = np.clip((high_first - bend) / (high_first - low_first), 0.0, 1.0)
            offset = offset_above(chord, [low_first, high_first], [bend, np.maximum(high_first, rest)])
            slope, offset = guarded(chord, offset, high.max(axis=0))
            order = np.argsort(low / 2 + high / 2, axis=0)  # NaN of boxes without end comes last, any order will do
        slope, offset = np.where(decided, 1.0, slope), np.where(decided, 0.0, offset)
        best, second = np.where(decided, first, order[-1]), order[-min(2, len(order))]
        part = np.where(decided | (best == second), 0.0, share(tilt, np.zeros(())))
        weights = [(1.0 - part) * (place == best) + part * (place == second) for place in places]
        mixed = (part > 0) & (part < 1)  # the two weights may add up to a unit more or less than one
        with np.errstate(invalid="ignore"):
            slack = np.where(mixed, 2 * UNIT * np.maximum(np.abs(low), np.abs(high)).max(axis=0) + TINY, 0.0)
        return Lines(weights, -slack, [slope * (place == first) for place in places], offset)

    def tilt(self, lower: list[FloatArray], upper: list[FloatArray]) -> FloatArray:
        return np.zeros(np.broadcast_shapes(*(side.shape for side in lower)))
