"""x where x >= 0, else slope * x with constant slopes: relu(x) - slope relu(-x), or LeakyRelu for one slope in 0..1.

*source*: ONNX operator PRelu.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.functions.leaky_relu import LeakyRelu
from ...ir.functions.relu import Relu
from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class PRelu:
    inputs = (2, 2)

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        tensor, slope = args
        if not isinstance(tensor, Tensor) or isinstance(slope, Tensor) or not slope.size:
            raise graph.fail("needs a computed tensor and constant slopes", "fold the constants when exporting")
        if graph.common_shape(tensor.shape, slope.shape) != tensor.shape:
            raise graph.fail(f"slopes of shape {slope.shape} for a tensor {tensor.shape}", "check the slopes")
        first = float(slope.ravel()[0])
        if (slope == first).all() and 0 <= first <= 1:
            return graph.function(LeakyRelu(first), [tensor])
        whole = graph.layer(tensor)
        above, below = (graph.function(Relu(), [graph.scaled(whole, sign)]) for sign in (1.0, -1.0))
        return graph.plus(above, graph.times(below, np.negative(np.asarray(slope, dtype=np.float64))))
