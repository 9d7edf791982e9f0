"""Claims about a network on a box: attack, interval bounds, then one MILP for each unsafe case that is left.

needs: a network of functions that the piecewise form knows, on a box of finite sides, and nothing else in the problem
guarantee: ``sat`` has a witness, checked without tolerance in onnxruntime's float32 and in exact rationals. ``unsat``
says case by case what it rests on: interval bounds alone (rounded outward), or the solver's word that the margin stays
below -1e-6. A claimed greatest margin nearer to 0 than that decides nothing.

source: Tjeng, Xiao, Tedrake, Evaluating Robustness of Neural Networks with Mixed Integer Programming, ICLR 2019
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
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
from ...ir.types import FloatArray
from ..bounds.interval import Interval
from ..networks.attack import Attack
from ..networks.unsafe_cases import UnsafeCase, cases_of
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


Left = tuple[UnsafeCase, float]
"""A case that is not excluded yet, and a proved bound of its margin."""


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
    view, cases = checked_view(task), cases_of(task)
    lower, upper = inner_box(task)
    checker = Checker(view, task, cases, tools.runner, lower, upper)
    attack = Attack(view, task.inputs, cases, lower, upper)
    yield Event("attack", 0, len(cases))
    start = perf_counter()
    reached = attack.run(limits.seed) if cases and (lower <= upper).all() else None
    stop = reached is not None and known.take(checker.best(reached.points[:CHECKED]))
    known.time("attack", start)
    if not stop:
        start = perf_counter()
        left = by_intervals(view, cases, known)
        known.time("bounds", start)
        done = len(cases) - len(left)
        yield Event(f"interval bounds exclude {done} of {len(cases)} cases", done, len(cases))
        yield from by_milp(task, tools, limits, left, attack, checker, known)
    return verdict(task, limits, known)


def by_intervals(view: NetView, cases: tuple[UnsafeCase, ...], known: Progress) -> list[Left]:
    """The cases that interval bounds do not exclude, each with a bound of its margin."""
    box = Interval().bounds(view, view.box())
    left = []
    for case in cases:
        rows = case.bounds(view, box)[1][0]
        most = float(rows.min())
        if case.excluded(rows):
            reason = f"excluded by interval bounds alone, rounded outward (margin at most {most:.6g})"
            known.detail.append(f"{case.text}: {reason}")
        else:
            left.append((case, most))
    return left


def by_milp(
    task: Prove, tools: Tools, limits: Limits, left: list[Left], attack: Attack, checker: Checker, known: Progress
) -> Generator[Event, None, None]:
    """One MILP for each case; stops at a witness that is unsafe in both arithmetics, or when the time is over."""
    if not left:
        return
    start = perf_counter()
    trace = Pipeline.parse(f"bound-intervals,encode-activations{{form={form_of(task)}}}").run(task.problem)
    known.time("compile", start)
    known.open_cases = len(left)
    size = sum(var.size for var in trace.problem.vars.values() if var.discrete)
    for done, (case, most) in enumerate(left):
        if limits.over:
            return
        yield Event(f"{case.text}: MILP with {size} binaries", done, len(left))
        start = perf_counter()
        samples = tools.milp.solve(margin_problem(trace.problem, case, most), limits)
        known.time("milp", start)
        start = perf_counter()
        stop = known.take(candidates_of(task, trace, samples, attack, checker))
        known.time("attack", start)
        if stop:
            return
        judge(case, samples, known)


def margin_problem(problem: Problem, case: UnsafeCase, most: float) -> Problem:
    """Minimise -t subject to t <= every row of the case and floor <= t <= ``most``, a bound of the margin."""
    name = problem.fresh("margin")
    rows = case.forms.size
    parts = {key: operator.scaled(-1.0) for key, operator in case.forms.parts.items()}
    blocks = [
        *(block for block in problem.blocks if not isinstance(block, Poly)),
        Var.of(name, "real", (1,), FLOOR, most, origin=f"margin:{case.text}"),
        Lin(f"{name}.rows", {name: Dense(np.ones((rows, 1))), **parts}, "<=", case.forms.offset, case.reading),
        Poly(f"{name}.objective", "objective", (Linear(name, Dense(-np.ones((1, 1)))),), np.zeros(1)),
    ]
    return Problem(problem.name, tuple(blocks))


def candidates_of(
    task: Prove, trace: Trace, samples: Samples, attack: Attack, checker: Checker
) -> Witness | None:
    """The solver's points, checked as they are; where they fail, improved by a few gradient steps."""
    if not samples.count or task.inputs not in samples.values:
        return None
    points = trace.lift.up(samples.values)[task.inputs][:CHECKED]
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points) or (attack.lower > attack.upper).any():
        return None
    found = checker.best(points)
    if found is None or found.rank:
        found = better(found, checker.best(attack.improve(attack.clip(points)).points[:CHECKED]))
    return found


def judge(case: UnsafeCase, samples: Samples, known: Progress) -> None:
    """What the solver's claim says about a case without a witness."""
    status = str(samples.info.get("status", ""))
    most = FLOOR if status == "infeasible" else None
    if samples.claimed_bound is not None and not np.isnan(samples.claimed_bound):
        most = -float(samples.claimed_bound) if most is None else min(most, -float(samples.claimed_bound))
    if most is None:
        known.detail.append(f"{case.text}: open, the solver claims nothing ({status or 'no status'})")
        return
    known.claimed = most if known.claimed is None else max(known.claimed, most)
    if most < -CLEAR:
        known.open_cases -= 1
        known.word = True
        known.detail.append(f"{case.text}: excluded by the solver's word (margin below {max(most, FLOOR):.6g})")
    elif most <= CLEAR:
        known.detail.append(f"{case.text}: open, the claimed greatest margin {most:.3g} is too near to 0 to decide")
    else:
        known.detail.append(f"{case.text}: open, the solver claims a margin up to {most:.6g} but no witness held")


def verdict(task: Prove, limits: Limits, known: Progress) -> Answer:
    """The answer from what is known."""
    base = Answer(
        "unknown", claim=task.claim, detail=tuple(known.detail), timings=known.timings, claimed_bound=known.claimed,
        seed=limits.seed,
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


def inner_box(task: Prove) -> tuple[FloatArray, FloatArray]:
    """Where a witness may lie: the inner box that the task hands over, else the stated bounds."""
    var = task.problem.var(task.inputs)
    sides = (task.options.get("inner-lower", var.lower), task.options.get("inner-upper", var.upper))
    lower, upper = (np.asarray(side, dtype=np.float64).ravel() for side in sides)
    return np.maximum(lower, var.lower), np.minimum(upper, var.upper)


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
