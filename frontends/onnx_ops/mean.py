"""The mean of any number of tensors and constants: their sum with their number as divisor.

*source*: ONNX operator Mean, opset 8 and later.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class Mean:
    inputs = (1, 10**6)
    alike = True

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        total = reduce(graph.plus, args)
        if not isinstance(total, Tensor):
            raise graph.fail("of constants", "fold the constants when exporting the network")
        return graph.divided(total, float(len(args)))
