"""scale * (X - mean) / sqrt(var + epsilon) + B along axis 1, in inference, folded into the affine map before it.

The factor is irrational in general. Each number of the folded map is the float64 nearest to what the formula means,
with the stored float32 numbers taken exactly (to within 2^-52 of the absolute terms it adds up); where one is rounded,
a note goes into the ledger.

*adds*: no layer where a matrix comes right before, else one with a number and a shift for each element.
*source*: ONNX operator BatchNormalization, opset 7 and later (opset 7 and 8: ``spatial`` has to be 1). Steps to twice
the precision as in Dekker 1971 (``exact_floats.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir.affine import Affine
from ...ir.operator import Operator
from ...ir.types import FloatArray, IntArray
from ..networks.axes import ODD
from ..networks.exact_floats import two_product, two_sum
from ..networks.graph import Graph, Tensor, Value
from ..networks.row_factors import adjusted, numbers_of, replaced

Pair = tuple[FloatArray, FloatArray]
"""Numbers to twice the precision: the float64 nearest and what it left out."""


@dataclass(frozen=True)
class BatchNormalization:
    inputs = (5, 5)

    epsilon: float = float(np.float32(1e-5))
    momentum: float = 0.9
    spatial: int = 1
    training_mode: int = 0

    def apply(self, graph: Graph, args: list[Any]) -> Value:
        if self.training_mode or not self.spatial:
            raise graph.fail("in training mode or not spatial", "export the network in inference form (model.eval())")
        data, *numbers = args
        if not isinstance(data, Tensor) or any(isinstance(number, Tensor) for number in numbers):
            raise graph.fail("needs a computed tensor and constant numbers", ODD)
        channels = data.shape[1] if len(data.shape) > 1 else 1
        if len(data.shape) < 2 or any(number.shape != (channels,) for number in numbers):
            shapes = ", ".join(str(number.shape) for number in numbers)
            raise graph.fail(f"numbers of shapes {shapes} for {channels} channels", ODD)
        scale, shift, mean, variance = numbers
        if not (variance + self.epsilon > 0).all():
            raise graph.fail("a variance plus epsilon is not greater than zero", "repair the numbers in the file")
        each = np.broadcast_to(np.arange(channels).reshape(-1, *[1] * (len(data.shape) - 2)), data.shape).ravel()
        return folded(graph, data, factor_of(scale, variance, self.epsilon), shift, mean, each)


def factor_of(scale: FloatArray, variance: FloatArray, epsilon: float) -> Pair:
    """scale / sqrt(variance + epsilon): one step of Newton's for the root, one of the long division."""
    total, total_rest = two_sum(variance, np.full_like(variance, epsilon))
    root = np.sqrt(total)
    square, square_rest = two_product(root, root)
    root_rest = ((total - square) - square_rest + total_rest) / (2 * root)
    quotient = scale / root
    back, back_rest = two_product(quotient, root)
    quotient_rest = ((scale - back) - back_rest - quotient * root_rest) / root
    return two_sum(quotient, quotient_rest)


def folded(graph: Graph, data: Tensor, factor: Pair, shift: FloatArray, mean: FloatArray, each: IntArray) -> Tensor:
    """factor * (data - mean) + shift; ``each``: the channel of every element."""
    data = graph.known(data)
    if data.divisor is not None:
        data = graph.layer(data)
    top, rest = factor[0][each], factor[1][each]
    rounded = 0
    parts: dict[str, Operator] = {}
    for name, operator in data.affine.parts.items():
        kind, (tops, rests) = adjusted(operator, top, rest)
        numbers, count = rounded_product(numbers_of(kind), tops, rests)
        parts[name], rounded = replaced(kind, numbers), rounded + count
    moved, moved_rest = two_sum(data.affine.offset, -mean[each])
    product, product_rest = two_product(top, moved)
    product_rest = product_rest + (top * moved_rest + rest * moved)
    total, total_rest = two_sum(product, shift[each])
    offset, left = two_sum(total, total_rest + product_rest)
    rounded += int(np.count_nonzero(left))
    if rounded:
        graph.note("folded numbers are rounded to float64", rounded, 2.0**-52, "of their size")
    return Tensor(data.shape, Affine(offset, parts))


def rounded_product(numbers: FloatArray, top: FloatArray, rest: FloatArray) -> tuple[FloatArray, int]:
    """numbers * (top + rest), rounded; and how many were."""
    product, product_rest = two_product(numbers, top)
    found, left = two_sum(product, product_rest + numbers * rest)
    return found, int(np.count_nonzero(left))
