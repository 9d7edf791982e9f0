"""What a sampler finds from below: patterns of slopes from samples of Ising problems.

One hidden layer is one Ising problem (``ising.py``); it goes to the sampler as a whole where it fits the budget, and by
coarsening and refinement where it doesn't. Deeper networks are sampled two blocks at a time (``neighbourhood.py``).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from ...ir.protocols import Event, Limits
from ...ir.types import FloatArray
from ..compile import compile_problem
from ..drivers.coarsen import Coarsen
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
    if not question.as_spins:
        form, norm = question.steep_form(), question.task.norm
        steps = yield from improve(form, question.functional, norm, pattern, sampler, limits, budget)
        return Sampled(steps.pattern[None], f"{name}: {steps.calls} calls, best {steps.value:.9g}")
    ising = IsingForm.of(question.form, question.functional, question.task.quantity)
    problem = ising.problem()
    if budget is not None and problem.size > budget:
        sampler = Coarsen(sampler, budget)
    trace = compile_problem(problem, sampler.level, {}, None, {}, no_lp)
    if isinstance(sampler, Coarsen):
        samples = yield from sampler.run(trace.problem, limits)
        told = "{calls:,} calls with at most {largest} spins each".format(**samples.info)
    else:
        samples, told = sampler.solve(trace.problem, limits), f"one call with {problem.size} spins"
    found = ising.decode(trace.lift.up(samples.values))
    return Sampled(found.patterns[[found.best]], f"{name}: {told}, best {found.value.max():.9g}")
