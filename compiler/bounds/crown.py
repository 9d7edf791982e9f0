"""Bounds of all blocks by backward linear bounds (CROWN), met with intervals and with what is known already.

needs: finite bounds of the free blocks
guarantee: every value that the network takes in real arithmetic at points that respect the known bounds lies inside
source: Zhang et al., Efficient Neural Network Robustness Certification with General Activation Functions, NeurIPS 2018

Only arguments of functions that are not decided yet get a backward pass; a layer straight from the free blocks needs
none, since its interval is exact up to rounding. Everything is batched over boxes and worked off in chunks of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ...ir.blocks import Fn
from ...ir.lines import Lines
from ...ir.order import Solved
from ...ir.types import BoolArray, FloatArray, IntArray
from ..networks.view import BatchBox, NetView
from .backward import Rows, carry_back, maximum
from .interval import Bounds, function_interval, solved_interval
from .relaxation import Relaxation, lines_of

DECIDED = 1e-10
"""Lines that are nowhere further apart than this, relative to the values, are as good as one."""
NUMBERS = 1 << 18
"""Coefficients held at once for a chunk of boxes (2 MB: they should stay in the cache)."""
LEAST = 16
"""Boxes in a chunk at the least, for wide networks; the time of a chunk of few boxes is that of the interpreter."""
ROWS = 1 << 24
"""Coefficients held at once for a chunk of rows of one box (128 MB)."""


def crown_bounds(
    view: NetView,
    box: BatchBox,
    known: Mapping[str, Bounds] | None = None,
    tilts: Mapping[str, FloatArray] | None = None,
    over: Callable[[], bool] = lambda: False,
) -> dict[str, Bounds]:
    """Bounds [B, n] of all blocks over boxes of the free ones ([B, n] each).

    ``known``: block -> bounds [B or 1, n] that hold at all points that are meant (inherited, or split); the result is
    met with them. ``tilts``: output block of a function -> [B or 1, k] in 0..1, which lines to use (default: the
    function's own choice). Once ``over()``, intervals have to do. Bounds that cross (lower > upper), in any block, say
    that a box has no such point.
    """
    known, tilts = known or {}, tilts or {}
    batch = len(next(iter(box.values()))[0])
    size = min(batch, max(LEAST, NUMBERS // max(1, 2 * widest(view) ** 2)))
    found = [
        chunk_bounds(view, part(box, piece), part(known, piece), tilt_part(tilts, piece), over)
        for piece in (slice(start, start + size) for start in range(0, batch, size))
    ]
    if len(found) == 1:
        return found[0]
    sides = {name: [[chunk[name][side] for chunk in found] for side in (0, 1)] for name in found[0]}
    return {name: (np.concatenate(low), np.concatenate(high)) for name, (low, high) in sides.items()}


def empty(bounds: Mapping[str, Bounds]) -> BoolArray:
    """Which boxes [B] have no point, because bounds cross."""
    found: BoolArray = np.zeros(max(len(low) for low, _ in bounds.values()), dtype=np.bool_)
    for low, high in bounds.values():
        found = found | (low > high).any(axis=1)
    return found


# -- parts ------------------------------------------------------------------------------------------------------------


def chunk_bounds(
    view: NetView, box: BatchBox, known: Mapping[str, Bounds], tilts: Mapping[str, FloatArray],
    over: Callable[[], bool],
) -> dict[str, Bounds]:  # fmt: skip
    """The bounds of one chunk of boxes."""
    batch = len(next(iter(box.values()))[0])
    relaxation = Relaxation(view, {name: met(sides, known.get(name)) for name, sides in box.items()})
    exact = exact_blocks(view)
    for step in view.steps:
        if isinstance(step, Fn):
            for name, mask in wanted_elements(step, relaxation.box, exact).items():
                for index in chunks_of(choose(mask), relaxation):
                    if over():
                        break
                    refine(relaxation, name, index, mask)
            name, bounds = step.output, function_interval(step, relaxation.box)
        else:
            name, bounds = step.name, solved_interval(step, relaxation.box)
        stated = view.problem.vars[name]
        bounds = met(met(bounds, (stated.lower[None], stated.upper[None])), known.get(name))
        if len(bounds[0]) != batch:  # a layer that reads nothing
            bounds = tuple(np.repeat(side, batch, axis=0) for side in bounds)  # type: ignore[assignment]
        relaxation.box[name] = bounds
        if isinstance(step, Fn):
            relaxation.add_function(step, tilts.get(name))
        else:
            relaxation.add_affine(step)
    return relaxation.box


def exact_blocks(view: NetView) -> set[str]:
    """Blocks whose intervals can't be improved by a backward pass."""
    layers = [step for step in view.steps if isinstance(step, Solved)]
    return {*view.free, *(step.name for step in layers if step.affine.parts.keys() <= set(view.free))}


def wanted_elements(fn: Fn, box: Mapping[str, Bounds], exact: set[str]) -> dict[str, BoolArray]:
    """The undecided arguments of a function, block -> mask [B, n]; blocks in ``exact`` are left out."""
    found: dict[str, BoolArray] = {}
    args = [arg for arg in fn.args if arg.variable not in exact]
    if not args:
        return found
    open_ = undecided(fn, lines_of(fn, box, None), box)
    for arg in args:
        mask = found.setdefault(arg.variable, np.zeros(box[arg.variable][0].shape, dtype=np.bool_))
        if arg.index is None:
            mask |= open_
        else:
            row, place = np.nonzero(open_)
            mask[row, arg.index[place]] = True
    return {name: mask for name, mask in found.items() if mask.any()}


def undecided(fn: Fn, lines: Lines, box: Mapping[str, Bounds]) -> BoolArray:
    """Which elements [B, k] of a function have lines that differ on the box."""
    gap = lines.upper_offset - lines.lower_offset
    size = 1.0 + np.maximum(np.abs(lines.upper_offset), np.abs(lines.lower_offset))
    with np.errstate(over="ignore", invalid="ignore"):
        for arg, below, above in zip(fn.args, lines.lower_slopes, lines.upper_slopes, strict=True):
            low, high = (arg.pick(side) for side in box[arg.variable])
            gap = gap + np.maximum((above - below) * low, (above - below) * high)
            size = size + np.maximum(np.abs(above * low), np.abs(above * high))
        return np.asarray(~(gap <= DECIDED * size))


def choose(mask: BoolArray) -> IntArray:
    """Elements to bound: [r] where the boxes want about the same, else [B, r] (padded with others)."""
    union = np.flatnonzero(mask.any(axis=0))
    most = int(mask.sum(axis=1).max(initial=0))
    if len(mask) == 1 or len(union) <= 1.2 * most:
        return union
    return np.argsort(~mask, axis=1, kind="stable")[:, :most]


def chunks_of(index: IntArray, relaxation: Relaxation) -> list[IntArray]:
    """The same elements in chunks that limit the memory."""
    rows = index.shape[-1]
    size = max(1, ROWS // max(1, 2 * relaxation.batch * widest(relaxation.view)))
    return [index[..., start : start + size] for start in range(0, rows, size)]


def refine(relaxation: Relaxation, name: str, index: IntArray, mask: BoolArray) -> None:
    """Backward bounds of elements of a block ([r], or [B, r]), met with those that the relaxation has.

    Only where the ``mask`` [B, n] is true, so that a box gets the same bounds whatever others are in its batch.
    """
    rows = carry_back(relaxation, both_signs(relaxation, name, index))
    most = maximum(relaxation, rows)
    half = index.shape[-1]
    low, high = (np.array(side) for side in relaxation.box[name])
    most = np.broadcast_to(most, (len(low), 2 * half))
    place = np.broadcast_to(index, (len(low), half))
    wanted = np.take_along_axis(mask, place, axis=1)
    for side, new, best in ((high, most[:, :half], np.minimum), (low, -most[:, half:], np.maximum)):
        old = np.take_along_axis(side, place, axis=1)
        np.put_along_axis(side, place, np.where(wanted, best(old, new), old), axis=1)
    relaxation.box[name] = low, high


def both_signs(relaxation: Relaxation, name: str, index: IntArray) -> Rows:
    """The rows ``element`` and ``-element`` for elements of a block."""
    size = relaxation.box[name][0].shape[1]
    coef, constant = rows_of(layer_of(relaxation.view, name), name, size, index)
    signed = {key: np.concatenate([part, -part], axis=-2) for key, part in coef.items()}
    constant = np.concatenate([constant, -constant], axis=-1)
    if index.ndim == 1:
        return Rows.start(relaxation, {key: part[None] for key, part in signed.items()}, constant[None])
    return Rows.start(relaxation, signed, constant)


def rows_of(layer: Solved | None, name: str, size: int, index: IntArray) -> tuple[dict[str, FloatArray], FloatArray]:
    """Elements of a block as exact rows, of the layer's sources where it is given, else of the block itself.

    ``index`` [r] or [B, r] gives coefficients [r, n] or [B, r, n] by block, and constants.
    """
    if layer is None:
        return {name: np.eye(size)[index]}, np.zeros(index.shape)
    used, back = (index, None) if index.ndim == 1 else np.unique(index, return_inverse=True)
    coef = {}
    for source, operator in layer.affine.parts.items():
        dense = operator.rows(used).to_dense()
        coef[source] = dense if back is None else dense[back.reshape(index.shape)]
    return coef, layer.affine.offset[index]


def layer_of(view: NetView, name: str) -> Solved | None:
    """The layer that computes a block, where its numbers are its rows' exact coefficients."""
    step = next((s for s in view.steps if isinstance(s, Solved) and s.name == name), None)
    return step if step is not None and step.plain and step.reading == "dyadic" else None


def met(one: Bounds, other: Bounds | None) -> Bounds:
    """The common part of two bounds."""
    return one if other is None else (np.maximum(one[0], other[0]), np.minimum(one[1], other[1]))


def part(box: BatchBox, piece: slice) -> dict[str, Bounds]:
    """A chunk of boxes; those that serve all stay."""
    return {name: (of(low, piece), of(high, piece)) for name, (low, high) in box.items()}


def tilt_part(tilts: Mapping[str, FloatArray], piece: slice) -> dict[str, FloatArray]:
    return {name: of(tilt, piece) for name, tilt in tilts.items()}


def of(values: FloatArray, piece: slice) -> FloatArray:
    return values if len(values) == 1 else values[piece]


def widest(view: NetView) -> int:
    """The size of the largest block."""
    return max(var.size for var in view.problem.vars.values())
