"""max(x, 0)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..exact import Exact
from ..function import Function
from ..types import FloatArray


@dataclass(frozen=True)
class Relu(Function):
    onnx = ("Relu",)
    discrete = True
    rounds = False

    def value(self, args: list[FloatArray]) -> FloatArray:
        return np.maximum(args[0], 0.0)

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        return [np.where(args[0] > 0, seed, 0.0)]

    def exact(self, args: list[Exact]) -> Exact:
        return Exact(np.maximum(args[0].top, 0), args[0].bottom)
