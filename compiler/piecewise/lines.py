"""Any function between two lines: a relaxation without binaries, for functions that no rows describe exactly.

rewrites: y = f(a, b, ...) over the stated bounds as  lower line <= y <= upper line  (``Function.lines``), y bounded
needs: finite bounds of the arguments
adds: rows
guarantee: (grows, bounded); the objective's error is not bounded here. Offsets are rounded outward, slopes are what
  they are, so the rows, read as dyadic, hold in real arithmetic
source: ``ir/functions/<function>.py`` for each function's lines
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...ir.blocks import Fn, Lin
from ...ir.errors import Refused
from ...ir.function import Function
from ...ir.guarantee import Guarantee
from ...ir.ledger import Note
from ...ir.operator import Operator
from ...ir.operators.gather import Gather
from ...ir.operators.identity import Identity
from ...ir.problem import Problem
from ...ir.types import FloatArray
from ..piecewise_form import Pieces

WHO = "encode-activations"
GROWN = Guarantee("grows", "bounded", np.inf)


@dataclass(frozen=True)
class Lines:
    """No options."""

    def knows(self, function: Function) -> bool:
        return True

    def encode(self, problem: Problem, fn: Fn) -> Pieces:
        """See above. Raises :class:`Refused` where an argument is unbounded."""
        target = problem.vars[fn.output]
        low, high = (
            [np.asarray(side[arg.variable] if arg.index is None else side[arg.variable][arg.index]) for arg in fn.args]
            for side in (
                {name: var.lower for name, var in problem.vars.items()},
                {name: var.upper for name, var in problem.vars.items()},
            )
        )
        if not all(np.isfinite(side).all() for side in (*low, *high)):
            message = f"{fn.name!r} has no lines: an argument is unbounded"
            raise Refused(message, code="infinite-bound", hint="run bound-intervals first, or state bounds")
        lines = fn.function.lines(low, high)
        least, most = fn.function.interval(low, high)
        if fn.function.rounds:
            least, most = np.nextafter(least, -np.inf), np.nextafter(most, np.inf)
        bounded = replace(target, lower=np.maximum(target.lower, least), upper=np.minimum(target.upper, most))
        below = self.row(problem, fn, lines.lower_slopes, lines.lower_offset, 1.0)
        above = self.row(problem, fn, lines.upper_slopes, lines.upper_offset, -1.0)
        gap = float((most - least).max(initial=0.0))
        note = Note(WHO, "between two lines", fn.name, target.size, gap, "of the value", True)
        return Pieces((bounded, below, above), (), (note,), GROWN)

    def row(self, problem: Problem, fn: Fn, slopes: list[FloatArray], offset: FloatArray, sign: float) -> Lin:
        """sign * (line - y) <= 0."""
        size = problem.vars[fn.output].size
        parts: dict[str, Operator] = {fn.output: Identity(size, -sign)}
        for arg, slope in zip(fn.args, slopes, strict=True):
            width = problem.vars[arg.variable].size
            index = arg.index if arg.index is not None else np.arange(width)
            operator: Operator = Gather(index, np.array(np.broadcast_to(sign * slope, (size,))), width)
            parts[arg.variable] = parts[arg.variable].plus(operator) if arg.variable in parts else operator
        title = f"{fn.name}.{'below' if sign > 0 else 'above'}"
        rhs = np.array(np.broadcast_to(-sign * offset, (size,)))
        return Lin(title, parts, "<=", rhs, "dyadic", origin=f"line:{fn.name}")
