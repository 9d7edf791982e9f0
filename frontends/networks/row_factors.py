"""Operators with a factor for each row, their kind kept: what scaling and folding of layers work on."""

from __future__ import annotations

import numpy as np

from ...ir.operator import Operator
from ...ir.operators.conv import Conv
from ...ir.operators.csr import Csr
from ...ir.operators.dense import Dense
from ...ir.operators.gather import Gather
from ...ir.operators.identity import Identity
from ...ir.types import FloatArray
from .exact_floats import product_is_exact


def numbers_of(operator: Operator) -> FloatArray:
    """The stored numbers of an operator as :func:`adjusted` returns it."""
    if isinstance(operator, Dense):
        return operator.matrix
    if isinstance(operator, Gather):
        return operator.weight
    return operator.weight if isinstance(operator, Conv) else np.asarray(operator.to_csr().data)


def adjusted(operator: Operator, *factors: FloatArray) -> tuple[Operator, list[FloatArray]]:
    """The operator in a kind that can have a factor for each row, and the factors [m] in the shape of its numbers."""
    if isinstance(operator, Dense):
        return operator, [factor[:, None] for factor in factors]
    if isinstance(operator, (Identity, Gather)):
        return operator.rows(np.arange(operator.shape[0])), list(factors)
    if isinstance(operator, Conv):
        channels = [factor.reshape(len(operator.weight), -1) for factor in factors]
        if all((factor == factor[:, :1]).all() for factor in channels):
            return operator, [factor[:, :1, None, None] for factor in channels]
    csr = Csr.of(operator.to_csr())
    rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    return csr, [factor[rows] for factor in factors]


def replaced(operator: Operator, numbers: FloatArray) -> Operator:
    """The operator with other numbers."""
    if isinstance(operator, Dense):
        return Dense(numbers)
    if isinstance(operator, Gather):
        return Gather(operator.index, numbers, operator.width)
    if isinstance(operator, Conv):
        return Conv(numbers, operator.image, operator.strides, operator.dilations, operator.pads)
    assert isinstance(operator, Csr)
    return Csr.of(Csr(numbers, operator.indices, operator.indptr, operator.width).matrix)


def row_products_are_exact(operator: Operator, factors: FloatArray) -> bool:
    """Whether multiplying row i by factor i rounds none of its numbers."""
    if (np.abs(factors) == 1.0).all():
        return True
    kind, (each,) = adjusted(operator, factors)
    return product_is_exact(numbers_of(kind), each)


def scaled_rows(operator: Operator, factors: FloatArray) -> Operator:
    """diag(factors) operator, of the simplest kind."""
    if isinstance(operator, Identity) and factors.size and (factors == factors[0]).all():
        return operator.scaled(float(factors[0]))
    kind, (each,) = adjusted(operator, factors)
    return replaced(kind, numbers_of(kind) * each)
