"""A + B with numpy's broadcasting: a bias, or the sum of two computed tensors (a skip connection).

*source*: ONNX operator Add, opset 7 and later.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Add:
    inputs = (2, 2)
    alike = True

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        return graph.plus(args[0], args[1])
