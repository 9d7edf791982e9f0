"""-1, 0 or 1: the sign of x.

Lines: through the value on the far side at 0, see ``jump_lines`` in ``ir/functions/step.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..exact import Exact
from ..function import Function
from ..lines import Lines
from ..types import FloatArray
from .step import jump_lines


@dataclass(frozen=True)
class Sign(Function):
    onnx = ("Sign",)
    discrete = True
    rounds = False
    kinks = (-5e-324, 5e-324)

    def value(self, args: list[FloatArray]) -> FloatArray:
        return np.sign(args[0])

    def vjp(self, args: list[FloatArray], seed: FloatArray) -> list[FloatArray]:
        return [np.zeros_like(seed)]

    def exact(self, args: list[Exact]) -> Exact:
        return Exact(args[0].sign().astype(object))

    def lines(self, lower: list[FloatArray], upper: list[FloatArray], tilt: FloatArray | None = None) -> Lines:
        return jump_lines(lower[0], upper[0], np.sign(lower[0]), np.sign(upper[0]), tilt)
