"""A slope form cut into layers whose units do not feed each other: many patterns go through it at once.

With b the derivative of the functional by the units' outputs, a = y b and z the units' inputs along a direction x,

    backward  b = r + Z^T a,  g = q + X^T a        forward  z = Z u + X x,  u = y z

and the functional's change along x is linear in each layer's y with coefficients b z.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from ...ir.slope_form import SlopeForm
from ...ir.types import AnyArray, FloatArray

SPARSE_SIZE, SPARSE_SHARE = 200_000, 0.05
"""Blocks of more entries than this with a smaller share of nonzeros are kept as CSR."""

SAFE = (1e-15, 1e15)
"""Sizes of the path bound of a functional for which sweeps may run in float32."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Units ``at``: ``inner`` [units, len(feeds)] their part of Z over the units ``feeds`` (None: fed by none).

    ``outer`` [units, n]: their rows of X (None where these are zero). Both with transposes for backward products.
    """

    at: slice
    feeds: slice | None
    inner: Any
    inner_back: Any
    outer: Any
    outer_back: Any

    def inputs(self, units: AnyArray, x: AnyArray) -> AnyArray:
        """z [S, units of the layer] from outputs [S, F] of the units below and directions [S, n]."""
        found = np.zeros((len(x), self.at.stop - self.at.start), x.dtype)
        if self.outer is not None:
            found += (self.outer @ x.T).T
        if self.feeds is not None:
            found += (self.inner @ units[:, self.feeds].T).T
        return found

    def backward(self, weights: AnyArray, b: AnyArray, g: AnyArray) -> None:
        """Add what weights a [S, units of the layer] send down to ``b`` [S, F] and ``g`` [S, n]."""
        if self.feeds is not None:
            b[:, self.feeds] += (self.inner_back @ weights.T).T
        if self.outer is not None:
            g += (self.outer_back @ weights.T).T


@dataclass(frozen=True, eq=False)
class Layers:
    """The layers of a form for one functional: ``unit_weights`` r [F], ``input_weights`` q [n], all of one type."""

    layers: tuple[Layer, ...]
    unit_weights: AnyArray
    input_weights: AnyArray

    @classmethod
    def of(cls, form: SlopeForm, functional: int, dtype: Any = np.float64) -> Layers:
        """Z, X, r and q as arrays of ``dtype``, large sparse blocks as CSR."""
        cuts = [0, *(np.flatnonzero(np.diff(form.layer)) + 1).tolist(), form.units]
        found = []
        for start, stop in pairwise(cuts):
            outer = form.inputs[start:stop]
            fed = np.flatnonzero(form.within[start:stop].any(axis=0))
            feeds = slice(int(fed[0]), int(fed[-1]) + 1) if len(fed) else None
            inner = (None, None) if feeds is None else _block(form.within[start:stop, feeds], dtype)
            rows = _block(outer, dtype) if outer.any() else (None, None)
            found.append(Layer(slice(start, stop), feeds, *inner, *rows))
        weights = form.unit_weights[functional].astype(dtype), form.input_weights[functional].astype(dtype)
        return cls(tuple(found), *weights)

    @property
    def units(self) -> int:
        return len(self.unit_weights)

    @property
    def inputs(self) -> int:
        return len(self.input_weights)

    @property
    def dtype(self) -> Any:
        return self.unit_weights.dtype

    def start(self, count: int) -> tuple[AnyArray, AnyArray]:
        """Fresh b [count, F] and g [count, n] for a backward pass."""
        return np.repeat(self.unit_weights[None], count, axis=0), np.repeat(self.input_weights[None], count, axis=0)

    def backward(self, patterns: AnyArray) -> tuple[AnyArray, AnyArray]:
        """b [S, F] and gradients g [S, n] under patterns [S, F]."""
        b, g = self.start(len(patterns))
        for layer in reversed(self.layers):
            layer.backward(patterns[:, layer.at] * b[:, layer.at], b, g)
        return b, g


def size_of(gradient: AnyArray, norm: str) -> FloatArray:
    """What gradients [S, n] are worth [S]: 1-norms for directions in the unit box (linf), 2-norms in the ball (l2)."""
    if norm == "linf":
        return np.asarray(np.abs(gradient).sum(axis=1), dtype=np.float64)
    return np.asarray(np.sqrt((gradient * gradient).sum(axis=1)), dtype=np.float64)


def pattern_values(form: SlopeForm, functional: int, norm: str, patterns: FloatArray) -> FloatArray:
    """|gradient| [S] under patterns [S, F] of slopes 0..1, in float64."""
    return size_of(Layers.of(form, functional).backward(np.asarray(patterns, dtype=np.float64))[1], norm)


def precision(form: SlopeForm, functional: int) -> Any:
    """float32 where the functional's path bound says that nothing over- or underflows on the way, else float64."""
    parts = [np.abs(form.within), np.abs(form.inputs)]
    b = np.abs(form.unit_weights[functional])
    for start in np.flatnonzero(np.diff(form.layer, prepend=-1))[::-1]:
        rows = slice(start, int(np.searchsorted(form.layer, form.layer[start], side="right")))
        b = b + b[rows] @ parts[0][rows]
    most = max(float(np.abs(form.input_weights[functional]).sum() + (b @ parts[1]).sum()), *map(_most, (b, *parts)))
    return np.float32 if SAFE[0] < most < SAFE[1] else np.float64


def _most(array: FloatArray) -> float:
    return float(array.max(initial=0.0))


def _block(matrix: FloatArray, dtype: Any) -> tuple[Any, Any]:
    """A matrix and its transpose, both ready for products from the left."""
    if matrix.size > SPARSE_SIZE and np.count_nonzero(matrix) < SPARSE_SHARE * matrix.size:
        rows = sparse.csr_array(matrix.astype(dtype))
        return rows, sparse.csr_array(rows.T)
    dense = np.ascontiguousarray(matrix, dtype=dtype)
    return dense, dense.T
