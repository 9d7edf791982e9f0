"""Odd cycles that a point of [-1, 1]^m violates.

For spins t and s_e = t_i t_j of the edges e = ij of a graph, every closed walk C with a sign for each of its edges, an
odd number of them -1, has

    sum_{e in C} sign_e s_e <= |C| - 2        (Barahona and Mahjoub 1986),

or sum_{e in C} (1 - sign_e s_e) >= 2. With two copies of each vertex, edges of length 1 - s_e inside a copy and
1 + s_e (sign -1, *flipped*) between the copies, a walk from one copy of v to the other that is shorter than 2 is a
violated inequality. Lengths are real ones plus a little for every edge, so that among equals the walk with the fewest
edges is found, and plus a penalty for edges of walks found in the same round, so that these differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from ...ir.quadratic.triplets import Triplets
from ...ir.types import BoolArray, FloatArray, IntArray
from ._cycle_kernel import compiled

STEP = 1e-7
"""Added to the length of every edge."""
PENALTY = 0.1
"""Added for every walk of the round that an edge is in."""
LARGE = 500
"""Vertices from which on searches are worth compiling."""
CHUNK = 128
"""Sources between two looks at the clock."""


@dataclass(frozen=True, eq=False)
class Cycles:
    """W closed walks: ``start`` [W + 1] into ``vertex`` (v_0, v_1, ...), ``edge`` (from v_k to v_k+1, the last one back
    to v_0) and ``sign`` (+-1, an odd number of -1 in each walk)."""

    start: IntArray
    vertex: IntArray
    edge: IntArray
    sign: FloatArray

    @classmethod
    def none(cls) -> Cycles:
        empty = np.zeros(0, np.int64)
        return cls(np.zeros(1, np.int64), empty, empty, np.zeros(0))

    @property
    def count(self) -> int:
        return len(self.start) - 1

    @property
    def lengths(self) -> IntArray:
        return np.diff(self.start)

    def matrix(self, edges: int) -> sparse.csr_array:
        """Rows [W, m] of signs."""
        found = sparse.csr_array((self.sign, self.edge, self.start), shape=(self.count, edges), copy=True)
        found.sum_duplicates()  # in place
        return found

    def take(self, chosen: BoolArray | IntArray) -> Cycles:
        """Some of the walks, by mask or in the order of an index."""
        index = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        lengths = self.lengths[index]
        ends = np.cumsum(lengths)
        place = np.repeat(self.start[index] - ends + lengths, lengths) + np.arange(int(lengths.sum()))
        return Cycles(np.append(0, ends).astype(np.int64), self.vertex[place], self.edge[place], self.sign[place])

    @classmethod
    def joined(cls, parts: list[Cycles]) -> Cycles:
        """All walks of several sets, in order."""
        parts = [cls.none(), *parts]
        lengths = np.concatenate([part.lengths for part in parts])
        start = np.append(0, np.cumsum(lengths)).astype(np.int64)
        arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in ("vertex", "edge", "sign"))
        return cls(start, *arrays)


@dataclass(frozen=True, eq=False)
class Graph:
    """``vertices`` n; edges ``left`` < ``right`` [m] with ``weight`` [m]: E(t) = sum_e weight_e t_left t_right."""

    vertices: int
    left: IntArray
    right: IntArray
    weight: FloatArray

    @classmethod
    def of(cls, couplers: Triplets, vertices: int) -> Graph:
        return cls(vertices, couplers.row, couplers.column, couplers.value)

    @property
    def edges(self) -> int:
        return len(self.weight)

    @cached_property
    def arcs(self) -> tuple[IntArray, IntArray, IntArray]:
        """Compressed rows of the graph: pointer [n + 1], neighbours and edges [2 m]."""
        ends, others = np.concatenate([self.left, self.right]), np.concatenate([self.right, self.left])
        order = np.lexsort((others, ends))
        pointer = np.searchsorted(ends[order], np.arange(self.vertices + 1))
        return pointer.astype(np.int64), others[order], order % max(1, self.edges)

    @cached_property
    def adjacency(self) -> sparse.csr_array:
        """Ones [n, n] where there is an edge."""
        pointer, neighbour, _ = self.arcs
        return sparse.csr_array((np.ones(len(neighbour)), neighbour, pointer), shape=(self.vertices, self.vertices))

    @cached_property
    def couplings(self) -> sparse.csr_array:
        """Symmetric weights [n, n]."""
        pointer, neighbour, edge = self.arcs
        return sparse.csr_array((self.weight[edge], neighbour, pointer), shape=(self.vertices, self.vertices))

    def energies(self, spins: FloatArray) -> FloatArray:
        """E [B] of spins [B, n]."""
        return np.asarray((spins[:, self.left] * spins[:, self.right]) @ self.weight)


Search = Callable[[Graph, FloatArray, FloatArray, IntArray, float], Cycles]
"""Cycles of a graph at values [m], with penalties used [m], from some sources, shorter than a limit."""


def search(vertices: int) -> Search:
    """The compiled search for large graphs where numba is there, else scipy's: to load the former takes a second, to
    compile it for the first time several."""
    return by_scipy if vertices < LARGE else compiled_search()


@cache
def compiled_search() -> Search:
    walks = compiled()
    if walks is None:
        return by_scipy

    def by_loops(graph: Graph, value: FloatArray, used: FloatArray, sources: IntArray, limit: float) -> Cycles:
        start, vertex, edge, flip = walks(*graph.arcs, value, used, sources, limit, PENALTY)
        return Cycles(start, vertex, edge, np.where(flip == 1, -1.0, 1.0))

    return by_loops


def by_scipy(graph: Graph, value: FloatArray, used: FloatArray, sources: IntArray, limit: float) -> Cycles:
    """The same by scipy's Dijkstra on the doubled graph, some sources at a time; walks are traced back together."""
    n, found = graph.vertices, []
    pairs = np.stack([graph.left, graph.right], axis=1)
    ends = np.concatenate([pairs, pairs + n, pairs + np.array([0, n]), pairs + np.array([n, 0])])
    for first in range(0, len(sources), 32):
        some = sources[first : first + 32]
        straight, flipped = np.maximum(1 - value, 0.0) + used, np.maximum(1 + value, 0.0) + used
        length = np.concatenate([straight, straight, flipped, flipped])
        doubled = sparse.csr_array((length, (ends[:, 0], ends[:, 1])), shape=(2 * n, 2 * n))
        distance, previous = dijkstra(doubled, False, some, True, limit=limit)
        hit = distance[np.arange(len(some)), some + n] < limit
        part = simple(traced(graph, some[hit], previous[hit]))
        np.add.at(used, part.edge, PENALTY)
        found.append(part)
    return Cycles.joined(found)


def traced(graph: Graph, sources: IntArray, previous: Any) -> Cycles:
    """The walks [W] from (v, 1) back to (v, 0), from predecessors [W, 2 n]."""
    n, walk = graph.vertices, np.arange(len(sources))
    node, steps = sources + n, []
    active = walk
    while active.size:
        before = previous[active, node[active]].astype(np.int64)
        steps.append(np.stack([active, node[active], before]))
        node = node.copy()
        node[active] = before
        active = active[before != sources[active]]
    if not steps:
        return Cycles.none()
    table = np.concatenate(steps, axis=1)
    which, here, after = table[:, np.argsort(table[0], kind="stable")]
    start = np.searchsorted(which, np.arange(len(sources) + 1))
    low, high = np.minimum(here % n, after % n), np.maximum(here % n, after % n)
    edge = np.searchsorted(graph.left * n + graph.right, low * n + high)
    return Cycles(start.astype(np.int64), here % n, edge, np.where((here >= n) == (after >= n), 1.0, -1.0))


def simple(walks: Cycles) -> Cycles:
    """Only the walks that visit no vertex twice: shorter ones from other sources say what the others say."""
    walk = np.repeat(np.arange(walks.count), walks.lengths)
    pairs = np.unique(np.stack([walk, walks.vertex]), axis=1)
    return walks.take(np.bincount(pairs[0], minlength=walks.count) == walks.lengths)


def chordless(graph: Graph, cycles: Cycles) -> BoolArray:
    """Which cycles [W] have no edges between their vertices but their own: the others follow from two shorter ones."""
    members = sparse.csr_array(
        (np.ones(len(cycles.vertex)), cycles.vertex, cycles.start), shape=(cycles.count, graph.vertices)
    )
    inside = (members @ graph.adjacency).multiply(members).sum(axis=1)
    return np.asarray(np.asarray(inside).ravel() <= 2 * cycles.lengths)


def keys(cycles: Cycles, edges: int) -> IntArray:
    """A number [W] for each walk that does not depend on where it starts: sums of random numbers for edges and signs,
    modulo 2^64. Different ones may in theory agree, and one is left out then."""
    random = np.random.default_rng(5).integers(0, 2**62, (2, edges))
    drawn = random[(cycles.sign < 0).astype(np.int64), cycles.edge]
    if not cycles.count:
        return np.zeros(0, np.int64)
    return np.asarray(np.add.reduceat(drawn, cycles.start[:-1]))
