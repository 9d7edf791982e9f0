"""A claim about a network as an ordinary problem: its feasible points are the claim's counterexamples.

rewrites: the network, a box and the unsafe set into the network with bounds and rows. One case: its rows. Several: one
  binary each, exactly one of them 1, whose rows bind; with several boxes of inputs x, for every element of x
  sum_r lower_r b_r <= x <= sum_r upper_r b_r over one binary b_r for each box, which needs no big-M
needs: functions whose bounds compiler/bounds knows; finite boxes
adds: ``case``, perhaps ``region`` (binaries), ``row`` (the values of the cases' rows), ``margin`` (the least row)
guarantee: every counterexample stays feasible, so that infeasible means that the claim holds. The set grows where a
  case needs ``> 0`` (rows only say ``>= 0``), and where a box has sides that are no float64 numbers (rounded outward),
  which also moves the greatest margin, by an amount that is not bounded here

Cases that bounds exclude are left out. Bounds come from intervals, from backward linear bounds (CROWN), or from these
with optimised slopes, over each box for itself, rounded outward; a MILP is only as good as they are.

source: Tjeng, Xiao, Tedrake, Evaluating Robustness of Neural Networks with Mixed Integer Programming, ICLR 2019;
Jeroslow, Representability in mixed integer programming, Discrete Applied Mathematics 17, 1987 (unions of boxes)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from ..ir.blocks import Block, Guard, Lin, Poly, Var
from ..ir.errors import Infeasible, Refused, UsageError, nearest
from ..ir.guarantee import Guarantee
from ..ir.ledger import Note
from ..ir.lift.objective import Objective
from ..ir.operator import Operator
from ..ir.operators.csr import Csr
from ..ir.operators.dense import Dense
from ..ir.operators.gather import Gather
from ..ir.operators.identity import Identity
from ..ir.problem import Problem
from ..ir.step import Step
from ..ir.tasks import Prove
from ..ir.terms.linear import Linear
from ..ir.types import BoolArray, FloatArray, IntArray
from ..ir.unsafe import UnsafeSet
from .bounds.crown import crown_bounds
from .bounds.interval import Bounds, Interval
from .bounds.layers import optimise_layers
from .bounds.rows import row_bounds
from .networks.rows import interval_rows
from .networks.view import NetView

WHO = "negate-claim"
GOALS = ("feasible", "margin")
"""``feasible``: any counterexample; ``margin``: the one whose least row is greatest (of the cases that are left)."""
BOUNDS = ("crown", "optimised", "interval")


def negate_claim(task: Prove, goal: str = "feasible", bounds: str = "crown") -> Step:
    """The problem whose feasible points are the counterexamples; ``goal`` and ``bounds`` as in ``GOALS``, ``BOUNDS``.

    Raises :class:`Infeasible` where bounds exclude every case, so that there is nothing left to solve, and
    :class:`Refused` for a malformed task.
    """
    for name, value, known in (("goal", goal, GOALS), ("bounds", bounds, BOUNDS)):
        if value not in known:
            raise UsageError(f"unknown {name} {value!r}", hint=nearest(value, known))
    view = checked_view(task)
    found = Found.of(task, view, bounds)
    kept = np.flatnonzero(~found.excluded)
    if not kept.size:
        first = task.unsafe.texts[0] if task.unsafe.count else "no case"
        message = f"the claim {task.claim!r} holds: {bounds} bounds exclude all {task.unsafe.count} cases"
        raise Infeasible(message, row=first, hint="there is nothing to solve; isinglass run or verify says so")
    found = found.pick(kept)
    problem = Builder(task, found, found.bounded(task)).build(goal)
    unsafe = found.unsafe
    used = np.unique(unsafe.region)
    inexact = (unsafe.lower != unsafe.inner_lower) | (unsafe.upper != unsafe.inner_upper)
    strict, outer = int(unsafe.strict.sum()), int(inexact[used].sum())
    notes = [Note(WHO, f"cases that {bounds} bounds exclude", problem.name, task.unsafe.count - len(kept))]
    notes += [Note(WHO, "rows that need > 0 stated as >= 0", problem.name, strict, 0.0, "", True)] * (strict > 0)
    notes += [Note(WHO, "sides of boxes rounded outward", problem.name, outer, 2.0**-52, "of the side", True)] * (
        outer > 0
    )
    moved = outer > 0 and goal == "margin"
    sets = "grows" if strict or outer else "same"
    guarantee = Guarantee(sets, "bounded", np.inf) if moved else Guarantee(sets)
    return Step(problem, guarantee=guarantee, ledger=tuple(notes))


def checked_view(task: Prove) -> NetView:
    """The network of a task that is nothing but a network with inputs."""
    problem = task.problem
    view = NetView.of(problem)
    if view.free != (task.inputs,) or problem.vars[task.inputs].discrete:
        raise Refused(f"the inputs have to be one block of real variables, found {', '.join(view.free) or 'none'}")
    sizes = {name: problem.vars[name].size for name in (task.inputs, task.outputs)}
    faults = task.unsafe.faults(sizes, task.inputs)
    if faults:
        raise Refused(f"the unsafe set is malformed: {faults[0]}")
    return view


@dataclass(frozen=True, eq=False)
class Found:
    """Cases with bounds over each of their boxes: ``boxes`` (block -> [R, n]) and of all rows, ``least`` and ``most``
    [R, M]; box r of these is ``used[r]`` of the unsafe set. ``excluded`` [C]: cases without a point in their box."""

    view: NetView
    unsafe: UnsafeSet
    used: IntArray
    boxes: Mapping[str, Bounds]
    least: FloatArray
    most: FloatArray

    @classmethod
    def of(cls, task: Prove, view: NetView, kind: str) -> Found:
        """All cases."""
        unsafe = task.unsafe
        used = np.unique(unsafe.region)
        inputs = {task.inputs: (unsafe.lower[used], unsafe.upper[used])}
        simple = kind == "interval" or not len(used)
        boxes = Interval().bounds(view, inputs) if simple else crown_bounds(view, inputs)
        if kind == "optimised" and len(used):
            boxes = optimised(view, boxes, len(used))
        return cls(view, unsafe, used, boxes, *cls.of_rows(view, unsafe, boxes, kind))

    @staticmethod
    def of_rows(view: NetView, unsafe: UnsafeSet, boxes: Mapping[str, Bounds], kind: str) -> Bounds:
        """Bounds of all rows over all boxes, both [R, M]."""
        forms, count = unsafe.forms, max(len(low) for low, _ in boxes.values())
        low, high = interval_rows(view, forms, unsafe.reading, boxes)
        if kind != "interval" and forms.size and count:
            low = np.maximum(low, -row_bounds(view, forms.scaled(-1.0), unsafe.reading, boxes).most)
            high = np.minimum(high, row_bounds(view, forms, unsafe.reading, boxes).most)
        shape = (count, forms.size)
        return np.array(np.broadcast_to(low, shape)), np.array(np.broadcast_to(high, shape))

    @property
    def own(self) -> IntArray:
        """The box [M], of those that are used, in which each row counts."""
        return np.searchsorted(self.used, self.unsafe.region)[self.unsafe.case]

    @property
    def excluded(self) -> BoolArray:
        rows = np.arange(self.unsafe.forms.size)
        return self.unsafe.excluded(self.most[self.own, rows])

    @property
    def margin(self) -> tuple[float, float]:
        """Bounds of the greatest margin of all cases."""
        rows = np.arange(self.unsafe.forms.size)
        low, high = (self.unsafe.least(side[self.own, rows]) for side in (self.least, self.most))
        return float(low.min()), float(high.max())

    def pick(self, cases: IntArray) -> Found:
        """Some of the cases, and the boxes that they use."""
        unsafe, rows = self.unsafe.pick(cases), self.unsafe.rows_of(cases)
        used = np.unique(unsafe.region)
        place = np.searchsorted(self.used, used)
        boxes = {name: (low[place], high[place]) for name, (low, high) in self.boxes.items()}
        least, most = (side[np.ix_(place, rows)] for side in (self.least, self.most))
        return Found(self.view, unsafe, used, boxes, least, most)

    def bounded(self, task: Prove) -> tuple[Block, ...]:
        """The network's blocks with bounds that hold in all boxes."""
        blocks: list[Block] = []
        for block in task.problem.blocks:
            if isinstance(block, Var):
                low, high = self.boxes[block.name]
                block = replace(block, lower=low.min(axis=0), upper=high.max(axis=0))
            blocks.append(block)
        return tuple(blocks)


def optimised(view: NetView, boxes: Mapping[str, Bounds], count: int) -> dict[str, Bounds]:
    """Bounds of each of [R] boxes with slopes chosen for it."""
    found = []
    for r in range(count):
        found.append(optimise_layers(view, {name: (low[[r]], high[[r]]) for name, (low, high) in boxes.items()})[0])
    sides = {name: [[one[name][side] for one in found] for side in (0, 1)] for name in boxes}
    return {name: (np.concatenate(low), np.concatenate(high)) for name, (low, high) in sides.items()}


@dataclass(frozen=True, eq=False)
class Builder:
    """Puts the blocks of the problem together."""

    task: Prove
    found: Found
    network: tuple[Block, ...]

    def name(self, stem: str) -> str:
        return self.task.problem.fresh(stem)

    @property
    def unsafe(self) -> UnsafeSet:
        return self.found.unsafe

    def build(self, goal: str) -> Problem:
        """One case as its rows, several as guarded rows; the greatest least row as a variable where it is wanted."""
        rows = self.cases(goal) if self.unsafe.count > 1 else self.only_case(goal)
        blocks = [*self.network, *rows]
        if goal == "feasible":
            return Problem(self.task.problem.name, tuple(blocks))
        term = Linear(self.name("margin"), Dense(-np.ones((1, 1))))
        blocks.append(Poly(self.name("greatest-margin"), "objective", (term,), np.zeros(1)))
        return Problem(self.task.problem.name, tuple(blocks), Objective(-1.0))

    def margin(self) -> Var:
        return Var.of(self.name("margin"), "real", (), *self.found.margin, origin=f"claim:{self.task.claim}")

    def only_case(self, goal: str) -> list[Block]:
        """0 <= row, or margin <= row, for every row of the case."""
        unsafe = self.unsafe
        parts: dict[str, Operator] = {key: part.scaled(-1.0) for key, part in unsafe.forms.parts.items()}
        name, origin = self.name("unsafe"), f"case:{unsafe.texts[0]}"
        if goal == "feasible":
            return [Lin(name, parts, "<=", unsafe.forms.offset, unsafe.reading, origin=origin)]
        margin = self.margin()
        parts = {margin.name: Dense(np.ones((unsafe.forms.size, 1))), **parts}
        return [margin, Lin(name, parts, "<=", unsafe.forms.offset, unsafe.reading, origin=origin)]

    def cases(self, goal: str) -> list[Block]:
        """Values of all rows, a binary for each case, rows that bind where it is 1; boxes where there are several."""
        unsafe, count, rows = self.unsafe, self.unsafe.count, self.unsafe.forms.size
        row, case, name = self.name("row"), self.name("case"), self.name("unsafe")
        origin = f"claim:{self.task.claim}"
        values = Var.of(row, "real", (rows,), self.found.least.min(axis=0), self.found.most.max(axis=0), origin=origin)
        defining = {**unsafe.forms.parts, row: Identity(rows, -1.0)}
        guard = Guard(case, unsafe.case, np.ones(rows))
        parts: dict[str, Operator] = {row: Identity(rows, -1.0)}
        blocks: list[Block] = [
            values,
            Lin(f"{row}.def", defining, "==", -unsafe.forms.offset, unsafe.reading, defines=row, origin=origin),
            Var.of(case, "bin", (count,), origin=origin),
            Lin(f"{case}.one", {case: Dense(np.ones((1, count)))}, "==", np.ones(1), "dyadic", pattern="one-hot"),
        ]
        if goal == "margin":
            margin = self.margin()
            blocks.append(margin)
            parts[margin.name] = Dense(np.ones((rows, 1)))
        blocks.append(Lin(name, parts, "<=", np.zeros(rows), "dyadic", guard, origin=origin))
        return blocks + (self.boxes(case) if len(self.found.used) > 1 else [])

    def boxes(self, case: str) -> list[Block]:
        """x lies in the box of the case that is chosen: in the sum of the boxes' sides, each times its binary."""
        used, unsafe, inputs = self.found.used, self.unsafe, self.task.inputs
        blocks: list[Block] = []
        chooser, region = case, np.searchsorted(used, unsafe.region)
        if len(used) < unsafe.count:  # fewer binaries, and rows that are shorter
            chooser = self.name("region")
            member = sparse.csr_array((np.ones(unsafe.count), (region, np.arange(unsafe.count))))
            parts: dict[str, Operator] = {case: Csr.of(member), chooser: Identity(len(used), -1.0)}
            blocks += [
                Var.of(chooser, "bin", (len(used),), origin=f"claim:{self.task.claim}"),
                Lin(f"{chooser}.case", parts, "==", np.zeros(len(used)), "dyadic"),
            ]
            region = np.arange(len(used))
        low, high = unsafe.lower[used], unsafe.upper[used]
        for title, sides, sign in (("most", high, 1.0), ("least", low, -1.0)):
            tight = np.flatnonzero((sides != sides[0]).any(axis=0))
            own = Gather(tight, np.full(len(tight), sign), low.shape[1])
            parts = {inputs: own, chooser: Csr.of(sparse.csr_array(-sign * sides[region][:, tight].T))}
            if len(tight):
                blocks.append(Lin(f"{chooser}.{title}", parts, "<=", np.zeros(len(tight)), "dyadic"))
        return blocks
