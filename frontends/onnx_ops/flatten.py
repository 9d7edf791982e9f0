"""All axes before ``axis`` become one, all others the second.

*source*: ONNX operator Flatten.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Flatten:
    inputs = (1, 1)

    axis: int = 1

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        shape = args[0].shape
        axis = self.axis + len(shape) if self.axis < 0 else self.axis
        if not 0 <= axis <= len(shape):
            raise graph.fail(f"axis {self.axis} of a tensor of shape {shape}", "check how the network was exported")
        first = int(np.prod(shape[:axis], dtype=np.int64))
        return graph.reshape(args[0], (first, int(np.prod(shape[axis:], dtype=np.int64))))
