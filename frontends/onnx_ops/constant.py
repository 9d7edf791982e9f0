"""A tensor stored in the graph itself.

*source*: ONNX operator Constant; the reader turns the attribute into an array before it gets here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.types import AnyArray
from ..networks.graph import Foreign, Graph, Value


@dataclass(frozen=True, eq=False)
class Constant:
    inputs = (0, 0)

    value: AnyArray | None = None
    value_float: float | None = None
    value_floats: tuple[float, ...] | None = None
    value_int: int | None = None
    value_ints: tuple[int, ...] | None = None

    def apply(self, graph: Graph, args: list[Value]) -> Value | Foreign:
        given = [getattr(self, name) for name in self.__dataclass_fields__]
        found = [value for value in given if value is not None]
        if len(found) != 1:
            raise graph.fail("holds no number", "only tensors of numbers are supported")
        return graph.stored(found[0])
