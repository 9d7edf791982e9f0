"""Candidates checked as counterexamples: in float32 by the reference runtime, in real arithmetic by exact rationals.

No tolerance anywhere. float32 outputs are compared exactly; the exact evaluation runs on the stored weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir.exact import Exact
from ..ir.exact_evaluation import exact_values
from ..ir.protocols import Runner
from ..ir.tasks import Prove
from ..ir.types import BoolArray, FloatArray
from .unsafe_cases import UnsafeCase

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
    """``lower``, ``upper`` [n]: the inner box, in which a counterexample has to lie."""

    task: Prove
    cases: Sequence[UnsafeCase]
    runner: Runner | None
    lower: FloatArray
    upper: FloatArray

    def best(self, points: FloatArray) -> Witness | None:
        """The best witness among candidates [C, n], each tried as a float32 point and as it stands."""
        if not len(points) or (self.lower > self.upper).any():
            return None
        clipped = np.clip(points, self.lower, self.upper)
        single, inside = self.to_float32(clipped)
        found = self.check(single[inside], float32=True)
        if not any(one.arithmetic == "both" for one in found):
            found += self.check(clipped, float32=False)
        return min(found, key=lambda one: one.rank, default=None)

    def check(self, points: FloatArray, float32: bool) -> list[Witness]:
        """The unsafe ones among points of the box."""
        if not len(points):
            return []
        exact = exact_values(self.task.problem, {self.task.inputs: Exact.of(points)})
        real, real_case = self.unsafe(exact)
        outputs = exact[self.task.outputs].to_float()
        rounded, rounded_case = np.zeros(len(points), np.bool_), real_case
        if float32 and self.runner is not None:
            outputs = np.asarray(self.runner(points), dtype=np.float64)
            finite = np.asarray(np.isfinite(outputs).all(axis=1))
            numbers = Exact.of(np.where(finite[:, None], outputs, 0.0))
            known = {self.task.inputs: Exact.of(points), self.task.outputs: numbers}
            rounded, rounded_case = self.unsafe(known)
            rounded &= finite
        found = []
        for k in np.flatnonzero(real | rounded).tolist():
            kind = "both" if real[k] and rounded[k] else "real-only" if real[k] else "float32-only"
            case = real_case[k] if real[k] else rounded_case[k]
            found.append(Witness(points[k], outputs[k], kind, self.cases[case].text))
        return found

    def unsafe(self, values: dict[str, Exact]) -> tuple[BoolArray, Any]:
        """Which points [C] fall under a case, and the first such case."""
        table = np.stack([case.holds(values) for case in self.cases], axis=1)
        return np.asarray(table.any(axis=1)), table.argmax(axis=1)

    def to_float32(self, points: FloatArray) -> tuple[FloatArray, BoolArray]:
        """The nearest float32 points inside the box, and which are (a narrow side may hold no float32 number)."""
        with np.errstate(over="ignore"):
            single = points.astype(np.float32)
        single = np.where(single < self.lower, np.nextafter(single, np.float32(np.inf)), single)
        single = np.where(single > self.upper, np.nextafter(single, np.float32(-np.inf)), single)
        found = single.astype(np.float64)
        inside = np.isfinite(found) & (found >= self.lower) & (found <= self.upper)
        return found, np.asarray(inside.all(axis=1))
