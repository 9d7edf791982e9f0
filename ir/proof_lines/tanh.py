"""The hyperbolic tangent; lines and their proof as for :mod:`.sigmoid`."""

from __future__ import annotations

import numpy as np

from ..functions.tanh import Tanh
from ..linear_proof.numbers import Bounds, Lines
from ..types import BoolArray, FloatArray
from .sigmoid import Shape, shape_bounds, shape_lines


def tanh_slope(x: FloatArray) -> FloatArray:
    return 1.0 / np.cosh(np.minimum(np.abs(x), 350.0)) ** 2


SHAPE = Shape(np.tanh, tanh_slope, 0.0, 2.0)


def bounds(function: Tanh, lower: list[FloatArray], upper: list[FloatArray]) -> Bounds:
    """Of the value."""
    low, high = shape_bounds(SHAPE, lower[0], upper[0])
    return np.maximum(low, -1.0), np.minimum(high, 1.0)


def undecided(function: Tanh, lower: list[FloatArray], upper: list[FloatArray]) -> BoolArray:
    """Where tighter bounds of the arguments would help."""
    return np.asarray(lower[0] < upper[0])


def lines(function: Tanh, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None) -> Lines:
    """See :class:`Lines`."""
    return shape_lines(SHAPE, lower[0], upper[0], tilt)
