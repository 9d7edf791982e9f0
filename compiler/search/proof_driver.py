"""What all drivers of claims about networks have in common: a first attack, then a search, then the answer."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import ClassVar

from ...ir.answers import Answer
from ...ir.protocols import Event, Limits
from ...ir.tasks import Prove
from .begin import ATTACK, attack, begin
from .clock import Clock
from .inquiry import Inquiry, Tools


@dataclass(frozen=True, eq=False)
class ProofDriver:
    """Iterating yields events, and the :class:`Answer` last."""

    task: Prove
    tools: Tools
    limits: Limits

    answers: ClassVar[type] = Prove
    """The kind of task that the driver answers."""

    def __iter__(self) -> Iterator[Event | Answer]:
        answer = yield from self.run()
        yield answer

    def run(self) -> Generator[Event, None, Answer]:
        """Yields progress, returns the verdict: ``sat``, ``unsat``, ``unknown`` or ``timeout``.

        Raises :class:`Refused` for problems that are more than a network on boxes.
        """
        inquiry = begin(self.task, self.tools, self.limits)
        if not inquiry.settled:
            yield Event("attack")
            attack(inquiry, self.limits.seed, Clock(self.limits, ATTACK))
        if not inquiry.settled:
            yield from self.search(inquiry)
        return inquiry.answer()

    def search(self, inquiry: Inquiry) -> Generator[Event, None, None]:
        """Settle what the attack left open."""
        raise NotImplementedError
