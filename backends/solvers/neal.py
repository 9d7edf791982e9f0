"""Simulated annealing, from dwave-samplers (where neal moved).

*needs*: level BQM. *gives*: one sample per read, best first; proves nothing. Same seed, same samples; with a timeout it
stops between reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from warnings import catch_warnings, simplefilter

from dwave.samplers import SimulatedAnnealingSampler

from ...ir.errors import UsageError
from ...ir.problem import Problem
from ...ir.protocols import Limits
from ...ir.samples import Samples
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
