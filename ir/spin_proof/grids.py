"""Upper bounds of a quadratic spin form moved to the grid that its values lie on, exactly or nearly.

Let D F'(t) = sum of whole numbers times t_i t_j, where F = c + F' + something within ``noise``. The values of D F' lie
on a grid (``ir/quadratic/grid.py``), so that F <= b means F <= c + the greatest value of the grid up to b - c + noise,
plus noise. Sound for any D; what makes decimal coefficients whole is tried.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..definite import UNIT
from ..quadratic.grid import energy_grid, grid
from ..quadratic.spins import couplings
from ..quadratic.triplets import Triplets
from ..spin_form import SpinForm
from ..types import FloatArray

DECIMALS = tuple(8 * 10**digits for digits in range(9))
NEAR = 1e-6
"""Greatest noise in units of the grid of whole numbers."""


def lowered(form: SpinForm, upper: float) -> Fraction:
    """The least upper bound of F that follows from a finite one."""
    values = grid(form)
    if values is not None:
        return values.below(upper)
    found = Fraction(upper)
    if not len(form.rows):
        terms, constant = couplings(form), Fraction(form.constant)
        for factor in DECIMALS:
            whole, noise = nearly_whole(-terms.value, factor)
            noise += form.error * factor
            if not (noise <= NEAR and whole.any()):
                continue
            lines = energy_grid(Triplets(terms.row, terms.column, whole), form.spins)
            if lines is not None:
                off = Fraction(noise) / factor
                found = min(found, constant + lines.below((found - constant + off) * factor) / factor + off)
            break
    return found


def nearly_whole(values: FloatArray, factor: int) -> tuple[FloatArray, float]:
    """Whole numbers near ``factor`` times the values [k], and a bound of all differences together."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values * float(factor)
        whole = np.rint(scaled)
        noise = np.abs(scaled - whole).sum() + 2 * UNIT * np.abs(scaled).sum()
    return whole, float(noise * (1 + 1e-6)) if np.isfinite(noise) else np.inf
