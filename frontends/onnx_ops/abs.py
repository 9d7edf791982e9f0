"""|x| as 2 relu(x) - x; the lines are those of relu, so the one above is the chord.

*source*: ONNX operator Abs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.functions.relu import Relu
from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class Abs:
    inputs = (1, 1)

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        value = args[0]
        if not isinstance(value, Tensor):
            return np.asarray(np.abs(value))
        value = value if value.light else graph.layer(value)
        return graph.plus(graph.times(graph.function(Relu(), [value]), 2.0), graph.times(value, -1.0))
