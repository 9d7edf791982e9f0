"""A constant around a tensor; negative widths cut off.

*source*: ONNX operator Pad, mode ``constant``: attributes before opset 11, inputs from then on; axes from opset 18.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir.types import AnyArray
from ..networks.axes import ODD, axes_of, full_size, integers
from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class Pad:
    inputs = (1, 4)

    mode: bytes = b"constant"
    pads: tuple[int, ...] | None = None
    value: float = 0.0

    def apply(self, graph: Graph, args: list[Any]) -> Value:
        if self.mode != b"constant":
            raise graph.fail(f"mode {self.mode.decode(errors='replace')!r}", "only mode 'constant' is supported")
        data, rank = args[0], len(args[0].shape)
        before, after = self.widths(graph, args, rank)
        least = [max(-width, 0) for width in before]
        most = [n - max(-width, 0) for n, width in zip(data.shape, after, strict=True)]
        shape = tuple(n + a + b for n, a, b in zip(data.shape, before, after, strict=True))
        if min([*shape, *(b - a for a, b in zip(least, most, strict=True))], default=0) < 0:
            raise graph.fail(f"pads {before} and {after} of shape {data.shape}", ODD)
        graph.room(shape)
        inner = graph.rearrange(data, lambda array: array[tuple(map(slice, least, most))])
        ends = [max(width, 0) + b - a for width, a, b in zip(before, least, most, strict=True)]
        places = np.arange(full_size(shape)).reshape(shape)
        places = places[tuple(slice(max(width, 0), end) for width, end in zip(before, ends, strict=True))]
        around = np.full(shape, self.around(graph, args), dtype=np.float64 if isinstance(data, Tensor) else data.dtype)
        return graph.assemble(shape, [(around, np.arange(full_size(shape))), (inner, places)])

    def widths(self, graph: Graph, args: list[Any], rank: int) -> tuple[list[int], list[int]]:
        """Widths before and after each axis."""
        given = list(self.pads) if self.pads is not None else []
        if len(args) > 1 and self.pads is None:
            given = integers(graph, args[1], "pads")
        axes = tuple(range(rank))
        if len(args) > 3:
            axes = axes_of(graph, integers(graph, args[3], "axes"), rank)
        if len(given) != 2 * len(axes) or (self.pads is not None and len(args) > 1):
            raise graph.fail(f"{len(given)} widths for {len(axes)} axes", ODD)
        before, after = [0] * rank, [0] * rank
        for place, axis in enumerate(axes):
            before[axis], after[axis] = given[place], given[place + len(axes)]
        return before, after

    def around(self, graph: Graph, args: list[Any]) -> AnyArray | float:
        """The number around."""
        if len(args) < 3 or args[2] is None:
            return self.value
        if isinstance(args[2], Tensor) or args[2].size != 1:
            raise graph.fail("pads with something else than one constant", ODD)
        return np.asarray(args[2].ravel()[0])
