"""Which float64 operations round nothing, and results to twice the precision where they do.

*source*: T. J. Dekker, A floating-point technique for extending the available precision, Numer. Math. 18 (1971); D. E.
Knuth, The Art of Computer Programming 2, 4.2.2, theorem B (the error of a sum is itself a float).
"""

from __future__ import annotations

import numpy as np

from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.operators.dense import Dense
from ...ir.operators.gather import Gather
from ...ir.operators.identity import Identity
from ...ir.types import FloatArray

SPLITTER = 2.0**27 + 1
LARGE, SMALL = 2.0**960, 2.0**-960


def two_sum(left: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
    """left + right rounded, and what the rounding left out."""
    total = left + right
    back = total - left
    return total, (left - (total - back)) + (right - back)


def two_product(left: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
    """left * right rounded, and what the rounding left out; for factors and products away from over- and underflow."""
    product = left * right
    (top, bottom), (other_top, other_bottom) = halves(left), halves(right)
    rest = ((top * other_top - product) + top * other_bottom + bottom * other_top) + bottom * other_bottom
    return product, rest


def halves(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Numbers as sums of two with at most 26 bits each."""
    scaled = values * SPLITTER
    top = scaled - (scaled - values)
    return top, values - top


def sum_is_exact(left: FloatArray, right: FloatArray) -> bool:
    """Whether left + right is exact everywhere."""
    with np.errstate(over="ignore", invalid="ignore"):
        total, rest = two_sum(left, right)
    return bool(np.isfinite(total).all() and not rest.any())


def product_is_exact(left: FloatArray, right: FloatArray | float) -> bool:
    """Whether all products (with numpy's broadcasting) are exact."""
    factor = np.asarray(right, dtype=np.float64)
    if (np.abs(factor) == 1.0).all():
        return True
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        product, rest = two_product(left, factor)
        size = np.abs(product)
        tame = (size < LARGE) & (np.abs(left) < LARGE) & (np.abs(factor) < LARGE) & (size > SMALL) & (rest == 0.0)
    return bool((tame | (left == 0.0) | (factor == 0.0)).all())


def image_is_exact(operator: Operator, vector: FloatArray) -> bool:
    """Whether ``operator.apply`` of a vector rounds nothing, in whatever order it adds.

    Sufficient: all products are multiples of one power of two, and their absolute sums less than 2^53 times it.
    """
    numbers = entries(operator)
    if not vector.any() or not numbers.any():
        return True
    unit = last_place(numbers) + last_place(vector)
    most = float(operator.absolute(np.abs(vector)[None]).max())
    return bool(unit > -960 and most < np.ldexp(0.99, min(unit + 53, 960)))


def last_place(values: FloatArray) -> int:
    """The greatest e such that all values are multiples of 2^e; not all of them are zero."""
    mantissa, exponent = np.frexp(values[values != 0])
    digits = np.ldexp(np.abs(mantissa), 53).astype(np.int64)
    lowest = np.frexp((digits & -digits).astype(np.float64))[1] - 1
    return int((exponent - 53 + lowest).min())


def entries(operator: Operator) -> FloatArray:
    """The stored numbers of an operator."""
    if isinstance(operator, Dense):
        return operator.matrix
    if isinstance(operator, Identity):
        return np.array([operator.factor])
    if isinstance(operator, Gather):
        return operator.weight
    return np.asarray(operator.to_csr().data)


def operators_add_exactly(left: Operator, right: Operator) -> bool:
    """Whether no entry of left + right rounds; false for operators whose structure the sum would lose."""
    if not all(isinstance(operator, (Dense, Csr, Gather, Identity)) for operator in (left, right)):
        return False
    if isinstance(left, Identity) and isinstance(right, Identity):
        return sum_is_exact(np.array([left.factor]), np.array([right.factor]))
    if isinstance(left, Dense) and isinstance(right, Dense):
        return sum_is_exact(left.matrix, right.matrix)
    one, two = Csr.of(left.to_csr()).matrix, Csr.of(right.to_csr()).matrix
    total = one + two
    back = total - one
    rest = (one - (total - back)) + (two - back)  # two_sum, entry by entry; entries that are not stored are zero
    return bool(np.isfinite(total.data).all() and not rest.data.any())
