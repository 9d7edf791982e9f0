"""The sum of any number of tensors and constants, with numpy's broadcasting.

*source*: ONNX operator Sum, opset 8 and later.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Sum:
    inputs = (1, 10**6)
    alike = True

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        return reduce(graph.plus, args)
