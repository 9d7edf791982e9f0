"""Symbolic evaluation of a network graph: what the operator files in ``frontends/onnx_ops/`` work with.

A tensor is an affine map of earlier layers, kept lazy as long as combining maps changes no stored number: a bias may be
added, rows may be picked, but a product of two matrices would round, so the first becomes a layer of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...ir.affine import Affine
from ...ir.blocks import Arg
from ...ir.errors import InputError
from ...ir.function import Function
from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.operators.dense import Dense
from ...ir.operators.gather import Gather
from ...ir.operators.identity import Identity
from ...ir.types import AnyArray, FloatArray, IntArray
from .network import INPUT, OUTPUT, Layer, Rule


@dataclass(frozen=True, eq=False)
class Tensor:
    """A computed tensor: ``affine`` has one row per element in C order; ``node`` is the operator it came from."""

    shape: tuple[int, ...]
    affine: Affine
    node: str = ""

    def picked(self, index: IntArray) -> Tensor:
        """The tensor of elements ``index`` (any shape, flat positions)."""
        flat = np.ascontiguousarray(index, dtype=np.int64).ravel()
        if np.array_equal(flat, np.arange(self.affine.size)):
            return Tensor(index.shape, self.affine)
        return Tensor(index.shape, self.affine.rows(flat))

    def positions(self) -> IntArray:
        """Flat positions in the tensor's shape, to be sliced, transposed or broadcast for :meth:`picked`."""
        return np.arange(self.affine.size).reshape(self.shape)

    def broadcast(self, shape: tuple[int, ...]) -> Tensor:
        """numpy's broadcasting."""
        return self if shape == self.shape else self.picked(np.broadcast_to(self.positions(), shape))


Value = Tensor | AnyArray
"""A computed tensor, or a constant: floats as float64, integers as int64."""


class Graph:
    """The layers made so far and the node being read. Operators call :meth:`affine`, :meth:`function`, :meth:`fail`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.node = ""
        self.layers: list[Layer] = []
        self._counts = {"z": 0, "h": 0}

    def fail(self, message: str, hint: str) -> InputError:
        """An error at the current node, to be raised."""
        return InputError(f"{self.path}: node {self.node}: {message}", code="onnx", hint=hint)

    def input(self, shape: tuple[int, ...]) -> Tensor:
        return Tensor(shape, Affine.of_variable(INPUT, int(np.prod(shape, dtype=np.int64))))

    def layer(self, tensor: Tensor) -> Tensor:
        """The tensor as a whole layer of its own; itself where it is one already."""
        if whole(tensor) is not None:
            return tensor
        return self._append("z", tensor.shape, tensor.affine, tensor.node)

    def function(self, function: Function, args: Sequence[Tensor]) -> Tensor:
        """A layer of an elementwise function; arguments of one shape."""
        shape = args[0].shape
        return self._append("h", shape, (function, tuple(self.argument(arg) for arg in args)), self.node)

    def argument(self, tensor: Tensor) -> Arg:
        """Elements of one block; the tensor becomes a layer first where it is anything more."""
        ((name, operator), *more) = tensor.affine.parts.items()
        if not more and not tensor.affine.offset.any():
            if isinstance(operator, Identity) and operator.factor == 1.0:
                return Arg(name)
            if isinstance(operator, Gather) and (operator.weight == 1.0).all():
                return Arg(name, operator.index)
        return Arg(next(iter(self.layer(tensor).affine.parts)))

    def linear(self, operator: Operator, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The operator applied to all elements of a tensor."""
        source = tensor.affine
        ((name, pick), *more) = source.parts.items()
        plain = isinstance(pick, Identity) and pick.factor == 1.0
        plain = plain or (isinstance(pick, Gather) and bool((pick.weight == 1.0).all()) and unique(pick.index))
        if more or source.offset.any() or not plain:
            ((name, pick),) = self.layer(tensor).affine.parts.items()
        return Tensor(shape, Affine(np.zeros(operator.shape[0]), {name: through_pick(operator, pick)}))

    def scaled(self, tensor: Tensor, factor: float) -> Tensor:
        """factor * tensor; a layer comes between where a product of stored numbers would round."""
        if factor == 1.0:
            return tensor
        numbers = np.concatenate([tensor.affine.offset, *map(entries, tensor.affine.parts.values())])
        if not product_is_exact(numbers, factor):
            tensor = self.layer(tensor)
        return Tensor(tensor.shape, tensor.affine.scaled(factor))

    def stored(self, value: AnyArray | float | tuple[float, ...]) -> AnyArray:
        """Numbers from the file as a constant: float64 (exact), or int64 for shapes and indices.

        Raises :class:`InputError` for NaN, infinities and element types other than float32 and integers.
        """
        array = np.asarray(value)
        if array.dtype.kind == "i":
            return array.astype(np.int64)
        if array.dtype != np.float32 and isinstance(value, np.ndarray):
            raise self.fail(f"element type {array.dtype}", "only float32 weights are supported; convert the network")
        if not np.isfinite(array).all():
            wrong = int(np.count_nonzero(~np.isfinite(array)))
            raise self.fail(f"{wrong} of {array.size} stored numbers are NaN or infinite", "repair the weights")
        return array.astype(np.float64)

    def reshape(self, value: Value, shape: tuple[int, ...]) -> Value:
        """The same elements in C order; the caller has checked their number."""
        return Tensor(shape, value.affine) if isinstance(value, Tensor) else value.reshape(shape)

    def constant(self, value: AnyArray, factor: float) -> FloatArray:
        """factor * value, refused where that rounds."""
        numbers = np.asarray(value, dtype=np.float64)
        if not product_is_exact(numbers, factor):
            raise self.fail("a product of constants is no float64", "fold the constants when exporting the network")
        return np.asarray(numbers * factor)

    def plus(self, left: Value, right: Value) -> Value:
        """left + right with numpy's broadcasting."""
        shape = self.common_shape(left.shape, right.shape)
        if isinstance(left, np.ndarray):
            left, right = right, left
        if isinstance(left, np.ndarray):
            return self.sum(np.asarray(left, np.float64), np.asarray(right, np.float64))
        left = left.broadcast(shape)
        if isinstance(right, np.ndarray):
            shift = np.broadcast_to(np.asarray(right, dtype=np.float64), shape).ravel()
            if not sum_is_exact(left.affine.offset, shift):
                left = self.layer(left)
            return Tensor(shape, Affine(left.affine.offset + shift, left.affine.parts))
        right = right.broadcast(shape)
        shared = left.affine.parts.keys() & right.affine.parts.keys()
        if shared or not sum_is_exact(left.affine.offset, right.affine.offset):
            left, right = self.layer(left), self.layer(right)
        return Tensor(shape, left.affine.plus(right.affine))

    def sum(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """left + right, refused where that rounds."""
        if not sum_is_exact(*np.broadcast_arrays(left, right)):
            raise self.fail("a sum of constants is no float64", "fold the constants when exporting the network")
        return np.asarray(left + right)

    def common_shape(self, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that both broadcast to."""
        try:
            return np.broadcast_shapes(left, right)
        except ValueError:
            raise self.fail(f"shapes {left} and {right} do not fit", "check how the network was exported") from None

    def finish(self, tensor: Tensor) -> None:
        """Make the tensor the last layer, under the output's name."""
        name = whole(self.layer(tensor))
        if not self.layers or name != self.layers[-1].name:
            self._append("z", tensor.shape, Affine.of_variable(str(name), tensor.affine.size), tensor.node)
        last = self.layers[-1]
        self.layers[-1] = Layer(OUTPUT, tensor.shape, last.rule, last.node)

    def _append(self, kind: str, shape: tuple[int, ...], rule: Rule, node: str) -> Tensor:
        self._counts[kind] += 1
        name = f"{kind}{self._counts[kind]}"
        self.layers.append(Layer(name, shape, rule, node or self.node))
        return Tensor(shape, Affine.of_variable(name, int(np.prod(shape, dtype=np.int64))))


def whole(tensor: Tensor) -> str | None:
    """The block that the tensor is, element by element; None where it is anything else."""
    ((name, operator), *more) = tensor.affine.parts.items()
    plain = isinstance(operator, Identity) and operator.factor == 1.0 and not tensor.affine.offset.any()
    return name if plain and not more else None


def unique(index: IntArray) -> bool:
    return len(np.unique(index)) == len(index)


def through_pick(operator: Operator, pick: Operator) -> Operator:
    """operator(pick(x)) for a pick of distinct elements: columns move, no number changes."""
    if isinstance(operator, Dense) and isinstance(pick, Gather):
        moved = np.zeros((operator.shape[0], pick.width))
        moved[:, pick.index] = operator.matrix
        return Dense(moved)
    return operator.after(pick)


def entries(operator: Operator) -> FloatArray:
    """The stored numbers of an operator."""
    return operator.matrix.ravel() if isinstance(operator, Dense) else np.asarray(operator.to_csr().data)


def sum_is_exact(left: FloatArray, right: FloatArray) -> bool:
    """Whether left + right is exact everywhere (Knuth's two-sum gives the error exactly)."""
    total = left + right
    back = total - left
    error = (left - (total - back)) + (right - back)
    return bool(np.isfinite(total).all() and not error.any())


def product_is_exact(values: FloatArray, factor: float) -> bool:
    """Whether all products are exact: at most 53 significant bits together, away from overflow and underflow."""
    if factor == 0.0:
        return True
    bits = significant_bits(values) + significant_bits(np.array([factor]))[0]
    size = np.abs(values[values != 0]) * abs(factor)
    return bool((bits[values != 0] <= 53).all() and (size < 1e300).all() and (size > 1e-290).all())


def significant_bits(values: FloatArray) -> IntArray:
    """Bits from the leading to the last one of each mantissa; 0 for zero."""
    mantissa = np.ldexp(np.abs(np.frexp(values)[0]), 53).astype(np.int64)
    trailing = np.frexp((mantissa & -mantissa).astype(np.float64))[1]
    return np.where(mantissa == 0, 0, 54 - trailing)


def matrix_operator(weights: FloatArray) -> Operator:
    """A dense matrix, or a sparse one where at most a tenth of it is not zero."""
    few = np.count_nonzero(weights) <= weights.size / 10 and weights.size > 64
    return Csr.of(sparse.csr_array(weights)) if few else Dense(np.ascontiguousarray(weights, dtype=np.float64))
