"""The inverse of a compilation, as a list of data records; saved beside every exported file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .types import BoolArray, FloatArray, Values


class Record(Protocol):
    """One file in ``ir/lift/``: ``up`` decodes all samples at once, ``down`` pushes known points forward."""

    def up(self, values: dict[str, FloatArray]) -> dict[str, FloatArray]:
        """Values of the problem before the pass, from values of the one after it."""

    def down(self, values: dict[str, FloatArray]) -> tuple[dict[str, FloatArray], BoolArray]:
        """Values of the problem after the pass, and which samples [B] it can represent."""


@dataclass(frozen=True, eq=False)
class Lift:
    """Records in the order in which the passes ran."""

    records: tuple[Record, ...] = ()

    def then(self, later: Lift) -> Lift:
        return Lift(self.records + later.records)

    def up(self, values: Values) -> dict[str, FloatArray]:
        """Decode: values of the last problem to values of the first."""
        current = dict(values)
        for record in reversed(self.records):
            current = record.up(current)
        return current

    def down(self, values: Values) -> tuple[dict[str, FloatArray], BoolArray]:
        """Encode: values of the first problem to values of the last, and which samples [B] are representable."""
        current = dict(values)
        mask = np.ones(next((len(array) for array in current.values()), 1), dtype=bool)
        for record in self.records:
            current, kept = record.down(current)
            mask &= kept
        return current, mask
