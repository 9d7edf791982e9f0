"""Enumeration of all states: every ground state, and so a proof, up to about 26 binaries.

*needs*: level BQM. *gives*: all ground states up to ``cap``; energies are exact where the coefficients are whole
multiples of one number, and else all states within the rounding error of the least are given. *complete* unless the
time limit struck.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.problem import Problem
from ...ir.protocols import Limits
from ...ir.quadratic.assembly import assemble
from ...ir.samples import Samples
from ..enumeration import ground_states
from ..solver import Solver


@dataclass(frozen=True)
class Exact(Solver):
    """``cap``: most ground states returned. ``most``: most binaries accepted (30 take seconds, each more twice
    that)."""

    cap: int = 1000
    most: int = 30

    level = "BQM"
    complete = True

    def solve(self, problem: Problem, limits: Limits) -> Samples:
        form = assemble(problem).check(problem.labels())
        found = ground_states(form, max(1, self.cap), limits, self.most)
        status = "optimal" if found.complete else "limit"
        info = {"status": status, "time_limited": not found.visited, "more_ground_states": found.more}
        bound = float(found.energy[0]) if found.complete else None
        return Samples(problem.unstack(found.states), found.energy, claimed_bound=bound, info=info)
