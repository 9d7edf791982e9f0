"""Branch and bound over spins: brackets of a spin form's maximum, with a certificate at every moment.

Two phases. *Plain*: depth first, nodes are closed by the semidefinite bound alone; it ends small problems in
milliseconds and gives up after a fixed amount of work. *Cuts*: best first from the root, every node with triangle cuts:
the node of the greatest bound is split, its children inherit vectors, triangles and multipliers and improve on them, so
the bracket narrows for as long as there is time. Triangles with two fixed spins are dropped: they say nothing.
A node is split once both children are bounded; until then its own proof holds.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from time import monotonic

import numpy as np

from ...ir.protocols import Event, Limits
from ...ir.spin_form import SpinForm
from ...ir.spin_tree import SpinTree
from ...ir.types import FloatArray
from ..search.clock import Clock
from .bounding import BELOW, ROOT, child, cut, plain, rooted
from .reduced import reduced
from .rounding import rounded
from .sdp import random_vectors, relax, widened
from .tree import Node, certificate, worst

WORK = 1.3e10
"""Multiplications that the plain phase may use up: about a second."""
CUT_SPINS = 1200
"""No cuts beyond so many spins."""
LARGE_SPINS = 700
"""Beyond so many spins the root's bound is less accurate, and time is kept for its proof."""
ACCURACY, ALONE, LARGE = 1e-6, 4e-6, 1e-4
"""How near the root's bound comes to the relaxation's value, relatively: before branching, without, and beyond
``LARGE_SPINS``."""
WIDER = 1.4
"""With cuts more dimensions are of use: solutions on which many triangles are tight have a higher rank."""
BEFORE_PROOF = 0.9
"""Of the time, for the root's cuts at the most."""
SHARE = 0.5
"""Of the time, for the vectors of a large form; its proof takes seconds."""
STORED = 30_000_000
"""Most triangles of a certificate; about five bytes each where it is packed."""
SWEEPS = 64
"""Most sweeps of a node without cuts."""


@dataclass(frozen=True)
class SpinOptions:
    """``tolerance``: relative gap at which the search ends. ``grid``: F has no values between ``value`` and ``value +
    grid`` at any point. ``cuts``: whether triangle cuts are used; without both cuts and branching: the root alone.
    ``nodes``: most nodes that are bounded."""

    tolerance: float = 1e-9
    grid: float = 0.0
    cuts: bool = True
    branch: bool = True
    nodes: int = 100_000
    seed: int = 0


@dataclass(frozen=True, eq=False)
class SpinResult:
    """``upper`` is what the checker finds for ``tree``; ``value`` is F at ``spins`` [N]; ``exact``: they agree to the
    tolerance. ``nodes`` that were bounded; ``root``: the bound before branching."""

    tree: SpinTree
    upper: float
    spins: FloatArray
    value: float
    nodes: int
    exact: bool
    root: float


def bracket(
    form: SpinForm, start: FloatArray, clock: Clock, options: SpinOptions | None = None
) -> Generator[Event, None, SpinResult]:
    """A bracket of the maximum of F from known points ``start`` [K, N] (K may be 0). Yields the gap as it narrows."""
    search = Search(form, start, clock, options or SpinOptions())
    yield from search.run()
    return search.result()


class Search:
    """The state of one search."""

    def __init__(self, form: SpinForm, start: FloatArray, clock: Clock, options: SpinOptions) -> None:
        self.form, self.clock, self.options = form, clock, options
        self.spins, self.value = np.ones(form.spins), -np.inf
        self.offer(np.ones((1, form.spins)))
        self.offer(start)
        accuracy = LARGE if self.large else ACCURACY if options.branch else ALONE
        time = self.part(SHARE) if self.large else clock
        found = relax(form, random_vectors(form.spins, options.seed), accuracy, clock=time)
        self.relaxed = rooted(form, found)
        self.root = self.relaxed
        self.first = self.root.upper
        self.bounded, self.stored = 1, 0
        self.unit = float(found.diagonal.mean())
        number = 16 if options.branch or not len(start) else 0
        self.offer(rounded(form, found.vectors, self.root.fixed, number, options.seed))

    @property
    def large(self) -> bool:
        return self.form.spins > LARGE_SPINS

    def part(self, share: float) -> Clock:
        """A share of the time that is left: what comes after it, such as the proof, takes its own."""
        return Clock(Limits(), None if self.clock.left == np.inf else share * self.clock.left)

    def offer(self, points: FloatArray) -> None:
        """Keeps the best of points [K, N]."""
        if not len(points):
            return
        values = self.form.value(points)
        best = int(values.argmax())
        if values[best] > self.value:
            self.value, self.spins = float(values[best]), points[best] * points[best, 0]

    @property
    def goal(self) -> float:
        """A node whose upper is at most that is closed: as good as the best point, for what the form's error lets us
        tell."""
        return max(self.value + 2 * self.form.error, self.closing)

    @property
    def closing(self) -> float:
        """An upper bound that ends the search."""
        return self.value + max(self.options.tolerance * abs(self.value), 0.999 * self.options.grid)

    @property
    def stopped(self) -> bool:
        return self.clock.over or self.bounded >= self.options.nodes or self.stored > STORED

    @property
    def with_cuts(self) -> bool:
        return self.options.cuts and 3 <= self.form.spins <= CUT_SPINS

    def run(self) -> Generator[Event, None, None]:
        yield self.event(self.root.upper)
        if not self.splits(self.root) or self.stopped or not self.options.branch:
            return
        if not (yield from self.plain_phase()) and self.with_cuts:
            yield from self.cut_phase()

    def plain_phase(self) -> Generator[Event, None, bool]:
        """Whether everything is closed; with cuts to follow, no more than ``WORK`` is done. Depth first, an unfinished
        tree bounds no better than its root alone, which then takes its place."""
        self.root = self.relaxed.again()
        open_, work = [self.root], 0.0
        while open_:
            if self.stopped or (self.with_cuts and work > WORK):
                self.root = self.relaxed
                return False
            node = open_.pop()
            spin = self.choice(node)
            below = [child(self.form, node, spin, value) for value in (1, -1)]
            for new, small in below:
                work += plain(self.form, new, small, self.goal, SWEEPS, self.clock)
            self.bounded += 2
            node.split(spin, [new for new, _ in below])
            left = [new for new, _ in below if self.splits(new)]
            open_ += sorted(left, key=lambda new: new.value)
            for new, _ in below:
                if not self.splits(new):
                    new.close()
            if self.bounded % 64 == 1:
                if left:
                    self.improve(left[-1])
                yield self.event(self.root.upper)
        return True

    def cut_phase(self) -> Generator[Event, None, None]:
        """Best first, every node with cuts."""
        self.root = self.relaxed.again()
        assert self.root.vectors is not None
        self.root.vectors = widened(self.root.vectors, WIDER, self.options.seed)
        cut(self.form, self.root, reduced(self.form, self.root.fixed), ROOT, self.unit, self.part(BEFORE_PROOF))
        self.improve(self.root)
        yield self.event(self.root.upper)
        number, closed, longest = count(), -np.inf, 0.0
        open_ = [(-self.root.upper, next(number), self.root)]
        while open_ and not self.stopped and self.clock.left > longest:
            node = open_[0][2]
            if node.upper <= self.goal:
                break
            began = monotonic()
            spin = self.choice(node)
            children = []
            for value in (1, -1):
                new, small = child(self.form, node, spin, value)
                cut(self.form, new, small, BELOW, self.unit)
                children.append(new)
                if self.clock.over:
                    return
            heappop(open_)
            longest = max(0.8 * longest, monotonic() - began)
            self.bounded += 2
            self.stored += sum(len(new.proof.cuts) for new in children) - len(node.proof.cuts)
            node.split(spin, children)
            for new in children:
                if self.splits(new):
                    heappush(open_, (-new.upper, next(number), new))
                else:
                    closed = max(closed, new.upper)
                    new.close()
            if self.bounded % 16 == 1 or not open_:
                if open_:
                    self.improve(open_[0][2])
                yield self.event(max(closed, -open_[0][0]) if open_ else closed)

    def splits(self, node: Node) -> bool:
        """Whether a node is open, and has a spin left to split; without one it is a point."""
        if node.upper <= self.goal:
            return False
        if node.fixed.all():
            self.offer(node.fixed[None].astype(np.float64))
            return False
        return True

    def choice(self, node: Node) -> int:
        """The free spin whose two sides promise most, by the product rule: held at -+t_0, spin j takes about 2 d_j (1
        +- <q_j, q_0>) off the relaxation."""
        assert node.vectors is not None
        free = node.free()
        along = node.vectors @ node.vectors[0]
        score = node.proof.diagonal[free].astype(np.float64) ** 2 * np.maximum(1 - along**2, 1e-12)
        return int(free[1 + score[1:].argmax()])

    def improve(self, node: Node) -> None:
        """Points near a node's vectors."""
        if node.vectors is not None:
            self.offer(rounded(self.form, node.vectors, node.fixed, 4, self.options.seed + self.bounded))

    def event(self, upper: float) -> Event:
        text = f"{self.bounded} nodes: {self.value:.9g} .. {upper:.9g}"
        return Event(text, self.bounded, bracket=(self.value, upper))

    def result(self) -> SpinResult:
        """The bracket as the leaves stand."""
        upper = worst(self.form, self.root)
        if self.relaxed.upper < upper:
            self.root, upper = self.relaxed, self.relaxed.upper
        exact = upper <= self.closing
        return SpinResult(
            certificate(self.form, self.root), upper, self.spins, self.value, self.bounded, exact, self.first
        )
