"""Coarser and coarser systems: spins merged in pairs of equal or opposite sign, until a device can take the rest.

s_i = sign_i S_parent(i), that is s = P S with one entry of +-1 in each row of P, gives

    J' = P^T J P without its diagonal,    h' = P^T h,    offset' = offset + trace(P^T J P) / 2

The constant belongs to the couplings inside merged pairs; with it the energy of S is that of P S, exactly where sums of
couplings don't round. (HiQ-Lip, arXiv 2503.16342, merges without signs and drops the constant.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ...ir.types import IntArray, SpinArray
from .matching import Matching, Merge, embedding
from .system import System

SHRINK = 0.9
"""Share of the spins that a level may keep before what found no partner is paired by force."""


@dataclass(frozen=True, eq=False)
class Level:
    """``fine`` and, below it, ``coarse``: spin i is ``sign[i]`` times coarse spin ``parent[i]``."""

    fine: System
    coarse: System
    parent: IntArray
    sign: SpinArray

    def lift(self, spins: SpinArray) -> SpinArray:
        """Fine spins [..., n] of coarse ones [..., m]."""
        return np.asarray(spins[..., self.parent] * self.sign, dtype=np.int8)


def contract(system: System, merge: Merge) -> Level:
    """The level that a merging makes."""
    n, count = system.size, merge.count
    sign = merge.sign.astype(np.float64)
    lift = sparse.csr_array((sign, merge.parent, np.arange(n + 1)), shape=(n, count))
    down = sparse.csr_array(lift.T)
    square: Any = down @ (system.matrix @ lift)
    diagonal = np.array(square.diagonal())
    rest: Any = square - np.diag(diagonal) if system.dense else sparse.csr_array(square - sparse.diags_array(diagonal))
    offset = system.offset + float(diagonal.sum()) / 2
    fields = np.asarray(down @ system.fields)
    return Level(system, System.packed(offset, fields, rest), merge.parent, merge.sign)


def coarsened(system: System, budget: int, matching: Matching, rng: np.random.Generator) -> list[Level]:
    """Levels, finest first, the last coarse system having at most ``budget`` spins; none for a system that small."""
    levels: list[Level] = []
    while system.size > budget:
        merge = matching(system, rng)
        if merge.count > SHRINK * system.size:
            merge = merge.forced(embedding(system, rng))
        levels.append(contract(system, merge))
        system = levels[-1].coarse
    return levels
