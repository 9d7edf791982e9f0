"""Spins from values of products: signs along a spanning tree of the surest edges, then single flips.

E(t) = sum_e J_e t_i t_j; a value s_e near 1 or -1 says that the ends of e agree or differ.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from ...ir.types import FloatArray, IntArray
from .cycles import Graph


def rounded(graph: Graph, value: FloatArray, rng: np.random.Generator, noise: float = 1e-3) -> FloatArray:
    """Spins [n] whose products have the signs of ``value`` [m] on a tree of edges with the greatest |value|, ties and
    near ties broken at random."""
    n = graph.vertices
    length = 1.0 + 2 * max(noise, 1e-3) - np.abs(value) + noise * rng.random(len(value))
    tree = minimum_spanning_tree(sparse.csr_array((length, (graph.left, graph.right)), shape=(n, n))).tocoo()
    row, column = np.asarray(tree.row, np.int64), np.asarray(tree.col, np.int64)
    count, part = connected_components(tree, directed=False)
    heads = np.unique(part, return_index=True)[1][1:] if count > 1 else np.zeros(0, np.int64)
    row, column = np.concatenate([row, np.zeros(len(heads), np.int64)]), np.concatenate([column, heads])
    joined = sparse.csr_array((np.ones(len(row)), (row, column)), shape=(n, n))
    before = breadth_first_order(joined, 0, directed=False)[1].astype(np.int64)
    before[0] = 0
    return along(before, graph, value)


def along(before: IntArray, graph: Graph, value: FloatArray) -> FloatArray:
    """Signs [n] multiplied up along the ways to vertex 0, from each vertex's predecessor [n], in log2(n) steps."""
    n = graph.vertices
    here, codes = np.arange(n), graph.left * n + graph.right
    sign = np.ones(n)
    if len(codes):
        wanted = np.minimum(here, before) * n + np.maximum(here, before)
        place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        sign = np.where((codes[place] == wanted) & (value[place] < 0), -1.0, 1.0)
    sign[0] = 1.0
    for _ in range(int(n).bit_length()):
        sign, before = sign * sign[before], before[before]
    return sign


def flipped(graph: Graph, spins: FloatArray, limit: int | None = None) -> FloatArray:
    """Spins [n] after flips of one spin at a time, always the one that lowers the energy most, until none does."""
    spins, matrix = spins.copy(), graph.couplings
    field = matrix @ spins
    for _ in range(limit or 20 * len(spins)):
        gain = field * spins
        place = int(np.argmax(gain))
        if gain[place] <= 1e-12:
            break
        spins[place] = -spins[place]
        part = slice(matrix.indptr[place], matrix.indptr[place + 1])
        field[matrix.indices[part]] += 2 * spins[place] * matrix.data[part]
    return spins
