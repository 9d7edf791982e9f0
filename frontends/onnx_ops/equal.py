"""Where two constants are equal, as exporters ask of shapes.

*source*: ONNX operator Equal, opset 7 and later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class Equal:
    inputs = (2, 2)
    alike = True

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        left, right = args
        if isinstance(left, Tensor) or isinstance(right, Tensor):
            raise graph.fail("compares a computed tensor", "only comparisons of constants are supported")
        graph.common_shape(left.shape, right.shape)
        return np.asarray(np.equal(left, right))
