"""A cheap search for counterexamples: centre, random points, corners by the gradient's sign, projected gradient steps.

Everything in float64 and batched over points and cases; what it finds are candidates, to be checked exactly.
source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018 (projected gradient)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...ir.types import FloatArray, IntArray
from .unsafe_cases import UnsafeCase
from .view import NetView

RANDOM_POINTS = 64
STARTS = 4
"""Gradient runs for each case, from its best points so far."""
STEPS = np.geomspace(0.5, 0.005, 24)
"""Step lengths in widths of the box."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """``points`` [C, n], best first: ``margin`` [C] in float64 of case ``case`` [C]."""

    points: FloatArray
    case: IntArray
    margin: FloatArray

    @property
    def best(self) -> float:
        return float(self.margin[0]) if len(self.margin) else -np.inf


@dataclass(frozen=True, eq=False)
class Attack:
    """``lower``, ``upper`` [n]: where points may lie, elements of the block ``inputs``."""

    view: NetView
    inputs: str
    cases: Sequence[UnsafeCase]
    lower: FloatArray
    upper: FloatArray

    def run(self, seed: int) -> Candidates:
        """From scratch: shared points, then gradient runs for every case."""
        rng = np.random.default_rng(seed)
        share = rng.random((RANDOM_POINTS, len(self.lower)))
        share[::2] = np.rint(share[::2])  # every other one a corner
        points = np.vstack([self.lower / 2 + self.upper / 2, self.lower + share * (self.upper - self.lower)])
        return self.improve(self.clip(points))

    def improve(self, points: FloatArray) -> Candidates:
        """Gradient runs for every case from the best of the given points [P, n]."""
        margins = self.margins(points)
        best = np.argsort(-margins, axis=0)[:STARTS].T
        case = np.repeat(np.arange(len(self.cases)), best.shape[1])
        x = points[best.ravel()]
        found, value = x.copy(), margins.T[case, best.ravel()]
        for step in [np.inf, *STEPS]:  # the infinite step goes to the corner that the gradient points to
            slope = np.sign(self.gradient(x, case))
            far = np.where(slope > 0, self.upper, np.where(slope < 0, self.lower, x))
            x = self.clip(far if np.isinf(step) else x + step * slope * (self.upper - self.lower))
            now = self.margins(x)[np.arange(len(x)), case]
            better = now > value
            found[better], value[better] = x[better], now[better]
            x = found.copy() if np.isinf(step) else x
        order = np.argsort(-value, kind="stable")
        return Candidates(found[order], case[order], value[order])

    def clip(self, points: FloatArray) -> FloatArray:
        return np.clip(points, self.lower, self.upper)

    def margins(self, points: FloatArray) -> FloatArray:
        """Margins [B, cases]."""
        values = self.view.forward({self.inputs: points})
        return np.stack([case.margins(values) for case in self.cases], axis=1)

    def gradient(self, points: FloatArray, case: IntArray) -> FloatArray:
        """Gradient [B, n] of the margin of each point's own case: of its least row."""
        values = self.view.forward({self.inputs: points})
        seeds: dict[str, FloatArray] = {}
        for number, one in enumerate(self.cases):
            mine = np.flatnonzero(case == number)
            rows = one.forms.value({name: values[name][mine] for name in one.forms.parts})
            chosen = np.zeros((len(mine), one.forms.size))
            chosen[np.arange(len(mine)), rows.argmin(axis=1)] = 1.0
            for name, operator in one.forms.parts.items():
                seeds.setdefault(name, np.zeros_like(values[name]))[mine] += operator.adjoint(chosen)
        return self.view.backward(values, seeds)[self.inputs]
