"""Entries along an axis, at constant indices; negative ones count from the end.

*source*: ONNX operator Gather (numpy's take).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks.axes import ODD, axis_of
from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class Gather:
    inputs = (2, 2)

    axis: int = 0

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        data, index = args
        if isinstance(index, Tensor) or index.dtype.kind != "i":
            raise graph.fail("indices are no constant integers", "only constant indices are supported")
        axis = axis_of(graph, self.axis, len(data.shape))
        size = data.shape[axis]
        places = index.astype(np.int64)
        if ((places < -size) | (places >= size)).any():
            raise graph.fail(f"an index is not in {-size}..{size - 1}", ODD)
        places %= max(size, 1)
        graph.room((*data.shape[:axis], *places.shape, *data.shape[axis + 1 :]))
        return graph.rearrange(data, lambda array: np.take(array, places, axis=axis))
