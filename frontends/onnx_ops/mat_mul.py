"""A matrix product of a computed tensor and a constant, on either side, with numpy's broadcasting of leading axes.

*source*: ONNX operator MatMul (numpy's matmul). Row-major flattening makes X W the operator I (x) W^T on the elements
of X, and W X the operator W (x) I; with leading axes the entries are written out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...ir.operators.csr import Csr
from ...ir.types import AnyArray, FloatArray
from ..networks.axes import full_size
from ..networks.exact_floats import last_place
from ..networks.graph import Graph, Tensor, Value, matrix_operator


@dataclass(frozen=True)
class MatMul:
    inputs = (2, 2)
    alike = True

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        left, right = args
        shape_of_product(graph, left.shape, right.shape)
        if isinstance(left, Tensor):
            if isinstance(right, Tensor):
                raise graph.fail("multiplies two computed tensors", "one factor has to be a constant matrix")
            return tensor_times(graph, left, np.asarray(right, dtype=np.float64))
        if isinstance(right, Tensor):
            return times_tensor(graph, np.asarray(left, dtype=np.float64), right)
        return product_of_constants(graph, left, right)


def shape_of_product(graph: Graph, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of left @ right. Raises InputError where they do not fit."""
    if not left or not right or left[-1] != right[max(len(right) - 2, 0)]:
        message = f"shapes {left} and {right} do not fit for a matrix product"
        raise graph.fail(message, "check the weights in the file")
    batch = graph.common_shape(left[:-2], right[:-2])
    return (*batch, *left[-2:-1], *(right[-1:] if len(right) > 1 else ()))


def tensor_times(graph: Graph, tensor: Tensor, matrix: FloatArray) -> Tensor:
    """tensor [..., n] @ matrix [..., n, m] (or [n])."""
    if matrix.ndim > 2:
        return batched(graph, tensor, matrix, tensor_left=True)
    shape = shape_of_product(graph, tensor.shape, matrix.shape)
    rows = full_size(tensor.shape[:-1])
    flat = matrix.reshape(len(matrix), -1)
    if rows == 1:
        return graph.linear(matrix_operator(flat.T), tensor, shape)
    graph.room_for_entries(rows * flat.size)
    return graph.linear(Csr.of(sparse.kron(sparse.eye_array(rows), flat.T)), tensor, shape)


def times_tensor(graph: Graph, matrix: FloatArray, tensor: Tensor) -> Tensor:
    """matrix [..., m, n] (or [n]) @ tensor [..., n, p] (or [n])."""
    if matrix.ndim > 2 or len(tensor.shape) > 2:
        return batched(graph, tensor, matrix, tensor_left=False)
    shape = shape_of_product(graph, matrix.shape, tensor.shape)
    columns = full_size(tensor.shape[1:])
    flat = matrix.reshape(-1, matrix.shape[-1])
    if columns == 1:
        return graph.linear(matrix_operator(flat), tensor, shape)
    graph.room_for_entries(columns * flat.size)
    return graph.linear(Csr.of(sparse.kron(flat, sparse.eye_array(columns))), tensor, shape)


def batched(graph: Graph, tensor: Tensor, constant: FloatArray, tensor_left: bool) -> Tensor:
    """The product with leading axes: entry (b, i, j) adds up over k."""
    left, right = (tensor.positions(), constant) if tensor_left else (constant, tensor.positions())
    shape = shape_of_product(graph, left.shape, right.shape)
    left = left[None] if left.ndim == 1 else left
    right = right[:, None] if right.ndim == 1 else right
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    i, k, j = left.shape[-2], left.shape[-1], right.shape[-1]
    graph.room_for_entries(full_size(batch) * i * k * j)
    rows = np.arange(full_size((*batch, i, j))).reshape(*batch, i, 1, j)
    found = np.broadcast_arrays(rows, left[..., :, :, None], right[..., None, :, :])
    row, one, two = (array.ravel() for array in found)
    column, number = (one, two) if tensor_left else (two, one)
    taken = number != 0
    csr = sparse.csr_array((number[taken], (row[taken], column[taken])), shape=(full_size(shape), tensor.size))
    return graph.linear(Csr.of(csr), tensor, shape)


def product_of_constants(graph: Graph, left: AnyArray, right: AnyArray) -> AnyArray:
    """left @ right, refused where it may round."""
    if left.dtype.kind == "i" and right.dtype.kind == "i":
        return np.asarray(left.astype(np.int64) @ right.astype(np.int64))
    one, two = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if one.any() and two.any():
        unit = last_place(one) + last_place(two)
        most = float((np.abs(one) @ np.abs(two)).max())
        if unit < -960 or most >= np.ldexp(0.99, min(unit + 53, 960)):
            raise graph.fail("a product of constants is no float64", "fold the constants when exporting the network")
    return np.asarray(one @ two)
