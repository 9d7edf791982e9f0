"""The mean of every channel, as a sum with its divisor.

*source*: ONNX operator GlobalAveragePool.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks.graph import Graph, Value
from ..networks.pooling import average, channels, everything


@dataclass(frozen=True)
class GlobalAveragePool:
    inputs = (1, 1)

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        tensor, _, size = channels(graph, args[0])
        return average(graph, tensor, everything(tensor), np.array([size], dtype=np.float64))
