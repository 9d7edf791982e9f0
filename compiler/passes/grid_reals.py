"""Real variables restricted to a lattice of whole multiples of a power of two.

rewrites: every ``real`` block x into step * y, y integer, with the least power-of-two step that needs at most ``bits``
  bits for the element's range (or the stated ``step``); powers of two keep the rows exact
needs: finite bounds; adds: int
guarantee: (shrinks, bounded). Where no row reads the reals, the objective error is the sum over elements of
  (largest slope of the objective over the box) * step / 2; otherwise nothing is promised of it (infinite).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...ir.affine import Affine
from ...ir.blocks import Fn, Lin, Poly, Var
from ...ir.errors import Infeasible, InputError, UsageError
from ...ir.guarantee import Guarantee
from ...ir.ledger import Note
from ...ir.lift.affine import Affine as AffineRecord
from ...ir.lifting import Lift, Record
from ...ir.operators.code import Code
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.types import FloatArray
from ..rows.polynomial import integer_like
from ..rows.slopes import greatest_slopes
from ..substitute import substitute


@dataclass(frozen=True)
class GridReals:
    """``bits``: most bits per element; ``step``: one step for all instead (a power of two)."""

    bits: int = 8
    step: float = 0.0

    removes: ClassVar[tuple[str, ...]] = ("real",)
    adds: ClassVar[tuple[str, ...]] = ("int",)

    def run(self, problem: Problem) -> Step:
        if not 1 <= self.bits <= 52 or (self.step and np.frexp(self.step)[0] != 0.5):
            raise UsageError("grid-reals needs bits from 1 to 52, and a step that is a power of two")
        records: list[Record] = []
        notes: list[Note] = []
        error = 0.0
        guarantee = Guarantee()
        for var in [v for v in problem.vars.values() if v.domain == "real"]:
            step = self._steps(var)
            error += self._error(problem, var, step)
            low, high = np.ceil(var.lower / step), np.floor(var.upper / step)
            if (low > high).any():
                label = var.labels()[int(np.argmax(low > high))]
                raise Infeasible(f"no multiple of the step {step.max():g} lies within the bounds of {label}", row=label)
            block = Var(var.name, "int", var.shape, low, high, var.origin)
            by = Affine(np.zeros(var.size), {var.name: Code(np.arange(var.size), step, var.size)})
            problem = substitute(integer_like(problem, var.name), var.name, by, [block])
            records.append(AffineRecord(var.name, var.name, step, np.zeros(var.size)))
            notes.append(
                Note("grid-reals", "restricted to a lattice", var.name, var.size, float(step.max()), "step", True)
            )
            guarantee = Guarantee("shrinks", "bounded", error)
        return Step(problem, Lift(tuple(records)), guarantee, tuple(notes))

    def _steps(self, var: Var) -> FloatArray:
        wide = np.flatnonzero(~np.isfinite(var.lower) | ~np.isfinite(var.upper))
        if len(wide):
            raise InputError(
                f"{var.labels()[wide[0]]} has an infinite bound: a lattice needs a finite range", code="infinite-bound",
                hint="give it bounds",
            )  # fmt: skip
        if self.step:
            return np.full(var.size, self.step)
        width = np.maximum(var.upper - var.lower, np.finfo(np.float64).tiny)
        exponent = np.ceil(np.log2(width / (2.0**self.bits - 1)))
        step = np.ldexp(1.0, exponent.astype(np.int64))
        crowded = np.floor(var.upper / step) - np.ceil(var.lower / step) > 2.0**self.bits - 1
        return np.where(crowded, 2 * step, step)

    @staticmethod
    def _error(problem: Problem, var: Var, step: FloatArray) -> float:
        """Largest change of the objective when each element moves to its nearest lattice point inside the bounds."""
        rows: list[Lin | Poly | Fn] = [*problem.lins.values(), *problem.constraints, *problem.fns.values()]
        if any(var.name in row.variables for row in rows):
            return float("inf")
        move = np.minimum(step, var.upper - var.lower)  # near an end the nearest multiple inside may be a step away
        return float(greatest_slopes(problem, problem.objective, var.name) @ move)
