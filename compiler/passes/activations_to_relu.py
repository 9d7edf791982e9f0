"""Piecewise linear functions as relu and affine rows.

rewrites: leaky-relu, hardtanh and max, as ``ir/relu_rows.py`` says
needs: nothing
adds: real blocks ``<y>.<part>`` and the rows and relus that compute them; ``bound-intervals`` gives them bounds
guarantee: same feasible set, optimum kept: every coefficient is a number of the function or 1, so the rows, read as
  dyadic, are exact
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...ir.errors import UsageError
from ...ir.functions.max import Max
from ...ir.lifting import Lift
from ...ir.problem import Problem
from ...ir.relu_rows import WRITERS, as_relu
from ...ir.step import Step


@dataclass(frozen=True)
class ActivationsToRelu:
    """``which``: all, or max alone (leaky relus and clips have slopes of their own)."""

    which: str = "all"

    removes: ClassVar[tuple[str, ...]] = ("fn",)
    adds: ClassVar[tuple[str, ...]] = ("lin", "fn", "real")

    def __post_init__(self) -> None:
        if self.which not in ("all", "max"):
            raise UsageError(f"activations-to-relu: which = {self.which}", hint="all or max")

    def run(self, problem: Problem) -> Step:
        written = as_relu(problem, tuple(WRITERS) if self.which == "all" else (Max,))
        return Step(written.problem, Lift(written.records), ledger=written.notes) if written.notes else Step(problem)
