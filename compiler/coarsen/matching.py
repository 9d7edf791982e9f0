"""Signed matching: which spins to merge in pairs, and whether as equal or as opposite.

``by-weight``: the strongest couplings first; s_i = -sign(J_ij) s_j satisfies the coupling. ``by-embedding``: spins as
unit vectors v_i that minimise sum J_ij v_i.v_j + sum h_i v_i.e (e: the direction of the fields), a low-rank form of the
semidefinite relaxation; the most parallel vectors are merged as equal, the most opposite ones as opposite. The vectors
know of indirect couplings too, which single couplings of a dense problem say nothing about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ...ir.types import BoolArray, FloatArray, IntArray, SpinArray
from .system import System

RANK = 8
"""Dimensions of the sphere."""
SWEEPS = 40
"""Steps of the embedding."""
ROUNDS = 12
"""Rounds of a matching; each pairs everything that is each other's best."""


@dataclass(frozen=True, eq=False)
class Merge:
    """Spin i becomes ``sign[i]`` times spin ``parent[i]`` of ``count`` coarse ones."""

    parent: IntArray
    sign: SpinArray
    count: int

    @classmethod
    def of_pairs(cls, first: IntArray, second: IntArray, sign: FloatArray, size: int) -> Merge:
        """Pairs (first [k], second [k]), each spin in one at the most, s_second = sign s_first; others stay alone."""
        head = np.arange(size)
        head[second] = first
        signs = np.ones(size, np.int8)
        signs[second] = np.where(sign < 0, -1, 1)
        kept, parent = np.unique(head, return_inverse=True)
        return cls(parent.astype(np.int64), signs, len(kept))

    def forced(self, vectors: FloatArray) -> Merge:
        """Everything that is still alone paired too, neighbours along the widest direction of the vectors [n, d]."""
        sizes = np.bincount(self.parent, minlength=self.count)
        pairs_of = np.flatnonzero(sizes[self.parent] > 1)
        alone = np.flatnonzero(sizes[self.parent] == 1)
        alone = alone[np.argsort(np.abs(vectors[alone, 0]), kind="stable")]
        order = pairs_of[np.argsort(self.parent[pairs_of], kind="stable")]
        half = len(alone) // 2
        left, right = alone[0 : 2 * half : 2], alone[1 : 2 * half : 2]
        first = np.concatenate([order[0::2], left])
        second = np.concatenate([order[1::2], right])
        inner = np.einsum("ij,ij->i", vectors[left], vectors[right])
        old = self.sign[order[0::2]].astype(np.float64) * self.sign[order[1::2]]
        return Merge.of_pairs(first, second, np.concatenate([old, inner]), len(self.parent))


Matching = Callable[[System, np.random.Generator], Merge]


def by_weight(system: System, rng: np.random.Generator) -> Merge:
    """Couplings relative to what else acts on their two spins."""
    scale = np.where(system.scales > 0, system.scales, 1.0)
    row, column, value = edges(system)
    score = np.abs(value) / np.sqrt(scale[row] * scale[column])
    return paired(system.size, row, column, score, -value, rng)


def by_embedding(system: System, rng: np.random.Generator) -> Merge:
    """The most parallel and most opposite vectors; among neighbours where couplings are sparse, else among all."""
    vectors = embedding(system, rng)
    if system.dense:
        return paired_dense(vectors)
    row, column, _ = edges(system)
    inner = np.einsum("ij,ij->i", vectors[row], vectors[column])
    return paired(system.size, row, column, np.abs(inner), inner, rng)


def agreeing(system: System, vectors: FloatArray, rng: np.random.Generator) -> Merge:
    """The most parallel vectors, merged as equal; opposite ones are left apart."""
    if system.dense:
        return paired_dense(vectors, signed=False)
    row, column, _ = edges(system)
    inner = np.einsum("ij,ij->i", vectors[row], vectors[column])
    kept = inner > 0
    return paired(system.size, row[kept], column[kept], inner[kept], inner[kept], rng)


MATCHINGS: dict[str, Matching] = {"weight": by_weight, "embedding": by_embedding}


def edges(system: System) -> tuple[IntArray, IntArray, FloatArray]:
    """Both directions of each coupling, by row."""
    indptr, column, value = system.rows
    return np.repeat(np.arange(system.size), np.diff(indptr)), column, value


def embedding(system: System, rng: np.random.Generator, rank: int = RANK, sweeps: int = SWEEPS) -> FloatArray:
    """Unit vectors [n, rank]; the first axis is the direction e of the fields.

    v <- normalised(c v - J v - h e), which lowers the energy for any c above the greatest eigenvalue of -J; c is the
    typical size of a local field, which converges faster, and what it misses does no harm to a heuristic.
    """
    n = system.size
    vectors = unit(rng.normal(size=(n, rank)))
    shift = system.scales[:, None]
    for _ in range(sweeps):
        pull = np.asarray(system.matrix @ vectors)
        pull[:, 0] += system.fields
        vectors = unit(shift * vectors - pull)
    return vectors


def inherited(vectors: FloatArray, merge: Merge) -> FloatArray:
    """Vectors of the coarse spins: the sums of those of their parts, with their signs, scaled to length 1."""
    n = len(vectors)
    down = sparse.csr_array((merge.sign.astype(np.float64), (merge.parent, np.arange(n))), shape=(merge.count, n))
    return unit(np.asarray(down @ vectors))


def unit(vectors: FloatArray) -> FloatArray:
    """Rows scaled to length 1; zero rows become the first axis."""
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    axis = np.zeros((1, vectors.shape[1]))
    axis[0, 0] = 1.0
    return np.where(length > 0, vectors / np.where(length > 0, length, 1.0), axis)


def paired(
    size: int, row: IntArray, column: IntArray, score: FloatArray, sign: FloatArray, rng: np.random.Generator
) -> Merge:
    """Pairs of highest score among edges given in both directions, in rounds of mutual choice. Ties fall at random."""
    noise = rng.random(size)
    score = score * (1 + 1e-6 * (noise[row] + noise[column]))
    free: BoolArray = np.ones(size, np.bool_)
    found = []
    for _ in range(ROUNDS):
        if not len(row):
            break
        best = np.zeros(size)
        np.maximum.at(best, row, score)
        top = np.flatnonzero(score == best[row])
        choice, edge = np.full(size, -1), np.full(size, -1)
        choice[row[top]], edge[row[top]] = column[top], top
        spins = np.flatnonzero(choice >= 0)
        mutual = spins[(choice[choice[spins]] == spins) & (spins < choice[spins])]
        found.append((mutual, choice[mutual], sign[edge[mutual]]))
        free[mutual] = free[choice[mutual]] = False
        kept = free[row] & free[column]
        row, column, score, sign = row[kept], column[kept], score[kept], sign[kept]
    return joined(found, size)


def paired_dense(vectors: FloatArray, signed: bool = True) -> Merge:
    """As :func:`paired`, scores |v_i . v_j| of all pairs; of pairs that are not opposite only, unless ``signed``."""
    size = len(vectors)
    left, found = np.arange(size), []
    inner: Any = vectors @ vectors.T
    np.fill_diagonal(inner, 0.0)
    if not signed:
        np.maximum(inner, 0.0, out=inner)
    for _ in range(ROUNDS):
        if len(left) < 2:
            break
        choice = np.abs(inner).argmax(axis=1)
        spins = np.arange(len(left))
        mutual = spins[(choice[choice] == spins) & (spins < choice)]
        if not len(mutual):
            break
        found.append((left[mutual], left[choice[mutual]], inner[mutual, choice[mutual]]))
        kept = np.ones(len(left), np.bool_)
        kept[mutual] = kept[choice[mutual]] = False
        left, inner = left[kept], inner[np.ix_(kept, kept)]
    return joined(found, size)


def joined(found: list[tuple[IntArray, IntArray, FloatArray]], size: int) -> Merge:
    none: tuple[Any, ...] = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    first, second, sign = (np.concatenate([part[k] for part in [none, *found]]) for k in range(3))
    return Merge.of_pairs(first, second, sign, size)
