"""All slopes that a network with piecewise activations may have, as one set of small equations.

A unit is one scalar activation v = f(z). Wherever the network has a gradient, the slope of f lies in ``low..high``:
0..1 for relu and hardtanh, alpha..1 for leaky relu. Along a direction x the units then respond by

    v_j = low_j z_j + (high_j - low_j) u_j,    u_j = y_j z_j,    0 <= y_j <= 1,    z = Z u + X x,

and output functional k by ``r_k . u + q_k . x``: the parts ``low_j z_j`` are multiplied out, so Z is strictly lower
triangular for any network without loops, residual ones included. The *formal global Lipschitz constant* of k is

    FGL_k = max over y in [0, 1]^F and |x| <= 1 of r_k . u + q_k . x

It is convex in each y_j alone, so 0/1 patterns suffice; it is never below the true constant, since some patterns may
be out of reach for any input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class SlopeForm:
    """F units, n inputs, R functionals.

    ``within`` Z [F, F], strictly lower triangular; ``inputs`` X [F, n]; ``unit_weights`` r [R, F]; ``input_weights`` q
    [R, n]. ``low``, ``high`` [F]: slopes of the units. ``blocks``: (name of the function block's output, first unit,
    units) in order, so that unit j is element j - first of its block. ``layer`` [F]: length of the longest chain of
    units that ends in the unit, less one (0: reads only inputs); units are ordered by it.
    ``errors``: None where the arrays are exact, else bounds of |true - stored| in the same order (Z, X, r, q).
    """

    within: FloatArray
    inputs: FloatArray
    unit_weights: FloatArray
    input_weights: FloatArray
    low: FloatArray
    high: FloatArray
    blocks: tuple[tuple[str, int, int], ...]
    layer: IntArray
    errors: tuple[FloatArray, FloatArray, FloatArray, FloatArray] | None = None

    @property
    def units(self) -> int:
        return int(self.inputs.shape[0])

    @property
    def single(self) -> bool:
        """Whether no unit feeds another: one hidden layer, an Ising problem as it is."""
        return not self.within.any()

    def fixed(self, pattern: FloatArray) -> SlopeForm:
        """The form of the units that ``pattern`` [F] leaves free (NaN), the others' y held at its values."""
        free = np.isnan(pattern)
        y = np.where(free, 0.0, pattern)
        held = np.flatnonzero(~free & (y != 0))
        # u_held = y (Z_hf u_free + Z_hh u_held + X_h x): unit lower triangular, so the inverse exists.
        system = np.eye(len(held)) - y[held, None] * self.within[np.ix_(held, held)]
        to_units = np.linalg.solve(system, y[held, None] * self.within[np.ix_(held, np.flatnonzero(free))])
        to_inputs = np.linalg.solve(system, y[held, None] * self.inputs[held])
        from_held = self.within[np.ix_(np.flatnonzero(free), held)]
        blocks, start = [], 0
        for name, first, size in self.blocks:
            count = int(free[first : first + size].sum())
            blocks.append((name, start, count))
            start += count
        return SlopeForm(
            self.within[np.ix_(free, free)] + from_held @ to_units,
            self.inputs[free] + from_held @ to_inputs,
            self.unit_weights[:, free] + self.unit_weights[:, held] @ to_units,
            self.input_weights + self.unit_weights[:, held] @ to_inputs,
            self.low[free],
            self.high[free],
            tuple(blocks),
            self.layer[free],
        )

    def gradient(self, pattern: FloatArray, functional: int = 0) -> FloatArray:
        """The gradient [n] of a functional under a pattern [F] of y in 0..1, in float64."""
        backward = np.linalg.solve(
            np.eye(self.units) - pattern[:, None] * self.within, pattern[:, None] * self.inputs
        )  # u = y (Z u + X x)
        return np.asarray(self.input_weights[functional] + self.unit_weights[functional] @ backward)
