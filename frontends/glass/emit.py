"""From polynomials of a spec to the blocks and terms of the IR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from ...ir.blocks import Guard, Lin, Poly
from ...ir.errors import InputError
from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.operators.dense import Dense
from ...ir.operators.identity import Identity
from ...ir.term import Term
from ...ir.terms.bilinear import Bilinear
from ...ir.terms.linear import Linear
from ...ir.terms.monomials import Monomials
from ...ir.types import FloatArray
from .forms import Entries, Form, Matrix, Quadratic, nonzero
from .layout import Layout, Rows
from .numbers import Numbers
from .reading import stated

# -- rows -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    """What a row block is called, where it came from, and when it binds."""

    name: str
    origin: str
    guard: Guard | None = None


def row_block(form: Form, sense: str, frame: Frame, layout: Layout, least: Numbers | None = None) -> Lin | Poly:
    """Rows ``form (sense) 0``; with ``least``, rows ``least <= form + rhs part <= rhs``, which have to be linear.

    Raises :class:`InputError` where no variable occurs, or a number is no float64 under any reading.
    """
    rows = Rows.of(form, layout)
    if rows.empty:
        raise InputError(
            "this row compares constants",
            code="row",
            hint="rows are about variables; conditions of an index set go behind if",
        )
    rows, reading, least = stated(rows, least)
    rhs = (-rows.constant).to_float() + 0.0
    linear = linear_terms(rows.linear, form.size, layout)
    if rows.higher:
        terms: tuple[Term, ...] = (*linear, *monomial_terms(rows.higher, form.size, layout))
        zero = np.zeros(form.size)
        return Poly(frame.name, "constraint", terms, zero, sense, rhs, reading, frame.guard, origin=frame.origin)
    parts = {term.variable: term.operator for term in linear}
    side = None if least is None else least.to_float() + 0.0
    return Lin(frame.name, parts, sense, rhs, reading, frame.guard, side, origin=frame.origin)


# -- operators and terms --------------------------------------------------------------------------------------------


def linear_terms(parts: Sequence[Entries | Matrix], height: int, layout: Layout) -> list[Linear]:
    """One operator for each block; entries are without repeats."""
    found = []
    for part in parts:
        if isinstance(part, Matrix):
            found.append(Linear(layout.vars[part.which].name, matrix_operator(part.numbers.to_float())))
            continue
        data = part.coefficient.to_float()
        for number in np.unique(part.which).tolist():
            mine = part.which[:, 0] == number
            where = (part.row[mine], part.index[mine, 0])
            shape = (height, layout.vars[number].size)
            found.append(Linear(layout.vars[number].name, Csr.of(sparse.coo_array((data[mine], where), shape=shape))))
    return found


def matrix_operator(matrix: FloatArray) -> Operator:
    """Dense where at least a quarter of the entries are used."""
    return (
        Dense(np.ascontiguousarray(matrix))
        if np.count_nonzero(matrix) * 4 >= matrix.size
        else Csr.of(sparse.csr_array(matrix))
    )


def monomial_terms(parts: Sequence[Entries], height: int, layout: Layout) -> list[Monomials]:
    """Monomials of degree two and more, one term for each degree."""
    found = []
    for part in parts:
        numbers = np.unique(part.which)
        names = tuple(layout.vars[number].name for number in numbers.tolist())
        places = np.searchsorted(numbers, part.which).astype(np.int64)
        found.append(Monomials(height, names, part.row, places, part.index, part.coefficient.to_float()))
    return found


def objective_terms(form: Form, layout: Layout) -> tuple[tuple[Term, ...], float]:
    """Terms and constant of a scalar form in float64: an operator for each block and each pair of blocks."""
    quadratic = [part for part in form.parts if isinstance(part, Quadratic)]
    rows = Rows.of(without(form, Quadratic), layout)
    linear = linear_terms(rows.linear, 1, layout)
    terms: list[Term] = list(linear)
    for part in quadratic:
        terms.append(Bilinear(layout.vars[part.left].name, layout.vars[part.right].name, part.operator))
    for entries in rows.higher:
        terms += pair_terms(entries, layout) if entries.degree == 2 else monomial_terms([entries], 1, layout)
    constant = rows.constant.to_float()
    numbers = [constant, *(each.to_float() for each in rows.numbers), *(stored(part.operator) for part in quadratic)]
    if not all(np.isfinite(each).all() for each in numbers):
        hint = "clean or rescale the data"
        raise InputError("a coefficient is NaN, infinite or beyond float64", code="not-finite", hint=hint)
    return tuple(terms), float(constant[0])


def without(form: Form, kind: type) -> Form:
    """A form less its parts of a kind."""
    return replace(form, parts=tuple(part for part in form.parts if not isinstance(part, kind)), block=None)


def stored(operator: Operator) -> FloatArray:
    """The numbers that an operator is made of."""
    return operator.matrix if isinstance(operator, Dense) else np.asarray(operator.to_csr().data)


def pair_terms(entries: Entries, layout: Layout) -> list[Term]:
    """Products of two variables as one bilinear form for each pair of blocks."""
    key = entries.which[:, 0] * len(layout.vars) + entries.which[:, 1]
    data, found = entries.coefficient.to_float(), []
    for pair in np.unique(key).tolist():
        mine = np.flatnonzero(key == pair)
        one, two = (layout.vars[number] for number in divmod(pair, len(layout.vars)))
        where = (entries.index[mine, 0], entries.index[mine, 1])
        found.append(Bilinear(one.name, two.name, Csr.of(sparse.coo_array((data[mine], where), (one.size, two.size)))))
    return list(found)


# -- inner products -------------------------------------------------------------------------------------------------


def float_parts(form: Form, layout: Layout) -> dict[int, Operator] | None:
    """A form of degree 1 as one float operator for each block; None where it is of higher degree."""
    if form.degree > 1:
        return None
    if form.block is not None:
        return {form.block: Identity(form.size)}
    rows = Rows.of(without(form, Quadratic), layout)
    numbers = {var.name: k for k, var in enumerate(layout.vars)}
    return {numbers[term.variable]: term.operator for term in linear_terms(rows.linear, form.size, layout)}


def inner_product(left: Form, right: Form, layout: Layout) -> Form | None:
    """sum_r left_r right_r as quadratic forms of whole blocks; None where a side is not of degree 1."""
    ones, twos = float_parts(left, layout), float_parts(right, layout)
    if not ones or not twos:
        return None
    parts: list[Quadratic | Matrix] = []
    for first, outer in ones.items():
        for second, inner in twos.items():
            form = inner if isinstance(outer, Identity) and outer.factor == 1.0 else outer.transpose().after(inner)
            parts.append(Quadratic(first, second, form))
    for side, other in ((ones, right), (twos, left)):
        if nonzero(other.constant):
            weights = other.constant.to_float()
            parts += [Matrix(k, Numbers.given(op.adjoint(weights[None]), "float")) for k, op in side.items()]
    total = Numbers.given(np.array([left.constant.to_float() @ right.constant.to_float()]), "float")
    return Form((), total, tuple(parts))
