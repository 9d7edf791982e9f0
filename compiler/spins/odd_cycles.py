"""Upper bounds of sparse Ising problems by odd cycles, and branch and bound on spins where a gap is left.

*needs*: a spin form without absolute values (``rows``), a tool ``open_lp``. *gives*: an ``odd-cycles`` proof, the best
spins met. The program over the products s_e of the ends of edges, -1 <= s_e <= 1, with all odd-cycle inequalities is
exact on graphs without a K5 minor, planar ones among them (Barahona and Mahjoub 1986), and close on other sparse
graphs. Inequalities are found by shortest paths (``cycles.py``), many in a round; whatever multipliers the program has,
what they prove is computed by the checker's own arithmetic. Points: trees of the surest products, then flips.

Branching fixes a spin next to those that are fixed, so that its products with them become constants.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from time import monotonic

import numpy as np

from ...ir.odd_cycles import OddCycles
from ...ir.protocols import Event, Limits, OpenLp
from ...ir.quadratic.spins import couplings
from ...ir.spin_form import SpinForm
from ...ir.spin_proof.grids import lowered
from ...ir.spin_proof.walks import walks_upper
from ...ir.types import AnyArray, FloatArray, IntArray
from .cycle_program import LEAST, CycleProgram
from .cycles import Cycles, Graph, keys
from .tree_rounding import flipped, rounded

TRIES, SLIGHT = 3, 1e-3
"""Points rounded from each solution, and the greatest change of its values."""
MORE, STRONG = 20, 0.3
"""The same once a node is split."""
ROUNDS = 8
"""Rounds of cycles at a node below the root."""
FINE = 1e-6
"""Least violation of a cycle when nothing greater is left."""
PERIOD = 0.5
"""Seconds between events."""
NODES = 100_000
"""Most nodes of a tree."""


@dataclass(frozen=True, eq=False)
class CycleResult:
    """``proof`` of F <= ``upper`` (moved to the grid of F where there is one); ``spins`` [N], F(spins) = ``value``.

    ``exact``: the gap is closed. ``finished``: there was nothing more to try. ``history``: (seconds, lower, upper)."""

    proof: OddCycles
    upper: Fraction
    spins: FloatArray
    value: float
    nodes: int
    exact: bool
    finished: bool
    history: tuple[tuple[float, float, float], ...] = ()


@dataclass(eq=False)
class Node:
    """``fixed`` [N] (+-1, 0: free); a proof of ``upper`` there; once split: the spin and the nodes of +1 and -1.

    ``mirrored``: the second side is the first one with all spins turned round, which changes nothing."""

    fixed: AnyArray
    cycles: Cycles
    multipliers: FloatArray
    upper: float
    spin: int = -1
    sides: tuple[Node, ...] = ()
    mirrored: bool = False


def bracket(
    form: SpinForm, start: FloatArray, open_lp: OpenLp, limits: Limits
) -> Generator[Event, None, CycleResult]:
    """Bounds of max F and the best of ``start`` [K, N] and of what is met on the way, until they meet, nothing is left
    to try, or the time is over."""
    search = CycleSearch.of(form, start, open_lp, limits)
    yield from search.run()
    return search.result()


@dataclass(eq=False)
class CycleSearch:
    """The state of :func:`bracket`. ``finished``: no node is open."""

    form: SpinForm
    graph: Graph
    program: CycleProgram
    limits: Limits
    spins: FloatArray
    value: float
    root: Node
    rng: np.random.Generator
    nodes: int = 1
    finished: bool = False
    heap: list[tuple[float, int, Node]] = field(default_factory=list)
    history: list[tuple[float, float, float]] = field(default_factory=list)
    moved: dict[float, Fraction] = field(default_factory=dict)
    started: float = field(default_factory=monotonic)

    @classmethod
    def of(cls, form: SpinForm, start: FloatArray, open_lp: OpenLp, limits: Limits) -> CycleSearch:
        graph = Graph.of(couplings(form), form.spins)
        fixed = np.zeros(form.spins, np.int8)
        fixed[0] = 1
        program = CycleProgram.of(graph, open_lp, limits.seed)
        rng = np.random.default_rng(limits.seed)
        root = Node(fixed, Cycles.none(), np.zeros(0), np.inf)
        found = cls(form, graph, program, limits, np.ones(form.spins), -np.inf, root, rng)
        root.upper = found.proved(root, Cycles.none(), np.zeros(0))
        for spins in np.concatenate([start, np.ones((1, form.spins))]):
            found.offer(flipped(graph, spins * spins[0]))
        return found

    # -- points and bounds --------------------------------------------------------------------------------------------

    def offer(self, spins: FloatArray) -> None:
        """Take spins [N] where they are better."""
        value = float(self.form.value(spins[None])[0])
        if value > self.value:
            self.spins, self.value = spins * spins[0], value

    def lowered(self, upper: float) -> Fraction:
        """A finite proved bound, moved down to the grid of the values where there is one."""
        if upper not in self.moved:
            self.moved[upper] = lowered(self.form, upper)
        return self.moved[upper]

    def closed(self, upper: float) -> bool:
        """Whether no spins under a bound are better than the best known ones, up to float64's own errors."""
        slack = 1e-9 * max(1.0, abs(self.value))
        return upper <= self.value + slack or (np.isfinite(upper) and self.lowered(upper) <= self.value + slack)

    def proved(self, node: Node, cycles: Cycles, multipliers: FloatArray) -> float:
        """What multipliers prove at a node, by the checker's arithmetic."""
        flag = (cycles.sign < 0).astype(np.int64)
        return walks_upper(self.form, node.fixed, cycles.start, cycles.vertex, flag, multipliers)

    # -- search -------------------------------------------------------------------------------------------------------

    def run(self) -> Generator[Event, None, None]:
        """Work on the open node with the greatest bound until none is open."""
        order, told = count(), monotonic()
        heapq.heappush(self.heap, (-self.root.upper, next(order), self.root))
        while self.heap and not self.closed(-self.heap[0][0]) and self.nodes < NODES:
            node = heapq.heappop(self.heap)[2]
            value: FloatArray | None = None
            for solution in self.improved(node):
                value = solution
                if monotonic() - told > PERIOD:
                    told = monotonic()
                    yield Event(f"odd cycles: {self.nodes} nodes, {self.told(node.upper)}")
            if self.limits.over or (value is None and not node.cycles.count):
                return
            if self.closed(node.upper):
                continue
            for side in self.split(node, value):
                heapq.heappush(self.heap, (-side.upper, next(order), side))
        self.finished = self.nodes < NODES

    def told(self, upper: float) -> str:
        most = max([upper, *(-self.heap[0][0] for _ in self.heap[:1])])
        return f"at most {most:.10g}, best {self.value:.10g}"

    def improved(self, node: Node) -> Generator[FloatArray, None, None]:
        """Solve and cut at a node; yields the program's solutions [m]."""
        lower, upper = self.box(node)
        self.program.bound(lower, upper)
        self.restore(node.cycles)
        root, least = node is self.root, LEAST
        for step in count():
            result, multipliers = self.program.solve(self.limits.left())
            if result.x is None:
                return
            self.keep(node, multipliers)
            self.round(result.x, TRIES, SLIGHT)
            yield result.x
            if self.closed(node.upper) or self.limits.over or (step >= ROUNDS and not root):
                return
            self.program.purge()
            while not self.program.cut(result.x, self.over, least):
                if least == FINE or not root or self.limits.over:
                    return
                least = FINE

    def over(self) -> bool:
        return self.limits.over

    def box(self, node: Node) -> tuple[FloatArray, FloatArray]:
        """Bounds of the products [m]: those of two fixed spins are constants."""
        ends = node.fixed[self.graph.left].astype(np.float64) * node.fixed[self.graph.right]
        return np.where(ends > 0, 1.0, -1.0), np.where(ends < 0, -1.0, 1.0)

    def restore(self, cycles: Cycles) -> None:
        """Rows that a node's proof needs and that have been taken out."""
        known = keys(cycles, self.graph.edges)
        gone = ~np.isin(known, self.program.known)
        if gone.any():
            self.program.add(cycles.take(gone), known[gone])

    def keep(self, node: Node, multipliers: FloatArray) -> None:
        """The better proof of a node."""
        used = multipliers > 0
        cycles, multipliers = self.program.cycles.take(used), multipliers[used]
        upper = self.proved(node, cycles, multipliers)
        if upper < node.upper:
            node.cycles, node.multipliers, node.upper = cycles, multipliers, upper
            if node is self.root:
                self.history.append((monotonic() - self.started, self.value, float(self.lowered(upper))))

    def round(self, value: FloatArray, tries: int, noise: float) -> None:
        """Points from a solution; changes of its sizes by up to ``noise`` give others."""
        for _ in range(tries):
            self.offer(flipped(self.graph, rounded(self.graph, value, self.rng, noise)))

    def split(self, node: Node, value: FloatArray | None) -> tuple[Node, ...]:
        """Two nodes that fix one more spin; none where no spin is free."""
        if value is not None:
            self.round(value, MORE, STRONG)
        spin = self.chosen(node, np.zeros(self.graph.edges) if value is None else value)
        if spin is None:
            return ()
        node.spin = spin
        connected = self.graph.adjacency.indptr[1] > 0  # otherwise turning all other spins round changes nothing
        node.mirrored = not connected and not node.fixed[1:].any()
        node.sides = tuple(self.child(node, spin, sign) for sign in ((1,) if node.mirrored else (1, -1)))
        self.nodes += len(node.sides)
        return node.sides

    def child(self, node: Node, spin: int, sign: int) -> Node:
        fixed = node.fixed.copy()
        fixed[spin] = sign
        child = Node(fixed, node.cycles, node.multipliers, node.upper)
        child.upper = self.proved(child, node.cycles, node.multipliers)
        return child

    def chosen(self, node: Node, value: FloatArray) -> int | None:
        """A free spin with the least certain product with a fixed one; where those are all certain, any spin with an
        uncertain product."""
        free = node.fixed == 0
        if not free.any():
            return None
        left, right = free[self.graph.left], free[self.graph.right]
        sure = np.abs(value) - 1e-6 * np.abs(self.graph.weight) / (np.abs(self.graph.weight).max(initial=1.0) or 1.0)
        for kind, limit in ((left ^ right, 0.999), (left | right, np.inf)):
            edges = np.flatnonzero(kind & (np.abs(value) < limit))
            if edges.size:
                edge = edges[np.argmin(sure[edges])]
                return int(self.graph.left[edge] if left[edge] else self.graph.right[edge])
        return int(np.flatnonzero(free)[0])

    @property
    def upper(self) -> float:
        """What is proved so far, before the grid."""
        return max(one.upper for one in written(self.root)[0])

    # -- result -------------------------------------------------------------------------------------------------------

    def result(self) -> CycleResult:
        leaves, splits = written(self.root)
        proof = joined(self.form.spins, splits, leaves)
        upper = self.upper
        self.history.append((monotonic() - self.started, self.value, float(self.lowered(upper))))
        return CycleResult(proof, self.lowered(upper), self.spins, self.value, self.nodes, self.closed(upper),
                           self.finished, tuple(self.history))  # fmt: skip


def written(root: Node) -> tuple[list[Node], list[int]]:
    """The leaves and the spins of all nodes (-1: a leaf) in preorder; mirrored sides written out."""
    leaves, splits = [], []
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, turned = stack.pop()
        splits.append(node.spin)
        if not node.sides:
            leaves.append(node)
            continue
        sides = [(node.sides[0], turned), (node.sides[-1], turned ^ node.mirrored)]
        stack += sides if turned else sides[::-1]
    return leaves, splits


def joined(spins: int, splits: list[int], leaves: list[Node]) -> OddCycles:
    """The proof of all leaves."""
    cycles = Cycles.joined([leaf.cycles for leaf in leaves])
    ends: IntArray = np.cumsum([0, *(leaf.cycles.count for leaf in leaves)])
    multipliers = np.concatenate([leaf.multipliers for leaf in leaves])
    flag = (cycles.sign < 0).astype(np.int64)
    return OddCycles(spins, np.array(splits), ends, cycles.start, cycles.vertex, flag, multipliers)

