"""From the arrays of a file of rows to a :class:`Problem`.

Variables form one block per domain (``bin``, ``int``, ``real``) and carry the file's names. Rows form one block per
kind: ``rows.eq``, ``rows.le`` (>= rows negated), ``rows.range``; ``.if`` is appended where an indicator guards them,
and rows with products are ``quad.eq`` and ``quad.le``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import coo_array

from ...ir.blocks import Block, Guard, Lin, Poly, Var
from ...ir.lift.objective import Objective
from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.problem import Problem
from ...ir.term import Term
from ...ir.terms.bilinear import Bilinear
from ...ir.terms.linear import Linear
from ...ir.terms.monomials import Monomials
from ...ir.types import FloatArray, IntArray
from ..decimals import nearest_float
from ..source_text import SourceText
from .rows import Entries, Model, checked

DOMAINS = ("bin", "int", "real")
NOTHING = np.zeros(0, np.int64)


def to_problem(model: Model, source: SourceText) -> Problem:
    """The problem; raises :class:`InputError` for bounds, sides, indicators and sums that make no sense."""
    assembly = Assembly(checked(model, source), f"{source.code}:{Path(source.file).name}")
    assembly.check_guards(source)
    source.check()
    return assembly.problem()


class Assembly:
    """The blocks of a checked model. ``block`` [n]: a column's domain (index into ``DOMAINS``), ``place`` [n]."""

    def __init__(self, model: Model, origin: str) -> None:
        self.model, self.origin = model, origin
        binary = model.integer & (model.lower.values >= 0) & (model.upper.values <= 1)
        self.block = np.where(binary, 0, np.where(model.integer, 1, 2)).astype(np.int64)
        self.place = np.zeros(self.block.size, np.int64)
        self.vars: list[Var] = []
        for number, domain in enumerate(DOMAINS):
            columns = np.flatnonzero(self.block == number)
            self.place[columns] = np.arange(columns.size)
            if columns.size:
                names = tuple(model.columns[k] for k in columns.tolist())
                bounds = model.lower.values[columns], model.upper.values[columns]
                self.vars.append(Var(domain, domain, (columns.size,), *bounds, origin, names))

    def check_guards(self, source: SourceText) -> None:
        """An indicator must be a binary."""
        model = self.model
        for k in np.flatnonzero(model.guard >= 0).tolist():
            column = int(model.guard[k])
            if self.block[column] != 0:
                message = f"the indicator {model.columns[column]} of row {model.rows[k]} is no binary variable"
                source.say(model.row_line(k), message, "declare it binary")

    def problem(self) -> Problem:
        model = self.model
        blocks: list[Block] = [*self.vars, *self.rows(), self.objective()]
        return Problem(model.name, tuple(blocks), Objective(-1.0 if model.maximize else 1.0), model.notes)

    # -- rows ---------------------------------------------------------------------------------------------------------

    def rows(self) -> list[Block]:
        """All rows, by kind, in file order within each."""
        model = self.model
        square = np.zeros(len(model.rows) + 1, np.bool_)
        square[model.entries.row[model.entries.right >= 0]] = True
        square, guarded = square[:-1], model.guard >= 0
        low, high = np.isfinite(model.least.values), np.isfinite(model.most.values)
        equal = model.least.values == model.most.values
        kinds = {"eq": equal, "le": low != high, "range": low & high & ~equal}
        found: list[Block] = []
        for kind, mask in kinds.items():
            for guard in (False, True):
                chosen = np.flatnonzero(mask & (guarded == guard) & ~square)
                if chosen.size:
                    found.append(self.linear(f"rows.{kind}{'.if' * guard}", kind, chosen))
        same, below, above = (np.flatnonzero(square & m) for m in (equal, high & ~equal, low & ~equal))
        if same.size:
            found.append(self.quadratic("quad.eq", "==", same, NOTHING))
        if below.size or above.size:
            found.append(self.quadratic("quad.le", "<=", below, above))
        return found

    def linear(self, name: str, kind: str, chosen: IntArray) -> Lin:
        """Linear rows of one kind; rows that have only a lower side are negated."""
        model = self.model
        most, least = model.most.values[chosen], model.least.values[chosen]
        negated = np.isinf(most)
        row, entries, factor = self.members(chosen, np.where(negated, -1.0, 1.0))
        guard = None
        if model.guard[chosen[0]] >= 0:
            guard = Guard(DOMAINS[0], self.place[model.guard[chosen]], model.guard_value[chosen])
        return Lin(
            name,
            self.operators(row, entries, factor, chosen.size),
            "==" if kind == "eq" else "<=",
            np.where(negated, 0.0 - least, most),
            "decimal",
            guard,
            least if kind == "range" else None,
            origin=self.origin,
            names=tuple(model.rows[k] for k in chosen.tolist()),
        )

    def quadratic(self, name: str, sense: str, below: IntArray, above: IntArray) -> Poly:
        """Rows with products: ``below`` as they are, ``above`` (lower sides) negated; a range is both."""
        names, ranged = self.model.rows, set(below.tolist()) & set(above.tolist())
        labels = [names[k] for k in below.tolist()]
        labels += [f"{names[k]}.least" if k in ranged else names[k] for k in above.tolist()]
        terms: list[Term] = []
        for start, chosen, sign in ((0, below, 1.0), (below.size, above, -1.0)):
            row, entries, factor = self.members(chosen, np.full(chosen.size, sign))
            terms += self.terms(row + start, entries, factor, len(labels))
        sides = self.model.most.values[below], 0.0 - self.model.least.values[above]
        constant, rhs, origin = np.zeros(len(labels)), np.concatenate(sides), self.origin
        return Poly(
            name, "constraint", tuple(terms), constant, sense, rhs, "decimal", origin=origin, names=tuple(labels)
        )

    def terms(self, row: IntArray, entries: Entries, factor: FloatArray, size: int) -> list[Term]:
        """Linear and quadratic terms of a vector of polynomials."""
        linear, square = np.flatnonzero(entries.right < 0), np.flatnonzero(entries.right >= 0)
        parts = self.operators(row[linear], entries.take(linear), factor[linear], size)
        found: list[Term] = [Linear(name, operator) for name, operator in parts.items() if operator.nnz]
        if square.size:
            columns = np.stack([entries.left[square], entries.right[square]], axis=1)
            used, which = np.unique(self.block[columns], return_inverse=True)
            names = tuple(DOMAINS[k] for k in used.tolist())
            value = entries.value.values[square] * factor[square]
            which = which.reshape(columns.shape)
            found.append(Monomials(size, names, row[square], which, self.place[columns], value).tidy())
        return found

    # -- objective ----------------------------------------------------------------------------------------------------

    def objective(self) -> Poly:
        sign = -1.0 if self.model.maximize else 1.0
        row, entries, factor = self.members(np.array([len(self.model.rows)]), np.array([sign]))
        linear = np.flatnonzero(entries.right < 0)
        parts = self.operators(row[linear], entries.take(linear), factor[linear], 1)
        terms: list[Term] = [Linear(name, operator) for name, operator in parts.items() if operator.nnz]
        terms += self.products(entries, factor)
        constant = np.array([sign * nearest_float(self.model.constant) + 0.0])
        return Poly("objective", "objective", tuple(terms), constant, origin=self.origin)

    def products(self, entries: Entries, factor: FloatArray) -> list[Term]:
        """The objective's products, one matrix per pair of blocks, upper triangular within a block."""
        square = np.flatnonzero((entries.right >= 0) & (entries.value.values != 0))
        first, second = entries.left[square], entries.right[square]
        swap = self.block[first] > self.block[second]
        first, second = np.where(swap, second, first), np.where(swap, first, second)
        value = entries.value.values[square] * factor[square]
        pair = self.block[first] * len(DOMAINS) + self.block[second]
        sizes = {var.name: var.size for var in self.vars}
        found: list[Term] = []
        for number in np.unique(pair).tolist():
            left, right = DOMAINS[number // len(DOMAINS)], DOMAINS[number % len(DOMAINS)]
            index = self.place[first[pair == number]], self.place[second[pair == number]]
            matrix = coo_array((value[pair == number], index), shape=(sizes[left], sizes[right]))
            found.append(Bilinear(left, right, Csr.of(matrix)))
        return found

    # -- help ---------------------------------------------------------------------------------------------------------

    def members(self, chosen: IntArray, sign: FloatArray) -> tuple[IntArray, Entries, FloatArray]:
        """The entries of the chosen rows, with their row's place among these and its sign."""
        entries = self.model.entries
        where = np.full(len(self.model.rows) + 1, -1, np.int64)
        where[chosen] = np.arange(chosen.size)
        found = entries.take(np.flatnonzero(where[entries.row] >= 0))
        row = where[found.row]
        return row, found, sign[row]

    def operators(self, row: IntArray, entries: Entries, factor: FloatArray, size: int) -> dict[str, Operator]:
        """Linear entries as one matrix per variable block they touch (an empty one where they touch none)."""
        value, block = entries.value.values * factor, self.block[entries.left]
        found: dict[str, Operator] = {}
        for var in self.vars:
            part = (block == DOMAINS.index(var.name)) & (value != 0)
            if part.any() or (var is self.vars[-1] and not found):
                index = row[part], self.place[entries.left[part]]
                found[var.name] = Csr.of(coo_array((value[part], index), shape=(size, var.size)))
        return found
