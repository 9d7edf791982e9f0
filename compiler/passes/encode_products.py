"""Products of variables as linear rows.

rewrites: ``z = x_1 ... x_n y`` (Fn product) over binaries x_i and one binary, integer or real y in l..u into
  z <= U x_i     z >= L x_i     z <= y - L (n - sum x_i)     z >= y - U (n - sum x_i)
  where L = min(l, 0) and U = max(u, 0), or l and u themselves for n = 1. Over binaries alone, with the last of them
  as y, these are z <= x_i and z >= sum x_i - (number of factors - 1). Rows that z's own bounds imply are left out
needs: at most one factor that is no binary, with finite bounds (``encode-integers``, ``spin-to-binary``)
adds: one row block under the name of the function block
guarantee: same feasible set, optimum kept; L and U are rounded outward only where n L or n U would not be a float64
source: Fortet, Cahiers du Centre d'Etudes de Recherche Operationnelle 1, 1959; McCormick, Math. Programming 10, 1976
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from ...ir.blocks import Block, Fn, Lin
from ...ir.errors import Refused
from ...ir.functions.product import Product
from ...ir.ledger import Note
from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.types import BoolArray, FloatArray, IntArray
from ..rows.dyadic import coarse_up, lowest_bit
from ..rows.product_table import KINDS, Layout, distinct


@dataclass(frozen=True)
class EncodeProducts:
    """No options."""

    removes: ClassVar[tuple[str, ...]] = ("fn",)
    adds: ClassVar[tuple[str, ...]] = ("lin",)

    def run(self, problem: Problem) -> Step:
        layout = Layout.of(problem)
        blocks: list[Block] = []
        notes: list[Note] = []
        for block in problem.blocks:
            if isinstance(block, Fn) and isinstance(block.function, Product):
                block = Products.of(problem, block, layout).rows(problem, layout, block)
                notes.append(Note("encode-products", "rows for products", block.name, block.size, unit="rows"))
            blocks.append(block)
        return Step(problem.with_blocks(blocks), ledger=tuple(notes))


@dataclass(frozen=True, eq=False)
class Products:
    """Products [k] as columns: ``result`` [k], ``last`` [k] and its bounds, the other ``factors`` [k, d] (-1: none)."""

    result: IntArray
    last: IntArray
    factors: IntArray
    lower: FloatArray
    upper: FloatArray

    @classmethod
    def of(cls, problem: Problem, fn: Fn, layout: Layout) -> Products:
        result = problem.starts[fn.output] + np.arange(problem.vars[fn.output].size)
        every = np.arange(len(result))
        picks = [problem.starts[arg.variable] + (every if arg.index is None else arg.index) for arg in fn.args]
        factors = distinct(np.stack(picks, axis=1), layout)
        refuse(problem, fn, factors, layout)
        count = (factors >= 0).sum(axis=1)
        last = factors[every, count - 1]
        factors[every, count - 1] = -1
        lower, upper = problem.stack_bounds()
        return cls(result, last, factors, lower[last], upper[last])

    def rows(self, problem: Problem, layout: Layout, fn: Fn) -> Lin:
        """All rows as one block: the two bounds by each factor, then the two by the last one."""
        count = (self.factors >= 0).sum(axis=1)
        one = count == 1
        low = np.where(one, self.lower, outward(np.minimum(self.lower, 0.0), count))
        high = np.where(one, self.upper, -outward(-np.maximum(self.upper, 0.0), count))
        element, place = np.nonzero(self.factors >= 0)
        binary = self.factors[element, place]
        least, most = (bounds[self.result] for bounds in problem.stack_bounds())
        first = place == 0  # without x in it the row is the same for all factors
        above = (high[element] != 0) | (first & (most[element] > 0))
        below = (low[element] != 0) | (first & (least[element] < 0))
        rows = Rows([], [], [], [])
        rows.add(self.result[element][above], 1.0, binary[above], -high[element][above])
        rows.add(self.result[element][below], -1.0, binary[below], low[element][below])
        rows.add_sums(self.result, 1.0, self.last, element, binary, -low, count)
        rows.add_sums(self.result, -1.0, self.last, element, binary, high, count)
        return rows.block(problem, layout, fn)


@dataclass
class Rows:
    """Entries of rows ``<=``, collected in groups."""

    data: list[FloatArray]
    row: list[IntArray]
    column: list[IntArray]
    side: list[FloatArray]

    @property
    def size(self) -> int:
        return sum(map(len, self.side))

    def add(self, result: IntArray, sign: float, binary: IntArray, weight: FloatArray) -> None:
        """sign * z + weight * x <= 0."""
        row = self.size + np.arange(len(result))
        self._entries(row, result, np.full(len(row), sign))
        self._entries(row, binary, weight)
        self.side.append(np.zeros(len(row)))

    def add_sums(
        self, result: IntArray, sign: float, last: IntArray, element: IntArray, binary: IntArray, weight: FloatArray,
        count: IntArray,
    ) -> None:  # fmt: skip
        """sign * (z - y) + weight * sum x <= weight * count."""
        row = self.size + np.arange(len(result))
        self._entries(row, result, np.full(len(row), sign))
        self._entries(row, last, np.full(len(row), -sign))
        self._entries(row[element], binary, weight[element])
        self.side.append(weight * count)

    def _entries(self, row: IntArray, column: IntArray, data: FloatArray) -> None:
        self.row.append(row)
        self.column.append(column)
        self.data.append(data)

    def block(self, problem: Problem, layout: Layout, fn: Fn) -> Lin:
        row, column, data = np.concatenate(self.row), np.concatenate(self.column), np.concatenate(self.data)
        owner = layout.owner[column]
        parts: dict[str, Operator] = {}
        for number in np.unique(owner).tolist():
            mine: BoolArray = owner == number
            name = layout.names[number]
            shape = (self.size, problem.vars[name].size)
            parts[name] = Csr.of(sparse.coo_array((data[mine], (row[mine], layout.place[column[mine]])), shape=shape))
        return Lin(fn.name, parts, "<=", np.concatenate(self.side) + 0.0, "dyadic", origin=fn.origin)


def outward(values: FloatArray, count: IntArray) -> FloatArray:
    """``values`` <= 0, rounded down where ``count`` times them would not be a float64."""
    fine = np.abs(values) * count < 2.0**53 * lowest_bit(values)
    return np.where(fine, values, -coarse_up(-values, np.zeros_like(values)))


def refuse(problem: Problem, fn: Fn, factors: IntArray, layout: Layout) -> None:
    """Refuse products that these rows don't describe."""
    kind = np.where(factors < 0, 0, layout.kind[factors])
    number = kind != 0
    wrong = number & ((number.sum(axis=1) > 1)[:, None] | (kind == KINDS.index("spin")))
    for row, place in np.argwhere(wrong)[:1].tolist():
        label, domain = problem.labels()[factors[row, place]], KINDS[kind[row, place]]
        hint = "run spin-to-binary first" if domain == "spin" else "run encode-integers before linearize-constraints"
        text = f"function block {fn.name!r} multiplies {label}, which is {domain}, by a variable that is no binary"
        raise Refused(text, hint=hint)
    for row, place in np.argwhere(number & ~layout.finite[factors])[:1].tolist():
        text = f"function block {fn.name!r} multiplies {problem.labels()[factors[row, place]]}, which is unbounded"
        hint = "give it bounds, or rows from which tighten-bounds finds them"
        raise Refused(text, code="infinite-bound", hint=hint)
