"""Deadlines of the stages of a search."""

from __future__ import annotations

from time import monotonic

import numpy as np

from ...ir.protocols import Limits

SPARE = 0.05
"""Seconds kept for putting the answer together."""


class Clock:
    """A deadline inside another: seconds from now, and never beyond the limits of the whole search."""

    def __init__(self, limits: Limits, seconds: float | None = None) -> None:
        left = limits.left()
        ends = [monotonic() + s for s in (None if left is None else left - SPARE, seconds) if s is not None]
        self.end = min(ends, default=None)

    @property
    def left(self) -> float:
        return np.inf if self.end is None else max(0.0, self.end - monotonic())

    @property
    def over(self) -> bool:
        return self.end is not None and monotonic() >= self.end
