"""-A.

*source*: ONNX operator Neg.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Neg:
    inputs = (1, 1)

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        return graph.times(args[0], -1)
