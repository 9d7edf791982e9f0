"""Rows with integer coefficients and an integer right-hand side.

rewrites: every linear row, under its reading (simplest rational, decimal, dyadic), into an integer row with the same
feasible set where that can be proved; otherwise outward (the set grows) or inward (it shrinks), or refuses
needs: finite bounds only where a row can't be scaled exactly
adds: nothing; rows that are always true are dropped
guarantee: same, kept where every row is exact or proved equivalent; outward (grows, bounded), inward (shrinks, bounded)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ...ir.blocks import Block, Guard, Lin
from ...ir.errors import Diagnostic, Infeasible, Refused
from ...ir.guarantee import Guarantee
from ...ir.ledger import Note
from ...ir.operators.csr import Csr
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.types import BoolArray, FloatArray
from ..rounding import NormalizedRows, normalize
from ..stacked import stacked_rows

GUARANTEES = {
    "outward": Guarantee("grows", "bounded", np.inf),
    "inward": Guarantee("shrinks", "bounded", np.inf),
}


@dataclass(frozen=True)
class NormalizeRows:
    """``mode``: what to do with a row that no integer row equals: ``exact`` refuses, ``outward``, ``inward`` round."""

    mode: str = "exact"

    removes: ClassVar[tuple[str, ...]] = ("fractional-rows",)

    def run(self, problem: Problem) -> Step:
        blocks: list[Block] = []
        notes: list[Note] = []
        refused: list[Diagnostic] = []
        errors: dict[str, float] = {}
        guarantee = Guarantee()
        for block in problem.blocks:
            if not isinstance(block, Lin) or block.defines is not None:
                blocks.append(block)
                continue
            rows = self._normalize(problem, block)
            refused += refusals(block, rows)
            lost = np.isin(rows.kind, ("outward", "inward"))
            if lost.any():
                errors[block.name] = float(rows.error[lost].max())
                guarantee = guarantee.then(GUARANTEES[self.mode])
            if not refused:
                blocks += self._rebuilt(problem, block, rows)
                notes += noted(block, rows)
        if refused:
            raise Refused(refused)
        result = Guarantee(guarantee.feasible, guarantee.optimum, guarantee.objective_error, errors)
        return Step(problem.with_blocks(blocks), guarantee=result, ledger=tuple(notes))

    def _normalize(self, problem: Problem, block: Lin) -> NormalizedRows:
        lower, upper = problem.stack_bounds()
        integer = np.concatenate([np.full(v.size, v.discrete) for v in problem.vars.values()])
        matrix = stacked_rows(problem, [block])
        return normalize(matrix, block.rhs, block.sense, lower, upper, integer, block.reading, self.mode)

    def _rebuilt(self, problem: Problem, block: Lin, rows: NormalizedRows) -> list[Block]:
        guarded = np.zeros(block.size, dtype=bool) if block.guard is None else block.guard.index >= 0
        never = (rows.kind == "never") & ~guarded
        if never.any():
            label = block.labels()[int(np.flatnonzero(never)[0])]
            raise Infeasible(f"row {label} can't be satisfied by any point within the bounds", row=label)
        keep = np.flatnonzero(rows.kind != "always")
        if not len(keep):
            return []
        ranged = self._least(block, rows, keep)
        matrix = rows.matrix[keep]
        parts = {}
        for name in block.parts:
            start = problem.starts[name]
            part = Csr.of(matrix[:, start : start + problem.vars[name].size])
            if part.nnz:
                parts[name] = part
        return [
            replace(
                block, parts=parts, rhs=rows.rhs[keep], reading="dyadic", guard=taken(block.guard, keep), least=ranged,
                pattern=block.pattern if len(keep) == block.size else None,
            )
        ]  # fmt: skip

    @staticmethod
    def _least(block: Lin, rows: NormalizedRows, keep: np.ndarray) -> FloatArray | None:
        if block.least is None:
            return None
        raise Refused(f"rows {block.name!r} are ranged before normalisation", hint="state a ranged row as two rows")


def taken(guard: Guard | None, keep: np.ndarray) -> Guard | None:
    return None if guard is None else Guard(guard.variable, guard.index[keep], guard.value[keep])


def refusals(block: Lin, rows: NormalizedRows) -> list[Diagnostic]:
    """One diagnostic per refused row, naming it and the way out."""
    found = np.flatnonzero(rows.kind == "refused")
    labels = block.labels()
    hint = "round it outward or inward with normalize-rows{mode=outward}, or write its numbers with fewer digits"
    return [
        Diagnostic("inexact-row", f"{block.origin + ': ' if block.origin else ''}row {labels[i]}: {rows.reason[i]}", hint=hint)
        for i in found[:10]
    ]


def noted(block: Lin, rows: NormalizedRows) -> list[Note]:
    """What happened to the rows of one block."""
    notes = []
    for kind in ("equivalent", "outward", "inward", "always"):
        hit: BoolArray = rows.kind == kind
        if hit.any():
            loss = kind in ("outward", "inward")
            amount = float(rows.error[hit].max()) if loss else 0.0
            words = {"equivalent": "integer row proved equivalent", "always": "row always true, dropped"}
            notes.append(Note("normalize-rows", words.get(kind, f"row rounded {kind}"), block.name, int(hit.sum()), amount,
                              "of the row's units" if loss else "", loss))  # fmt: skip
    return notes
