"""The objective's scale and offset: source value = scale * value + offset. Variables pass through unchanged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import BoolArray, FloatArray, Values


@dataclass(frozen=True)
class Objective:
    scale: float = 1.0
    offset: float = 0.0

    @property
    def maximize(self) -> bool:
        """Whether the source states a maximum."""
        return self.scale < 0

    def value(self, minimised: FloatArray) -> FloatArray:
        """Source values from values of the minimised objective."""
        return self.scale * minimised + self.offset + 0.0  # no negative zero

    def up(self, values: dict[str, FloatArray]) -> dict[str, FloatArray]:
        return values

    def down(self, values: dict[str, FloatArray]) -> tuple[dict[str, FloatArray], BoolArray]:
        return values, np.ones(batch(values), dtype=bool)


def batch(values: Values) -> int:
    """Number of samples."""
    return next((len(array) for array in values.values()), 1)
