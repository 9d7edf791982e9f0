"""The adjoint of a convolution in one or two dimensions, with constant weights [C, M / group, ...] and a bias.

*source*: ONNX operator ConvTranspose: an axis of n elements becomes one of s (n - 1) + e + (k - 1) d + 1 - p - p', with
e the output padding. One image at a time (batch 1); pads as stated, not automatic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir.operators.conv import Conv
from ..networks.axes import ODD
from ..networks.graph import Graph, Tensor, Value

LARGEST = 1 << 20


@dataclass(frozen=True)
class ConvTranspose:
    inputs = (2, 3)
    alike = True

    auto_pad: bytes = b"NOTSET"
    dilations: tuple[int, ...] = ()
    group: int = 1
    kernel_shape: tuple[int, ...] = ()
    output_padding: tuple[int, ...] = ()
    pads: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    def apply(self, graph: Graph, args: list[Any]) -> Value:
        image, weight, *bias = args
        if not isinstance(image, Tensor) or any(isinstance(number, Tensor) for number in args[1:]):
            raise graph.fail("needs a computed image and constant weights", "fold the constants when exporting")
        axes = len(image.shape) - 2
        if axes not in (1, 2) or image.shape[0] != 1 or weight.ndim != axes + 2 or not weight.size:
            raise graph.fail(f"weights of shape {weight.shape} for an image {image.shape}", ODD)
        if self.group < 1 or len(weight) % self.group or image.shape[1] != len(weight):
            raise graph.fail(f"{self.group} groups, weights of shape {weight.shape}, an image {image.shape}", ODD)
        if self.kernel_shape and self.kernel_shape != weight.shape[2:]:
            raise graph.fail(f"kernel_shape {self.kernel_shape} of weights {weight.shape}", ODD)
        strides, dilations, extra, before, after = self.numbers(graph, axes)
        sizes = zip(image.shape[2:], weight.shape[2:], strides, dilations, extra, before, after, strict=True)
        out = [s * (n - 1) + e + (k - 1) * d + 1 - p - q for n, k, s, d, e, p, q in sizes]
        channels = weight.shape[1] * self.group
        if min(out) < 1:
            raise graph.fail(f"a result of shape {[1, channels, *out]}", ODD)
        shape = graph.room((1, channels, *out))
        graph.room_for_entries(weight.size * int(np.prod(image.shape[2:])))
        if axes == 1:  # an image of height 1
            weight = weight[:, :, None]
            out, strides, dilations = [1, *out], [1, *strides], [1, *dilations]
            before, after = [0, *before], [0, *after]
        forward = Conv(
            np.asarray(weight, dtype=np.float64), (channels, out[0], out[1]), (strides[0], strides[1]),
            (dilations[0], dilations[1]), (before[0], before[1], after[0], after[1]),
        )  # fmt: skip
        result = graph.linear(forward.transpose(), image, shape)
        if not bias:
            return result
        if bias[0].shape != (channels,):
            raise graph.fail(f"a bias of shape {bias[0].shape} for {channels} channels", ODD)
        return graph.plus(result, np.broadcast_to(bias[0].reshape(1, -1, *[1] * axes), shape))

    def numbers(self, graph: Graph, axes: int) -> list[list[int]]:
        """Strides, dilations, output padding, pads before and after."""
        if self.auto_pad != b"NOTSET":
            raise graph.fail(f"auto_pad {self.auto_pad.decode(errors='replace')!r}", "state the pads")
        strides, dilations = (list(given or (1,) * axes) for given in (self.strides, self.dilations))
        extra, pads = list(self.output_padding or (0,) * axes), list(self.pads or (0,) * (2 * axes))
        lengths = [len(strides), len(dilations), len(extra), len(pads)] != [axes, axes, axes, 2 * axes]
        if lengths or min(*strides, *dilations) < 1 or min(*extra, *pads) < 0:
            raise graph.fail(f"strides {strides}, dilations {dilations}, pads {pads}, output_padding {extra}", ODD)
        if max(*strides, *dilations, *extra, *pads) > LARGEST:
            raise graph.fail("a number that is too large", ODD)
        if any(e >= s for e, s in zip(extra, strides, strict=True)):
            raise graph.fail(f"output_padding {extra} for strides {strides}", ODD)
        return [strides, dilations, extra, pads[:axes], pads[axes:]]
