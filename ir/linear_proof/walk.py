"""Trees from their roots down, depth first in batches: children inherit the bounds of their parents.

Leaves that stay open by a hair, because roundings differ from the finder's, are halved a few times more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..types import BoolArray, IntArray
from .backward import State
from .bounds import fresh
from .claim import Bounded, Group
from .numbers import Bounds

if TYPE_CHECKING:
    from .checker import Check


DEPTH = 6
"""How often a leaf is halved at the most."""
FREE, SHARE = 64, 8
"""Leaves, and halves of leaves, that may be halved: so many, and one for so many nodes of the tree."""


@dataclass(frozen=True, eq=False)
class Open:
    """Nodes [B] with bounds known for them, the cases [B, K] that are not refuted above, and ``more`` [B]: how often
    a leaf was halved here."""

    nodes: IntArray
    known: dict[str, Bounds]
    alive: BoolArray
    more: IntArray

    def part(self, index: IntArray | BoolArray | slice) -> Open:
        known = {name: (low[index], high[index]) for name, (low, high) in self.known.items()}
        return Open(self.nodes[index], known, self.alive[index], self.more[index])


def joined(parts: list[Open]) -> Open:
    """One after the other."""
    if len(parts) == 1:
        return parts[0]
    known = {
        name: (np.concatenate([p.known[name][0] for p in parts]), np.concatenate([p.known[name][1] for p in parts]))
        for name in parts[0].known
    }
    nodes, alive, more = ([getattr(p, name) for p in parts] for name in ("nodes", "alive", "more"))
    return Open(np.concatenate(nodes), known, np.concatenate(alive), np.concatenate(more))


@dataclass(eq=False)
class Walk:
    """Over the ``wanted`` nodes [N] of a group's trees; sets ``good`` [T, K] to false for cases that stay open."""

    check: Check
    group: Group
    wanted: BoolArray
    good: BoolArray
    stack: list[Open] = field(default_factory=list)
    spare: int = 0

    def run(self, roots: State) -> None:
        """``roots``: bounds at the roots of the group's trees."""
        nodes = self.check.trees.roots[self.group.trees]
        start = Open(nodes, dict(roots.bounds), np.ones(self.good.shape, np.bool_), np.zeros(len(nodes), np.int64))
        self.stack.append(start.part(self.wanted[nodes]))
        self.spare = FREE + int(self.wanted.sum()) // SHARE
        while self.stack:
            self.step(self.pop())

    def pop(self) -> Open:
        """A batch from the top of the stack."""
        parts, count = [], 0
        size = self.check.batch_of(self.group)
        while self.stack and count < size:
            parts.append(self.stack.pop())
            count += len(parts[-1].nodes)
        batch = joined(parts[::-1])
        if count > size:
            self.stack.append(batch.part(slice(0, count - size)))
            batch = batch.part(slice(count - size, None))
        return batch

    def step(self, batch: Open) -> None:
        """Bound a batch of nodes, and push the children of those that stay open."""
        check, trees = self.check, self.check.trees
        place = check.place(self.group, batch.nodes)
        batch = batch.part(np.flatnonzero((batch.alive & self.good[place]).any(axis=1)))
        if not len(batch.nodes):
            return
        place = check.place(self.group, batch.nodes)
        state = fresh(check.network, batch.known)
        alive = batch.alive & ~state.empty[:, None]
        inner = trees.child[batch.nodes] >= 0
        self.leaves(batch, state, alive, np.flatnonzero(~inner))
        some = np.flatnonzero(inner)
        if not len(some):
            return
        box = state.bounds[check.network.inputs]
        if check.forest.contract or alive.shape[1] > 1:
            part = state.pick(some)
            bounded = self.group.bounded(part, place[some])
            alive[some] &= ~self.group.refuted(bounded.most, place[some])
            if check.forest.contract:
                box = self.contracted(part, box, some, alive[some], bounded)
        state.bounds[check.network.inputs] = box
        self.split(batch.nodes, state, alive, some[alive[some].any(axis=1)])

    def leaves(self, batch: Open, state: State, alive: BoolArray, index: IntArray) -> None:
        """Check the leaves of a batch; halve those that stay open, as long as that is allowed."""
        if not len(index):
            return
        place = self.check.place(self.group, batch.nodes[index])
        out = self.check.at_leaves(self.group, batch.nodes[index], place, state.pick(index))
        left = alive[index] & ~out
        again = np.flatnonzero(left.any(axis=1) & (batch.more[index] < DEPTH))[: self.spare]
        self.spare -= len(again)
        if len(again):
            self.halve(batch, state, index[again], left[again])
            left[again] = False
        np.logical_and.at(self.good, place, ~left)

    def halve(self, batch: Open, state: State, index: IntArray, alive: BoolArray) -> None:
        """Push the halves of leaves, along the input that moves their rows' linear bounds most."""
        nodes, part = batch.nodes[index], state.pick(index)
        bounded = self.group.bounded(part, self.check.place(self.group, nodes))
        low, high = part.bounds[self.check.network.inputs]
        with np.errstate(over="ignore", invalid="ignore"):
            element = (np.abs(bounded.slope).sum(axis=1) * (high - low)).argmax(axis=1)
            middle = (low / 2 + high / 2)[np.arange(len(index)), element]
        for side in (0, 1):
            known = {name: (bounds[0].copy(), bounds[1].copy()) for name, bounds in part.bounds.items()}
            known[self.check.network.inputs][side][np.arange(len(index)), element] = middle
            self.stack.append(Open(nodes, known, alive, batch.more[index] + 1))

    def contracted(self, part: State, box: Bounds, some: IntArray, alive: BoolArray, bounded: Bounded) -> Bounds:
        """Input boxes where the nodes ``some`` may still hold a point of an open case.

        A row with the linear upper bound ``a . x + c``, at most ``t`` over the box, is >= 0 only where
        ``a_i x_i >= max a_i x_i - t`` for every i: within ``t / |a_i|`` of the end where it is greatest.
        """
        lower, upper = part.bounds[self.check.network.inputs]
        slope = bounded.slope
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            room = np.nextafter(np.nextafter(bounded.linear[..., None] / np.abs(slope), np.inf), np.inf)
            low = np.nextafter(upper[:, None] - room, -np.inf)
            high = np.nextafter(lower[:, None] + room, np.inf)
        low = np.where((slope > 0) & (low > lower[:, None]), low, lower[:, None])
        high = np.where((slope < 0) & (high < upper[:, None]), high, upper[:, None])
        low = np.maximum.reduceat(low, self.group.starts, axis=1)
        high = np.minimum.reduceat(high, self.group.starts, axis=1)
        alive &= ~(low > high).any(axis=2)
        low = np.where(alive[..., None], low, np.inf).min(axis=1)
        high = np.where(alive[..., None], high, -np.inf).max(axis=1)
        found = box[0].copy(), box[1].copy()
        found[0][some], found[1][some] = np.maximum(low, lower), np.minimum(high, upper)
        return found

    def split(self, nodes: IntArray, state: State, alive: BoolArray, index: IntArray) -> None:
        """Push the children of nodes ``index``."""
        trees = self.check.trees
        for below, children in ((False, trees.other), (True, trees.child)):
            below_here = index[self.wanted[children[nodes[index]]]]
            if not len(below_here):
                continue
            known = {name: (low[below_here], high[below_here]) for name, (low, high) in state.bounds.items()}
            here = nodes[below_here]
            self.check.narrow(known, np.arange(len(here)), here, np.full(len(here), below))
            self.stack.append(Open(children[here], known, alive[below_here], np.zeros(len(here), np.int64)))
