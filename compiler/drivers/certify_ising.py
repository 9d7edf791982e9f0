"""Proofs for Ising problems and QUBOs: bounds by odd cycles and by semidefinite programs, whichever are better.

needs: an objective of degree two over variables of two values each (``ir/quadratic/spins.py``); a tool ``open_lp``; the
answer of any solver or sampler
gives: the answer with an ``odd-cycles`` or ``spin-tree`` certificate: optimal, or a bracket, so that every sampled
energy comes with a proved gap

Rows are left out of these bounds, so they are meant for problems without any; where there are rows the bound holds too
and is weaker for it. Sparse graphs start with odd cycles, dense ones with semidefinite programs; where the first way
leaves a gap for long the other one gets as much time, and then the better one goes on. Better points met on the way are
evaluated on the source and taken.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from time import monotonic

import numpy as np

from ...ir.answers import Answer
from ...ir.decoding import shaped
from ...ir.errors import Refused
from ...ir.problem import Problem
from ...ir.protocols import Event, IsingSampler, Limits, OpenLp
from ...ir.quadratic.ising_form import IsingForm
from ...ir.quadratic.spins import TwoValued, couplings, spin_form_and_values
from ...ir.quadratic.triplets import Triplets
from ...ir.spin_form import SpinForm
from ...ir.spin_proof.grids import lowered
from ...ir.types import FloatArray
from ._ising_bounds import ByCycles, ByVectors, Found, Way
from .certify_milp import accepted, flat, source_bound

SHARE, TRIAL = 0.2, 10.0
"""Part of the time, and most seconds, that the first way has before the other one may be tried."""
SMALL_GAP = 0.02
"""Relative gap from which on the other way isn't tried."""
CYCLE_EDGES, VECTOR_SPINS = 300_000, 3_000
"""Most couplings for odd cycles, most spins for semidefinite programs."""
SAMPLING, SWEEPS, SPIN_SECONDS, EDGE_SECONDS = 0.5, 1000, 1.3e-8, 7e-10
"""Seconds for samples; what a sweep of simulated annealing takes for each spin and each coupling."""
DENSE = 16.0
"""Mean number of neighbours from which on odd cycles are of no use, unless there are few spins."""
SPARSE = 6.0
"""Mean number of neighbours up to which odd cycles come first."""
TOLERANCE = 1e-9
"""Relative gap of an answer that is called optimal: what float64 objectives are off by."""


def certify(
    problem: Problem, answer: Answer, open_lp: OpenLp, limits: Limits, sampler: IsingSampler | None = None
) -> Generator[Event, None, Answer]:
    """The answer with a certificate, or as it was with a word on why there is none. ``limits``: its time goes to the
    search here, ``sampler``: finds points to start from."""
    try:
        form, values = spin_form_and_values(problem)
        search = Race.of(problem, answer, form, values, open_lp, limits)
    except Refused as error:
        return answer.with_fields(detail=(*answer.detail, f"not certified: {error.diagnostics[0].message}"))
    if sampler is not None:
        search.start = np.concatenate([search.start, sampled(form, sampler, limits)])
    yield from search.run()
    return search.answer()


def sampled(form: SpinForm, sampler: IsingSampler, limits: Limits) -> FloatArray:
    """A few samples [K, N], as many as fit into ``SAMPLING`` seconds on an ordinary machine."""
    edges = couplings(form)
    field, inner = edges.row == 0, edges.row > 0
    seconds = SWEEPS * (SPIN_SECONDS * form.spins + EDGE_SECONDS * len(edges.value))
    if limits.left() is not None and seconds > 0.2 * (limits.left() or 0.0):
        return np.zeros((0, form.spins))
    h = np.bincount(edges.column[field] - 1, edges.value[field], form.spins - 1).astype(np.float64)
    pairs = Triplets(edges.row[inner] - 1, edges.column[inner] - 1, edges.value[inner])
    reads = int(np.clip(SAMPLING / seconds, 1, 200))
    found = sampler.sample_ising(IsingForm(0.0, h, pairs), Limits(seed=limits.seed + 1, reads=reads))
    return np.concatenate([np.ones((min(4, len(found)), 1)), found[:4]], axis=1)


@dataclass(eq=False)
class Race:
    """``ways``: those that are used, the one that goes on last."""

    problem: Problem
    given: Answer
    form: SpinForm
    values: TwoValued
    limits: Limits
    start: FloatArray
    queue: list[str]
    open_lp: OpenLp
    ways: list[Way]

    @classmethod
    def of(
        cls, problem: Problem, answer: Answer, form: SpinForm, values: TwoValued, open_lp: OpenLp, limits: Limits
    ) -> Race:
        start = np.ones((1, form.spins))
        if answer.witness is not None:
            blocks = [flat(answer.witness[name], var.labels()) for name, var in problem.vars.items()]
            start = values.spins(np.concatenate([np.zeros(0), *blocks])[None])
        return cls(problem, answer, form, values, limits, start, order(form), open_lp, [])

    def run(self) -> Generator[Event, None, None]:
        """The first way for a while, the second one as long, then the better of the two."""
        left = self.limits.left()
        trial = TRIAL if left is None else min(TRIAL, SHARE * left)
        loops: dict[int, Generator[Event, None, None]] = {}
        for name in self.queue:
            way = self.made(name)
            self.ways.append(way)
            loops[id(way)] = way.run()
            alone = name == self.queue[-1] and len(self.queue) == 1
            yield from self.played(loops[id(way)], np.inf if alone else trial)
            if self.gap(way) <= SMALL_GAP or self.limits.over:
                break
        self.ways.sort(key=lambda way: -way.upper)
        yield from self.played(loops[id(self.ways[-1])], np.inf)

    def played(self, loop: Generator[Event, None, None], seconds: float) -> Generator[Event, None, None]:
        """A loop for some seconds or to its end."""
        end = monotonic() + seconds
        for event in loop:
            yield event
            if monotonic() > end:
                return

    def made(self, name: str) -> Way:
        start = np.concatenate([self.start, *(way.spins[None] for way in self.ways)])
        if name == "cycles":
            return ByCycles(self.form, start, self.open_lp, self.limits)
        return ByVectors(self.form, start, self.limits)

    def gap(self, way: Way) -> float:
        """The relative gap that a way leaves now."""
        if way.upper == np.inf:
            return np.inf
        value = float(self.form.value(way.spins[None])[0])
        return (float(lowered(self.form, way.upper)) - value) / max(1e-9, abs(value))

    def answer(self) -> Answer:
        """The given answer with the best point and the best bound of all ways."""
        found = [way.found() for way in self.ways if np.isfinite(way.upper)]
        if not found:
            return self.given.with_fields(detail=(*self.given.detail, "not certified: time was over"))
        best = min(found, key=lambda one: one.upper)
        value, answer = self.improved(found)
        slack = TOLERANCE * max(1.0, abs(value)) if value < np.inf else 0.0
        done = value < np.inf and best.upper <= Fraction(-value) + Fraction(slack)
        if not done and self.given.status == "optimal" and self.given.basis == "enumeration":
            detail = "not certified: the proof leaves a gap, where enumeration left none"
            return self.given.with_fields(detail=(*self.given.detail, detail))
        return self.with_bound(answer, best, done)

    def improved(self, found: list[Found]) -> tuple[float, Answer]:
        """The minimised objective of the best point that the source accepts (inf: there is none), and the answer with
        it."""
        answer, problem = self.given, self.problem
        best = np.inf
        if answer.witness is not None:
            blocks = [flat(answer.witness[name], var.labels()) for name, var in problem.vars.items()]
            best = accepted(problem, np.concatenate([np.zeros(0), *blocks]))[1]
        for one in found:
            point, value = accepted(problem, self.values.points(one.spins[None])[0])
            if point is None or value >= best:
                continue
            best, table = value, problem.unstack(point[None])
            told = float(problem.source.value(np.array(value)))
            witness = {name: shaped(var, table[name][0]) for name, var in problem.vars.items()}
            side = "lower" if problem.source.maximize else "upper"
            answer = answer.with_fields(status="witnessed", basis="none", value=told, witness=witness, **{side: told})
        if answer is not self.given and self.given.value is not None:
            detail = f"the search for a proof met a better point than the one given, of value {self.given.value!r}"
            answer = answer.with_fields(detail=(*answer.detail, detail))
        return best, answer

    def with_bound(self, answer: Answer, found: Found, done: bool) -> Answer:
        problem = self.problem
        bound = source_bound(problem, -found.upper, answer.value)
        side = {"upper": bound} if problem.source.maximize else {"lower": bound}
        detail = f"certified by {found.told}"
        if not done:
            detail = f"certified is a bound only: {found.told}"
        if not done and answer.value is not None:
            apart, size = abs(answer.value - bound), abs(answer.value)
            told = f"{apart / size:.2%}" if size > 0.1 * apart else f"{apart:.3g}"
            detail = f"certified is a bound only, {told} away from the value: {found.told}"
        return answer.with_fields(
            status="optimal" if done else "bracketed", basis="certificate", certificate=found.certificate,
            detail=(*answer.detail, detail), history=self.history(found), **side,
            time_limited=answer.time_limited or (not done and self.limits.over),
        )  # fmt: skip

    def history(self, found: Found) -> tuple[tuple[float, float, float], ...]:
        """The course of a search in the source's sense."""
        source = self.problem.source
        sides = [(at, *sorted(float(source.value(np.array(-end))) for end in (low, high))) for at, low, high in
                 found.history]  # fmt: skip
        return tuple((at, low, high) for at, low, high in sides)


def order(form: SpinForm) -> list[str]:
    """The ways to try, in order. Raises :class:`Refused` where the problem is too large for both."""
    edges = couplings(form)
    inner, count = edges.row > 0, len(edges.value)  # a field is a coupling to spin 0, and no reason against odd cycles
    used = max(1, len(np.unique(np.concatenate([edges.row[inner], edges.column[inner]]))))
    degree = 2 * int(np.count_nonzero(inner)) / used
    names = ["cycles", "vectors"] if degree <= SPARSE else ["vectors", "cycles"]
    if form.spins > VECTOR_SPINS:
        names.remove("vectors")
    if count > CYCLE_EDGES or degree > max(DENSE, 4000 / used):
        names.remove("cycles")
    if not names:
        raise Refused(f"{form.spins:,} spins with {count:,} couplings are more than bounds are computed for",
                      code="certify", hint="odd cycles take sparse problems, semidefinite programs up to "
                      f"{VECTOR_SPINS:,} spins")  # fmt: skip
    return names
