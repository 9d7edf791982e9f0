"""The hyperbolic tangent.

Bounds: the library's value is off by less than 8 units in the last place, and lies in -1..1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..function import Function
from ..types import FloatArray


@dataclass(frozen=True)
class Tanh(Function):
    onnx = ("Tanh",)

    def value(self, args: list[FloatArray]) -> FloatArray:
        return np.tanh(args[0])

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        return [seed / np.cosh(np.minimum(np.abs(args[0]), 350.0)) ** 2]

    def interval(self, lower: list[FloatArray], upper: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
        info = np.finfo(np.float64)
        low, high = self.value(lower), self.value(upper)
        low = low - 8 * info.eps * np.abs(low) - info.tiny * (low != 0)
        high = high + 8 * info.eps * np.abs(high) + info.tiny * (high != 0)
        return np.maximum(low, -1.0), np.minimum(high, 1.0)
