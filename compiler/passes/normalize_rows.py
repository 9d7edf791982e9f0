"""Rows with integer coefficients and an integer right-hand side.

rewrites: every row, linear or polynomial, under its reading (simplest rational, decimal, dyadic), into an integer row
with the same feasible set where that can be proved; otherwise outward (the set grows) or inward (it shrinks), refuses,
  or keeps the block as it is (for MILP solvers, which take floats)
needs: finite bounds only where a row can't be scaled exactly
adds: nothing; rows that are always true are dropped
guarantee: same, kept where every row is exact or proved equivalent; outward (grows, bounded), inward (shrinks, bounded)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, TypeGuard

import numpy as np
from scipy import sparse

from ...ir.blocks import Block, Guard, Lin, Poly
from ...ir.errors import Diagnostic, Infeasible, Refused, UsageError
from ...ir.guarantee import Guarantee
from ...ir.ledger import Note
from ...ir.operators.csr import Csr
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.types import BoolArray
from ..rows.polynomial import MonomialRows, from_rows, monomial_rows
from ..rows.rounding import NormalizedRows, normalize
from ..rows.stacked import stacked_rows

MODES = ("exact", "outward", "inward", "keep")
GUARANTEES = {
    "outward": Guarantee("grows", "bounded", np.inf),
    "inward": Guarantee("shrinks", "bounded", np.inf),
}


@dataclass(frozen=True)
class NormalizeRows:
    """``mode``: for a row that no integer row equals: ``exact`` refuses, ``outward`` and ``inward`` round, ``keep``
    keeps.

    ``largest``: greatest coefficient of an integer row (smaller ones need fewer slack bits, and more rounding).
    """

    mode: str = "exact"
    largest: float = 2.0**31

    removes: ClassVar[tuple[str, ...]] = ("fractional-rows",)

    def run(self, problem: Problem) -> Step:
        if self.mode not in MODES:
            raise UsageError(f"mode {self.mode!r} is not known", hint=", ".join(MODES))
        blocks: list[Block] = []
        notes: list[Note] = []
        refused: list[Diagnostic] = []
        errors: dict[str, float] = {}
        guarantee = Guarantee()
        for block in problem.blocks if self.mode == "keep" else one_sided(problem):
            if not is_row(block) or (isinstance(block, Lin) and block.least is not None and self.mode == "keep"):
                blocks.append(block)
                continue
            result = self._normalize(problem, block)
            trouble = refusals(block, result.rows)
            if trouble and self.mode == "keep":
                blocks.append(block)
                continue
            refused += trouble
            lost = np.isin(result.rows.kind, ("outward", "inward"))
            if lost.any():
                errors[block.name] = float(result.rows.error[lost].max())
                guarantee = guarantee.then(GUARANTEES[self.mode])
            if not refused:
                blocks += rebuilt(problem, block, result)
                notes += noted(block, result.rows)
        if refused:
            raise Refused(refused)
        total = Guarantee(guarantee.feasible, guarantee.optimum, guarantee.objective_error, errors)
        return Step(problem.with_blocks(blocks), guarantee=total, ledger=tuple(notes))

    def _normalize(self, problem: Problem, block: Lin | Poly) -> Result:
        assert block.rhs is not None and block.sense is not None
        mode = "exact" if self.mode == "keep" else self.mode
        if isinstance(block, Poly):
            form = monomial_rows(problem, block)
            args = form.matrix, form.rhs, block.sense, form.lower, form.upper, form.integer
            return Result(normalize(*args, form.reading, mode, self.largest), form)
        lower, upper = problem.stack_bounds()
        integer = np.concatenate([np.full(v.size, v.discrete) for v in problem.vars.values()])
        args = stacked_rows(problem, [block]), block.rhs, block.sense, lower, upper, integer
        return Result(normalize(*args, block.reading, mode, self.largest))


@dataclass(frozen=True, eq=False)
class Result:
    """Normalised rows, and for polynomials the monomials that are their columns."""

    rows: NormalizedRows
    form: MonomialRows | None = None


def is_row(block: Block) -> TypeGuard[Lin | Poly]:
    """Whether a block holds rows to normalise: not the definition of a block (a layer), no objective, no penalty."""
    if isinstance(block, Poly):
        return block.role == "constraint"
    return isinstance(block, Lin) and block.defines is None


def rebuilt(problem: Problem, block: Lin | Poly, result: Result) -> list[Block]:
    """The block with its integer rows, always-true rows left out."""
    rows = result.rows
    guarded = np.zeros(block.size, dtype=bool) if block.guard is None else block.guard.index >= 0
    never = rows.kind == "never"
    if (never & ~guarded).any():
        label = block.labels()[int(np.flatnonzero(never & ~guarded)[0])]
        raise Infeasible(f"row {label} can't be satisfied by any point within the bounds", row=label)
    keep = np.flatnonzero(rows.kind != "always")
    if not len(keep):
        return []
    # a guarded row that can never hold stays as 0 <= -1 (0 == 1): it forces its guard
    matrix = rows.matrix if len(keep) == block.size else rows.matrix[keep]
    if never.any():
        matrix = sparse.csr_array(sparse.diags_array((~never[keep]).astype(np.float64)) @ matrix)
    rhs = np.where(never, -1.0 if block.sense == "<=" else 1.0, rows.rhs)[keep]
    guard = taken(block.guard, keep)
    if isinstance(block, Poly):
        assert result.form is not None
        return [replace(from_rows(block, result.form, matrix, rhs), guard=guard)]
    parts = {}
    for name in block.parts:
        start = problem.starts[name]
        part = Csr.of(matrix[:, start : start + problem.vars[name].size])
        if part.nnz:
            parts[name] = part
    pattern = block.pattern if len(keep) == block.size else None
    return [replace(block, parts=parts, rhs=rhs, reading="dyadic", guard=guard, pattern=pattern)]


def one_sided(problem: Problem) -> list[Block]:
    """All blocks, ranged rows as two rows each: an integer row that replaces one side says nothing of the other."""
    blocks: list[Block] = []
    for block in problem.blocks:
        if not isinstance(block, Lin) or block.least is None or block.defines is not None:
            blocks.append(block)
            continue
        index = np.flatnonzero(np.isfinite(block.least))
        blocks.append(replace(block, least=None))
        parts = {name: operator.rows(index).scaled(-1.0) for name, operator in block.parts.items()}
        lower = replace(block, name=problem.fresh(f"{block.name}.least"), parts=parts, rhs=-block.least[index],
                        guard=taken(block.guard, index), least=None, pattern=None)  # fmt: skip
        blocks += [lower] if len(index) else []
    return blocks


def taken(guard: Guard | None, keep: np.ndarray) -> Guard | None:
    return None if guard is None else Guard(guard.variable, guard.index[keep], guard.value[keep])


def refusals(block: Lin | Poly, rows: NormalizedRows) -> list[Diagnostic]:
    """One diagnostic per refused row, naming it and the way out."""
    found = np.flatnonzero(rows.kind == "refused")
    labels = block.labels()
    hint = "round it outward or inward with normalize-rows{mode=outward}, or write its numbers with fewer digits"
    return [
        Diagnostic(
            "inexact-row",
            f"{block.origin + ': ' if block.origin else ''}row {labels[i]}: {rows.reasons[int(i)]}",
            hint=hint,
        )
        for i in found[:10]
    ]


def noted(block: Lin | Poly, rows: NormalizedRows) -> list[Note]:
    """What happened to the rows of one block."""
    notes = []
    for kind in ("equivalent", "outward", "inward", "always"):
        hit: BoolArray = rows.kind == kind
        if hit.any():
            loss = kind in ("outward", "inward")
            amount = float(rows.error[hit].max()) if loss else 0.0
            words = {"equivalent": "integer row proved equivalent", "always": "row always true, dropped"}
            text = words.get(kind, f"row rounded {kind}")
            unit = "of the row's units" if loss else ""
            notes.append(Note("normalize-rows", text, block.name, int(hit.sum()), amount, unit, loss))
    return notes
