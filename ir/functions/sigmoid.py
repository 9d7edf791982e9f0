"""1 / (1 + exp(-x)).

Bounds: the library's value is off by less than 8 units in the last place where it is a normal number (an exponential,
a sum and a quotient, each within two), and by less than the least normal number where it underflows.
Lines: a chord or a tangent, ``tilt`` telling where it touches; see ``ir/s_shape.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ..function import Function
from ..lines import Lines
from ..s_shape import Curve, s_lines, s_slopes
from ..types import FloatArray


def derivative(x: FloatArray) -> FloatArray:
    return np.asarray(expit(x) * expit(-x))


CURVE = Curve(expit, derivative, 1.0, 1.0)


@dataclass(frozen=True)
class Sigmoid(Function):
    straight = False
    onnx = ("Sigmoid",)

    def value(self, args: list[FloatArray]) -> FloatArray:
        return np.asarray(expit(args[0]))

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        return [seed * derivative(args[0])]

    def interval(self, lower: list[FloatArray], upper: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
        info = np.finfo(np.float64)
        low = self.value(lower) * (1 - 8 * info.eps) - info.tiny
        high = self.value(upper) * (1 + 8 * info.eps) + info.tiny
        return np.maximum(low, 0.0), np.minimum(high, 1.0)

    def lines(self, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None = None) -> Lines:
        return s_lines(CURVE, lower[0], upper[0], tilt)

    def slopes(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        return s_slopes(derivative, lower, upper, 0.25)
