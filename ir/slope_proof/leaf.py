"""An upper bound of a Lipschitz constant where some units' slopes are fixed: one matrix shown positive definite.

**Formula.** With the fixed units put in, f = u_1 .. u_F' are free, |x|_inf <= 1 (or |x|_2 <= 1), and the functional is
``r . u + q . x`` with u_j (z_j - u_j) >= 0, z = Z u + X x. For any d, T > 0 (d one number times the identity for l2),

    M = [[tau, -q, -r], [., Diag(d), -(T X)^T], [., ., 2 T - T Z - Z^T T]] >= 0

implies ``r . u + q . x <= (tau + sum d) / 2``: (1, x, u) M (1, x, u) = tau - 2 (r . u + q . x) + sum d_i x_i^2
- 2 sum T_j u_j (z_j - u_j). Scaling (d, T, 1 / tau) by one factor keeps M >= 0, so ``sqrt(tau sum d)`` is a bound, and
the least tau is a Schur complement. In coordinates scaled by s = sqrt(T), e = 1 / sqrt(d), where

    Y = s X e,  V = s Z / s,  p = q e,  G = 2 I - V - V^T - Y Y^T > 0,  c = r / s + Y p,

it is tau = p . p + c . G^-1 c. (The dual of GeoLip, Wang et al. 2022; for l2 that of LipSDP-Neuron, Fazlyab et al.,
NeurIPS 2019, without its flawed coupling multipliers.)

**Rounding.** s and e are floats and *define* T = s^2, d = 1 / e^2. Every computed array comes with a bound of what it
is off by, as a vector or a spectral norm: |X e| |X e|^T is at most x x^T entry by entry with x the rows' lengths, so
the products are off by gamma |y|^2 at the most; errors of nonnegative matrices N are bounded by |N|_2^2 <= max N^T N 1.
G is shown to exceed a multiple of the identity by a Cholesky factorisation of G shifted down, see ``ir/definite.py``;
and c . G^-1 c <= 2 c . w - w . G w + |c - G w|^2 / lambda_min(G) for any w. Where the factorisation fails, d is raised
by a little, twice. Functional and (d, T) are divided by powers of two first; underflow is far below ``TINY`` then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import lapack

from ..definite import hidden
from ..errors import InputError
from ..linear_proof.numbers import SLACK, gamma
from ..slope_form import SlopeForm
from ..slope_value import form_value
from ..types import AnyArray, BoolArray, FloatArray, IntArray
from .eliminate import Eliminated, eliminated
from .magnitudes import Magnitudes

TINY = 1e-250
FLOOR = 1e-12
"""Least d, relative to the greatest."""
REACH = 1e70
"""Roots of multipliers beyond this, or below its inverse, prove nothing."""
RAISES = ((0.0, 0.0), (2.0**-28, 16.0), (2.0**-18, 1024.0))
"""How much 1 / d is lowered, tried in turn: at least the first number, and the second times the room that G needs."""


def leaf_upper(
    form: SlopeForm, functional: int, norm: str, fixed: FloatArray, d: AnyArray, multiplier: AnyArray
) -> float:
    """A proved upper bound of |gradient|_1 (linf; |gradient|_2 for l2) over all patterns that agree with ``fixed``.

    ``fixed`` [F]: 0, 1, or NaN where a unit is free; ``d`` [n] (l2: [1]); ``multiplier`` T [F]. Any numbers are sound;
    inf where they prove nothing. Raises :class:`InputError` for sizes that do not fit, or other fixed numbers.
    """
    return Leaves(form, functional, norm).upper(fixed, d, multiplier)


class Leaves:
    """One functional of a form, prepared for many leaves."""

    def __init__(self, form: SlopeForm, functional: int, norm: str) -> None:
        if norm not in ("linf", "l2") or not 0 <= functional < len(form.unit_weights):
            raise InputError(f"no bound in norm {norm!r} of functional {functional}", code="certificate")
        self.form, self.functional, self.norm = form, functional, norm
        self.magnitudes = Magnitudes.of(form, functional)

    def upper(self, fixed: FloatArray, d: AnyArray, multiplier: AnyArray) -> float:
        """See :func:`leaf_upper`."""
        form = self.form
        y, outer, given = (np.asarray(values, dtype=np.float64) for values in (fixed, d, multiplier))
        width = form.inputs.shape[1] if self.norm == "linf" else 1
        if y.shape != (form.units,) or given.shape != (form.units,) or outer.shape != (width,):
            raise InputError("numbers of a leaf for another network", code="certificate")
        if not (np.isnan(y) | (y == 0) | (y == 1)).all():
            raise InputError("units are fixed at 0 or 1", code="certificate")
        used = self.magnitudes.used(y)
        free = used & np.isnan(y)
        with np.errstate(all="ignore"):
            if not free.any():
                return form_value(form, self.functional, self.norm, np.where(used, y, 0.0))[1]
            found = self.bound(free, used & (y == 1), outer, given[free])
        return found if found >= 0 else np.inf

    def bound(self, free: BoolArray, held: BoolArray, outer: FloatArray, given: FloatArray) -> float:
        """The bound of a leaf with free units; NaN or inf where the numbers prove nothing."""
        unit = power_of(float(outer.max(initial=0.0)))
        one = power_of(self.magnitudes.weight)
        e = 1.0 / np.sqrt(np.maximum(outer / unit, FLOOR))
        s = np.sqrt(given / unit)
        if not ((s < REACH) & (s > 1 / REACH)).all() or not (e < REACH).all():
            return np.inf
        e = np.broadcast_to(e, self.form.inputs.shape[1:])
        found = eliminated(self.form, self.functional, self.magnitudes, free, held)
        whole = Scaled.of(found, s, e, one)
        squares = 1.0 / e**2
        total = float(squares.sum()) * (1 + gamma(len(squares) + 4)) if self.norm == "linf" else float(squares[0])
        for least, times in RAISES:
            scaled = whole.raised(least, times)
            tau = scaled.tau()
            if tau < np.inf:
                return float(np.nextafter(np.sqrt(tau * total) / scaled.factor * one * (1 + 2.0**-47), np.inf))
        return np.inf


def power_of(value: float) -> float:
    """A power of two near a number that is positive and finite; else 1."""
    return float(np.ldexp(1.0, np.frexp(value)[1])) if 0 < value < np.inf else 1.0


@dataclass(frozen=True, eq=False)
class Entering:
    """Y = s X e [F', n]: rows ``own`` are ``rows`` [a, n], plus ``through`` [F', h] times ``held`` [h, n]."""

    own: IntArray
    rows: FloatArray
    through: FloatArray
    held: FloatArray

    @classmethod
    def of(cls, found: Eliminated, s: FloatArray, e: FloatArray) -> Entering:
        rows = s[found.own, None] * (found.own_rows * e)
        return cls(found.own, rows, s[:, None] * found.through, found.held_rows * e)

    @property
    def terms(self) -> int:
        """More roundings than a product in Y Y^T or Y p goes through."""
        return int(self.rows.shape[1]) + 2 * len(self.held) + 20

    def square(self) -> FloatArray:
        """Y Y^T."""
        found = np.zeros((len(self.through), len(self.through)))
        found[np.ix_(self.own, self.own)] = self.rows @ self.rows.T
        if len(self.held):
            cross = self.through @ (self.held @ self.rows.T)
            found[:, self.own] += cross
            found[self.own] += cross.T
            found += self.through @ (self.held @ self.held.T) @ self.through.T
        return found

    def image(self, p: FloatArray) -> FloatArray:
        """Y p."""
        found = self.through @ (self.held @ p)
        found[self.own] += self.rows @ p
        return np.asarray(found)

    def lengths(self) -> FloatArray:
        """Bounds y of the rows' lengths, term by term: products of magnitudes in Y Y^T add up to y y^T at the most."""
        found = np.abs(self.through) @ row_lengths(self.held)
        found[self.own] += row_lengths(self.rows)
        return found


def row_lengths(rows: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows)) * SLACK)


@dataclass(frozen=True, eq=False)
class Scaled:
    """G [F', F'] = ``base`` - f^2 ``square`` is off by ``matrix_error`` in spectral norm, c [F'] = ``start`` + f^2
    ``image`` by ``border_error``; p . p is at most f^2 ``direct``. So for d raised by 1 / f^2, ``factor`` f <= 1."""

    base: FloatArray
    square: FloatArray
    matrix_error: float
    start: FloatArray
    image: FloatArray
    border_error: float
    direct: float
    factor: float = 1.0

    @classmethod
    def of(cls, found: Eliminated, s: FloatArray, e: FloatArray, one: float) -> Scaled:
        """In coordinates scaled by s and e, the functional divided by ``one``."""
        entering = Entering.of(found, s, e)
        y, sums = entering.lengths(), gamma(entering.terms)
        long = float(np.sqrt(y @ y)) * SLACK + TINY
        p = found.direct * (e / one)
        p_error = SLACK * float(np.linalg.norm(found.direct_error * (e / one))) + gamma(4) * float(np.linalg.norm(p))
        p_length = float(np.linalg.norm(p))
        p_long = p_length * SLACK + p_error + TINY
        # SLACK is for terms that pay for errors; p . p itself must not be widened by as much
        direct = (p_length * (1 + gamma(len(p) + 8)) + SLACK * p_error + TINY) ** 2 * (1 + gamma(8))
        within = s[:, None] * found.within / s
        base = -within - within.T
        base[np.diag_indices(len(s))] += 2.0
        y_error = found.inputs_error(s, e)
        size = 2.0 * np.sqrt(len(s)) + 2 * float(np.linalg.norm(within))
        error = 2 * found.within_error(s) + 2 * long * y_error + y_error**2 + sums * long**2 + gamma(12) * size
        r = found.weights / (s * one)
        border_error = (
            SLACK * float(np.linalg.norm(found.weights_error / (s * one))) + gamma(6) * float(np.linalg.norm(r))
            + sums * long * p_long + y_error * p_long + long * p_error
        )  # fmt: skip
        return cls(
            base, entering.square(), SLACK * error + TINY, r, entering.image(p), SLACK * border_error + TINY, direct
        )  # fmt: skip

    def need(self, diagonal: FloatArray, border: FloatArray) -> float:
        """How far above 0 the eigenvalues of G are to be: far enough to make nothing of the errors of c."""
        room = min(self.border_error / (float(np.linalg.norm(border)) + TINY), 2.0**-6)
        return float(hidden(np.abs(diagonal))) + self.matrix_error + room

    def raised(self, least: float, times: float) -> Scaled:
        """With 1 / d lowered."""
        need = self.need(self.base.diagonal(), self.start + self.image)
        share = max(least, times * need) if np.isfinite(need) else 0.0
        return replace(self, factor=float(np.sqrt(1.0 - min(share, 0.5))))

    def tau(self) -> float:
        """An upper bound of the least tau; inf where G is not shown to be positive definite."""
        share = self.factor**2
        matrix, border = self.base - share * self.square, self.start + share * self.image
        n, diagonal = len(matrix), matrix.diagonal()
        least = self.need(diagonal, border)
        if not (np.isfinite(least) and np.isfinite(self.border_error) and (diagonal > 0).all()):
            return np.inf
        shifted = np.array(matrix, order="F")
        shifted[np.diag_indices(n)] -= 2 * least * SLACK
        if not (shifted.diagonal() > 0).all():
            return np.inf
        factor, info = lapack.dpotrf(shifted, lower=1, clean=0, overwrite_a=1)
        ends = factor.diagonal()
        if info != 0 or not (np.isfinite(ends).all() and (ends > 0).all()):
            return np.inf
        w, _ = lapack.dpotrs(factor, border, lower=1)
        w = w + lapack.dpotrs(factor, border - matrix @ w, lower=1)[0]
        image = matrix @ w
        length = float(np.linalg.norm(w)) * SLACK
        sums = gamma(n + 8)
        off = self.matrix_error + sums * float(np.linalg.norm(matrix)) * SLACK
        slack = self.border_error + off * length + sums * float(np.linalg.norm(border)) + TINY
        value = 2 * float(border @ w) - float(w @ image)
        value += sums * float(2 * np.abs(border) @ np.abs(w) + np.abs(w) @ np.abs(image))
        rest = float(np.linalg.norm(border - image)) * SLACK + slack
        total = share * self.direct + value + 2 * slack * length + rest**2 / least
        return float(total + gamma(16) * (self.direct + abs(value) + rest**2 / least) + TINY)
