"""Interval propagation: each block's bounds from the bounds of what it is computed from, rounded outward.

needs: finite bounds of the free blocks
guarantee: every exact value lies inside, and so does every float64 evaluation, in whatever order its sums are taken

z = A x + c over x in [m - r, m + r] lies in A m + c -+ |A| r. In float64 a sum of n products is off by at most
gamma_n = n u / (1 - n u) times the sum of their magnitudes, u = 2^-53 (Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., section 3.1), plus 2^-1075 for each product that underflows. With n terms in all, gamma_2n times
|A| (|m| + r) + |c| covers A m, |A| r and the computed magnitude itself, since gamma_n / (1 - gamma_n) <= gamma_2n.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...ir.affine import Affine
from ...ir.blocks import Fn
from ...ir.order import Solved
from ...ir.types import FloatArray
from ..networks.view import BatchBox, NetView

UNIT = 2.0**-53
TINY = 5e-324
"""The least positive float64, twice the error of a product that underflows."""

Bounds = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class Interval:
    """No options."""

    def bounds(self, view: NetView, box: BatchBox) -> dict[str, Bounds]:
        """Bounds [B, n] of every block from those of the free ones, met with the bounds that the blocks state.

        Bounds that cross (lower > upper) say that the sub-box has no point.
        """
        found: dict[str, Bounds] = dict(box)
        for step in view.steps:
            name = step.output if isinstance(step, Fn) else step.name
            low, high = function_interval(step, found) if isinstance(step, Fn) else solved_interval(step, found)
            stated = view.problem.vars[name]
            found[name] = np.maximum(low, stated.lower), np.minimum(high, stated.upper)
        return found


def function_interval(fn: Fn, box: Mapping[str, Bounds]) -> Bounds:
    """Bounds of a function block; widened by an ulp where the function rounds."""
    lower = [arg.pick(box[arg.variable][0]) for arg in fn.args]
    upper = [arg.pick(box[arg.variable][1]) for arg in fn.args]
    low, high = fn.function.interval(lower, upper)
    return outward(low, high) if fn.function.rounds else (low, high)


def solved_interval(step: Solved, box: Mapping[str, Bounds]) -> Bounds:
    """Bounds of what an affine layer defines."""
    low, high = affine_interval(step.affine, box, step.reading)
    if step.plain:
        return low, high
    with np.errstate(over="ignore", invalid="ignore"):
        ends = low / step.divisor, high / step.divisor
    low, high = np.minimum(*ends), np.maximum(*ends)
    for _ in range(1 if step.reading == "dyadic" else 3):  # the divisor itself is off by half an ulp
        low, high = outward(low, high)
    return low, high


def affine_interval(affine: Affine, box: Mapping[str, Bounds], reading: str = "dyadic") -> Bounds:
    """Bounds [B, m] of an affine map over a box, its numbers under ``reading``; infinite where a bound is."""
    batch = max((len(box[name][0]) for name in affine.parts), default=1)
    middle = np.tile(affine.offset, (batch, 1))
    spread, size, reached = np.zeros_like(middle), np.tile(np.abs(affine.offset), (batch, 1)), np.zeros((batch, 1))
    terms = 8  # the sums between parts, the offset, the rounding of m and r
    with np.errstate(over="ignore", invalid="ignore"):
        for name, operator in affine.parts.items():
            centre, radius = ball(*box[name])
            reach = np.abs(centre) + radius
            middle += operator.apply(centre)
            spread += operator.absolute(radius)
            size += operator.absolute(reach)
            reached += reach.sum(axis=1, keepdims=True)
            terms += operator.shape[1] + 2
        if reading != "dyadic":  # the float nearest to a number: relative 2^-53, below the normal range absolute
            terms += 2
            size_error = TINY * (reached + 1.0)
        else:
            size_error = np.zeros((batch, 1))
        return around(middle, spread, error_of(size, terms) + size_error)


def error_of(size: FloatArray, terms: int) -> FloatArray:
    """A bound of the rounding errors of sums of ``terms`` products with magnitudes that add up to ``size``."""
    gamma = 2 * terms * UNIT / (1 - 2 * terms * UNIT)
    return size * (gamma * (1 + 8 * UNIT)) + 4 * terms * TINY


def ball(lower: FloatArray, upper: FloatArray) -> Bounds:
    """Centre and radius of intervals; the radius is rounded up, so that the ball contains the interval."""
    centre = np.where(lower == upper, lower, lower / 2 + upper / 2)
    radius = np.maximum(np.maximum(upper - centre, centre - lower), 0.0)
    return centre, np.where(radius == 0.0, 0.0, np.nextafter(radius, np.inf))


def around(middle: FloatArray, spread: FloatArray, error: FloatArray) -> Bounds:
    """middle -+ (spread + error), rounded outward; infinite where a number is missing."""
    with np.errstate(over="ignore", invalid="ignore"):
        radius = np.nextafter(spread + error, np.inf)
        low, high = outward(middle - radius, middle + radius)
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def outward(low: FloatArray, high: FloatArray) -> Bounds:
    """Each end moved by one float."""
    return np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
