"""Guarded rows as plain rows.

rewrites: a row that binds only where a binary g has value v, over the box of its variables:
  a.x <= b if g = 1  ->  a.x + M g <= b + M        a.x <= b if g = 0  ->  a.x - M g <= b
  with M = max a.x - b; equalities and ranged rows give one row for each side; where g occurs in the row, its value v is
  put in first. Rows that hold everywhere, or whose guard never has the value, are dropped; a guard fixed at v vanishes
needs: finite bounds of the variables in guarded rows; no guarded polynomial rows (``linearize-constraints``)
adds: row blocks ``<name>.most`` and ``<name>.least`` for guarded equalities, ``<name>.least`` for guarded ranged rows
guarantee: same feasible set, optimum kept. On integer rows M is exact; elsewhere it may be rounded up, to few enough
  bits (in decimal and simplest readings: digits) that b + M is a float64. Where no M does that, b + M is rounded up
  too: (grows, bounded) with the row error; in decimal and simplest readings the row is refused
source: Williams, Model Building in Mathematical Programming, section 9.1
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy import sparse

from ...ir.blocks import Block, Lin
from ...ir.errors import Refused
from ...ir.guarantee import Guarantee
from ...ir.ledger import Note
from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.types import BoolArray, FloatArray
from ..rows.dyadic import add_up, coarse_up, decimal_up
from ..rows.exact_sums import exact_sums
from ..rows.system import LeastSums, RowSystem, entry_rows


@dataclass(frozen=True)
class GuardsToBigM:
    """No options."""

    removes: ClassVar[tuple[str, ...]] = ("guard",)
    adds: ClassVar[tuple[str, ...]] = ("lin",)

    def run(self, problem: Problem) -> Step:
        for poly in problem.constraints:
            if poly.guard is not None and (poly.guard.index >= 0).any():
                raise Refused(f"guarded polynomial rows {poly.name!r} have no big-M form",
                              hint="run linearize-constraints first")  # fmt: skip
        blocks: list[Block] = []
        notes: list[Note] = []
        errors: dict[str, float] = {}
        for block in problem.blocks:
            if not isinstance(block, Lin) or block.guard is None:
                blocks.append(block)
                continue
            guarded = Guarded.of(problem, block)
            blocks += guarded.rewritten()
            notes += guarded.notes()
            if guarded.error:
                errors[block.name] = guarded.error
        grown = Guarantee("grows", "bounded", np.inf, errors) if errors else Guarantee()
        return Step(problem.with_blocks(blocks), guarantee=grown, ledger=tuple(notes))


@dataclass(frozen=True, eq=False)
class Side:
    """One side of guarded rows: ``sign`` * a.x + ``big`` g <= ``rhs`` where ``keep``; all arrays [m]."""

    sign: float
    big: FloatArray
    rhs: FloatArray
    error: FloatArray
    keep: BoolArray


@dataclass(frozen=True, eq=False)
class Guarded:
    """A block with guards: its ``plain`` rows, which bind always [m], and both sides of the others."""

    problem: Problem
    lin: Lin
    plain: BoolArray
    most: Side
    least: Side

    @classmethod
    def of(cls, problem: Problem, lin: Lin) -> Guarded:
        system = RowSystem.of(problem, [lin]).snapped()
        lower, upper = problem.stack_bounds()
        column, guarded = np.maximum(system.guard, 0), system.guard >= 0
        plain = ~guarded | ((lower[column] == system.value) & (upper[column] == system.value))
        open_ = ~plain & (lower[column] <= system.value) & (system.value <= upper[column])
        most = one_side(problem, system, open_ & np.isfinite(system.high), 1.0)
        least = one_side(problem, system, open_ & np.isfinite(system.low), -1.0)
        return cls(problem, lin, plain, most, least)

    @property
    def error(self) -> float:
        """Greatest violation that rounding lets through, in the rows' units."""
        return float(max(side.error[side.keep].max(initial=0.0) for side in (self.most, self.least)))

    def notes(self) -> list[Note]:
        kept = self.most.keep | self.least.keep
        big = float(max(np.abs(side.big[side.keep]).max(initial=0.0) for side in (self.most, self.least)))
        name, who = self.lin.name, "guards-to-big-m"
        notes = [Note(who, "guards written as big-M", name, int(kept.sum()), big, "greatest M")]
        idle = int((~kept & ~self.plain).sum())
        if idle:
            notes.append(Note(who, "guarded row always true, dropped", name, idle))
        if self.error:
            notes.append(Note(who, "right-hand side rounded up", name, int(kept.sum()), self.error, "row units", True))
        return notes

    def rewritten(self) -> list[Block]:
        """The plain rows and what the others became; ``<=`` rows stay one block in their order."""
        lin, plain = self.lin, self.plain
        if lin.sense == "<=":
            least = None if lin.least is None else np.where(plain, lin.least, -np.inf)
            made = [self._block(lin.name, self.most, plain | self.most.keep, least)]
        else:
            index = np.flatnonzero(plain)
            parts = {name: operator.rows(index) for name, operator in lin.parts.items()}
            same = replace(lin, parts=parts, rhs=lin.rhs[index], guard=None)
            made = [same, self._block(self.problem.fresh(f"{lin.name}.most"), self.most, self.most.keep, None)]
        made.append(self._block(self.problem.fresh(f"{lin.name}.least"), self.least, self.least.keep, None))
        return [block for block in made if block.size]

    def _block(self, name: str, side: Side, keep: BoolArray, least: FloatArray | None) -> Lin:
        lin, index = self.lin, np.flatnonzero(keep)
        assert lin.guard is not None
        parts: dict[str, Operator] = {}
        for key, operator in lin.parts.items():
            picked = operator if keep.all() else operator.rows(index)
            parts[key] = picked if side.sign > 0 else picked.scaled(-1.0)
        lifted = np.flatnonzero(side.keep[index])
        column = lin.guard.index[index]
        shape = (len(index), self.problem.vars[lin.guard.variable].size)
        extra = sparse.csr_array(sparse.coo_array((side.big[index[lifted]], (lifted, column[lifted])), shape=shape))
        if lin.guard.variable in parts:  # the guard's own coefficient has moved to the right-hand side
            old = parts[lin.guard.variable].to_csr().copy()
            rows = entry_rows(old)
            old.data[side.keep[index][rows] & (old.indices == column[rows])] = 0.0
            extra = extra + old
        if extra.nnz:
            parts[lin.guard.variable] = Csr.of(extra)
        return replace(lin, name=name, parts=parts, sense="<=", rhs=side.rhs[index], guard=None, pattern=None,
                       least=None if least is None else least[index])  # fmt: skip


def one_side(problem: Problem, system: RowSystem, open_: BoolArray, sign: float) -> Side:
    """M and the right-hand side of ``sign`` * a.x <= ``sign`` * side of the open rows; others keep their upper side."""
    matrix = system.matrix * sign
    rows = entry_rows(matrix)
    own = open_[rows] & (matrix.indices == system.guard[rows])
    first = np.bincount(rows[own], matrix.data[own] * system.value[rows[own]], system.size)
    matrix.data[own] = 0.0
    matrix.eliminate_zeros()
    bound = system.high if sign > 0 else -system.low
    side, shift = plus(system, np.where(open_, bound, 0.0), np.where(open_, -first, 0.0))
    sums = LeastSums.of(-matrix, *problem.stack_bounds(), np.abs(side), system.sharp)
    most = -sums.bound
    for row in np.flatnonzero(open_ & np.isinf(most))[:1].tolist():
        column = int(matrix.indices[sums.infinite & (entry_rows(matrix) == row)][0])
        raise Refused(
            f"guarded row {system.label(row)} has no finite big-M: {problem.labels()[column]} is unbounded",
            code="infinite-bound", hint="give it bounds, or rows from which tighten-bounds finds them",
        )  # fmt: skip
    with np.errstate(invalid="ignore"):
        need = np.where(open_, add_up(most, -side)[0], 0.0)
    on = system.value == 1.0
    exact = (sums.exact & (shift == 0)) | (system.sharp & ~on)
    # an M that is only rounding error would have too many digits
    ample = np.where(need > 0, np.maximum(need, sums.scale * np.where(system.sharp, 2.0**-20, 2.0**-10)), 0.0)
    big = np.where(exact, need, np.where(system.sharp, coarse_up(ample, side), decimal_up(ample)))
    rhs, lost = plus(system, side, np.where(on & (need > 0), big, 0.0))
    return Side(sign, np.where(on, big, -big), np.where(open_, rhs, bound), shift + lost, open_ & (need > 0))


def plus(system: RowSystem, one: FloatArray, two: FloatArray) -> tuple[FloatArray, FloatArray]:
    """one + two for sides of rows [m]: rounded up by the second result where the numbers mean themselves.

    Under another reading the sum must be exact, or the row is refused.
    """
    total, error = add_up(one, two)
    rows = np.arange(system.size)
    for number, lin in enumerate(system.lins):
        read = np.flatnonzero((system.block == number) & ~system.sharp)
        if not len(read):
            continue
        sums, fine = exact_sums(np.concatenate([one[read], two[read]]), np.concatenate([rows[: len(read)]] * 2),
                                len(read), lin.reading)  # fmt: skip
        for row in read[~fine][:1].tolist():
            raise Refused(f"guarded row {system.label(row)}: no float64 read as {lin.reading} is its side plus M",
                          hint="run normalize-rows first")  # fmt: skip
        total[read], error[read] = sums, 0.0
    return total, error
