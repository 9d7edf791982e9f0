"""Binaries as spins: b = (s + 1) / 2.

rewrites: every ``bin`` block, under its own name; needs: no linear rows (run penalize before); adds: spin
guarantee: same, kept
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...ir.problem import Problem
from ...ir.step import Step
from .spin_to_binary import exchange


@dataclass(frozen=True)
class BinaryToSpin:
    removes: ClassVar[tuple[str, ...]] = ("bin",)
    adds: ClassVar[tuple[str, ...]] = ("spin",)

    def run(self, problem: Problem) -> Step:
        return exchange(problem, "bin", "spin", 0.5, 0.5)
