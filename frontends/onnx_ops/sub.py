"""A - B with numpy's broadcasting.

*source*: ONNX operator Sub, opset 7 and later.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Sub:
    inputs = (2, 2)
    alike = True

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        return graph.plus(args[0], graph.times(args[1], -1))
