"""A quadratic objective over variables of two values each as a maximum over spins, t_0 = 1 before them.

Variable j takes the values c_j - h_j and c_j + h_j (binaries 1/2 -+ 1/2, spins 0 -+ 1, whole numbers between two
neighbours; h_j = 0 where the bounds leave one), so x_j = c_j + h_j t_j, and

    min over x of offset + linear.x + diagonal.x^2 + sum_{i<j} C_ij x_i x_j  =  - max over t of F(t)

with F of :mod:`isinglass.ir.spin_form`: Q_ij = -C_ij h_i h_j / 2, and Q_0j = -g_j / 2 for the field
g = h (linear + 2 diagonal c + C c + C^T c). Rows of the problem are left out, so the maximum is at least what they
allow: an upper bound of F is one for the problem.

*Rounding.* Where all coefficients are multiples of one power of two 2^b and all their magnitudes add up to less than
2^(b + 50), no step rounds (quarters take two bits, the factor 2 another) and ``error`` is 0. Else each number is a sum
of at most k products that round, and F is off by at most gamma_k times the sum of magnitudes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ..blocks import Poly
from ..errors import Refused
from ..operator import ENTRY_LIMIT, Operator
from ..operators.csr import Csr
from ..operators.dense import Dense
from ..operators.gather import Gather
from ..operators.identity import Identity
from ..problem import Problem
from ..spin_form import SpinForm
from ..term import Term
from ..terms.bilinear import Bilinear
from ..terms.linear import Linear
from ..terms.monomials import Monomials
from ..terms.square import Square
from ..types import BoolArray, FloatArray, IntArray
from .assembly import Total, sorted_columns
from .triplets import Triplets, couplers_csr

UNIT = 2.0**-53
LISTED = (Csr, Dense, Gather, Identity)
"""Operators whose entries are numbers as they were given, not products of such."""


@dataclass(frozen=True, eq=False)
class TwoValued:
    """Variables [n] as ``centre`` + ``half`` * spin; ``free`` [n]: which have two values (half is 0 elsewhere)."""

    centre: FloatArray
    half: FloatArray

    @property
    def free(self) -> BoolArray:
        return np.asarray(self.half > 0)

    def spins(self, points: FloatArray) -> FloatArray:
        """Spins [B, 1 + n] of points [B, n], 1 for t_0 and for variables of one value."""
        step = np.where(self.free, self.half, 1.0)
        signs = np.where(self.free & (points < self.centre), -1.0, 1.0 + 0.0 * step)
        return np.concatenate([np.ones((len(points), 1)), signs], axis=1)

    def points(self, spins: FloatArray) -> FloatArray:
        """Points [B, n] of spins [B, 1 + n]; those with t_0 = -1 mean their negatives."""
        return np.asarray(self.centre + self.half * (spins[:, 1:] * spins[:, :1]))


def spin_form(problem: Problem, limit: int = ENTRY_LIMIT) -> SpinForm:
    """F = -(minimised objective) over t [1 + n]; t_j belongs to variable j - 1 in layout order.

    Raises :class:`Refused` for penalties, for terms of degree above two, and where a variable with more than two values
    occurs in the objective.
    """
    form, _ = spin_form_and_values(problem, limit)
    return form


def spin_form_and_values(problem: Problem, limit: int = ENTRY_LIMIT) -> tuple[SpinForm, TwoValued]:
    """As :func:`spin_form`, with the values that the spins stand for."""
    if problem.penalties:
        raise Refused("a problem with penalties has no bound of its own", code="certify")
    if problem.objective.degree > 2:
        raise Refused("the objective has products of more than two variables", code="certify")
    total = Total(problem.size, problem.starts)
    total.add(problem.objective)
    couplers = total.couplers(limit)
    matrix: Any = couplers if not isinstance(couplers, Triplets) else couplers_csr(couplers, problem.size)
    used = (total.linear != 0) | (total.diagonal != 0)
    used |= np.asarray(abs(matrix).sum(axis=0) + abs(matrix).sum(axis=1)).ravel() != 0
    values = two_valued(problem, used)
    c, h = values.centre, values.half
    across = matrix @ c + matrix.T @ c
    field = h * (total.linear + 2 * total.diagonal * c + across)
    constant = total.offset + total.linear @ c + total.diagonal @ (c * c + h * h) + c @ (matrix @ c)
    rows = np.zeros((0, problem.size + 1))
    quadratic = bordered(couplers, -h, h, -field / 2)
    error = 0.0 if exact(problem) else rounding(problem)
    if not np.isfinite(error):
        raise Refused("the objective's coefficients are too large, or belong to variables without bounds",
                      code="certify")  # fmt: skip
    return SpinForm(rows, quadratic, -float(constant), error), values


def two_valued(problem: Problem, used: BoolArray) -> TwoValued:
    """Centres and halves [n]; variables that the objective does not use stand at one value. Raises :class:`Refused`."""
    lower, upper = problem.stack_bounds()
    domain = np.array([var.domain for var in problem.vars.values() for _ in range(var.size)], dtype="<U4")
    lower, upper = np.where(domain == "real", lower, np.ceil(lower)), np.where(domain == "real", upper, np.floor(upper))
    spin = domain == "spin"
    lower, upper = np.where(spin & (lower == 0), 1.0, lower) + 0.0, np.where(spin & (upper == 0), -1.0, upper) + 0.0
    step = np.where(spin, 2.0, np.where(domain == "real", 0.0, 1.0))
    with np.errstate(invalid="ignore"):
        wide = used & ~((upper - lower <= step) & (np.abs(lower) < 2.0**50))
    if wide.any():
        name = problem.labels()[int(np.flatnonzero(wide)[0])]
        raise Refused(f"{name} has more than two values and occurs in the objective", code="certify")
    crossed = lower > upper  # no point at all: any values do
    lower, upper = (np.where(crossed, 0.0, side) for side in (lower, upper))
    only = np.where(spin & ~crossed, upper, np.clip(0.0, lower, upper))
    lower, upper = (np.where(used, side, only) for side in (lower, upper))
    return TwoValued((lower + upper) / 2, (upper - lower) / 2)


def bordered(couplers: FloatArray | Triplets, left: FloatArray, right: FloatArray, border: FloatArray) -> Any:
    """Symmetric [1 + n, 1 + n], zero diagonal: half of left_i C_ij right_j, and its mirror; ``border`` beside t_0."""
    n = len(border)
    if not isinstance(couplers, Triplets):
        square = np.zeros((n + 1, n + 1))
        inner = square[1:, 1:]
        np.multiply(couplers, left[:, None] / 2, out=inner)
        inner *= right
        square[0, 1:] = border
        square += square.T
        return square
    value = couplers.value * (left[couplers.row] * right[couplers.column]) / 2
    place = np.flatnonzero(border)
    row = np.concatenate([np.zeros(len(place), np.int64), couplers.row + 1])
    column = np.concatenate([place + 1, couplers.column + 1])
    upper = sparse.csr_array(
        sparse.coo_array((np.concatenate([border[place], value]), (row, column)), shape=(n + 1, n + 1))
    )
    upper.eliminate_zeros()
    return sparse.csr_array(upper + upper.T)


def couplings(form: SpinForm) -> Triplets:
    """J of E(t) = -F(t) = sum_{i<j} J_ij t_i t_j - constant, for a form without ``rows`` (row < column, no zeros)."""
    quadratic: Any = form.quadratic
    if quadratic is None:
        return Triplets.of_dense(np.zeros((0, 0)))
    if isinstance(quadratic, np.ndarray):
        found = Triplets.of_dense(np.triu(quadratic, 1))
    else:
        coo = quadratic.tocoo()
        row, column = (np.asarray(c, dtype=np.int64) for c in coo.coords)
        upper = row < column
        found = Triplets.of_sum(row[upper], column[upper], coo.data[upper], form.spins)
    return Triplets(found.row, found.column, -2 * found.value)


# -- rounding ---------------------------------------------------------------------------------------------------------


def numbers(term: Term) -> Iterator[tuple[Operator | None, FloatArray]]:
    """The numbers that a term is made of, with the operator that they stand in."""
    match term:
        case Linear() | Bilinear():
            yield term.operator, term.operator.to_csr().data
        case Square():
            for operator in term.inner.parts.values():
                yield operator, operator.to_csr().data
            yield None, term.inner.offset
        case Monomials():
            yield None, term.coefficient
        case _:
            yield from numbers(term.monomials())


def exact(problem: Problem) -> bool:
    """Whether nothing rounds when the objective becomes a spin form."""
    ends = [side for var in problem.vars.values() if var.domain == "real" for side in (var.lower, var.upper)]
    if any((np.isfinite(side) & (side != np.rint(side))).any() for side in ends):  # centres are no halves then
        return False
    poly, least = problem.objective, low_bit(problem.objective.constant)
    for term in poly.terms:
        for operator, values in numbers(term):
            if operator is not None and not isinstance(operator, LISTED):
                return False
            least = min(least, low_bit(values) * (2 if isinstance(term, Square) else 1))
    return least > -1000 and magnitude(problem, poly) < np.ldexp(1.0, min(least, 900) + 50)


def low_bit(values: FloatArray) -> int:
    """The greatest b for which all numbers are multiples of 2^b (at most 0)."""
    values = values[values != 0]
    if not values.size:
        return 0
    mantissa, exponent = np.frexp(values)
    whole = np.ldexp(np.abs(mantissa), 53).astype(np.int64)
    zeros = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return min(0, int((exponent - 53 + zeros).min()))


def magnitude(problem: Problem, poly: Poly) -> float:
    """All coefficients' magnitudes times the greatest ones of their variables, added up, rounded up a little; inf where
    a variable without bounds occurs, even if its coefficients cancel."""
    lower, upper = problem.stack_bounds()
    size = np.maximum(np.abs(lower), np.abs(upper))
    found = []
    for beyond in (0.0, 1.0):
        point = problem.unstack(np.where(np.isfinite(size), size, beyond)[None])
        found.append(sum(float(term.magnitude(point).sum()) for term in poly.terms))
    if found[1] > found[0]:
        return np.inf
    return (float(np.abs(poly.constant).sum()) + found[0]) * (1 + 1e-6)


def rounding(problem: Problem) -> float:
    """How far the arrays of the spin form may be from the objective, summed over all of them."""
    poly, steps = problem.objective, 2 * problem.size + 32
    for term in poly.terms:
        steps += summands(term, problem)
    return 2 * steps * UNIT / max(1e-3, 1 - steps * UNIT) * magnitude(problem, poly)


def summands(term: Term, problem: Problem) -> int:
    """How many roundings one number of the arrays may have taken from a term, at the most."""
    match term:
        case Monomials():
            columns = sorted_columns(term, problem.starts)[:, :2]
            return 4 + most_equal(columns)
        case Square():
            return 2 * term.roundings + term.size + 8
        case Linear():
            return term.roundings + term.size + 4
        case _:
            return 2 * term.roundings + term.size + 8


def most_equal(columns: IntArray) -> int:
    """How often the most frequent row of an array [k, 2] occurs."""
    if not len(columns):
        return 0
    return int(np.unique(columns, axis=0, return_counts=True)[1].max())
