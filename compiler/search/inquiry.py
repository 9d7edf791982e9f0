"""What is known about a claim while it is searched: a witness, cases refuted and by what, times.

The stages of a search share one inquiry; each adds to it and stops when it is settled or its time is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from ...ir.answers import Answer
from ...ir.case_tree import CaseTree, Forest
from ...ir.lipschitz_margin import MarginProof
from ...ir.protocols import Limits, OpenLp, Runner, Sampler
from ...ir.slope_tree import SlopeTree
from ...ir.tasks import Prove
from ...ir.types import BoolArray, FloatArray, IntArray
from ...ir.unsafe import UnsafeSet
from ..networks.attack import Attack
from ..networks.view import NetView
from ..networks.witness import Checker, Witness, better
from .clock import SPARE, Clock

CHECKED = 8
"""Most candidates that are evaluated exactly at a time."""
EFFORT = 4e6
"""Products of all their evaluations together; one candidate is always looked at."""
DETAILS = 20
"""Most cases that are told one by one."""


class Tools(Protocol):
    """``milp`` solves MIP-level problems, ``open_lp`` opens linear programs; ``runner``: the network in onnxruntime."""

    @property
    def milp(self) -> Sampler: ...

    @property
    def open_lp(self) -> OpenLp: ...

    @property
    def runner(self) -> Runner | None: ...


@dataclass
class Inquiry:
    """``open`` [C]: cases without a verdict. ``memory``: bytes that live arrays may take. ``margins``: rows of refuted
    cases with proofs of their Lipschitz constants."""

    task: Prove
    tools: Tools
    limits: Limits
    view: NetView
    memory: float
    open: BoolArray
    witness: Witness | None = None
    forests: list[Forest] = field(default_factory=list)
    margins: list[tuple[int, SlopeTree]] = field(default_factory=list)
    told: dict[str, list[int]] = field(default_factory=dict)
    word: bool = False
    claimed: float | None = None
    timings: dict[str, float] = field(default_factory=dict)
    best: float = -np.inf
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, task: Prove, tools: Tools, limits: Limits, view: NetView, memory: float) -> Inquiry:
        return cls(task, tools, limits, view, memory, np.ones(task.unsafe.count, dtype=np.bool_))

    @property
    def unsafe(self) -> UnsafeSet:
        return self.task.unsafe

    @property
    def settled(self) -> bool:
        """Whether there is a witness, or no case is open."""
        return self.witness is not None or not self.open.any()

    @property
    def checker(self) -> Checker:
        return Checker(self.view, self.task, self.tools.runner, Clock(self.limits))

    def time(self, name: str, start: float) -> None:
        self.timings[name] = self.timings.get(name, 0.0) + perf_counter() - start

    def cases_of(self, region: int) -> IntArray:
        """The open cases of a region."""
        return np.flatnonzero(self.open & (self.unsafe.region == region))

    def refuted(self, cases: IntArray, forest: Forest | None, reason: str) -> None:
        """Cases that a forest (None: a solver's word) excludes."""
        self.open[cases] = False
        self.told.setdefault(reason, []).extend(cases.tolist())
        if forest is None:
            self.word = True
        else:
            self.forests.append(forest)

    def outweighed(self, case: int, row: int, tree: SlopeTree, reason: str) -> None:
        """A case one of whose rows is further below 0 at the centre of its box than it can change, as a tree proves."""
        self.open[case] = False
        self.told.setdefault(reason, []).append(case)
        self.margins.append((row, tree))

    def look(self, points: FloatArray, case: IntArray, margin: FloatArray) -> bool:
        """Check candidates [P, n] for cases [P], best margins [P] first; whether there is a witness now.

        One that holds in one arithmetic only is pushed further inside first.
        """
        if not len(points):
            return self.witness is not None
        count = int(np.clip(EFFORT / max(1, self.view.products), 1, CHECKED))
        order = np.argsort(-margin, kind="stable")[:count]
        self.best = max(self.best, float(margin[order[0]]))
        start = perf_counter()
        found = self.checker.best(points[order], case[order])
        self.time("witness", start)
        if found is not None and found.rank:
            start = perf_counter()
            attack = Attack(self.view, self.task.inputs, self.unsafe)
            pushed = attack.push(found.x[None], case[order[:1]], Clock(self.limits, 1.0)).first(count)
            found = better(found, self.checker.best(pushed.points, pushed.case))
            self.time("attack", start)
        self.witness = better(self.witness, found)
        return self.witness is not None

    def answer(self) -> Answer:
        """The answer from what is known."""
        found = Answer(
            "unknown", claim=self.task.claim, detail=(*self.details(), *self.notes), timings=self.timings,
            claimed_bound=self.claimed, seed=self.limits.seed, ledger=self.task.problem.ledger,
        )  # fmt: skip
        if self.witness is not None:
            one, task = self.witness, self.task
            shapes = {name: task.problem.vars[name].shape for name in (task.inputs, task.outputs)}
            values = {task.inputs: one.x, task.outputs: one.y}
            witness = {name: array.reshape(shapes[name]).tolist() for name, array in values.items()}
            detail = (f"{one.case}: holds at the witness ({one.arithmetic})", *found.detail)
            return found.with_fields(status="sat", witness=witness, arithmetic=one.arithmetic, detail=detail)
        if not self.open.any():
            certificate = None if self.word else self.certificate()
            return found.with_fields(
                status="unsat", basis="solver-word" if self.word else "certificate", certificate=certificate
            )
        if self.limits.timeout is not None and (self.limits.left() or 0.0) <= SPARE:
            return found.with_fields(status="timeout", time_limited=True)
        return found

    def certificate(self) -> dict[str, Any]:
        """What refutes the cases, as plain data."""
        cases = CaseTree(tuple(self.forests)).to_plain()
        if not self.margins:
            return cases
        rows, trees = zip(*self.margins, strict=True)
        return MarginProof(np.array(rows), trees, cases if self.forests else None).to_plain()

    def details(self) -> list[str]:
        """What the verdict rests on, case by case; many cases of one kind together."""
        found = []
        for reason, cases in self.told.items():
            texts = [self.unsafe.texts[case] for case in cases[:DETAILS]]
            found += [f"{text}: {reason}" for text in texts]
            if len(cases) > DETAILS:
                found.append(f"{len(cases) - DETAILS} further cases: {reason}")
        left = np.flatnonzero(self.open)[:DETAILS].tolist() if self.witness is None else []
        found += [f"{self.unsafe.texts[case]}: open" for case in left]
        return found
