"""Bounds of undecided arguments of functions, improved with tilts of their own, layer by layer.

needs: bounds of all blocks of one box
guarantee: bounds are rounded outward; the tilts that give them are returned, so that they can be derived again
source: Xu et al., Fast and Complete (alpha-CROWN), ICLR 2021: lines of every intermediate bound are chosen apart
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...ir.blocks import Fn
from ...ir.order import Solved
from ...ir.types import FloatArray, IntArray
from ..networks.view import NetView
from .crown import crown_bounds, exact_blocks, layer_of, rows_of, wanted_elements
from .interval import Bounds
from .optimise import USUAL, Optimised, Schedule, optimise
from .relaxed import Problems
from .splits import Splits

CHUNK = 1 << 22
"""Numbers held at once for each array of a chunk of rows."""


@dataclass(frozen=True, eq=False)
class LayerTilts:
    """Elements ``rows`` [E] of ``block``, bounded with tilts ``lower`` and ``upper``: function's output -> [E, k]."""

    block: str
    rows: IntArray
    lower: Mapping[str, FloatArray]
    upper: Mapping[str, FloatArray]


def optimise_layers(
    view: NetView,
    box: Mapping[str, Bounds],
    schedule: Schedule = USUAL,
    over: Callable[[], bool] = lambda: False,
    only: Sequence[str] | None = None,
) -> tuple[dict[str, Bounds], list[LayerTilts]]:
    """Better bounds of all blocks of one box ([1, n] each, from ``crown_bounds``), and how they were found.

    Deriving them again: for each entry in order, bound the rows with their tilts over the bounds so far, and meet; then
    bound all blocks anew before the next entry (``crown_bounds`` with what is known). ``only``: these blocks alone.
    Stops where ``over()``.
    """
    free = {name: box[name] for name in view.free}
    found, tilts, changed = dict(box), list[LayerTilts](), False
    exact = exact_blocks(view)
    for place, fn in enumerate(view.steps):
        if not isinstance(fn, Fn) or over():
            continue
        if changed:
            found, changed = crown_bounds(view, free, found, over=over), False
        for name, mask in wanted_elements(fn, found, exact).items():
            rows = np.flatnonzero(mask[0])
            if (only is not None and name not in only) or not rows.size:
                continue
            before = NetView(view.problem, view.steps[:place], view.free)
            goal = -1e-12 if fn.function.straight else -np.inf
            entry, sides = improve(before, found, name, rows, schedule, goal, over)
            low, high = (np.array(side) for side in found[name])
            low[0, rows], high[0, rows] = np.maximum(low[0, rows], sides[0]), np.minimum(high[0, rows], sides[1])
            found[name], changed = (low, high), True
            tilts.append(entry)
    return (crown_bounds(view, free, found, over=over) if changed else found), tilts


def improve(
    view: NetView, box: Mapping[str, Bounds], name: str, rows: IntArray, schedule: Schedule, goal: float,
    over: Callable[[], bool],
) -> tuple[LayerTilts, Bounds]:  # fmt: skip
    """Bounds [E] of elements of a block, with the tilts that give them."""
    widest = max(low.shape[1] for low, _ in box.values())
    size = max(1, CHUNK // (2 * widest))
    found = [
        optimise(element_problems(view, box, name, rows[start : start + size]), schedule, goal=goal, over=over)
        for start in range(0, len(rows), size)
    ]
    halves = [len(one.most) // 2 for one in found]
    high = np.concatenate([one.most[:half] for one, half in zip(found, halves, strict=True)])
    low = -np.concatenate([one.most[half:] for one, half in zip(found, halves, strict=True)])
    below, above = tilts_of(found, halves, lower=True), tilts_of(found, halves, lower=False)
    return LayerTilts(name, rows, below, above), (low, high)


def tilts_of(found: list[Optimised], halves: list[int], lower: bool) -> dict[str, FloatArray]:
    """The tilts of the rows of one sign, of all chunks."""
    names = found[0].kept  # functions that the rows depend on
    parts = {
        name: [
            one.parameters.tilts[name][half:] if lower else one.parameters.tilts[name][:half]
            for one, half in zip(found, halves, strict=True)
        ]
        for name in names
    }
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def element_problems(view: NetView, box: Mapping[str, Bounds], name: str, rows: IntArray) -> Problems:
    """First the elements, then their negatives, as problems over one box."""
    layer: Solved | None = layer_of(view, name)
    coef, constant = rows_of(layer, name, box[name][0].shape[1], rows)
    signed = {key: np.concatenate([part, -part])[:, None] for key, part in coef.items()}
    both = np.concatenate([constant, -constant])[:, None]
    return Problems(view, box, signed, both, Splits.none(2 * len(rows)))
