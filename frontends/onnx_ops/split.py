"""Consecutive parts along an axis, equal ones where no lengths are stated.

*source*: ONNX operator Split: lengths are an attribute before opset 13, an input from then on; with ``num_outputs``
(opset 18) the last part may be shorter.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ...ir.types import AnyArray
from ..networks.axes import ODD, axis_of, integers
from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Split:
    inputs = (1, 2)
    outputs = 10**6

    axis: int = 0
    split: tuple[int, ...] | None = None
    num_outputs: int | None = None

    def apply(self, graph: Graph, args: list[Any]) -> tuple[Value, ...]:
        axis = axis_of(graph, self.axis, len(args[0].shape))
        size = args[0].shape[axis]
        lengths = list(self.split) if self.split is not None else None
        if len(args) > 1:
            lengths = integers(graph, args[1], "lengths")
        if lengths is None:
            parts = self.num_outputs or graph.wanted
            each = -(-size // parts)
            lengths = [each] * (parts - 1) + [size - each * (parts - 1)]
            if self.num_outputs is None and size % parts:
                raise graph.fail(f"{size} elements in {parts} equal parts", ODD)
        if min(lengths) < 0 or sum(lengths) != size or len(lengths) != graph.wanted:
            raise graph.fail(f"{size} elements in {graph.wanted} parts of lengths {lengths}", ODD)
        ends = np.cumsum([0, *lengths])
        return tuple(graph.rearrange(args[0], Range(int(a), int(b), axis)) for a, b in pairwise(ends))


@dataclass(frozen=True)
class Range:
    """Entries ``start`` to ``end`` - 1 along an axis."""

    start: int
    end: int
    axis: int

    def __call__(self, array: AnyArray) -> AnyArray:
        return np.take(array, np.arange(self.start, self.end), self.axis)
