"""Rows that say nothing.

rewrites: removes rows that hold everywhere in the box, guarded rows whose guard never has the value, and of rows with
the same coefficients (or the same up to the sign) and the same guard all but the tightest on each side
needs: nothing (rows that aren't integer are judged with outward rounding)
adds: nothing; blocks that define a variable block keep all their rows
guarantee: same feasible set, optimum kept; raises Infeasible where a row, or a pair of such rows, can't be satisfied
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ...ir.blocks import Block, Guard, Lin
from ...ir.errors import Infeasible
from ...ir.ledger import Note
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.types import BoolArray, FloatArray, IntArray
from ..rows.groups import row_groups
from ..rows.system import RowSystem


@dataclass(frozen=True)
class DropRows:
    """No options."""

    removes: ClassVar[tuple[str, ...]] = ()
    adds: ClassVar[tuple[str, ...]] = ()

    def run(self, problem: Problem) -> Step:
        chosen = [lin for lin in problem.lins.values() if lin.defines is None]
        if not chosen:
            return Step(problem)
        system = RowSystem.of(problem, chosen).snapped()
        idle = always_true(system, *problem.stack_bounds())
        covered = ~idle & dominated(system, ~idle)
        blocks: list[Block] = []
        notes: list[Note] = []
        kept = dict(zip([lin.name for lin in chosen], split(~(idle | covered), chosen), strict=True))
        for block in problem.blocks:
            keep = kept.get(block.name)
            if not isinstance(block, Lin) or keep is None or keep.all():
                blocks.append(block)
            elif keep.any():
                blocks.append(take_rows(block, keep))
        for words, mask in (("row always true, dropped", idle), ("row implied by another, dropped", covered)):
            hits = zip(chosen, split(mask, chosen), strict=True)
            notes += [Note("drop-rows", words, lin.name, int(hit.sum())) for lin, hit in hits if hit.any()]
        return Step(problem.with_blocks(blocks) if notes else problem, ledger=tuple(notes))


def split(mask: BoolArray, lins: list[Lin]) -> list[BoolArray]:
    """A mask over all rows, block by block."""
    ends = np.cumsum([lin.size for lin in lins])
    return [mask[end - lin.size : end] for end, lin in zip(ends, lins, strict=True)]


def take_rows(lin: Lin, keep: BoolArray) -> Lin:
    """The block with only some of its rows."""
    index = np.flatnonzero(keep)
    guard = lin.guard and Guard(lin.guard.variable, lin.guard.index[index], lin.guard.value[index])
    least = None if lin.least is None else lin.least[index]
    parts = {name: operator.rows(index) for name, operator in lin.parts.items()}
    return replace(lin, parts=parts, rhs=lin.rhs[index], guard=guard, least=least)


def always_true(system: RowSystem, lower: FloatArray, upper: FloatArray) -> BoolArray:
    """Rows that every point of the box satisfies; raises :class:`Infeasible` for a row that none does."""
    low, high = system.activity(lower, upper)
    never = (low > system.high) | (high < system.low)
    guarded = system.guard >= 0
    off = np.zeros(system.size, bool)
    if guarded.any():
        column = np.maximum(system.guard, 0)
        off = guarded & ((lower[column] > system.value) | (upper[column] < system.value))
        guarded &= ~((lower[column] == system.value) & (upper[column] == system.value))
    for row in np.flatnonzero(never & ~guarded & ~off)[:1].tolist():
        below = bool(low[row] > system.high[row])
        least, side = (low[row], system.high[row]) if below else (-high[row], -system.low[row])
        label = system.label(row)
        above = f"at least {low[row]:.17g}, more than {side:.17g}"
        found = above if below else f"at most {high[row]:.17g}, less than {-side:.17g}"
        raise Infeasible(f"row {label} can't be satisfied: over the bounds of its variables its activity is {found}",
                         row=label, least=float(least), rhs=float(side))  # fmt: skip
    return np.asarray(off | ((low >= system.low) & (high <= system.high)))


def dominated(system: RowSystem, active: BoolArray) -> BoolArray:
    """Active rows that are not the first tightest on either side among the active rows of their group."""
    group, sign = row_groups(system)
    low, high = np.where(sign > 0, system.low, -system.high), np.where(sign > 0, system.high, -system.low)
    low, high = np.where(active, low, -np.inf), np.where(active, high, np.inf)
    count = int(group.max(initial=-1)) + 1
    needed = np.zeros(system.size, bool)
    # ties go to the row that is tight on the other side too, then to one with a pattern, then to the first
    plain = np.array([lin.pattern is None for lin in system.lins] + [True])[system.block]
    floor, lowest = tightest(group, count, -low, high, plain)
    ceiling, highest = tightest(group, count, high, -low, plain)
    for found in np.flatnonzero((-floor > ceiling) & (system.guard[lowest] < 0))[:1].tolist():
        first, second = system.label(int(lowest[found])), system.label(int(highest[found]))
        text = f"rows {first} and {second} bound the same expression by at least {-floor[found]:.17g} and at most "
        raise Infeasible(f"{text}{ceiling[found]:.17g}: no point satisfies both", row=second,
                         least=float(-floor[found]), rhs=float(ceiling[found]))  # fmt: skip
    needed[lowest[np.isfinite(floor)]] = True
    needed[highest[np.isfinite(ceiling)]] = True
    return active & ~needed


def tightest(
    group: IntArray, count: int, side: FloatArray, other: FloatArray, plain: BoolArray
) -> tuple[FloatArray, IntArray]:
    """Least ``side`` of each group and the first row that has it, in order of ``other``, ``plain`` and place."""
    order = np.lexsort((np.arange(len(side)), plain, other, side, group))
    first = order[np.searchsorted(group[order], np.arange(count))]
    return side[first], first
