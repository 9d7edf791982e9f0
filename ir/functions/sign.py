"""-1, 0 or 1: the sign of x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..exact import Exact
from ..function import Function
from ..types import FloatArray


@dataclass(frozen=True)
class Sign(Function):
    onnx = ("Sign",)
    discrete = True
    rounds = False

    def value(self, args: list[FloatArray]) -> FloatArray:
        return np.sign(args[0])

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        return [np.zeros_like(seed)]

    def exact(self, args: list[Exact]) -> Exact:
        return Exact(args[0].sign().astype(object))
