"""A matrix product of a computed tensor and a constant, on either side.

*source*: ONNX operator MatMul (numpy's matmul) for matrices and vectors. Row-major flattening makes X W the operator
I (x) W^T on the elements of X, and W X the operator W (x) I.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...ir.operators.csr import Csr
from ...ir.types import AnyArray, FloatArray
from ..networks.graph import Graph, Tensor, Value, matrix_operator


@dataclass(frozen=True)
class MatMul:
    inputs = (2, 2)

    def apply(self, graph: Graph, args: list[Value]) -> Value:
        left, right = args
        if isinstance(left, Tensor) and not isinstance(right, Tensor):
            return tensor_times(graph, left, weights(graph, right))
        if isinstance(right, Tensor) and not isinstance(left, Tensor):
            return times_tensor(graph, weights(graph, left), right)
        both = "computed tensors" if isinstance(left, Tensor) else "constants"
        raise graph.fail(f"multiplies two {both}", "one factor has to be a constant matrix, the other computed")


def weights(graph: Graph, constant: AnyArray) -> FloatArray:
    """The constant as a float matrix or vector."""
    if constant.ndim not in (1, 2):
        raise graph.fail(f"a constant factor of shape {constant.shape}", "only matrices and vectors are supported")
    return np.asarray(constant, dtype=np.float64)


def tensor_times(graph: Graph, tensor: Tensor, matrix: FloatArray) -> Tensor:
    """tensor [..., n] @ matrix [n, m] (or [n])."""
    if not tensor.shape or tensor.shape[-1] != len(matrix):
        raise mismatch(graph, tensor.shape, matrix.shape)
    rows = int(np.prod(tensor.shape[:-1], dtype=np.int64))
    flat = matrix.reshape(len(matrix), -1)
    operator = matrix_operator(flat.T)
    if rows != 1:
        operator = Csr.of(sparse.kron(sparse.eye_array(rows), flat.T))
    return graph.linear(operator, tensor, tensor.shape[:-1] + matrix.shape[1:])


def times_tensor(graph: Graph, matrix: FloatArray, tensor: Tensor) -> Tensor:
    """matrix [m, n] (or [n]) @ tensor [n, p] (or [n])."""
    if len(tensor.shape) not in (1, 2) or tensor.shape[0] != matrix.shape[-1]:
        raise mismatch(graph, matrix.shape, tensor.shape)
    columns = int(np.prod(tensor.shape[1:], dtype=np.int64))
    flat = matrix.reshape(-1, matrix.shape[-1])
    operator = matrix_operator(flat) if columns == 1 else Csr.of(sparse.kron(flat, sparse.eye_array(columns)))
    return graph.linear(operator, tensor, matrix.shape[:-1] + tensor.shape[1:])


def mismatch(graph: Graph, left: tuple[int, ...], right: tuple[int, ...]) -> Exception:
    return graph.fail(f"shapes {left} and {right} do not fit for a matrix product", "check the weights in the file")
