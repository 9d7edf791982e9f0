"""Elements of one value where a constant condition holds, of another elsewhere, with numpy's broadcasting.

*source*: ONNX operator Where.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.types import AnyArray, BoolArray
from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class Where:
    inputs = (3, 3)

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        condition, one, other = args
        if isinstance(condition, Tensor) or condition.dtype != np.bool_:
            raise graph.fail("its condition is no constant", "only conditions that are constants are supported")
        shape = graph.common_shape(graph.common_shape(condition.shape, one.shape), other.shape)
        holds = np.asarray(np.broadcast_to(condition, shape), dtype=np.bool_)
        pieces = [
            (chosen(graph, value, where), np.flatnonzero(where)) for value, where in ((one, holds), (other, ~holds))
        ]
        return graph.assemble(shape, pieces)


def chosen(graph: Graph, value: Value, holds: BoolArray) -> Value:
    """The elements of a value, broadcast, where a condition holds."""

    def change(array: AnyArray) -> AnyArray:
        return np.asarray(np.broadcast_to(array, holds.shape)[holds])

    return graph.rearrange(value, change)
