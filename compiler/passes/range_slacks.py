"""Rows with two sides as equalities with one bounded slack.

rewrites: low <= a.x <= high over integers, stated as one row or as two rows with opposite coefficients, into
  a.x + s == high with 0 <= s <= high - low
  (no slack where the sides meet). A side that the bounds imply is dropped, a row with only a lower side is negated
needs: integer rows (``normalize-rows``), no guards on ranged rows (``guards-to-big-m``)
adds: an integer slack block and an equality block for each row block that has such rows
guarantee: same feasible set, optimum kept; raises Infeasible where the sides contradict each other

A half-step slack holds the lower side of a ranged row only up to one unit, and two rows would take two slacks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ...ir.affine import Affine
from ...ir.blocks import Block, Lin, Var
from ...ir.definition import Quotient
from ...ir.errors import Infeasible, Refused
from ...ir.ledger import Note
from ...ir.lift.complete import Complete
from ...ir.lifting import Lift, Record
from ...ir.operator import Operator
from ...ir.operators.code import Code
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.types import BoolArray, FloatArray, IntArray
from ..rows.groups import row_groups
from ..rows.system import RowSystem
from .drop_rows import tightest


@dataclass(frozen=True)
class RangeSlacks:
    """No options."""

    removes: ClassVar[tuple[str, ...]] = ()
    adds: ClassVar[tuple[str, ...]] = ("int",)

    def run(self, problem: Problem) -> Step:
        chosen = [lin for lin in problem.lins.values() if lin.defines is None and lin.sense == "<="]
        if not chosen:
            return Step(problem)
        system = RowSystem.of(problem, chosen).snapped()
        ranged = (system.guard >= 0) & np.isfinite(system.low)
        for row in np.flatnonzero(ranged)[:1].tolist():
            raise Refused(f"row {system.label(row)} is ranged and guarded", hint="run guards-to-big-m first")
        sides = Sides.of(problem, system)
        number = {lin.name: k for k, lin in enumerate(chosen)}
        blocks: list[Block] = []
        records: list[Record] = []
        notes: list[Note] = []
        for block in problem.blocks:
            mine = system.block == number.get(block.name, -1)
            if not isinstance(block, Lin) or not sides.changed[mine].any():
                blocks.append(block)
                continue
            part = sides.take(mine)
            blocks += part.one_sided(block)
            made, record = part.two_sided(problem, block)
            blocks += made
            records += record
            notes.append(Note("range-slacks", "rows with two sides", block.name, int(part.both.sum())))
        return Step(problem.with_blocks(blocks), Lift(tuple(records)), ledger=tuple(notes)) if notes else Step(problem)


@dataclass(frozen=True, eq=False)
class Sides:
    """What holds a row [m]: ``low`` and ``high``, infinite where the bounds imply them; ``gone`` into another row."""

    low: FloatArray
    high: FloatArray
    gone: BoolArray
    changed: BoolArray

    @classmethod
    def of(cls, problem: Problem, system: RowSystem) -> Sides:
        plain = system.activity(*problem.stack_bounds())
        fit = system.integral & (system.guard < 0)
        low = np.where(fit & (system.low <= plain[0]), -np.inf, system.low)
        high = np.where(fit & (system.high >= plain[1]) & np.isfinite(low), np.inf, system.high)
        upper, lower = opposite(system, fit, low, high)
        low[upper] = -high[lower]
        gone = np.zeros(system.size, dtype=np.bool_)
        gone[lower] = True
        for row in np.flatnonzero(low > high)[:1].tolist():
            raise Infeasible(
                f"row {system.label(row)} and its opposite can't both be satisfied: at least {low[row]:.17g} and at "
                f"most {high[row]:.17g}", row=system.label(row), least=float(low[row]), rhs=float(high[row]),
            )  # fmt: skip
        return cls(low, high, gone, gone | (low != -np.inf) & fit | (low != system.low))

    def take(self, mine: BoolArray) -> Sides:
        return Sides(self.low[mine], self.high[mine], self.gone[mine], self.changed[mine])

    @property
    def both(self) -> BoolArray:
        """Rows that become equalities."""
        return self.changed & np.isfinite(self.low) & np.isfinite(self.high) & ~self.gone

    def one_sided(self, lin: Lin) -> list[Block]:
        """The other rows, turned round where only the lower side is left."""
        index = np.flatnonzero(~self.both & ~self.gone)
        if not len(index):
            return []
        turn = np.where(np.isfinite(self.low[index]) & self.changed[index], -1.0, 1.0)
        parts = {name: operator.rows(index) for name, operator in lin.parts.items()}
        if (turn < 0).any():
            parts = {name: operator.scaled(turn) for name, operator in parts.items()}
        rhs = np.where(turn < 0, -self.low[index], self.high[index])
        guard = lin.guard and replace(lin.guard, index=lin.guard.index[index], value=lin.guard.value[index])
        kept = None if lin.least is None else np.where(self.changed[index], -np.inf, self.low[index])
        least = kept if kept is not None and np.isfinite(kept).any() else None
        return [replace(lin, parts=parts, rhs=rhs, guard=guard, least=least, pattern=None)]

    def two_sided(self, problem: Problem, lin: Lin) -> tuple[list[Block], list[Record]]:
        """Equalities with slacks where the sides differ."""
        index = np.flatnonzero(self.both)
        if not len(index):
            return [], []
        width, high = (self.high - self.low)[index], self.high[index]
        parts: dict[str, Operator] = {name: operator.rows(index) for name, operator in lin.parts.items()}
        name, spare = problem.fresh(f"{lin.name}.range"), problem.fresh(f"{lin.name}.spare")
        loose = np.flatnonzero(width > 0)
        made: list[Block] = []
        records: list[Record] = []
        if len(loose):
            room = Affine(high, {key: operator.scaled(-1.0) for key, operator in parts.items()}).rows(loose)
            records.append(Complete(spare, Quotient(room, 1.0, np.zeros(len(loose)), width[loose])))
            made.append(Var.of(spare, "int", (len(loose),), 0.0, width[loose], origin=f"slack:{lin.name}"))
            parts[spare] = Code(loose, np.ones(len(loose)), len(index))
        origin = lin.origin or f"range:{lin.name}"
        return [*made, Lin(name, parts, "==", high, lin.reading, origin=origin)], records


def opposite(system: RowSystem, fit: BoolArray, low: FloatArray, high: FloatArray) -> tuple[IntArray, IntArray]:
    """Pairs a.x <= b (``upper``) and -a.x <= c (``lower``) of one-sided rows, the tightest of each kind."""
    group, sign = row_groups(system)
    single = fit & np.isinf(low) & np.isfinite(high)
    count = int(group.max(initial=-1)) + 1
    plain = np.zeros(system.size, dtype=np.bool_)
    most, upper = tightest(group, count, np.where(single & (sign > 0), high, np.inf), high, plain)
    least, lower = tightest(group, count, np.where(single & (sign < 0), high, np.inf), high, plain)
    found = np.isfinite(most) & np.isfinite(least)
    return upper[found], lower[found]
