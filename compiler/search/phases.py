"""Which argument of a function to split, and where: at a kink, so that the function is linear on both sides.

A split promises what the lines of the function cost a row: the coefficient on the output times the widest gap between
the function and the line that the coefficient's sign picks. For relu with a positive coefficient that is the offset of
its upper line, the measure of Bunel et al. It decides the order of a search only.

source: Bunel et al., Branch and Bound for Piecewise Linear Neural Network Verification, JMLR 21, 2020 (BaBSR)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...ir.blocks import Fn
from ...ir.types import FloatArray, IntArray
from ..bounds.interval import Bounds
from ..bounds.relaxation import lines_of
from ..networks.view import NetView

BELOW = 0.3
"""How much a gap below counts against one above: other lines may close it without a split."""
DECIDED = 1e-9
"""Gaps of no more than this, relative to the argument, are rounding."""
SHARES = (0.0, 0.5, 1.0)
"""Where gaps are measured besides the kinks."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """A split for each of N boxes, arrays [N], or several, [N, K]: ``block`` (number of a name), ``element``,
    ``value``; a split is worth nothing where its ``promise`` is 0."""

    block: IntArray
    element: IntArray
    value: FloatArray
    promise: FloatArray

    def pick(self, index: IntArray) -> Chosen:
        """One of the splits of each box: number ``index`` [N] of those in [N, K]."""
        each = np.arange(len(index))
        return Chosen(
            self.block[each, index], self.element[each, index], self.value[each, index], self.promise[each, index]
        )


@dataclass(frozen=True, eq=False)
class Phases:
    """The arguments of the functions of ``view``, and the input block ``inputs``."""

    view: NetView
    inputs: str

    @cached_property
    def functions(self) -> list[Fn]:
        return [step for step in self.view.steps if isinstance(step, Fn)]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Blocks that are split; the inputs are the first."""
        return tuple(dict.fromkeys([self.inputs, *(arg.variable for fn in self.functions for arg in fn.args)]))

    def choose(
        self, box: Mapping[str, Bounds], kept: Mapping[str, FloatArray], tilts: Mapping[str, FloatArray], count: int = 1
    ) -> Chosen:
        """The most promising splits of each box, best first, arrays [N, K] with K <= ``count``.

        ``kept``: coefficients [N, k] on the outputs of functions.
        """
        scores, places, values = [], [], []
        for fn in self.functions:
            if fn.output not in kept:
                continue
            score = self.promise(fn, kept[fn.output], tilts.get(fn.output), box)
            for arg in fn.args:
                low, high = (np.broadcast_to(arg.pick(side), score.shape) for side in box[arg.variable])
                value = split_value(fn.function.kinks, low, high)
                fine = (low < value) & (value < high)
                index = np.arange(low.shape[1]) if arg.index is None else arg.index
                scores.append(np.where(fine, score, 0.0))
                values.append(value)
                places.append(np.stack([np.full(len(index), self.names.index(arg.variable)), index]))
        if not scores:
            none = np.zeros((max(len(low) for low, _ in box.values()), 1))
            return Chosen(none.astype(np.int64), none.astype(np.int64), none, none)
        table, place = np.hstack(scores), np.hstack(places)
        best = np.argsort(-table, axis=1, kind="stable")[:, :count]
        value, promise = (np.take_along_axis(array, best, axis=1) for array in (np.hstack(values), table))
        return Chosen(place[0, best], place[1, best], value, promise)

    def promise(
        self, fn: Fn, coef: FloatArray, tilt: FloatArray | None, box: Mapping[str, Bounds]
    ) -> FloatArray:
        """What the lines cost, [N, k]."""
        if len(fn.args) > 1:
            low, high = box[fn.output]
            return np.asarray(np.abs(coef) * (high - low))
        (arg,) = fn.args
        lines = lines_of(fn, box, tilt)
        low, high = (np.broadcast_to(arg.pick(side), coef.shape) for side in box[arg.variable])
        above, below = np.zeros(coef.shape), np.zeros(coef.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            points = [low + share * (high - low) for share in SHARES]
            points += [np.clip(kink, low, high) for kink in fn.function.kinks]
            for point in points:
                value = fn.function.value([point])
                above = np.fmax(above, lines.upper_slopes[0] * point + lines.upper_offset - value)
                below = np.fmax(below, value - lines.lower_slopes[0] * point - lines.lower_offset)
            size = 1.0 + np.fmax(np.abs(low), np.abs(high))
            above, below = (np.where(gap > DECIDED * size, gap, 0.0) for gap in (above, below))
        other = np.fmin(-low, high) if fn.function.kinks else below
        below = np.fmin(below, np.fmax(other, 0.0))
        return np.where(coef > 0, coef * above, -coef * below * BELOW)


def split_value(kinks: tuple[float, ...], low: FloatArray, high: FloatArray) -> FloatArray:
    """The kink inside an interval that is nearest to its middle, else the middle."""
    middle = low / 2 + high / 2
    found, distance = middle, np.full(low.shape, np.inf)
    for kink in kinks:
        nearer = (low < kink) & (kink < high) & (np.abs(kink - middle) < distance)
        found, distance = np.where(nearer, kink, found), np.where(nearer, np.abs(kink - middle), distance)
    return found
