"""The elementwise least of several tensors, -max(-a, -b, ...).

*source*: ONNX operator Min, opset 8 and later.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..networks.graph import Graph, Value
from .max import Max


@dataclass(frozen=True)
class Min:
    inputs = (1, 1000)

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        return graph.times(Max().apply(graph, [graph.times(arg, -1.0) for arg in args]), -1.0)
