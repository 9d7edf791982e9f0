"""A - B with numpy's broadcasting.

*source*: ONNX operator Sub, opset 7 and later.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class Sub:
    inputs = (2, 2)

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        left, right = args
        negated = graph.scaled(right, -1.0) if isinstance(right, Tensor) else graph.constant(right, -1.0)
        return graph.plus(left, negated)
