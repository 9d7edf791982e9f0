"""Ranges of the arguments of units over the box of the inputs, for constants local to it.

needs: finite bounds of the inputs; elsewhere the ranges are infinite
guarantee: they are those that the checker of the certificate finds, so it confirms them as they are
"""

from __future__ import annotations

from ...ir.slope_proof.ranges import Ranges, own_ranges
from ...ir.tasks import Bound


def local_ranges(task: Bound) -> Ranges:
    """Lower and upper ends [F] in the order of the units of the slope form. Raises what reading slopes raises."""
    return own_ranges(task)
