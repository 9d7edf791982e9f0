"""A tensor repeated along its axes, a constant number of times.

*source*: ONNX operator Tile, opset 6 and later (numpy's tile).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..networks.axes import ODD, integers
from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Tile:
    inputs = (2, 2)

    def apply(self, graph: Graph, args: list[Any]) -> Value:
        shape = args[0].shape
        repeats = integers(graph, args[1], "repeats")
        if len(repeats) != len(shape) or min(repeats, default=0) < 0:
            raise graph.fail(f"repeats {repeats} of a tensor with {len(shape)} axes", ODD)
        graph.room(tuple(n * times for n, times in zip(shape, repeats, strict=True)))
        return graph.rearrange(args[0], lambda array: np.tile(array, repeats))
