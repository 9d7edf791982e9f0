"""Bounded binary: weights 1, 2, 4, ... and a last one that makes the sum the range, so every pattern is in range.

rewrites: an integer 0..R; adds: bit_length(R) bits, no rows; guarantee: every pattern is a value, every value has one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.types import IntArray
from ..encoding import Bits, Encoding
from ..places import places


@dataclass(frozen=True)
class Log(Encoding):
    def encode(self, ranges: IntArray) -> Bits:
        length = np.frexp(ranges.astype(np.float64))[1].astype(np.int64)  # bit_length, exact below 2^53
        owner, place = places(length)
        weight = np.ldexp(1.0, place)
        last = place == length[owner] - 1
        weight[last] = ranges - (np.ldexp(1.0, length - 1) - 1)
        return Bits(owner, weight)
