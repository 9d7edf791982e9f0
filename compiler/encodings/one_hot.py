"""One-hot: a bit for every value 0..R, exactly one of them set.

rewrites: an integer 0..R; adds: R + 1 bits and one equality row per integer; guarantee: valid patterns and values are
in bijection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...ir.types import IntArray
from ..encoding import Bits, Encoding
from ..places import places


@dataclass(frozen=True)
class OneHot(Encoding):
    def encode(self, ranges: IntArray) -> Bits:
        owner, place = places(ranges + 1)
        entries = (np.ones(len(owner)), (owner, np.arange(len(owner))))
        rows = sparse.csr_array(sparse.coo_array(entries, shape=(len(ranges), len(owner))))
        return Bits(owner, place.astype(np.float64), "choice", rows, np.ones(len(ranges)), "==", "one-hot")
