"""Trees of cases: how a proof that a network never enters an unsafe set is written down. No finding, no checking.

A certificate is ``{"kind": "case-tree", "forests": [...]}``. It proves an :class:`~isinglass.ir.unsafe.UnsafeSet`
empty when every case is refuted by some tree. A tree refutes some cases, all of one region, on that region's outer box.
Trees with a common setting stand in one *forest*, a few arrays for all of them, so a claim with ten thousand boxes
that are refuted without any split is one forest of ten thousand leaves.

**Trees.** Tree t of a forest refutes the cases ``cases[start[t]]`` to ``cases[start[t + 1] - 1]``. The nodes of all
trees stand one tree after the other, each in preorder: a node, the subtree of ``x <= value``, the subtree of
``x >= value``. Node i splits element ``element[i]`` of block ``blocks[block[i]]``; ``block[i] == -1`` is a leaf. A
split may be on the input block or on any block that the network computes (for relu phases: its argument, at 0). A
``value`` that lies outside the node's interval is allowed: one side is empty then, and proved.

**Midpoints.** A NaN in ``value`` stands for the middle ``lower / 2 + upper / 2``, in float64, of the input element's
interval at that node: the region's outer side narrowed by the splits on the way, by nothing else. It is allowed for the
input block only. A forest whose splits are all midpoints leaves ``value`` out.

**What is proved where.** Bounds of all blocks are inherited: a child's are met with its parent's and with the split.
``bounds`` says what is computed anew: ``fresh``: linear bounds of all blocks at every node; ``kept``: at the roots
only, below them splits narrow single elements, and what functions make of them. A case is refuted on a node where the
upper bound of one of its rows leaves no point (< 0, or 0 for a strict row), or where the node's bounds cross. With
``fresh`` it then stays refuted below: every case has to be refuted on every way from the root to a leaf, at inner
nodes with the default tilts. With ``kept`` every leaf has to refute all cases of its tree. With ``contract`` (and
``fresh``), every node that is no leaf first narrows its input box: a case that is not yet refuted confines x to
``slope . x + offset >= 0`` for each of its rows' linear upper bounds, one input at a time over the others' intervals;
the node continues with the hull over these cases, and with bounds that follow from it at its children.

**Leaves** (L of them, over all trees, in preorder) may say more; what is left out has the plain meaning:

- ``tilts``: function block -> [L, k] in [0, 1], which linear bounds of the function are used in the pass that bounds
  the rows; left out: the function's default. What a tilt means is told per function in ``ir/proof_lines``.
- ``weights``: not negative, leaf after leaf, one for every row of the tree's cases (case by case, in the order of
  ``cases``); the combination of a case's rows is bounded instead of each row. They need not add up to one.
- ``multipliers``: not negative, leaf after leaf, one for each split on the way from the root, root first. With
  multiplier m the bound of a row gains ``m (value - x)`` on the side ``x <= value``, ``m (x - value)`` on the other:
  neither is negative there.

**Layers** improve bounds at the roots, one entry after the other, before anything is split: elements ``rows`` [E] of
``block`` are bounded once more with tilts of their own, ``lower`` and ``upper`` (function block -> [E, k] or [1, k];
the tilts of functions not named are the default), and the result is met with what is known. Before the next entry, and
after the last, all blocks are bounded anew.

**Arrays** are packed as in ``ir/arrays_text.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .arrays_text import NODES, Unpacker, is_preorder, known, malformed, narrow, packed
from .types import AnyArray, BoolArray, FloatArray, IntArray

KIND = "case-tree"
MODES = ("fresh", "kept")
FORESTS = 20_000
"""Most forests of a certificate, and most layers of a forest."""

fault = partial(malformed, KIND)


@dataclass(frozen=True, eq=False)
class Layer:
    """Bounds of elements ``rows`` [E] of ``block`` with tilts of their own: function block -> [E, k] or [1, k]."""

    block: str
    rows: IntArray
    lower: Mapping[str, AnyArray] = field(default_factory=dict)
    upper: Mapping[str, AnyArray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Forest:
    """T trees with N nodes and L leaves in all; the fields are described above."""

    cases: IntArray
    start: IntArray
    blocks: tuple[str, ...]
    block: IntArray
    element: IntArray
    value: FloatArray | None = None
    bounds: str = "fresh"
    contract: bool = False
    tilts: Mapping[str, AnyArray] = field(default_factory=dict)
    weights: AnyArray | None = None
    multipliers: AnyArray | None = None
    layers: tuple[Layer, ...] = ()

    @property
    def leaf(self) -> BoolArray:
        """Which nodes [N] are leaves."""
        return np.asarray(self.block < 0)


@dataclass(frozen=True, eq=False)
class CaseTree:
    """A certificate: every case of an unsafe set is to be refuted by some tree of some forest."""

    forests: tuple[Forest, ...]

    def to_plain(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"kind": KIND, "forests": [forest_plain(forest) for forest in self.forests]}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> CaseTree:
        """Read back what :meth:`to_plain` wrote; whether the trees fit a network is not looked at.

        Raises :class:`InputError` for everything else, unpacking no more than ``BYTES`` in all.
        """
        known(KIND, data, ("kind", "forests"), ())
        if data["kind"] != KIND or not isinstance(data["forests"], list):
            raise fault("it is no case tree")
        if len(data["forests"]) > FORESTS:
            raise fault(f"it has more than {FORESTS:,} forests")
        reader = Reader()
        return cls(tuple(reader.forest(entry) for entry in data["forests"]))


def forest_plain(forest: Forest) -> dict[str, Any]:
    found: dict[str, Any] = {
        "cases": packed(narrow(forest.cases)), "start": packed(narrow(forest.start)), "blocks": list(forest.blocks),
        "block": packed(narrow(forest.block)), "element": packed(narrow(forest.element)), "bounds": forest.bounds,
    }  # fmt: skip
    if forest.contract:
        found["contract"] = True
    if forest.value is not None and not np.isnan(forest.value).all():
        found["value"] = packed(forest.value)
    if forest.tilts:
        found["tilts"] = {name: packed(array) for name, array in forest.tilts.items()}
    for name, flat in (("weights", forest.weights), ("multipliers", forest.multipliers)):
        if flat is not None:
            found[name] = packed(flat)
    if forest.layers:
        found["layers"] = [layer_plain(layer) for layer in forest.layers]
    return found


def layer_plain(layer: Layer) -> dict[str, Any]:
    sides = {"lower": layer.lower, "upper": layer.upper}
    tilts = {side: {name: packed(array) for name, array in given.items()} for side, given in sides.items()}
    return {"block": layer.block, "rows": packed(narrow(layer.rows)), **tilts}


class Reader(Unpacker):
    """Reads forests, counting nodes and bytes."""

    def __init__(self) -> None:
        super().__init__(KIND)
        self.nodes = NODES

    def forest(self, data: Mapping[str, Any]) -> Forest:
        known(
            KIND, data, ("cases", "start", "blocks", "block", "element", "bounds"),
            ("value", "contract", "tilts", "weights", "multipliers", "layers"),
        )  # fmt: skip
        blocks, bounds, contract = data["blocks"], data["bounds"], data.get("contract", False)
        if not isinstance(blocks, list) or not all(isinstance(name, str) for name in blocks):
            raise fault("blocks are no list of names")
        if not isinstance(bounds, str) or bounds not in MODES or not isinstance(contract, bool):
            raise fault(f"bounds have to be one of {', '.join(MODES)}, contract true or false")
        cases, start, block, element = (self.whole(data[name]) for name in ("cases", "start", "block", "element"))
        self.nodes -= len(block)
        if self.nodes < 0:
            raise fault(f"it has more than {NODES:,} nodes")
        value = np.asarray(self.numbers(data["value"], 1), np.float64) if "value" in data else None
        flat = {name: self.numbers(data[name], 1) if name in data else None for name in ("weights", "multipliers")}
        forest = Forest(
            cases, start, tuple(blocks), block, element, value, bounds, contract, self.tilts(data.get("tilts", {})),
            flat["weights"], flat["multipliers"], self.layers(data.get("layers", [])),
        )  # fmt: skip
        check_shape(forest)
        return forest

    def layers(self, data: object) -> tuple[Layer, ...]:
        if not isinstance(data, list) or len(data) > FORESTS:
            raise fault("layers are no list, or a very long one")
        found = []
        for entry in data:
            known(KIND, entry, ("block", "rows"), ("lower", "upper"))
            if not isinstance(entry["block"], str):
                raise fault("a layer's block is no name")
            sides = (self.tilts(entry.get(side, {})) for side in ("lower", "upper"))
            found.append(Layer(entry["block"], self.whole(entry["rows"]), *sides))
        return tuple(found)

    def tilts(self, data: object) -> dict[str, AnyArray]:
        if not isinstance(data, Mapping) or not all(isinstance(name, str) for name in data):
            raise fault("tilts are no object")
        found = {name: self.numbers(array, 2) for name, array in data.items()}
        if not all(((array >= 0) & (array <= 1)).all() for array in found.values()):
            raise fault("a tilt lies outside 0..1")
        return found


def check_shape(forest: Forest) -> None:
    """Lengths, ranges and signs that need no network; raises :class:`InputError`."""
    nodes, start = len(forest.block), forest.start
    value = forest.value
    if len(forest.element) != nodes or (value is not None and len(value) != nodes):
        raise fault("its nodes' arrays have different lengths")
    if not len(start) or start[0] != 0 or start[-1] != len(forest.cases) or (np.diff(start) < 1).any():
        raise fault("a tree has no cases")
    if ((forest.block < -1) | (forest.block >= len(forest.blocks)) | (forest.element < 0)).any():
        raise fault("a split names no block or no element")
    if value is not None and np.isinf(value).any():
        raise fault("a split is at infinity")
    for flat in (forest.weights, forest.multipliers):
        if flat is not None and not (np.isfinite(flat) & (flat >= 0)).all():
            raise fault("a weight or multiplier is negative or no number")
    if not is_preorder(forest.leaf, len(start) - 1):
        raise fault("its nodes are no trees in preorder")
    leaves = int(forest.leaf.sum())
    if any(len(array) != leaves for array in forest.tilts.values()):
        raise fault("tilts are not given for every leaf")
