"""Margins and Lipschitz constants: how a proof that a network never enters an unsafe set is written down.

``{"kind": "lipschitz-margin", "rows", "trees"}`` and perhaps ``"others"``. Row ``rows[p]`` of the unsafe set, any row
of a case, is below 0 on the whole outer box of the case's region: its value at the centre of the box is, and by more
than the row can change from there. What it can change is bounded by slope tree ``trees[p]`` (``ir/slope_tree.py``, norm
linf) for the row as the only functional, with every input in units of the box's half width there and with slopes for
arguments over the box as the checker finds them; the tree states no ranges. ``others``: a certificate of kind case-tree
that refutes other cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .arrays_text import Unpacker, known, malformed, narrow, packed
from .slope_tree import SlopeTree
from .types import IntArray

KIND = "lipschitz-margin"
MOST = 20_000
"""Most rows of a certificate."""

fault = partial(malformed, KIND)


@dataclass(frozen=True, eq=False)
class MarginProof:
    """``rows`` [P] of the unsafe set, a tree for each; ``others``: a case-tree certificate as plain data."""

    rows: IntArray
    trees: tuple[SlopeTree, ...]
    others: Mapping[str, Any] | None = None

    def to_plain(self) -> dict[str, Any]:
        """Plain data for JSON."""
        rows = packed(narrow(np.asarray(self.rows, dtype=np.int64)))
        found: dict[str, Any] = {"kind": KIND, "rows": rows, "trees": [tree.to_plain() for tree in self.trees]}
        return found if self.others is None else {**found, "others": dict(self.others)}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> MarginProof:
        """Read back what :meth:`to_plain` wrote. Raises :class:`InputError` for everything else."""
        known(KIND, data, ("kind", "rows", "trees"), ("others",))
        trees, others = data["trees"], data.get("others")
        if data["kind"] != KIND or not isinstance(trees, list) or len(trees) > MOST:
            raise fault("it is of another kind, or has no list of trees, or a very long one")
        if others is not None and not isinstance(others, Mapping):
            raise fault("the certificate of other cases is no object")
        rows = Unpacker(KIND).whole(data["rows"])
        if len(rows) != len(trees):
            raise fault("it has another number of trees than of rows")
        found = tuple(SlopeTree.from_plain(tree) for tree in trees)
        if any(tree.norm != "linf" or tree.ranges is not None for tree in found):
            raise fault("its trees are to be about the maximum norm, without ranges")
        return cls(rows, found, others)
