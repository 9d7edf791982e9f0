"""Claims about a network on a box: attack, interval bounds, then one MILP for each unsafe case that is left.

needs: a network of functions that the piecewise form knows, on a box of finite sides, and nothing else in the problem
guarantee: ``sat`` has a witness, checked without tolerance in onnxruntime's float32 and in exact rationals. ``unsat``
says case by case what it rests on: interval bounds alone (rounded outward), or the solver's word that the margin stays
below -1e-6. A claimed greatest margin nearer to 0 than that decides nothing.

source: Tjeng, Xiao, Tedrake, Evaluating Robustness of Neural Networks with Mixed Integer Programming, ICLR 2019
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Protocol

import numpy as np

from ...ir.answers import Answer
from ...ir.blocks import Lin, Poly, Var
from ...ir.errors import Refused
from ...ir.operators.dense import Dense
from ...ir.problem import Problem
from ...ir.protocols import Event, Limits, Runner, Sampler
from ...ir.registry import key_of
from ...ir.samples import Samples
from ...ir.tasks import Prove
from ...ir.terms.linear import Linear
from ...ir.types import BoolArray, FloatArray, IntArray
from ...ir.unsafe import UnsafeSet
from ..bounds.interval import Interval
from ..networks.attack import Attack
from ..networks.rows import interval_rows
from ..networks.view import NetView
from ..networks.witness import Checker, Witness, better
from ..passes.bound_intervals import check_finite
from ..passes.encode_activations import FORMS
from ..pipeline import Pipeline, Trace

CLEAR = 1e-6
"""A solver's bound on a margin has to be at least this far below 0 to count: its tolerances are of this size."""
FLOOR = -1e-5
"""Margins below this are cut off in the MILP: whether a case is possible matters, not how far it is from it."""
CHECKED = 24
"""Most candidates of an attack that are evaluated exactly."""


class Tools(Protocol):
    """``milp`` solves MIP-level problems; ``runner`` is the network in the reference runtime."""

    @property
    def milp(self) -> Sampler: ...

    @property
    def runner(self) -> Runner | None: ...


@dataclass
class Progress:
    """What is known so far: a witness that is not yet the best kind, findings case by case, the times."""

    witness: Witness | None = None
    detail: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    open_cases: int = 0
    word: bool = False
    claimed: float | None = None

    def take(self, found: Witness | None) -> bool:
        """Keep the better witness; whether it is unsafe in both arithmetics, so that the search may end."""
        self.witness = better(self.witness, found)
        return self.witness is not None and self.witness.rank == 0

    def time(self, name: str, start: float) -> None:
        self.timings[name] = self.timings.get(name, 0.0) + perf_counter() - start


@dataclass(frozen=True, eq=False)
class MilpProve:
    """Iterating yields events, and the :class:`Answer` last."""

    task: Prove
    tools: Tools
    limits: Limits

    def __iter__(self) -> Iterator[Event | Answer]:
        answer = yield from drive(self.task, self.tools, self.limits)
        yield answer


def drive(task: Prove, tools: Tools, limits: Limits) -> Generator[Event, None, Answer]:
    """Yields progress, returns the verdict: ``sat``, ``unsat``, ``unknown`` or ``timeout``.

    Raises :class:`Refused` for problems that are more than a network on a box.
    """
    known = Progress()
    view, unsafe = checked_view(task), task.unsafe
    checker = Checker(view, task, tools.runner)
    yield Event("attack", 0, unsafe.count)
    start = perf_counter()
    reached = Attack(view, task.inputs, unsafe).run(limits.seed).first(CHECKED)
    stop = known.take(checker.best(reached.points, reached.case))
    known.time("attack", start)
    if not stop:
        start = perf_counter()
        most = margin_bounds(task, view)
        out = most.excluded
        for case in np.flatnonzero(out).tolist():
            reason = f"excluded by interval bounds alone, rounded outward (margin at most {most.margin[case]:.6g})"
            known.detail.append(f"{unsafe.texts[case]}: {reason}")
        known.open_cases = int((~out).sum())
        known.time("bounds", start)
        done = unsafe.count - known.open_cases
        yield Event(f"interval bounds exclude {done} of {unsafe.count} cases", done, unsafe.count)
        yield from by_milp(Search(task, tools, limits, view, checker, known), most)
    return verdict(task, limits, known)


@dataclass(frozen=True, eq=False)
class Most:
    """``margin`` [C]: proved upper bounds of the cases' margins; ``excluded`` [C]: cases without a point."""

    margin: FloatArray
    excluded: BoolArray


def margin_bounds(task: Prove, view: NetView) -> Most:
    """Interval bounds of all cases, each over its own outer box."""
    unsafe = task.unsafe
    margin, excluded = np.zeros(unsafe.count), np.zeros(unsafe.count, dtype=np.bool_)
    for region in np.unique(unsafe.region).tolist():
        cases = np.flatnonzero(unsafe.region == region)
        own = unsafe.pick(cases)
        box = Interval().bounds(view, {task.inputs: (unsafe.lower[[region]], unsafe.upper[[region]])})
        rows = interval_rows(view, own.forms, own.reading, box)[1]
        margin[cases], excluded[cases] = own.least(rows)[0], own.excluded(rows)[0]
    return Most(margin, excluded)


@dataclass(frozen=True, eq=False)
class Search:
    """What the search for points of single cases works with."""

    task: Prove
    tools: Tools
    limits: Limits
    view: NetView
    checker: Checker
    known: Progress


def by_milp(search: Search, most: Most) -> Generator[Event, None, None]:
    """One MILP for each case; stops at a witness that is unsafe in both arithmetics, or when the time is over."""
    task, known, unsafe = search.task, search.known, search.task.unsafe
    left = np.flatnonzero(~most.excluded)
    done = 0
    for region in np.unique(unsafe.region[left]).tolist():
        if search.limits.over:
            return
        start = perf_counter()
        trace = Pipeline.parse(f"bound-intervals,encode-activations{{form={form_of(task)}}}").run(on_box(task, region))
        known.time("compile", start)
        size = sum(var.size for var in trace.problem.vars.values() if var.discrete)
        for case in left[unsafe.region[left] == region].tolist():
            if search.limits.over:
                return
            yield Event(f"{unsafe.texts[case]}: MILP with {size} binaries", done, len(left))
            start = perf_counter()
            problem = margin_problem(trace.problem, unsafe.pick(np.array([case])), float(most.margin[case]))
            samples = search.tools.milp.solve(problem, search.limits)
            known.time("milp", start)
            start = perf_counter()
            stop = known.take(candidates_of(search, trace, samples, np.array([case])))
            known.time("attack", start)
            if stop:
                return
            judge(unsafe.texts[case], samples, known)
            done += 1


def on_box(task: Prove, region: int) -> Problem:
    """The network on one of the outer boxes."""
    x = task.problem.var(task.inputs)
    there = replace(x, lower=task.unsafe.lower[region], upper=task.unsafe.upper[region])
    return task.problem.with_blocks([there if block is x else block for block in task.problem.blocks])


def margin_problem(problem: Problem, unsafe: UnsafeSet, most: float) -> Problem:
    """Minimise -t subject to t <= every row of the one case and floor <= t <= ``most``, a bound of the margin."""
    name = problem.fresh("margin")
    parts = {key: operator.scaled(-1.0) for key, operator in unsafe.forms.parts.items()}
    blocks = [
        *(block for block in problem.blocks if not isinstance(block, Poly)),
        Var.of(name, "real", (1,), FLOOR, most, origin=f"margin:{unsafe.texts[0]}"),
        Lin(f"{name}.rows", {name: Dense(np.ones((unsafe.forms.size, 1))), **parts}, "<=", unsafe.forms.offset,
            unsafe.reading),
        Poly(f"{name}.objective", "objective", (Linear(name, Dense(-np.ones((1, 1)))),), np.zeros(1)),
    ]  # fmt: skip
    return Problem(problem.name, tuple(blocks))


def candidates_of(search: Search, trace: Trace, samples: Samples, case: IntArray) -> Witness | None:
    """The solver's points, checked as they are; where they fail, improved by a few gradient steps."""
    inputs, checker = search.task.inputs, search.checker
    if not samples.count or inputs not in samples.values:
        return None
    points = trace.lift.up(samples.values)[inputs][:CHECKED]
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return None
    found = checker.best(points, np.repeat(case, len(points)))
    if found is None or found.rank:
        better_points = Attack(search.view, inputs, search.task.unsafe.pick(case)).improve(points).first(CHECKED).points
        found = better(found, checker.best(better_points, np.repeat(case, len(better_points))))
    return found


def judge(text: str, samples: Samples, known: Progress) -> None:
    """What the solver's claim says about a case without a witness."""
    status = str(samples.info.get("status", ""))
    most = FLOOR if status == "infeasible" else None
    if samples.claimed_bound is not None and not np.isnan(samples.claimed_bound):
        most = -float(samples.claimed_bound) if most is None else min(most, -float(samples.claimed_bound))
    if most is None:
        known.detail.append(f"{text}: open, the solver claims nothing ({status or 'no status'})")
        return
    known.claimed = most if known.claimed is None else max(known.claimed, most)
    if most < -CLEAR:
        known.open_cases -= 1
        known.word = True
        known.detail.append(f"{text}: excluded by the solver's word (margin below {max(most, FLOOR):.6g})")
    elif most <= CLEAR:
        known.detail.append(f"{text}: open, the claimed greatest margin {most:.3g} is too near to 0 to decide")
    else:
        known.detail.append(f"{text}: open, the solver claims a margin up to {most:.6g} but no witness held")


def verdict(task: Prove, limits: Limits, known: Progress) -> Answer:
    """The answer from what is known."""
    base = Answer(
        "unknown", claim=task.claim, detail=tuple(known.detail), timings=known.timings, claimed_bound=known.claimed,
        seed=limits.seed, ledger=task.problem.ledger,
    )  # fmt: skip
    if known.witness is not None:
        one = known.witness
        shapes = {name: task.problem.vars[name].shape for name in (task.inputs, task.outputs)}
        values = {task.inputs: one.x, task.outputs: one.y}
        witness = {name: array.reshape(shapes[name]).tolist() for name, array in values.items()}
        where = f"{one.case}: holds at the witness ({one.arithmetic})"
        return base.with_fields(status="sat", witness=witness, arithmetic=one.arithmetic, detail=(where, *known.detail))
    if not known.open_cases:
        return base.with_fields(status="unsat", basis="solver-word" if known.word else "none")
    if limits.over:
        return base.with_fields(status="timeout", time_limited=True)
    return base


def checked_view(task: Prove) -> NetView:
    """The network of a task that is nothing but a network on a box."""
    problem = task.problem
    view = NetView.of(problem)
    if view.free != (task.inputs,) or problem.vars[task.inputs].discrete:
        raise Refused(f"the inputs have to be one block of real variables, found {', '.join(view.free) or 'none'}")
    if any(lin.defines is None for lin in problem.lins.values()) or problem.constraints or problem.penalties:
        raise Refused("rows beside the network are not supported here", hint="state the claim over a box")
    for name, var in problem.vars.items():
        if name != task.inputs and (np.isfinite(var.lower).any() or np.isfinite(var.upper).any()):
            raise Refused(f"bounds of computed block {name!r} would be a row", hint="state bounds of inputs only")
    sizes = {name: problem.vars[name].size for name in (task.inputs, task.outputs)}
    if faults := task.unsafe.faults(sizes, task.inputs):
        raise Refused(f"the unsafe set is malformed: {faults[0]}")
    form = FORMS[form_of(task)]()
    for fn in problem.fns.values():
        if not form.knows(fn.function):
            kind = key_of(type(fn.function))
            raise Refused(f"function {kind} has no {form_of(task)} form", hint="only networks with relu can be proved")
    check_finite(view)
    return view


def form_of(task: Prove) -> str:
    """The piecewise form that the task asks for."""
    return str(task.options.get("form", "big-m"))
