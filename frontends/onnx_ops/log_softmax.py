"""x_i - log(sum_j exp(x_j)), at the end of a network and over all of its outputs.

*source*: ONNX operator LogSoftmax. The network's blocks end with the scores x; claims see through it
(``frontends/networks/through_ending.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..networks.ended import Ended, softmax
from ..networks.graph import Graph, Value


@dataclass(frozen=True)
class LogSoftmax:
    inputs = (1, 1)

    axis: int | None = None

    def apply(self, graph: Graph, args: list[Value]) -> Ended:
        return softmax(graph, args[0], "log-softmax", self.axis)
