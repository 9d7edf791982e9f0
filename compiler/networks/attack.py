"""A cheap search for counterexamples: centre, random points, corners by the gradient's sign, projected gradient steps.

Everything in float64 and batched over points and cases; what it finds are candidates, to be checked exactly.
source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018 (projected gradient)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.types import FloatArray, IntArray
from ...ir.unsafe import UnsafeSet
from .view import NetView

RANDOM_POINTS = 64
STARTS = 4
"""Gradient runs for each case, from its best points so far."""
RUNS = 2048
"""Most gradient runs in all; cases with better starts come first."""
STEPS = np.geomspace(0.5, 0.005, 24)
"""Step lengths in widths of the box."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """``points`` [P, n], best first: ``margin`` [P] in float64 of case ``case`` [P]."""

    points: FloatArray
    case: IntArray
    margin: FloatArray

    def first(self, count: int) -> Candidates:
        return Candidates(self.points[:count], self.case[:count], self.margin[:count])


@dataclass(frozen=True, eq=False)
class Attack:
    """``inputs``: the block that is searched; each case in its own inner box. Cases without an inner box are left out.

    ``unsafe`` may be some of the cases of a claim; case numbers are its own.
    """

    view: NetView
    inputs: str
    unsafe: UnsafeSet

    def run(self, seed: int) -> Candidates:
        """From scratch: shared points in each box, then gradient runs for every case."""
        rng = np.random.default_rng(seed)
        low, high = self.unsafe.inner_lower, self.unsafe.inner_upper
        share = rng.random((RANDOM_POINTS, low.shape[1]))
        share[::2] = np.rint(share[::2])  # every other one a corner
        share = np.vstack([np.full((1, low.shape[1]), 0.5), share])
        found = []
        for region in np.unique(self.unsafe.region[self.possible()]).tolist():
            points = np.clip(low[region] + share * (high[region] - low[region]), low[region], high[region])
            found.append(self.best_starts(points, np.flatnonzero(self.unsafe.region == region)))
        return self.climb(joined(found))

    def improve(self, points: FloatArray) -> Candidates:
        """Gradient runs for every case from the best of the given points [P, n], moved into the case's box."""
        low, high = self.unsafe.inner_lower, self.unsafe.inner_upper
        regions = np.unique(self.unsafe.region[self.possible()]).tolist()
        moved = [(np.clip(points, low[region], high[region]), self.unsafe.region == region) for region in regions]
        return self.climb(joined([self.best_starts(own, np.flatnonzero(cases)) for own, cases in moved]))

    def possible(self) -> IntArray:
        """The cases whose inner box holds a point."""
        full = np.asarray((self.unsafe.inner_lower <= self.unsafe.inner_upper).all(axis=1))
        return np.flatnonzero(full[self.unsafe.region])

    def best_starts(self, points: FloatArray, cases: IntArray) -> Candidates:
        """For each of some cases of one box, the best of points [P, n] that lie in it."""
        margins = self.unsafe.pick(cases).margins(self.view.forward({self.inputs: points}))
        best = np.argsort(-margins, axis=0, kind="stable")[:STARTS].T
        return Candidates(
            points[best.ravel()], np.repeat(cases, best.shape[1]), np.take_along_axis(margins.T, best, 1).ravel()
        )

    def climb(self, start: Candidates) -> Candidates:
        """Projected gradient steps from every start, each for its own case."""
        if not len(start.case):
            return start
        kept = np.argsort(-start.margin, kind="stable")[:RUNS]
        found, case, value = start.points[kept], start.case[kept], start.margin[kept]
        region = self.unsafe.region[case]
        low, high = self.unsafe.inner_lower[region], self.unsafe.inner_upper[region]
        x = found.copy()
        for step in [np.inf, *STEPS]:  # the infinite step goes to the corner that the gradient points to
            slope = np.sign(self.gradient(x, case))
            far = np.where(slope > 0, high, np.where(slope < 0, low, x))
            x = np.clip(far if np.isinf(step) else x + step * slope * (high - low), low, high)
            now, _ = self.unsafe.own_least(self.view.forward({self.inputs: x}), case)
            better = now > value
            found[better], value[better] = x[better], now[better]
            x = found.copy() if np.isinf(step) else x
        order = np.argsort(-value, kind="stable")
        return Candidates(found[order], case[order], value[order])

    def gradient(self, points: FloatArray, case: IntArray) -> FloatArray:
        """Gradient [B, n] of the margin of each point's own case: of its least row."""
        values = self.view.forward({self.inputs: points})
        _, row = self.unsafe.own_least(values, case)
        seeds = {name: operator.rows(row).to_dense() for name, operator in self.unsafe.forms.parts.items()}
        return self.view.backward(values, seeds)[self.inputs]


def joined(parts: list[Candidates]) -> Candidates:
    """Candidates of several boxes in one table."""
    if not parts:
        return Candidates(np.zeros((0, 0)), np.zeros(0, np.int64), np.zeros(0))
    return Candidates(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.case for part in parts]),
        np.concatenate([part.margin for part in parts]),
    )
