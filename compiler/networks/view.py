"""The network inside a problem, extracted once: forward values, gradients, and what bounds work on, for batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ...ir.blocks import Fn
from ...ir.gradient import pullback
from ...ir.order import Step, computed, free_blocks
from ...ir.problem import Problem
from ...ir.types import FloatArray, Values

BatchBox = Mapping[str, tuple[FloatArray, FloatArray]]
"""Bounds of blocks for many sub-boxes at once: name -> (lower [B, n], upper [B, n])."""


@dataclass(frozen=True, eq=False)
class NetView:
    """``steps`` compute blocks in order from the blocks ``free``."""

    problem: Problem
    steps: tuple[Step, ...]
    free: tuple[str, ...]

    @classmethod
    def of(cls, problem: Problem) -> NetView:
        """Raises :class:`~isinglass.ir.errors.InputError` where blocks are computed in a circle or twice."""
        return cls(problem, computed(problem), free_blocks(problem))

    @cached_property
    def products(self) -> int:
        """Products of numbers that one pass forward takes."""
        return sum(op.nnz for step in self.steps if not isinstance(step, Fn) for op in step.affine.parts.values())

    def box(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """The stated bounds of the free blocks, as a batch of one."""
        bounds = self.problem.box
        return {name: (bounds[name][0][None], bounds[name][1][None]) for name in self.free}

    def forward(self, free: Values) -> dict[str, FloatArray]:
        """All blocks from the free ones, in float64; each [B, n]."""
        values = dict(free)
        for step in self.steps:
            if isinstance(step, Fn):
                values[step.output] = step.function.value([arg.pick(values[arg.variable]) for arg in step.args])
            else:
                result = step.affine.value(values)
                values[step.name] = result if step.plain else result / step.divisor
        return values

    def backward(self, values: Values, seeds: Values) -> dict[str, FloatArray]:
        """Gradients [B, n] by every block of sum over ``seeds`` of seed * block; ``values`` as from :meth:`forward`."""
        return pullback(self.problem, values, seeds)
