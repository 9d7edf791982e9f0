"""Powers with a constant exponent of 1 to 4: products of a tensor with itself.

*source*: ONNX operator Pow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir.functions.product import Product
from ..networks.graph import Foreign, Graph, Tensor, Value

MOST = 4


@dataclass(frozen=True)
class Pow:
    inputs = (2, 2)
    foreign = True

    def apply(self, graph: Graph, args: list[Any]) -> Value:
        base, exponent = args
        numbers = exponent.array if isinstance(exponent, Foreign) else exponent
        if not isinstance(base, Tensor) or isinstance(numbers, Tensor):
            raise graph.fail("needs a computed base and a constant exponent", "fold constants when exporting")
        if numbers.size != 1 or float(numbers.ravel()[0]) not in range(1, MOST + 1):
            shown = np.array2string(numbers.ravel(), threshold=4)
            raise graph.fail(f"exponent {shown}", f"only one whole number from 1 to {MOST} is supported")
        factors = int(numbers.ravel()[0])
        tensor = graph.spread(base, graph.common_shape(base.shape, numbers.shape))
        return tensor if factors == 1 else graph.function(Product(), [tensor] * factors)
