"""A block split into several, each holding some of its elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..types import BoolArray, FloatArray, IntArray
from .objective import batch


@dataclass(frozen=True, eq=False)
class Slice:
    """Block ``variable`` of ``size`` elements = the blocks ``parts``, each with the elements it holds (a partition)."""

    variable: str
    size: int
    parts: Mapping[str, IntArray]

    def up(self, values: dict[str, FloatArray]) -> dict[str, FloatArray]:
        rest = dict(values)
        full = np.zeros((batch(values), self.size))
        for name, index in self.parts.items():
            full[:, index] = rest.pop(name)
        return {**rest, self.variable: full}

    def down(self, values: dict[str, FloatArray]) -> tuple[dict[str, FloatArray], BoolArray]:
        rest = dict(values)
        full = rest.pop(self.variable)
        return {**rest, **{n: full[:, i] for n, i in self.parts.items()}}, np.ones(len(full), dtype=bool)
