"""Tensors of a network as affine maps of its layers, kept lazy as long as combining maps changes no stored number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...ir.affine import Affine
from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.operators.dense import Dense
from ...ir.operators.gather import Gather
from ...ir.operators.identity import Identity
from ...ir.types import AnyArray, FloatArray, IntArray
from .exact_floats import image_is_exact, product_is_exact


@dataclass(frozen=True, eq=False)
class Tensor:
    """A computed tensor: ``affine`` / ``divisor``, one row per element in C order.

    ``divisor`` [m] holds numbers greater than zero; None stands for ones. ``node`` is the operator it came from.
    """

    shape: tuple[int, ...]
    affine: Affine
    node: str = ""
    divisor: FloatArray | None = None

    @property
    def size(self) -> int:
        return self.affine.size

    def picked(self, index: IntArray) -> Tensor:
        """The tensor of elements ``index`` (any shape, flat positions)."""
        flat = np.ascontiguousarray(index, dtype=np.int64).ravel()
        if np.array_equal(flat, np.arange(self.affine.size)):
            return Tensor(index.shape, self.affine, divisor=self.divisor)
        divisor = None if self.divisor is None else self.divisor[flat]
        return Tensor(index.shape, self.affine.rows(flat), divisor=divisor)

    def positions(self) -> IntArray:
        """Flat positions in the tensor's shape, to be sliced, transposed or broadcast for :meth:`picked`."""
        return np.arange(self.affine.size).reshape(self.shape)

    @property
    def common_divisor(self) -> float | None:
        """The divisor where it is one number for all elements."""
        if self.divisor is None:
            return 1.0
        same = self.divisor.size and (self.divisor == self.divisor[0]).all()
        return float(self.divisor[0]) if same else None

    @property
    def light(self) -> bool:
        """Whether it only picks, scales and shifts elements, so that using it several times costs nothing."""
        return all(isinstance(operator, (Identity, Gather)) for operator in self.affine.parts.values())


@dataclass(frozen=True, eq=False)
class Foreign:
    """A constant of another element type, which only Cast reads."""

    array: AnyArray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape


Value = Tensor | AnyArray
"""A computed tensor, or a constant: floats as float64, integers as int64, truth values."""


def whole(tensor: Tensor) -> str | None:
    """The block that the tensor is, element by element; None where it is anything else."""
    ((name, operator), *more) = tensor.affine.parts.items()
    plain = isinstance(operator, Identity) and operator.factor == 1.0 and not tensor.affine.offset.any()
    return name if plain and not more and tensor.divisor is None else None


def image(operator: Operator, source: Affine) -> Affine | None:
    """operator(source), where that rounds nothing and keeps the operator's structure; else None."""
    if len(source.parts) == 1:
        ((name, pick),) = source.parts.items()
        if isinstance(pick, Identity) and pick.factor == 1.0 and not source.offset.any():
            return Affine(np.zeros(operator.shape[0]), {name: operator})
    if not isinstance(operator, (Dense, Csr)) or not image_is_exact(operator, source.offset):
        return None
    parts: dict[str, Operator] = {}
    for name, pick in source.parts.items():
        moved = columns_moved(operator, pick)
        if moved is None:
            return None
        parts[name] = moved
    offset = operator.apply(source.offset[None])[0] if source.offset.any() else np.zeros(operator.shape[0])
    return Affine(offset, parts)


def columns_moved(operator: Dense | Csr, pick: Operator) -> Operator | None:
    """operator(pick(x)) for a pick of distinct elements, scaled without rounding: columns move; None for others."""
    if isinstance(pick, Identity):
        index, weight, width = np.arange(pick.size), np.full(pick.size, pick.factor), pick.size
    elif isinstance(pick, Gather):
        index, weight, width = pick.index, pick.weight, pick.width
    else:
        return None
    taken = np.flatnonzero(weight)
    if len(np.unique(index[taken])) < len(taken):
        return None
    if isinstance(operator, Dense):
        if not product_is_exact(operator.matrix, weight):
            return None
        moved = np.zeros((operator.shape[0], width))
        moved[:, index[taken]] = operator.matrix[:, taken] * weight[taken]
        return Dense(moved)
    csr = operator.to_csr()
    if not product_is_exact(csr.data, weight[csr.indices]):
        return None
    numbers = csr.data * weight[csr.indices]
    return Csr.of(sparse.csr_array((numbers, index[csr.indices], csr.indptr), (csr.shape[0], width)))


def matrix_operator(weights: FloatArray) -> Operator:
    """A dense matrix, or a sparse one where at most a tenth of it is not zero."""
    few = np.count_nonzero(weights) <= weights.size / 10 and weights.size > 64
    return Csr.of(sparse.csr_array(weights)) if few else Dense(np.ascontiguousarray(weights, dtype=np.float64))
