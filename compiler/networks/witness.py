"""Candidates checked as counterexamples: in float32 by the reference runtime, in real arithmetic on the stored weights.

No tolerance anywhere. float32 outputs are compared exactly. In real arithmetic intervals rounded outward decide, and
exact rationals where these do not (``ir/counterexample.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.counterexample import products, unsafe_in_reals
from ...ir.enclosure import enclose
from ...ir.exact import Exact
from ...ir.protocols import Runner
from ...ir.tasks import Prove
from ...ir.types import BoolArray, FloatArray, IntArray
from ...ir.unsafe import UnsafeSet
from ..search.clock import SPARE, Clock
from .view import NetView

ARITHMETIC = ("both", "float32-only", "real-only")
"""Best first."""
PRODUCT = 1e-6
"""Seconds that a product of exact numbers takes, about."""


@dataclass(frozen=True, eq=False)
class Witness:
    """``x`` [n] and what the network gives there (``y`` [k], in float32 where ``x`` is float32, else in float64);
    ``arithmetic``: where the point is unsafe; ``case``: the text of a case that it falls under."""

    x: FloatArray
    y: FloatArray
    arithmetic: str
    case: str

    @property
    def rank(self) -> int:
        return ARITHMETIC.index(self.arithmetic)


@dataclass(frozen=True, eq=False)
class Checker:
    """A witness of a case has to lie in that case's inner box. Rationals that would take longer than what is left of
    ``clock`` are not tried: a point that needs them stays undecided in real arithmetic."""

    view: NetView
    task: Prove
    runner: Runner | None
    clock: Clock | None = None

    @property
    def unsafe(self) -> UnsafeSet:
        return self.task.unsafe

    def best(self, points: FloatArray, case: IntArray) -> Witness | None:
        """The best witness among candidates [P, n] for cases [P], each moved into the box of its case.

        Each is tried as a float32 point and, if need be, as it stands. A point may turn out to fall under another case.
        """
        region = self.unsafe.region[case]
        low, high = self.unsafe.inner_lower[region], self.unsafe.inner_upper[region]
        fine = (low <= high).all(axis=1) & np.isfinite(points).all(axis=1)
        low, high = low[fine], high[fine]
        if not fine.any():
            return None
        clipped = np.clip(points[fine], low, high)
        single, inside = to_float32(clipped, low, high)
        found = self.in_float32(single[inside])
        if found is None or found.rank:
            found = better(found, self.as_they_stand(clipped))
        return found

    def in_float32(self, points: FloatArray) -> Witness | None:
        """Points of float32 numbers, run in the runtime: the first that is unsafe in both arithmetics, else in one."""
        if not len(points) or self.runner is None:
            return None
        outputs = np.asarray(self.runner(points), dtype=np.float64)
        finite = np.asarray(np.isfinite(outputs).all(axis=1))
        numbers = {
            self.task.inputs: Exact.of(points),
            self.task.outputs: Exact.of(np.where(finite[:, None], outputs, 0.0)),
        }
        table = self.unsafe.holds(numbers, points) & finite[:, None]
        rounded = np.asarray(table.any(axis=1))
        state, real, unsettled = self.in_reals(points)
        best: Witness | None = None
        for k in np.argsort(-(4 * rounded + 2 * real + unsettled), kind="stable").tolist():
            if not rounded[k] and (best is not None or not (real[k] or unsettled[k])):
                break
            cases = (self.exactly(points[k]) if unsettled[k] else state[k]) > 0
            if rounded[k] or cases.any():
                kind = "both" if rounded[k] and cases.any() else "float32-only" if rounded[k] else "real-only"
                text = self.unsafe.texts[int((cases if cases.any() else table[k]).argmax())]
                best = better(best, Witness(points[k], outputs[k], kind, text))
            if best is not None and not best.rank:
                break
        return best

    def as_they_stand(self, points: FloatArray) -> Witness | None:
        """The first point that is unsafe in real arithmetic."""
        state, real, unsettled = self.in_reals(points)
        for k in [*np.flatnonzero(real).tolist(), *np.flatnonzero(unsettled).tolist()]:
            cases = (self.exactly(points[k]) if unsettled[k] else state[k]) > 0
            if cases.any():
                outputs = self.view.forward({self.task.inputs: points[k : k + 1]})[self.task.outputs][0]
                return Witness(points[k], outputs, "real-only", self.unsafe.texts[int(cases.argmax())])
        return None

    def exactly(self, point: FloatArray) -> IntArray:
        """As :func:`unsafe_in_reals` says of a point, [C]; zeros where there is no time for it."""
        if self.clock is not None and products(self.task) * PRODUCT > self.clock.left + SPARE:
            return np.zeros(self.unsafe.count, np.int64)
        return np.asarray(unsafe_in_reals(self.task, point[None])[0])

    def in_reals(self, points: FloatArray) -> tuple[IntArray, BoolArray, BoolArray]:
        """What intervals prove of cases at points, [B, C] as :meth:`UnsafeSet.decided`; which points [B] they prove
        unsafe, and which they leave open: for those exact rationals decide, unless a function has none."""
        state = self.unsafe.decided(enclose(self.task.problem, {self.task.inputs: points}), points)
        real = np.asarray((state > 0).any(axis=1))
        return state, real, np.asarray(~real & (state == 0).any(axis=1))


def to_float32(points: FloatArray, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, BoolArray]:
    """The nearest float32 points inside boxes [P, n], and which are (a narrow side may hold no float32 number)."""
    with np.errstate(over="ignore"):
        single = points.astype(np.float32)
    single = np.where(single < lower, np.nextafter(single, np.float32(np.inf)), single)
    single = np.where(single > upper, np.nextafter(single, np.float32(-np.inf)), single)
    found = single.astype(np.float64)
    inside = np.isfinite(found) & (found >= lower) & (found <= upper)
    return found, np.asarray(inside.all(axis=1))


def better(one: Witness | None, other: Witness | None) -> Witness | None:
    """The one of better arithmetic, the first of equals."""
    return min((w for w in (one, other) if w is not None), key=lambda w: w.rank, default=None)
