"""A slope form with some units fixed at 0 and 1: those are put in, and every rounding is bounded.

Units at y = 0 are gone. Those at y = 1, h, have u_h = z_h = Z_hf u_f + Z_hh u_h + X_h x. With
``W = Z_fh (I - Z_hh)^-1`` the free units have Z' = Z_ff + W Z_hf and X' = X_f + W X_h; the functional is one more row.
W is computed in floats. With the residual R = Z_fh - W (I - Z_hh), which is bounded entry by entry, it is off by
``|R| (I - |Z_hh|)^-1`` at the most: Z_hh is strictly lower triangular, so that inverse is a finite sum of its powers.
None of the other error matrices is ever formed; what is needed are their products with a few vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular

from ..linear_proof.numbers import SLACK, gamma
from ..slope_form import SlopeForm
from ..types import BoolArray, FloatArray, IntArray

TINY = 1e-300
Product = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class Magnitudes:
    """Of a form and one functional: its rows with the functional as the last one, their magnitudes and errors.

    ``rows`` [F + 1, F], ``inputs`` [F + 1, n]; errors None where they are exact; ``row_size``, ``input_size``: bounds
    of the true magnitudes; ``reads`` [F + 1, F]: where rows may differ from 0; ``readers`` [F]: units that
    may read inputs; ``weight``: the greatest magnitude of the functional.
    """

    rows: FloatArray
    inputs: FloatArray
    row_error: FloatArray | None
    input_error: FloatArray | None
    reads: BoolArray
    row_size: FloatArray
    input_size: FloatArray
    readers: BoolArray
    weight: float

    @classmethod
    def of(cls, form: SlopeForm, functional: int) -> Magnitudes:
        k = functional
        rows = np.vstack([form.within, form.unit_weights[k : k + 1]])
        inputs = np.vstack([form.inputs, form.input_weights[k : k + 1]])
        row_error = input_error = None
        if form.errors is not None:
            within, direct, weights, through = form.errors
            row_error, input_error = np.vstack([within, weights[k : k + 1]]), np.vstack([direct, through[k : k + 1]])
        row_size = np.abs(rows) if row_error is None else (np.abs(rows) + row_error) * SLACK
        input_size = np.abs(inputs) if input_error is None else (np.abs(inputs) + input_error) * SLACK
        weight = max(float(np.abs(rows[-1]).max(initial=0.0)), float(np.abs(inputs[-1]).max(initial=0.0)))
        readers = np.asarray((input_size[:-1] > 0).any(axis=1), dtype=np.bool_)
        reads = np.asarray(row_size > 0, dtype=np.bool_)
        return cls(rows, inputs, row_error, input_error, reads, row_size, input_size, readers, weight)

    def used(self, fixed: FloatArray) -> BoolArray:
        """Units [F] on some way from the inputs to the functional past none that is fixed at 0: z and u of others are
        0, or do not matter."""
        there, reads = np.asarray(fixed != 0), self.reads[:-1]
        ahead = closure(self.reads[-1] & there, lambda units: reads[units].any(axis=0) & there)
        return closure(self.readers & ahead, lambda units: reads[:, units].any(axis=1) & ahead)


@dataclass(frozen=True, eq=False)
class Eliminated:
    """The free units F', with errors as products.

    ``within`` Z' [F', F'], ``weights`` r' [F'], ``direct`` q' [n]. X' is ``own_rows`` [a, n] in its rows ``own`` [a],
    plus ``through`` [F', h] times ``held_rows`` [h, n]. ``between``: v to a bound of |error of Z'| v, and the
    transpose; ``entering`` likewise for X', None where that is exact.
    """

    within: FloatArray
    weights: FloatArray
    weights_error: FloatArray
    direct: FloatArray
    direct_error: FloatArray
    own: IntArray
    own_rows: FloatArray
    through: FloatArray
    held_rows: FloatArray
    between: tuple[Product, Product]
    entering: tuple[Product, Product] | None

    def within_error(self, s: FloatArray) -> float:
        """A bound of |s (Z' error) / s|_2."""
        forth, back = self.between
        return greatest_norm(lambda v: s * forth(v / s), lambda u: back(s * u) / s, len(s))

    def inputs_error(self, s: FloatArray, e: FloatArray) -> float:
        """A bound of |s (X' error) e|_2."""
        if self.entering is None:
            return 0.0
        forth, back = self.entering
        return greatest_norm(lambda v: s * forth(e * v), lambda u: back(s * u) * e, len(e))


def closure(units: BoolArray, next_to: Callable[[BoolArray], BoolArray]) -> BoolArray:
    """``units`` [F] and all that ``next_to`` leads to from them."""
    while True:
        more = units | next_to(units)
        if np.count_nonzero(more) == np.count_nonzero(units):
            return np.asarray(units)
        units = more


def greatest_norm(forth: Product, back: Product, size: int) -> float:
    """A bound of the spectral norm of a nonnegative matrix given by its products: |N|_2^2 <= max N^T N 1."""
    return float(np.sqrt(back(forth(np.ones(size))).max(initial=0.0))) * SLACK


def eliminated(form: SlopeForm, functional: int, whole: Magnitudes, free: BoolArray, held: BoolArray) -> Eliminated:
    """The form with units ``held`` [F] at y = 1, all but those and ``free`` ones at 0."""
    f, h = np.flatnonzero(free), np.flatnonzero(held)
    top = np.append(f, form.units)
    to_free = whole.rows[np.ix_(top, f)]
    errors = Errors.of(whole, top, f, h)
    own, reads = np.flatnonzero(whole.readers[f]), whole.readers[h]
    direct, weights = whole.inputs[-1], errors.weights
    if len(h):
        to_free = to_free + weights @ whole.rows[np.ix_(h, f)]
        direct = direct + weights[-1] @ whole.inputs[h]
    last = np.zeros(len(top))
    last[-1] = 1.0
    ends = np.append(np.ones(len(f)), 0.0)

    def forth(product: Product) -> Product:
        return lambda v: product(v)[:-1]

    def back(product: Product) -> Product:
        return lambda u: product(np.append(u, 0.0) * ends)

    entering = None if errors.exact_inputs else (forth(errors.inputs), back(errors.inputs_back))
    return Eliminated(
        to_free[:-1], to_free[-1], errors.units_back(last), direct, errors.direct(), own, whole.inputs[f[own]],
        weights[:-1, reads], whole.inputs[h[reads]], (forth(errors.units), back(errors.units_back)), entering,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Errors:
    """Bounds of errors of the rows ``top`` [m] with columns ``free`` [f] once ``held`` [h] are put in.

    ``weights`` W [m, h] as computed, ``residual`` [m, h] bounds |R|.
    """

    whole: Magnitudes
    top: IntArray
    free: IntArray
    held: IntArray
    weights: FloatArray
    residual: FloatArray

    @classmethod
    def of(cls, whole: Magnitudes, top: IntArray, free: IntArray, held: IntArray) -> Errors:
        right, inner = whole.rows[np.ix_(top, held)], whole.rows[np.ix_(held, held)]
        if not len(held):
            return cls(whole, top, free, held, right, right)
        system = np.eye(len(held)) - inner
        weights = solve_triangular(system, right.T, trans="T", lower=True, unit_diagonal=True, check_finite=False).T
        residual = np.abs(right - weights + weights @ inner)
        size = np.abs(weights)
        residual += gamma(len(held) + 6) * (np.abs(right) + size + size @ np.abs(inner)) + TINY
        if whole.row_error is not None:
            residual += whole.row_error[np.ix_(top, held)] + size @ whole.row_error[np.ix_(held, held)]
        return cls(whole, top, free, held, weights, residual * SLACK)

    @property
    def small(self) -> float:
        """What a sum over the held units rounds, relatively."""
        return gamma(len(self.held) + 4)

    @property
    def exact_inputs(self) -> bool:
        return self.whole.input_error is None and not len(self.held)

    def lost(self, v: FloatArray) -> FloatArray:
        """A bound of |W error| v for v [h] >= 0: [m]."""
        return np.asarray(self.residual @ powers_of(self.inner, v))

    def lost_back(self, u: FloatArray) -> FloatArray:
        """A bound of u |W error|: [h]."""
        return powers_of(self.inner.T, u @ self.residual)

    @cached_property
    def inner(self) -> FloatArray:
        return self.whole.row_size[np.ix_(self.held, self.held)]

    @cached_property
    def blocks(self) -> tuple[FloatArray, FloatArray]:
        """Magnitudes of rows ``top`` and ``held`` over the free units."""
        size = self.whole.row_size
        return size[np.ix_(self.top, self.free)], size[np.ix_(self.held, self.free)]

    @cached_property
    def block_errors(self) -> tuple[FloatArray, FloatArray] | None:
        error = self.whole.row_error
        return None if error is None else (error[np.ix_(self.top, self.free)], error[np.ix_(self.held, self.free)])

    @cached_property
    def size(self) -> FloatArray:
        return np.abs(self.weights)

    def units(self, v: FloatArray) -> FloatArray:
        """A bound of |error of Z'| v for v [f] >= 0: [m]."""
        found = np.zeros(len(self.top))
        if self.block_errors is not None:
            here, there = self.block_errors
            found += here @ v + self.size @ (there @ v)
        if len(self.held):
            here, there = self.blocks
            found += self.lost(there @ v) + self.small * (here @ v + self.size @ (there @ v))
        return found

    def units_back(self, u: FloatArray) -> FloatArray:
        """The transpose: [f] for u [m] >= 0."""
        found = np.zeros(len(self.free))
        if self.block_errors is not None:
            here, there = self.block_errors
            found += u @ here + (u @ self.size) @ there
        if len(self.held):
            here, there = self.blocks
            found += self.lost_back(u) @ there + self.small * (u @ here + (u @ self.size) @ there)
        return found

    def inputs(self, v: FloatArray) -> FloatArray:
        """A bound of |error of X'| v for v [n] >= 0: [m]; for W and X as stored, whose product is not formed."""
        found = np.zeros(len(self.top))
        if self.whole.input_error is not None:
            carried = self.whole.input_error @ v
            found += carried[self.top] + self.size @ carried[self.held]
        if len(self.held):
            found += self.lost((self.whole.input_size @ v)[self.held])
        return found

    def inputs_back(self, u: FloatArray) -> FloatArray:
        """The transpose: [n] for u [m] >= 0."""
        found = np.zeros(self.whole.inputs.shape[1])
        if self.whole.input_error is not None:
            found += u @ self.whole.input_error[self.top] + (u @ self.size) @ self.whole.input_error[self.held]
        if len(self.held):
            found += self.lost_back(u) @ self.whole.input_size[self.held]
        return found

    def direct(self) -> FloatArray:
        """How far q' [n] is off, the rounding of its sum included."""
        last = np.zeros(len(self.top))
        last[-1] = 1.0
        found = self.inputs_back(last)
        if len(self.held):
            size = self.whole.input_size
            found += self.small * (size[-1] + self.size[-1] @ size[self.held])
        return found


def powers_of(matrix: FloatArray, v: FloatArray) -> FloatArray:
    """A bound of (I - N)^-1 v for a nonnegative, strictly triangular N [h, h] and v [h] >= 0: v + N v + N^2 v + ..."""
    found, more = v, matrix @ v
    for _ in range(len(v)):
        if not more.any():
            break
        found, more = found + more, matrix @ more
    return found * SLACK
