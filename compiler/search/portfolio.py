"""Several searches in turns, under one limit: each gets a little time first, then the one that promises to end first.

How much is left of a search is told from the share of its trees that is closed. When no search promises to end within
the time that is left, margins are held against Lipschitz constants (small networks), a MILP solver gets a share of the
time, and the attack starts again with more effort.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import numpy as np

from ...ir.protocols import Event
from .begin import attack
from .clock import Clock
from .inquiry import Inquiry
from .lipschitz import LipschitzMargin
from .milp import Milp

SLICE = 1.0
"""Seconds of a turn at first; turns grow by a fifth of what a search has had."""
RETRY = 1.0
"""Seconds of searching after which the attack starts again, and again each time that four times as many are gone."""
PATIENCE = 4.0
"""Seconds of searching after which a MILP solver may get its turn."""
WORD = 0.4
"""Its share of the time that is left."""
CONSTANTS, MOST = 0.03, 5.0
"""The share of the time that is left for Lipschitz constants, and the most seconds."""
BINARIES = 400
"""Most binaries with which it gets a turn while searches go on."""


class Search(Protocol):
    """A search that can be paused between its events."""

    @property
    def progress(self) -> float:
        """The share of the work that is done, about."""

    def run(self, clock: Clock) -> Generator[Event, None, None]:
        """Work until all is done, a witness is found, or the time is over."""


@dataclass(eq=False)
class Turn:
    """A search with the seconds that it has had."""

    search: Search
    events: Generator[Event, None, None]
    seconds: float = 0.0
    done: bool = False

    @property
    def needs(self) -> float:
        """Seconds that it still needs, about."""
        progress = self.search.progress
        return self.seconds * (1.0 - progress) / progress if progress > 0 else np.inf

    def play(self, seconds: float, inquiry: Inquiry) -> Generator[Event, None, None]:
        """One turn."""
        start = perf_counter()
        try:
            while perf_counter() - start < seconds and not inquiry.settled:
                yield next(self.events)
        except StopIteration:
            self.done = True
        finally:
            self.seconds += perf_counter() - start


def play(inquiry: Inquiry, searches: list[Search], milp: bool = True) -> Generator[Event, None, None]:
    """Until the inquiry is settled, the time is over, or no search has anything left to do."""
    clock = Clock(inquiry.limits)
    turns = [Turn(search, search.run(clock)) for search in searches]
    start, retry, effort, tried = perf_counter(), RETRY, 1, not milp
    while not inquiry.settled and not clock.over:
        live = [turn for turn in turns if not turn.done]
        if not live:
            break
        fresh = [turn for turn in live if turn.seconds == 0.0]
        turn = fresh[0] if fresh else min(live, key=lambda turn: (turn.needs, turn.seconds))
        yield from turn.play(max(SLICE, turn.seconds / 5), inquiry)
        spent = perf_counter() - start
        if inquiry.settled or clock.over or turn.done:
            continue
        if spent > retry:
            retry, effort = 4 * spent, 2 * effort
            yield Event("attack, once more")
            attack(inquiry, inquiry.limits.seed + effort, Clock(inquiry.limits, spent / 4), starts=6 * effort, steps=48)
        hopeless = min(one.needs for one in live) > 0.8 * clock.left
        if not tried and hopeless and spent > min(PATIENCE, clock.left / 4) and not inquiry.settled:
            tried = True
            yield from margins(inquiry, clock)
            if inquiry.settled:
                continue
            share = WORD * clock.left if np.isfinite(clock.left) else 60.0
            yield from Milp(inquiry, BINARIES).run(Clock(inquiry.limits, share))
    if not tried and not inquiry.settled and not clock.over:
        yield from Milp(inquiry).run(clock)


def margins(inquiry: Inquiry, clock: Clock) -> Generator[Event, None, None]:
    """One round of Lipschitz constants without splits, where the network is small."""
    search = LipschitzMargin(inquiry, nodes=1)
    if search.small:
        yield from search.run(Clock(inquiry.limits, min(CONSTANTS * clock.left, MOST)))
