"""Bounds of variables from the rows they occur in.

rewrites: bounds of integer, binary, spin and real variables, from the activities of all rows that bind; a guarded row
that no point of the box satisfies fixes its guard to the other value
needs: nothing (rows that aren't integer are read with outward rounding)
adds: nothing; a variable whose bounds meet stays a variable
guarantee: same feasible set, optimum kept; raises Infeasible where a row can't be satisfied

From sum_k a_k x_k <= b follows a_j x_j <= b - sum_{k != j} min a_k x_k (Savelsbergh, ORSA J. Comput. 6, 1994). Integer
rows over integer variables are computed exactly, others rounded outward; integer bounds then move inward to integers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy import sparse

from ...ir.blocks import Block, Var
from ...ir.errors import Infeasible
from ...ir.ledger import Note
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.types import BoolArray, FloatArray, IntArray
from ..rows.system import LeastSums, RowSystem, entry_rows, whole_numbers

WORTH = 1e-3
"""A real variable's bound moves only where that takes at least this part off its range."""


@dataclass(frozen=True)
class TightenBounds:
    """``rounds``: at most so many sweeps over all rows; fewer when nothing moves any more."""

    rounds: int = 20

    removes: ClassVar[tuple[str, ...]] = ()
    adds: ClassVar[tuple[str, ...]] = ()

    def run(self, problem: Problem) -> Step:
        box = self._box(problem)
        blocks: list[Block] = []
        notes: list[Note] = []
        for block in problem.blocks:
            if isinstance(block, Var):
                start = problem.starts[block.name]
                lower, upper = box.lower[start : start + block.size], box.upper[start : start + block.size]
                moved = int((lower != block.lower).sum() + (upper != block.upper).sum())
                if moved:
                    notes.append(Note("tighten-bounds", "bounds moved inward", block.name, moved))
                    block = replace(block, lower=lower.copy(), upper=upper.copy())
            blocks.append(block)
        return Step(problem.with_blocks(blocks) if notes else problem, ledger=tuple(notes))

    def _box(self, problem: Problem) -> Bounds:
        """The bounds that the sweeps arrive at."""
        if not problem.lins:
            return Bounds.of(problem)
        sides = OneSided.of(RowSystem.of(problem).snapped())
        box = Bounds.of(problem)
        for _ in range(self.rounds):
            new = sweep(sides, box)
            if new.same(box):
                break
            box = new
        return box


@dataclass(frozen=True, eq=False)
class OneSided:
    """The same rows as ``matrix`` x <= ``side``: equalities and ranged rows appear twice. ``row``: which row it was."""

    system: RowSystem
    matrix: sparse.csr_array
    side: FloatArray
    row: IntArray
    sharp: BoolArray

    @classmethod
    def of(cls, system: RowSystem) -> OneSided:
        above, below = np.flatnonzero(np.isfinite(system.high)), np.flatnonzero(np.isfinite(system.low))
        matrix = sparse.csr_array(sparse.vstack([system.matrix[above], -system.matrix[below]], format="csr"))
        side = np.concatenate([system.high[above], -system.low[below]])
        row = np.concatenate([above, below])
        return cls(system, matrix, side, row, system.sharp[row])

    def fail(self, at: int, least: float) -> Infeasible:
        """The error for a row whose least activity exceeds its side."""
        name, side = self.system.label(int(self.row[at])), float(self.side[at])
        above = f"is at least {least:.17g}, more than {side:.17g}"
        below = f"is at most {-least:.17g}, less than {-side:.17g}"
        found = above if at < np.isfinite(self.system.high).sum() else below
        text = f"row {name} can't be satisfied: over the bounds that the rows imply its activity {found}"
        hint = "the model has no feasible point; look at this row and at the bounds of its variables"
        return Infeasible(text, row=name, least=least, rhs=side, hint=hint)


@dataclass(frozen=True, eq=False)
class Bounds:
    """Bounds of all variables [n] and what each holds: ``whole`` for integers, ``spin``."""

    lower: FloatArray
    upper: FloatArray
    whole: BoolArray
    spin: BoolArray

    @classmethod
    def of(cls, problem: Problem) -> Bounds:
        spread = [np.full(var.size, number) for number, var in enumerate(problem.vars.values())]
        owner = np.concatenate([np.zeros(0, np.int64), *spread])
        kinds = np.array([var.domain for var in problem.vars.values()] or ["real"])[owner]
        lower, upper = problem.stack_bounds()
        box = cls(lower, upper, kinds != "real", kinds == "spin").rounded()
        for place in np.flatnonzero(box.lower > box.upper)[:1].tolist():
            label = problem.labels()[place]
            raise Infeasible(f"no value of {label} lies within its bounds {lower[place]:.17g} .. {upper[place]:.17g}",
                             row=label)  # fmt: skip
        return box

    def rounded(self) -> Bounds:
        """Bounds of discrete variables at values that they can have."""
        lower = np.where(self.whole, np.ceil(self.lower), self.lower)
        upper = np.where(self.whole, np.floor(self.upper), self.upper)
        lower = np.where(self.spin & (lower > -1), 1.0, lower)
        upper = np.where(self.spin & (upper < 1), -1.0, upper)
        return Bounds(lower, upper, self.whole, self.spin)

    def same(self, other: Bounds) -> bool:
        return bool((self.lower == other.lower).all() and (self.upper == other.upper).all())


def sweep(sides: OneSided, box: Bounds) -> Bounds:
    """Guards, then all lower bounds, then all upper bounds, each from the rows over the box so far."""
    box = close_guards(sides, box)
    limit = limits(sides, box)
    rising = sides.matrix.data < 0
    found = np.full(len(box.lower), -np.inf)
    np.maximum.at(found, sides.matrix.indices[rising], -limit[rising])
    box = replace(box, lower=np.where(worth(box, box.lower, found), found, box.lower)).rounded()
    limit = limits(sides, box)
    falling = sides.matrix.data > 0
    found = np.full(len(box.lower), np.inf)
    np.minimum.at(found, sides.matrix.indices[falling], limit[falling])
    return replace(box, upper=np.where(worth(box, found, box.upper), found, box.upper)).rounded()


def worth(box: Bounds, low: FloatArray, high: FloatArray) -> BoolArray:
    """Where the gain high - low of a new bound is taken: any of an integer, a noticeable one of a real variable."""
    with np.errstate(invalid="ignore"):
        gain, width = high - low, box.upper - box.lower
    least = np.where(box.whole | ~np.isfinite(width), 0.0, WORTH * width)
    return np.asarray((gain > 0) & (gain > least))


def binding(sides: OneSided, box: Bounds) -> tuple[BoolArray, BoolArray]:
    """Which rows bind at every point of the box, and which at some points only."""
    guard, value = sides.system.guard[sides.row], sides.system.value[sides.row]
    column = np.maximum(guard, 0)
    if not len(box.lower):
        return guard < 0, np.zeros(len(guard), bool)
    met = (box.lower[column] == value) & (box.upper[column] == value)
    free = (box.lower[column] <= value) & (value <= box.upper[column])
    return (guard < 0) | met, (guard >= 0) & free & ~met


def close_guards(sides: OneSided, box: Bounds) -> Bounds:
    """A guarded row that fails everywhere in the box keeps its guard from having the value."""
    _, open_ = binding(sides, box)
    if not open_.any():
        return box
    sums = LeastSums.of(sides.matrix, box.lower, box.upper, sides.side, sides.sharp)
    shut = open_ & (sums.bound > sides.side)
    column, value = sides.system.guard[sides.row[shut]], sides.system.value[sides.row[shut]]
    lower, upper = box.lower.copy(), box.upper.copy()
    np.maximum.at(lower, column[value == 0], 1.0)
    np.minimum.at(upper, column[value == 1], 0.0)
    for place in np.flatnonzero(lower > upper)[:1].tolist():
        at = int(np.flatnonzero(shut)[np.flatnonzero(column == place)[0]])
        raise sides.fail(at, float(sums.bound[at]))
    return replace(box, lower=lower, upper=upper)


def limits(sides: OneSided, box: Bounds) -> FloatArray:
    """For every entry a_j of a binding row the greatest t with sign(a_j) x_j <= t [nnz], rounded outward; inf: nothing.

    Raises :class:`Infeasible` where the least activity of a binding row exceeds its side.
    """
    always, _ = binding(sides, box)
    matrix = sides.matrix
    sums = LeastSums.of(matrix, box.lower, box.upper, sides.side, sides.sharp)
    failing = always & (sums.bound > sides.side)
    for at in np.flatnonzero(failing)[:1].tolist():
        raise sides.fail(at, float(sums.bound[at]))
    rows = entry_rows(matrix)
    alone = (sums.unbounded[rows] - sums.infinite == 0) & always[rows]
    room = sides.side[rows] - (sums.total[rows] - sums.terms)
    room += 4 * sums.error[rows]  # both differences round once more
    size = np.abs(matrix.data)
    limit = room / size
    limit += np.where(alone, np.abs(limit) * 2.0**-50 + 2.0**-1000, 0.0)
    exact = sums.exact[rows] & box.whole[matrix.indices] & whole_numbers(size) & whole_numbers(room)
    limit[exact] = room[exact].astype(np.int64) // size[exact].astype(np.int64)
    return np.where(alone, limit, np.inf)
