"""Lipschitz constants of networks: a bracket for each functional that was asked about.

needs: a network of affine maps and functions of one argument that have slopes
gives: for each functional a witness pattern below and a certificate above (``spin-tree`` or ``slope-tree``; for
networks too large for these ``interval-slopes``); what is told of several at once is about the greatest
source: HiQ-Lip (arXiv 2503.16342), corrected; Latorre, Rolland and Cevher 2020, Wang et al. 2022 (GeoLip)
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from math import inf
from time import monotonic
from typing import Any, ClassVar

from ...ir.answers import Answer
from ...ir.errors import Refused
from ...ir.protocols import Event, Limits
from ...ir.tasks import Bound
from ..lipschitz.bracket import CLOSED, Effort, bracket
from ..lipschitz.fallback import coarse
from ..lipschitz.question import Question

WORTH = 2.0
"""Times what the root took, a functional's share of time has to be for cases to be worth while."""


@dataclass(frozen=True, eq=False)
class Lipschitz:
    """``tools.sampler``: None, or a solver that looks for lower bounds. Options of the task: ``exact`` (until closed),
    ``tolerance``, ``budget``; with a time limit or one of the first two, cases are split, else the root bound will do.
    """

    task: Bound
    tools: Any
    limits: Limits

    answers: ClassVar[type] = Bound
    """The kind of task that the driver answers."""

    def run(self) -> Generator[Event, None, Answer]:
        """Yields progress, returns the answer: optimal or bracketed. Raises :class:`Refused` for networks with
        functions that have no slopes."""
        began = monotonic()
        question: Question | None
        try:
            question = Question.of(self.task)
        except Refused as error:
            if error.diagnostics[0].code != "too-large":
                raise
            question, reason = None, error.diagnostics[0].message
        labels = self.task.labels
        parts: dict[str, Answer] = {}
        once = len(labels) == 1 or self.limits.timeout is None
        effort = self.effort if once else replace(self.effort, search=False)
        for place, label in enumerate(labels):
            yield Event(label, place, len(labels))
            limits = self.share(len(labels) - place)
            if question is None:
                parts[label] = coarse(self.task, place, reason)
            else:
                parts[label] = yield from bracket(question.about(place), limits, effort, self.tools.sampler)
        if question is not None and not once:
            yield from self.further(question, parts)
        return whole(parts, monotonic() - began)

    def further(self, question: Question, parts: dict[str, Answer]) -> Generator[Event, None, None]:
        """Cases for the functionals whose bracket is open, in equal parts of what time is left."""
        open_ = [place for place, label in enumerate(self.task.labels) if not self.closed(parts[label])]
        for count, place in enumerate(open_):
            limits, label = self.share(len(open_) - count), self.task.labels[place]
            if limits.timeout is not None and limits.timeout < WORTH * parts[label].timings["all"]:
                return
            yield Event(label, count, len(open_))
            again = yield from bracket(question.about(place), limits, self.effort, None)
            parts[label] = better(parts[label], again)

    def closed(self, part: Answer) -> bool:
        low, high = part.lower or 0.0, inf if part.upper is None else part.upper
        return high < inf and high - low <= self.effort.tolerance * high

    @property
    def effort(self) -> Effort:
        options = self.task.options
        search = bool(options.get("exact")) or "tolerance" in options or self.limits.timeout is not None
        return Effort(search, max(CLOSED, float(options.get("tolerance", 0.0))), options.get("budget"))

    def share(self, left: int) -> Limits:
        """An equal part of the time that is left for this functional and those after it."""
        time = self.limits.left()
        return Limits(None if time is None else time / left, self.limits.seed, self.limits.reads)


def better(old: Answer, new: Answer) -> Answer:
    """The narrower bracket of two about one functional, each side with what it rests on."""
    found = new
    if old.upper is not None and (new.upper is None or old.upper < new.upper):
        found = replace(found, upper=old.upper, certificate=old.certificate)
    if (old.lower or 0.0) > (new.lower or 0.0):
        found = replace(found, lower=old.lower, value=old.value, witness=old.witness)
    seconds = old.timings["all"] + new.timings["all"]
    return replace(found, detail=(*old.detail[:-1], *new.detail), timings={"all": seconds}, solver=old.solver)


def whole(parts: dict[str, Answer], seconds: float) -> Answer:
    """One answer: that of the only part, or what the parts say about the greatest of the constants."""
    if len(parts) == 1:
        return next(iter(parts.values()))
    steepest = max(parts.values(), key=lambda part: (part.lower or 0.0, part.upper or 0.0))
    uppers = [part.upper for part in parts.values()]
    upper = None if None in uppers else max(bound for bound in uppers if bound is not None)
    lower = steepest.lower
    closed = lower is not None and upper is not None and upper < inf and upper - lower <= CLOSED * upper
    return replace(
        steepest, status="optimal" if closed else "bracketed", upper=upper, certificate=None, parts=parts,
        history=(), timings={"all": seconds}, claim="", detail=(f"greatest: {steepest.claim}",),
        time_limited=any(part.time_limited for part in parts.values()),
    )  # fmt: skip
