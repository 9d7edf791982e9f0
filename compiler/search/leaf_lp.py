"""Nodes on which every function that matters is decided: the network is affine there, one linear program settles each.

needs: functions that are linear on the node, as far as the rows depend on them
guarantee: none; a point is a candidate, and the multipliers are bounded anew (compiler/bounds/optimise.py)

Over the node's box of inputs, x = low + u (high - low) with u in 0..1, the greatest t below every row of the case,
subject to the splits ``s (z - value) >= 0``. Duals of the rows are their weights (adding up to 1), duals of the splits
their multipliers. Where the splits contradict each other, Farkas multipliers of them, as large as the rows need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...ir.blocks import Fn
from ...ir.protocols import LpResult, OpenLp
from ...ir.types import FloatArray
from ..bounds.interval import Bounds
from ..bounds.relaxation import lines_of
from ..bounds.relaxed import Problems
from ..networks.view import NetView
from .clock import Clock

SIZE = 1 << 22
"""Most numbers of the table of inputs and neurons."""
LARGE = 1e6
"""Bound of t, relative to the rows."""


@dataclass(frozen=True, eq=False)
class Settled:
    """``point`` [n] where the least row is greatest, or None; ``weights`` [R] and ``multipliers`` [D], or None."""

    point: FloatArray | None
    weights: FloatArray | None
    multipliers: FloatArray | None


@dataclass(frozen=True, eq=False)
class LeafLp:
    """For nodes of the network of ``view``, whose input block is ``inputs``."""

    view: NetView
    inputs: str
    open_lp: OpenLp

    def solve(self, problems: Problems, node: int, tilts: Mapping[str, FloatArray], clock: Clock) -> Settled | None:
        """One node of the problems; None where it is too large or has no answer."""
        one = problems.pick(np.array([node]))
        low, high = one.box[self.inputs]
        maps = self.maps(one.box, {name: tilt[[node]] for name, tilt in tilts.items()}, low[0], high[0])
        if maps is None:
            return None
        rows, start = self.rows(one, maps)
        splits, zero = self.splits(one, maps)
        last = np.concatenate([-np.ones(len(rows)), np.zeros(len(splits))])
        matrix = np.column_stack([np.vstack([rows, splits]), last])
        least = np.concatenate([-start, -zero])
        reach = LARGE * (1.0 + np.abs(start).max() + np.abs(rows).sum(axis=1).max())
        size = low.shape[1]
        lower, upper = np.append(np.zeros(size), -reach), np.append(np.ones(size), reach)
        cost = np.append(np.zeros(size), -1.0)
        session = self.open_lp(sparse.csr_array(matrix), least, np.full(len(least), np.inf), lower, upper, cost)
        found = session.solve(None if clock.end is None else clock.left)
        if found.status == "infeasible" and found.ray is not None:
            return contradiction(found.ray[len(rows) :], splits, zero, rows, start, one)
        if found.status != "optimal" or found.x is None or found.dual is None:
            return None
        point = low[0] + np.clip(found.x[:-1], 0.0, 1.0) * (high - low)[0]
        return multipliers_of(found, point, one, len(rows))

    def maps(
        self, box: Mapping[str, Bounds], tilts: Mapping[str, FloatArray], low: FloatArray, high: FloatArray
    ) -> dict[str, FloatArray] | None:
        """Values of all blocks at the lower corner and at its neighbours along each input [n + 1, k]."""
        if (len(low) + 1) * sum(side.shape[1] for side, _ in box.values()) > SIZE:
            return None
        values = {self.inputs: low + np.vstack([np.zeros(len(low)), np.diag(high - low)])}
        for step in self.view.steps:
            if not isinstance(step, Fn):
                result = step.affine.value(values)
                values[step.name] = result if step.plain else result / step.divisor
                continue
            lines = lines_of(step, box, tilts.get(step.output))
            above = lines.upper_offset  # what no row depends on may be undecided: any line will do
            for arg, up in zip(step.args, lines.upper_slopes, strict=True):
                above = above + up * arg.pick(values[arg.variable])
            values[step.output] = above
        return values

    def rows(self, one: Problems, maps: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Slopes [R, n] by u of the rows that there are, and their values [R] at u = 0."""
        there = np.isfinite(one.constant[0])
        table = np.zeros((len(maps[self.inputs]), int(there.sum())))
        for name, part in one.rows.items():
            table += maps[name] @ part[0, there].T
        return (table[1:] - table[0]).T, table[0] + one.constant[0, there]

    def splits(self, one: Problems, maps: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
        """The same for ``s (z - value)`` of the splits."""
        splits, sign = one.splits, one.splits.sign[0]
        chosen = np.flatnonzero(sign != 0)
        table = np.zeros((len(maps[self.inputs]), len(chosen)))
        for k, depth in enumerate(chosen.tolist()):
            name = splits.names[splits.block[0, depth]]
            table[:, k] = sign[depth] * (maps[name][:, splits.element[0, depth]] - splits.value[0, depth])
        return (table[1:] - table[0]).T, table[0]


def multipliers_of(found: LpResult, point: FloatArray, one: Problems, rows: int) -> Settled:
    """The duals, put where the rows and splits stand."""
    assert found.dual is not None
    duals = np.maximum(found.dual, 0.0)
    weights, multipliers = np.zeros(one.constant.shape[1]), np.zeros(one.splits.depth)
    weights[np.isfinite(one.constant[0])] = duals[:rows]
    multipliers[one.splits.sign[0] != 0] = duals[rows:]
    total = weights.sum()
    return Settled(point, weights / total, multipliers / total) if total > 0 else Settled(point, None, None)


def contradiction(
    ray: FloatArray, splits: FloatArray, zero: FloatArray, rows: FloatArray, start: FloatArray, one: Problems
) -> Settled | None:
    """Multiples of the splits that outweigh the rows, equally weighed."""
    size = np.maximum(ray, 0.0)
    gap = -(size @ zero + np.maximum(size @ splits, 0.0).sum())
    if not gap > 0:
        return None
    need = 1.0 + max(0.0, float(start.mean() + np.maximum(rows.mean(axis=0), 0.0).sum()))
    weights, multipliers = np.zeros(one.constant.shape[1]), np.zeros(one.splits.depth)
    weights[np.isfinite(one.constant[0])] = 1.0 / len(start)
    multipliers[one.splits.sign[0] != 0] = size * (2.0 * need / gap)
    return Settled(None, weights, multipliers)
