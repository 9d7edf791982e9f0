"""Linear bounds of rows and their derivatives by what may be chosen: tilts, multipliers of splits, weights of rows.

needs: bounds of all blocks
guarantee: none; plain float arithmetic for a search whose result is computed again (compiler/bounds/optimise.py)

N problems at once. Each bounds from above the combination ``sum_r weights[r] row_r``. Once every function is one of its
lines, the greatest value is attained at a corner of the box, and by the envelope theorem the derivative of the bound by
a parameter is that of the linear expression there: coefficient times d line / d tilt at the argument's value, the
split's own value for a multiplier, the row's value for a weight. So a derivative costs one pass forward.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ...ir.blocks import Fn
from ...ir.lines import Lines
from ...ir.sums import sum_rows
from ...ir.types import BoolArray, FloatArray, IntArray
from ..networks.view import NetView
from .interval import Bounds
from .relaxation import lines_of
from .splits import Splits

DIFFERENCE = 1e-4
"""Step of difference quotients by a tilt."""


@dataclass(eq=False)
class Parameters:
    """``tilts``: output block of a function -> [N, k]; ``multipliers`` [N, D]; ``weights`` [N, R], adding up to 1."""

    tilts: dict[str, FloatArray]
    multipliers: FloatArray
    weights: FloatArray

    def arrays(self) -> dict[str, FloatArray]:
        return {**self.tilts, "*": self.multipliers, "+": self.weights}

    def pick(self, index: IntArray | BoolArray) -> Parameters:
        tilts = {name: array[index] for name, array in self.tilts.items()}
        return Parameters(tilts, self.multipliers[index], self.weights[index])

    def store(self, index: IntArray | BoolArray, other: Parameters) -> None:
        """Overwrite some of the problems."""
        for mine, given in zip(self.arrays().values(), other.arrays().values(), strict=True):
            mine[index] = given


@dataclass(frozen=True, eq=False)
class Problems:
    """``rows``: block -> coefficients [N, R, n], ``constant`` [N, R] (-inf: no row here); ``box``: [N or 1, n]."""

    view: NetView
    box: Mapping[str, Bounds]
    rows: Mapping[str, FloatArray]
    constant: FloatArray
    splits: Splits

    @property
    def count(self) -> int:
        return len(self.constant)

    def pick(self, index: IntArray | BoolArray) -> Problems:
        """Some of the problems."""
        box = {name: sides if len(sides[0]) == 1 else (sides[0][index], sides[1][index])
               for name, sides in self.box.items()}  # fmt: skip
        rows = {name: array[index] for name, array in self.rows.items()}
        return Problems(self.view, box, rows, self.constant[index], self.splits.pick(index))


@dataclass(frozen=True, eq=False)
class Chosen:
    """The lines that a function became: ``slopes`` of each argument and ``offset`` [N, k], by the sign of ``coef``, and
    their derivatives by the tilt."""

    coef: FloatArray
    slopes: list[FloatArray]
    offset: FloatArray
    slope_rates: list[FloatArray]
    offset_rate: FloatArray

    @classmethod
    def of(cls, coef: FloatArray, lines: Lines, rate: Lines) -> Chosen:
        up = coef > 0

        def pick(both: Lines) -> tuple[list[FloatArray], FloatArray]:
            slopes = [np.where(up, a, b) for a, b in zip(both.upper_slopes, both.lower_slopes, strict=True)]
            return slopes, np.where(up, both.upper_offset, both.lower_offset)

        return cls(coef, *pick(lines), *pick(rate))


class Relaxed:
    """The problems with what does not change while their parameters do."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.places = {name: problems.splits.places(name) for name in problems.splits.names}
        self.sign = problems.splits.sign
        self.constant = np.where(np.isfinite(problems.constant), problems.constant, 0.0)
        self._sizes: dict[str, FloatArray] | None = None
        self.ends: dict[str, tuple[Lines, Lines]] = {}
        for fn in problems.view.steps:
            if isinstance(fn, Fn) and fn.function.straight:
                shape = problems.box[fn.output][0].shape
                zero, one = (lines_of(fn, problems.box, np.full(shape, tilt)) for tilt in (0.0, 1.0))
                self.ends[fn.output] = zero, combine(one, zero, lambda a, b: a - b)

    def evaluate(self, at: Parameters) -> tuple[FloatArray, Parameters]:
        """Bounds [N] and their derivatives."""
        weights = np.where(np.isfinite(self.problems.constant), at.weights, 0.0)
        coef = {name: np.einsum("nr,nrk->nk", weights, rows) for name, rows in self.problems.rows.items()}
        signed = self.sign * at.multipliers
        constant = (weights * self.constant).sum(axis=1) - (signed * self.problems.splits.value).sum(axis=1)
        chosen: dict[str, Chosen] = {}
        for step in reversed(self.problems.view.steps):
            name = step.output if isinstance(step, Fn) else step.name
            here = self.pulled(coef, name, signed)
            if here is None:
                continue
            if isinstance(step, Fn):
                chosen[name] = Chosen.of(here, *self.lines(step, at.tilts[name]))
                constant += self.through_function(step, chosen[name], coef)
            else:
                here = here if step.plain else here / step.divisor
                constant += here @ step.affine.offset
                for source, operator in step.affine.parts.items():
                    add(coef, source, operator.adjoint(here))
        values: dict[str, FloatArray] = {}
        for name in self.problems.view.free:
            low, high = self.problems.box[name]
            here = self.pulled(coef, name, signed)
            values[name] = low if here is None else np.where(here > 0, high, low)
            constant += 0.0 if here is None else (here * values[name]).sum(axis=1)
        return constant, self.derivatives(at, chosen, values)

    def scale(self, at: Parameters) -> FloatArray:
        """For each split, the size of coefficients on its block [N, D]: the unit of its multiplier."""
        found = np.ones_like(at.multipliers)
        if found.size:
            self._sizes = {}
            self.evaluate(at)
            for name, (problem, depth, element) in self.places.items():
                size = self._sizes[name]
                found[problem, depth] = size[problem, element] + size.mean(axis=1)[problem] + 1e-6
            self._sizes = None
        return found

    def pulled(self, coef: dict[str, FloatArray], name: str, signed: FloatArray) -> FloatArray | None:
        """The coefficients on a block, taken out, with the multiples of splits there; None where there is none."""
        here = coef.pop(name, None)
        if name not in self.places:
            return here
        problem, depth, element = self.places[name]
        if here is None:
            here = np.zeros((self.problems.count, self.problems.box[name][0].shape[1]))
        if self._sizes is not None:
            self._sizes[name] = np.abs(here)
        np.add.at(here, (problem, element), signed[problem, depth])
        return here

    def lines(self, fn: Fn, tilt: FloatArray) -> tuple[Lines, Lines]:
        """Lines and their derivatives by the tilt."""
        if fn.output in self.ends:
            base, rate = self.ends[fn.output]
            return combine(base, rate, lambda a, b: a + tilt * b), rate
        step = np.where(tilt > 0.5, -DIFFERENCE, DIFFERENCE)
        here, there = (lines_of(fn, self.problems.box, tilt + move) for move in (np.zeros(1), step))
        return here, combine(there, here, lambda a, b: (a - b) / step)

    def through_function(self, fn: Fn, chosen: Chosen, coef: dict[str, FloatArray]) -> FloatArray:
        """Put in the lines of a function; returns what that adds to the constant [N]."""
        for arg, slope in zip(fn.args, chosen.slopes, strict=True):
            part = chosen.coef * slope
            if arg.index is not None:
                part = sum_rows(part, arg.index, self.problems.box[arg.variable][0].shape[1])
            add(coef, arg.variable, part)
        return np.asarray((chosen.coef * chosen.offset).sum(axis=1))

    def derivatives(
        self, at: Parameters, chosen: Mapping[str, Chosen], values: dict[str, FloatArray]
    ) -> Parameters:
        """One pass forward through the chosen lines, from the points where the bounds are attained."""
        tilts: dict[str, FloatArray] = {name: np.zeros_like(array) for name, array in at.tilts.items()}
        for step in self.problems.view.steps:
            if isinstance(step, Fn) and step.output in chosen:
                one = chosen[step.output]
                args = [arg.pick(values[arg.variable]) for arg in step.args]
                values[step.output] = sum_products(one.slopes, args, one.offset)
                tilts[step.output] = one.coef * sum_products(one.slope_rates, args, one.offset_rate)
            elif not isinstance(step, Fn) and step.affine.parts.keys() <= values.keys():
                result = step.affine.value(values)
                values[step.name] = result if step.plain else result / step.divisor
        multipliers = np.zeros_like(at.multipliers)
        for name, (problem, depth, element) in self.places.items():
            here = np.broadcast_to(values[name], (self.problems.count, values[name].shape[1]))
            multipliers[problem, depth] = here[problem, element] - self.problems.splits.value[problem, depth]
        rows = self.constant.copy()
        for name, part in self.problems.rows.items():
            rows += np.einsum("nrk,nk->nr", part, np.broadcast_to(values[name], (len(rows), part.shape[2])))
        return Parameters(tilts, multipliers * self.sign, rows)


def add(coef: dict[str, FloatArray], name: str, part: FloatArray) -> None:
    coef[name] = coef[name] + part if name in coef else part


def sum_products(slopes: list[FloatArray], args: list[FloatArray], offset: FloatArray) -> FloatArray:
    """sum_i slopes[i] args[i] + offset."""
    total = offset
    for slope, arg in zip(slopes, args, strict=True):
        total = total + slope * arg
    return total


def combine(one: Lines, other: Lines, rule: Callable[[FloatArray, FloatArray], FloatArray]) -> Lines:
    """Lines of the numbers of two, put together one by one."""
    sides = [
        [rule(a, b) for a, b in zip(mine, given, strict=True)]
        for mine, given in ((one.lower_slopes, other.lower_slopes), (one.upper_slopes, other.upper_slopes))
    ]
    offsets = rule(one.lower_offset, other.lower_offset), rule(one.upper_offset, other.upper_offset)
    return Lines(sides[0], offsets[0], sides[1], offsets[1])
