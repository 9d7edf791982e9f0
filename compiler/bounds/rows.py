"""Upper bounds of affine rows over the blocks of a network, with the linear bound itself.

needs: bounds of all blocks (compiler/bounds/crown.py)
guarantee: ``most`` is rounded outward
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...ir.affine import Affine
from ...ir.types import FloatArray
from ..networks.view import NetView
from .backward import Pull, Rows, carry_back, corner, maximum
from .crown import NUMBERS, empty, part, tilt_part
from .interval import TINY, UNIT, Bounds
from .relaxation import Relaxation, g


@dataclass(frozen=True, eq=False)
class RowBounds:
    """``most`` [B, M]: upper bounds of the rows, -inf where a box has no point. In real arithmetic, on each box,

        row <= sum over the free blocks of slopes[block] . block + offset     (``slopes`` [B, M, n], ``offset`` [B, M])

    ``kept``, where asked for: coefficients [B, M, k] of the rows on the outputs of functions, when the pass was there.
    """

    most: FloatArray
    slopes: Mapping[str, FloatArray]
    offset: FloatArray
    box: Mapping[str, Bounds]
    kept: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def slope(self) -> FloatArray:
        """[B, M, n] of the only free block."""
        (only,) = self.slopes.values()
        return only

    @property
    def corner(self) -> FloatArray:
        """Points [B, M, n] of the only free block where the linear bounds are greatest."""
        ((name, slope),) = self.slopes.items()
        return corner(slope, self.box[name])


def row_bounds(
    view: NetView,
    forms: Affine,
    reading: str,
    box: Mapping[str, Bounds],
    tilts: Mapping[str, FloatArray] | None = None,
    pulls: Mapping[str, Pull] | None = None,
    keep: bool = False,
) -> RowBounds:
    """Bounds of rows ``forms`` [M] over boxes ``box`` of all blocks [B, n] (from ``crown_bounds``).

    ``tilts``: output block of a function -> [B or 1, k] in 0..1. ``pulls``: multiples of splits, see
    compiler/bounds/backward.py. ``keep``: also return coefficients at functions.
    """
    batch = max(len(low) for low, _ in box.values())
    width = max(low.shape[1] for low, _ in box.values())
    size = max(1, min(batch, NUMBERS // max(1, forms.size * width)))
    assert not pulls or size >= batch
    dense = {name: operator.to_dense()[None] for name, operator in forms.parts.items()}
    pieces = [slice(start, start + size) for start in range(0, batch, size)]
    found = [
        chunk_rows(
            view, dense, forms.offset[None], reading, part(box, piece), tilt_part(tilts or {}, piece), pulls, keep
        )
        for piece in pieces
    ]
    if len(found) == 1:
        return found[0]
    return RowBounds(
        np.concatenate([one.most for one in found]),
        {name: np.concatenate([one.slopes[name] for one in found]) for name in found[0].slopes},
        np.concatenate([one.offset for one in found]),
        box,
        {name: np.concatenate([one.kept[name] for one in found]) for name in found[0].kept},
    )


def chunk_rows(
    view: NetView,
    coef: Mapping[str, FloatArray],
    constant: FloatArray,
    reading: str,
    box: Mapping[str, Bounds],
    tilts: Mapping[str, FloatArray],
    pulls: Mapping[str, Pull] | None,
    keep: bool,
) -> RowBounds:
    relaxation = Relaxation.of(view, box, tilts)
    rows = carry_back(relaxation, start_rows(relaxation, coef, constant, reading), pulls, keep)
    batch = relaxation.batch
    most = np.broadcast_to(maximum(relaxation, rows), (batch, constant.shape[1]))
    most = np.where(empty(box)[:, None], -np.inf, most)
    slopes, loss = {}, rows.error + relaxation.underflow[:, None]
    for name in view.free:
        size = box[name][0].shape[1]
        slope = rows.coef.get(name, np.zeros((1, 1, 1)))
        slopes[name] = np.broadcast_to(slope, (batch, constant.shape[1], size))
    offset = np.nextafter(rows.constant + loss * (1 + 8 * UNIT), np.inf)
    kept = {name: np.broadcast_to(array, (batch, *array.shape[1:])) for name, array in rows.kept.items()}
    return RowBounds(most, slopes, np.broadcast_to(offset, most.shape), box, kept)


def start_rows(relaxation: Relaxation, coef: Mapping[str, FloatArray], constant: FloatArray, reading: str) -> Rows:
    """Rows whose numbers mean what ``reading`` says: off by half a unit, or by TINY below the normal range."""
    rows = Rows.start(relaxation, coef, constant)
    if reading != "dyadic":
        with np.errstate(over="ignore", invalid="ignore"):
            for name, array in coef.items():
                reach = relaxation.reach(name)
                size = np.abs(array)[0] @ reach.T if len(array) == 1 else (np.abs(array) @ reach[:, :, None])[:, :, 0].T
                rows.error = rows.error + g(2) * size.T + TINY * reach.sum(axis=1, keepdims=True)
            rows.error = rows.error + g(2) * np.abs(constant) + TINY
    return rows
