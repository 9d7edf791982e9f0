"""Candidates checked as counterexamples: in float32 by the reference runtime, in real arithmetic by exact rationals.

No tolerance anywhere. float32 outputs are compared exactly; the exact evaluation runs on the stored weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.exact import Exact
from ...ir.exact_evaluation import exact_values
from ...ir.protocols import Runner
from ...ir.tasks import Prove
from ...ir.types import BoolArray, FloatArray, IntArray
from ...ir.unsafe import UnsafeSet
from .view import NetView

NEAR = 1e-6
"""Relative to the outputs: far more than the rounding error of float64."""
ARITHMETIC = ("both", "float32-only", "real-only")
"""Best first."""


@dataclass(frozen=True, eq=False)
class Witness:
    """``x`` [n] and what the network gives there (``y`` [k] in float32 where ``x`` is float32, else rounded once);
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
    """A witness of a case has to lie in that case's inner box."""

    view: NetView
    task: Prove
    runner: Runner | None

    @property
    def unsafe(self) -> UnsafeSet:
        return self.task.unsafe

    def best(self, points: FloatArray, case: IntArray) -> Witness | None:
        """The best witness among candidates [P, n] for cases [P], each moved into the box of its case.

        Each is tried as a float32 point and, if need be, as it stands. A point may turn out to fall under another case.
        """
        region = self.unsafe.region[case]
        low, high = self.unsafe.inner_lower[region], self.unsafe.inner_upper[region]
        fine = (low <= high).all(axis=1)
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
        """Points of float32 numbers: run in the runtime, then those worth it exactly, until one is unsafe in both."""
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
        best: Witness | None = None
        for k in [*np.flatnonzero(rounded).tolist(), *np.flatnonzero(~rounded & self.near(points)).tolist()]:
            _, real = self.exactly(points[k])
            if rounded[k] or real.any():
                kind = "both" if rounded[k] and real.any() else "float32-only" if rounded[k] else "real-only"
                case = self.unsafe.texts[int((real if real.any() else table[k]).argmax())]
                best = better(best, Witness(points[k], outputs[k], kind, case))
            if best is not None and (not best.rank or not rounded[k]):
                break
        return best

    def as_they_stand(self, points: FloatArray) -> Witness | None:
        """The first point that is unsafe in real arithmetic."""
        for k in np.flatnonzero(self.near(points)).tolist():
            outputs, real = self.exactly(points[k])
            if real.any():
                return Witness(points[k], outputs, "real-only", self.unsafe.texts[int(real.argmax())])
        return None

    def exactly(self, point: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Outputs (rounded once) and the cases that a point falls under, in real arithmetic."""
        values = exact_values(self.task.problem, {self.task.inputs: Exact.of(point[None])})
        return values[self.task.outputs].to_float()[0], self.unsafe.holds(values, point[None])[0]

    def near(self, points: FloatArray) -> BoolArray:
        """Whether float64 leaves it open, or says, that a point is unsafe; saves exact evaluations, decides nothing."""
        values = self.view.forward({self.task.inputs: points})
        size = 1.0 + np.abs(values[self.task.outputs]).max(axis=1, initial=0.0)
        margins = np.where(self.unsafe.inside(points)[:, self.unsafe.region], self.unsafe.margins(values), -np.inf)
        return np.asarray(margins.max(axis=1, initial=-np.inf) >= -NEAR * size)


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
