"""numpy's broadcasting with a constant shape.

*source*: ONNX operator Expand (both shapes are broadcast to each other).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..networks.axes import ODD, integers
from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Expand:
    inputs = (2, 2)

    def apply(self, graph: Graph, args: list[Any]) -> Value:
        wanted = tuple(integers(graph, args[1], "the shape"))
        if min(wanted, default=0) < 0:
            raise graph.fail(f"to shape {list(wanted)}", ODD)
        return graph.broadcast(args[0], graph.common_shape(args[0].shape, wanted))
