"""Simulated annealing, from dwave-samplers (where neal moved).

*needs*: level BQM. *gives*: one sample per read, best first; proves nothing. Same seed, same samples; with a timeout it
stops between reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from dwave.samplers import SimulatedAnnealingSampler

from ...ir.errors import UsageError
from ...ir.problem import Problem
from ...ir.protocols import Limits
from ...ir.quadratic.ising_form import IsingForm
from ...ir.quadratic.triplets import Triplets
from ...ir.samples import Samples
from ...ir.types import FloatArray, SpinArray
from ..sampling import SEEDS, sample_bqm, with_info
from ..solver import Solver


@dataclass(frozen=True)
class Neal(Solver):
    """``sweeps`` per read; ``reads`` (0: as many as the limits say); ``hot`` and ``cold``: first and last inverse
    temperature (0: chosen by the sampler from the coefficients); ``schedule``: geometric or linear."""

    sweeps: int = 1000
    reads: int = 0
    hot: float = 0.0
    cold: float = 0.0
    schedule: str = "geometric"

    anneals = True

    def __post_init__(self) -> None:
        if self.sweeps < 1 or self.reads < 0 or self.schedule not in ("geometric", "linear"):
            raise UsageError("neal needs sweeps >= 1, reads >= 0 and schedule geometric or linear")
        if (self.hot > 0) != (self.cold > 0) or not 0 <= self.hot <= self.cold < float("inf"):
            raise UsageError("neal needs hot and cold together, 0 < hot <= cold")

    def solve(self, problem: Problem, limits: Limits) -> Samples:
        reads = self.reads or limits.reads

        def sample(bqm: Any) -> Any:
            sampler: Any = SimulatedAnnealingSampler
            with catch_warnings():
                simplefilter("ignore")  # it warns where all coefficients are zero
                return sampler().sample(
                    bqm,
                    beta_range=[self.hot, self.cold] if self.hot else None,
                    num_reads=reads,
                    num_sweeps=self.sweeps,
                    beta_schedule_type=self.schedule,
                    seed=limits.seed % SEEDS,
                    interrupt_function=(lambda: limits.over) if limits.timeout is not None else None,
                )

        samples = sample_bqm(problem, sample, "neal")
        return with_info(samples, time_limited=samples.count < reads and problem.size > 0)

    def sample_ising(
        self, form: IsingForm, limits: Limits, start: SpinArray | None = None, betas: FloatArray | None = None
    ) -> SpinArray:
        """The annealer behind the sampler, called directly: a dimod model costs more than 100 spins' annealing."""
        if not form.size:
            return np.zeros((1, 0), np.int8)
        anneal = annealer()
        if anneal is None:
            return super().sample_ising(form, limits, start, betas)
        reads, seed = self.reads or limits.reads, mixed(limits.seed)
        if start is None:
            states = np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), (reads, form.size))
        else:
            states = np.repeat(np.asarray(start, dtype=np.int8)[None], reads, axis=0)
        if betas is None:
            hot, cold = (self.hot, self.cold) if self.hot else beta_range(form)
            space: Any = np.geomspace if self.schedule == "geometric" else np.linspace
            betas = space(hot, cold, self.sweeps)
        found = form.triplets()
        spins, energy = anneal(
            reads, form.h.tolist(), *pattern(found, form.size), found.value.tolist(), 1, betas.tolist(), seed, states,
            False, "Metropolis", (lambda: limits.over) if limits.timeout is not None else None,
        )  # fmt: skip
        return np.asarray(spins[np.argsort(energy, kind="stable")] if len(energy) > 1 else spins)


@cache
def annealer() -> Any:
    """The compiled function that the sampler calls (dwave-samplers 1.4 to 1.8); None where it has moved."""
    try:
        return import_module("dwave.samplers.sa.simulated_annealing").simulated_annealing
    except (ImportError, AttributeError):
        return None


def beta_range(form: IsingForm) -> tuple[float, float]:
    """First and last inverse temperature, by the rule of dwave-samplers: at first every flip is taken half of the time,
    at last one of the smallest energy steps 2 min(|h|, |J|) of the spins is taken once in a hundred sweeps."""
    found = form.triplets()
    ends = np.concatenate([found.row, found.column])
    sizes = np.abs(np.concatenate([found.value, found.value]))
    most = np.abs(form.h) + np.bincount(ends, sizes, form.size)
    least = np.where(form.h != 0, np.abs(form.h), np.inf)
    np.minimum.at(least, ends, sizes)
    least = least[np.isfinite(least)]
    if not least.size:
        return 0.1, 1.0
    count = int((least == least.min()).sum())
    return float(np.log(2) / (2 * most.max())), float(np.log(count / 0.01) / (2 * least.min()))


def pattern(found: Triplets, size: int) -> tuple[list[int], list[int]]:
    """Both ends of all couplers, as lists; those of dense problems are made once."""
    if len(found.value) == size * (size - 1) // 2:
        return complete_pattern(size)
    return found.row.tolist(), found.column.tolist()


@cache
def complete_pattern(size: int) -> tuple[list[int], list[int]]:
    row, column = np.triu_indices(size, 1)
    return row.tolist(), column.tolist()


def mixed(seed: int) -> int:
    """Seed in 64 bits that are all in use (splitmix64): the annealer's generator starts with what it is given, and
    takes long to leave a state of few bits."""
    mask = (1 << 64) - 1
    seed = (seed + 0x9E3779B97F4A7C15) & mask
    seed = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & mask
    seed = ((seed ^ (seed >> 27)) * 0x94D049BB133111EB) & mask
    return (seed ^ (seed >> 31)) or 1
