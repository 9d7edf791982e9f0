"""Multistart tabu search, from dwave-samplers.

*needs*: level BQM. *gives*: one sample per read, best first; proves nothing. Same seed, same samples: the search is
limited by variable updates, not by time, unless a timeout is given; then it stops between reads, and reports that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from dimod import concatenate
from dwave.samplers import TabuSampler

from ...ir.errors import UsageError
from ...ir.problem import Problem
from ...ir.protocols import Limits
from ...ir.samples import Samples
from ..sampling import sample_bqm, with_info
from ..solver import Solver


@dataclass(frozen=True)
class Tabu(Solver):
    """``effort``: updates per variable in a search (at least 20,000 altogether); ``restarts`` per read; ``tenure``
    (0: a quarter of the variables, 20 at the most); ``reads`` (0: as many as the limits say)."""

    effort: int = 1000
    restarts: int = 0
    tenure: int = 0
    reads: int = 0

    def __post_init__(self) -> None:
        if self.effort < 1 or min(self.restarts, self.tenure, self.reads) < 0:
            raise UsageError("tabu needs effort >= 1 and restarts, tenure, reads >= 0")

    def solve(self, problem: Problem, limits: Limits) -> Samples:
        reads = self.reads or limits.reads
        seeds = np.random.default_rng(limits.seed).integers(0, 2**31, reads).tolist()

        def sample(bqm: Any) -> Any:
            found = []
            for seed in seeds:
                found.append(self._read(bqm, seed, limits.left()))
                if limits.over:
                    break
            join: Any = concatenate
            return join(found)

        samples = sample_bqm(problem, sample, "tabu")
        return with_info(samples, time_limited=limits.over and problem.size > 0)

    def _read(self, bqm: Any, seed: int, left: float | None) -> Any:
        sampler: Any = TabuSampler
        return sampler().sample(
            bqm,
            num_reads=1,
            seed=seed,
            tenure=min(self.tenure, bqm.num_variables - 1) if self.tenure else None,
            timeout=None if left is None else max(1, int(1000 * left)),
            num_restarts=self.restarts,
            coefficient_z_first=self.effort,
            lower_bound_z=20_000,
        )
