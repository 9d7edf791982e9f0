"""x where x >= 0, else alpha * x; alpha = 0.01 unless given, 0 <= alpha <= 1 as everywhere in practice.

Lines over l < 0 < u, where the function is convex: above, the chord; below, through the origin with slope
``alpha + tilt * (1 - alpha)``, by default with tilt 1 where u >= -l, else 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..exact import Exact
from ..function import Function
from ..lines import Lines, guarded, offset_above, share
from ..types import FloatArray


@dataclass(frozen=True)
class LeakyRelu(Function):
    alpha: float = 0.01

    onnx = ("LeakyRelu",)
    kinks = (0.0,)

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

    def lines(self, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None = None) -> Lines:
        low, high = lower[0], upper[0]
        open_ = (low < 0) & (high > 0)
        linear = np.where(low >= 0, 1.0, self.alpha)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            chord = np.clip((high - self.alpha * low) / (high - low), self.alpha, 1.0)
            # the values at the ends, less the exact lines through the origin: low * (alpha - slope), high * (1 - slope)
            offset = offset_above(np.zeros_like(chord), [low, high], [low * (self.alpha - chord), high * (1 - chord)])
        slope, offset = guarded(np.where(open_, chord, linear), np.where(open_, offset, 0.0), np.maximum(high, 0.0))
        least = self.alpha + share(tilt, (high >= -low).astype(np.float64)) * (1.0 - self.alpha)
        least = np.where(open_, np.clip(least, self.alpha, 1.0), linear)
        return Lines([least], np.zeros_like(offset), [slope], offset)

    def slopes(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.where((lower >= 0) & (upper > 0), 1.0, self.alpha), np.where(upper <= 0, self.alpha, 1.0)

    def tilt(self, lower: list[FloatArray], upper: list[FloatArray]) -> FloatArray:
        """That of the default where it matters, 0 where the function is decided (so that many are equal)."""
        return np.asarray((upper[0] >= -lower[0]) & (lower[0] < 0), dtype=np.float64)
