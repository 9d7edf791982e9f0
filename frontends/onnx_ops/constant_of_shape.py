"""A constant of one number in a constant shape; float32 zeros where none is stated.

*source*: ONNX operator ConstantOfShape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir.types import AnyArray
from ..networks.axes import ODD, integers
from ..networks.graph import Foreign, Graph, Value


@dataclass(frozen=True, eq=False)
class ConstantOfShape:
    inputs = (1, 1)

    value: AnyArray | None = None

    def apply(self, graph: Graph, args: list[Any]) -> Value | Foreign:
        shape = tuple(integers(graph, args[0], "the shape"))
        one = np.zeros(1, np.float32) if self.value is None else self.value
        if min(shape, default=0) < 0 or one.size != 1:
            raise graph.fail(f"of {one.size} numbers in shape {list(shape)}", ODD)
        return graph.stored(np.full(graph.room(shape), one.ravel()[0], one.dtype))
