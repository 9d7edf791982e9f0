"""Networks that are too large to be written down as one slope form: a bound from intervals, and no pattern.

guarantee: ``upper`` is hardly more than what the checker of ``interval-slopes`` computes from the network alone
"""

from __future__ import annotations

from ...ir.answers import Answer
from ...ir.certificates import interval_slopes
from ...ir.tasks import Bound

ELSEWHERE = 1 + 1e-11
"""What is claimed for what was proved: linear algebra on another machine may round otherwise when it is checked."""


def coarse(task: Bound, functional: int, reason: str) -> Answer:
    """The answer about one functional; ``reason``: why there is no better one."""
    certificate = {"kind": "interval-slopes"}
    upper = ELSEWHERE * interval_slopes.upper(task, functional, certificate)
    return Answer(
        "bracketed", "certificate", None, 0.0, upper, certificate=certificate, claim=task.labels[functional],
        detail=(f"intervals only: {reason}",),
    )  # fmt: skip
