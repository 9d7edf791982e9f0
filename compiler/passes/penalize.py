"""Rows become penalties, each with a weight that is proved sufficient, kept apart from the objective.

rewrites: integer rows over bounded integers and binaries, and products of two binaries
  ``a.x == b``  ->  (a.x - b)^2
  ``a.x <= b``  ->  (a.x - b + 2s + 1/2)^2 - 1/4, s in 0..floor((b - least)/2): half-step slack, 0 at every feasible
  level
                   and v^2 + v at violation v; no slack variable where b - least <= 1 (at-most-one, x <= y, covers)
                   ``slack=unit``: (a.x - b + s)^2, s in 0..b - least
  ``z = x y``   ->  xy - 2xz - 2yz + 3z
needs: integer rows without guards, polynomials of degree one in rows, no reals
adds: an integer slack block per row block that needs one; one penalty polynomial per row block
guarantee: (grows, kept) with proved weights, (grows, bounded) where float64 energies can't tell all objective values
  apart; (any, any) with weights that were only stated
The weights are proved by the rules in ``compiler/weights/`` (see there for the theorems).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy import sparse

from ...ir.affine import Affine
from ...ir.blocks import Block, Fn, Lin, Poly, Var
from ...ir.definition import Quotient
from ...ir.errors import Infeasible, Refused, UsageError
from ...ir.functions.product import Product
from ...ir.ledger import Note
from ...ir.lift.complete import Complete
from ...ir.lifting import Lift, Record
from ...ir.operator import Operator
from ...ir.operators.code import Code
from ...ir.operators.identity import Identity
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.terms.square import Square
from ...ir.types import FloatArray
from ..penalties.proof import Proposal, check_exact, prove_weights
from ..penalties.rosenberg import rosenberg
from ..pipeline_values import Named
from ..rows.stacked import stacked_rows

STEP = {"half-step": 2.0, "unit": 1.0}


@dataclass(frozen=True)
class Penalize:
    """``slack``: half-step or unit. ``weight``: one stated weight for all rows instead of proofs (0: prove).

    ``rules``: weight rules to try, joined by ``+`` (``auto``: all). ``incumbent``: a known feasible point over the
    problem's layout [n]; ``multipliers``: one per row [m] (any numbers; they can only improve a proof). ``implied``:
    the
    lower ends of ranged rows cut no optimum (``tighten-activity``), so that weights may be proved without them: the
    energy with shortened slacks is nowhere below the one with full slacks, and equal at the optimum that is kept.
    """

    slack: str = "half-step"
    weight: float = 0.0
    rules: str = "auto"
    incumbent: Named | None = None
    multipliers: Named | None = None
    implied: bool = False

    removes: ClassVar[tuple[str, ...]] = ("lin", "fn")
    adds: ClassVar[tuple[str, ...]] = ("int",)

    def run(self, problem: Problem) -> Step:
        if self.slack not in STEP:
            raise UsageError(f"slack {self.slack!r} is not known", hint="half-step or unit")
        check(problem)
        rows = [penalty_rows(problem, lin, self.slack, self.implied) for lin in problem.lins.values()]
        products = [product_penalty(fn, problem.vars[fn.output].size) for fn in problem.fns.values()]
        if not any(row.polynomial.size for row in rows) and not products:
            kept = [block for block in problem.blocks if not isinstance(block, (Lin, Fn))]
            return Step(problem.with_blocks(kept), ledger=dropped(rows))
        proof = prove_weights(problem, rows, products, self)
        check_exact(rows, proof.penalties, problem)
        made: list[Block] = []
        records: list[Record] = []
        for row, penalty in zip([*rows, *products], proof.penalties, strict=True):
            if row.slack is not None and row.record is not None:
                made.append(row.slack)
                records.append(row.record)
            if row.polynomial.size:
                made.append(replace(row.polynomial, penalty=penalty))
        kept = [block for block in problem.blocks if not isinstance(block, (Lin, Fn))]
        notes = dropped(rows) + proof.notes
        return Step(problem.with_blocks([*kept, *made]), Lift(tuple(records)), proof.guarantee, notes)


def check(problem: Problem) -> None:
    """Refuse what this pass can't turn into penalties, naming the pass that should run before."""
    for lin in problem.lins.values():
        if lin.guard is not None and (lin.guard.index >= 0).any():
            raise Refused(f"rows {lin.name!r} are guarded", hint="run guards-to-big-m first")
        if lin.reading != "dyadic" or not np.isfinite(lin.rhs).all() or (lin.rhs % 1).any():
            raise Refused(f"rows {lin.name!r} are not integer rows", hint="run normalize-rows first")
        for name in lin.parts:
            if problem.vars[name].domain not in ("int", "bin"):
                raise Refused(
                    f"rows {lin.name!r} read {name!r}, which is {problem.vars[name].domain}",
                    hint="run grid-reals (for reals) or spin-to-binary (for spins) first",
                )
    for poly in problem.constraints:
        raise Refused(f"constraint {poly.name!r} is a polynomial", hint="run linearize-constraints first")
    for fn in problem.fns.values():
        if not isinstance(fn.function, Product) or len(fn.args) != 2:
            raise Refused(f"function block {fn.name!r} is no product of two binaries", hint="split or encode it first")


def penalty_rows(problem: Problem, lin: Lin, slack: str, implied: bool) -> Proposal:
    """The polynomials of one row block, rows that nothing violates left out."""
    matrix = stacked_rows(problem, [lin])
    lower, upper = problem.stack_bounds()
    plus, minus = matrix.maximum(0), matrix.minimum(0)
    with np.errstate(invalid="ignore"):
        low = np.asarray(plus @ lower + minus @ upper)
        high = np.asarray(plus @ upper + minus @ lower)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        label = lin.labels()[int(np.flatnonzero(~np.isfinite(low + high))[0])]
        raise Refused(f"row {label} has no finite range", hint="give its variables bounds, or run tighten-bounds")
    if lin.sense == "==":
        return equality_rows(lin, matrix, low, high)
    if not implied and slack == "half-step":
        check_ranges(lin, low)
    return inequality_rows(problem, lin, matrix, low, high, slack)


def check_ranges(lin: Lin, low: FloatArray) -> None:
    """Refuse lower sides that a half-step slack holds only up to one unit: an even number below the upper side."""
    if lin.least is None:
        return
    least = np.ceil(lin.least)
    for row in np.flatnonzero((least > low) & ((lin.rhs - least) % 2 == 0))[:1].tolist():
        raise Refused(
            f"row {lin.labels()[row]} has two sides, {least[row]:g} and {lin.rhs[row]:g}, and a half-step slack would "
            f"let {least[row] - 1:g} through",
            hint="run range-slacks first, or use slack=unit",
        )


def equality_rows(lin: Lin, matrix: sparse.csr_array, low: FloatArray, high: FloatArray) -> Proposal:
    wrong = np.flatnonzero((low > lin.rhs) | (high < lin.rhs))
    if len(wrong):
        i = int(wrong[0])
        raise Infeasible(
            f"row {lin.labels()[i]} can't hold: its left side is between {low[i]:g} and {high[i]:g}, "
            f"its right side {lin.rhs[i]:g}",
            row=lin.labels()[i],
        )  # fmt: skip
    keep = np.flatnonzero(low < high)
    inner = Affine(-lin.rhs, dict(lin.parts)).rows(keep)
    poly = Poly(f"{lin.name}.penalty", "penalty", (Square(inner),), np.zeros(len(keep)), origin=f"row:{lin.name}")
    return Proposal(lin.name, keep, poly, matrix, lin.rhs, True, np.full(lin.size, -np.inf), 1.0, 1.0, 0.0)


def inequality_rows(
    problem: Problem, lin: Lin, matrix: sparse.csr_array, low: FloatArray, high: FloatArray, slack: str
) -> Proposal:
    wrong = np.flatnonzero(low > lin.rhs)
    if len(wrong):
        i = int(wrong[0])
        raise Infeasible(
            f"row {lin.labels()[i]} can't hold: its left side is at least {low[i]:g}, its right side {lin.rhs[i]:g}",
            row=lin.labels()[i], least=float(low[i]), rhs=float(lin.rhs[i]),
        )  # fmt: skip
    least = low if lin.least is None else np.maximum(low, np.ceil(lin.least))
    keep = np.flatnonzero((high > lin.rhs) | (least > low))
    step = STEP[slack]
    half = 0.5 if slack == "half-step" else 0.0
    top = np.maximum(np.floor((lin.rhs - least) / step), 0.0)[keep]
    reach = lin.rhs - step * top_of(top, keep, lin.size) - (1.0 if half else 0.0)  # lowest level that costs nothing
    inner = Affine(half - lin.rhs, dict(lin.parts)).rows(keep)
    size = len(keep)
    block, record = None, None
    if top.any():
        needed = np.flatnonzero(top > 0)
        name = problem.fresh(f"{lin.name}.slack")
        block = Var.of(name, "int", (len(needed),), 0.0, top[needed], origin=f"slack:{lin.name}")
        spare = Affine(lin.rhs, {key: op.scaled(-1.0) for key, op in lin.parts.items()}).rows(keep).rows(needed)
        record = Complete(name, Quotient(spare, step, np.zeros(len(needed)), top[needed]))
        inner = Affine(inner.offset, {**inner.parts, name: spread(needed, step, size)})
    constant = np.full(size, -half * half)
    poly = Poly(f"{lin.name}.penalty", "penalty", (Square(inner),), constant, origin=f"row:{lin.name}")
    floor = np.where(reach <= low, -np.inf, reach)
    gap = 2.0 if half else 1.0
    return Proposal(lin.name, keep, poly, matrix, lin.rhs, False, floor, gap, gap, half * half, block, record)


def top_of(top: FloatArray, keep: np.ndarray, size: int) -> FloatArray:
    full = np.zeros(size)
    full[keep] = top
    return full


def spread(needed: np.ndarray, step: float, size: int) -> Operator:
    """Slack k enters row needed[k] with the step as coefficient."""
    if len(needed) == size:
        return Identity(size, step)
    return Code(needed.astype(np.int64), np.full(len(needed), step), size)


def product_penalty(fn: Fn, size: int) -> Proposal:
    """The penalty of the products z = xy that a function block computes."""
    x, y = fn.args
    k = np.arange(size)
    triple = ((fn.output, k), *((arg.variable, k if arg.index is None else arg.index) for arg in (x, y)))
    term = rosenberg(fn.args, fn.output, size)
    poly = Poly(f"{fn.name}.penalty", "penalty", (term,), np.zeros(size), origin=f"product:{fn.name}")
    return Proposal(fn.name, k, poly, None, np.zeros(size), False, np.zeros(size), 1.0, 0.0, 0.0, triple=triple)


def dropped(rows: Sequence[Proposal]) -> tuple[Note, ...]:
    """Rows that no point of the box violates."""
    notes = [(row.source, len(row.rhs) - row.polynomial.size) for row in rows]
    return tuple(Note("penalize", "row always true, no penalty", name, count) for name, count in notes if count)
