"""Multipliers whose reduced costs vanish exactly, where a column without bounds needs that.

A column with a missing side allows a finite bound only if its reduced cost does not have the wrong sign, and a basic
one has reduced cost 0, which float64 multipliers only come near to. Here the multipliers are moved by as little as
solving these equations in fractions takes: ``sum_i delta_i a_ij = c_j - sum_i y_i a_ij`` over rows that have a
multiplier already. Afterwards the sign of every column without bounds is checked in fractions.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy import sparse

from ..rational import READINGS, read_fraction
from ..types import BoolArray, FloatArray, IntArray
from .model import Model

MOST = 200
"""Most equations that are solved."""
Equation = dict[int, Fraction]
"""Row -> coefficient of its multiplier."""


def settled(
    model: Model, rows: IntArray, values: FloatArray, farkas: bool, wrong: IntArray, lower: FloatArray,
    upper: FloatArray,
) -> FloatArray | None:  # fmt: skip
    """Multipliers of ``rows`` near ``values``, rounded to float64 from fractions with which columns ``wrong`` have
    reduced cost 0 and no column without bounds has one of the wrong sign; None where none were found."""
    if len(wrong) > MOST or model.merged:
        return None
    multiplier = {int(row): Fraction(value) for row, value in zip(rows.tolist(), values.tolist(), strict=True) if value}
    columns = sparse.csc_array(model.matrix)
    open_ = np.flatnonzero(np.isinf(lower) | np.isinf(upper))
    equations: dict[int, tuple[Equation, Fraction]] = {}
    for column in open_.tolist():
        found = equation(model, columns, column, multiplier, farkas)
        if found is None:
            return None
        equations[column] = found
    change = solved([equations[column] for column in wrong.tolist()])
    if change is None:
        return None
    moved = {row: value + change.get(row, Fraction(0)) for row, value in multiplier.items()}
    for row, value in moved.items():
        if not np.isfinite(model.low[row] if value > 0 else model.high[row]):
            return None
    for column, (terms, rest) in equations.items():
        reduced = rest - sum((slope * change.get(row, Fraction(0)) for row, slope in terms.items()), Fraction(0))
        if (reduced > 0 and np.isinf(lower[column])) or (reduced < 0 and np.isinf(upper[column])):
            return None
    return np.array([float(moved.get(row, Fraction(0))) for row in rows.tolist()], dtype=np.float64)


def equation(
    model: Model, columns: sparse.csc_array, column: int, multiplier: dict[int, Fraction], farkas: bool
) -> tuple[Equation, Fraction] | None:
    """The column's coefficients in the rows that have multipliers, and its reduced cost; None where a coefficient is
    not known exactly."""
    part = slice(*columns.indptr[column : column + 2].tolist())
    terms: Equation = {}
    for row, value in zip(columns.indices[part].tolist(), columns.data[part].tolist(), strict=True):
        if row in multiplier:
            if model.reading[row] < 0:
                return None
            terms[row] = read_fraction(value, READINGS[model.reading[row]])
    cost = Fraction(0) if farkas else Fraction(float(model.cost[column]))
    return terms, cost - sum((multiplier[row] * slope for row, slope in terms.items()), Fraction(0))


def solved(equations: list[tuple[Equation, Fraction]]) -> dict[int, Fraction] | None:
    """A solution of the equations, other unknowns 0; None where there is none. Gauss-Jordan, pivots by size."""
    done: list[tuple[int, Equation, Fraction]] = []
    for terms, rest in equations:
        terms = dict(terms)
        for row, known, side in done:
            factor = terms.pop(row, None)
            if factor:
                rest = added(terms, rest, known, side, -factor)
        terms = {row: value for row, value in terms.items() if value}
        if not terms:
            if rest:
                return None
            continue
        pivot = max(terms, key=lambda row: abs(terms[row]))
        scale = 1 / terms.pop(pivot)
        terms, rest = {row: value * scale for row, value in terms.items()}, rest * scale
        for k, (row, known, side) in enumerate(done):
            factor = known.pop(pivot, None)
            if factor:
                done[k] = row, known, added(known, side, terms, rest, -factor)
        done.append((pivot, terms, rest))
    return {row: rest for row, _, rest in done}


def added(terms: Equation, rest: Fraction, other: Equation, side: Fraction, factor: Fraction) -> Fraction:
    """Add a multiple of another equation to ``terms``; returns the new right-hand side."""
    for row, value in other.items():
        terms[row] = terms.get(row, Fraction(0)) + factor * value
    return rest + factor * side


def misplaced(reduced: FloatArray, error: FloatArray, lower: FloatArray, upper: FloatArray) -> BoolArray:
    """Which columns have a missing side and a reduced cost that may have the wrong sign."""
    wrong = (np.isinf(lower) & (reduced + error > 0)) | (np.isinf(upper) & (reduced - error < 0))
    return np.asarray(wrong)
