"""Samples: many assignments at once, as they come back from a solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .types import FloatArray, IntArray, Values


@dataclass(frozen=True, eq=False)
class Samples:
    """``values``: block -> [B, n]; ``energy`` [B] as the solver reported it (None: not reported); ``occurrences`` [B].

    ``claimed_bound``: the solver's own word on the optimum, never used in a proof. ``info``: what the solver told.
    """

    values: Values
    energy: FloatArray | None = None
    occurrences: IntArray | None = None
    claimed_bound: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of samples B."""
        return next((len(array) for array in self.values.values()), 0)

    def weights(self) -> IntArray:
        """Occurrences, ones where the solver gave none."""
        return np.ones(self.count, np.int64) if self.occurrences is None else self.occurrences
