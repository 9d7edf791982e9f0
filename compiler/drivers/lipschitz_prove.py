"""Claims about a network on boxes: a first attack, then margins at centres against local Lipschitz constants.

needs: a network on boxes of finite sides, of affine maps and functions of one argument, and nothing else in the problem
guarantee: ``sat`` has a witness, checked without tolerance; ``unsat`` has a certificate
"""

from __future__ import annotations

from collections.abc import Generator

from ...ir.protocols import Event
from ..search.clock import Clock
from ..search.inquiry import Inquiry
from ..search.lipschitz import LipschitzMargin
from ..search.proof_driver import ProofDriver


class LipschitzProve(ProofDriver):
    def search(self, inquiry: Inquiry) -> Generator[Event, None, None]:
        margins = LipschitzMargin(inquiry)
        yield from margins.run(Clock(inquiry.limits))
        if margins.refusal:
            inquiry.notes.append(f"no Lipschitz constants: {margins.refusal}")
