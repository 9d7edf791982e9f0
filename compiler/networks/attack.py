"""A search for counterexamples by points: centre, random points, corners, projected gradient steps (sign and Adam).

Everything in float64 and batched over points and cases; what it finds are candidates, to be checked exactly. Gradient
runs work in shares of the box (0 to 1 along each input). Half of the runs step by the gradient's sign, half by Adam;
of cases with several rows every second run climbs by the least row, the others by all rows that do not hold yet.
source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018 (projected gradient);
Kingma, Ba, Adam: A Method for Stochastic Optimization, ICLR 2015; Tashiro, Song, Ermon, Diversity can be Transferred:
Output Diversification for White- and Black-box Attacks, NeurIPS 2020 (starts along random combinations of outputs)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.types import BoolArray, FloatArray, IntArray
from ...ir.unsafe import UnsafeSet
from ..search.clock import Clock
from .descent import OwnRows, slope
from .view import NetView

POINTS = 64
"""Points tried in each box before gradient runs start from the best."""
STARTS = 6
"""Gradient runs for each case, from its best points."""
RUNS = 512
"""Most gradient runs at a time; cases with better starts come first."""
STEPS = 24
CLEAR = 1e-5
"""A margin this far above 0, relative to the size of the rows, ends a run: it survives float32."""
BETAS = 0.9, 0.99
SPREAD = (0.5, 0.5, 0.5, 0.25, 0.25, 0.25)
"""Steps along random combinations of the outputs, for a quarter of the points tried."""
WORK = 5e7
"""Products of a pass over all points or runs, in large networks: these get fewer of both, but at least ``LEAST``."""
LEAST = 8
TABLE = 1 << 22
"""Most entries of a table of points and rows."""


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

    def run(
        self, seed: int, clock: Clock | None = None, points: int = POINTS, starts: int = STARTS, steps: int = STEPS
    ) -> Candidates:
        """From scratch: shared points in each box, then ``starts`` gradient runs for every case."""
        rng = np.random.default_rng(seed)
        low, high = self.unsafe.inner_lower, self.unsafe.inner_upper
        regions = np.unique(self.unsafe.region[self.possible()])
        count = max(1, min(points, self.most, TABLE // max(1, len(regions) * self.unsafe.forms.size)))
        found = []
        for region in regions.tolist():
            share = rng.random((count, low.shape[1]))
            share[1::2] = np.rint(share[1::2])  # every other one a corner
            share[0] = 0.5
            tried = np.clip(low[region] + share * (high[region] - low[region]), low[region], high[region])
            tried = np.vstack([tried, self.spread(tried[: count // 4], low[region], high[region], rng, clock)])
            found.append(self.best_starts(tried, np.flatnonzero(self.unsafe.region == region), starts))
            if clock is not None and clock.over:
                break
        return self.climb(joined(found, low.shape[1]), steps, clock)

    def improve(self, points: FloatArray, clock: Clock | None = None, steps: int = STEPS) -> Candidates:
        """Gradient runs for every case from the best of the given points [P, n], moved into the case's box."""
        low, high = self.unsafe.inner_lower, self.unsafe.inner_upper
        regions = np.unique(self.unsafe.region[self.possible()]).tolist()
        found = []
        for region in regions:
            moved = np.clip(points, low[region], high[region])
            found.append(self.best_starts(moved, np.flatnonzero(self.unsafe.region == region), STARTS))
        return self.climb(joined(found, low.shape[1]), steps, clock)

    def push(self, points: FloatArray, case: IntArray, clock: Clock | None = None, steps: int = STEPS) -> Candidates:
        """Gradient runs from each of points [P, n] for its own case [P], in both kinds of step."""
        region = self.unsafe.region[case]
        low, high = self.unsafe.inner_lower[region], self.unsafe.inner_upper[region]
        fine = (low <= high).all(axis=1)
        points, case = np.clip(points, low, high)[fine], case[fine]
        margin = np.full(2 * len(case), -np.inf)
        return self.climb(Candidates(np.repeat(points, 2, axis=0), np.repeat(case, 2), margin), steps, clock, fine=0.05)

    @property
    def most(self) -> int:
        """Points that are worked on at a time."""
        return max(LEAST, int(WORK / max(1, self.view.products)))

    def spread(
        self, points: FloatArray, low: FloatArray, high: FloatArray, rng: np.random.Generator, clock: Clock | None
    ) -> FloatArray:
        """Points [P, n] moved so that their outputs differ: along random combinations of the outputs, one for each."""
        names = [name for name in self.unsafe.forms.parts if name != self.inputs]
        weight = {name: rng.standard_normal((len(points), self.view.problem.vars[name].size)) for name in names}
        for length in SPREAD if len(points) and names else ():
            if clock is not None and clock.over:
                break
            values = self.view.forward({self.inputs: points})
            direction = np.sign(slope(self.view, self.inputs, values, weight))
            points = np.clip(points + length * (high - low) * direction, low, high)
        return points

    def possible(self) -> IntArray:
        """The cases whose inner box holds a point."""
        fine: BoolArray = np.asarray((self.unsafe.inner_lower <= self.unsafe.inner_upper).all(axis=1))
        return np.flatnonzero(fine[self.unsafe.region])

    def best_starts(self, points: FloatArray, cases: IntArray, starts: int) -> Candidates:
        """For each of some cases of one box, the best of points [P, n] that lie in it."""
        margins = np.nan_to_num(self.unsafe.pick(cases).margins(self.view.forward({self.inputs: points})), nan=-np.inf)
        if len(margins) != len(points):  # rows that read no block
            margins = np.repeat(margins, len(points), axis=0)
        best = np.argsort(-margins, axis=0, kind="stable")[:starts].T
        return Candidates(
            points[best.ravel()], np.repeat(cases, best.shape[1]), np.take_along_axis(margins.T, best, 1).ravel()
        )

    def climb(self, start: Candidates, steps: int, clock: Clock | None, fine: float = 0.5) -> Candidates:
        """Projected gradient steps from every start, each for its own case; ``fine``: the first step's length."""
        if not len(start.case):
            return start
        kept = np.argsort(-start.margin, kind="stable")[: min(RUNS, self.most)]
        case, region = start.case[kept], self.unsafe.region[start.case[kept]]
        low, width = self.unsafe.inner_lower[region], (self.unsafe.inner_upper - self.unsafe.inner_lower)[region]
        high = self.unsafe.inner_upper[region]
        own, x = OwnRows.of(self.unsafe, case), start.points[kept]
        number = np.arange(len(case))
        adam, sweeping = (number % 2 == 1)[:, None], number % 4 >= 2
        found, best = x.copy(), np.full(len(case), -np.inf)
        first, second = np.zeros_like(x), np.zeros_like(x)
        for step in range(steps + 1):
            values = self.view.forward({self.inputs: x})
            rows = own.value(values)
            margin = own.margin(rows)
            better = margin > best
            found[better], best[better] = x[better], margin[better]
            size = 1.0 + float(np.abs(own.offset).max()) + float(np.abs(x).max())
            if step == steps or best.max() > CLEAR * size or (clock is not None and clock.over):
                break
            weight = own.toward(rows, margin, sweeping, CLEAR * size)
            gradient = slope(self.view, self.inputs, values, own.seeds(weight, values)) * width
            norm = np.abs(gradient).max(axis=1, keepdims=True)
            gradient = gradient / np.where(norm > 0, norm, 1.0)
            first = BETAS[0] * first + (1 - BETAS[0]) * gradient
            second = BETAS[1] * second + (1 - BETAS[1]) * gradient * gradient
            moment = first / (1 - BETAS[0] ** (step + 1))
            spread = np.sqrt(second / (1 - BETAS[1] ** (step + 1)))
            length = fine * (0.01 ** (step / max(1, steps - 1)))
            x = x + width * np.where(adam, 0.4 * length * moment / (spread + 1e-8), length * np.sign(gradient))
            x = np.clip(x, low, high)
        order = np.argsort(-best, kind="stable")
        return Candidates(found[order], case[order], best[order])


def joined(parts: list[Candidates], inputs: int) -> Candidates:
    """Candidates of several boxes in one table."""
    if not parts:
        return Candidates(np.zeros((0, inputs)), np.zeros(0, np.int64), np.zeros(0))
    return Candidates(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.case for part in parts]),
        np.concatenate([part.margin for part in parts]),
    )
