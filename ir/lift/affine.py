"""x = factor * y + offset elementwise: spin and binary, shifts, units. Both directions are exact for such numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import BoolArray, FloatArray
from .objective import batch


@dataclass(frozen=True, eq=False)
class Affine:
    """Block ``variable`` = ``factor`` * block ``into`` + ``offset`` (both [n])."""

    variable: str
    into: str
    factor: FloatArray
    offset: FloatArray

    def up(self, values: dict[str, FloatArray]) -> dict[str, FloatArray]:
        rest = dict(values)
        new = rest.pop(self.into)
        return {**rest, self.variable: new * self.factor + self.offset}

    def down(self, values: dict[str, FloatArray]) -> tuple[dict[str, FloatArray], BoolArray]:
        rest = dict(values)
        source = rest.pop(self.variable)
        rest[self.into] = (source - self.offset) / self.factor
        return rest, np.ones(batch(values), dtype=bool)
