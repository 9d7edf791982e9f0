"""Spins as binaries: s = 2 b - 1.

rewrites: every ``spin`` block, under its own name; needs: integer rows; adds: bin; guarantee: same, kept
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ...ir.affine import Affine
from ...ir.blocks import Var
from ...ir.lift.affine import Affine as AffineRecord
from ...ir.lifting import Lift, Record
from ...ir.operators.identity import Identity
from ...ir.problem import Problem
from ...ir.step import Step
from ..substitute import substitute


@dataclass(frozen=True)
class SpinToBinary:
    removes: ClassVar[tuple[str, ...]] = ("spin",)
    adds: ClassVar[tuple[str, ...]] = ("bin",)

    def run(self, problem: Problem) -> Step:
        return exchange(problem, "spin", "bin", 2.0, -1.0)


def exchange(problem: Problem, old: str, new: str, factor: float, offset: float) -> Step:
    """Blocks of domain ``old`` = factor * blocks of domain ``new`` + offset, keeping their names and shapes."""
    records: list[Record] = []
    for var in problem.vars.values():
        if var.domain != old:
            continue
        ones = np.ones(var.size)
        lower, upper = (var.lower - offset) / factor, (var.upper - offset) / factor
        block = replace(var, domain=new, lower=lower, upper=upper)
        assert isinstance(block, Var)
        by = Affine(ones * offset, {var.name: Identity(var.size, factor)})
        problem = substitute(problem, var.name, by, [block])
        records.append(AffineRecord(var.name, var.name, ones * factor, ones * offset))
    return Step(problem, Lift(tuple(records)))
