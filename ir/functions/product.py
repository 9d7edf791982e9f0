"""The product of any number of variables; over binaries their conjunction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from ..exact import Exact
from ..function import Function
from ..types import FloatArray


@dataclass(frozen=True)
class Product(Function):
    onnx = ("Mul",)
    discrete = True

    def arity(self, given: int) -> bool:
        return given >= 2

    def value(self, args: list[FloatArray]) -> FloatArray:
        return reduce(np.multiply, args)

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        found = []
        for place in range(len(args)):
            rest = [arg for other, arg in enumerate(args) if other != place]
            found.append(seed * reduce(np.multiply, rest))
        return found

    def interval(self, lower: list[FloatArray], upper: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Every factor after the first rounds outward where its product may not be exact."""
        low, high = lower[0], upper[0]
        for least, most in zip(lower[1:], upper[1:], strict=True):
            ends = [outward_product(one, two) for one in (low, high) for two in (least, most)]
            low = reduce(np.minimum, [down for down, _ in ends])
            high = reduce(np.maximum, [up for _, up in ends])
        return low, high

    def exact(self, args: list[Exact]) -> Exact:
        return reduce(lambda one, two: Exact(one.top * two.top, one.bottom * two.bottom), args)


def outward_product(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """a b rounded down and up; itself twice where it is exact: zeros (0 times infinity is 0), small whole numbers."""
    with np.errstate(invalid="ignore", over="ignore"):
        zero = (a == 0) | (b == 0)
        value = np.where(zero, 0.0, a * b)
        exact = zero | ((a == np.floor(a)) & (b == np.floor(b)) & (np.abs(value) <= 2.0**53))
        return np.where(exact, value, np.nextafter(value, -np.inf)), np.where(exact, value, np.nextafter(value, np.inf))
