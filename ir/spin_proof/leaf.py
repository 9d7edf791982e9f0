"""An upper bound of a spin form over the spins that a leaf leaves free, with every rounding error on the safe side.

Fixed spins join the first column, so let b_i, Q, c and N be those of the form over t_0 = 1 and the free spins, and

- a_i > 0: |v| <= (a_i + v^2 / a_i) / 2 for v = b_i . t,
- a_i = 0: |v| <= s v + 2 max(0, sum_{j > 0} |b_ij| - |b_i0|) with s the sign of b_i0; the last term vanishes where the
  sign of the row is known,
- triangles: 1 + t . K_p t >= 0, where K_p holds half the signs of pattern p at the pairs of three spins.

With G = Q + sum_{a_i > 0} b_i b_i^T / (2 a_i) + (s b_i coupled to t_0) + sum_p lambda_p K_p, d any numbers and delta
such that Diag(d) - G + delta I is positive semidefinite, t_j^2 = 1 gives

    F(t) <= c + sum of constants + 1/2 sum a + sum lambda + sum d + N delta

(the dual of the semidefinite relaxation of max cut with triangle inequalities: Goemans and Williamson 1995; Poljak and
Rendl 1995). All numbers a, lambda >= 0 and d are sound. ``ir/definite.py`` proves delta. The form at hand is rounded:
its column 0 is a float64 sum, by which F changes no more than the errors are added up to, and Diag(d) - G is off by at
most a norm that is bounded a priori, gamma_k = k u / (1 - k u) for a sum of k products (Higham).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum, inf, nextafter

import numpy as np

from ..definite import HUGE, UNIT, least_shift
from ..spin_form import SpinForm
from ..types import AnyArray, BoolArray, FloatArray, IntArray

LIMIT = 5000
"""Nothing is proved about more free spins."""
SAFE = 1.01
"""Covers the rounding of error bounds."""
TINY = 1e-300
"""Covers underflow, for each number that is summed."""
ELSEWHERE = 1e-12
"""What other linear algebra may find, relative to the magnitudes of all summands, far above gamma_k for k = 1000."""
SIGNS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=np.float64)
"""Signs of t_i t_j, t_i t_k and t_j t_k in each pattern of a triangle."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """The form over t_0 and the free spins: ``columns`` [N', n], ``quadratic`` [N', N'] or None, and how far its
    values may be off. ``place`` [N]: number of each spin in it, 0 for fixed ones; ``value`` [N]: +-1, 1 if free."""

    columns: FloatArray
    quadratic: FloatArray | None
    constant: float
    error: float
    place: IntArray
    value: FloatArray

    @property
    def spins(self) -> int:
        return len(self.columns)


def leaf_upper(
    form: SpinForm,
    fixed: AnyArray,
    scale: AnyArray,
    diagonal: AnyArray,
    triangle: IntArray | None = None,
    pattern: IntArray | None = None,
    multiplier: AnyArray | None = None,
) -> float:
    """What may be claimed of F over all spins with t_0 = 1 that agree with ``fixed`` [N] (+-1, 0: free): at least
    :func:`proved_upper`, and a little more, so that linear algebra that rounds otherwise proves it as well. inf where
    nothing is proved.

    ``scale`` a [n], ``diagonal`` d [N] (ignored where fixed; entry 0 belongs to t_0), ``triangle`` [T, 3], ``pattern``
    [T] in 0..3, ``multiplier`` [T]: see ``ir/spin_tree.py``.
    """
    return claimed(*summands(form, fixed, scale, diagonal, triangle, pattern, multiplier))


def proved_upper(
    form: SpinForm,
    fixed: AnyArray,
    scale: AnyArray,
    diagonal: AnyArray,
    triangle: IntArray | None = None,
    pattern: IntArray | None = None,
    multiplier: AnyArray | None = None,
) -> float:
    """A proved upper bound of F; arguments as of :func:`leaf_upper`."""
    return upper_sum(summands(form, fixed, scale, diagonal, triangle, pattern, multiplier)[0])


def summands(
    form: SpinForm, fixed: AnyArray, scale: AnyArray, diagonal: AnyArray, triangle: IntArray | None,
    pattern: IntArray | None, multiplier: AnyArray | None,
) -> tuple[list[float], float]:  # fmt: skip
    """Numbers whose sum is an upper bound of F, and those among them that pay for rounded sums, added up."""
    free = np.append(0, 1 + np.flatnonzero(np.asarray(fixed)[1:] == 0))
    if len(free) > LIMIT:
        return [inf], 0.0
    with np.errstate(all="ignore"):
        small = reduced(form, np.asarray(fixed), free)
        parts = [small.constant, small.error]
        if len(free) == 1:
            return [*parts, *np.abs(small.columns[0]).tolist()], small.error - form.error
        a, d = np.asarray(scale, dtype=np.float64), np.asarray(diagonal, dtype=np.float64)[free]
        weights = np.zeros(0) if multiplier is None else np.asarray(multiplier, dtype=np.float64)
        if not (((a >= 0) & (a < HUGE)).all() and (weights >= 0).all()):
            return [inf], 0.0
        matrix, error = squares(small.columns, a)
        shares = [size(matrix), float(np.abs(d).max())]
        np.negative(matrix, out=matrix)
        parts += [*(a / 2).tolist(), *d.tolist(), *weights.tolist()]
        if small.quadratic is not None:
            shares.append(size(small.quadratic))
            matrix -= small.quadratic
        if not a.all():
            line, constants = known_signs(small.columns, a == 0)
            shares.append(2 * float(np.abs(line).sum()))
            matrix[0] -= line / 2
            matrix[:, 0] -= line / 2
            parts += constants
        if len(weights) and triangle is not None and pattern is not None:
            cut, off, constants = triangles(small, triangle, pattern, weights)
            shares.append(size(cut))
            matrix -= cut
            error += off
            parts += constants
        places = np.arange(len(free))
        matrix[places, places] += d
        delta = least_shift(matrix, SAFE * (error + 8 * UNIT * sum(shares)))
        return [*parts, nextafter(len(free) * delta, inf)], small.error - form.error


def reduced(form: SpinForm, fixed: AnyArray, free: IntArray) -> Reduced:
    """The form with the fixed spins' columns added to the first one."""
    held = np.flatnonzero(fixed)
    held = held[held > 0]
    signs = fixed[held].astype(np.float64)
    columns = form.columns[free]
    gamma = SAFE * (2 * len(held) + 8) * UNIT
    error, constant, quadratic = form.error, form.constant, None
    if len(held):
        columns[0] += signs @ form.columns[held]
        error += gamma * float(form.column_sizes[held].sum() + form.column_sizes[0]) + TINY * form.rows.shape[0]
    if form.quadratic is not None:
        quadratic, constant, off = reduced_quadratic(form, np.append(0, held), np.append(1.0, signs), free)
        error += off
    place, value = np.zeros(form.spins, np.int64), np.ones(form.spins)
    place[free] = np.arange(len(free))
    value[held] = signs
    return Reduced(columns, quadratic, constant, error, place, value)


def reduced_quadratic(
    form: SpinForm, held: IntArray, signs: FloatArray, free: IntArray
) -> tuple[FloatArray, float, float]:
    """The quadratic part with the held spins (t_0 among them) as one, the constant with what they add to it, and how
    far values may be off."""
    rest = free[1:]
    lines = form.quadratic[held]
    found = np.zeros((len(free), len(free)))
    inner = form.quadratic[rest][:, rest]
    found[1:, 1:] = inner if isinstance(inner, np.ndarray) else inner.toarray()
    together = np.asarray(signs @ lines).ravel()
    found[0, 1:] = found[1:, 0] = together[rest]
    constant = form.constant + float(signs @ together[held])
    off = SAFE * (2 * len(held) + 8) * UNIT * 2 * float(form.quadratic_sizes[held].sum() + abs(form.constant))
    return found, constant, off + TINY


def squares(columns: FloatArray, scale: FloatArray) -> tuple[FloatArray, float]:
    """sum over rows with a_i > 0 of b_i b_i^T / (2 a_i) [N', N'], and a bound of its error's norm."""
    used = scale > 0
    if not used.any():
        return np.zeros((len(columns), len(columns))), 0.0
    weights = np.sqrt(0.5 / np.where(used, scale, 1.0)) * used
    scaled = columns * weights
    found = scaled @ scaled.T
    rounding = (len(scale) + 16) * UNIT * float(np.trace(found)) + TINY * len(columns) * len(scale)
    return found, SAFE * rounding


def known_signs(columns: FloatArray, rows: BoolArray) -> tuple[FloatArray, list[float]]:
    """Rows taken at the sign of their fixed part: what couples spins to t_0 [N'] (at 0: nothing) and constants."""
    part = columns[:, rows]
    first = part[0]
    line = part @ np.sign(first)
    line[0] = 0.0
    reach = np.abs(part[1:]).sum(axis=0)
    sizes = float(np.abs(first).sum() + reach.sum())
    against = 2 * np.maximum(0.0, reach - np.abs(first)).sum()
    error = SAFE * (len(columns) + part.shape[1] + 8) * UNIT * 4 * sizes + TINY
    return line, [*np.abs(first).tolist(), float(against), error]


def triangles(
    small: Reduced, triangle: IntArray, pattern: IntArray, multiplier: FloatArray
) -> tuple[FloatArray, float, list[float]]:
    """sum of lambda_p K_p [N', N'], a bound of its error's norm, and what pairs of fixed spins give as constants."""
    n = small.spins
    place, value = small.place[triangle], small.value[triangle]
    signs = SIGNS[pattern] * multiplier[:, None] / 2
    pairs = ((0, 1), (0, 2), (1, 2))
    row = np.concatenate([place[:, i] for i, _ in pairs])
    column = np.concatenate([place[:, j] for _, j in pairs])
    entry = np.concatenate([signs[:, p] * value[:, i] * value[:, j] for p, (i, j) in enumerate(pairs)])
    same = row == column  # t_j^2 = 1
    constants = (2 * entry[same]).tolist()
    row, column, entry = row[~same], column[~same], entry[~same]
    key = np.concatenate([row * n + column, column * n + row])
    found = np.asarray(np.bincount(key, np.tile(entry, 2), n * n), dtype=np.float64).reshape(n, n)
    count = int(np.bincount(key, minlength=1).max(initial=0))
    lines = np.bincount(np.concatenate([row, column]), np.tile(np.abs(entry), 2), n)
    return found, (count + 8) * UNIT * float(lines.max()), constants


def size(matrix: FloatArray) -> float:
    """Frobenius norm, which is at least the spectral one."""
    flat = matrix.ravel()
    return SAFE * float(np.sqrt(flat @ flat)) + TINY


def upper_sum(values: list[float]) -> float:
    """An upper bound of a sum; inf where it is no number."""
    try:
        found = fsum(values)
    except (OverflowError, ValueError):
        return inf
    return nextafter(found, inf) if found == found else inf


def claimed(values: list[float], error: float) -> float:
    """A little more than :func:`upper_sum`; ``error``: what rounded sums in front of it were off by at the most."""
    found = upper_sum(values)
    return found if found == inf else upper_sum([*values, error, ELSEWHERE * sum(map(abs, values))])
