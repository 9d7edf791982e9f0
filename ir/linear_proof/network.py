"""The network inside a problem, prepared once for products with many rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..blocks import Fn
from ..operator import Operator
from ..operators.identity import Identity
from ..order import Solved, computed, free_blocks
from ..problem import Problem
from ..types import FloatArray, IntArray

DENSE = 1 << 22
"""Most entries of an operator that is stored as a dense matrix."""
SPARSE = 0.2
"""Least share of entries that are not zero for that."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """An operator [m, n], dense or CSR; every product rounds as a sum of at most ``max(m, n)`` terms."""

    entries: Any
    sparse: bool = False
    identity: bool = False

    @classmethod
    def of(cls, operator: Operator) -> Matrix:
        rows, columns = operator.shape
        plain = isinstance(operator, Identity) and operator.factor == 1.0
        csr = operator.to_csr()
        if rows * columns <= DENSE and csr.nnz >= SPARSE * rows * columns and not plain:
            return cls(np.ascontiguousarray(csr.toarray(), dtype=np.float64))
        return cls(csr, True, plain)

    @cached_property
    def absolute(self) -> Any:
        return abs(self.entries)

    def forward(self, x: FloatArray) -> FloatArray:
        """[B, n] to [B, m]."""
        return x if self.identity else np.asarray((self.entries @ x.T).T)

    def magnitude(self, x: FloatArray) -> FloatArray:
        """The same with the magnitudes of all entries."""
        return x if self.identity else np.asarray((self.absolute @ x.T).T)

    def backward(self, rows: FloatArray) -> FloatArray:
        """[B, M, m] to [B, M, n]."""
        if self.identity:
            return rows
        flat = rows.reshape(-1, rows.shape[-1])
        product = (self.entries.T @ flat.T).T if self.sparse else flat @ self.entries
        return np.ascontiguousarray(product).reshape(*rows.shape[:-1], self.entries.shape[1])

    def pick(self, index: IntArray) -> FloatArray:
        """Rows ``index`` [B, M]: [B, M, n]."""
        if self.sparse:
            found = np.asarray(self.entries[index.ravel()].toarray(), dtype=np.float64)
            return found.reshape(*index.shape, self.entries.shape[1])
        return np.asarray(self.entries[index], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Sum:
    """``name = (sum_k parts[k] x_k + offset) / divisor``, or without divisor. ``exact``: floats mean themselves."""

    name: str
    parts: dict[str, Matrix]
    offset: FloatArray
    divisor: FloatArray | None
    exact: bool

    @property
    def size(self) -> int:
        return len(self.offset)

    @property
    def terms(self) -> int:
        """At least the roundings that any summand of a product goes through, forth or back.

        The products and sums, one for each part, the offset, the divisor; a half for reading each number otherwise.
        """
        widths = sum(matrix.entries.shape[1] for matrix in self.parts.values())
        return int(max(self.size, widths)) + len(self.parts) + 6


@dataclass(frozen=True, eq=False)
class Network:
    """``steps`` compute all blocks from block ``inputs``; ``sizes`` of all blocks."""

    inputs: str
    steps: tuple[Sum | Fn, ...]
    sizes: dict[str, int]

    @classmethod
    def of(cls, problem: Problem, inputs: str) -> Network | None:
        """None where other blocks than ``inputs`` are free. Whatever else the problem demands is not used."""
        if free_blocks(problem) != (inputs,):
            return None
        steps = tuple(step if isinstance(step, Fn) else prepared(step) for step in computed(problem))
        return cls(inputs, steps, {name: var.size for name, var in problem.vars.items()})

    @cached_property
    def place(self) -> dict[str, int]:
        """The step that computes a block; -1 for the inputs."""
        return {self.inputs: -1, **{name_of(step): number for number, step in enumerate(self.steps)}}

    @cached_property
    def read_by(self) -> dict[str, list[Fn]]:
        """Functions that read a block."""
        found: dict[str, list[Fn]] = {}
        for step in self.steps:
            if isinstance(step, Fn):
                for name in dict.fromkeys(arg.variable for arg in step.args):
                    found.setdefault(name, []).append(step)
        return found

    @cached_property
    def improvable(self) -> frozenset[str]:
        """Blocks that functions read and that are more than one affine map away from the inputs."""
        first = {s.name for s in self.steps if isinstance(s, Sum) and s.parts.keys() <= {self.inputs}}
        return frozenset(self.read_by) - first - {self.inputs}

    @cached_property
    def width(self) -> int:
        """The size of the largest block."""
        return max(self.sizes.values())


def name_of(step: Sum | Fn) -> str:
    return step.output if isinstance(step, Fn) else step.name


def prepared(step: Solved) -> Sum:
    parts = {name: Matrix.of(operator) for name, operator in step.affine.parts.items()}
    divisor = None if step.plain else step.divisor
    return Sum(step.name, parts, step.affine.offset, divisor, step.reading == "dyadic")
