"""exp(x_i) / sum_j exp(x_j), at the end of a network and over all of its outputs.

*source*: ONNX operator Softmax. The network's blocks end with the scores x; claims see through it
(``frontends/networks/through_ending.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..networks.ended import Ended, softmax
from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class Softmax:
    inputs = (1, 1)

    axis: int | None = None

    def apply(self, graph: Graph, args: list[Value]) -> Ended:
        return softmax(graph, args[0], "softmax", self.axis)
