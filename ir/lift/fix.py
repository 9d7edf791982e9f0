"""Some elements of a block are known: going up they are filled in, going down the others are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import BoolArray, FloatArray, IntArray
from .objective import batch


@dataclass(frozen=True, eq=False)
class Fix:
    """Block ``variable`` of ``len(value)`` elements keeps its elements ``free``; the others have ``value`` [n].

    The kept ones form block ``into`` (absent when none is free).
    """

    variable: str
    into: str
    free: IntArray
    value: FloatArray

    def up(self, values: dict[str, FloatArray]) -> dict[str, FloatArray]:
        full = np.tile(self.value, (batch(values), 1))
        rest = dict(values)
        if len(self.free):
            full[:, self.free] = rest.pop(self.into)
        return {**rest, self.variable: full}

    def down(self, values: dict[str, FloatArray]) -> tuple[dict[str, FloatArray], BoolArray]:
        rest = dict(values)
        full = rest.pop(self.variable)
        fixed = np.ones(len(self.value), dtype=bool)
        fixed[self.free] = False
        if len(self.free):
            rest[self.into] = full[:, self.free]
        return rest, np.asarray((full[:, fixed] == self.value[fixed]).all(axis=1))
