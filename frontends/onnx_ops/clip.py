"""x clipped to min..max, attributes before opset 11 and inputs since; one-sided clipping is a shifted relu.

*source*: ONNX operator Clip. A bound at the end of float32's range is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.functions.hardtanh import Hardtanh
from ...ir.functions.relu import Relu
from ...ir.types import AnyArray
from ..networks.graph import Graph, Tensor, Value

END = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Clip:
    inputs = (1, 3)

    min: float | None = None
    max: float | None = None

    def apply(self, graph: Graph, args: list[Value | None]) -> Value:
        low, high = (number(graph, arg) for arg in (*args[1:], None, None)[:2])
        low, high = self.min if low is None else low, self.max if high is None else high
        if args[0] is None:
            raise graph.fail("clips nothing", "check how the network was exported")
        return clipped(graph, args[0], -END if low is None else low, END if high is None else high)


def number(graph: Graph, value: Value | None) -> float | None:
    """A bound given as an input."""
    if value is None:
        return None
    if isinstance(value, Tensor) or value.size != 1:
        raise graph.fail("its bounds are not constant numbers", "only constant bounds for all elements are supported")
    return float(value.ravel()[0])


def clipped(graph: Graph, value: Value, low: float, high: float) -> Value:
    """The value clipped to low..high."""
    if not low < high:
        raise graph.fail(f"clips to {low}..{high}, which is no range", "the lower bound has to be less than the upper")
    if not isinstance(value, Tensor):
        return np.asarray(np.clip(value, low, high))
    if low <= -END and high >= END:
        return value
    if high >= END:
        return at_least(graph, value, np.array(low))
    if low <= -END:
        return graph.times(at_least(graph, graph.scaled(value, -1.0), np.array(-high)), -1.0)
    return graph.function(Hardtanh(low, high), [value])


def at_least(graph: Graph, tensor: Tensor, least: AnyArray) -> Value:
    """max(x, c) = relu(x - c) + c with numpy's broadcasting."""
    moved = graph.plus(tensor, np.asarray(np.negative(least))) if least.any() else tensor
    assert isinstance(moved, Tensor)
    return graph.plus(graph.function(Relu(), [moved]), np.asarray(least, dtype=np.float64))
