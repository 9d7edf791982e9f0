"""The shape of the trees of a forest: children, parents, splits on the way to a node, values of midpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..case_tree import Forest, fault
from ..types import AnyArray, BoolArray, FloatArray, IntArray

DEPTH = 2000
"""Deeper trees are refused."""
NUMBERS = 1 << 22
"""Numbers held at once while midpoints are computed."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Arrays [N]: ``child`` (of ``x <= value``; -1: leaf), ``other`` (of ``x >= value``), ``parent`` (-1: root),
    ``depth``, ``tree``, ``leaf`` (number among the leaves, -1); ``roots`` [T]."""

    forest: Forest
    child: IntArray
    other: IntArray
    parent: IntArray
    depth: IntArray
    tree: IntArray
    leaf: IntArray
    roots: IntArray

    @classmethod
    def of(cls, forest: Forest) -> Trees:
        """Raises :class:`~isinglass.ir.errors.InputError` for trees that are too deep."""
        inner = ~forest.leaf
        nodes, count = len(inner), len(forest.start) - 1
        numbers = np.arange(nodes)
        # subtrees still to come before each node: the other child of i is the next node with as many as i
        pending = count + np.cumsum(np.where(inner, 1, -1)) - np.where(inner, 1, -1)
        order = np.argsort(pending, kind="stable")
        following = np.full(nodes, -1, np.int64)
        following[order[:-1]] = order[1:]
        child, other = np.where(inner, numbers + 1, -1), np.where(inner, following, -1)
        parent = np.full(nodes, -1, np.int64)
        parent[child[inner]], parent[other[inner]] = numbers[inner], numbers[inner]
        roots = np.flatnonzero(parent < 0)
        depth = np.zeros(nodes, np.int64)
        level, frontier = 0, roots
        while frontier.size:
            depth[frontier] = level
            if level > DEPTH:
                raise fault(f"a tree is deeper than {DEPTH}")
            frontier = frontier[inner[frontier]]
            frontier, level = np.concatenate([child[frontier], other[frontier]]), level + 1
        tree = np.cumsum(parent < 0) - 1
        return cls(forest, child, other, parent, depth, tree, np.where(inner, -1, np.cumsum(~inner) - 1), roots)

    def leaves_of(self, trees: IntArray) -> IntArray:
        """The leaves of some trees."""
        ends = np.append(self.roots[1:], len(self.parent))[trees]
        sizes = ends - self.roots[trees]
        nodes = np.repeat(ends - np.cumsum(sizes), sizes) + np.arange(int(sizes.sum()))
        return np.asarray(nodes[self.leaf[nodes] >= 0])

    def path(self, nodes: IntArray) -> tuple[IntArray, IntArray, BoolArray]:
        """All splits above nodes [B]: which of them (0..B-1), the split node, whether the way takes ``x <= value``."""
        owner, split, below = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.bool_)]
        place, now = np.arange(len(nodes)), nodes
        while True:
            up = self.parent[now]
            place, now, up = place[up >= 0], now[up >= 0], up[up >= 0]
            if not len(up):
                return np.concatenate(owner), np.concatenate(split), np.concatenate(below)
            owner.append(place)
            split.append(up)
            below.append(self.child[up] == now)
            now = up

    def above(self, nodes: IntArray) -> BoolArray:
        """Which nodes [N] are one of ``nodes`` or above one."""
        found = np.zeros(len(self.parent), np.bool_)
        while nodes.size:
            nodes = np.unique(nodes[~found[nodes]])
            found[nodes] = True
            nodes = self.parent[nodes]
            nodes = nodes[nodes >= 0]
        return found

    def values(self, inputs: str, lower: FloatArray, upper: FloatArray) -> FloatArray:
        """Where each node is split, [N]; ``lower``, ``upper`` [T, n]: the boxes of the trees' regions.

        Raises :class:`~isinglass.ir.errors.InputError` for a midpoint of a block that is not the inputs.
        """
        forest, nodes = self.forest, len(self.parent)
        value = np.full(nodes, np.nan) if forest.value is None else forest.value.copy()
        inner = self.child >= 0
        names = np.array([*(name == inputs for name in forest.blocks), False], dtype=np.bool_)
        free = names[forest.block]
        if (np.isnan(value) & inner & ~free).any():
            raise fault("a midpoint of something that is no input")
        if not np.isnan(value[inner]).any():
            return value
        size = max(1, NUMBERS // max(1, lower.shape[1]))
        stack = pieces(size, self.roots, lower, upper)
        while stack:
            here, low, high = stack.pop()
            keep = inner[here]
            here, low, high = here[keep], low[keep], high[keep]
            if not len(here):
                continue
            each, element, mine = np.arange(len(here)), np.where(free[here], forest.element[here], 0), free[here]
            with np.errstate(invalid="ignore"):
                middle = low[each, element] / 2 + high[each, element] / 2
            value[here] = np.where(np.isnan(value[here]), middle, value[here])
            left, right = high.copy(), low.copy()
            left[each, element] = np.where(mine, np.minimum(left[each, element], value[here]), left[each, element])
            right[each, element] = np.where(mine, np.maximum(right[each, element], value[here]), right[each, element])
            below = np.concatenate([self.child[here], self.other[here]])
            stack += pieces(size, below, np.concatenate([low, right]), np.concatenate([left, high]))
        return value


def pieces(size: int, *arrays: AnyArray) -> list[Any]:
    """The arrays cut along their first axis."""
    return [tuple(array[k : k + size] for array in arrays) for k in range(0, len(arrays[0]), size)]
