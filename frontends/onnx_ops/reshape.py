"""The same elements in C order under another shape; -1 is computed, 0 copies the dimension unless ``allowzero``.

*source*: ONNX operator Reshape, opset 5 and later (the shape is an input, and has to be a constant).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class Reshape:
    inputs = (2, 2)

    allowzero: int = 0

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        source, wanted = args
        if isinstance(wanted, Tensor) or wanted.dtype.kind != "i" or wanted.ndim != 1:
            raise graph.fail("the new shape is not a constant list of integers", "export with a fixed input shape")
        graph.room((1,) * wanted.size)
        size = prod(source.shape)
        shape = [int(n) for n in wanted]
        if not self.allowzero:
            if any(n == 0 and place >= len(source.shape) for place, n in enumerate(shape)):
                raise graph.fail(f"shape {shape} copies a dimension that {source.shape} lacks", "check the export")
            shape = [source.shape[place] if n == 0 else n for place, n in enumerate(shape)]
        known = prod(n for n in shape if n != -1)
        if shape.count(-1) == 1 and known:
            shape[shape.index(-1)] = size // known
        if min(shape, default=1) < 0 or prod(shape) != size:
            raise graph.fail(f"{size} elements do not fit into {wanted.tolist()}", "export with a fixed input shape")
        return graph.reshape(source, tuple(shape))
