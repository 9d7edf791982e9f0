"""A * B with numpy's broadcasting: a scaling by constants, or the product of two computed tensors.

Constants are multiplied into the stored numbers where that is exact in float64, else they become a layer of their own.

*source*: ONNX operator Mul, opset 7 and later.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.functions.product import Product
from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class Mul:
    inputs = (2, 2)
    alike = True

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        left, right = args
        if isinstance(left, Tensor) and isinstance(right, Tensor):
            shape = graph.common_shape(left.shape, right.shape)
            return graph.function(Product(), [graph.spread(left, shape), graph.spread(right, shape)])
        if isinstance(right, Tensor):
            left, right = right, left
        assert not isinstance(right, Tensor)
        return graph.times(left, right)
