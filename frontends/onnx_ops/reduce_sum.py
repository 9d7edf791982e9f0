"""Sums over axes.

*source*: ONNX operator ReduceSum; the axes are an attribute before opset 13, an input from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..networks.graph import Graph, Value
from ._reduce import reduced


@dataclass(frozen=True)
class ReduceSum:
    inputs = (1, 2)

    axes: tuple[int, ...] | None = None
    keepdims: int = 1
    noop_with_empty_axes: int = 0

    def apply(self, graph: Graph, args: list[Any]) -> Value:
        return reduced(graph, args, self.axes, self.keepdims, self.noop_with_empty_axes)[0]
