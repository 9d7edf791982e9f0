"""The mean over the windows of every channel; the sum is kept with its divisor, so that nothing is rounded.

*source*: ONNX operator AveragePool. The padding counts only with ``count_include_pad``, and what a last window covers
beyond the padding (``ceil_mode``) never does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks.axes import flag
from ..networks.graph import Graph, Value
from ..networks.pooling import Pool, average, channels, first_inside, pool_windows


@dataclass(frozen=True)
class AveragePool(Pool):
    inputs = (1, 1)

    count_include_pad: int = 0

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        tensor, *_ = channels(graph, args[0])
        where = pool_windows(graph, tensor, self)
        padded = flag(graph, self.count_include_pad, "count_include_pad")
        elements = where.elements()
        first_inside(graph, elements)
        count = where.covered() if padded else (elements >= 0).sum(axis=1)
        return average(graph, tensor, where, np.asarray(count, dtype=np.float64))
