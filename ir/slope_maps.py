"""Linear maps with bounds of their rounding errors, and operators applied to them: what slopes are multiplied out of.

A sum of n products is off by at most gamma_n times the sum of magnitudes (Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., section 3.1), and carries |A| times the errors of what it reads; rows that only pick an element and
change its sign or double it round nothing. A number that does not stand for itself (a reading other than dyadic) is off
by one unit relatively.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import Refused
from .operator import Operator
from .operators.conv import Conv
from .operators.dense import Dense
from .operators.identity import Identity
from .types import BoolArray, FloatArray, IntArray

ENTRIES = 1 << 26
"""Most numbers of a form, and of the maps of all blocks together that it is made from (512 MB)."""
UNIT = 2.0**-53
TINY = 5e-324
SMALL = 1e-290
"""Products of numbers of at least this size do not underflow."""
HINT = "the closed-form bound (certificate interval-slopes) has no such limit"


@dataclass(frozen=True, eq=False)
class Part:
    """A linear map [m, k]: ``matrix``, or diag of a vector ``matrix`` [k]; ``error``: bounds of |true - stored| in the
    same shape, None where it is exact."""

    matrix: FloatArray
    error: FloatArray | None = None

    @property
    def diagonal(self) -> bool:
        return self.matrix.ndim == 1

    def full(self) -> Part:
        """The same as a matrix."""
        if not self.diagonal:
            return self
        return Part(np.diag(self.matrix), None if self.error is None else np.diag(self.error))

    def rows(self, index: IntArray | None) -> Part:
        if index is None:
            return self
        whole = self.full()
        return Part(whole.matrix[index], None if whole.error is None else whole.error[index])

    def plus(self, other: Part) -> Part:
        if self.diagonal != other.diagonal:
            return self.full().plus(other.full())
        total = self.matrix + other.matrix
        exact = (self.matrix == 0) | (other.matrix == 0)
        return Part(total, joined(np.where(exact, 0.0, UNIT * np.abs(total)), self.error, other.error))

    def scaled(self, factor: FloatArray, error: FloatArray | None = None, divide: bool = False) -> Part:
        """Rows times (or divided by) ``factor`` [m], itself off by ``error`` [m]; a diagonal stays one."""
        column = factor if self.diagonal else factor[:, None]
        with np.errstate(over="ignore", invalid="ignore"):
            result = self.matrix / column if divide else self.matrix * column
            size = np.abs(1.0 / column) * (1 + 2 * UNIT) if divide else np.abs(column)
            own = rounding(self.matrix, column, result)
            carried = None if self.error is None else self.error * size
            if error is not None:
                spread = error if self.diagonal else error[:, None]
                reach = np.abs(self.matrix) if self.error is None else np.abs(self.matrix) + self.error
                carried = joined(carried, reach * spread)
        return Part(result, joined(own, carried))


def powers(values: FloatArray) -> BoolArray:
    """Where numbers are zero, or plus or minus powers of two of usual size: products with them are exact."""
    mantissa, exponent = np.frexp(values)
    return np.asarray((values == 0) | ((np.abs(mantissa) == 0.5) & (np.abs(exponent) < 256)))


def rounding(values: FloatArray, factor: FloatArray, result: FloatArray) -> FloatArray:
    """How far products (or quotients) of numbers with ``factor`` are off."""
    exact = (values == 0) | (powers(factor) & ((factor == 0) | (np.abs(result) > SMALL)))
    return np.where(exact, 0.0, UNIT * np.abs(result) + TINY)


def joined(*errors: FloatArray | None) -> FloatArray | None:
    """The sum of errors, rounded up; None where there is none."""
    given = [error for error in errors if error is not None and error.any()]
    if not given:
        return None
    total = np.asarray(sum(given[1:], given[0]))
    return np.asarray(np.where(total > 0, np.nextafter(total * (1 + 8 * UNIT), np.inf), total))


Parts = dict[str, Part]


def product(operator: Operator, part: Part, exact: bool) -> Part:
    """The map ``operator @ part``; ``exact``: the operator's numbers stand for themselves."""
    if part.diagonal and not isinstance(operator, Identity):
        check_entries(operator)
        matrix = operator.to_dense()
        result = matrix * part.matrix
        own = rounding(matrix, part.matrix, result)
        carried = None if part.error is None else np.abs(matrix) * part.error
        reach = np.abs(part.matrix)
    elif isinstance(operator, Identity):
        factor = np.full(operator.size, operator.factor)
        found = part.scaled(factor)
        result, own, carried, reach = found.matrix, np.zeros(()), found.error, np.abs(part.matrix)
    else:
        result = np.ascontiguousarray(operator.apply(part.matrix.T).T)
        own = np.zeros(()) if exact and picks(operator, result) else sum_error(operator, part.matrix)
        carried = None if part.error is None else operator.absolute(part.error.T).T * (1 + 2.0**-20)
        reach = np.abs(part.matrix).sum(axis=0)
    if not exact:  # the nearest float: a unit relatively (in ``sum_error`` already), below the normal range absolutely
        own = own + np.where(result == 0, 0.0, 2 * UNIT * np.abs(result) + TINY * (1.0 + reach))
    if not np.isfinite(result).all():
        raise Refused("the slopes of this network overflow float64", code="overflow")
    return Part(result, joined(np.broadcast_to(own, result.shape), carried))


def sum_error(operator: Operator, matrix: FloatArray) -> FloatArray:
    """How far ``operator @ matrix`` is off in float64, a unit for reading each of the operator's numbers included."""
    terms = operator.roundings + 2
    size = np.asarray(operator.absolute(np.abs(matrix).T).T)
    found = size * (terms * UNIT / (1 - terms * UNIT) * (1 + 2.0**-20)) + TINY * terms * (size > 0)
    if smallest(numbers(operator)) * smallest(matrix) > SMALL:
        return np.asarray(found)
    return np.asarray(found + TINY * terms * (1.0 + np.abs(matrix).sum(axis=0)))


def picks(operator: Operator, result: FloatArray) -> bool:
    """Whether every row of the operator is an element times a power of two, and nothing underflows."""
    if isinstance(operator, Conv) or (not isinstance(operator, Dense) and operator.nnz > operator.shape[0]):
        return False
    csr = operator.to_csr()
    single = int(np.diff(csr.indptr).max(initial=0)) <= 1
    return single and bool(powers(csr.data).all()) and smallest(result) > SMALL


def whole(operator: Operator) -> bool:
    """Whether all its numbers are whole, and small enough to stand for themselves under any reading."""
    return bool(operator.whole_rows().all()) and float(np.abs(numbers(operator)).max(initial=0.0)) < 2.0**53


def numbers(operator: Operator) -> FloatArray:
    """The numbers that an operator is made of."""
    if isinstance(operator, Conv):
        return operator.weight
    return operator.matrix if isinstance(operator, Dense) else np.asarray(operator.to_csr().data)


def smallest(values: FloatArray) -> float:
    """The least magnitude that is not zero."""
    return float(np.abs(values).min(initial=1.0, where=values != 0))


def check_entries(operator: Operator) -> None:
    """Raise :class:`Refused` where an operator has too many entries to be written out."""
    if operator.shape[0] * operator.shape[1] > ENTRIES:
        text = f"a layer of {operator.shape[0]:,} x {operator.shape[1]:,} is too large to be written out"
        raise Refused(text, code="too-large", hint=HINT)
