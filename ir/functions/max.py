"""The greatest of any number of arguments: pooling windows, disjunctions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import lcm

import numpy as np

from ..exact import Exact
from ..function import Function
from ..types import FloatArray


@dataclass(frozen=True)
class Max(Function):
    onnx = ("Max", "MaxPool")
    discrete = True
    rounds = False

    def arity(self, given: int) -> bool:
        return given >= 1

    def value(self, args: list[FloatArray]) -> FloatArray:
        return reduce(np.maximum, args)

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        """All of it to the first argument that attains the maximum."""
        first = np.argmax(np.stack(args), axis=0)
        return [np.where(first == place, seed, 0.0) for place in range(len(args))]

    def interval(self, lower: list[FloatArray], upper: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
        return reduce(np.maximum, lower), reduce(np.maximum, upper)

    def exact(self, args: list[Exact]) -> Exact:
        common = lcm(*(arg.bottom for arg in args))
        return Exact(reduce(np.maximum, [arg.top * (common // arg.bottom) for arg in args]), common)
