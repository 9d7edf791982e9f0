"""Integers as bits.

rewrites: every ``int`` block with finite bounds (or the one named ``only``) into x = lower + code(bits)
needs: integer rows (``normalize-rows``), no function block or guard on the integers
adds: one ``bin`` block per integer block, and validity rows for one-hot and domain-wall
guarantee: same feasible set, optimum kept
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...ir.affine import Affine
from ...ir.blocks import Lin, Var
from ...ir.errors import InputError, Refused, UsageError
from ...ir.ledger import Note
from ...ir.lift.code import Code
from ...ir.lifting import Lift, Record
from ...ir.operators.code import Code as CodeOperator
from ...ir.operators.csr import Csr
from ...ir.problem import Problem
from ...ir.step import Step
from ..encoding import ENCODINGS, Encoding
from ..substitute import substitute


@dataclass(frozen=True)
class EncodeIntegers:
    """``code``: a file in ``compiler/encodings/``; ``limit``: greatest bit weight (code ``bounded``).

    ``which``: ``all`` integers, ``products`` (those in polynomial rows of degree two and more), ``terms`` (those and
    the ones in such terms of the objective), or ``only`` the block of that name.
    """

    code: str = "log"
    limit: int = 8
    which: str = "all"
    only: str = ""

    removes: ClassVar[tuple[str, ...]] = ("int",)
    adds: ClassVar[tuple[str, ...]] = ("bin", "lin")

    def run(self, problem: Problem) -> Step:
        records: list[Record] = []
        notes: list[Note] = []
        self._encoding()  # an unknown code is an error also where there is nothing to encode
        chosen = self._chosen(problem)
        for var in problem.vars.values():
            if var.domain == "int" and var.name in chosen:
                problem, record = self._encode(problem, var)
                records.append(record)
                bits = len(record.code.owner)
                notes.append(Note("encode-integers", f"{self.code} code", var.name, bits, unit="bits"))
        return Step(problem, Lift(tuple(records)), ledger=tuple(notes))

    def _chosen(self, problem: Problem) -> set[str]:
        if self.only:
            return {problem.var(self.only).name}
        if self.which == "all":
            return set(problem.vars)
        if self.which not in ("products", "terms"):
            raise UsageError(f"which={self.which} is not known", hint="all, products or terms")
        polys = [*problem.constraints, *([problem.objective] if self.which == "terms" else [])]
        return {name for poly in polys for term in poly.terms if term.degree > 1 for name in term.variables}

    def _encoding(self) -> Encoding:
        cls = ENCODINGS[self.code]
        found: Encoding = cls(self.limit) if self.code == "bounded" else cls()
        return found

    def _encode(self, problem: Problem, var: Var) -> tuple[Problem, Code]:
        ranges = check_range(var)
        free = np.flatnonzero(ranges)
        bits = self._encoding().encode(ranges[free].astype(np.int64))
        name = problem.fresh(f"{var.name}.bits")
        operator = CodeOperator(free[bits.owner], bits.weight, var.size)
        block = Var.of(name, "bin", (len(bits.owner),), origin=f"bits:{var.name}")
        new = substitute(problem, var.name, Affine(var.lower, {name: operator}), [block])
        if bits.rows is not None and bits.rhs is not None:
            valid = Lin(
                new.fresh(f"{var.name}.valid"), {name: Csr.of(bits.rows)}, bits.sense, bits.rhs, "dyadic",
                pattern=bits.pattern, origin=f"code:{var.name}",
            )  # fmt: skip
            new = new.with_blocks([*new.blocks, valid])
        return new, Code(var.name, name, operator, var.lower, bits.inverse)


def check_range(var: Var) -> np.ndarray:
    """upper - lower, refusing what bits cannot hold."""
    if var.domain not in ("int", "bin"):
        raise UsageError(f"{var.name!r} is {var.domain}, not an integer")
    infinite = np.flatnonzero(~np.isfinite(var.lower) | ~np.isfinite(var.upper))
    if len(infinite):
        label = var.labels()[infinite[0]]
        raise InputError(
            f"{label} has an infinite bound ({var.lower[infinite[0]]} .. {var.upper[infinite[0]]}): "
            "bits need a finite range"
            + (f" (and {len(infinite) - 1} more)" if len(infinite) > 1 else ""),
            code="infinite-bound", hint="give it bounds, or rows from which tighten-bounds finds them",
        )  # fmt: skip
    ranges = var.upper - var.lower
    if (ranges >= 2.0**53).any():
        raise Refused(
            f"{var.labels()[int(ranges.argmax())]} ranges over 2^53 values or more", hint="tighten its bounds"
        )
    return ranges
