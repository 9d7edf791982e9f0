"""What one pass returns, and what every pass is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from .guarantee import Guarantee
from .ledger import Ledger
from .lifting import Lift
from .problem import Problem


@dataclass(frozen=True, eq=False)
class Step:
    """The new problem, how to get back, what is promised, what was lost or noted."""

    problem: Problem
    lift: Lift = field(default_factory=Lift)
    guarantee: Guarantee = field(default_factory=Guarantee)
    ledger: Ledger = ()


class Pass(Protocol):
    """A frozen dataclass whose fields are its options."""

    def run(self, problem: Problem) -> Step:
        """Rewrite a problem. Never changes its input, never calls a solver."""
