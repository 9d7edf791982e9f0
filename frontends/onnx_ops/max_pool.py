"""The greatest element under the windows of every channel; the padding counts for nothing.

*source*: ONNX operator MaxPool (its first output; positions of the greatest elements are not supported).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..networks.graph import Graph, Value
from ..networks.pooling import Pool, channels, greatest, pool_windows


@dataclass(frozen=True)
class MaxPool(Pool):
    inputs = (1, 1)

    storage_order: int = 0

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        tensor, *_ = channels(graph, args[0])
        where = pool_windows(graph, tensor, self)
        return greatest(graph, tensor, where)
