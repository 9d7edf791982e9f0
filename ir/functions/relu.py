"""max(x, 0).

Lines over l < 0 < u: above, the chord from (l, 0) to (u, u); below, ``tilt * x``, by default with tilt 1 where u >= -l,
else 0 (Zhang, Weng, Chen, Hsieh, Daniel, Efficient Neural Network Robustness Certification with General Activation
Functions, NeurIPS 2018). The chord's offset is the greater of what its two ends need: relu is convex.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..exact import Exact
from ..function import Function
from ..lines import TINY, UNIT, Lines, share
from ..types import FloatArray


@dataclass(frozen=True)
class Relu(Function):
    onnx = ("Relu",)
    discrete = True
    rounds = False
    kinks = (0.0,)

    def value(self, args: list[FloatArray]) -> FloatArray:
        return np.maximum(args[0], 0.0)

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        return [np.where(args[0] > 0, seed, 0.0)]

    def exact(self, args: list[Exact]) -> Exact:
        return Exact(np.maximum(args[0].top, 0), args[0].bottom)

    def lines(self, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None = None) -> Lines:
        low, high = lower[0], upper[0]
        open_ = (low < 0) & (high > 0)
        active = (low >= 0).astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            chord = np.nan_to_num(high / (high - low), nan=1.0)  # 1 too where high is infinite
            needed = np.fmax(-chord * low, high * (1.0 - chord))  # each is off by less than 3 units, relatively
            offset = np.where(open_, needed * (1 + 8 * UNIT) + 4 * TINY, 0.0)
        slope = np.where(open_, np.clip(chord, 0.0, 1.0), active)
        least = np.where(open_, share(tilt, (high >= -low).astype(np.float64)), active)
        return Lines([least], np.zeros_like(offset), [slope], offset)

    def slopes(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.where((lower >= 0) & (upper > 0), 1.0, 0.0), np.where(upper <= 0, 0.0, 1.0)

    def tilt(self, lower: list[FloatArray], upper: list[FloatArray]) -> FloatArray:
        """That of the default where it matters, 0 where the function is decided (so that many are equal)."""
        return np.asarray((upper[0] >= -lower[0]) & (lower[0] < 0), dtype=np.float64)
