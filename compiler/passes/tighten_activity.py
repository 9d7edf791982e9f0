"""Lower ends of row activities that every point as good as an incumbent has, so that slack ranges shrink.

rewrites: the lower end ``least`` of unguarded integer ``<=`` rows
needs: ``duals`` [m, m + 1], for each of the problem's m rows in order one multiplier for each row and one for the
  objective (any numbers: they are a hint, see ``activity_duals`` in the drivers); a linear objective; ``cutoff``, the
  value that a known feasible point has, in the sense in which the IR minimises; no rows with two sides
  (``range-slacks``)
adds: nothing
guarantee: (shrinks, kept): points worse than the cutoff are cut. The optimum stays as long as the cutoff is the value
  of a feasible point; with ``incumbent`` [n], that point, this is checked here

For multipliers y (of the sign that the row's sense asks for, others are ignored) and w >= 0, every point of the box
with low <= A x <= high and c.x <= v has a_r.x >= min over the box of (a_r + y A + w c).x - y.side - w v: weak duality.
All of it is rounded outward here; the activity being an integer, the bound is then rounded up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ...ir.blocks import Block, Lin
from ...ir.errors import Refused, UsageError
from ...ir.evaluate import evaluate
from ...ir.guarantee import Guarantee
from ...ir.ledger import Note
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.types import FloatArray
from ..pipeline_values import Named
from ..rows.safe_dual import SafeDual
from ..rows.system import RowSystem

CHUNK = 512
"""Rows whose bounds are computed together."""


@dataclass(frozen=True)
class TightenActivity:
    """``duals``, ``cutoff``, ``incumbent``: see the module's text."""

    duals: Named | None = None
    cutoff: float = np.inf
    incumbent: Named | None = None

    removes: ClassVar[tuple[str, ...]] = ()
    adds: ClassVar[tuple[str, ...]] = ()

    def run(self, problem: Problem) -> Step:
        system = RowSystem.of(problem).snapped()
        if self.duals is None or np.shape(self.duals.array) != (system.size, system.size + 1):
            shape = None if self.duals is None else np.shape(self.duals.array)
            text = f"tighten-activity needs duals of shape ({system.size}, {system.size + 1}), got {shape}"
            raise UsageError(text, hint="multipliers for each row of the problem, the objective's last")
        self._check(problem)
        plain, _ = system.activity(*problem.stack_bounds())
        for row in np.flatnonzero((system.low > plain) & (system.low != system.high))[:1].tolist():
            # a lower side that the model asks for would look like one that the cutoff implies
            raise Refused(f"row {system.label(row)} has two sides already", hint="run range-slacks first")
        dual = SafeDual.of(problem, system, self.cutoff)
        table = np.asarray(self.duals.array, dtype=np.float64)
        bound = np.concatenate([dual.bounds(at, table[at]) for at in pieces(system.size)])
        usable = system.integral & (system.guard < 0) & np.isfinite(system.high) & (system.low != system.high)
        least = np.where(usable, np.ceil(bound), -np.inf)
        for row in np.flatnonzero(least > system.high)[:1].tolist():
            text = f"row {system.label(row)} would have to reach {least[row]:.17g}, more than {system.high[row]:.17g}"
            hint = "the cutoff must be the value of a feasible point, in the sense in which the IR minimises"
            raise Refused(f"no feasible point has a value of at most {self.cutoff:.17g}: {text}", hint=hint)
        better = least > np.maximum(plain, system.low)
        return self._step(problem, system, np.where(better, least, -np.inf))

    def _check(self, problem: Problem) -> None:
        """Whether the incumbent, where one is given, is feasible and no worse than the cutoff."""
        if self.incumbent is None:
            return
        point = np.asarray(self.incumbent.array, dtype=np.float64).reshape(1, -1)
        if point.shape[1] != problem.size:
            raise UsageError(f"tighten-activity: the incumbent has {point.shape[1]} values, the problem {problem.size}")
        found = evaluate(problem, problem.unstack(point))
        if not found.feasible[0] or found.minimised[0] > self.cutoff:
            state = "is not feasible" if not found.feasible[0] else f"has the value {found.minimised[0]:.17g}"
            raise Refused(f"tighten-activity: the incumbent {state}, the cutoff is {self.cutoff:.17g}")

    def _step(self, problem: Problem, system: RowSystem, least: FloatArray) -> Step:
        better = np.isfinite(least)
        if not better.any():
            return Step(problem)
        number = {lin.name: k for k, lin in enumerate(system.lins)}
        blocks: list[Block] = []
        notes: list[Note] = []
        for block in problem.blocks:
            mine = system.block == number.get(block.name, -1)
            if isinstance(block, Lin) and better[mine].any():
                old = np.full(block.size, -np.inf) if block.least is None else block.least
                block = replace(block, least=np.maximum(old, least[mine]))
                words = "optimum-preserving: points worse than the incumbent's value are cut, least activities raised"
                if self.incumbent is None:
                    words += "; that a feasible point has this value is the caller's word"
                count = int(better[mine].sum())
                notes.append(Note("tighten-activity", words, block.name, count, self.cutoff, "(cutoff)"))
            blocks.append(block)
        return Step(problem.with_blocks(blocks), guarantee=Guarantee("shrinks", "kept"), ledger=tuple(notes))


def pieces(size: int) -> Iterator[slice]:
    """Cuts that bound the memory; at least one, maybe empty."""
    yield from (slice(first, min(first + CHUNK, size)) for first in range(0, max(size, 1), CHUNK))
