"""x = factor * y + offset elementwise: spin and binary, shifts, units. Going down checks that going up gives x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import BoolArray, FloatArray


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
        usable = np.where(self.factor == 0, 1.0, self.factor)  # a factor of zero has no way down
        new = (source - self.offset) / usable
        rest[self.into] = new
        return rest, np.asarray((new * self.factor + self.offset == source).all(axis=1))
