"""What a deep network's polynomial would cost as a QUBO, told in closed form before anything is multiplied out.

One monomial for each path from the functional through units j_1 .. j_k to an input. Shared pairs need a new binary for
each product y_j1 .. y_ji of two and more units that begins a path (i >= 2), and Rosenberg's penalty M (u v - 2 u z - 2
v z + 3 z) for each with M at least the coefficients that z takes over (Rosenberg 1975; Boros and Hammer, Pseudo-Boolean
optimization, 2002): at most the weight of all paths through it. Counts and sums follow from one backward pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.slope_form import SlopeForm
from ...ir.types import FloatArray


@dataclass(frozen=True)
class Cost:
    """``monomials`` over spins x and binaries y and their ``degree``; ``ancillas``: new binaries with shared pairs.

    ``penalty``: greatest weight M that a proof needs; ``least``: least magnitude of a monomial; ``bits``: the base-two
    logarithm of the range from ``least`` to the greatest coefficient 3 M (0 where nothing has to be made quadratic).
    """

    monomials: int
    degree: int
    ancillas: int
    penalty: float
    least: float
    bits: float

    def text(self) -> str:
        """One line for messages."""
        return (
            f"{self.monomials:,} monomials up to degree {self.degree}; quadratic with {self.ancillas:,} more binaries "
            f"and penalties up to {self.penalty:.3g}, {self.bits:.0f} bits of range"
        )


def path_counts(form: SlopeForm, functional: int = 0) -> Cost:
    """The cost of one functional. Counts are exact up to 2^53."""
    nonzero = (form.within != 0).astype(np.float64)
    weights = np.abs(form.unit_weights[functional])
    direct = np.abs(form.input_weights[functional])
    outer = np.abs(form.inputs)
    below, least_below = _downward(form, outer)
    inputs = (outer > 0).sum(axis=1).astype(np.float64)
    start = (weights > 0).astype(np.float64)
    monomials, degree, ancillas, penalty = float((direct > 0).sum()), int((direct > 0).any()), 0.0, 0.0
    least = float(np.where(direct > 0, direct, np.inf).min(initial=np.inf))
    least = min(least, float(np.where(weights > 0, weights * least_below, np.inf).min(initial=np.inf)))
    size = weights  # the greatest magnitude of a beginning of a path that ends in each unit
    units = 0
    while start.any():
        units += 1
        reach = np.where(start > 0, inputs, 0.0)
        monomials += float(start @ inputs)
        degree = max(degree, units + 1 if reach.any() else 0)
        if units > 1:
            ancillas += float(start.sum())
            penalty = max(penalty, float((size * below).max(initial=0.0)))
        size = (size[:, None] * np.abs(form.within)).max(axis=0, initial=0.0)
        start = start @ nonzero
    bits = float(np.log2(3 * penalty / least)) if penalty > 0 and least > 0 else 0.0
    return Cost(int(monomials), degree, int(ancillas), penalty, least if np.isfinite(least) else 0.0, bits)


def _downward(form: SlopeForm, outer: FloatArray) -> tuple[FloatArray, FloatArray]:
    """For each unit the sum of the magnitudes of all paths down from it, and the least magnitude of one [F]."""
    total = outer.sum(axis=1)
    least = np.where(outer > 0, outer, np.inf).min(axis=1, initial=np.inf)
    within = np.abs(form.within)
    for unit in np.unique(form.layer)[1:]:
        rows = form.layer == unit
        total[rows] += within[rows] @ total
        through = np.where(within[rows] > 0, within[rows] * np.where(np.isfinite(least), least, 0.0), np.inf)
        through[:, ~np.isfinite(least)] = np.inf
        least[rows] = np.minimum(least[rows], through.min(axis=1, initial=np.inf))
    return total, least
