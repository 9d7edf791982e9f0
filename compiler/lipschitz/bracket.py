"""The bracket of one functional: steep patterns from below, a certificate from above.

needs: a question, a clock; a sampler where one shall help from below
guarantee: ``lower`` is what the witness pattern is worth, rounded down; ``upper`` is what the certificate's own checker
proves of it; a sampler's word is in neither
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np

from ...ir.answers import Answer
from ...ir.protocols import Event, Limits
from ...ir.slope_tree import SlopeTree
from ...ir.slope_witness import witness_of
from ...ir.spin_tree import SpinTree
from ...ir.types import FloatArray
from ..search.clock import Clock
from ..slopes.options import SlopeOptions
from ..slopes.search import bracket as slopes_bracket
from ..spins.search import SpinOptions
from ..spins.search import bracket as spins_bracket
from .fallback import ELSEWHERE, coarse
from .patterns import best_patterns
from .question import Question
from .sampled import sampled

CLOSED = 1e-9
"""Relative gap at which a bracket counts as closed, unless another is asked for."""
OPTIMAL = 1e-6
"""Relative gap up to which an answer says ``optimal``, however wide a gap was good enough."""
NOTHING = 1e-300
"""Constants below this count as zero."""
SHARE = 0.3
"""Most of the time that goes to patterns."""
JUDGED = 3
"""Patterns whose value is enclosed."""


@dataclass(frozen=True)
class Effort:
    """``search``: split the question into cases until it is closed to ``tolerance`` (relative) or time is over; the
    bound without cases is enough otherwise. ``budget``: most spins of one call of the sampler."""

    search: bool = False
    tolerance: float = CLOSED
    budget: int | None = None


@dataclass(frozen=True, eq=False)
class Above:
    """An upper bound with its proof, and the best pattern [F] met on the way."""

    tree: SpinTree | SlopeTree
    upper: float
    pattern: FloatArray
    nodes: int


def bracket(question: Question, limits: Limits, effort: Effort, sampler: Any) -> Generator[Event, None, Answer]:
    """Yields progress, returns the answer about this functional. ``limits``: its time is this functional's."""
    began, told = monotonic(), []
    form, norm = question.steep_form(), question.task.norm
    clock = Clock(limits)
    yield Event(f"{question.label}: patterns")
    seconds = None if clock.end is None else SHARE * clock.left
    patterns, _ = best_patterns(form, question.functional, norm, limits.seed, seconds=seconds)
    if sampler is not None:
        share = Limits(seconds, limits.seed, limits.reads)
        samples = yield from sampled(question, patterns[0], sampler, share, effort.budget)
        told.append(samples.words)
        patterns = np.vstack([samples.patterns, patterns])
    history: list[tuple[float, float, float]] = []
    above = yield from noted(from_above(question, patterns, clock, limits.seed, effort), question, began, history)
    worth = [question.value(pattern) for pattern in [above.pattern, *patterns[:JUDGED]]]
    best = int(np.argmax([low for low, _ in worth]))
    low, high = worth[best]
    value, low = low / 2 + high / 2, low / ELSEWHERE
    pattern = above.pattern if best == 0 else patterns[best - 1]
    tree = above.tree if question.ranges is None else replace(above.tree, ranges=question.ranges)
    upper, certificate = ELSEWHERE * above.upper, tree.to_plain()
    if not np.isfinite(upper) and question.task.quantity == "lipschitz":
        found = coarse(question.task, question.functional, "no matrix could be shown to be definite")
        upper, certificate = float(found.upper or np.inf), dict(found.certificate or {})
        told += found.detail
    gap = (upper - low) / max(upper, NOTHING) if np.isfinite(upper) else np.inf
    reached, closed = gap <= effort.tolerance, gap <= min(effort.tolerance, OPTIMAL)
    told.append(f"{above.nodes} node{'' if above.nodes == 1 else 's'}")
    if effort.search and not reached and clock.left > max(1.0, 0.1 * (monotonic() - began)):
        told.append("ended before its time: the certificate is as large as it may become")
    seconds = monotonic() - began
    return Answer(
        "optimal" if closed else "bracketed", "certificate", value, min(low, upper), upper,
        witness=witness_of(question.form, pattern), certificate=certificate, detail=tuple(told),
        history=(*history, (seconds, low, upper)), timings={"all": seconds}, seed=limits.seed,
        time_limited=not reached and limits.over, claim=question.label,
        solver="" if sampler is None else type(sampler).__name__.lower(),
    )  # fmt: skip


def from_above(
    question: Question, patterns: FloatArray, clock: Clock, seed: int, effort: Effort
) -> Generator[Event, None, Above]:
    """The search that fits: over spins for one hidden layer, over slopes otherwise."""
    if question.as_spins:
        spin_options = SpinOptions(tolerance=effort.tolerance, branch=effort.search, seed=seed)
        spins = yield from spins_bracket(question.spin_form(), question.spins(patterns), clock, spin_options)
        return Above(spins.tree, spins.upper, question.pattern(spins.spins), spins.nodes)
    options = SlopeOptions(seed=seed, gap=effort.tolerance)
    if not effort.search:
        options = replace(options, nodes=1)
    form, norm = question.steep_form(), question.task.norm
    slopes = yield from slopes_bracket(form, question.functional, norm, patterns, clock, options)
    return Above(slopes.tree, slopes.upper, slopes.pattern, slopes.nodes)


def noted(
    loop: Generator[Event, None, Above], question: Question, began: float, history: list[tuple[float, float, float]]
) -> Generator[Event, None, Above]:
    """The same loop, its brackets written down with the seconds since ``began``, its words with the functional."""
    while True:
        try:
            event = next(loop)
        except StopIteration as end:
            above: Above = end.value
            return above
        if event.bracket is not None and (not history or event.bracket != history[-1][1:]):
            history.append((monotonic() - began, *event.bracket))
        yield replace(event, text=f"{question.label}: {event.text}")
