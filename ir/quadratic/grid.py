"""The grid that the values of an Ising energy lie on, and bounds moved to it. In whole numbers, exact.

E(t) = constant + sum_e K_e t_i t_j over the edges e = ij. Flipping the spins of a set S changes E by -2 times the sum
of K_e t_i t_j over the edges that leave S. With d_i the sum of all K_e at i, the sum over the edges that leave S is
sum_{i in S} d_i minus twice the edges inside, so all values are congruent to constant + sum_e K_e modulo

    2 gcd(d_i for all i, 2 K_e for all e)

(4 for a torus of +-1 couplings, where every d_i is even; 2 for a 3-regular graph).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..spin_form import SpinForm
from .spins import couplings, low_bit
from .triplets import Triplets

BITS = 60


@dataclass(frozen=True)
class Grid:
    """All values are ``base`` plus a whole multiple of ``step`` (> 0)."""

    base: Fraction
    step: Fraction

    def below(self, bound: float | Fraction) -> Fraction:
        """The greatest value of the grid that is at most ``bound``."""
        return self.base + (Fraction(bound) - self.base) // self.step * self.step

    def above(self, bound: float | Fraction) -> Fraction:
        """The least value of the grid that is at least ``bound``."""
        return self.base - (self.base - Fraction(bound)) // self.step * self.step


def grid(form: SpinForm) -> Grid | None:
    """The grid of F; None where F has absolute values or rounded arrays, or where the whole numbers would be large."""
    if len(form.rows) or form.error:
        return None
    found = couplings(form)
    return energy_grid(Triplets(found.row, found.column, -found.value), form.spins, form.constant)


def energy_grid(couplers: Triplets, spins: int, constant: float = 0.0) -> Grid | None:
    """The grid of constant + sum_e K_e t_i t_j; None where the whole numbers would be large."""
    values = couplers.value
    bit = low_bit(values)
    if not values.size or np.abs(values).sum() * 2.0**-bit > 2.0**BITS:
        return None
    whole = np.ldexp(values, -bit).astype(np.int64)
    degrees = np.zeros(spins, np.int64)
    np.add.at(degrees, couplers.row, whole)
    np.add.at(degrees, couplers.column, whole)
    common = int(np.gcd.reduce(np.concatenate([degrees, 2 * whole])))
    unit = Fraction(1, 1 << -bit)
    return Grid(Fraction(constant) + int(whole.sum()) * unit, 2 * common * unit)
