"""Axes of length 1 left out: those named, or all.

*source*: ONNX operator Squeeze; the axes are an attribute before opset 13, an input from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..networks.axes import ODD, axes_of, given_axes
from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Squeeze:
    inputs = (1, 2)

    axes: tuple[int, ...] | None = None

    def apply(self, graph: Graph, args: list[Any]) -> Value:
        shape = args[0].shape
        named = given_axes(graph, self.axes, args, 1)
        gone = [k for k, n in enumerate(shape) if n == 1] if named is None else axes_of(graph, named, len(shape))
        if any(shape[axis] != 1 for axis in gone):
            raise graph.fail(f"axes {list(gone)} of shape {shape} are not all of length 1", ODD)
        return graph.reshape(args[0], tuple(n for axis, n in enumerate(shape) if axis not in gone))
