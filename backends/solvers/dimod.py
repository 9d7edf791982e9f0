"""Any object with dimod's ``sample(bqm)``: the samplers of the Ocean packages, composites, one's own.

*needs*: level BQM. *gives*: what the sampler returns, checked against the problem (labels, values, energies), best
first; proves nothing. The model's variables are named as ``problem.labels()``. ``seed`` and ``num_reads`` are passed
where the sampler's ``sample`` (or its ``parameters``) knows them.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ...ir.errors import UsageError
from ...ir.problem import Problem
from ...ir.protocols import Limits
from ...ir.samples import Samples
from ..sampling import SEEDS, sample_bqm
from ..solver import Solver


@dataclass(frozen=True)
class Dimod(Solver):
    """``sampler``: an object, or the text ``package.module:Class`` of a class without arguments."""

    sampler: Any = None

    def solve(self, problem: Problem, limits: Limits) -> Samples:
        sampler = self._sampler()
        wanted = {"num_reads": limits.reads, "seed": limits.seed % SEEDS}
        known = _parameters(sampler)
        settings = {name: value for name, value in wanted.items() if name in known}
        name = type(sampler).__name__
        return sample_bqm(problem, lambda bqm: sampler.sample(bqm, **settings), name, labels=True)

    def _sampler(self) -> Any:
        found = _load(self.sampler) if isinstance(self.sampler, str) else self.sampler
        if not callable(getattr(found, "sample", None)):
            message = f"{self.sampler!r} has no sample(bqm)"
            raise UsageError(message, hint="write dimod{sampler=package.module:Class} or pass an object")
        return found


def _load(text: str) -> Any:
    module, _, name = text.partition(":")
    try:
        return getattr(import_module(module), name)()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        hint = "is the package installed? write package.module:Class"
        raise UsageError(f"sampler {text!r} can't be made ({error})", hint=hint) from error


def _parameters(sampler: Any) -> set[str]:
    """Names that ``sample`` takes, by signature or by dimod's ``parameters``."""
    try:
        names = set(inspect.signature(sampler.sample).parameters)
    except (TypeError, ValueError):
        names = set()
    declared = getattr(sampler, "parameters", None)
    return names | set(declared or ())
