"""Function blocks as linear rows and binaries.

rewrites: every function block that the chosen form knows (``compiler/piecewise/<form>.py``); others stay
needs: finite bounds of the arguments (``bound-intervals``)
adds: rows; binaries for the pieces, which the lift computes from the arguments going down and drops going up
guarantee: that of the form; ``big-m`` (relu): same feasible set, optimum kept; ``jumps`` (sign) and ``lines`` (any
  function): the feasible set grows
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...ir.blocks import Block, Fn, Var
from ...ir.guarantee import Guarantee
from ...ir.ledger import Note
from ...ir.lifting import Lift, Record
from ...ir.problem import Problem
from ...ir.registry import Registry
from ...ir.step import Step
from ..piecewise_form import PiecewiseForm

FORMS = Registry("isinglass.compiler.piecewise", "piecewise form")


@dataclass(frozen=True)
class EncodeActivations:
    """``form``: name of a file in ``compiler/piecewise/``."""

    form: str = "big-m"

    removes: ClassVar[tuple[str, ...]] = ("fn",)
    adds: ClassVar[tuple[str, ...]] = ("lin", "bin")

    def run(self, problem: Problem) -> Step:
        form: PiecewiseForm = FORMS[self.form]()
        records: list[Record] = []
        notes: list[Note] = []
        current, guarantee = problem, Guarantee()
        for fn in problem.fns.values():
            if not form.knows(fn.function):
                continue
            pieces = form.encode(current, fn)
            current = replaced(current, fn, pieces.blocks)
            records += pieces.records
            notes += pieces.ledger
            guarantee = guarantee.then(pieces.guarantee)
        return Step(current, Lift(tuple(records)), guarantee, tuple(notes))


def replaced(problem: Problem, fn: Fn, blocks: tuple[Block, ...]) -> Problem:
    """New blocks at the function's place; variables that the problem has already are replaced where they stand."""
    again = {block.name: block for block in blocks if isinstance(block, Var) and block.name in problem.vars}
    new = [block for block in blocks if block.name not in again]
    result: list[Block] = []
    for block in problem.blocks:
        result += new if block is fn else [again.get(block.name, block)]
    return problem.with_blocks(result)
