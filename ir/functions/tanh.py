"""The hyperbolic tangent.

Bounds: the library's value is off by less than 8 units in the last place, and lies in -1..1.
Lines: a chord or a tangent, ``tilt`` telling where it touches; see ``ir/s_shape.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..function import Function
from ..lines import Lines
from ..s_shape import Curve, s_lines, s_slopes
from ..types import FloatArray


def derivative(x: FloatArray) -> FloatArray:
    return 1.0 / np.cosh(np.minimum(np.abs(x), 350.0)) ** 2


CURVE = Curve(np.tanh, derivative, 0.0, 2.0)


@dataclass(frozen=True)
class Tanh(Function):
    straight = False
    onnx = ("Tanh",)

    def value(self, args: list[FloatArray]) -> FloatArray:
        return np.tanh(args[0])

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        return [seed * derivative(args[0])]

    def interval(self, lower: list[FloatArray], upper: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
        info = np.finfo(np.float64)
        low, high = self.value(lower), self.value(upper)
        low = low - 8 * info.eps * np.abs(low) - info.tiny * (low != 0)
        high = high + 8 * info.eps * np.abs(high) + info.tiny * (high != 0)
        return np.maximum(low, -1.0), np.minimum(high, 1.0)

    def lines(self, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None = None) -> Lines:
        return s_lines(CURVE, lower[0], upper[0], tilt)

    def slopes(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        return s_slopes(derivative, lower, upper, 1.0)
