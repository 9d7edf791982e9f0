"""A row that keeps the objective at or below a known value.

rewrites: nothing
needs: a linear objective; ``value``, which a known feasible point has, in the sense in which the IR minimises
adds: the row ``cutoff``: objective <= value
guarantee: (shrinks, kept): points worse than the value are cut. The optimum stays as long as some feasible point has
  the value, which is the caller's word. Unless whole numbers make float64 exact, the right-hand side is raised by what
  a value computed in float64 may be off
Bound tightening and MILP solvers gain from the row; for a QUBO, ``tighten-activity`` does without a slack for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from ...ir.blocks import Lin
from ...ir.errors import Refused, UsageError
from ...ir.guarantee import Guarantee
from ...ir.ledger import Note
from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.problem import Problem
from ...ir.step import Step
from ..rows.safe_dual import SafeDual
from ..rows.system import RowSystem


@dataclass(frozen=True)
class ObjectiveCutoff:
    """``value``: greatest objective value to keep."""

    value: float = np.inf

    removes: ClassVar[tuple[str, ...]] = ()
    adds: ClassVar[tuple[str, ...]] = ("lin",)

    def run(self, problem: Problem) -> Step:
        if not np.isfinite(self.value):
            raise UsageError("objective-cutoff needs a value", hint="write objective-cutoff{value=12}")
        dual = SafeDual.of(problem, RowSystem.of(problem), self.value)
        parts: dict[str, Operator] = {}
        for name, start in problem.starts.items():
            cost = dual.cost[start : start + problem.vars[name].size]
            if cost.any():
                parts[name] = Csr.of(sparse.csr_array(cost[None]))
        if not np.isfinite(dual.limit):
            raise Refused("the objective reads unbounded variables: how far its float64 values are off is not known",
                          code="infinite-bound", hint="give them bounds, or run tighten-bounds first")  # fmt: skip
        if not parts:
            return Step(problem)
        row = Lin(problem.fresh("cutoff"), parts, "<=", np.array([dual.limit]), "dyadic", origin="cutoff:objective")
        words = "optimum-preserving: points worse than the incumbent's value are cut"
        note = Note("objective-cutoff", words, row.name, 1, self.value, "(cutoff)")
        return Step(problem.with_blocks([*problem.blocks, row]), guarantee=Guarantee("shrinks", "kept"), ledger=(note,))
