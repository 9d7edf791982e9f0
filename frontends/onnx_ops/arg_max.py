"""The index of the greatest output, at the end of a network; of a Softmax it is that of its scores.

*source*: ONNX operator ArgMax: among equals the least index, the greatest with ``select_last_index``. The network's
blocks end with the scores; claims about the index see through it (``frontends/networks/through_ending.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..networks.axes import flag
from ..networks.ended import Ended, all_scores, axis_size
from ..networks.graph import Graph


@dataclass(frozen=True)
class ArgMax:
    inputs = (1, 1)
    ended = True

    axis: int = 0
    keepdims: int = 1
    select_last_index: int = 0

    def apply(self, graph: Graph, args: list[Any]) -> Ended:
        value, shape = args[0], args[0].shape
        if isinstance(value, Ended) and value.kind.endswith("softmax"):
            value = value.scores
        scores = all_scores(graph, value, axis_size(graph, shape, self.axis))
        axis = self.axis % len(shape)
        left = (*shape[:axis], *([1] if flag(graph, self.keepdims, "keepdims") else []), *shape[axis + 1 :])
        last = flag(graph, self.select_last_index, "select_last_index")
        return Ended("argmax-last" if last else "argmax", scores, left)
