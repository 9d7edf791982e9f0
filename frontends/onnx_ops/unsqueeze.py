"""New axes of length 1, numbered in the result.

*source*: ONNX operator Unsqueeze; the axes are an attribute before opset 13, an input from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..networks.axes import ODD, axes_of, given_axes
from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Unsqueeze:
    inputs = (1, 2)

    axes: tuple[int, ...] | None = None

    def apply(self, graph: Graph, args: list[Any]) -> Value:
        named = given_axes(graph, self.axes, args, 1)
        if named is None:
            raise graph.fail("has no axes", ODD)
        rank = len(args[0].shape) + len(named)
        new, old = axes_of(graph, named, rank), iter(args[0].shape)
        return graph.reshape(args[0], tuple(1 if axis in new else next(old) for axis in range(rank)))
