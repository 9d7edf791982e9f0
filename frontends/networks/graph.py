"""Symbolic evaluation of a network graph: what the operator files in ``frontends/onnx_ops/`` work with.

A tensor is an affine map of earlier layers over a divisor, kept lazy as long as combining maps changes no stored
number: a bias may be added, rows may be picked, scaled, divided; where a product of two matrices or a sum would round,
the first becomes a layer of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...ir.affine import Affine
from ...ir.operator import Operator
from ...ir.operators.gather import Gather
from ...ir.types import AnyArray, FloatArray, IntArray
from .exact_floats import operators_add_exactly, product_is_exact, sum_is_exact
from .layers import Layers
from .row_factors import row_products_are_exact, scaled_rows
from .tensor import Foreign, Tensor, Value, image, matrix_operator, whole

__all__ = ["Foreign", "Graph", "Tensor", "Value", "matrix_operator", "whole"]


class Graph(Layers):
    """Operators call :meth:`plus`, :meth:`linear`, :meth:`function`, :meth:`fail` and the like."""

    # elements in other places

    def rearrange(self, value: Value, change: Callable[[AnyArray], AnyArray]) -> Value:
        """What ``change`` (a function of numpy arrays that only moves elements) makes of a tensor or constant."""
        if isinstance(value, np.ndarray):
            return np.asarray(change(value))
        return self.pick(value, np.asarray(change(value.positions()), dtype=np.int64))

    def pick(self, tensor: Tensor, index: IntArray) -> Tensor:
        """The tensor of elements ``index`` (any shape, flat positions); rows of matrices are not repeated."""
        tensor = self.known(tensor)
        if not tensor.light and index.size and np.bincount(index.ravel()).max() > 1:
            tensor = self.layer(tensor)
        return tensor.picked(index)

    def reshape(self, value: Value, shape: tuple[int, ...]) -> Value:
        """The same elements in C order; the caller has checked their number."""
        return Tensor(shape, value.affine, divisor=value.divisor) if isinstance(value, Tensor) else value.reshape(shape)

    def broadcast(self, value: Value, shape: tuple[int, ...]) -> Value:
        """numpy's broadcasting."""
        return value if shape == value.shape else self.rearrange(value, lambda array: np.broadcast_to(array, shape))

    def spread(self, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
        """numpy's broadcasting of a computed tensor."""
        return tensor if shape == tensor.shape else self.pick(tensor, np.broadcast_to(tensor.positions(), shape))

    def common_shape(self, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that both broadcast to."""
        try:
            return self.room(np.broadcast_shapes(left, right))
        except ValueError:
            raise self.fail(f"shapes {left} and {right} do not fit", "check how the network was exported") from None

    def assemble(self, shape: tuple[int, ...], pieces: Sequence[tuple[Value, IntArray]]) -> Value:
        """A tensor that has the elements of each piece at the flat positions beside it, and zeros elsewhere."""
        size = int(np.prod(shape, dtype=np.int64))
        pieces = [piece for piece in pieces if piece[1].size] or pieces[:1]
        if all(isinstance(value, np.ndarray) for value, _ in pieces):
            kind = np.result_type(*(np.asarray(value).dtype for value, _ in pieces))
            filled = np.zeros(size, dtype=kind)
            for value, place in pieces:
                filled[place.ravel()] = np.asarray(value).ravel()
            return filled.reshape(shape)
        offset, divisor = np.zeros(size), np.ones(size)
        found: dict[str, tuple[IntArray, FloatArray, int]] = {}
        for value, positions in pieces:
            place = positions.ravel()
            if isinstance(value, np.ndarray):
                offset[place] = value.ravel()
                continue
            tensor = self.known(value)
            tensor = tensor if tensor.light else self.layer(tensor)
            offset[place] = tensor.affine.offset
            divisor[place] = 1.0 if tensor.divisor is None else tensor.divisor
            for name, operator in tensor.affine.parts.items():
                rows = operator.rows(np.arange(tensor.size))
                assert isinstance(rows, Gather)
                index, weight, _ = found.setdefault(name, (np.zeros(size, np.int64), np.zeros(size), rows.width))
                index[place], weight[place] = rows.index, rows.weight
        parts: dict[str, Operator] = {name: Gather(*gather) for name, gather in found.items()}
        return Tensor(shape, Affine(offset, parts), divisor=None if (divisor == 1.0).all() else divisor)

    # arithmetic

    def linear(self, operator: Operator, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The operator applied to all elements of a tensor."""
        tensor = self.known(tensor)
        divisor = tensor.common_divisor
        found = None if divisor is None else image(operator, tensor.affine)
        if found is None:
            tensor = self.layer(tensor)
            ((name, _),) = tensor.affine.parts.items()
            return Tensor(shape, Affine(np.zeros(operator.shape[0]), {name: operator}))
        return Tensor(shape, found, divisor=None if divisor == 1.0 else np.full(operator.shape[0], divisor))

    def times(self, value: Value, factor: AnyArray | float) -> Value:
        """value * factor, a constant, with numpy's broadcasting.

        A layer comes between where a product of stored numbers would round; of constants such products are refused.
        """
        factors = np.asarray(factor)
        if isinstance(value, Tensor):
            return self.scaled(value, factors)
        self.common_shape(value.shape, factors.shape)
        if value.dtype.kind == "i" and factors.dtype.kind == "i":
            return np.asarray(value * factors)
        numbers, factors = np.asarray(value, np.float64), np.asarray(factors, np.float64)
        if not product_is_exact(numbers, factors):
            raise self.fail("a product of constants is no float64", "fold the constants when exporting the network")
        return np.asarray(numbers * factors)

    def scaled(self, tensor: Tensor, factor: AnyArray | float) -> Tensor:
        """tensor * factor, as in :meth:`times`."""
        factors = np.asarray(factor, dtype=np.float64)
        if (factors == 1.0).all() and tensor.shape == self.common_shape(tensor.shape, factors.shape):
            return tensor
        tensor = self.spread(tensor, self.common_shape(tensor.shape, factors.shape))
        each = np.broadcast_to(factors, tensor.shape).ravel()
        affine = tensor.affine
        exact = all(row_products_are_exact(operator, each) for operator in affine.parts.values())
        if not exact or not product_is_exact(affine.offset, each):
            tensor = self.layer(tensor)
            affine = tensor.affine
        parts = {name: scaled_rows(operator, each) for name, operator in affine.parts.items()}
        return Tensor(tensor.shape, Affine(affine.offset * each, parts), divisor=tensor.divisor)

    def divided(self, tensor: Tensor, divisor: AnyArray | float) -> Tensor:
        """tensor / divisor, a constant without zeros, with numpy's broadcasting. Nothing rounds."""
        numbers = np.asarray(divisor, dtype=np.float64)
        tensor = self.spread(tensor, self.common_shape(tensor.shape, numbers.shape))
        each = np.broadcast_to(numbers, tensor.shape).ravel()
        if (np.abs(np.frexp(each)[0]) == 0.5).all() and (np.abs(np.log2(np.abs(each))) < 1000).all():
            return self.scaled(tensor, (1.0 / each).reshape(tensor.shape))
        if (each < 0).any():
            tensor = self.scaled(tensor, np.sign(each).reshape(tensor.shape))
        total = np.abs(each)
        if tensor.divisor is not None:
            if product_is_exact(tensor.divisor, total):
                total = tensor.divisor * total
            else:
                tensor = self.layer(tensor)
        return Tensor(tensor.shape, tensor.affine, divisor=total)

    def plus(self, left: Value, right: Value) -> Value:
        """left + right with numpy's broadcasting."""
        shape = self.common_shape(left.shape, right.shape)
        if isinstance(left, np.ndarray):
            left, right = right, left
        if isinstance(left, np.ndarray):
            return self.sum(left, np.asarray(right))
        left = self.spread(left, shape)
        if isinstance(right, np.ndarray):
            return self.shifted(left, np.asarray(np.broadcast_to(right, shape), dtype=np.float64))
        right = self.spread(right, shape)
        if left.divisor is not None or right.divisor is not None:
            left, right = (tensor if tensor.divisor is None else self.layer(tensor) for tensor in (left, right))
        if not maps_add_exactly(left.affine, right.affine):
            left, right = self.layer(left), self.layer(right)
        return Tensor(shape, left.affine.plus(right.affine))

    def shifted(self, tensor: Tensor, shift: FloatArray) -> Tensor:
        """tensor + shift, a constant of the same shape."""
        flat = shift.ravel()
        if tensor.divisor is not None:
            if product_is_exact(flat, tensor.divisor):
                flat = flat * tensor.divisor
            else:
                tensor = self.layer(tensor)
        if not sum_is_exact(tensor.affine.offset, flat):
            tensor, flat = self.layer(tensor), shift.ravel()
        return Tensor(tensor.shape, Affine(tensor.affine.offset + flat, tensor.affine.parts), divisor=tensor.divisor)

    def sum(self, left: AnyArray, right: AnyArray) -> AnyArray:
        """left + right of constants, refused where that rounds."""
        if left.dtype.kind == "i" and right.dtype.kind == "i":
            return np.add(left, right)
        one, two = np.broadcast_arrays(np.asarray(left, np.float64), np.asarray(right, np.float64))
        if not sum_is_exact(one, two):
            raise self.fail("a sum of constants is no float64", "fold the constants when exporting the network")
        return np.asarray(one + two)

    # constants

    def stored(self, value: AnyArray | float | tuple[float, ...]) -> AnyArray | Foreign:
        """Numbers from the file as a constant: float64 (exact), int64 for shapes and indices, truth values.

        Raises :class:`InputError` for NaN and infinities. Other element types are kept for Cast.
        """
        array = np.asarray(value)
        if array.dtype in (np.int64, np.int32):
            return array.astype(np.int64)
        if array.dtype == np.bool_:
            return array
        if array.dtype != np.float32 and isinstance(value, (np.ndarray, np.generic)):
            return Foreign(array)
        if not np.isfinite(array).all():
            wrong = int(np.count_nonzero(~np.isfinite(array)))
            raise self.fail(f"{wrong} of {array.size} stored numbers are NaN or infinite", "repair the weights")
        return array.astype(np.float64)


def maps_add_exactly(left: Affine, right: Affine) -> bool:
    """Whether adding two maps rounds no number."""
    shared = left.parts.keys() & right.parts.keys()
    same = all(operators_add_exactly(left.parts[name], right.parts[name]) for name in shared)
    return same and sum_is_exact(left.offset, right.offset)
