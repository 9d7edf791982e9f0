"""Tensors and constants one after the other along an axis.

*source*: ONNX operator Concat, opset 4 and later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks.axes import ODD, axis_of, full_size
from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Concat:
    inputs = (1, 10**6)
    alike = True

    axis: int | None = None

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        shapes = [arg.shape for arg in args]
        if self.axis is None:
            raise graph.fail("has no axis", ODD)
        axis = axis_of(graph, self.axis, len(shapes[0]))
        if len({(*shape[:axis], 0, *shape[axis + 1 :]) for shape in shapes}) > 1:
            raise graph.fail(f"shapes {', '.join(map(str, shapes))} do not fit along axis {axis}", ODD)
        if len(args) == 1:
            return args[0]
        ends = np.cumsum([shape[axis] for shape in shapes])
        shape = (*shapes[0][:axis], int(ends[-1]), *shapes[0][axis + 1 :])
        graph.room(shape)
        places = np.split(np.arange(full_size(shape)).reshape(shape), ends[:-1], axis=axis)
        return graph.assemble(shape, list(zip(args, places, strict=True)))
