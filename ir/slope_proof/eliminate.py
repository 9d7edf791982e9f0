"""A slope form with some units fixed at 0 and 1: those are put in, and every rounding is bounded.

Units at y = 0 are gone. Those at y = 1, h, have u_h = z_h = Z_hf u_f + Z_hh u_h + X_h x. With
``W = Z_fh (I - Z_hh)^-1`` the free units have Z' = Z_ff + W Z_hf and X' = X_f + W X_h; the functional is one more row.
What all that is off by is told in ``carried.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..linear_proof.numbers import SLACK
from ..slope_form import SlopeForm
from ..types import BoolArray, FloatArray, IntArray
from .carried import Errors
from .magnitudes import Magnitudes

Product = Callable[[FloatArray], FloatArray]


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
