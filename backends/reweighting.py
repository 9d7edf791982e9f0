"""Penalties kept apart over one sparsity pattern, so that new weights cost one sparse matrix-vector product.

    coefficients(w) = base + P w,    laid out as [couplers k | linear n | constant 1]

P holds one column per penalty polynomial and is csr [k + n + 1, number of penalties]; the pattern is the union of all
couplers that the objective or any penalty can have. Squared rows are expanded within each row, all rows at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from ..ir.blocks import Poly
from ..ir.errors import InputError, nearest
from ..ir.operator import ENTRY_LIMIT, check_limit
from ..ir.problem import Problem
from ..ir.quadratic.assembly import assemble_polys, global_rows, monomial_columns, row_weights
from ..ir.quadratic.form import QuadraticForm
from ..ir.quadratic.triplets import Triplets
from ..ir.term import Term
from ..ir.terms.linear import Linear
from ..ir.terms.monomials import Monomials
from ..ir.terms.square import Square
from ..ir.types import FloatArray, IntArray

Entries = tuple[IntArray, IntArray, IntArray, FloatArray]
"""left, right (-1: linear or constant), penalty column, value; left -1 too: constant."""


@dataclass(frozen=True, eq=False)
class Reweightable:
    """``row`` < ``column`` [k]: the pattern. ``base`` [k + n + 1], ``matrix`` P. ``weights``: those of the problem.

    ``blocks``: penalty block name -> its range of columns of P.
    """

    row: IntArray
    column: IntArray
    base: FloatArray
    matrix: sparse.csr_array
    weights: FloatArray
    blocks: Mapping[str, range]

    @classmethod
    def of(cls, problem: Problem, limit: int = ENTRY_LIMIT) -> Reweightable:
        """From a problem at the BQM level. Raises what :func:`.assembly.assemble` raises."""
        objective = assemble_polys(problem, [problem.objective], limit)
        blocks, weights, found = {}, [], []
        start = 0
        for poly in problem.penalties:
            blocks[poly.name] = range(start, start + poly.size)
            weights.append(row_weights(poly))
            found += [_shifted(part, start) for part in _entries(poly, problem, limit)]
            start += poly.size
        weight = np.concatenate([np.zeros(0), *weights])
        return cls._build(objective, found, weight, blocks)

    @classmethod
    def _build(
        cls, objective: QuadraticForm, found: list[Entries], weights: FloatArray, blocks: Mapping[str, range]
    ) -> Reweightable:
        n, own = objective.size, objective.triplets()
        empty = np.zeros(0, np.int64)
        left, right, penalty = (np.concatenate([empty, *(f[place] for f in found)]) for place in range(3))
        value = np.concatenate([np.zeros(0), *(f[3] for f in found)])
        pair = right >= 0
        low, high = np.minimum(left[pair], right[pair]), np.maximum(left[pair], right[pair])
        keys, place = np.unique(np.concatenate([own.row * n + own.column, low * n + high]), return_inverse=True)
        k = len(keys)
        position = np.where(left < 0, k + n, k + left)
        position[pair] = place[len(own.row) :]
        base = np.zeros(k + n + 1)
        base[place[: len(own.row)]] = own.value
        base[k:] = *objective.linear, objective.offset
        shape = (k + n + 1, len(weights))
        matrix = sparse.csr_array(sparse.coo_array((value, (position, penalty)), shape=shape))
        matrix.sum_duplicates()
        return cls(keys // max(n, 1), keys % max(n, 1), base, matrix, weights, blocks)

    @property
    def size(self) -> int:
        """Number of binaries n."""
        return len(self.base) - len(self.row) - 1

    def coefficients(self, weights: FloatArray) -> FloatArray:
        """[couplers k | linear n | constant 1] at these weights [number of penalties]."""
        return np.asarray(self.base + self.matrix @ weights)

    def form(self, weights: FloatArray | None = None) -> QuadraticForm:
        """The quadratic form at these weights (default: the problem's own); couplers that cancel exactly left out."""
        values = self.coefficients(self.weights if weights is None else self.check(weights))
        k = len(self.row)
        couplers = values[:k]
        if couplers.all():
            triplets = Triplets(self.row, self.column, couplers)
        else:
            kept = couplers != 0
            triplets = Triplets(self.row[kept], self.column[kept], couplers[kept])
        return QuadraticForm(float(values[-1]), values[k:-1], triplets)

    def check(self, weights: FloatArray) -> FloatArray:
        """The weights as an array [number of penalties]; :class:`InputError` for a wrong length, NaN or infinity."""
        array = np.asarray(weights, dtype=np.float64)
        if array.shape != self.weights.shape:
            raise InputError(
                f"{array.size} penalty weights given for {self.weights.size} penalties",
                hint="give one weight per penalised row",
            )
        if not np.isfinite(array).all():
            place = int(np.flatnonzero(~np.isfinite(array))[0])
            raise InputError(f"the weight of {self.names[place]} is {array[place]}", code="not-finite")
        return array

    def with_block(self, name: str, weight: FloatArray | float, weights: FloatArray | None = None) -> FloatArray:
        """A copy of the weights with those of one penalty block replaced."""
        if name not in self.blocks:
            raise InputError(f"no penalty block {name!r}", hint=nearest(name, self.blocks))
        changed = np.array(self.weights if weights is None else weights)
        changed[self.blocks[name]] = weight
        return changed

    @cached_property
    def names(self) -> list[str]:
        """One name per weight, as ``Poly.labels``."""
        found = []
        for name, columns in self.blocks.items():
            found += [name] if len(columns) == 1 else [f"{name}[{i}]" for i in range(len(columns))]
        return found


def _shifted(entries: Entries, start: int) -> Entries:
    left, right, penalty, value = entries
    return left, right, penalty + start, value


def _entries(poly: Poly, problem: Problem, limit: int) -> list[Entries]:
    found = [_constant(poly.constant)]
    for term in poly.terms:
        found += _term_entries(term, problem, limit)
    return found


def _constant(value: FloatArray) -> Entries:
    row = np.flatnonzero(value)
    none = np.full(len(row), -1, np.int64)
    return none, none, row, value[row]


def _term_entries(term: Term, problem: Problem, limit: int) -> list[Entries]:
    if isinstance(term, Linear):
        coo = term.operator.to_csr(limit).tocoo()
        row, column = (np.asarray(c, dtype=np.int64) for c in coo.coords)
        column += problem.starts[term.variable]
        return [(column, np.full(len(row), -1, np.int64), row, np.asarray(coo.data))]
    if isinstance(term, Square):
        matrix = global_rows(term.inner, problem.starts, problem.size)
        if not matrix.has_canonical_format:
            matrix = matrix.copy()  # its arrays may be the operator's own
            matrix.sum_duplicates()
        offset = term.inner.offset
        return [_constant(offset**2), _square_singles(matrix, offset), square_pairs(matrix, limit)]
    monomials = term if isinstance(term, Monomials) else term.monomials()
    assert isinstance(monomials, Monomials)
    columns = monomial_columns(monomials, problem.starts)
    return [(columns[:, 0], columns[:, 1], monomials.row, monomials.coefficient)]


def _square_singles(matrix: sparse.csr_array, offset: FloatArray) -> Entries:
    """a_i^2 + 2 a_i c at x_i, for every entry."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    value = matrix.data * (matrix.data + 2 * offset[row])
    return matrix.indices.astype(np.int64), np.full(len(row), -1, np.int64), row, value


def square_pairs(matrix: sparse.csr_array, limit: int = ENTRY_LIMIT) -> Entries:
    """2 a_i a_j at x_i x_j, for every pair of entries of a row (columns sorted within rows).

    Entry e pairs with each of the ``later[e]`` entries after it in its row. Raises Refused beyond ``limit`` pairs.
    """
    counts = np.diff(matrix.indptr).astype(np.int64)
    check_limit(int((counts * (counts - 1) // 2).sum()), limit)
    row = np.repeat(np.arange(len(counts)), counts)
    entry = np.arange(len(row))
    later = matrix.indptr[1:].astype(np.int64)[row] - entry - 1
    first = np.repeat(entry, later)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(later) - later, later)
    indices = matrix.indices.astype(np.int64)
    return indices[first], indices[second], row[first], 2 * matrix.data[first] * matrix.data[second]
