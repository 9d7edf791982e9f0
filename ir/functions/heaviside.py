"""1 where x > 0, else 0: the phase of a relu."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..exact import Exact
from ..function import Function
from ..types import FloatArray


@dataclass(frozen=True)
class Heaviside(Function):
    rounds = False
    discrete = True

    def value(self, args: list[FloatArray]) -> FloatArray:
        return (args[0] > 0).astype(np.float64)

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        return [np.zeros_like(args[0])]

    def exact(self, args: list[Exact]) -> Exact:
        return Exact((args[0].top > 0).astype(np.int64).astype(object))
