"""Left-hand sides of rows at many samples, with an a-priori bound of reading and rounding.

With n roundings (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1) the computed activity is off by
at most gamma_n M, M = |A| |x|. A coefficient's reading is within half an ulp, u relative, of the float: that adds u M
(2 u M where a row is squared). Rows of whole numbers at whole points have no error at all while M < 2^53.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .affine import batch_of
from .blocks import Lin, Poly
from .term import Term
from .terms.bilinear import Bilinear
from .terms.linear import Linear
from .terms.monomials import Monomials
from .terms.square import Square
from .types import BoolArray, FloatArray, Values

UNIT = 2.0**-53
WHOLE = 2.0**53
TINY = float(np.finfo(np.float64).smallest_subnormal)


@dataclass(frozen=True, eq=False)
class Activity:
    """Values [B, m] in float64, and ``error`` [B, m]: how far the exact ones may be off (0: not at all)."""

    value: FloatArray
    error: FloatArray


@dataclass(frozen=True, eq=False)
class Points:
    """Samples by block, and by block and sample whether all numbers are whole, and the largest [B]."""

    values: Values
    whole: Mapping[str, BoolArray]
    largest: Mapping[str, FloatArray]

    @classmethod
    def of(cls, values: Values) -> Points:
        whole = {name: np.asarray((array == np.rint(array)).all(axis=1)) for name, array in values.items()}
        return cls(values, whole, {name: np.abs(array).max(axis=1, initial=0.0) for name, array in values.items()})

    def part(self, piece: slice) -> Points:
        """Some of the samples."""
        values, largest = ({name: a[piece] for name, a in table.items()} for table in (self.values, self.largest))
        return Points(values, {name: array[piece] for name, array in self.whole.items()}, largest)


def linear_activity(lin: Lin, points: Points) -> Activity:
    """The left-hand sides of rows, with a bound of reading and rounding."""
    affine, values = lin.activity, points.values
    whole = np.logical_and.reduce([np.ones(lin.size, np.bool_), *(op.whole_rows() for op in lin.parts.values())])
    return bounded(affine.value(values), affine.magnitude(values), affine.roundings, whole, points, tuple(lin.parts))


def polynomial_activity(poly: Poly, points: Points) -> Activity:
    """The same for polynomial rows."""
    scale = np.tile(np.abs(poly.constant), (batch_of(points.values), 1))
    for term in poly.terms:
        scale += term.magnitude(points.values)
    roundings = max((term.roundings for term in poly.terms), default=0) + len(poly.terms) + 1
    whole = np.full(poly.size, all(map(whole_term, poly.terms))) & (poly.constant == np.rint(poly.constant))
    names = tuple(dict.fromkeys(name for term in poly.terms for name in term.variables))
    return bounded(poly.value(points.values), scale, roundings, whole, points, names)


def bounded(
    value: FloatArray, scale: FloatArray, roundings: int, rows: BoolArray, points: Points, names: tuple[str, ...]
) -> Activity:
    """``value`` with its error bound, generous because ``scale`` is rounded too. ``rows``: those of whole numbers."""
    whole = np.logical_and.reduce([np.ones(len(value), np.bool_), *(points.whole[name] for name in names)])
    largest = np.maximum.reduce([np.zeros(len(value)), *(points.largest[name] for name in names)])
    # the last part: products and coefficients below the least normal number
    error = 1.01 * (roundings + 8) * UNIT * scale + (roundings + 2) * TINY * (1 + largest[:, None]) ** 2
    return Activity(value, np.where(whole[:, None] & rows & (scale < WHOLE), 0.0, error))


def whole_term(term: Term) -> bool:
    """Whether a term has whole coefficients, and values at whole points that do not round below 2^53."""
    match term:
        case Linear() | Bilinear():
            return bool(term.operator.whole_rows().all())
        case Square():
            operators = all(bool(op.whole_rows().all()) for op in term.inner.parts.values())
            return operators and bool((term.inner.offset == np.rint(term.inner.offset)).all())
        case Monomials():
            return bool((term.coefficient == np.rint(term.coefficient)).all())
    return False
