"""Whether the trees of a forest refute their cases: nodes in batches, each with the checker's own bounds.

Trees without dropped cases and without contraction are first tried leaf by leaf, each from its box alone, which is half
the work. Leaves that this leaves open (backward bounds are not monotone, and the finder's were inherited) are checked
again in a walk from the root, where children inherit bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..blocks import Fn
from ..case_tree import Forest, fault
from ..types import BoolArray, FloatArray, IntArray
from .backward import State
from .bounds import fresh, met
from .claim import Group, Multipliers, Rows
from .layers import digest, improved
from .network import Network
from .numbers import TINY, UNIT, Bounds
from .relaxation import function_bounds, relax
from .trees import Trees
from .walk import Walk

NODES = 512
"""Most nodes in a batch."""
NUMBERS = 1 << 21
"""About as many bounds are held for a batch."""
COEFFICIENTS = 1 << 23
"""About as many coefficients of rows are held for a batch."""


@dataclass(frozen=True, eq=False)
class Check:
    """One forest against a network and the rows of an unsafe set."""

    network: Network
    rows: Rows
    forest: Forest

    def refuted(self) -> IntArray:
        """The cases that are proved to hold nowhere. Raises InputError for a forest that does not fit the network."""
        self.fits()
        found = [group.cases[good] for group in self.groups() for good in [self.good(group)]]
        return np.concatenate([np.zeros(0, np.int64), *found])

    # -- what fits ----------------------------------------------------------------------------------------------------

    def fits(self) -> None:
        """Sizes, names and numbers against the network and the unsafe set."""
        forest, sizes, unsafe = self.forest, self.network.sizes, self.rows.unsafe
        if ((forest.cases < 0) | (forest.cases >= unsafe.count)).any():
            raise fault("it speaks of cases that there are not")
        region = unsafe.region[forest.cases]
        if (region != np.repeat(region[forest.start[:-1]], np.diff(forest.start))).any():
            raise fault("the cases of a tree have different regions")
        if any(name not in self.network.place for name in forest.blocks):
            raise fault("it splits a block that the network does not have")
        limit = np.array([*(sizes[name] for name in forest.blocks), 0], np.int64)[forest.block]
        if ((forest.element >= limit) & ~forest.leaf).any():
            raise fault("it splits an element that there is not")
        functions = {step.output: sizes[step.output] for steps in self.network.read_by.values() for step in steps}
        for name, tilts in forest.tilts.items():
            if tilts.shape[1] != functions.get(name, -1):
                raise fault(f"tilts of {name!r} do not fit")
        trees = self.trees
        if forest.multipliers is not None and len(forest.multipliers) != trees.depth[trees.leaf >= 0].sum():
            raise fault("it has not one multiplier for each split above each leaf")
        if forest.weights is not None and len(forest.weights) != self.weight_start[-1]:
            raise fault("it has not one weight for each row at each leaf")

    @cached_property
    def trees(self) -> Trees:
        return Trees.of(self.forest)

    @cached_property
    def region(self) -> IntArray:
        """The region [T] of each tree."""
        return np.asarray(self.rows.unsafe.region[self.forest.cases[self.forest.start[:-1]]])

    @cached_property
    def value(self) -> FloatArray:
        unsafe = self.rows.unsafe
        return self.trees.values(self.network.inputs, unsafe.lower[self.region], unsafe.upper[self.region])

    @cached_property
    def weight_start(self) -> IntArray:
        """Where the weights of each leaf begin, and where the last ones end."""
        rows = np.diff(self.rows.unsafe.start)[self.forest.cases]
        count = np.add.reduceat(rows, self.forest.start[:-1])[self.trees.tree[self.trees.leaf >= 0]]
        return np.concatenate([[0], np.cumsum(count)])

    @cached_property
    def multiplier_start(self) -> IntArray:
        """Where the multipliers of each leaf begin."""
        depth = self.trees.depth[self.trees.leaf >= 0]
        return np.asarray(np.cumsum(depth) - depth)

    def groups(self) -> Iterator[Group]:
        """Trees whose cases have the same numbers of rows, a few hundred at a time."""
        forest, sizes = self.forest, np.diff(self.rows.unsafe.start)
        alike: dict[tuple[int, ...] | int, list[int]] = {}
        for tree, (begin, end) in enumerate(zip(forest.start[:-1].tolist(), forest.start[1:].tolist(), strict=True)):
            alike.setdefault(tuple(sizes[forest.cases[begin:end]].tolist()), []).append(tree)
        for trees in alike.values():
            for begin in range(0, len(trees), self.batch):
                mine = np.array(trees[begin : begin + self.batch])
                width = forest.start[mine[0] + 1] - forest.start[mine[0]]
                cases = forest.cases[forest.start[mine][:, None] + np.arange(width)]
                yield Group(self.rows, mine, cases, sizes[cases[0]])

    @cached_property
    def batch(self) -> int:
        return max(1, min(NODES, NUMBERS // sum(self.network.sizes.values())))

    # -- one group ----------------------------------------------------------------------------------------------------

    def good(self, group: Group) -> BoolArray:
        """Which cases [T, K] of the group's trees are refuted by them."""
        roots, home = self.roots(group)
        leaves = self.trees.leaves_of(group.trees)
        good = np.ones(group.cases.shape, np.bool_)
        if self.forest.bounds == "kept":
            for nodes in self.batches(leaves, group):
                place = self.place(group, nodes)
                out = self.at_leaves(group, nodes, place, self.kept(roots, nodes, home[place]))
                left = np.flatnonzero(~out.all(axis=1) & good[place].any(axis=1))
                if len(left):  # by a hair, perhaps: roundings differ from the finder's
                    again = fresh(self.network, self.narrowed(roots, nodes[left], home[place[left]]))
                    out[left] |= self.at_leaves(group, nodes[left], place[left], again)
                np.logical_and.at(good, place, out)
            return good
        dropping = group.cases.shape[1] > 1 and len(leaves) > len(group.trees)
        if not dropping and not self.forest.contract:
            leaves = self.alone(group, roots, home, leaves)
        if len(leaves):
            Walk(self, group, self.trees.above(leaves), good).run(roots.pick(home))
        return good

    def place(self, group: Group, nodes: IntArray) -> IntArray:
        """The trees of nodes by their number in the group."""
        return np.searchsorted(group.trees, self.trees.tree[nodes])

    def batches(self, nodes: IntArray, group: Group) -> Iterator[IntArray]:
        size = self.batch_of(group)
        for begin in range(0, len(nodes), size):
            yield nodes[begin : begin + size]

    def batch_of(self, group: Group) -> int:
        """How many nodes of the group are bounded at once."""
        rows = int(group.table.shape[1])
        return max(1, min(self.batch, COEFFICIENTS // (rows * self.network.width)))

    def roots(self, group: Group) -> tuple[State, IntArray]:
        """Bounds of all blocks on the regions of the group's trees, and which of them each tree has."""
        unsafe, known = self.rows.unsafe, self.rows.roots
        regions, home = np.unique(self.region[group.trees], return_inverse=True)
        key = digest(self.forest.layers), regions.tobytes()
        if key not in known:  # forests come one after the other for the same region
            box = unsafe.lower[regions], unsafe.upper[regions]
            state = fresh(self.network, {self.network.inputs: box})
            known.clear()
            known[key] = improved(self.network, state, self.forest.layers) if self.forest.layers else state
        return known[key], home.ravel()

    def alone(self, group: Group, roots: State, home: IntArray, leaves: IntArray) -> IntArray:
        """Check leaves from their boxes and the roots' bounds; returns those that stay open."""
        left = [np.zeros(0, np.int64)]
        for nodes in self.batches(leaves, group):
            place = self.place(group, nodes)
            if (self.trees.depth[nodes] == 0).all():
                state = roots.pick(home[place])
            else:
                state = fresh(self.network, self.narrowed(roots, nodes, home[place]))
            left.append(nodes[~self.at_leaves(group, nodes, place, state).all(axis=1)])
        return np.concatenate(left)

    def at_leaves(self, group: Group, nodes: IntArray, place: IntArray, state: State) -> BoolArray:
        """Which cases [B, K] are refuted on leaves [B] of the group's trees ``place`` [B]."""
        leaf, forest = self.trees.leaf[nodes], self.forest
        if forest.tilts:
            relaxed = dict(state.relaxed)
            for name, tilts in forest.tilts.items():
                tilt = np.asarray(tilts[leaf], np.float64)
                relaxed[name] = relax(relaxed[name].fn, state.bounds, state.toll, tilt)
            state = State(state.bounds, state.toll, relaxed, state.tiny)
        extra = self.multipliers(nodes)
        if forest.weights is not None:
            flat = self.weight_start[leaf][:, None] + np.arange(group.table.shape[1])
            out = group.refuted_together(state, place, forest.weights[flat], extra)
        else:
            out = group.refuted(group.bounded(state, place, extra).most, place)
        return np.asarray(out | state.empty[:, None])

    def multipliers(self, nodes: IntArray) -> Multipliers | None:
        """The terms ``m (value - x)`` or ``m (x - value)`` of the splits above leaves [B]."""
        flat, forest = self.forest.multipliers, self.forest
        if flat is None:
            return None
        owner, split, below = self.trees.path(nodes)
        first = self.multiplier_start[self.trees.leaf[nodes[owner]]]
        size = np.asarray(flat[first + self.trees.depth[split]], np.float64)
        signed, term = np.where(below, -size, size), np.where(below, 1.0, -1.0) * size * self.value[split]
        rows: dict[str, FloatArray] = {}
        sizes: dict[str, FloatArray] = {}
        for number, name in enumerate(forest.blocks):
            here = np.flatnonzero((forest.block[split] == number) & (size > 0))
            if not len(here):
                continue
            at = owner[here], forest.element[split[here]]
            old = rows.get(name, np.zeros((len(nodes), self.network.sizes[name])))
            rows[name], sizes[name] = old, sizes.get(name, np.zeros_like(old))
            np.add.at(rows[name], at, signed[here])
            np.add.at(sizes[name], at, size[here])
        constant, spread = np.zeros(len(nodes)), np.zeros(len(nodes))
        np.add.at(constant, owner, term)
        np.add.at(spread, owner, np.abs(term))
        terms = int(self.trees.depth[nodes].max(initial=0))
        return Multipliers(rows, sizes, constant + 2 * (terms + 4) * (UNIT * spread + TINY), terms)

    def narrowed(self, roots: State, nodes: IntArray, place: IntArray) -> dict[str, Bounds]:
        """The bounds of roots ``place`` [B] with the splits above nodes [B], each [B, n]."""
        known = {name: (low[place], high[place]) for name, (low, high) in roots.bounds.items()}
        self.narrow(known, *self.trees.path(nodes))
        return known

    def narrow(self, known: dict[str, Bounds], owner: IntArray, split: IntArray, below: BoolArray) -> set[str]:
        """Apply splits to bounds, in place; returns the blocks that have one."""
        forest, found = self.forest, set()
        for number, name in enumerate(forest.blocks):
            here = forest.block[split] == number
            for side, which, change in ((0, here & ~below, np.maximum), (1, here & below, np.minimum)):
                if which.any():
                    at = owner[which], forest.element[split[which]]
                    change.at(known[name][side], at, self.value[split[which]])
                    found.add(name)
        return found

    def kept(self, roots: State, nodes: IntArray, place: IntArray) -> State:
        """The bounds of roots ``place`` [B] with single elements narrowed by the splits, and functions of them."""
        one = len(roots.tiny) == 1
        base = roots if one else roots.pick(place)
        owner, split, below = self.trees.path(nodes)
        names = {name for number, name in enumerate(self.forest.blocks) if (self.forest.block[split] == number).any()}
        bounds = dict(base.bounds)
        for name in names:
            bounds[name] = tuple(np.repeat(side, len(nodes), axis=0) if one else side for side in bounds[name])  # type: ignore[assignment]
        self.narrow(bounds, owner, split, below)
        relaxed = dict(base.relaxed)
        for step in self.network.steps:
            if isinstance(step, Fn) and any(arg.variable in names for arg in step.args):
                names.add(step.output)
                bounds[step.output] = met(function_bounds(step, bounds), bounds[step.output])
                if step.output not in self.forest.tilts:
                    relaxed[step.output] = relax(step, bounds, base.toll, None)
        return State(bounds, base.toll, relaxed, base.tiny)
