"""-1, 0 or 1: the sign of x. See :mod:`.step` for the lines; the value 0 at 0 lies between those at both sides."""

from __future__ import annotations

import numpy as np

from ..functions.sign import Sign
from ..linear_proof.numbers import Bounds, Lines
from ..types import BoolArray, FloatArray
from .step import jump_lines


def bounds(function: Sign, lower: list[FloatArray], upper: list[FloatArray]) -> Bounds:
    """Of the value."""
    return np.sign(lower[0]), np.sign(upper[0])


def undecided(function: Sign, lower: list[FloatArray], upper: list[FloatArray]) -> BoolArray:
    """Where tighter bounds of the arguments would help."""
    return np.asarray(np.sign(lower[0]) < np.sign(upper[0]))


def lines(function: Sign, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None) -> Lines:
    """See :class:`Lines`."""
    return jump_lines(lower[0], upper[0], bounds(function, lower, upper), tilt)
