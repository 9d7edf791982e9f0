"""Function blocks replaced by linear bounds: whose offsets pay for all rounding of the pass that uses them.

In a pass that bounds ``L h`` from above with h = f(a), positive and negative parts P, N of L give the coefficients
``P us + N ls`` of a and add ``P uo + N lo`` to the constant. Per unit of |L| the roundings add up to at most

* ``|slope| (gamma(dup + 3) R + toll)`` for every argument: its product, the sum over elements that are read ``dup``
  times, with |a| <= R, and all that the step behind a will round;
* ``gamma(k + 4) |offset|`` for the sum of k terms and for widening the offset.

That is added to the upper offset and taken from the lower one, with a little more for errors of second order. Nothing
is added where nothing rounds (an offset and slopes of 0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..blocks import Arg, Fn
from ..registry import Registry, key_of
from ..types import BoolArray, FloatArray, IntArray
from .numbers import SLACK, Bounds, Lines, gamma

PROOF_LINES = Registry("isinglass.ir.proof_lines", "function with proved lines")


@dataclass(frozen=True, eq=False)
class Relaxed:
    """Lines of a function block, widened; arrays [B or 1, k]."""

    fn: Fn
    lines: Lines

    def pick(self, index: IntArray | slice) -> Relaxed:
        """Some of the boxes."""
        lines = self.lines
        return Relaxed(self.fn, Lines(
            [slope[index] for slope in lines.lower_slopes], lines.lower_offset[index],
            [slope[index] for slope in lines.upper_slopes], lines.upper_offset[index],
        ))  # fmt: skip


def function_bounds(fn: Fn, bounds: Mapping[str, Bounds]) -> Bounds:
    """Of the values of a function block."""
    lower, upper = picked(fn, bounds)
    rules = rules_of(fn)
    if rules is not None:
        found: Bounds = rules.bounds(fn.function, lower, upper)
        return found
    low, high = fn.function.interval(lower, upper)
    return (np.nextafter(low, -np.inf), np.nextafter(high, np.inf)) if fn.function.rounds else (low, high)


def function_undecided(fn: Fn, bounds: Mapping[str, Bounds]) -> BoolArray:
    """Where tighter bounds of the arguments of a function block would help, [B, k]."""
    lower, upper = picked(fn, bounds)
    rules = rules_of(fn)
    if rules is not None:
        return np.asarray(rules.undecided(fn.function, lower, upper), dtype=np.bool_)
    return np.asarray(np.logical_or.reduce([low < high for low, high in zip(lower, upper, strict=True)]))


def relax(
    fn: Fn, bounds: Mapping[str, Bounds], toll: Mapping[str, FloatArray], tilt: FloatArray | None
) -> Relaxed:
    """Lines of a function block over bounds of its arguments, widened by what a pass through them rounds."""
    lower, upper = picked(fn, bounds)
    rules = rules_of(fn)
    if rules is not None:
        lines: Lines = rules.lines(fn.function, lower, upper, tilt)
    else:
        low, high = function_bounds(fn, bounds)
        none = [np.zeros_like(low) for _ in fn.args]
        lines = Lines(none, low, none, high)
    up, down = np.abs(lines.upper_offset), np.abs(lines.lower_offset)
    sums = gamma(up.shape[-1] + 4)
    up, down = sums * up, sums * down
    with np.errstate(over="ignore", invalid="ignore"):
        for place, arg in enumerate(fn.args):
            price = gamma(repeats(arg) + 3) * np.maximum(np.abs(lower[place]), np.abs(upper[place]))
            if arg.variable in toll:
                price = price + arg.pick(toll[arg.variable])
            up = up + np.abs(lines.upper_slopes[place]) * price
            down = down + np.abs(lines.lower_slopes[place]) * price
        top, bottom = lines.upper_offset + SLACK * up, lines.lower_offset - SLACK * down
    return Relaxed(fn, Lines(lines.lower_slopes, bottom, lines.upper_slopes, top))


def picked(fn: Fn, bounds: Mapping[str, Bounds]) -> tuple[list[FloatArray], list[FloatArray]]:
    """Bounds of each argument [B, k]."""
    both = [(arg, *bounds[arg.variable]) for arg in fn.args]
    return [arg.pick(low) for arg, low, _ in both], [arg.pick(high) for arg, _, high in both]


def repeats(arg: Arg) -> int:
    """How often an element is read at the most."""
    return 1 if arg.index is None or not len(arg.index) else int(np.bincount(arg.index).max())


def rules_of(fn: Fn) -> Any:
    """The module with the lines of a block's function, None where there is none."""
    kind = type(fn.function)
    return rules_in(key_of(kind), kind.__module__)


@cache
def rules_in(key: str, module: str) -> Any:
    """For a function of ours only, not for another one whose file has the same name."""
    own = module == f"isinglass.ir.functions.{key.replace('-', '_')}"
    return PROOF_LINES.module(key) if own and key in PROOF_LINES else None
