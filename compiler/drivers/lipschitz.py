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
        parts: dict[str, Answer] = {}
        for place, label in enumerate(self.task.labels):
            yield Event(label, place, len(self.task.labels))
            limits = self.share(len(self.task.labels) - place)
            if question is None:
                parts[label] = coarse(self.task, place, reason)
            else:
                parts[label] = yield from bracket(question.about(place), limits, self.effort, self.tools.sampler)
        return whole(parts, monotonic() - began)

    @property
    def effort(self) -> Effort:
        options = self.task.options
        search = bool(options.get("exact")) or "tolerance" in options or self.limits.timeout is not None
        return Effort(search, max(CLOSED, float(options.get("tolerance", 0.0))), options.get("budget"))

    def share(self, left: int) -> Limits:
        """An equal part of the time that is left for this functional and those after it."""
        time = self.limits.left()
        return Limits(None if time is None else time / left, self.limits.seed, self.limits.reads)


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
