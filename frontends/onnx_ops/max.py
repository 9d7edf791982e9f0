"""The elementwise greatest of several tensors, with numpy's broadcasting; against a constant it is a shifted relu.

*source*: ONNX operator Max, opset 8 and later.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from ...ir.functions.max import Max as Function
from ..networks.graph import Graph, Tensor, Value
from .clip import at_least


@dataclass(frozen=True)
class Max:
    inputs = (1, 1000)

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        shape: tuple[int, ...] = ()
        for arg in args:
            shape = graph.common_shape(shape, arg.shape)
        constants = [arg for arg in args if not isinstance(arg, Tensor)]
        tensors = [graph.spread(arg, shape) for arg in args if isinstance(arg, Tensor)]
        if not tensors:
            return np.asarray(np.broadcast_to(reduce(np.maximum, constants), shape))
        tensor = tensors[0] if len(tensors) == 1 else graph.function(Function(), tensors)
        return at_least(graph, tensor, np.asarray(reduce(np.maximum, constants))) if constants else tensor
