"""Where the windows of convolutions and poolings lie: kernel, strides, dilations and pads as ONNX states them.

*source*: ONNX operators Conv, AveragePool, MaxPool. With n elements on an axis, pads p and p', a kernel that covers
k' = (k - 1) d + 1 of them and stride s, there are floor((n + p + p' - k') / s) + 1 windows. ``ceil_mode`` rounds up,
but windows that would begin behind the last element are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ...ir.types import IntArray
from .axes import flag
from .graph import Graph

AUTOMATIC = ("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET")
LARGEST = 1 << 31
"""Most elements that a size in a file may state."""


@dataclass(frozen=True)
class Windows:
    """All fields have one number for each axis; ``out`` counts the windows."""

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    out: tuple[int, ...]

    def elements(self) -> IntArray:
        """Flat position of each element under each window [windows, elements]; -1 in the padding."""
        flat: IntArray = np.zeros((1, 1), dtype=np.int64)
        for axis, places in enumerate(self.axes()):
            inside = (places >= 0) & (places < self.size[axis])
            joined = flat[:, None, :, None] * self.size[axis] + places[None, :, None, :]
            known = (flat >= 0)[:, None, :, None] & inside[None, :, None, :]
            flat = np.where(known, joined, -1).reshape(len(flat) * len(places), -1)
        return flat

    def covered(self) -> IntArray:
        """How many elements of the padded image each window covers; it may reach beyond in ``ceil_mode``."""
        count = np.ones(1, dtype=np.int64)
        for axis, places in enumerate(self.axes()):
            inside = (places >= -self.before[axis]) & (places < self.size[axis] + self.after[axis])
            count = (count[:, None] * inside.sum(axis=1)).ravel()
        return count

    def axes(self) -> list[IntArray]:
        """Positions [windows, elements] on each axis."""
        given = zip(self.out, self.kernel, self.strides, self.dilations, self.before, strict=True)
        return [np.arange(m)[:, None] * s - p + np.arange(k) * d for m, k, s, d, p in given]


def windows(
    graph: Graph,
    shape: tuple[int, ...],
    kernel: Sequence[int],
    *,
    strides: Sequence[int] = (),
    pads: Sequence[int] = (),
    dilations: Sequence[int] = (),
    auto_pad: bytes = b"NOTSET",
    ceil_mode: int = 0,
) -> Windows:
    """The windows over a tensor [1, C, ...]. Raises :class:`InputError` for what does not fit the tensor."""
    size, axes = shape[2:], len(shape) - 2
    if axes not in (1, 2) or shape[0] != 1:
        raise graph.fail(f"of a tensor of shape {shape}", "only [1, channels, length] and [1, C, H, W] are supported")
    strides, dilations = strides or (1,) * axes, dilations or (1,) * axes
    for name, numbers in (("kernel_shape", kernel), ("strides", strides), ("dilations", dilations)):
        if len(numbers) != axes or not all(isinstance(n, int) and 1 <= n < LARGEST for n in numbers):
            raise graph.fail(f"{name} {list(numbers)} for {axes} axes", "check how the network was exported")
    span = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
    mode = auto_pad.decode("utf-8", "replace")
    if mode == "NOTSET":
        before, after = stated(graph, pads, axes)
    elif pads or (mode != "VALID" and max(dilations) > 1):
        message = f"auto_pad {mode!r} with {'pads' if pads else 'dilations'}"
        raise graph.fail(message, "implementations differ on what that means; state the pads")
    else:
        before, after = automatic(graph, mode, size, span, strides)
    out, up = [], flag(graph, ceil_mode, "ceil_mode")
    for n, p, q, k, s in zip(size, before, after, span, strides, strict=True):
        count = (n + p + q - k) // s + 1
        if up:
            count = -(-(n + p + q - k) // s) + 1
            count -= (count - 1) * s >= n + p
        out.append(count)
    if min(out) < 1 or not min(size):
        message = f"windows over {list(span)} elements of a tensor of shape {shape}"
        raise graph.fail(message, "check how the network was exported")
    graph.room((shape[1], prod(out), prod(kernel)))
    graph.room((shape[1], *(n + p + q for n, p, q in zip(size, before, after, strict=True))))
    found = (size, kernel, strides, dilations, before, after, out)
    return Windows(*(tuple(int(n) for n in numbers) for numbers in found))


def stated(graph: Graph, pads: Sequence[int], axes: int) -> tuple[list[int], list[int]]:
    """Pads as the file states them: all that come before, then all that come after."""
    given = list(pads or (0,) * (2 * axes))
    if len(given) != 2 * axes or not all(isinstance(n, int) and 0 <= n < LARGEST for n in given):
        raise graph.fail(f"pads {given} for {axes} axes", "only pads that add elements are supported")
    return given[:axes], given[axes:]


def automatic(
    graph: Graph, mode: str, size: Sequence[int], span: Sequence[int], strides: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Pads with which there is a window for every stride (SAME), or none (VALID)."""
    if mode not in AUTOMATIC:
        raise graph.fail(f"auto_pad {mode!r}", f"known: {', '.join(AUTOMATIC)}")
    if mode == "VALID":
        return [0] * len(size), [0] * len(size)
    total = [(-(-n // s) - 1) * s + k - n for n, s, k in zip(size, strides, span, strict=True)]
    if min(total) < 0:
        message = f"auto_pad {mode!r} with strides {list(strides)} greater than the kernel"
        raise graph.fail(message, "implementations differ on what that means; state the pads")
    less, more = [n // 2 for n in total], [n - n // 2 for n in total]
    return (less, more) if mode == "SAME_UPPER" else (more, less)
