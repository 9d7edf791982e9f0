"""Trees of fixed slopes: how an upper bound of a Lipschitz constant is written down. No finding, no checking.

``{"kind": "slope-tree", "units", "inputs", "norm", "unit", "outer", "multiplier"}`` is about one functional of a
:class:`~isinglass.ir.slope_form.SlopeForm` with ``units`` F and ``inputs`` n, in the ``norm`` linf or l2 of the inputs.

``unit`` [K]: the nodes in preorder: a node, the subtree where that unit has y = 0, the subtree where y = 1; -1 is a
leaf, and no unit is split twice on a way. The constant is multilinear in y, so 0 and 1 are all cases. Leaf l of L, in
preorder, brings

- ``outer`` d [L, n] > 0 (linf; [L, 1] for l2): multipliers of x_i^2 <= 1 (of |x|^2 <= 1),
- ``multiplier`` T [L, F] > 0: multipliers of u_j (z_j - u_j) >= 0, ignored for fixed units and where a unit has no
  influence.

Any numbers are sound (``ir/slope_proof/leaf.py`` has the formula); only their ratios count. What remains of the matrix,
the border with the functional, is at its best value for given d and T and is not stored. The bound of the tree is the
greatest of its leaves. ``low`` and ``high`` [F], both or none, are ranges of the arguments of the units over the box of
the inputs, for local constants: each is widened where the checker's own range is wider.

Arrays are packed as in ``ir/arrays_text.py``; outer and multiplier may be float16, float32 or float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .arrays_text import NODES, Unpacker, is_preorder, known, malformed, narrow, packed
from .types import AnyArray, BoolArray, FloatArray, IntArray

KIND = "slope-tree"
NORMS = ("linf", "l2")
RANGES = ("low", "high")

fault = partial(malformed, KIND)


@dataclass(frozen=True, eq=False)
class SlopeTree:
    """The arrays of a proof; see above. ``ranges``: (low, high) of the units' arguments."""

    units: int
    inputs: int
    norm: str
    unit: IntArray
    outer: AnyArray
    multiplier: AnyArray
    ranges: tuple[FloatArray, FloatArray] | None = None

    @property
    def leaf(self) -> BoolArray:
        """Which nodes [K] are leaves."""
        return np.asarray(self.unit < 0)

    @property
    def leaves(self) -> int:
        return len(self.outer)

    def to_plain(self) -> dict[str, Any]:
        """Plain data for JSON."""
        found: dict[str, Any] = {
            "kind": KIND, "units": self.units, "inputs": self.inputs, "norm": self.norm,
            "unit": packed(narrow(np.asarray(self.unit, dtype=np.int64))), "outer": packed(self.outer),
            "multiplier": packed(self.multiplier),
        }  # fmt: skip
        ends = () if self.ranges is None else zip(RANGES, self.ranges, strict=True)
        return found | {name: packed(np.asarray(end, dtype=np.float64)) for name, end in ends}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> SlopeTree:
        """Read back what :meth:`to_plain` wrote; whether it fits a network is not looked at.

        Raises :class:`InputError` for everything else.
        """
        with_ranges = isinstance(data, Mapping) and not data.keys().isdisjoint(RANGES)
        keys = ("kind", "units", "inputs", "norm", "unit", "outer", "multiplier")
        known(KIND, data, (*keys, *(RANGES if with_ranges else ())), ())
        units, inputs = data["units"], data["inputs"]
        if data["kind"] != KIND or type(units) is not int or type(inputs) is not int or units < 0 or inputs < 0:
            raise fault("it is no slope tree, or its sizes are no whole numbers")
        if data["norm"] not in NORMS:
            raise fault(f"its norm is none of {', '.join(NORMS)}")
        reader = Unpacker(KIND)
        outer, multiplier = reader.numbers(data["outer"], 2), reader.numbers(data["multiplier"], 2)
        low, high = (np.asarray(reader.numbers(data[n], 1), np.float64) if with_ranges else None for n in RANGES)
        ranges = None if low is None or high is None else (low, high)
        tree = cls(units, inputs, data["norm"], reader.whole(data["unit"]), outer, multiplier, ranges)
        check_shape(tree)
        return tree

    def fixed(self) -> Iterator[FloatArray]:
        """The y [F] that are fixed at the leaves, in preorder, NaN where a unit is free.

        Raises :class:`InputError` where a unit is split twice on a way.
        """
        now = np.full(self.units, np.nan)
        open_: list[int] = []  # splits on the way whose first side is being walked, ~unit: whose second
        for unit in self.unit.tolist():
            if unit >= 0:
                if not np.isnan(now[unit]):
                    raise fault("a unit is split twice on a way")
                now[unit] = 0.0
                open_.append(unit)
                continue
            yield now.copy()
            while open_ and open_[-1] < 0:
                now[~open_.pop()] = np.nan
            if open_:
                now[open_[-1]] = 1.0
                open_[-1] = ~open_[-1]


def check_shape(tree: SlopeTree) -> None:
    """Lengths, ranges and signs; raises :class:`InputError`."""
    if not 0 < len(tree.unit) <= NODES or not is_preorder(tree.leaf):
        raise fault("its nodes are no tree in preorder")
    if ((tree.unit < -1) | (tree.unit >= tree.units)).any():
        raise fault("a split names no unit")
    leaves, width = int(tree.leaf.sum()), tree.inputs if tree.norm == "linf" else 1
    if tree.outer.shape != (leaves, width) or tree.multiplier.shape != (leaves, tree.units):
        raise fault("outer numbers and multipliers are not given for every leaf")
    for values in (tree.outer, tree.multiplier):
        if not (np.isfinite(values) & (values >= 0)).all():
            raise fault("an outer number or multiplier is negative or no number")
    if tree.ranges is not None:
        if any(side.shape != (tree.units,) for side in tree.ranges):
            raise fault("its ranges are not given for every unit")
        if np.isnan(tree.ranges).any():
            raise fault("its ranges are no numbers")
