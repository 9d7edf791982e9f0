"""x where x >= 0, else alpha * x; the slope is a float32 number, also where the file leaves it out.

*source*: ONNX operator LeakyRelu.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.functions.leaky_relu import LeakyRelu as Function
from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class LeakyRelu:
    inputs = (1, 1)

    alpha: float = float(np.float32(0.01))

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        if not isinstance(args[0], Tensor):
            raise graph.fail("of a constant", "fold the constants when exporting the network")
        function = Function(self.alpha)
        for fault in function.faults():
            raise graph.fail(fault, "only slopes from 0 to 1 are supported")
        return graph.function(function, [args[0]])
