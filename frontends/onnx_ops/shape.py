"""The shape of a tensor as a constant; a dynamic batch counts as 1, as everywhere.

*source*: ONNX operator Shape; ``start`` and ``end`` from opset 15 on, clamped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Shape:
    inputs = (1, 1)

    start: int = 0
    end: int | None = None

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        return np.array(args[0].shape[self.start : self.end], dtype=np.int64)
