"""The tree of a search, written down as it grows: a few numbers for each node, data of leaves in chunks.

Nodes get numbers in the order in which they come into being, two at a time; :meth:`Recorder.forest` puts them in
preorder, as the format wants them (``ir/case_tree.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...ir.case_tree import Forest, Layer
from ...ir.types import AnyArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Leaves:
    """Data of closed nodes [L]: ``tilts`` block -> [L, k], ``weights`` [L, w], ``multipliers`` [L, d] (padded)."""

    nodes: IntArray
    tilts: Mapping[str, AnyArray] = field(default_factory=dict)
    weights: AnyArray | None = None
    multipliers: AnyArray | None = None


class Recorder:
    """``roots`` trees; their roots are nodes 0 to ``roots - 1``."""

    def __init__(self, roots: int) -> None:
        self.count = roots
        self._parts: list[tuple[IntArray, IntArray, IntArray, FloatArray]] = []
        self._leaves: list[Leaves] = []
        self.roots = roots

    def split(self, nodes: IntArray, block: IntArray | int, element: IntArray, value: FloatArray | float) -> IntArray:
        """Split open nodes [B] at ``value`` (NaN: the middle); returns the first child [B], the other is one more."""
        size = len(nodes)
        blocks = np.broadcast_to(np.asarray(block, np.int64), (size,))
        values = np.broadcast_to(np.asarray(value, np.float64), (size,))
        self._parts.append((np.asarray(nodes), blocks, np.asarray(element, np.int64), values))
        first = self.count + 2 * np.arange(size)
        self.count += 2 * size
        return first

    def close(self, leaves: Leaves) -> None:
        """Keep the data of closed nodes. Nodes that are never split and never closed are plain leaves."""
        self._leaves.append(leaves)

    @property
    def bytes(self) -> int:
        """Memory taken, about."""
        kept = sum(
            sum(array.nbytes for array in (*one.tilts.values(), one.weights, one.multipliers) if array is not None)
            for one in self._leaves
        )
        return 32 * self.count + kept

    def forest(
        self,
        cases: Sequence[IntArray],
        blocks: tuple[str, ...],
        bounds: str = "fresh",
        contract: bool = False,
        layers: tuple[Layer, ...] = (),
        tilts: Mapping[str, float] | None = None,
        roots: IntArray | None = None,
    ) -> Forest:
        """All trees, or those of some ``roots``; ``cases``: the case numbers of each of them. ``tilts``: for leaves
        without data, by block."""
        chosen = np.arange(self.roots) if roots is None else roots
        block, element = np.full(self.count, -1, np.int64), np.zeros(self.count, np.int64)
        value, child = np.full(self.count, np.nan), np.full(self.count, -1, np.int64)
        made = self.roots
        for nodes, which, where, at in self._parts:
            block[nodes], element[nodes], value[nodes] = which, where, at
            child[nodes] = made + 2 * np.arange(len(nodes))
            made += 2 * len(nodes)
        order, path = preorder(child, chosen)
        leaf = order[block[order] < 0]
        start = np.cumsum([0, *map(len, cases)])
        extra = self._leaf_data(leaf, path, tilts or {})
        return Forest(
            np.concatenate([np.zeros(0, np.int64), *cases]), start, blocks, block[order], element[order],
            None if np.isnan(value).all() else value[order], bounds, contract, layers=layers, **extra,
        )  # fmt: skip

    def _leaf_data(self, leaf: IntArray, depth: IntArray, plain: Mapping[str, float]) -> dict[str, Any]:
        """Chunks in the order of the leaves; leaves without data get zeros (tilts: ``plain``)."""
        place = np.full(self.count, -1, np.int64)
        place[leaf] = np.arange(len(leaf))
        found: dict[str, Any] = {}
        names = sorted({name for one in self._leaves for name in one.tilts})
        if names:
            tilts = {}
            for name in names:
                some = next(one.tilts[name] for one in self._leaves if name in one.tilts)
                kind = np.result_type(*(one.tilts[name].dtype for one in self._leaves if name in one.tilts))
                tilts[name] = np.full((len(leaf), some.shape[1]), plain.get(name, 0.0), kind)
                for one in self._leaves:
                    if name in one.tilts:
                        kept = place[one.nodes] >= 0
                        tilts[name][place[one.nodes[kept]]] = one.tilts[name][kept]
            found["tilts"] = tilts
        for key in ("weights", "multipliers"):
            chunks = [(one.nodes, getattr(one, key)) for one in self._leaves if getattr(one, key) is not None]
            if not chunks:
                continue
            sizes = depth[leaf] if key == "multipliers" else np.full(len(leaf), chunks[0][1].shape[1])
            ends = np.cumsum(sizes)
            flat = np.zeros(int(sizes.sum()), np.float32)
            for closed, data in chunks:
                kept = place[closed] >= 0
                nodes, rows = closed[kept], data[kept]
                mine = place[nodes]
                many = sizes[mine]
                inner = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
                target = np.repeat(ends[mine] - many, many) + inner
                flat[target] = rows[np.repeat(np.arange(len(nodes)), many), inner]
            found[key] = flat
        return found


def preorder(child: IntArray, roots: IntArray) -> tuple[IntArray, IntArray]:
    """Nodes below ``roots`` in preorder, tree by tree, and the depth of every node; ``child`` [N]: first of two
    children, -1: none."""
    depth = np.zeros(len(child), np.int64)
    levels = [roots]
    while len(levels[-1]):
        inner = levels[-1][child[levels[-1]] >= 0]
        below = (child[inner, None] + np.arange(2)).ravel()
        depth[below] = len(levels)
        levels.append(below)
    size = np.ones(len(child), np.int64)
    for level in reversed(levels):
        inner = level[child[level] >= 0]
        size[inner] += size[child[inner]] + size[child[inner] + 1]
    place = np.zeros(len(child), np.int64)
    place[roots] = np.cumsum(size[roots]) - size[roots]
    for level in levels:
        inner = level[child[level] >= 0]
        place[child[inner]] = place[inner] + 1
        place[child[inner] + 1] = place[inner] + 1 + size[child[inner]]
    order = np.empty(int(size[roots].sum()), np.int64)
    for level in levels:
        order[place[level]] = level
    return order, depth
