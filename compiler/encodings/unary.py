"""Unary: R bits of weight one; a value has many codewords, no weight exceeds one.

rewrites: an integer 0..R; adds: R bits, no rows; guarantee: onto (many patterns per value).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.types import IntArray
from ..encoding import Bits, Encoding
from ..places import places


@dataclass(frozen=True)
class Unary(Encoding):
    def encode(self, ranges: IntArray) -> Bits:
        owner, _ = places(ranges)
        return Bits(owner, np.ones(len(owner)))
