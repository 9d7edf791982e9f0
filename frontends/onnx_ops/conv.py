"""A convolution in one or two dimensions with constant weights [M, C / group, ...], and a bias for each of M channels.

*source*: ONNX operator Conv. One image at a time (batch 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.operators.conv import Conv as Operator
from ..networks.graph import Graph, Tensor, Value
from ..networks.windows import windows


@dataclass(frozen=True)
class Conv:
    inputs = (2, 3)

    auto_pad: bytes = b"NOTSET"
    dilations: tuple[int, ...] = ()
    group: int = 1
    kernel_shape: tuple[int, ...] = ()
    pads: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        image, weight = args[:2]
        if not isinstance(image, Tensor) or isinstance(weight, Tensor):
            raise graph.fail("needs a computed image and constant weights", "fold the constants when exporting")
        if weight.ndim != len(image.shape) or not weight.size or self.group < 1:
            raise graph.fail(f"weights of shape {weight.shape} for an image {image.shape}", "check the weights")
        if self.kernel_shape and self.kernel_shape != weight.shape[2:]:
            raise graph.fail(f"kernel_shape {self.kernel_shape} of weights {weight.shape}", "check the weights")
        if image.shape[1] != weight.shape[1] * self.group or len(weight) % self.group:
            message = f"{image.shape[1]} channels in {self.group} groups for weights of shape {weight.shape}"
            raise graph.fail(message, "check the weights in the file")
        where = windows(
            graph, image.shape, weight.shape[2:],
            strides=self.strides, pads=self.pads, dilations=self.dilations, auto_pad=self.auto_pad,
        )  # fmt: skip
        flat = len(where.size) == 1  # one dimension: an image of height 1
        (high, wide), (down, right), (tall, broad), (top, left), (bottom, side) = (
            (filler, *given) if flat else given
            for filler, given in (
                (1, where.size), (1, where.strides), (1, where.dilations), (0, where.before), (0, where.after)
            )
        )  # fmt: skip
        numbers = np.asarray(weight, dtype=np.float64).reshape(*weight.shape[:2], *([1] if flat else []), *where.kernel)
        operator = Operator(
            numbers, (image.shape[1], high, wide), (down, right), (tall, broad), (top, left, bottom, side)
        )
        result = graph.linear(operator, image, (1, len(weight), *where.out))
        if len(args) < 3:
            return result
        bias = args[2]
        if isinstance(bias, Tensor) or bias.shape != (len(weight),):
            raise graph.fail(f"a bias of shape {bias.shape} for {len(weight)} channels", "check the bias in the file")
        return graph.plus(result, np.broadcast_to(bias.reshape(1, -1, *[1] * len(where.out)), result.shape))
