"""Polynomials in the variables of a spec, whole arrays of them at once, with exact or float64 coefficients.

A form of shape S is a vector of prod(S) polynomials: a constant and parts. A part is a list of monomials
(:class:`Entries`), a constant matrix times a whole block (:class:`Matrix`), or one quadratic form of a pair of blocks
(:class:`Quadratic`, only with float coefficients). Variables are told by number: position of the block in the spec.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...ir.errors import InputError
from ...ir.operator import Operator
from ...ir.types import IntArray
from .numbers import Numbers

LIMIT = 20_000_000
"""Most elements of an array, and most monomials of one expression times half their degree."""
WIDEST = 1 << 40
"""More than a block's elements: block * WIDEST + place orders all variables."""
DEGREE = 16
"""Greatest degree of a polynomial."""


def check_size(count: int, what: str) -> None:
    """Refuse, before the memory is taken, what would be too large."""
    if count > LIMIT:
        message = f"{what} would have {count:,} entries, more than the limit of {LIMIT:,}"
        raise InputError(
            message, code="too-large", hint="use smaller index sets, or load data and use whole arrays: A @ x"
        )


@dataclass(frozen=True, eq=False)
class Entries:
    """Monomial k: ``coefficient[k] * prod_d variable which[k, d], element index[k, d]`` in polynomial ``row[k]``."""

    row: IntArray
    which: IntArray
    index: IntArray
    coefficient: Numbers

    @property
    def degree(self) -> int:
        return int(self.which.shape[1])

    def taken(self, order: IntArray, row: IntArray) -> Entries:
        """The monomials ``order`` moved into polynomials ``row``."""
        return Entries(row, self.which[order], self.index[order], self.coefficient.pick(order))

    def picked(self, rows: IntArray, height: int) -> Entries:
        """The polynomials ``rows``, with repeats, as a new vector."""
        if len(self.row) == height and (self.row == np.arange(height)).all():
            return self.taken(rows, np.arange(len(rows)))
        order = np.argsort(self.row, kind="stable")
        counts = np.bincount(self.row, minlength=height)
        starts = np.cumsum(counts) - counts
        repeat = counts[rows]
        check_size(int(repeat.sum()), "this expression")
        within = np.arange(repeat.sum()) - np.repeat(np.cumsum(repeat) - repeat, repeat)
        return self.taken(order[np.repeat(starts[rows], repeat) + within], np.repeat(np.arange(len(rows)), repeat))

    def scaled(self, factor: Numbers) -> Entries:
        """Polynomial r times factor[r]."""
        return replace(self, coefficient=self.coefficient * factor.pick(self.row))


@dataclass(frozen=True, eq=False)
class Matrix:
    """``numbers`` [m, n] times the whole variable block ``which``."""

    which: int
    numbers: Numbers
    degree = 1

    def entries(self) -> Entries:
        m, n = self.numbers.shape
        row, column = np.repeat(np.arange(m), n), np.tile(np.arange(n), m)
        flat = self.numbers.reshape((m * n,))
        used = np.flatnonzero(flat.floats if flat.floats is not None else flat.fractions[0])
        which = np.full((len(used), 1), self.which, np.int64)
        return Entries(row[used], which, column[used][:, None], flat.pick(used))

    def picked(self, rows: IntArray, height: int) -> Matrix | Entries:
        if len(rows) > 2 * self.numbers.shape[0]:
            return self.entries().picked(rows, height)
        return Matrix(self.which, self.numbers.each(lambda a: a[rows]))

    def scaled(self, factor: Numbers) -> Matrix:
        return Matrix(self.which, self.numbers * factor.reshape((self.numbers.shape[0], 1)))


@dataclass(frozen=True, eq=False)
class Quadratic:
    """left^T operator right, one polynomial, float64."""

    left: int
    right: int
    operator: Operator
    degree = 2

    def scaled(self, factor: Numbers) -> Quadratic:
        return replace(self, operator=self.operator.scaled(float(factor.to_float().reshape(()))))


Part = Entries | Matrix | Quadratic


@dataclass(frozen=True, eq=False)
class Form:
    """``constant`` [size] plus ``parts``. ``block``: number of the variable block that it is, whole and in order."""

    shape: tuple[int, ...]
    constant: Numbers
    parts: tuple[Part, ...] = ()
    block: int | None = None

    @classmethod
    def variable(cls, which: int, shape: tuple[int, ...]) -> Form:
        """A whole block."""
        size = int(np.prod(shape, dtype=np.int64))
        column = np.arange(size)
        ones = Numbers.integers(np.ones(size, np.int64))
        entries = Entries(column, np.full((size, 1), which, np.int64), column[:, None], ones)
        return cls(shape, Numbers.integers(np.zeros(size, np.int64)), (entries,), which)

    @classmethod
    def of(cls, numbers: Numbers) -> Form:
        return cls(numbers.shape, numbers.reshape((numbers.size,)))

    @property
    def size(self) -> int:
        return self.constant.size

    @property
    def degree(self) -> int:
        return max((part.degree for part in self.parts), default=0)

    # -- shape ------------------------------------------------------------------------------------------------------

    def reshape(self, shape: tuple[int, ...]) -> Form:
        return replace(self, shape=shape)

    def pick(self, index: IntArray) -> Form:
        """Polynomials by flat index, in the index's shape."""
        flat = np.asarray(index).reshape(-1)
        parts = tuple(
            p if isinstance(p, Quadratic) and len(flat) == 1 else unfolded(p).picked(flat, self.size)
            for p in self.parts
        )
        return Form(index.shape, self.constant.pick(flat), parts)

    def broadcast(self, shape: tuple[int, ...]) -> Form:
        if shape == self.shape:
            return self
        check_size(int(np.prod(shape, dtype=np.int64)), "this expression")
        return self.pick(np.broadcast_to(np.arange(self.size).reshape(self.shape), shape))

    # -- arithmetic (shapes already agree, except where said) -------------------------------------------------------

    def __neg__(self) -> Form:
        return Form(self.shape, -self.constant, tuple(negated(part) for part in self.parts))

    def scaled(self, factor: Numbers) -> Form:
        """Times numbers of the same shape."""
        flat = factor.reshape((self.size,))
        return Form(self.shape, self.constant * flat, tuple(part.scaled(flat) for part in self.parts))

    def times(self, other: Form) -> Form:
        """Elementwise product with a form of the same shape."""
        if self.degree + other.degree > DEGREE:
            raise InputError(
                f"a polynomial of degree {self.degree + other.degree}",
                code="too-large",
                hint=f"at most {DEGREE} is supported",
            )
        lefts, rights = compact(self.parts), compact(other.parts)
        pairs = [crossed(one, two, self.size) for one in lefts for two in rights]
        left = [unfolded(part).scaled(other.constant) for part in lefts if nonzero(other.constant)]
        right = [unfolded(part).scaled(self.constant) for part in rights if nonzero(self.constant)]
        return Form(self.shape, self.constant * other.constant, (*pairs, *left, *right))

    def power(self, exponent: int) -> Form:
        """Elementwise power, exponent >= 0."""
        if exponent > DEGREE:
            raise InputError(
                f"a polynomial of degree {exponent * self.degree}",
                code="too-large",
                hint=f"at most {DEGREE} is supported",
            )
        result = Form.of(Numbers.integers(np.ones(self.shape, np.int64)))
        for turn in range(exponent):
            result = result.times(self) if turn else self
        return result

    def summed(self, owner: IntArray, shape: tuple[int, ...]) -> Form:
        """Polynomials with equal owner added up: polynomial ``owner[r]`` of the result gets polynomial r."""
        height = int(np.prod(shape, dtype=np.int64))
        parts = tuple(p if isinstance(p, Quadratic) else moved(unfolded(p), owner) for p in self.parts)
        return Form(shape, self.constant.summed(owner, height), parts)


def nonzero(numbers: Numbers) -> bool:
    return bool(np.any(numbers.floats if numbers.floats is not None else numbers.fractions[0]))


def unfolded(part: Part) -> Entries | Matrix:
    """Quadratic forms as monomials, other parts as they are."""
    if not isinstance(part, Quadratic):
        return part
    check_size(part.operator.nnz, "this expression")
    coo = part.operator.to_csr().tocoo()
    index = np.stack([np.asarray(side, np.int64) for side in coo.coords], axis=1)
    which = np.broadcast_to(np.array([part.left, part.right], np.int64), index.shape)
    return Entries(np.zeros(len(index), np.int64), which, index, Numbers.given(np.asarray(coo.data), "float"))


def as_entries(part: Part) -> Entries:
    found = unfolded(part)
    return found.entries() if isinstance(found, Matrix) else found


def negated(part: Part) -> Part:
    match part:
        case Entries():
            return replace(part, coefficient=-part.coefficient)
        case Matrix():
            return Matrix(part.which, -part.numbers)
    return replace(part, operator=part.operator.scaled(-1.0))


def moved(part: Entries | Matrix, owner: IntArray) -> Entries:
    entries = as_entries(part)
    return replace(entries, row=owner[entries.row])


def crossed(one: Part, two: Part, height: int) -> Entries:
    """All products of a monomial of one part and one of the other in the same polynomial."""
    left, right = as_entries(one), as_entries(two)
    order = np.argsort(right.row, kind="stable")
    counts = np.bincount(right.row, minlength=height)
    starts = np.cumsum(counts) - counts
    repeat = counts[left.row]
    degree = left.degree + right.degree
    check_size(int(repeat.sum()) * degree // 2, "this product")
    first = np.repeat(np.arange(len(left.row)), repeat)
    within = np.arange(len(first)) - np.repeat(np.cumsum(repeat) - repeat, repeat)
    second = order[starts[left.row][first] + within]
    product = Entries(
        left.row[first],
        np.concatenate([left.which[first], right.which[second]], axis=1),
        np.concatenate([left.index[first], right.index[second]], axis=1),
        left.coefficient.pick(first) * right.coefficient.pick(second),
    )
    return gathered(product) if degree > 2 else product


def gathered(entries: Entries) -> Entries:
    """Monomials in order of row and factors, equal ones added up, zeros gone; factors in order."""
    order = np.argsort(entries.which * WIDEST + entries.index, axis=1, kind="stable")
    which, index = (np.take_along_axis(side, order, 1) for side in (entries.which, entries.index))
    order = np.lexsort((*(which * WIDEST + index).T[::-1], entries.row))
    row, which, index, coefficient = entries.row[order], which[order], index[order], entries.coefficient.pick(order)
    fresh = np.ones(len(row), np.bool_)
    fresh[1:] = (row[1:] != row[:-1]) | ((which[1:] != which[:-1]) | (index[1:] != index[:-1])).any(axis=1)
    if not fresh.all():
        coefficient = coefficient.summed(np.cumsum(fresh) - 1, int(fresh.sum()))
        row, which, index = row[fresh], which[fresh], index[fresh]
    used = np.flatnonzero(coefficient.floats if coefficient.floats is not None else coefficient.fractions[0])
    if len(used) == len(row):
        return Entries(row, which, index, coefficient)
    return Entries(row[used], which[used], index[used], coefficient.pick(used))


def compact(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Lists of monomials of one degree and kind of number put into one list; other parts as they are."""
    lists: dict[tuple[int, str], list[Entries]] = {}
    rest: list[Part] = []
    for part in parts:
        if isinstance(part, Entries):
            lists.setdefault((part.degree, part.coefficient.reading), []).append(part)
        else:
            rest.append(part)
    return (*rest, *map(concatenated, lists.values()))


def concatenated(parts: Sequence[Entries]) -> Entries:
    """Monomials of one degree in one list."""
    if len(parts) == 1:
        return parts[0]
    row, which, index = (np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "which", "index"))
    return Entries(row, which, index, Numbers.join([part.coefficient for part in parts]))


def total(forms: Sequence[Form]) -> Form:
    """The sum of forms of one shape."""
    size = forms[0].size
    constants = [form.constant for form in forms if nonzero(form.constant)]
    constant = constants[0] if constants else forms[0].constant
    if len(constants) > 1:
        constant = Numbers.join(constants).summed(np.tile(np.arange(size), len(constants)), size)
    parts = tuple(part for form in forms for part in form.parts)
    return Form(forms[0].shape, constant, compact(parts) if len(parts) > 8 else parts)


def product_with(matrix: Numbers, form: Form) -> Form | None:
    """matrix [m, n] @ form [n], the matrix kept whole, where the form is a whole variable block; None elsewhere."""
    if form.block is None:
        return None
    zero = Numbers.integers(np.zeros(matrix.shape[0], np.int64))
    return Form((matrix.shape[0],), zero, (Matrix(form.block, matrix),))
