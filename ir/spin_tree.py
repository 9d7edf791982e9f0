"""Trees of fixed spins: how an upper bound of a maximum over spins is written down. No finding, no checking.

``{"kind": "spin-tree", "spins", "rows", "spin", "scale", "diagonal", "start", "triangle", "pattern", "multiplier"}``
is about a :class:`~isinglass.ir.spin_form.SpinForm` with ``spins`` N and ``rows`` n, the first spin being held at +1.

``spin`` [K]: the nodes in preorder: a node, the subtree where that spin is +1, the subtree where it is -1; -1 is a
leaf, and no spin is split twice on a way. Leaf l of L, in preorder, proves a bound of F over its free spins by

- ``scale`` [L, n] a >= 0: row i has |v| <= (a_i + v^2 / a_i) / 2; a_i = 0: its sign is taken to be that of its fixed
  part,
- ``diagonal`` [L, N] d: multipliers of t_j^2 = 1, ignored for fixed spins,
- triangles ``start[l]`` to ``start[l + 1] - 1``: three spins ``triangle`` [T, 3], a ``pattern`` [T], a ``multiplier``
  [T] >= 0. For spins i, j, k pattern 0 to 3 says that 1 + the sum of t_i t_j, t_i t_k, t_j t_k with signs +++, +--,
  -+-, --+ is not negative. Fixed spins in triangles count at their values.

Any numbers are sound (``ir/spin_proof/leaf.py`` has the formula); the bound of the tree is the greatest of its leaves.
``low`` and ``high`` [F], both or none, are ranges of the arguments of a network's units over a box, for local
constants. Arrays are packed as in ``ir/arrays_text.py``; scale, diagonal and multiplier have floats of any width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .arrays_text import Unpacker, known, malformed, narrow, packed
from .fixed_spins import check_splits, fixed_spins
from .types import AnyArray, BoolArray, FloatArray, IntArray

KIND = "spin-tree"
WHOLE = {"spin": 1, "start": 1, "triangle": 2, "pattern": 1}
FLOAT = {"scale": 2, "diagonal": 2, "multiplier": 1}
RANGES = ("low", "high")
SIZES = ("spins", "rows")

fault = partial(malformed, KIND)


@dataclass(frozen=True, eq=False)
class SpinTree:
    """The arrays of a proof; see above. ``ranges``: (low, high) of the units' arguments."""

    spins: int
    rows: int
    spin: IntArray
    scale: AnyArray
    diagonal: AnyArray
    start: IntArray
    triangle: IntArray
    pattern: IntArray
    multiplier: AnyArray
    ranges: tuple[FloatArray, FloatArray] | None = None

    @property
    def leaf(self) -> BoolArray:
        """Which nodes [K] are leaves."""
        return np.asarray(self.spin < 0)

    @property
    def leaves(self) -> int:
        return len(self.scale)

    def to_plain(self) -> dict[str, Any]:
        """Plain data for JSON."""
        found: dict[str, Any] = {"kind": KIND, "spins": self.spins, "rows": self.rows}
        found |= {name: packed(narrow(np.asarray(getattr(self, name), dtype=np.int64))) for name in WHOLE}
        found |= {name: packed(getattr(self, name)) for name in FLOAT}
        ends = () if self.ranges is None else zip(RANGES, self.ranges, strict=True)
        return found | {name: packed(np.asarray(end, dtype=np.float64)) for name, end in ends}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> SpinTree:
        """Read back what :meth:`to_plain` wrote; whether it fits a form is not looked at but for the sizes it states.

        Raises :class:`InputError` for everything else.
        """
        with_ranges = isinstance(data, Mapping) and not data.keys().isdisjoint(RANGES)
        known(KIND, data, ("kind", *SIZES, *WHOLE, *FLOAT, *(RANGES if with_ranges else ())), ())
        spins, rows = data["spins"], data["rows"]
        if data["kind"] != KIND or type(spins) is not int or type(rows) is not int or spins < 1 or rows < 0:
            raise fault("it is no spin tree, or its sizes are no whole numbers")
        reader = Unpacker(KIND)
        whole = {name: reader.whole(data[name], axes) for name, axes in WHOLE.items()}
        numbers = {name: reader.numbers(data[name], axes) for name, axes in FLOAT.items()}
        low, high = (np.asarray(reader.numbers(data[n], 1), np.float64) if with_ranges else None for n in RANGES)
        ranges = None if low is None or high is None else (low, high)
        tree = cls(spins, rows, **whole, **numbers, ranges=ranges)
        check_shape(tree)
        return tree

    def fixed(self, most: int) -> Iterator[AnyArray]:
        """The spins that are fixed at the leaves, up to ``most`` leaves at a time: int8 [B, N], 0 where free."""
        return fixed_spins(KIND, self.spin, self.spins, most)


def check_shape(tree: SpinTree) -> None:
    """Lengths, ranges and signs; raises :class:`InputError`."""
    check_splits(KIND, tree.spin, tree.spins)
    leaves = int(tree.leaf.sum())
    if tree.scale.shape != (leaves, tree.rows) or tree.diagonal.shape != (leaves, tree.spins):
        raise fault("scales and diagonals are not given for every leaf")
    check_triangles(tree, leaves)
    for values in (tree.scale, tree.multiplier):
        if not (np.isfinite(values) & (values >= 0)).all():
            raise fault("a scale or multiplier is negative or no number")
    if not np.isfinite(tree.diagonal).all():
        raise fault("a diagonal holds what is no number")
    if tree.ranges is not None and (len(tree.ranges[0]) != len(tree.ranges[1]) or np.isnan(tree.ranges).any()):
        raise fault("its ranges are no numbers")


def check_triangles(tree: SpinTree, leaves: int) -> None:
    start, count = tree.start, len(tree.multiplier)
    if len(start) != leaves + 1 or start[0] != 0 or start[-1] != count or (np.diff(start) < 0).any():
        raise fault("its triangles do not belong to its leaves")
    if tree.triangle.shape != (count, 3) or tree.pattern.shape != (count,):
        raise fault("its triangles' arrays have different lengths")
    if ((tree.triangle < 0) | (tree.triangle >= tree.spins)).any() or ((tree.pattern < 0) | (tree.pattern > 3)).any():
        raise fault("a triangle names no spin or no pattern")
