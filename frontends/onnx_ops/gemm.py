"""alpha * A' B' + beta * C, a fully connected layer; A' and B' are transposed where asked for.

*source*: ONNX operator Gemm, opset 7 and later. Factors other than 1 are multiplied into the stored numbers only where
that is exact in float64 (always for float32 weights), else they become a layer of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks.graph import Graph, Tensor, Value
from .mat_mul import tensor_times, times_tensor


@dataclass(frozen=True)
class Gemm:
    inputs = (2, 3)
    alike = True

    alpha: float = 1.0
    beta: float = 1.0
    trans_a: int = 0
    trans_b: int = 0

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        for place, arg in enumerate(args[:2]):
            if len(arg.shape) != 2:
                raise graph.fail(f"factor {'AB'[place]} has shape {arg.shape}", "flatten it to a matrix before")
        left = graph.rearrange(args[0], np.transpose) if self.trans_a else args[0]
        right = graph.rearrange(args[1], np.transpose) if self.trans_b else args[1]
        if isinstance(left, Tensor) == isinstance(right, Tensor):
            raise graph.fail("needs one computed and one constant factor", "products of two tensors are not supported")
        if isinstance(left, Tensor):
            assert not isinstance(right, Tensor)
            product = tensor_times(graph, left, np.asarray(right, np.float64))
        else:
            assert isinstance(right, Tensor)
            product = times_tensor(graph, np.asarray(left, np.float64), right)
        product = graph.scaled(product, self.alpha)
        if len(args) < 3 or self.beta == 0.0:
            return product
        shift = args[2]
        if graph.common_shape(product.shape, shift.shape) != product.shape:
            raise graph.fail(f"C has shape {shift.shape}, the product {product.shape}", "check the bias in the file")
        return graph.plus(product, graph.times(shift, self.beta))
