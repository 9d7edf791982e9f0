"""Exact coarsening: spins that are eliminated or merged without losing the optimum, round by round, before all else.

Fields count as couplings to one more spin that stands at +1.

*Elimination* of a spin with at most three couplings a, b, c to s_1, s_2, s_3: its best value gives
-|a s_1 + b s_2 + c s_3|, which depends on the products of these spins only and takes four values, so it is

    -(A + B + C + D)/4 - (A + B - C - D)/4 s_1 s_2 - (A - B + C - D)/4 s_1 s_3 - (A - B - C + D)/4 s_2 s_3
    A = |a + b + c|,  B = |a + b - c|,  C = |a - b + c|,  D = |-a + b + c|

*Merging*: where |J_ij| is at least the sum of all other couplings of i, s_i = -sign(J_ij) s_j is as good as anything,
whatever the others are (Lange et al., CVPR 2019; Rehfeldt, Koch and Shinano, Mathematical Programming Computation 15,
2023, have both rules and many more). In a round no two spins that go are neighbours, so that each keeps its proof.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from ...ir.types import BoolArray, FloatArray, IntArray, SpinArray
from .system import System

ROUNDS = 200
SLOW = 0.002
"""A round that removes less than this share of the spins is the last one."""
THREE = 3


@dataclass(frozen=True, eq=False)
class Gone:
    """Spins [k] whose best value is -sign(sum weight * s_neighbour), at most three neighbours [k, 3] each."""

    spins: IntArray
    neighbours: IntArray
    weight: FloatArray


@dataclass(frozen=True, eq=False)
class Reduced:
    """``system`` over spins ``kept`` [m] of ``size``; ``gone`` in the order of going, by numbers of the source."""

    system: System
    kept: IntArray
    size: int
    gone: list[Gone] = field(default_factory=list)

    def lift(self, spins: SpinArray) -> SpinArray:
        """All spins [..., n], the missing ones at their best."""
        full = np.ones((*spins.shape[:-1], self.size + 1), np.int8)
        full[..., self.kept] = spins
        for step in reversed(self.gone):
            pull = (full[..., step.neighbours] * step.weight).sum(axis=-1)
            full[..., step.spins] = np.where(pull > 0, -1, 1)
        return full[..., : self.size]


def reduced(system: System) -> Reduced:
    """The system without everything that the two rules remove; itself where it is dense or nothing can go."""
    n = system.size
    if system.dense or not n:
        return Reduced(system, np.arange(n), n)
    matrix, offset, gone = with_ghost(system), system.offset, []
    kept = np.arange(n + 1)  # the ghost is last
    rank = np.random.default_rng(0).permutation(n + 1).astype(np.float64)
    for _ in range(ROUNDS):
        chosen, weight, neighbours = removable(matrix, rank[kept])
        if len(chosen) < max(1, SLOW * len(kept)):
            break
        gone.append(Gone(kept[chosen], kept[neighbours], weight))
        gain, matrix, stays = without(matrix, chosen, neighbours, weight)
        offset, kept = offset + gain, kept[stays]
    if not gone:
        return Reduced(system, np.arange(n), n)
    inner = matrix[:-1][:, :-1]
    fields = np.asarray(matrix[-1:, :-1].toarray()).ravel()
    return Reduced(System.packed(offset, fields, inner), kept[:-1], n, gone)


def with_ghost(system: System) -> sparse.csr_array:
    """J [n + 1, n + 1], the fields in the last row and column."""
    fields = sparse.csr_array(system.fields[None])
    return sparse.csr_array(sparse.block_array([[system.csr, fields.T], [fields, None]], format="csr"))


def removable(matrix: sparse.csr_array, rank: FloatArray) -> tuple[IntArray, FloatArray, IntArray]:
    """Spins that can go in one round (no two are neighbours), with up to three ``weight``, ``neighbours`` [k, 3].

    A merged spin has one of its couplings told only: the others go over to its partner in :func:`without`.
    """
    count = matrix.shape[0]
    degree = np.diff(matrix.indptr)
    row = np.repeat(np.arange(count), degree)
    size = np.abs(matrix.data)
    total = np.bincount(row, size, count)
    most = np.zeros(count)
    np.maximum.at(most, row, size)
    few: BoolArray = degree <= THREE
    may = few | (2 * most >= total)
    may[-1] = False
    score = np.where(may, rank + 1.0, 0.0)
    rival = np.zeros(count)
    np.maximum.at(rival, row, score[matrix.indices])
    chosen = np.flatnonzero(may & (score > rival))
    neighbours, weight = np.full((count, THREE), count - 1), np.zeros((count, THREE))
    slot = np.arange(len(row)) - matrix.indptr[row]
    inside = few[row]
    neighbours[row[inside], slot[inside]] = matrix.indices[inside]
    weight[row[inside], slot[inside]] = matrix.data[inside]
    top = ~few[row] & (size == most[row])
    neighbours[row[top], 0], weight[row[top], 0] = matrix.indices[top], matrix.data[top]
    return chosen, weight[chosen], neighbours[chosen]


def without(
    matrix: sparse.csr_array, chosen: IntArray, neighbours: IntArray, weight: FloatArray
) -> tuple[float, sparse.csr_array, IntArray]:
    """The constant that appears, J over what stays, and its numbers."""
    count = matrix.shape[0]
    few = np.diff(matrix.indptr)[chosen] <= THREE
    a, b, c = weight[few].T
    sums = np.abs(np.stack([a + b + c, a + b - c, a - b + c, -a + b + c])) / 4
    signs = np.array([[1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])
    ends = neighbours[few]
    left, right = ends[:, [0, 0, 1]].T.ravel(), ends[:, [1, 2, 2]].T.ravel()
    value = -(signs @ sums).ravel()
    gain = -float(sums.sum())
    # merged: every other coupling of i becomes one of its partner, times the sign
    merged, partner = chosen[~few], neighbours[~few, 0]
    sign = -np.sign(weight[~few, 0])
    gain -= float(np.abs(weight[~few, 0]).sum())
    onto, times = np.full(count, -1), np.zeros(count)
    onto[merged], times[merged] = partner, sign
    row = np.repeat(np.arange(count), np.diff(matrix.indptr))
    moved = (onto[row] >= 0) & (matrix.indices != onto[row])
    left = np.concatenate([left, onto[row[moved]]])
    right = np.concatenate([right, matrix.indices[moved]])
    value = np.concatenate([value, times[row[moved]] * matrix.data[moved]])
    apart = left != right
    gain += float(value[~apart].sum())
    left, right, value = left[apart], right[apart], value[apart]
    added: Any = sparse.coo_array((value, (left, right)), shape=matrix.shape).tocsr()
    found = sparse.csr_array(matrix + added + added.T)
    stays = np.delete(np.arange(count), chosen)
    found = sparse.csr_array(found[stays][:, stays])
    found.eliminate_zeros()
    found.sort_indices()
    return gain, found, stays
