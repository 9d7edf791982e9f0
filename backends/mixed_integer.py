"""From a problem at the MIP level to the arrays of a mixed-integer program.

minimise offset + cost.x + x^T Q x  with  row_lower <= A x <= row_upper, lower <= x <= upper, x_j whole (j integer)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from ..ir.blocks import Lin, Poly
from ..ir.errors import InputError
from ..ir.ledger import Ledger, Note
from ..ir.levels import check_level
from ..ir.operator import ENTRY_LIMIT, check_limit
from ..ir.problem import Problem
from ..ir.quadratic.assembly import global_rows
from ..ir.rational import read
from ..ir.terms.linear import Linear
from ..ir.terms.monomials import Monomials
from ..ir.types import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class MixedInteger:
    """``matrix`` A csr [m, n]; ``quadratic`` Q csr [n, n], upper triangular with diagonal (no entries: linear)."""

    matrix: sparse.csr_array
    row_lower: FloatArray
    row_upper: FloatArray
    lower: FloatArray
    upper: FloatArray
    integer: BoolArray
    cost: FloatArray
    offset: float
    quadratic: sparse.csr_array
    columns: tuple[str, ...]
    rows: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of variables n."""
        return len(self.cost)

    @cached_property
    def binary(self) -> BoolArray:
        """Integer variables with bounds 0 and 1 [n]."""
        return np.asarray(self.integer & (self.lower == 0) & (self.upper == 1))

    def objective(self, x: FloatArray) -> FloatArray:
        """Minimised objective [B] of points [B, n]."""
        square = np.einsum("bi,bi->b", (self.quadratic.T @ x.T).T, x) if self.quadratic.nnz else 0.0
        return np.asarray(self.offset + x @ self.cost + square)

    def negated(self) -> MixedInteger:
        """The same with the objective's sign changed."""
        return replace(self, cost=0.0 - self.cost, offset=0.0 - self.offset, quadratic=-self.quadratic)

    def check(self) -> MixedInteger:
        """Itself; raises :class:`InputError` naming the first number that is NaN, or infinite where it may not be."""
        hint = "find out where it comes from: a bound or an array of the model"
        wrong = np.flatnonzero(~np.isfinite(self.cost))
        if len(wrong):
            message = f"the objective coefficient of {self.columns[wrong[0]]} is {self.cost[wrong[0]]}"
            raise InputError(message, code="not-finite", hint=hint)
        wrong = np.flatnonzero(~np.isfinite(self.matrix.data))
        if len(wrong):
            row = int(np.searchsorted(self.matrix.indptr, wrong[0], side="right")) - 1
            column = self.columns[self.matrix.indices[wrong[0]]]
            message = f"the coefficient of {column} in row {self.rows[row]} is {self.matrix.data[wrong[0]]}"
            raise InputError(message, code="not-finite", hint=hint)
        if not np.isfinite(self.quadratic.data).all() or not np.isfinite(self.offset):
            raise InputError(
                "a quadratic coefficient or the constant of the objective is not finite", code="not-finite"
            )
        sides = ((self.rows, self.row_lower, self.row_upper), (self.columns, self.lower, self.upper))
        for names, low, high in sides:
            wrong = np.flatnonzero(np.isnan(low) | np.isnan(high) | (low == np.inf) | (high == -np.inf))
            if len(wrong):
                message = f"{names[wrong[0]]} must lie between {low[wrong[0]]} and {high[wrong[0]]}"
                raise InputError(message, code="not-finite", hint=hint)
        return self


def mixed_integer(problem: Problem, limit: int = ENTRY_LIMIT) -> MixedInteger:
    """The arrays, variables in layout order, rows in block order.

    Raises :class:`CompileError` listing every block that does not belong at the MIP level, Refused beyond ``limit``
    entries, and :class:`InputError` for NaN and misplaced infinities.
    """
    check_level(problem, "MIP")
    lins = list(problem.lins.values())
    check_limit(sum(operator.nnz for lin in lins for operator in lin.parts.values()), limit)
    parts = [global_rows(lin.activity, problem.starts, problem.size) for lin in lins]
    empty = sparse.csr_array((0, problem.size))
    matrix = sparse.csr_array(sparse.vstack(parts, format="csr")) if len(parts) > 1 else (parts or [empty])[0]
    cost, offset, quadratic = _objective(problem.objective, problem)
    variables = list(problem.vars.values())
    none, boolean = np.zeros(0), np.zeros(0, np.bool_)
    return MixedInteger(
        matrix,
        np.concatenate([none, *(_lower(lin) for lin in lins)]),
        np.concatenate([none, *(lin.rhs for lin in lins)]),
        np.concatenate([none, *(var.lower for var in variables)]),
        np.concatenate([none, *(var.upper for var in variables)]),
        np.concatenate([boolean, *(np.full(var.size, var.discrete) for var in variables)]),
        cost,
        offset,
        quadratic,
        tuple(problem.labels()),
        tuple(label for lin in lins for label in lin.labels()),
    ).check()


def _lower(lin: Lin) -> FloatArray:
    if lin.sense == "==":
        return lin.rhs
    return np.full(lin.size, -np.inf) if lin.least is None else lin.least


def _objective(poly: Poly, problem: Problem) -> tuple[FloatArray, float, sparse.csr_array]:
    """Cost [n], constant, and the upper triangular matrix of the products."""
    n = problem.size
    cost, offset = np.zeros(n), float(poly.constant.sum())
    row, column, value = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for term in poly.terms:
        if isinstance(term, Linear):
            start = problem.starts[term.variable]
            cost[start : start + term.operator.shape[1]] += term.operator.adjoint(np.ones((1, 1)))[0]
            continue
        monomials = term.monomials()
        assert isinstance(monomials, Monomials)
        first = np.array([*(problem.starts[name] for name in monomials.names), 0], dtype=np.int64)
        places = np.where(monomials.which >= 0, first[monomials.which] + monomials.index, -1)
        places = -np.sort(-np.pad(places, ((0, 0), (0, 2)), constant_values=-1), axis=1)[:, :2]
        degree = (places >= 0).sum(axis=1)
        offset += float(monomials.coefficient[degree == 0].sum())
        np.add.at(cost, places[degree == 1, 0], monomials.coefficient[degree == 1])
        row.append(places[degree == 2, 1])
        column.append(places[degree == 2, 0])
        value.append(monomials.coefficient[degree == 2])
    entries = np.concatenate(value), (np.concatenate(row), np.concatenate(column))
    square = sparse.csr_array(sparse.coo_array(entries, shape=(n, n)))
    square.eliminate_zeros()
    return cost, offset, square


def decimal_loss(problem: Problem, who: str) -> Ledger:
    """A note where a row's exact numbers differ from the decimals that a text file states.

    A text means its exact decimals; where the model means another number that rounds to the same float64, the text is
    off by at most half an ulp, 2^-53 of the number.
    """
    count, blocks = 0, []
    for lin in problem.lins.values():
        wrong = 0 if lin.reading == "decimal" else _differing(lin)
        count += wrong
        blocks += [lin.name] if wrong else []
    if not count:
        return ()
    text = f"row numbers written as decimals that only round to what {', '.join(blocks[:3])} mean"
    return (Note(who, text, blocks[0], count, 2.0**-52, "of the number", loss=True),)


def _differing(lin: Lin) -> int:
    """How many numbers of the rows are not what their shortest decimal says."""
    sides = [lin.rhs] if lin.least is None else [lin.rhs, lin.least]
    values = np.concatenate([*sides, *(operator.to_csr().data for operator in lin.parts.values())])
    values = values[np.isfinite(values) & (values != np.rint(values))]
    if not len(values):
        return 0
    meant, stated = read(values, lin.reading), read(values, "decimal")
    return int(np.count_nonzero((meant[0] != stated[0]) | (meant[1] != stated[1])))
