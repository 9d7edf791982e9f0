"""A variable that a pass eliminated: computed from its definition going up, dropped (and compared) going down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..definition import Definition
from ..types import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Recover:
    """Block ``variable`` follows from ``rule``; ``tolerance``: difference that going down still calls the same."""

    variable: str
    rule: Definition
    tolerance: float = 0.0

    def up(self, values: dict[str, FloatArray]) -> dict[str, FloatArray]:
        return {**values, self.variable: self.rule.value(values)}

    def down(self, values: dict[str, FloatArray]) -> tuple[dict[str, FloatArray], BoolArray]:
        rest = dict(values)
        given = rest.pop(self.variable)
        return rest, np.asarray((np.abs(self.rule.value(rest) - given) <= self.tolerance).all(axis=1))
