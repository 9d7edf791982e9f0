"""Axes in another order, reversed where none is stated.

*source*: ONNX operator Transpose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks.axes import ODD
from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Transpose:
    inputs = (1, 1)

    perm: tuple[int, ...] | None = None

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        rank = len(args[0].shape)
        order = tuple(reversed(range(rank))) if self.perm is None else self.perm
        if sorted(order) != list(range(rank)):
            raise graph.fail(f"perm {list(order)} of a tensor with {rank} axes", ODD)
        return graph.rearrange(args[0], lambda array: np.transpose(array, order))
