"""Problems larger than the device: coarsened with signs, solved, refined block by block within its number of spins.

needs: a problem at level BQM (what the compiler makes of anything with penalties), or an Ising system; a sampler
guarantee: no call gets more than ``budget`` spins; the samples are re-evaluated, and prove nothing
source: HiQ-Lip (arXiv 2503.16342), corrected: signed merging, constants kept, fields kept, energies never rise in
  refinement; V-cycles and the common cooling schedule are additions
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir.errors import UsageError, nearest
from ...ir.problem import Problem
from ...ir.protocols import Event, Limits
from ...ir.quadratic.assembly import assemble
from ...ir.samples import Samples
from ...ir.types import SpinArray
from ..coarsen.cooling import DENSE_BLOCK, FIRST, Schedule, cooled
from ..coarsen.cycles import combined, cycle, upward
from ..coarsen.device import Device
from ..coarsen.levels import Level, coarsened
from ..coarsen.matching import MATCHINGS
from ..coarsen.reduction import Reduced, reduced
from ..coarsen.state import FAST, State
from ..coarsen.system import System

MODES = ("auto", "levels", "anneal")
SOLVE = 50
"""Sweeps of a call that re-solves a block."""
PASSES = 900
"""Passes over all blocks on the schedule, unless calls are stated."""
FEWEST = 40
"""Calls for each block from which ``auto`` uses the schedule."""
SHARE = 0.85
"""Share of calls and time that the schedule gets; the rest is for cycles."""
EARLY = 0.1
"""Share of calls for cycles before the schedule: where they do well, nothing else is needed."""
PATIENCE, LAST = 12, 4
"""Cycles without gain that end a search; fewer after a schedule that did better than they."""
KEPT = 16
"""Samples that are returned at the most."""


@dataclass(frozen=True, eq=False)
class Found:
    """``spins`` [B, n], best first, with their ``energy`` [B]; what the device did; ``levels``: numbers of spins,
    the source's first, then reduced, then of each level of the start; ``time_limited``: whether the clock had a say."""

    spins: SpinArray
    energy: Any
    calls: int
    largest: int
    seconds: float
    levels: tuple[int, ...]
    time_limited: bool


@dataclass(frozen=True, eq=False)
class Coarsen:
    """A sampler made of a sampler. ``device``: a solver (``backends/solver.py``) that takes ``budget`` spins.

    ``mode``: ``levels`` (coarsening and V-cycles), ``anneal`` (a common cooling schedule first), ``auto``: the latter
    for devices that take a start and temperatures, where many calls may be made. ``calls``: at the most (0: by size).
    ``matching``: embedding or weight. ``reads``: samples of a call that re-solves a block.
    """

    device: Any
    budget: int = 100
    mode: str = "auto"
    calls: int = 0
    matching: str = "embedding"
    reads: int = 1

    level = "BQM"
    complete = False

    def __post_init__(self) -> None:
        if self.budget < 2 or self.calls < 0 or self.reads < 1:
            raise UsageError("coarsen needs budget >= 2, calls >= 0 and reads >= 1")
        for name, known in ((self.mode, MODES), (self.matching, tuple(MATCHINGS))):
            if name not in known:
                raise UsageError(f"coarsen knows no {name!r}", hint=nearest(name, known))

    @property
    def target_level(self) -> str:
        """The level again."""
        return self.level

    def solve(self, problem: Problem, limits: Limits) -> Samples:
        """Samples of all variables, best first. Raises as the device does."""
        loop = self.run(problem, limits)
        while True:
            try:
                next(loop)
            except StopIteration as end:
                samples: Samples = end.value
                return samples

    def run(self, problem: Problem, limits: Limits) -> Generator[Event, None, Samples]:
        """As :meth:`solve`, telling how it goes on."""
        form = assemble(problem).check(problem.labels())
        found = yield from self.search(System.of(form.ising()), limits)
        values = (found.spins + 1.0) / 2
        energy = form.energies(values)
        order = np.argsort(energy, kind="stable")
        info = {
            "status": "sampled", "time_limited": found.time_limited, "calls": found.calls, "largest": found.largest,
            "device_seconds": found.seconds, "levels": found.levels,
        }  # fmt: skip
        return Samples(problem.unstack(values[order]), energy[order], info=info)

    def search(self, system: System, limits: Limits, start: SpinArray | None = None) -> Generator[Event, None, Found]:
        """Spins of low energy; never worse than ``start`` [n]."""
        smaller = reduced(system)
        search = Search(self, smaller.system, Device(self.device, self.budget, limits, self.calls))
        yield from search.play(None if start is None else np.asarray(start, dtype=np.int8)[smaller.kept])
        return search.found(smaller)


class Search:
    """One run: the best spins so far, and what they took."""

    def __init__(self, rule: Coarsen, system: System, device: Device) -> None:
        self.rule, self.system, self.device = rule, system, device
        device.fast = system.size >= FAST
        self.rng = np.random.default_rng(device.limits.seed)
        self.kept: list[tuple[float, SpinArray]] = []
        self.levels: list[Level] = []
        self.hurried = False

    def keep(self, spins: SpinArray) -> bool:
        """Remember spins; whether they are better than all before."""
        energy = self.system.energy(spins)
        better = not self.kept or energy < self.kept[0][0] - 1e-12 * abs(self.kept[0][0])
        if not any(np.array_equal(spins, old) for _, old in self.kept):
            self.kept = sorted([*self.kept, (energy, spins.copy())], key=lambda one: one[0])[:KEPT]
        return better

    @property
    def best(self) -> SpinArray:
        return self.kept[0][1]

    def found(self, reduced: Reduced) -> Found:
        device, n = self.device, self.system.size
        spins = np.stack([spins for _, spins in self.kept]) if self.kept else np.ones((1, n), np.int8)
        energy = np.array([energy for energy, _ in self.kept] or [self.system.energy(spins[0])])
        levels = tuple(dict.fromkeys((reduced.size, n, *(level.coarse.size for level in self.levels))))
        limited = self.hurried or device.limits.over
        return Found(reduced.lift(spins), energy, device.calls, device.largest, device.seconds, levels, limited)

    def play(self, start: SpinArray | None) -> Generator[Event, None, None]:
        n, device = self.system.size, self.device
        if start is not None:
            self.keep(np.asarray(start, dtype=np.int8))
        if n <= device.budget:
            if n and not device.over:
                for spins in device.sample(self.system.form(), device.limits.reads):
                    self.keep(spins)
            return
        if device.over:
            return
        yield Event(f"coarsen: {n} spins")
        yield from self.from_above()
        blocks = -(-n // self.block)
        total = self.rule.calls or round(PASSES / SHARE) * blocks
        many = device.anneals and total >= FEWEST * blocks
        anneals = self.rule.mode == "anneal" or (self.rule.mode == "auto" and many)
        patience = PATIENCE
        if anneals:
            if not self.system.dense:
                yield from self.cycles(round(EARLY * total), 1)
            cooler = yield from self.cool(max(1, round(SHARE * (total - device.calls) / blocks)))
            patience = LAST if cooler else PATIENCE
        yield from self.cycles(total, patience)

    @property
    def block(self) -> int:
        """Spins of a call on the schedule."""
        small = self.system.dense and self.device.anneals
        return min(self.device.budget, DENSE_BLOCK) if small else self.device.budget

    def from_above(self) -> Generator[Event, None, None]:
        """The start: coarsened, the coarsest system solved, refined on the way up."""
        rule, device = self.rule, self.device
        self.levels = coarsened(self.system, device.budget, MATCHINGS[rule.matching], self.rng)
        coarsest = self.levels[-1].coarse
        spins = np.ones(coarsest.size, np.int8)
        if not device.over:
            found = device.sample(coarsest.form(), max(rule.reads, 10))
            spins = found[0] if len(found) else spins
        state = State(coarsest, spins, device.budget, device.fast)
        self.keep((yield from upward(self.levels, state, device, self.rng, SOLVE, rule.reads)))

    def cool(self, passes: int) -> Generator[Event, None, bool]:
        """All blocks on one schedule, and again from where it is warm; what a sparse system has in common with the best
        is merged each time, so that the better parts of both stay. Whether the first cooling found anything better."""
        first = State(self.system, self.best, self.block)
        whole = Schedule.of(first, min(passes, FIRST))
        for schedule in whole.parts(passes, SHARE):
            if self.device.over:
                break
            state = State(self.system, self.best, self.block)
            spins, hurried = yield from cooled(state, schedule, self.device, self.rng)
            self.hurried |= hurried
            better = self.keep(spins)
            if not self.system.dense:
                both = self.best, state.spins
                again = combined(self.system, *both, self.device, self.rng, SOLVE, self.rule.reads)
                better |= self.keep((yield from again))
            if not better and not schedule.begin:
                return False
        return True

    def cycles(self, total: int, patience: int) -> Generator[Event, None, None]:
        """V-cycles from the best, until so many in a row bring nothing, or there have been ``total`` calls."""
        stale = 0
        while stale < patience and not self.device.over and self.device.calls < total:
            spins = yield from cycle(self.system, self.best, self.device, self.rng, SOLVE, self.rule.reads)
            stale = 0 if self.keep(spins) else stale + 1
