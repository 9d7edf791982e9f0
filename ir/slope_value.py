"""What a pattern of slopes is worth, enclosed: the lower end of every bracket of a Lipschitz constant.

Backward through the units, b = r + Z^T a and a = y b layer by layer, then g = q + X^T a and |g|_1 (linf) or |g|_2 (l2).
Each sum of k products in float64 is off by at most ``gamma(k)`` times the sum of their magnitudes, and errors of what
goes in, those of the form's arrays included, grow by the same products with magnitudes. For the quantity
``inf-to-one`` slopes run over -1..1: a unit's slope is 2 y - 1.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .errors import InputError, Refused
from .linear_proof.numbers import SLACK, TINY, UNIT, gamma
from .slope_form import SlopeForm
from .tasks import Bound
from .types import FloatArray


def pattern_value(
    task: Bound, functional: int, pattern: FloatArray, ranges: tuple[FloatArray, FloatArray] | None = None
) -> tuple[float, float]:
    """Bounds of |gradient| of a functional of the task under a pattern [F] in 0..1, one number for each unit.

    ``ranges``: low, high [F] of the units' arguments for constants that are local to a box. Raises :class:`InputError`
    for a pattern of the wrong size or with numbers outside 0..1, and what reading the slopes raises.
    """
    from .slope_reader import slope_form

    form = slope_form(task) if ranges is None else slope_form(task, ranges)
    return form_value(form, functional, task.norm, slopes_of(form, task.quantity, pattern))


def slopes_of(form: SlopeForm, quantity: str, pattern: FloatArray) -> FloatArray:
    """The numbers y [F] that stand for a pattern: itself, or 2 y - 1 for ``inf-to-one``.

    Raises :class:`InputError` for a pattern that isn't one of this form, :class:`Refused` where ``inf-to-one`` isn't
    defined: with more than one hidden layer, or with a way past the units.
    """
    found = np.asarray(pattern, dtype=np.float64)
    if found.shape != (form.units,) or not ((found >= 0) & (found <= 1)).all():
        raise InputError(f"a pattern has {form.units} numbers in 0..1, one for each unit; got shape {found.shape}")
    if quantity == "lipschitz":
        return found
    if not form.single or form.input_weights.any():
        raise Refused("inf-to-one is the norm of one matrix: of one hidden layer whose slopes start at 0")
    return 2 * found - 1


def form_value(form: SlopeForm, functional: int, norm: str, pattern: FloatArray) -> tuple[float, float]:
    """Bounds of |gradient| under numbers y [F] in -1..1; (0, inf) where float64 overflows."""
    gradient, error = gradient_bounds(form, functional, pattern)
    count = form.inputs.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        if norm == "linf":
            value, slack = float(np.abs(gradient).sum()), float(error.sum())
        else:
            value, slack = float(np.linalg.norm(gradient)), float(np.linalg.norm(error))
        slack = SLACK * (slack + gamma(count + 4) * value) + (count + 1) * 2.0**-511 * (norm == "l2")
    if not np.isfinite(value + slack):
        return 0.0, np.inf
    return max(0.0, float(np.nextafter(value - slack, -np.inf))), float(np.nextafter(value + slack, np.inf))


def gradient_bounds(form: SlopeForm, functional: int, pattern: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The gradient [n] under y [F] in float64, and how far each entry may be off [n] (not finite: an overflow)."""
    within, inputs = np.abs(form.within), np.abs(form.inputs)
    b, g = form.unit_weights[functional].copy(), form.input_weights[functional].copy()
    b_error, g_error = np.zeros_like(b), np.zeros_like(g)
    if form.errors is not None:
        b_error, g_error = b_error + form.errors[2][functional], g_error + form.errors[3][functional]
    factor = np.abs(pattern)
    rounded = np.where((factor == 0) | (factor == 1), 0.0, UNIT)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in reversed(layers(form)):
            a = pattern[rows] * b[rows]
            size = np.abs(a)
            a_error = SLACK * (factor[rows] * b_error[rows] + rounded[rows] * size) + TINY * (rounded[rows] > 0)
            share = a_error + gamma(len(a) + 2) * (size + a_error)
            below = slice(0, rows.start)
            b_error[below] += share @ within[rows, below] + gamma(len(a) + 2) * np.abs(b[below]) + len(a) * TINY
            g_error += share @ inputs[rows] + gamma(len(a) + 2) * np.abs(g) + len(a) * TINY
            if form.errors is not None:
                b_error[below] += (size + a_error) @ form.errors[0][rows, below]
                g_error += (size + a_error) @ form.errors[1][rows]
            b[below] += a @ form.within[rows, below]
            g += a @ form.inputs[rows]
    return g, g_error * SLACK


def layers(form: SlopeForm) -> list[slice]:
    """Runs of units of one layer, in order: none feeds another of its run."""
    cuts = [0, *(np.flatnonzero(np.diff(form.layer)) + 1).tolist(), form.units]
    return [slice(start, stop) for start, stop in pairwise(cuts) if stop > start]
