"""Bounded coefficients: binary weights up to a limit, then as many weights of the limit as are needed.

rewrites: an integer 0..R; adds: about log2(limit) + R / limit bits, no rows; guarantee: onto.
Source: Karimi and Ronagh, "Practical integer-to-binary mapping for quantum annealers" (2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.errors import UsageError
from ...ir.types import IntArray
from ..encoding import Bits, Encoding
from ..places import places
from .log import Log


@dataclass(frozen=True)
class Bounded(Encoding):
    """``limit``: greatest weight of a bit, at least 1."""

    limit: int = 8

    def encode(self, ranges: IntArray) -> Bits:
        if self.limit < 1:
            raise UsageError(f"bounded: limit {self.limit} is below 1")
        # 1, 2, 4, ... while they and their sum stay within the limit; then the limit; then what is left
        top = int(np.log2(self.limit)) + 1
        head = np.minimum(ranges, 2**top - 1)
        small = Log().encode(head)
        repeats, rest = np.divmod(ranges - head, self.limit)
        owner, _ = places(repeats)
        extra = np.flatnonzero(rest)
        return Bits(
            np.concatenate([small.owner, owner, extra]),
            np.concatenate([small.weight, np.full(len(owner), float(self.limit)), rest[extra].astype(np.float64)]),
        )
