"""Steepest descent from random states, from dwave-samplers.

*needs*: level BQM. *gives*: a local minimum per read, best first; proves nothing. Same seed, same samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dwave.samplers import SteepestDescentSampler

from ...ir.errors import UsageError
from ...ir.problem import Problem
from ...ir.protocols import Limits
from ...ir.samples import Samples
from ..sampling import SEEDS, sample_bqm
from ..solver import Solver


@dataclass(frozen=True)
class Greedy(Solver):
    """``reads`` (0: as many as the limits say)."""

    reads: int = 0

    def __post_init__(self) -> None:
        if self.reads < 0:
            raise UsageError("greedy needs reads >= 0")

    def solve(self, problem: Problem, limits: Limits) -> Samples:
        def sample(bqm: Any) -> Any:
            sampler: Any = SteepestDescentSampler
            return sampler().sample(bqm, num_reads=self.reads or limits.reads, seed=limits.seed % SEEDS)

        return sample_bqm(problem, sample, "greedy")
