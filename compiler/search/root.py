"""A region's cases at the root: bounds of all blocks, first as they come, then with lines chosen for each case, then
with lines chosen for each intermediate bound. What is refuted here costs a tree of one leaf.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from ...ir.blocks import Fn
from ...ir.case_tree import Forest, Layer
from ...ir.types import AnyArray, FloatArray, IntArray
from ..bounds.crown import crown_bounds
from ..bounds.interval import Bounds
from ..bounds.layers import LayerTilts, optimise_layers
from ..bounds.optimise import Optimised, Schedule, case_problems, optimise
from ..bounds.relaxed import Problems
from ..bounds.splits import Splits
from .claim import Claim
from .clock import Clock
from .inquiry import Inquiry

ROOT = Schedule(steps=40)
"""Steps of gradient for the lines of each case."""
CORNERS = 64
"""Cases whose bounds are tried as points, those with the greatest bounds."""
TABLE = 1 << 24
"""Most numbers of one table of cases and neurons."""


@dataclass(frozen=True, eq=False)
class Root:
    """``box``: bounds of all blocks [1, n]; ``layers`` say how some of them were improved."""

    box: Mapping[str, Bounds]
    layers: tuple[Layer, ...] = ()


def bounded(inquiry: Inquiry, claim: Claim, region: int, clock: Clock) -> Root:
    """Refute what the bounds of a region refute without a split."""
    unsafe = inquiry.unsafe
    sides = unsafe.lower[region][None], unsafe.upper[region][None]
    root = Root(crown_bounds(inquiry.view, {inquiry.task.inputs: sides}, over=lambda: clock.over))
    cases = inquiry.cases_of(region)
    if any((low > high).any() for low, high in root.box.values()):
        inquiry.refuted(cases, leaf(cases), "excluded by bounds, the box has no point")
        return root
    rows = unsafe.rows_of(cases)
    most, found, place = claim.most(root.box, rows)
    out = claim.excluded(most, cases)[0]
    if out.any():
        inquiry.refuted(cases[out], leaf(cases[out]), "excluded by linear bounds")
    left = np.flatnonzero(~out)
    best = left[np.argsort(-np.minimum.reduceat(most[0], claim.starts(cases))[left], kind="stable")[:CORNERS]]
    owner = np.repeat(np.arange(len(cases)), np.diff(unsafe.start)[cases])
    mine = np.flatnonzero(np.isin(owner, best))
    try_points(inquiry, found.corner[0][place[mine]], cases[owner[mine]])
    if not inquiry.settled and not clock.over:
        root = improved(inquiry, root, region, clock)
    return root


def try_points(inquiry: Inquiry, points: FloatArray, case: IntArray) -> None:
    """Look at points [P, n] as witnesses of cases [P]."""
    margins = inquiry.unsafe.own_least(inquiry.view.forward({inquiry.task.inputs: points}), case)[0]
    good = np.flatnonzero(margins >= 0)
    inquiry.look(points[good], case[good], margins[good])


def refute_all(inquiry: Inquiry, clock: Clock) -> None:
    """All regions, one after the other."""
    claim = Claim(inquiry.view, inquiry.unsafe)
    for region in np.unique(inquiry.unsafe.region[inquiry.open]).tolist():
        if clock.over or inquiry.settled:
            return
        begun = perf_counter()
        bounded(inquiry, claim, region, clock)
        inquiry.time("root", begun)


def improved(inquiry: Inquiry, root: Root, region: int, clock: Clock) -> Root:
    """The same with chosen lines."""
    refute(inquiry, root, region, clock, "excluded by linear bounds with chosen lines")
    if inquiry.settled or clock.over or not inquiry.cases_of(region).size:
        return root
    box, tilts = optimise_layers(inquiry.view, root.box, over=lambda: clock.over)
    if not tilts:
        return root
    root = Root(box, tuple(map(layer_of, tilts)))
    refute(inquiry, root, region, clock, "excluded by linear bounds with chosen lines in all layers")
    return root


def refute(inquiry: Inquiry, root: Root, region: int, clock: Clock, reason: str) -> None:
    """Choose lines for each open case, and close those that they exclude."""
    for cases in batches(inquiry, inquiry.cases_of(region)):
        if clock.over:
            return
        problems = problems_of(inquiry, root, cases)
        found = optimise(problems, ROOT, over=lambda: clock.over, reading=inquiry.unsafe.reading)
        out = np.flatnonzero(found.most < 0)
        if len(out):
            inquiry.refuted(cases[out], chosen_leaves(root, cases[out], found, out), reason)


def batches(inquiry: Inquiry, cases: IntArray) -> list[IntArray]:
    """Cases with equally many rows, in tables of bounded size."""
    sizes = np.diff(inquiry.unsafe.start)[cases]
    width = sum(inquiry.view.problem.vars[step.output].size for step in inquiry.view.steps if isinstance(step, Fn))
    found = []
    for size in np.unique(sizes).tolist():
        same = cases[sizes == size]
        chunk = max(1, TABLE // max(1, 8 * width))
        found += [same[start : start + chunk] for start in range(0, len(same), chunk)]
    return found


def problems_of(inquiry: Inquiry, root: Root, cases: IntArray) -> Problems:
    """One problem for each of cases with equally many rows."""
    rows = inquiry.unsafe.rows_of(cases).reshape(len(cases), -1)
    return case_problems(inquiry.view, inquiry.unsafe.forms, rows, root.box, Splits.none(len(cases)))


def leaf(cases: IntArray) -> Forest:
    """One tree without a split."""
    one = np.zeros(1, np.int64)
    return Forest(cases, np.array([0, len(cases)]), (), one - 1, one, bounds="kept")


def chosen_leaves(root: Root, cases: IntArray, found: Optimised, out: IntArray) -> Forest:
    """A tree of one leaf for each case."""
    count = len(cases)
    none = np.zeros(count, np.int64)
    tilts: dict[str, AnyArray] = {name: single(found.parameters.tilts[name][out]) for name in found.kept}
    return Forest(
        cases, np.arange(count + 1), (), none - 1, none, bounds="kept", tilts=tilts,
        weights=single(found.parameters.weights[out]).ravel(), layers=root.layers,
    )  # fmt: skip


def layer_of(tilts: LayerTilts) -> Layer:
    lower, upper = ({name: single(array) for name, array in side.items()} for side in (tilts.lower, tilts.upper))
    return Layer(tilts.block, tilts.rows, lower, upper)


def single(values: FloatArray) -> AnyArray:
    """As float32; the numbers are such already."""
    return values.astype(np.float32)
