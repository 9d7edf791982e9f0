"""Claims about a network on boxes: a first attack, then branch and bound on the phases of neurons alone.

needs: a network on boxes of finite sides, and nothing else in the problem
guarantee: ``sat`` has a witness, checked without tolerance; ``unsat`` has a certificate
"""

from __future__ import annotations

from collections.abc import Generator

from ...ir.protocols import Event
from ..search.branching import Branching
from ..search.clock import Clock
from ..search.inquiry import Inquiry
from ..search.proof_driver import ProofDriver


class Branch(ProofDriver):
    def search(self, inquiry: Inquiry) -> Generator[Event, None, None]:
        yield from Branching(inquiry).run(Clock(inquiry.limits))
