"""alpha x + beta clipped to 0..1; the factors are float32 numbers, also where the file leaves them out.

*source*: ONNX operator HardSigmoid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks.graph import Graph, Value
from .clip import clipped


@dataclass(frozen=True)
class HardSigmoid:
    inputs = (1, 1)

    alpha: float = float(np.float32(0.2))
    beta: float = 0.5

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        return clipped(graph, graph.plus(graph.times(args[0], self.alpha), np.array(self.beta)), 0.0, 1.0)
