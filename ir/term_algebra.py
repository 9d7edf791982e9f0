"""What expressions do to terms: choosing rows, scaling, dividing, combining them linearly."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .operator import Operator
from .operators.code import Code
from .operators.csr import Csr
from .operators.dense import Dense
from .operators.gather import Gather
from .operators.identity import Identity
from .term import Term
from .terms.bilinear import Bilinear
from .terms.linear import Linear
from .terms.monomials import Monomials
from .types import FloatArray, IntArray


def adding(target: IntArray, shape: tuple[int, ...]) -> Operator:
    """The operator that adds element j into element target[j]."""
    height = int(np.prod(shape, dtype=np.int64))
    if height == 1:
        return Dense(np.ones((1, len(target))))
    return Code(target, np.ones(len(target)), height)


def pick_rows(term: Term, index: IntArray) -> Term:
    if isinstance(term, Linear):
        return Linear(term.variable, term.operator.rows(index))
    if term.size == 1 and len(index) == 1:
        return term
    selection = Csr.of(Gather(index, np.ones(len(index)), term.size).to_csr())
    return combine_term(selection, term)


def scale_term(term: Term, factor: FloatArray | float) -> Term:
    match term:
        case Linear():
            return Linear(term.variable, term.operator.scaled(factor))
        case Bilinear():
            return Bilinear(term.left, term.right, term.operator.scaled(float(np.ravel(factor)[0])))
    return term.monomials().scaled_rows(np.broadcast_to(factor, (term.size,)))  # type: ignore[attr-defined, no-any-return]


def divided(operator: Operator, by: FloatArray) -> Operator:
    """Rows divided by the numbers ``by`` [m], each entry rounded once."""
    if isinstance(operator, Dense):
        return Dense(operator.matrix / by[:, None])
    if isinstance(operator, Identity) and (by == by[:1]).all():
        return Identity(operator.size, operator.factor / float(by[0])) if len(by) else operator
    csr = operator.to_csr()
    return Csr.of(sparse.csr_array((csr.data / np.repeat(by, np.diff(csr.indptr)), csr.indices, csr.indptr), csr.shape))


def divide_term(term: Term, by: FloatArray) -> Term:
    if isinstance(term, Linear):
        return Linear(term.variable, divided(term.operator, by))
    if isinstance(term, Bilinear):
        rows = np.full(term.operator.shape[0], by[0])
        return Bilinear(term.left, term.right, divided(term.operator, rows))
    old = term.monomials()
    assert isinstance(old, Monomials)
    return Monomials(old.rows, old.names, old.row, old.which, old.index, old.coefficient / by[old.row])


def combine_term(operator: Operator, term: Term) -> Term:
    """Linear combinations of a vector of polynomials."""
    if operator.shape == (1, 1):
        return scale_term(term, float(operator.to_dense()[0, 0]))
    if isinstance(term, Linear):
        return Linear(term.variable, operator.after(term.operator))
    old = term.monomials()
    assert isinstance(old, Monomials)
    columns = operator.to_csr().tocsc()
    counts = np.diff(columns.indptr)[old.row]
    starts = columns.indptr[old.row].astype(np.int64)
    entry = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    source = np.repeat(np.arange(len(old.row)), counts)
    row = columns.indices[entry].astype(np.int64)
    coefficient = old.coefficient[source] * columns.data[entry]
    return Monomials(operator.shape[0], old.names, row, old.which[source], old.index[source], coefficient).tidy()


def unit(operator: Operator) -> bool:
    """Whether an operator only picks (perhaps negated) variables: every entry is 1 or -1, none shares a row."""
    if isinstance(operator, Identity):
        return abs(operator.factor) == 1.0
    return isinstance(operator, Gather) and bool((np.abs(operator.weight) == 1.0).all())


def whole(operator: Operator, most: float = 2.0**40) -> bool:
    """Whether every entry is a whole number of moderate size, so that sums and products of a few are exact."""
    match operator:
        case Identity():
            data = np.array([operator.factor])
        case Dense():
            data = operator.matrix
        case Gather() | Code():
            data = operator.weight
        case _:
            data = operator.to_csr().data
    return whole_numbers(data, most)


def whole_numbers(values: FloatArray, most: float = 2.0**40) -> bool:
    return bool((values % 1 == 0).all() and (np.abs(values) <= most).all())
