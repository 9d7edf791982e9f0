"""Claims about a network on boxes, by a portfolio: attack, linear bounds, bisection of the inputs where these are few,
branch and bound on phases, a MILP solver; under one limit of time and memory.

needs: a network on boxes of finite sides, and nothing else in the problem
guarantee: ``sat`` has a witness, checked without tolerance; ``unsat`` has a certificate, or rests on a solver's word
  (``basis``); options of the task: ``memory`` (GB)
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from ...ir.protocols import Event
from ..search.bisection import Bisection
from ..search.branching import Branching
from ..search.inquiry import Inquiry
from ..search.portfolio import Search, play
from ..search.proof_driver import ProofDriver

POINT = 2.0**-40
"""Intervals that are no wider than this, relative to their ends, count as points."""
FEW = 14
"""Inputs that vary, up to which bisection goes first."""
SOME = 40
"""Inputs that vary, up to which bisection is tried at all."""


class Verify(ProofDriver):
    def search(self, inquiry: Inquiry) -> Generator[Event, None, None]:
        yield from play(inquiry, searches(inquiry))


def searches(inquiry: Inquiry) -> list[Search]:
    """By the number of inputs that vary."""
    unsafe = inquiry.unsafe
    size = np.maximum(np.abs(unsafe.lower), np.abs(unsafe.upper))  # decimals are a point that floats enclose
    varying = int((unsafe.upper - unsafe.lower > POINT * size).sum(axis=1).max(initial=0))
    if varying <= FEW:
        return [Bisection(inquiry), Branching(inquiry)]
    if varying <= SOME:
        return [Branching(inquiry), Bisection(inquiry)]
    return [Branching(inquiry)]
