"""Expressions over whole tensors of variables: what :class:`~isinglass.ir.builder.Builder` hands out.

An expression of shape S is a vector of prod(S) polynomials: a constant, linear operators by block, and polynomial
terms. Everything is array arithmetic; nothing here is made per scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .affine import Affine
from .errors import InputError
from .exact_terms import ExactTerms, fractions
from .operator import Operator, as_operator
from .operators.identity import Identity
from .sums import sum_by
from .term import Term
from .term_algebra import adding, combine_term, divide_term, divided, pick_rows, scale_term, unit, whole, whole_numbers
from .terms.bilinear import Bilinear
from .terms.linear import Linear
from .terms.monomials import Monomials
from .types import FloatArray, IntArray

Exactly = Callable[[str], ExactTerms]
Number = float | int | FloatArray | np.generic


@dataclass(frozen=True, eq=False)
class Expression:
    """``affine`` has prod(shape) rows; ``terms`` are vectors of as many polynomials.

    ``exact``: how to get the polynomials with rational coefficients, under a reading of the numbers that they were made
    from, where float64 arithmetic may have rounded; None where every coefficient is a number as it was given.
    """

    shape: tuple[int, ...]
    affine: Affine
    terms: tuple[Term, ...] = ()
    exact: Exactly | None = None

    __array_ufunc__ = None  # numpy arrays defer to our reflected operators
    __hash__ = None  # type: ignore[assignment]  # comparisons build rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.object_]:
        """Itself as one object, so that scipy's sparse arrays leave ``A @ x`` to us and nothing walks the elements."""
        if dtype is not None and np.dtype(dtype) != np.object_:
            raise TypeError("an expression has no numbers before it is solved")
        cell = np.empty((), np.object_)
        cell[()] = self
        return cell

    # -- shape -------------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        return self.affine.size

    @property
    def degree(self) -> int:
        return max([term.degree for term in self.terms], default=1 if self.affine.parts else 0)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar expression has no length")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def pick(self, index: IntArray) -> Expression:
        """Elements by flat index; the result has the index's shape."""
        flat = np.asarray(index, dtype=np.int64).ravel()
        terms = tuple(pick_rows(term, flat) for term in self.terms)
        exact = (
            None
            if self.exact is None
            else lambda reading: self.exactly(reading).combined(selection(flat, self.size), reading)
        )
        return Expression(np.shape(index), self.affine.rows(flat), terms, exact)

    def __getitem__(self, key: Any) -> Expression:
        try:
            return self.pick(np.arange(self.size).reshape(self.shape)[key])
        except IndexError as error:
            raise InputError(f"index {key!r} does not fit shape {self.shape}: {error}") from None

    def reshape(self, *shape: int | tuple[int, ...]) -> Expression:
        wanted: Any = shape if len(shape) != 1 else shape[0]
        try:
            return replace(self, shape=np.empty(self.shape, np.bool_).reshape(wanted).shape)
        except (TypeError, ValueError):
            raise InputError(f"shape {self.shape} can't become {wanted}") from None

    @property
    def T(self) -> Expression:
        return self.pick(np.arange(self.size).reshape(self.shape).T)

    def broadcast(self, shape: tuple[int, ...]) -> Expression:
        if shape == self.shape:
            return self
        return self.pick(np.broadcast_to(np.arange(self.size).reshape(self.shape), shape))

    # -- sums and multiples ------------------------------------------------------------------------------------------

    def __add__(self, other: Expression | Number) -> Expression:
        other = lift(other)
        shape = joint_shape(self.shape, other.shape, "add")
        left, right = self.broadcast(shape), other.broadcast(shape)
        exact: Exactly | None = None
        if left.exact or right.exact or collide(left, right):
            exact = lambda reading: left.exactly(reading).plus(right.exactly(reading))  # noqa: E731
        return Expression(shape, left.affine.plus(right.affine), left.terms + right.terms, exact)

    __radd__ = __add__

    def __neg__(self) -> Expression:
        return self * -1.0

    def __sub__(self, other: Expression | Number) -> Expression:
        return self + (-lift(other))

    def __rsub__(self, other: Number) -> Expression:
        return lift(other) + (-self)

    def __mul__(self, other: Expression | Number) -> Expression:
        if isinstance(other, Expression):
            return multiply(self, other)
        factor = as_numbers(other)
        shape = joint_shape(self.shape, factor.shape, "multiply")
        left = self.broadcast(shape)
        scale: FloatArray | float = float(factor) if factor.ndim == 0 else np.broadcast_to(factor, shape).ravel()
        exact: Exactly | None = None
        if left.exact or not (
            left.plain or (np.abs(factor) == 1).all() or (left.whole and whole_numbers(factor, 2.0**12))
        ):
            factors = np.broadcast_to(factor, shape).ravel()
            exact = lambda reading: left.exactly(reading).scaled(fractions(factors, reading))  # noqa: E731
        terms = tuple(scale_term(term, scale) for term in left.terms)
        return Expression(shape, left.affine.scaled(scale), terms, exact)

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> Expression:
        """Every coefficient divided with one rounding (7 x / 9 has the coefficient 7/9, not 7 times 1/9)."""
        divisor = as_numbers(other)
        if (divisor == 0).any():
            raise InputError("division by zero", code="not-finite")
        shape = joint_shape(self.shape, divisor.shape, "divide")
        left = self.broadcast(shape)
        by = np.broadcast_to(divisor, shape).ravel()
        parts = {name: divided(operator, by) for name, operator in left.affine.parts.items()}
        terms = tuple(divide_term(term, by) for term in left.terms)
        exact: Exactly | None = None
        if (np.abs(by) != 1).any():
            exact = lambda reading: left.exactly(reading).scaled(1 / fractions(by, reading))  # noqa: E731
        return Expression(shape, Affine(left.affine.offset / by, parts), terms, exact)

    def __pow__(self, power: int) -> Expression:
        if not isinstance(power, int) or power < 0:
            raise InputError(f"power {power!r} is not a whole number >= 0")
        result = lift(np.ones(self.shape))
        for _ in range(power):
            result = self if result.degree == 0 else multiply(result, self)
        return result

    def sum(self, axis: int | None = None) -> Expression:
        """Over all elements, or over one axis."""
        if axis is not None and not -len(self.shape) <= axis < len(self.shape):
            raise InputError(f"an expression of shape {self.shape} has no axis {axis}")
        cells = np.arange(self.size).reshape(self.shape)
        shape: tuple[int, ...] = ()
        if axis is None:
            target = np.zeros(self.size, np.int64)
        else:
            moved = np.moveaxis(cells, axis, -1)
            shape = moved.shape[:-1]
            target = np.empty(self.size, np.int64)
            target[moved.reshape(-1)] = np.repeat(np.arange(int(np.prod(shape, dtype=np.int64))), moved.shape[-1])
        return self._combine(adding(target, shape), shape)

    def __matmul__(self, other: Any) -> Expression:
        return matmul(self, other) if isinstance(other, Expression) else times_matrix(self, other, left=False)

    def __rmatmul__(self, other: Any) -> Expression:
        return times_matrix(self, other, left=True)

    def _combine(self, operator: Operator, shape: tuple[int, ...]) -> Expression:
        """The linear combinations ``operator`` of the elements."""
        offset = operator.apply(self.affine.offset[None])[0]
        parts = {name: operator.after(part) for name, part in self.affine.parts.items()}
        terms = tuple(combine_term(operator, term) for term in self.terms)
        exact: Exactly | None = None
        if self.exact or not (self.plain or (self.whole and whole(operator, 2.0**12))):
            exact = lambda reading: self.exactly(reading).combined(operator.to_csr(), reading)  # noqa: E731
        return Expression(shape, Affine(offset, parts), terms, exact)

    # -- exactness ---------------------------------------------------------------------------------------------------

    def exactly(self, reading: str) -> ExactTerms:
        """The polynomials with rational coefficients, as the numbers they were made from mean them."""
        return ExactTerms.of(as_monomials(self), reading) if self.exact is None else self.exact(reading)

    @property
    def plain(self) -> bool:
        """Nothing but picked variables: multiplying by given numbers makes those numbers the coefficients."""
        parts = self.affine.parts
        return not self.terms and len(parts) <= 1 and all(map(unit, parts.values())) and not self.affine.offset.any()

    @property
    def whole(self) -> bool:
        """All numbers are whole and of moderate size, so that float64 arithmetic on a few of them is exact."""
        numbers = whole_numbers(self.affine.offset) and all(map(whole, self.affine.parts.values()))
        return numbers and all(whole_numbers(term.monomials().coefficient) for term in self.terms)  # type: ignore[attr-defined]

    # -- rows --------------------------------------------------------------------------------------------------------

    def __le__(self, other: Expression | Number) -> Constraint:
        return Constraint(self - other, "<=")

    def __ge__(self, other: Expression | Number) -> Constraint:
        return Constraint(lift(other) - self, "<=")

    def __eq__(self, other: Expression | Number) -> Constraint:  # type: ignore[override]
        return Constraint(self - other, "==")

    def __ne__(self, other: object) -> bool:
        raise InputError("!= is not a linear row", hint="use two guarded rows, or a penalty")

    def __bool__(self) -> bool:
        raise InputError("an expression has no truth value", hint="use b.add(name, row) for each row")


@dataclass(frozen=True, eq=False)
class Constraint:
    """``expression (== or <=) 0`` elementwise."""

    expression: Expression
    sense: str
    guard: tuple[Expression, int] | None = field(default=None)

    def when(self, binary: Expression, value: int = 1) -> Constraint:
        """Binding only where ``binary`` (an element or as many elements as rows) has ``value``.

        Raises :class:`InputError` for a row that has a guard already.
        """
        if self.guard is not None:
            hint = "guard it by one more binary: b.add('both', both >= first + second - 1)"
            raise InputError("a row can have one guard, this one has one already", hint=hint)
        return Constraint(self.expression, self.sense, (binary, value))

    def __bool__(self) -> bool:
        raise InputError(
            "chained comparisons lose a row", hint="write two rows: b.add('low', 0 <= x); b.add('high', x <= 9)"
        )


def as_numbers(value: Any) -> FloatArray:
    """A float64 array; an :class:`InputError` for what is not numbers, or not finite."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"not numbers: {value!r}") from None
    if not np.isfinite(array).all():
        raise InputError(
            "a coefficient is NaN or infinite", code="not-finite", hint="clean the data before building the model"
        )
    return array


def lift(value: Expression | Number) -> Expression:
    """A constant expression from numbers."""
    if isinstance(value, Expression):
        return value
    array = as_numbers(value)
    return Expression(array.shape, Affine(array.ravel().copy()))


def joint_shape(first: tuple[int, ...], second: tuple[int, ...], what: str) -> tuple[int, ...]:
    """numpy's broadcast of two shapes."""
    try:
        return np.broadcast_shapes(first, second)
    except ValueError:
        raise InputError(f"cannot {what} shapes {first} and {second}") from None


def selection(index: IntArray, size: int) -> sparse.csr_array:
    """The matrix that picks elements."""
    return sparse.csr_array((np.ones(len(index)), index, np.arange(len(index) + 1)), shape=(len(index), size))


def collide(left: Expression, right: Expression) -> bool:
    """Whether adding two expressions may add two numbers up with rounding."""
    offsets = (left.affine.offset != 0) & (right.affine.offset != 0)
    shared = set(left.affine.parts) & set(right.affine.parts)
    if not (offsets.any() or shared or (left.terms and right.terms)):
        return False
    return not (left.whole and right.whole)


def as_monomials(expression: Expression) -> Monomials:
    """All of an expression, constants included, as explicit monomials."""
    parts = [Linear(name, operator).monomials() for name, operator in expression.affine.parts.items()]
    parts += [term.monomials() for term in expression.terms]  # type: ignore[misc]
    none = np.zeros((0, 1), np.int64)
    empty = Monomials(expression.size, (), none[:, 0], none, none, np.zeros(0))
    return Monomials.join([*parts, empty]).plus_constant(expression.affine.offset)


def multiply(left: Expression, right: Expression) -> Expression:
    """Elementwise product of two expressions."""
    if right.degree == 0:
        return left * right.affine.offset.reshape(right.shape)
    if left.degree == 0:
        return right * left.affine.offset.reshape(left.shape)
    shape = joint_shape(left.shape, right.shape, "multiply")
    left, right = left.broadcast(shape), right.broadcast(shape)
    product = as_monomials(left).times(as_monomials(right))
    result = from_monomials(product, shape)
    if not left.exact and not right.exact and left.plain and right.plain:
        return result
    return replace(result, exact=lambda reading: left.exactly(reading).times(right.exactly(reading)))


def from_monomials(product: Monomials, shape: tuple[int, ...]) -> Expression:
    """Constants and linear monomials split off into the affine part."""
    count = (product.which >= 0).sum(axis=1)
    offset = sum_by(product.row[count == 0], product.coefficient[count == 0], product.rows)
    higher = product.take(count >= 2)
    terms: tuple[Term, ...] = (higher,) if len(higher.row) else ()
    linear = product.take(count == 1)
    if len(linear.row):  # single factors stay monomials: block sizes are not known here
        terms += (linear,)
    return Expression(shape, Affine(offset), terms)


def times_matrix(expression: Expression, matrix: Any, left: bool) -> Expression:
    """``matrix @ expression`` (left) or ``expression @ matrix`` for constant vectors and matrices."""
    given: Any = matrix if sparse.issparse(matrix) else as_numbers(matrix)
    if given.ndim not in (1, 2) or len(expression.shape) not in (1, 2):
        raise InputError(f"@ needs vectors or matrices, not shapes {given.shape} and {expression.shape}")
    inner = given.shape[-1 if left else 0]
    own = expression.shape[0 if left else -1]
    if inner != own:
        sides = (given.shape, expression.shape) if left else (expression.shape, given.shape)
        raise InputError(f"@ does not fit shapes {sides[0]} and {sides[1]}")
    table = given if given.ndim == 2 else given.reshape((1, -1) if left else (-1, 1))
    operator = as_operator(table if left else table.T)
    outer = () if given.ndim == 1 else (operator.shape[0],)
    if len(expression.shape) == 1:
        return expression._combine(operator, outer)
    eye = sparse.eye_array(expression.shape[1 if left else 0])
    if left:
        big = as_operator(sparse.kron(operator.to_csr(), eye, format="csr"))
        return expression._combine(big, (*outer, expression.shape[1]))
    big = as_operator(sparse.kron(eye, operator.to_csr(), format="csr"))
    return expression._combine(big, (expression.shape[0], *outer))


def matmul(left: Expression, right: Expression) -> Expression:
    """Product of two expressions: vector @ vector as one structured quadratic form, otherwise sums of products."""
    if len(left.shape) == len(right.shape) == 1 and left.shape == right.shape:
        if left.terms or right.terms:
            return multiply(left, right).sum()
        product = inner_product(left.affine, right.affine)

        def exactly(reading: str) -> ExactTerms:
            ones = sparse.csr_array(np.ones((1, left.size)))
            return left.exactly(reading).times(right.exactly(reading)).combined(ones, reading)

        return replace(product, exact=exactly)
    if len(left.shape) == 2 and len(right.shape) in (1, 2) and left.shape[1] == right.shape[0]:
        columns = right if len(right.shape) == 2 else right.reshape(right.shape[0], 1)
        product = multiply(left.reshape(*left.shape, 1), columns.reshape(1, *columns.shape)).sum(axis=1)
        return product if len(right.shape) == 2 else product.reshape(left.shape[0])
    if len(left.shape) == 1 and len(right.shape) == 2 and left.shape[0] == right.shape[0]:
        return matmul(right.T, left)
    raise InputError(f"@ does not fit shapes {left.shape} and {right.shape}")


def inner_product(left: Affine, right: Affine) -> Expression:
    """sum_i (A x + a)_i (B y + b)_i without forming the products one by one."""
    terms: list[Term] = []
    for first, outer in left.parts.items():
        for second, inner in right.parts.items():
            form = inner if isinstance(outer, Identity) and outer.factor == 1.0 else outer.transpose().after(inner)
            terms.append(Bilinear(first, second, form))
    parts: Mapping[str, Operator] = {}
    linear = Affine(np.array([left.offset @ right.offset]), parts)
    for side, weights in ((left, right.offset), (right, left.offset)):
        if weights.any():
            pieces = {name: as_operator(operator.adjoint(weights[None])) for name, operator in side.parts.items()}
            linear = linear.plus(Affine(np.zeros(1), pieces))
    return Expression((), linear, tuple(terms))
