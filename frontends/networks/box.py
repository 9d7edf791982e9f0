"""Boxes of network inputs: stated in exact numbers, held as float64 arrays rounded outward and inward.

A proof runs over the outer box, which contains every stated point; a counterexample has to lie in the inner one, which
contains only stated points. They differ by an ulp, and not at all where the sides are float64 numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.errors import InputError
from ...ir.rational import read
from ...ir.types import AnyArray, FloatArray


@dataclass(frozen=True, eq=False)
class Box:
    """``lower``, ``upper``: outer sides [n]; ``inner_lower``, ``inner_upper``: inner sides [n]."""

    lower: FloatArray
    upper: FloatArray
    inner_lower: FloatArray
    inner_upper: FloatArray

    @classmethod
    def between(cls, lower: AnyArray | float, upper: AnyArray | float, reading: str = "decimal") -> Box:
        """Sides given as floats under a reading (``ir/rational.py``); scalars are broadcast.

        Raises :class:`InputError` for sides that are not finite, do not fit or leave no point.
        """
        try:
            low, high = (np.array(a, np.float64).ravel() for a in np.broadcast_arrays(lower, upper))
        except ValueError:
            shapes = f"{np.shape(lower)} and {np.shape(upper)}"
            raise InputError(f"sides of a box have shapes {shapes}", code="box", hint="give both one shape") from None
        check_numbers(low, high)
        (low_down, low_up), (high_down, high_up) = enclose(low, reading), enclose(high, reading)
        return cls(low_down, high_up, low_up, high_down).checked()

    @classmethod
    def ball(cls, centre: AnyArray, radius: float, reading: str = "decimal") -> Box:
        """All points within ``radius`` of ``centre`` [n] in the maximum norm.

        The centre's numbers mean themselves (a float32 image is what it is), the radius what ``reading`` says.
        """
        middle = np.array(centre, dtype=np.float64).ravel()
        check_numbers(middle, np.array([radius], dtype=np.float64))
        if radius < 0:
            raise InputError(f"the radius of a ball is {radius}", code="box", hint="give a number that is not negative")
        (least,), (most,) = enclose(np.array([radius], dtype=np.float64), reading)
        return cls(
            plus(middle, -most)[0], plus(middle, most)[1], plus(middle, -least)[1], plus(middle, least)[0]
        ).checked()

    def meet(self, other: Box) -> Box:
        """The points of both."""
        return Box(
            np.maximum(self.lower, other.lower), np.minimum(self.upper, other.upper),
            np.maximum(self.inner_lower, other.inner_lower), np.minimum(self.inner_upper, other.inner_upper),
        ).checked()  # fmt: skip

    def checked(self) -> Box:
        """Itself; raises InputError where the outer box is empty."""
        empty = np.flatnonzero(self.lower > self.upper)
        if empty.size:
            k = int(empty[0])
            message = f"the box of inputs is empty: element {k} would lie between {self.lower[k]} and {self.upper[k]}"
            raise InputError(message, code="box", hint="check centre, radius and range")
        return self


def check_numbers(*arrays: FloatArray) -> None:
    for array in arrays:
        if not np.isfinite(array).all():
            raise InputError("a side of a box is NaN or infinite", code="box", hint="every input needs finite bounds")


def enclose(values: FloatArray, reading: str) -> tuple[FloatArray, FloatArray]:
    """Neighbouring floats below and above what ``values`` mean; both the float itself where it means itself."""
    (top, bottom), (own_top, own_bottom) = read(values, reading), read(values, "dyadic")
    meant, own = top.astype(object) * own_bottom.astype(object), own_top.astype(object) * bottom.astype(object)
    below = np.where(np.asarray(meant < own, np.bool_), np.nextafter(values, -np.inf), values)
    return below, np.where(np.asarray(meant > own, np.bool_), np.nextafter(values, np.inf), values)


def plus(left: FloatArray, right: float) -> tuple[FloatArray, FloatArray]:
    """left + right rounded down and up (the error of the rounded sum is known exactly: Knuth's two-sum)."""
    total = left + right
    back = total - left
    error = (left - (total - back)) + (right - back)
    down = np.where(error < 0, np.nextafter(total, -np.inf), total)
    return down, np.where(error > 0, np.nextafter(total, np.inf), total)
