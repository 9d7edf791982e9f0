"""Bounds of computed blocks by interval propagation.

rewrites: lower and upper bounds of the variable blocks that affine layers and functions compute, moved inward to
  integers where these are integer
needs: finite bounds of the free blocks that they are computed from
guarantee: same feasible set, optimum kept (bounds are rounded outward, see compiler/bounds/interval.py); raises
  Infeasible where a stated bound contradicts them
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ...ir.blocks import Block, Fn, Var
from ...ir.errors import Infeasible, Refused
from ...ir.ledger import Note
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.types import FloatArray
from ..bounds.interval import Interval
from ..networks.view import NetView


@dataclass(frozen=True)
class BoundIntervals:
    """No options."""

    removes: ClassVar[tuple[str, ...]] = ()
    adds: ClassVar[tuple[str, ...]] = ()

    def run(self, problem: Problem) -> Step:
        view = NetView.of(problem)
        check_finite(view)
        bounds = Interval().bounds(view, view.box())
        blocks: list[Block] = []
        notes: list[Note] = []
        for block in problem.blocks:
            if isinstance(block, Var) and block.name not in view.free:
                lower, upper = (end[0] for end in bounds[block.name])
                if block.discrete:
                    lower, upper = np.ceil(lower), np.floor(upper)
                check_not_crossed(block, lower, upper)
                width = float((upper - lower).max(initial=0.0))
                notes.append(Note("bound-intervals", "bounded by intervals", block.name, block.size, width, "widest"))
                block = replace(block, lower=lower, upper=upper)
            blocks.append(block)
        return Step(problem.with_blocks(blocks) if notes else problem, ledger=tuple(notes))


def check_finite(view: NetView) -> None:
    """Refuse free blocks with infinite bounds, naming the first element."""
    reads: set[str] = set()
    for step in view.steps:
        reads |= {arg.variable for arg in step.args} if isinstance(step, Fn) else set(step.affine.parts)
    for name in view.free:
        var = view.problem.vars[name]
        open_ = np.flatnonzero(~(np.isfinite(var.lower) & np.isfinite(var.upper)))
        if name in reads and open_.size:
            raise Refused(
                f"{var.labels()[open_[0]]} is unbounded, so nothing computed from it has bounds",
                code="infinite-bound", hint="state bounds for the inputs of the network",
            )  # fmt: skip


def check_not_crossed(var: Var, lower: FloatArray, upper: FloatArray) -> None:
    """Raise Infeasible where no value is left."""
    crossed = np.flatnonzero(lower > upper)
    if crossed.size:
        place = int(crossed[0])
        label, least, most = var.labels()[place], float(lower[place]), float(upper[place])
        raise Infeasible(
            f"{label} can't be at most {most:.6g}: what it is computed from makes it at least {least:.6g}",
            row=label, least=least, rhs=most, hint="check the bounds stated for it",
        )  # fmt: skip


