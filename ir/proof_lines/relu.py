"""max(x, 0): the case alpha = 0 of :mod:`.leaky_relu`. A tilt is the slope of the lower line on undecided elements."""

from __future__ import annotations

from ..functions.relu import Relu
from ..linear_proof.numbers import Bounds, Lines
from ..types import BoolArray, FloatArray
from .leaky_relu import bent_bounds, bent_lines, bent_open


def bounds(function: Relu, lower: list[FloatArray], upper: list[FloatArray]) -> Bounds:
    """Of the value."""
    return bent_bounds(0.0, lower[0], upper[0])


def lines(function: Relu, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None) -> Lines:
    """See :class:`Lines`."""
    return bent_lines(0.0, lower[0], upper[0], tilt)


def undecided(function: Relu, lower: list[FloatArray], upper: list[FloatArray]) -> BoolArray:
    """Where tighter bounds of the arguments would help."""
    return bent_open(lower[0], upper[0])
