"""What a sampler finds from below: patterns of slopes from samples of Ising problems.

One hidden layer is one Ising problem (``ising.py``); it goes to the sampler as a whole where it fits the budget, and by
coarsening and refinement where it doesn't. Deeper networks are sampled two blocks at a time (``neighbourhood.py``).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir.protocols import Event, Limits
from ...ir.types import FloatArray
from ..compile import compile_problem
from .ising import IsingForm
from .neighbourhood import improve, no_lp
from .question import Question


@dataclass(frozen=True, eq=False)
class Sampled:
    """``patterns`` [K, F], and what was done, in words."""

    patterns: FloatArray
    words: str


def sampled(
    question: Question, pattern: FloatArray, sampler: Any, limits: Limits, budget: int | None
) -> Generator[Event, None, Sampled]:
    """Patterns that the sampler's samples stand for; ``pattern`` [F] is where steps start."""
    name = type(sampler).__name__.lower()
    yield Event(f"{question.label}: {name}")
    if question.as_spins:
        ising = IsingForm.of(question.form, question.functional, question.task.quantity)
        problem = ising.problem()
        if budget is None or problem.size <= budget:
            trace = compile_problem(problem, getattr(sampler, "level", "BQM"), {}, None, {}, no_lp)
            found = ising.decode(trace.lift.up(sampler.solve(trace.problem, limits).values))
            words = f"{name}: one call with {problem.size} spins, best {found.value.max():.9g}"
            return Sampled(found.patterns[[found.best]], words)
    form, norm = question.steep_form(), question.task.norm
    steps = yield from improve(form, question.functional, norm, pattern, sampler, limits, budget)
    return Sampled(np.asarray(steps.pattern)[None], f"{name}: {steps.calls} calls, best {steps.value:.9g}")
