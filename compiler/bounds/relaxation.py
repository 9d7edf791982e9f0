"""A network whose functions are replaced by lines over boxes, and what float64 arithmetic on it may be off by.

needs: bounds of all blocks that are read
guarantee: what compiler/bounds/backward.py makes of a row bounds it at every point of a box, in real arithmetic

A backward pass holds rows ``sum_blocks coef . block + constant``, each an upper bound of what was asked, off by at
most ``error`` at any values that the network takes on the box. ``slack`` [B, n] of a block says how much error the next
steps may add for each unit of a coefficient on it, so one dot product per affine layer accounts for all rounding:

- an affine layer z = (A h + b) / d: the new coefficients c A and the constant c . b are off by
  gamma |c| (|A| |h| + |b|);
- a function between lines: off by a few units of |c| (slopes |a| + offsets), and by what the slack of its arguments
  says, since |new coefficient| <= |c| max |slope|;
- a free block: the sum over its box is off by gamma |c| |x|.

g(k) = 2 k u stands for gamma_k = k u / (1 - k u), which leaves room for the rounding of the magnitudes themselves
(Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1). Products that underflow add less than
``underflow`` [B] to a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from ...ir.blocks import Fn
from ...ir.function import Function
from ...ir.lines import Lines
from ...ir.order import Solved
from ...ir.types import FloatArray
from ..networks.view import NetView
from .interval import TINY, UNIT, Bounds


def g(count: float) -> float:
    """At least gamma_count, about twice over."""
    return 2.0 * count * UNIT


class Relaxation:
    """Grows step by step as bounds become known in ``box``; :meth:`of` takes all steps at once.

    ``lines`` by the block that the function computes, arrays [B, k] or, with slopes of their own for each row of a
    pass, [B, r, k]. ``slack`` by block [B, n], ``underflow`` [B or 1].
    """

    def __init__(self, view: NetView, box: Mapping[str, Bounds]) -> None:
        self.view = view
        self.box = dict(box)
        self.lines: dict[str, Lines] = {}
        self.slack: dict[str, FloatArray] = {}
        self.underflow: FloatArray = np.zeros(1)
        self._reads = Counter(name for step in view.steps for name in sources(step))
        for name in view.free:
            self.underflow = self.underflow + 4 * TINY * self.box[name][0].shape[1]
            self._set(name, g(2 * self.box[name][0].shape[1] + 16) * self.reach(name))

    @classmethod
    def of(cls, view: NetView, box: Mapping[str, Bounds], tilts: Mapping[str, FloatArray] | None = None) -> Relaxation:
        """Over boxes of all blocks; ``tilts``: output block of a function -> [B or 1, k] or [B or 1, r, k]."""
        found = cls(view, box)
        for step in view.steps:
            if isinstance(step, Fn):
                found.add_function(step, (tilts or {}).get(step.output))
            else:
                found.add_affine(step)
        return found

    @property
    def batch(self) -> int:
        return max(len(low) for low, _ in self.box.values())

    def reach(self, name: str) -> FloatArray:
        """The greatest magnitude of each element [B, n]."""
        low, high = self.box[name]
        return np.maximum(np.abs(low), np.abs(high))

    def add_affine(self, step: Solved) -> None:
        """The bounds of what the step reads and computes have to be known, here and below."""
        affine = step.affine
        size, total = np.abs(affine.offset)[None], np.ones((1, 1))
        with np.errstate(over="ignore", invalid="ignore"):
            for name, operator in affine.parts.items():
                reach = self.reach(name)
                size = size + operator.absolute(reach)
                total = total + reach.sum(axis=1, keepdims=True)
            terms = sum(op.shape[1] for op in affine.parts.values()) + affine.size + 16
            slack = g(terms) * size
            if step.reading != "dyadic":  # the float nearest to a number: relative 2^-53, below the normal range TINY
                slack = slack + g(2) * size + TINY * total
            if not step.plain:
                slack = (slack + g(8) * size) / np.abs(step.divisor)
            self._set(step.name, slack)
            self.underflow = self.underflow + 4 * terms * TINY * total[:, 0]

    def add_function(self, fn: Fn, tilt: FloatArray | None = None) -> None:
        lines = lines_of(fn, self.box, tilt)
        self.lines[fn.output] = lines
        k, total = lines.upper_offset.shape[-1], np.ones((1, 1))
        with np.errstate(over="ignore", invalid="ignore"):
            slack = over_rows(g(k + 8) * (np.abs(lines.upper_offset) + np.abs(lines.lower_offset)))
            for arg, one, two in zip(fn.args, lines.lower_slopes, lines.upper_slopes, strict=True):
                repeats = 1 if arg.index is None else int(np.bincount(arg.index).max(initial=1))
                steep = over_rows(np.maximum(np.abs(one), np.abs(two)))
                reach = arg.pick(self.reach(arg.variable))
                slack = slack + steep * (g(16 + repeats) * reach + 1.001 * arg.pick(self.slack[arg.variable]))
                total = total + reach.sum(axis=1, keepdims=True)
            self._set(fn.output, slack)
            self.underflow = self.underflow + 4 * (k + 16) * TINY * total[:, 0]

    def _set(self, name: str, slack: FloatArray) -> None:
        """With the additions in which what several steps contribute to a block is added up."""
        self.slack[name] = slack + g(self._reads[name] + 4) * self.reach(name)


def sources(step: Solved | Fn) -> list[str]:
    """The blocks that a step reads, once for each time."""
    return [arg.variable for arg in step.args] if isinstance(step, Fn) else list(step.affine.parts)


def lines_of(fn: Fn, box: Mapping[str, Bounds], tilt: FloatArray | None) -> Lines:
    """Lines of a function block over boxes; a tilt [B, r, k] gives arrays of that shape."""
    low, high = ([arg.pick(box[arg.variable][side]) for arg in fn.args] for side in (0, 1))
    if tilt is not None and tilt.ndim == 3:
        low, high = ([side[:, None, :] for side in sides] for sides in (low, high))
    function: Function = fn.function
    return function.lines(low, high, tilt)


def over_rows(values: FloatArray) -> FloatArray:
    """The greatest over the rows of a pass: [B, k] from [B, k] or [B, r, k]."""
    return np.asarray(values.max(axis=1)) if values.ndim == 3 else values
