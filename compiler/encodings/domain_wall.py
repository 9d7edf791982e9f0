"""Domain wall: R bits of which the first x are set; a bit may only be set when the one before it is.

rewrites: an integer 0..R; adds: R bits and R - 1 rows ``b[k+1] <= b[k]`` (no slack needed); guarantee: valid patterns
and values are in bijection. Source: Chancellor, "Domain wall encoding of discrete variables" (2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...ir.types import IntArray
from ..encoding import Bits, Encoding
from ..places import places


@dataclass(frozen=True)
class DomainWall(Encoding):
    def encode(self, ranges: IntArray) -> Bits:
        owner, place = places(ranges)
        later = np.flatnonzero(place > 0)
        row = np.arange(len(later))
        entries = (np.repeat([1.0, -1.0], len(later)), (np.tile(row, 2), np.concatenate([later, later - 1])))
        rows = sparse.csr_array(sparse.coo_array(entries, shape=(len(later), len(owner))))
        bits = Bits(owner, np.ones(len(owner)))
        return (
            bits
            if not len(later)
            else Bits(owner, bits.weight, "greedy", rows, np.zeros(len(later)), "<=", "domain-wall")
        )
