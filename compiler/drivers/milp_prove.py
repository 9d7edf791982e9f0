"""Claims about a network on boxes: a first attack, linear bounds, then one MILP for each unsafe case that they leave.

needs: a network on boxes of finite sides, and nothing else in the problem
guarantee: ``sat`` has a witness, checked without tolerance; ``unsat`` has a certificate where linear bounds exclude
  every case, else it rests on the solver's word that the margin stays below -1e-6
"""

from __future__ import annotations

from collections.abc import Generator

from ...ir.protocols import Event
from ..search.clock import Clock
from ..search.inquiry import Inquiry
from ..search.milp import Milp
from ..search.proof_driver import ProofDriver
from ..search.root import refute_all


class MilpProve(ProofDriver):
    def search(self, inquiry: Inquiry) -> Generator[Event, None, None]:
        refute_all(inquiry, Clock(inquiry.limits))
        if not inquiry.settled:
            yield from Milp(inquiry).run(Clock(inquiry.limits))
