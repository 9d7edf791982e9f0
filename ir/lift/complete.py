"""A variable that a pass invented: dropped going up, computed from its definition going down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..definition import Definition
from ..types import BoolArray, FloatArray
from .objective import batch


@dataclass(frozen=True, eq=False)
class Complete:
    """Block ``variable`` follows from ``rule``."""

    variable: str
    rule: Definition

    def up(self, values: dict[str, FloatArray]) -> dict[str, FloatArray]:
        return {name: array for name, array in values.items() if name != self.variable}

    def down(self, values: dict[str, FloatArray]) -> tuple[dict[str, FloatArray], BoolArray]:
        return {**values, self.variable: self.rule.value(values)}, np.ones(batch(values), dtype=bool)
