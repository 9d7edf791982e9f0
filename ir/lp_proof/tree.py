"""Trees of linear programs: how a proof about a mixed-integer program is written down. No finding, no checking.

``{"kind": "lp-tree", "columns", "rows", "variable", "value", "farkas", "start", "row", "multiplier"}``. ``variable``
and ``value`` [N] are the nodes in preorder: a node, the subtree of ``x <= value``, that of ``x >= value + 1`` (of
``x >= 1`` for a spin, split at -1); variable -1 is a leaf. Leaf k of L, in preorder, has the multipliers
``multiplier[start[k]:start[k + 1]]`` of rows ``row[...]`` of the model (``model.py``), to be read as multipliers of the
costs or, where ``farkas`` [L] is 1, as a proof that its box holds no point. With ``cutoff`` (a number) the tree is
about the points whose minimised objective is at most that, and proves no bound above it. Arrays are packed as in
``ir/arrays_text.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any

import numpy as np

from ..arrays_text import NODES, Unpacker, is_preorder, malformed, narrow, packed
from ..types import BoolArray, FloatArray, IntArray

KIND = "lp-tree"
FIELDS = ("variable", "value", "farkas", "start", "row")

fault = partial(malformed, KIND)


@dataclass(frozen=True, eq=False)
class LpTree:
    """The arrays of a proof; see above. ``columns``, ``rows``: size of the model it was made for."""

    columns: int
    rows: int
    variable: IntArray
    value: IntArray
    farkas: BoolArray
    start: IntArray
    row: IntArray
    multiplier: FloatArray
    cutoff: float | None = None

    @property
    def leaves(self) -> int:
        return len(self.farkas)

    def to_plain(self) -> dict[str, Any]:
        """Plain data for JSON."""
        arrays = {name: packed(narrow(np.asarray(getattr(self, name), dtype=np.int64))) for name in FIELDS}
        sizes = {"columns": self.columns, "rows": self.rows}
        cutoff = {} if self.cutoff is None else {"cutoff": self.cutoff}
        multiplier = packed(np.asarray(self.multiplier, dtype=np.float64))
        return {"kind": KIND, **sizes, **cutoff, **arrays, "multiplier": multiplier}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> LpTree:
        """Read back what :meth:`to_plain` wrote; whether it fits a model is not looked at but for the sizes it states.

        Raises :class:`InputError` for everything else.
        """
        if data.get("kind") != KIND or set(data) - {"cutoff"} != {"kind", "columns", "rows", *FIELDS, "multiplier"}:
            raise fault("it has other fields than it should")
        cutoff = data.get("cutoff")
        if "cutoff" in data and not (isinstance(cutoff, (int, float)) and isfinite(cutoff)):
            raise fault("its cutoff is no number")
        columns, rows = data["columns"], data["rows"]
        if type(columns) is not int or type(rows) is not int:
            raise fault("its sizes are no whole numbers")
        reader = Unpacker(KIND)
        variable, value, farkas, start, row = (reader.whole(data[field]) for field in FIELDS)
        multiplier = np.asarray(reader.numbers(data["multiplier"], 1), np.float64)
        tree = cls(columns, rows, variable, value, farkas == 1, start, row, multiplier, cutoff)
        check_shape(tree)
        return tree


def check_shape(tree: LpTree) -> None:
    """Lengths and ranges; raises :class:`InputError`."""
    nodes, start = len(tree.variable), tree.start
    if not 0 < nodes <= NODES or len(tree.value) != nodes:
        raise fault("its nodes' arrays have different lengths")
    leaf = tree.variable < 0
    if ((tree.variable < -1) | (tree.variable >= tree.columns)).any() or int(leaf.sum()) != tree.leaves:
        raise fault("a split names no variable, or leaves are missing")
    if not is_preorder(leaf):
        raise fault("its nodes are no tree in preorder")
    if len(start) != tree.leaves + 1 or start[0] != 0 or start[-1] != len(tree.row) or (np.diff(start) < 0).any():
        raise fault("its multipliers do not belong to its leaves")
    if len(tree.row) != len(tree.multiplier) or ((tree.row < 0) | (tree.row >= tree.rows)).any():
        raise fault("a multiplier names no row")
    if not np.isfinite(tree.multiplier).all():
        raise fault("a multiplier is no number")
    if (np.abs(tree.value) >= 2**53).any():
        raise fault("a split lies out of range")
