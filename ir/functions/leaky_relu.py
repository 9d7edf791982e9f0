"""x where x >= 0, else alpha * x; alpha = 0.01 unless given, 0 <= alpha <= 1 as everywhere in practice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..exact import Exact
from ..function import Function
from ..types import FloatArray


@dataclass(frozen=True)
class LeakyRelu(Function):
    alpha: float = 0.01

    onnx = ("LeakyRelu",)

    def faults(self) -> list[str]:
        return super().faults() or ([] if 0 <= self.alpha <= 1 else [f"alpha {self.alpha} is not in 0..1"])

    def value(self, args: list[FloatArray]) -> FloatArray:
        if self.alpha == 0:  # minus infinity times zero is no number
            return np.maximum(args[0], 0.0)
        return np.where(args[0] >= 0, args[0], args[0] * self.alpha)

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        return [np.where(args[0] > 0, seed, seed * self.alpha)]

    def exact(self, args: list[Exact]) -> Exact:
        slope = Exact.of(np.array([self.alpha]))
        top, (factor,) = args[0].top, slope.top
        return Exact(np.where(top >= 0, top * slope.bottom, top * factor), args[0].bottom * slope.bottom)
