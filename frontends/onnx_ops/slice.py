"""Ranges along axes, with steps that may be negative.

*source*: ONNX operator Slice: attributes before opset 10, inputs from then on. Ends are clamped to the axis; with a
negative step starts to 0..n-1 and ends to -1..n-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..networks.axes import ODD, axes_of, integers
from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Slice:
    inputs = (1, 5)

    starts: tuple[int, ...] | None = None
    ends: tuple[int, ...] | None = None
    axes: tuple[int, ...] | None = None

    def apply(self, graph: Graph, args: list[Any]) -> Value:
        shape = args[0].shape
        starts, ends, axes, steps = self.ranges(graph, args)
        axes = list(range(len(starts))) if axes is None else axes
        steps = [1] * len(starts) if steps is None else steps
        if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
            raise graph.fail(f"starts {starts}, ends {ends}, axes {axes}, steps {steps} do not fit", ODD)
        index: list[Any] = [np.arange(n) for n in shape]
        for start, end, axis, step in zip(starts, ends, axes_of(graph, axes, len(shape)), steps, strict=True):
            index[axis] = chosen(start, end, step, shape[axis])
        return graph.rearrange(args[0], lambda array: array[np.ix_(*index)])

    def ranges(self, graph: Graph, args: list[Any]) -> tuple[list[int], list[int], list[int] | None, list[int] | None]:
        """Starts, ends, axes and steps from the attributes or the inputs."""
        if self.starts is not None and self.ends is not None and len(args) == 1:
            return list(self.starts), list(self.ends), None if self.axes is None else list(self.axes), None
        if len(args) < 3 or self.starts is not None or self.ends is not None or self.axes is not None:
            raise graph.fail("needs starts and ends", ODD)
        names = ("starts", "ends", "axes", "steps")
        pairs = zip(args[1:], names, strict=False)
        given = [None if arg is None else integers(graph, arg, name) for arg, name in pairs]
        starts, ends, axes, steps = [*given, None, None][:4]
        if starts is None or ends is None:
            raise graph.fail("needs starts and ends", ODD)
        return starts, ends, axes, steps


def chosen(start: int, end: int, step: int, size: int) -> range:
    """The positions along one axis."""
    start, end = (number + size if number < 0 else number for number in (start, end))
    if step > 0:
        return range(min(max(start, 0), size), min(max(end, 0), size), step)
    return range(min(max(start, 0), size - 1), min(max(end, -1), size - 1), step)
