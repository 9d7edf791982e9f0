"""The greatest element of every channel.

*source*: ONNX operator GlobalMaxPool.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..networks.graph import Graph, Value
from ..networks.pooling import channels, everything, greatest


@dataclass(frozen=True)
class GlobalMaxPool:
    inputs = (1, 1)

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        tensor, *_ = channels(graph, args[0])
        return greatest(graph, tensor, everything(tensor))
