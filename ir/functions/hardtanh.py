"""x clipped to lo..hi; -1..1 unless given."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

import numpy as np

from ..exact import Exact
from ..function import Function
from ..types import FloatArray


@dataclass(frozen=True)
class Hardtanh(Function):
    """``lo`` and ``hi`` may be infinite: one-sided clipping."""

    lo: float = -1.0
    hi: float = 1.0

    onnx = ("Clip",)
    rounds = False

    @property
    def discrete(self) -> bool:  # type: ignore[override]
        """Whether whole arguments stay whole."""
        return all(np.isinf(end) or float(end).is_integer() for end in (self.lo, self.hi))

    def faults(self) -> list[str]:
        return [] if self.lo <= self.hi else [f"lo {self.lo} is not below hi {self.hi}"]

    def value(self, args: list[FloatArray]) -> FloatArray:
        return np.clip(args[0], self.lo, self.hi)

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        return [np.where((args[0] > self.lo) & (args[0] < self.hi), seed, 0.0)]

    def exact(self, args: list[Exact]) -> Exact:
        result = args[0]
        for end, choose in ((self.lo, np.maximum), (self.hi, np.minimum)):
            if np.isfinite(end):
                side = Exact.of(np.array([end]))
                common = lcm(result.bottom, side.bottom)
                limit = side.top[0] * (common // side.bottom)
                result = Exact(choose(result.top * (common // result.bottom), limit), common)
        return result
