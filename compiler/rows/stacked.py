"""Rows and objectives of a problem as plain arrays over all variables laid side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...ir.blocks import Lin, Poly
from ...ir.problem import Problem
from ...ir.terms.bilinear import Bilinear
from ...ir.terms.linear import Linear
from ...ir.terms.monomials import Monomials
from ...ir.types import FloatArray, IntArray


def stacked_rows(problem: Problem, lins: Sequence[Lin]) -> sparse.csr_array:
    """All rows of the given blocks as one CSR matrix over ``problem``'s layout, columns sorted, duplicates summed."""
    if lins and all(len(lin.parts) == 1 for lin in lins):
        return tidy(below_each_other(problem, lins))
    data, row, column = [np.zeros(0)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    first = 0
    for lin in lins:
        for name, operator in lin.parts.items():
            coo = operator.to_csr().tocoo()
            data.append(coo.data)
            row.append(coo.coords[0].astype(np.int64) + first)
            column.append(coo.coords[1].astype(np.int64) + problem.starts[name])
        first += lin.size
    entries = (np.concatenate(data), (np.concatenate(row), np.concatenate(column)))
    return tidy(sparse.csr_array(sparse.coo_array(entries, shape=(first, problem.size))))


def below_each_other(problem: Problem, lins: Sequence[Lin]) -> sparse.csr_array:
    """Blocks of one part each: their compressed rows as they are."""
    data, column, ends = [], [], [np.zeros(1, np.int64)]
    for lin in lins:
        [(name, operator)] = lin.parts.items()
        csr = operator.to_csr()
        data.append(csr.data)
        column.append(csr.indices.astype(np.int64) + problem.starts[name])
        ends.append(csr.indptr[1:] + ends[-1][-1])
    arrays = np.concatenate(data), np.concatenate(column), np.concatenate(ends)
    return sparse.csr_array(arrays, shape=(sum(lin.size for lin in lins), problem.size))


def tidy(csr: sparse.csr_array) -> sparse.csr_array:
    """In place: columns sorted, duplicates summed, no explicit zeros."""
    csr.sum_duplicates()
    csr.eliminate_zeros()
    return csr


@dataclass(frozen=True, eq=False)
class StackedPoly:
    """constant + linear.x + x.quadratic.x (upper triangular CSR) + sum of coefficient * product of factors (padded
    -1)."""

    constant: float
    linear: FloatArray
    quadratic: sparse.csr_array
    coefficients: FloatArray
    factors: IntArray


def stacked_poly(problem: Problem, poly: Poly) -> StackedPoly:
    """One polynomial (row 0 of ``poly``) over ``problem``'s layout."""
    n = problem.size
    linear = np.zeros(n)
    row, column, data = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    constant = float(poly.constant[0])
    high: list[tuple[FloatArray, IntArray]] = []
    for term in poly.terms:
        if isinstance(term, Linear):
            start = problem.starts[term.variable]
            linear[start : start + problem.vars[term.variable].size] += term.operator.to_csr().toarray()[0]
        elif isinstance(term, Bilinear):
            coo = term.operator.to_csr().tocoo()
            row.append(coo.coords[0].astype(np.int64) + problem.starts[term.left])
            column.append(coo.coords[1].astype(np.int64) + problem.starts[term.right])
            data.append(coo.data)
        else:
            monomials = term.monomials()
            assert isinstance(monomials, Monomials)
            factors = stacked_factors(problem, monomials)
            count = (factors >= 0).sum(axis=1)
            constant += float(monomials.coefficient[count == 0].sum())
            np.add.at(linear, factors[count == 1, 0], monomials.coefficient[count == 1])
            pair = count == 2
            if pair.any():
                row.append(factors[pair, 0])
                column.append(factors[pair, 1])
                data.append(monomials.coefficient[pair])
            if (count > 2).any():
                high.append((monomials.coefficient[count > 2], factors[count > 2]))
    left, right = np.concatenate(row), np.concatenate(column)
    entries = (np.concatenate(data), (np.minimum(left, right), np.maximum(left, right)))
    quadratic = sparse.csr_array(sparse.coo_array(entries, shape=(n, n)))
    quadratic.sum_duplicates()
    width = max((factors.shape[1] for _, factors in high), default=1)
    padded = [np.pad(f, ((0, 0), (0, width - f.shape[1])), constant_values=-1) for _, f in high]
    return StackedPoly(
        constant,
        linear,
        quadratic,
        np.concatenate([np.zeros(0), *(c for c, _ in high)]),
        np.concatenate([np.zeros((0, width), np.int64), *padded]),
    )


def stacked_factors(problem: Problem, monomials: Monomials) -> IntArray:
    """Factors as columns of the layout [k, d], -1 where there is none; used places first."""
    starts = np.array([problem.starts[name] for name in monomials.names] + [0])
    return np.where(monomials.which >= 0, starts[monomials.which] + monomials.index, -1)
