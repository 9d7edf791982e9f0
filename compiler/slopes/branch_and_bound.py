"""Best-first branch and bound over the slopes of single units, several nodes at a time.

*needs* a slope form with at least one pattern; *guarantee*: the greatest bound of the leaves is an upper bound at any
time. Nodes of greatest bound are split first. A child whose own multipliers prove less keeps those of its parent,
which prove the parent's bound for it: a unit held off is a row left out, one held on a subspace.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from time import monotonic

import numpy as np

from ...ir.slope_form import SlopeForm
from ...ir.types import AnyArray, FloatArray, IntArray
from ..lipschitz.layers import Layers, pattern_values, precision
from ..lipschitz.sweeps import climb as alternate
from ..search.clock import Clock
from .branching import candidates, chosen, sides
from .dual import Bounded, Dual
from .nodes import Node, Warm, patterns_of, vectors_of
from .options import SlopeOptions
from .vectors import Sweep, Vectors, climb

SMALL = 20_000
"""Forms with fewer entries of X are swept in float64."""
ROOT = 0.5
"""Most of the time that goes to sweeps of the root."""
LARGE = 300_000
"""Entries of X and Z from which nodes are split one by one."""
CLOSE = 1e-10
"""Relative rise of the root's value at which its sweeps end."""
FINEST, SINGLE = 1e-11, 1e-6
"""Least repairs of numbers that are kept in float64, and of those that will be rounded to float32."""
COARSE = 0.01
"""Repairs beyond this are not where a child's begin."""


@dataclass(eq=False)
class Search:
    """``pattern`` and ``value``: the best known. ``open_``: heap of (-bound, number, node)."""

    form: SlopeForm
    functional: int
    norm: str
    dual: Dual
    options: SlopeOptions
    pattern: FloatArray
    value: float
    clock: Clock
    count: int = 0
    open_: list[tuple[float, int, Node]] = field(default_factory=list)

    def __post_init__(self) -> None:
        form, k = self.form, self.functional
        self.wide = form.inputs.size < SMALL
        self.layers = Layers.of(form, k, np.float64 if self.wide else precision(form, k))
        entries = np.count_nonzero(form.inputs) + np.count_nonzero(form.within)
        self.batch = self.options.batch if entries < LARGE else 1
        self.root = self.first()
        self.push(self.root)

    @property
    def upper(self) -> float:
        return max(self.value, -self.open_[0][0]) if self.open_ else self.value

    @property
    def leaves(self) -> int:
        """Of the tree so far: every split makes two nodes of one."""
        return (self.count + 1) // 2

    @property
    def done(self) -> bool:
        return not self.open_ or self.closed(-self.open_[0][0])

    def closed(self, bound: float) -> bool:
        return bound <= self.value * (1 + self.options.gap)

    def push(self, node: Node) -> None:
        self.count += 1
        heapq.heappush(self.open_, (-node.bound, self.count, node))

    def reopen(self, nodes: list[Node]) -> bool:
        """Go on with closed leaves whose bound the checker doesn't confirm to the gap; whether there are any."""
        loose = {id(node) for node in nodes if node.free and not self.closed(node.judged)}
        if not loose:
            return False
        for _, _, node in self.open_:
            if id(node) in loose:
                node.bound = node.judged
        self.open_ = [(-node.bound, number, node) for _, number, node in self.open_]
        heapq.heapify(self.open_)
        return True

    def first(self) -> Node:
        """The root, swept in float64 until it stands."""
        options, layers = self.options, Layers.of(self.form, self.functional)
        pattern = np.full((1, self.form.units), np.nan)
        rng, end = np.random.default_rng(options.seed), monotonic() + ROOT * self.clock.left
        vectors = Vectors.drawn(layers, 1, options.root_rank, self.norm, rng)
        vectors, found = climb(layers, vectors, pattern, self.norm, options.root_sweeps, CLOSE, end)
        bounded = self.bounded(pattern[0], found, 0, 1e-6)
        self.rounded(found, pattern)
        if options.rank < options.root_rank:
            vectors = vectors.shortened(options.rank, self.norm)
            vectors, found = climb(layers, vectors, pattern, self.norm, options.root_sweeps // 4, 1e-6, end)
        root = self.node(pattern[0], bounded, Warm.of(vectors, found, 0))
        if not root.free:
            root.bound = self.exact(root)
        return root

    def step(self) -> None:
        """Split the open nodes of greatest bound."""
        nodes: list[Node] = []
        while len(nodes) < self.batch and not self.done:
            nodes.append(heapq.heappop(self.open_)[2])
        if not nodes:
            return
        units, patterns, vectors = self.probed(nodes)
        for node, unit, pair in zip(nodes, units, self.children(nodes, patterns, vectors), strict=True):
            for child in pair:
                self.push(child)
            node.split(int(unit), pair)

    def probed(self, nodes: list[Node]) -> tuple[IntArray, AnyArray, Vectors]:
        """Units [B] to split on, patterns [2 B, F] and vectors of the children."""
        options, found = self.options, [candidates(node, self.options.candidates) for node in nodes]
        owner = np.repeat(np.arange(len(nodes)), [len(units) for units in found])
        units = np.concatenate(found)
        patterns = sides(patterns_of(nodes), owner, units)
        copies = np.repeat(owner, 2)
        vectors = vectors_of(self.layers, nodes, copies, self.norm, options.noise, options.seed + self.count)
        if len(units) == len(nodes):
            return units, patterns, vectors
        vectors, swept = climb(self.layers, vectors, patterns, self.norm, options.probe)
        bounds = np.array([node.bound for node in nodes])
        best = chosen(swept.value.reshape(-1, 2), owner, bounds, self.value)
        both = (2 * best[:, None] + np.array([0, 1])).ravel()
        return units[best], patterns[both], vectors.at(both)

    def children(self, nodes: list[Node], patterns: AnyArray, vectors: Vectors) -> list[tuple[Node, Node]]:
        """Bounded children, a pair for each node."""
        options, todo = self.options, np.arange(len(patterns))
        made: list[Node] = []
        for again in range(options.rounds + 1):
            sweeps = options.sweeps << max(again - 1, 0)
            vectors, found = climb(self.layers, vectors, patterns[todo], self.norm, sweeps)
            if not again:
                self.rounded(found, patterns)
                made = [self.node(p, _kept(nodes[i // 2]), None) for i, p in enumerate(patterns)]
            for place, i in enumerate(todo):
                hint = min(made[i].grade, COARSE)
                bounded = self.bounded(patterns[i], found, place, hint)
                if made[i].better(bounded) or made[i].warm is None:
                    made[i].warm = Warm.of(vectors, found, place)
                if not made[i].free:
                    made[i].bound = min(made[i].bound, self.exact(made[i]))
            wide = [
                place for place, i in enumerate(todo)
                if made[i].free and made[i].bound > max(found.value[place], self.value) * (1 + options.slack)
            ]  # fmt: skip
            if not wide or self.clock.over:
                break
            todo, vectors = todo[wide], vectors.at(np.array(wide, dtype=np.int64))
        return [(made[i], made[i + 1]) for i in range(0, len(made), 2)]

    def bounded(self, pattern: AnyArray, found: Sweep, place: int, hint: float) -> Bounded:
        """What the multipliers of a sweep prove."""
        exact = self.wide or not self.count
        d, multiplier = found.inputs(self.norm)[place], found.multipliers()[place]
        bounded = self.dual.bound(pattern, d, multiplier, hint, FINEST if exact else SINGLE)
        return bounded if exact else bounded.rounded()

    def exact(self, node: Node) -> float:
        """The value of a pattern that leaves nothing free; counts as known."""
        pattern = node.pattern.astype(np.float64)
        value = float(pattern_values(self.form, self.functional, self.norm, pattern[None])[0])
        if value > self.value:
            self.value, self.pattern = value, pattern
        return value

    def node(self, pattern: AnyArray, bounded: Bounded, warm: Warm | None) -> Node:
        free = np.isnan(pattern) & self.dual.used(pattern)
        held = np.where(free, -1, pattern == 1).astype(np.int8)
        return Node(held, bounded.value, bounded.inputs, bounded.multiplier, bounded.grade, warm)

    def rounded(self, found: Sweep, patterns: AnyArray) -> None:
        """Patterns that the vectors suggest, improved by alternation; the best one is kept."""
        suggested = np.where(np.isnan(patterns), found.along() > 0, patterns)
        reached = np.asarray(alternate(self.layers, suggested, self.norm), dtype=np.float64)
        values = pattern_values(self.form, self.functional, self.norm, reached)
        best = int(np.argmax(values))
        if values[best] > self.value:
            self.value, self.pattern = float(values[best]), reached[best]


def _kept(parent: Node) -> Bounded:
    return Bounded(parent.bound, parent.inputs, parent.multiplier, parent.grade)
