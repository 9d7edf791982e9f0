"""Means over axes: sums with the number of elements as their divisor, so that nothing rounds.

*source*: ONNX operator ReduceMean; the axes are an attribute before opset 18, an input from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..networks.graph import Graph, Tensor, Value
from ._reduce import reduced


@dataclass(frozen=True)
class ReduceMean:
    inputs = (1, 2)

    axes: tuple[int, ...] | None = None
    keepdims: int = 1
    noop_with_empty_axes: int = 0

    def apply(self, graph: Graph, args: list[Any]) -> Value:
        if not isinstance(args[0], Tensor):
            raise graph.fail("of a constant", "fold the constants when exporting the network")
        total, count = reduced(graph, args, self.axes, self.keepdims, self.noop_with_empty_axes)
        assert isinstance(total, Tensor)
        return graph.divided(total, float(count))
