"""x clipped to lo..hi; -1..1 unless given.

Lines: above over l < hi < u, through (hi, hi) with slope ``tilt`` times that of the line to (l, f(l)), by default with
tilt 1 where the middle of l and u lies below hi, else 0 (the lesser area); where u <= hi the chord (convex there).
Below by symmetry, with the same tilt.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

import numpy as np

from ..exact import Exact
from ..function import Function
from ..lines import Lines, guarded, offset_above, share
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

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """The finite ends."""
        return tuple(end for end in (self.lo, self.hi) if np.isfinite(end))

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

    def lines(self, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None = None) -> Lines:
        low, high = lower[0], upper[0]
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            steep, above = line_above(low, high, self.lo, self.hi, tilt)
            flat, below = line_above(-high, -low, -self.hi, -self.lo, tilt)
        return Lines([flat], -below, [steep], above)

    def slopes(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        flat = (upper <= self.lo) | (lower >= self.hi) | np.full(np.shape(lower), self.lo == self.hi)
        inside = (lower >= self.lo) & (upper <= self.hi)
        return np.where(inside & ~flat, 1.0, 0.0), np.where(flat, 0.0, 1.0)


def line_above(
    low: FloatArray, high: FloatArray, lo: float, hi: float, tilt: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Slope and offset of an upper line of clip(x, lo, hi) over low..high."""
    ends = np.clip(low, lo, hi), np.clip(high, lo, hi)
    turning = share(tilt, (low / 2 + high / 2 < hi).astype(np.float64)) * ((hi - ends[0]) / (hi - low))
    chord = np.where(high <= hi, (ends[1] - ends[0]) / (high - low), turning)
    points = [low, np.clip(lo, low, high), np.clip(hi, low, high), high]
    slope = np.clip(chord, 0.0, 1.0)
    slope, offset = guarded(slope, offset_above(slope, points, [np.clip(p, lo, hi) for p in points]), ends[1])
    whole, flat = (low >= lo) & (high <= hi), (high <= lo) | (low >= hi)
    slope = np.where(whole, 1.0, np.where(flat, 0.0, slope))
    return slope, np.where(whole, 0.0, np.where(flat, ends[1], offset))
