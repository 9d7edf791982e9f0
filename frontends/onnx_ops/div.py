"""A / B with numpy's broadcasting, B constant and without zeros: rows with a divisor, so that nothing rounds.

Of constants, the quotient has to be a float64 number; that of whole numbers is rounded towards zero, as for shapes.

*source*: ONNX operator Div, opset 7 and later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.types import FloatArray
from ..networks.exact_floats import product_is_exact
from ..networks.graph import Graph, Tensor, Value


@dataclass(frozen=True)
class Div:
    inputs = (2, 2)
    alike = True

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        left, right = args
        if isinstance(right, Tensor):
            raise graph.fail("divides by a computed tensor", "only divisors that are constants are supported")
        if not right.all():
            raise graph.fail("divides by zero", "repair the constants in the file")
        if isinstance(left, Tensor):
            return graph.divided(left, right)
        graph.common_shape(left.shape, right.shape)
        if left.dtype.kind == "i" and right.dtype.kind == "i":
            whole, rest = np.divmod(left, right)
            return np.asarray(whole + ((rest != 0) & (whole < 0)))
        return quotient(graph, np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64))


def quotient(graph: Graph, left: FloatArray, right: FloatArray) -> FloatArray:
    """left / right, refused where it is no float64."""
    found = left / right
    if not product_is_exact(found, right) or not np.array_equal(found * right, np.broadcast_to(left, found.shape)):
        raise graph.fail("a quotient of constants is no float64", "fold the constants when exporting the network")
    return np.asarray(found)
