"""Polynomial rows as linear rows over products.

rewrites: every constraint polynomial into linear rows over its variables and new ones, each the product of two or
more binaries (x x = x), shared over the whole problem; with ``objective`` the objective's products too
needs: products of binaries only (``spin-to-binary``, ``encode-integers``); with ``mixed`` one bounded integer or real
variable may be a factor, as MILP targets can take it
adds: variable blocks ``product`` and their definitions Fn(product), one for each combination of blocks
guarantee: same feasible set, optimum kept. Readings stay: coefficients of equal monomials are added as rationals where
float64 would round, and refused where no float64 reads back as the sum. Guards go over to the linear rows
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy import sparse

from ...ir.blocks import Block, Lin, Poly
from ...ir.errors import Refused
from ...ir.ledger import Note
from ...ir.lifting import Lift
from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.problem import Problem
from ...ir.step import Step
from ...ir.sums import group, sum_by
from ...ir.term import Term
from ...ir.terms.linear import Linear
from ...ir.terms.monomials import Monomials
from ...ir.types import BoolArray, FloatArray, IntArray
from ..rows.exact_sums import exact_monomials, exact_sums
from ..rows.product_table import KINDS, Layout, ProductTable, distinct
from ..rows.stacked import stacked_factors


@dataclass(frozen=True)
class LinearizeConstraints:
    """``objective``: the objective's products too. ``mixed``: allow one bounded number beside binaries in a product."""

    objective: bool = False
    mixed: bool = False

    removes: ClassVar[tuple[str, ...]] = ("constraint-poly", "high-degree")
    adds: ClassVar[tuple[str, ...]] = ("lin", "fn")

    def run(self, problem: Problem) -> Step:
        layout = Layout.of(problem)
        forms = {poly.name: Form.of_rows(problem, poly, layout) for poly in problem.constraints}
        goal = problem.objective
        if self.objective and goal.degree > 1:
            forms[goal.name] = Form.of_objective(problem, goal, layout)
        if not forms:
            return Step(problem)
        for name, one in forms.items():
            one.check(problem, name, layout, self.mixed)
        joined = stacked_products(list(forms.values()))
        products, number = np.unique(joined, axis=0, return_inverse=True)
        table = ProductTable.of(problem, products, layout)
        ends = np.cumsum([int(form.high.sum()) for form in forms.values()])
        numbers = dict(zip(forms, np.split(number.ravel(), ends[:-1]), strict=True))
        new: list[Block] = [*table.variables, *table.functions]
        blocks: list[Block] = []
        for block in problem.blocks:
            form = forms.get(block.name)
            if form is None or not isinstance(block, Poly):
                blocks.append(block)
                continue
            parts = form.parts(problem, layout, table, numbers[block.name])
            blocks += new  # before the first block that reads them
            new = []
            blocks.append(as_rows(block, form, parts) if block.role == "constraint" else as_goal(block, form, parts))
        words = "products introduced"
        notes = [Note("linearize-constraints", words, var.name, var.size, unit="variables") for var in table.variables]
        return Step(problem.with_blocks(blocks), Lift(table.records), ledger=tuple(notes))


@dataclass(frozen=True, eq=False)
class Form:
    """Polynomials [m] in distinct monomials: ``coefficient`` [k] in polynomial ``row`` [k], ``factors`` [k, d] columns.

    No constants among them: they are in ``rhs`` [m] for rows and in ``constant`` [m] for an objective.
    """

    row: IntArray
    factors: IntArray
    coefficient: FloatArray
    rhs: FloatArray
    constant: FloatArray
    rest: tuple[Term, ...] = ()

    @classmethod
    def of_rows(cls, problem: Problem, poly: Poly, layout: Layout) -> Form:
        assert poly.rhs is not None
        monomials = exact_monomials(poly)
        factors = distinct(stacked_factors(problem, monomials), layout)
        free = factors[:, 0] < 0
        row, factors, coefficient, fine = merged(monomials, factors, ~free, poly.reading)
        every = np.arange(poly.size)
        sides = np.concatenate([poly.rhs, -poly.constant, -monomials.coefficient[free]])
        rhs, exact = exact_sums(sides, np.concatenate([every, every, monomials.row[free]]), poly.size, poly.reading)
        exact[row[~fine]] = False
        for wrong in np.flatnonzero(~exact)[:1].tolist():
            raise Refused(
                f"row {poly.labels()[wrong]}: no float64 read as {poly.reading} is the sum of its like terms",
                hint="add them up in the model, or scale the row to whole numbers",
            )
        return cls(row, factors, coefficient, rhs, np.zeros(poly.size))

    @classmethod
    def of_objective(cls, problem: Problem, poly: Poly, layout: Layout) -> Form:
        """Linear terms stay as they are; the rest is added up in float64, as objectives are."""
        rest = tuple(term for term in poly.terms if isinstance(term, Linear))
        found = [term.monomials() for term in poly.terms if not isinstance(term, Linear)]
        monomials = Monomials.join([one for one in found if isinstance(one, Monomials)])
        factors = distinct(stacked_factors(problem, monomials), layout)
        free = factors[:, 0] < 0
        constant = poly.constant + sum_by(monomials.row[free], monomials.coefficient[free], poly.size)
        row, factors, coefficient, _ = merged(monomials, factors, ~free, None)
        return cls(row, factors, coefficient, np.zeros(poly.size), constant, rest)

    @property
    def high(self) -> BoolArray:
        """Monomials of degree two and more."""
        return np.asarray((self.factors >= 0).sum(axis=1) > 1)

    def check(self, problem: Problem, name: str, layout: Layout, mixed: bool) -> None:
        """Refuse factors that are no binaries, naming what removes them."""
        factors = self.factors[self.high]
        kind = np.where(factors < 0, 0, layout.kind[factors])
        single = mixed & ((kind != 0).sum(axis=1) == 1)[:, None] & (kind != KINDS.index("spin"))
        wrong = (kind != 0) & ~(single & layout.finite[factors])
        for row, place in np.argwhere(wrong)[:1].tolist():
            domain, label = KINDS[kind[row, place]], problem.labels()[factors[row, place]]
            hint = {"spin": "run spin-to-binary first", "real": "run grid-reals first"}.get(domain)
            hint = hint or "run encode-integers first"
            if domain != "spin" and (kind[row] != 0).sum() == 1:
                hint += ", or allow mixed=true" if layout.finite[factors[row, place]] else ", or give it finite bounds"
            raise Refused(f"{name!r} multiplies {label}, which is {domain}, by other variables", hint=hint)

    def parts(self, problem: Problem, layout: Layout, table: ProductTable, number: IntArray) -> dict[str, Operator]:
        """The polynomials as operators on old and new blocks; ``number``: product of each monomial of high degree."""
        high, sizes = self.high, {**problem.vars, **{var.name: var for var in table.variables}}
        column = self.factors[~high, 0]
        where = [(self.row[~high], layout.names, layout.owner[column], layout.place[column], self.coefficient[~high])]
        names = tuple(var.name for var in table.variables)
        where.append((self.row[high], names, table.which[number], table.index[number], self.coefficient[high]))
        found: dict[str, Operator] = {}
        for row, labels, owner, place, data in where:
            for key in np.unique(owner).tolist():
                mine = owner == key
                shape = (len(self.rhs), sizes[labels[key]].size)
                found[labels[key]] = Csr.of(sparse.coo_array((data[mine], (row[mine], place[mine])), shape=shape))
        return found


def stacked_products(forms: Sequence[Form]) -> IntArray:
    """The factors of all monomials of high degree, one after another, padded with -1."""
    width = max(form.factors.shape[1] for form in forms)
    pads = [((0, 0), (0, width - form.factors.shape[1])) for form in forms]
    found = [np.pad(form.factors[form.high], pad, constant_values=-1) for form, pad in zip(forms, pads, strict=True)]
    return np.concatenate(found)


def merged(
    monomials: Monomials, factors: IntArray, chosen: BoolArray, reading: str | None
) -> tuple[IntArray, IntArray, FloatArray, BoolArray]:
    """Equal monomials of a row added up: row, factors, coefficient and whether the sum is exact; zeros left out."""
    row, factors, values = monomials.row[chosen], factors[chosen], monomials.coefficient[chosen]
    order, new = group(row, factors + 1, int(factors.max(initial=0)) + 2)
    member = np.empty(len(order), np.int64)
    member[order] = np.cumsum(new) - 1
    count = int(new.sum())
    if reading is None:
        total, fine = sum_by(member, values, count), np.ones(count, bool)
    else:
        total, fine = exact_sums(values, member, count, reading)
    keep = (total != 0) | ~fine
    head = order[new][keep]
    return row[head], factors[head], total[keep], fine[keep]


def as_rows(poly: Poly, form: Form, parts: dict[str, Operator]) -> Lin:
    assert poly.sense is not None
    return Lin(poly.name, parts, poly.sense, form.rhs, poly.reading, poly.guard, origin=poly.origin)


def as_goal(poly: Poly, form: Form, parts: dict[str, Operator]) -> Poly:
    terms: Sequence[Term] = [*form.rest, *(Linear(name, operator) for name, operator in parts.items())]
    return replace(poly, terms=tuple(terms), constant=form.constant)
