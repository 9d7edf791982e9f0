"""Polynomial rows seen as linear rows over their distinct monomials, so that both are normalised by the same code."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from ...ir.blocks import Block, Lin, Poly
from ...ir.errors import Refused
from ...ir.exact_terms import ExactTerms, as_floats
from ...ir.problem import Problem
from ...ir.sums import sum_by
from ...ir.terms.monomials import Monomials
from ...ir.types import BoolArray, FloatArray
from .exact_sums import exact_monomials


@dataclass(frozen=True, eq=False)
class MonomialRows:
    """``matrix`` [m, k] over k distinct monomials (``basis``: one row each, coefficient one), their bounds,
    integrality."""

    matrix: sparse.csr_array
    rhs: FloatArray
    reading: str
    basis: Monomials
    lower: FloatArray
    upper: FloatArray
    integer: BoolArray


def monomial_rows(problem: Problem, poly: Poly) -> MonomialRows:
    """The rows of a constraint polynomial; constants are on the right-hand side."""
    assert poly.rhs is not None
    joined, reading = exact_monomials(poly), poly.reading
    joined = joined.plus_constant(poly.constant)
    merged = joined.tidy()
    constant = (merged.which >= 0).sum(axis=1) == 0
    if len(merged.row) < len(joined.row) or constant.any():  # like terms, or constants to move: add up exactly
        side = joined.plus_constant(-poly.rhs)
        merged, reading = as_floats(ExactTerms.of(side, reading), reading, poly.name)
        constant = (merged.which >= 0).sum(axis=1) == 0
        rhs = -sum_by(merged.row[constant], merged.coefficient[constant], poly.size)
    else:
        rhs = poly.rhs
    joined = merged.take(~constant)
    table = np.concatenate([joined.which, joined.index], axis=1)
    unique, column = np.unique(table, axis=0, return_inverse=True)
    size, width = len(unique), joined.which.shape[1]
    basis = Monomials(size, joined.names, np.arange(size), unique[:, :width], unique[:, width:], np.ones(size))
    lower, upper = basis.interval(problem.box)
    discrete = np.array([problem.vars[name].discrete for name in joined.names] + [True])
    entries = (joined.coefficient, (joined.row, column.ravel()))
    matrix = sparse.csr_array(sparse.coo_array(entries, shape=(poly.size, size)))
    return MonomialRows(matrix, rhs, reading, basis, lower, upper, np.asarray(discrete[basis.which].all(axis=1)))


def from_rows(poly: Poly, rows: MonomialRows, matrix: sparse.csr_array, rhs: FloatArray) -> Poly:
    """The polynomial block with other coefficients over the same monomials."""
    coo = matrix.tocoo()
    row, column = (np.asarray(c, dtype=np.int64) for c in coo.coords)
    basis = rows.basis
    term = Monomials(matrix.shape[0], basis.names, row, basis.which[column], basis.index[column], coo.data)
    return replace(poly, terms=(term,), constant=np.zeros(matrix.shape[0]), rhs=rhs, reading="dyadic")


def integer_like(problem: Problem, name: str) -> Problem:
    """Rows over ``name`` read as dyadic where all their numbers are whole, which is the same meaning; others
    refused."""
    blocks: list[Block] = []
    for block in problem.blocks:
        if isinstance(block, Lin) and name in block.parts and block.reading != "dyadic":
            numbers = np.concatenate([block.rhs, *(op.to_csr().data for op in block.parts.values())])
            if (numbers % 1).any():
                raise Refused(
                    f"rows {block.name!r} have fractional numbers",
                    hint="run normalize-rows{mode=keep} before grid-reals",
                )
            block = replace(block, reading="dyadic")
        blocks.append(block)
    return problem.with_blocks(blocks)
