"""Sums over axes, what ReduceSum and ReduceMean share."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ...ir.operators.csr import Csr
from ..networks.axes import axes_of, full_size, given_axes
from ..networks.exact_floats import image_is_exact
from ..networks.graph import Graph, Tensor, Value


def reduced(graph: Graph, args: list[Any], axes: tuple[int, ...] | None, keepdims: int, noop: int) -> tuple[Value, int]:
    """The sum over the axes (attribute or second input; all where none is named) and how many elements each adds up."""
    value = args[0]
    named = given_axes(graph, axes, args, 1)
    if not named and noop:
        return value, 1
    rank = len(value.shape)
    gone = axes_of(graph, named, rank) if named else tuple(range(rank))
    kept = tuple(1 if axis in gone else n for axis, n in enumerate(value.shape))
    shape = kept if keepdims else tuple(n for axis, n in enumerate(value.shape) if axis not in gone)
    if isinstance(value, np.ndarray) and value.dtype.kind == "i":
        return np.asarray(value.sum(axis=gone)).reshape(shape), full_size(value.shape) // full_size(kept)
    rows = np.broadcast_to(np.arange(full_size(kept)).reshape(kept), value.shape).ravel()
    count = len(rows) // max(1, full_size(kept))
    entries = np.ones(len(rows)), (rows, np.arange(len(rows)))
    operator = Csr.of(sparse.csr_array(entries, shape=(full_size(kept), len(rows))))
    if isinstance(value, Tensor):
        return graph.linear(operator, value, shape), count
    if not image_is_exact(operator, value.ravel()):
        raise graph.fail("a sum of constants is no float64", "fold the constants when exporting the network")
    return operator.apply(value.reshape(1, -1)).reshape(shape), count
