"""1 where x >= 0, else 0: the indicator that completes a binary from what it stands for.

Lines over l < 0 <= u: above, through (0, 1) with slope ``tilt / -l``; below, through (0, 0) with slope ``tilt / u``; by
default with tilt 1 on the side of 0 where most of the box is, else 0 (the lesser area).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..exact import Exact
from ..function import Function
from ..lines import Lines, guarded, offset_above, offset_below, share
from ..types import FloatArray


@dataclass(frozen=True)
class Step(Function):
    discrete = True
    rounds = False
    kinks = (-5e-324, 5e-324)

    def value(self, args: list[FloatArray]) -> FloatArray:
        return (args[0] >= 0).astype(np.float64)

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        return [np.zeros_like(seed)]

    def exact(self, args: list[Exact]) -> Exact:
        return Exact((args[0].sign() >= 0).astype(np.int64).astype(object))

    def lines(self, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None = None) -> Lines:
        ends = (lower[0] >= 0).astype(np.float64), (upper[0] >= 0).astype(np.float64)
        return jump_lines(lower[0], upper[0], *ends, tilt)


def jump_lines(
    low: FloatArray, high: FloatArray, least: FloatArray, most: FloatArray, tilt: FloatArray | None
) -> Lines:
    """Lines of a nondecreasing function that is constant left and right of 0, ``least`` and ``most`` at the ends."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        middle, zero = low / 2 + high / 2, np.zeros_like(low)
        rise = most - least
        steep = share(tilt, (middle < 0).astype(np.float64)) * np.where(low < 0, rise / -low, 0.0)
        flat = share(tilt, (middle > 0).astype(np.float64)) * np.where(high > 0, rise / high, 0.0)
        up = guarded(steep, offset_above(steep, [zero, low], [most, least]), most)
        down = guarded(flat, offset_below(flat, [zero, high], [least, most]), least)
    same = least >= most
    down_line = np.where(same, 0.0, down[0]), np.where(same, least, down[1])
    up_line = np.where(same, 0.0, up[0]), np.where(same, most, up[1])
    return Lines([down_line[0]], down_line[1], [up_line[0]], up_line[1])
