"""Variables with equal bounds leave the problem.

rewrites: elements with lower == upper into constants; needs: integer rows; adds: the remaining elements as a new block
guarantee: same, kept
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ...ir.affine import Affine
from ...ir.blocks import Var
from ...ir.errors import Refused
from ...ir.ledger import Note
from ...ir.lift.fix import Fix
from ...ir.lifting import Lift, Record
from ...ir.operators.code import Code
from ...ir.problem import Problem
from ...ir.step import Step
from ..substitute import substitute


@dataclass(frozen=True)
class FixVariables:
    """Blocks that function blocks or guards read at fixed elements stay as they are."""

    removes: ClassVar[tuple[str, ...]] = ("bounds",)

    def run(self, problem: Problem) -> Step:
        records: list[Record] = []
        notes: list[Note] = []
        for var in problem.vars.values():
            fixed = var.lower == var.upper
            if not fixed.any():
                continue
            free = np.flatnonzero(~fixed)
            value = np.where(fixed, var.lower, 0.0)
            into = problem.fresh(f"{var.name}.free")
            rest = Var(into, var.domain, (len(free),), var.lower[free], var.upper[free], f"free:{var.name}")
            parts = {into: Code(free, np.ones(len(free)), var.size)} if len(free) else {}
            try:
                problem = substitute(problem, var.name, Affine(value, parts), [rest] if len(free) else [])
            except Refused:
                continue
            records.append(Fix(var.name, into, free, value))
            notes.append(Note("fix-variables", "fixed", var.name, int(fixed.sum()), unit="variables"))
        return Step(without_empty_rows(problem), Lift(tuple(records)), ledger=tuple(notes))


def without_empty_rows(problem: Problem) -> Problem:
    """Row blocks keep their rows; parts whose coefficients all fell on fixed elements go."""
    blocks = []
    for block in problem.blocks:
        if block.name in problem.lins:
            lin = problem.lins[block.name]
            block = replace(lin, parts={k: op for k, op in lin.parts.items() if op.nnz})
        blocks.append(block)
    return problem.with_blocks(blocks)
