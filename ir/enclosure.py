"""What a network does in real arithmetic, enclosed in float64 intervals at given points: for functions without exact
values (sigmoid, tanh), and as the fast way where exact rationals would grow large.

guarantee: the exact value of every computed block at every point lies in the interval

With n = ``Affine.roundings``, float64 sums of products are off by at most gamma_n = n u / (1 - n u) times the sum of
their magnitudes, u = 2^-53 (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1), and by half
the least positive number for each product that underflows. Over [m - r, m + r] that sum is at most
|A| (|m| + r) + |c|, itself computed with such an error, hence gamma_2n below. Functions bound themselves
(``Function.interval``): selections exactly, others by an ulp, sigmoid and tanh by 8 units in the last place of the
library's value.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .affine import Affine
from .blocks import Fn
from .order import Solved, computed
from .problem import Problem
from .types import FloatArray, Values

UNIT = 2.0**-53
TINY = 5e-324
"""The least positive float64, twice the error of a product that underflows."""

Ends = tuple[FloatArray, FloatArray]
"""Lower and upper ends [B, n]."""


def enclose(problem: Problem, free: Values) -> dict[str, Ends]:
    """Ends of all blocks at points ``free`` (block -> finite numbers [B, n]); infinite where float64 overflows."""
    found: dict[str, Ends] = {name: (values, values) for name, values in free.items()}
    for step in computed(problem):
        if isinstance(step, Fn):
            found[step.output] = enclose_function(step, found)
        else:
            found[step.name] = enclose_solved(step, found)
    return found


def enclose_function(fn: Fn, box: Mapping[str, Ends]) -> Ends:
    """A function block; widened by an ulp where the function rounds."""
    lower = [arg.pick(box[arg.variable][0]) for arg in fn.args]
    upper = [arg.pick(box[arg.variable][1]) for arg in fn.args]
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = fn.function.interval(lower, upper)
    return outward(low, high) if fn.function.rounds else settled(low, high)


def enclose_solved(step: Solved, box: Mapping[str, Ends]) -> Ends:
    """What an affine layer defines."""
    low, high = enclose_affine(step.affine, box, step.reading)
    if step.plain:
        return low, high
    with np.errstate(over="ignore", invalid="ignore"):
        ends = low / step.divisor, high / step.divisor
    low, high = np.minimum(*ends), np.maximum(*ends)
    for _ in range(1 if step.reading == "dyadic" else 3):  # the divisor itself is off by half an ulp
        low, high = outward(low, high)
    return low, high


def enclose_affine(affine: Affine, box: Mapping[str, Ends], reading: str = "dyadic") -> Ends:
    """Ends [B, m] of an affine map whose numbers stand under ``reading``; B is 1 where it reads no block."""
    terms = affine.roundings + 8
    least = TINY * 4 * (terms + sum(operator.shape[1] for operator in affine.parts.values()))
    with np.errstate(over="ignore", invalid="ignore"):
        balls = {name: ball(*box[name]) for name in affine.parts}
        reach = {name: np.abs(centre) + radius for name, (centre, radius) in balls.items()}
        middle = affine.value({name: centre for name, (centre, _) in balls.items()})
        error = affine.magnitude(reach) * (2 * terms * UNIT / (1 - 2 * terms * UNIT) * (1 + 8 * UNIT)) + least
        for name, operator in affine.parts.items():
            error = error + operator.absolute(balls[name][1])
        if reading != "dyadic":  # the float nearest to a number: relative 2^-53, below the normal range absolute
            error = error + TINY * (1.0 + sum(part.sum(axis=1, keepdims=True) for part in reach.values()))
        error = np.nextafter(error, np.inf)
        return outward(middle - error, middle + error)


def ball(low: FloatArray, high: FloatArray) -> Ends:
    """Centre and radius; the radius is rounded up, so that the ball contains the interval."""
    centre = np.where(low == high, low, low / 2 + high / 2)
    radius = np.maximum(high - centre, centre - low)
    return centre, np.where(radius == 0.0, 0.0, np.nextafter(radius, np.inf))


def outward(low: FloatArray, high: FloatArray) -> Ends:
    """Each end moved by one float; infinite where a number is missing."""
    with np.errstate(over="ignore"):
        return settled(np.nextafter(low, -np.inf), np.nextafter(high, np.inf))


def settled(low: FloatArray, high: FloatArray) -> Ends:
    """Infinite ends in place of NaN."""
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
