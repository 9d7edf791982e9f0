"""The product of any number of variables; over binaries their conjunction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

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
        low, high = lower[0], upper[0]
        for least, most in zip(lower[1:], upper[1:], strict=True):
            with np.errstate(invalid="ignore"):
                ends = np.stack([low * least, low * most, high * least, high * most])
            ends = np.where(np.isnan(ends), 0.0, ends)  # 0 * inf
            low, high = ends.min(axis=0), ends.max(axis=0)
        return low, high
