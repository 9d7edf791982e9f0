"""Poolings over the windows of every channel: what their operator files share."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from scipy import sparse

from ...ir.functions.max import Max
from ...ir.operators.csr import Csr
from ...ir.types import FloatArray, IntArray
from .graph import Graph, Tensor, Value
from .windows import Windows, windows


def channels(graph: Graph, value: Value) -> tuple[Tensor, int, int]:
    """The computed tensor [1, C, ...] that is pooled, its number of channels, and of elements in each."""
    if not isinstance(value, Tensor):
        raise graph.fail("of a constant", "fold the constants when exporting the network")
    if len(value.shape) < 3 or value.shape[0] != 1 or not value.size:
        raise graph.fail(f"of a tensor of shape {value.shape}", "only [1, channels, ...] is supported")
    return value, value.shape[1], prod(value.shape[2:])


@dataclass(frozen=True)
class Pool:
    """The attributes that poolings share."""

    auto_pad: bytes = b"NOTSET"
    ceil_mode: int = 0
    dilations: tuple[int, ...] = ()
    kernel_shape: tuple[int, ...] = ()
    pads: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()


def pool_windows(graph: Graph, tensor: Tensor, pool: Pool) -> Windows:
    """The windows of a pooling."""
    if pool.auto_pad.startswith(b"SAME") and pool.ceil_mode:
        raise graph.fail("auto_pad with ceil_mode", "implementations differ on what that means; state the pads")
    return windows(
        graph, tensor.shape, pool.kernel_shape,
        strides=pool.strides, pads=pool.pads, dilations=pool.dilations, auto_pad=pool.auto_pad,
        ceil_mode=pool.ceil_mode,
    )  # fmt: skip


def average(graph: Graph, value: Value, where: Windows, divisor: FloatArray) -> Value:
    """The sum over each window, divided by ``divisor`` [windows]: nothing is rounded."""
    tensor, count, size = channels(graph, value)
    elements = where.elements()
    graph.room_for_entries(count * elements.size)
    rows, places = np.nonzero(elements >= 0)
    one = sparse.csr_array((np.ones(len(rows)), (rows, elements[rows, places])), shape=(len(elements), size))
    operator = Csr.of(sparse.kron(sparse.eye_array(count), one, format="csr"))
    shape = (1, count, *where.out)
    total = graph.linear(operator, tensor, shape)
    return graph.divided(total, np.tile(divisor, count).reshape(shape))


def greatest(graph: Graph, value: Value, where: Windows) -> Value:
    """The greatest element under each window; the padding counts for nothing."""
    tensor, count, size = channels(graph, value)
    elements = where.elements()
    first = first_inside(graph, elements)
    elements = np.where(elements < 0, elements[np.arange(len(elements)), first][:, None], elements)
    each = (np.arange(count)[:, None, None] * size + elements).reshape(-1, elements.shape[1])
    whole = graph.layer(tensor)
    shape = (1, count, *where.out)
    args = [whole.picked(column.reshape(shape)) for column in each.T]
    return args[0] if len(args) == 1 else graph.function(Max(), args)


def first_inside(graph: Graph, elements: IntArray) -> IntArray:
    """The first place in each window that is no padding."""
    inside = elements >= 0
    if not inside.any(axis=1).all():
        raise graph.fail("a window covers nothing but padding", "use smaller pads")
    return np.asarray(inside.argmax(axis=1))


def everything(value: Tensor) -> Windows:
    """One window over all elements of a channel."""
    size = value.shape[2:]
    one, none = (1,) * len(size), (0,) * len(size)
    return Windows(size, size, one, one, none, none, one)
