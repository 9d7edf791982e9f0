"""1 where x >= 0, else 0: the indicator that completes a binary from what it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..exact import Exact
from ..function import Function
from ..types import FloatArray


@dataclass(frozen=True)
class Step(Function):
    discrete = True
    rounds = False

    def value(self, args: list[FloatArray]) -> FloatArray:
        return (args[0] >= 0).astype(np.float64)

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        return [np.zeros_like(seed)]

    def exact(self, args: list[Exact]) -> Exact:
        return Exact((args[0].sign() >= 0).astype(np.int64).astype(object))
