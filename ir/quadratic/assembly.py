"""From a problem at the BQM level (binaries, an objective and penalties of degree <= 2) to the arrays of its energy.

Structured parts meet their entries only here. One sparse product makes all squared rows at once, A^T diag(w) A; dense
forms stay dense: their matrix is written once and folded in place. The time is linear in the entries made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from ..affine import Affine
from ..blocks import Poly
from ..levels import check_level
from ..operator import ENTRY_LIMIT, Operator, check_limit
from ..problem import Problem
from ..term import Term
from ..terms.bilinear import Bilinear
from ..terms.linear import Linear
from ..terms.monomials import Monomials
from ..terms.square import Square
from ..types import FloatArray, IntArray
from .form import QuadraticForm
from .triplets import Couplers, Triplets, fold

DENSE_SHARE = 6
"""A form becomes dense where its entries may fill one part in this many of the square [n, n]."""


def assemble(problem: Problem, limit: int = ENTRY_LIMIT) -> QuadraticForm:
    """Objective plus weighted penalties as arrays over all variables in layout order.

    Raises :class:`CompileError` listing every block that does not belong at this level, and Refused beyond ``limit``
    entries. Couplers are left out only where they are exactly zero.
    """
    return assemble_polys(problem, [problem.objective, *problem.penalties], limit)


def assemble_polys(problem: Problem, polys: Sequence[Poly], limit: int = ENTRY_LIMIT) -> QuadraticForm:
    """As :func:`assemble`, of some of the problem's objective and penalties only."""
    check_level(problem, "BQM")
    total = Total(problem.size, problem.starts)
    for poly in polys:
        total.add(poly)
    return total.form(limit)


def row_weights(poly: Poly) -> FloatArray:
    """Factor of each polynomial in the energy [m]: the penalty weights, or ones."""
    return np.ones(poly.size) if poly.penalty is None else np.asarray(poly.penalty.weight, dtype=np.float64)


def global_rows(affine: Affine, starts: dict[str, int], size: int) -> sparse.csr_array:
    """The rows of an affine map as one matrix [m, n] over all variables."""
    shape, found = (affine.size, size), []
    for name, operator in affine.parts.items():
        csr = operator.to_csr()
        moved = sparse.csr_array((csr.data, csr.indices.astype(np.int64) + starts[name], csr.indptr), shape=shape)
        if len(affine.parts) == 1:
            return moved
        found.append(moved.tocoo())
    if not found:
        return sparse.csr_array(shape)
    row, column = (np.concatenate([coo.coords[place] for coo in found]) for place in (0, 1))
    return sparse.csr_array(sparse.coo_array((np.concatenate([coo.data for coo in found]), (row, column)), shape=shape))


@dataclass
class Total:
    """Everything that is added up, over variables x of any kind: offset + linear.x + diagonal.x^2 + couplers.

    Quadratic parts wait until it is known whether the whole becomes dense."""

    size: int
    starts: dict[str, int]
    offset: float = 0.0
    linear: FloatArray = field(init=False)
    diagonal: FloatArray = field(init=False)
    bilinear: list[tuple[Bilinear, float]] = field(default_factory=list)
    squares: list[tuple[Affine, FloatArray]] = field(default_factory=list)
    entries: list[tuple[IntArray, IntArray, FloatArray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.linear, self.diagonal = np.zeros(self.size), np.zeros(self.size)

    def add(self, poly: Poly) -> None:
        weight = row_weights(poly)
        self.offset += float(weight @ poly.constant)
        for term in poly.terms:
            self._term(term, weight)

    def _term(self, term: Term, weight: FloatArray) -> None:
        match term:
            case Linear():
                self._linear(term.variable, term.operator, weight)
            case Bilinear():
                if weight[0] != 0:
                    self.bilinear.append((term, float(weight[0])))
            case Square():
                self._square(term.inner, weight)
            case Monomials():
                self._monomials(term, weight)
            case _:
                self._term(term.monomials(), weight)

    def _linear(self, name: str, operator: Operator, weight: FloatArray) -> None:
        start = self.starts[name]
        self.linear[start : start + operator.shape[1]] += operator.adjoint(weight[None])[0]

    def _square(self, inner: Affine, weight: FloatArray) -> None:
        """(A x + c)^2: the constant and linear parts at once, A^T W A later."""
        self.offset += float(weight @ inner.offset**2)
        twice = 2 * weight * inner.offset
        for name, operator in inner.parts.items():
            self._linear(name, operator, twice)
        self.squares.append((inner, weight))

    def _monomials(self, term: Monomials, weight: FloatArray) -> None:
        coefficient = term.coefficient * weight[term.row]
        columns = sorted_columns(term, self.starts)[:, :2]
        left, right = columns[:, 0], columns[:, 1]
        none, single = left < 0, (left >= 0) & (right < 0)
        self.offset += float(coefficient[none].sum())
        self.linear += np.bincount(left[single], coefficient[single], self.size)
        pair = right >= 0
        self.entries.append((left[pair], right[pair], coefficient[pair]))

    def form(self, limit: int) -> QuadraticForm:
        """The finished form over binaries, whose squares are themselves."""
        couplers = self.couplers(limit)
        return QuadraticForm(self.offset, self.linear + self.diagonal, couplers)

    def couplers(self, limit: int) -> Couplers:
        """All products of two variables, squares moved to ``diagonal``; dense where enough entries may be there. To be
        called once."""
        rows = self._square_rows()
        count = self._estimate(rows)
        if self.size and count * DENSE_SHARE >= self.size**2 and self.size**2 <= limit:
            return self._dense(rows, limit)
        check_limit(count, limit)
        return self._sparse(rows, limit)

    def _square_rows(self) -> tuple[sparse.csr_array, FloatArray]:
        """All squared rows below each other, and their weights."""
        stacked = [global_rows(inner, self.starts, self.size) for inner, _ in self.squares]
        if not stacked:
            return sparse.csr_array((0, self.size)), np.zeros(0)
        matrix = stacked[0] if len(stacked) == 1 else sparse.csr_array(sparse.vstack(stacked, format="csr"))
        return matrix, np.concatenate([weight for _, weight in self.squares])

    def _estimate(self, rows: tuple[sparse.csr_array, FloatArray]) -> int:
        counts = np.diff(rows[0].indptr).astype(np.float64)
        pairs = min(float(counts @ counts) / 2, self.size**2 / 2)
        return int(pairs) + sum(len(e[0]) for e in self.entries) + sum(t.operator.nnz for t, _ in self.bilinear)

    def _dense(self, rows: tuple[sparse.csr_array, FloatArray], limit: int) -> FloatArray:
        square: FloatArray | None = None
        for term, factor in self.bilinear:
            part = term.operator.to_dense(limit)
            if factor != 1.0:
                part *= factor
            if square is None and part.shape == (self.size, self.size):
                square = part  # the one large block of most dense problems is taken as it is
                continue
            square = np.zeros((self.size, self.size)) if square is None else square
            top, left = self.starts[term.left], self.starts[term.right]
            square[top : top + part.shape[0], left : left + part.shape[1]] += part
        square = np.zeros((self.size, self.size)) if square is None else square
        matrix, weight = rows
        if matrix.nnz * 8 >= matrix.shape[0] * self.size:  # BLAS beats the sparse product from here on
            full = matrix.toarray()
            square += full.T @ (full * weight[:, None])
        elif matrix.nnz:
            product = gram(matrix, weight).tocoo()
            square[product.coords] += product.data  # canonical: no pair twice
        for row, column, value in self.entries:
            np.add.at(square, (row, column), value)
        self.diagonal += fold(square)
        return square

    def _sparse(self, rows: tuple[sparse.csr_array, FloatArray], limit: int) -> Triplets:
        found = list(self.entries)
        for term, factor in self.bilinear:
            coo = term.operator.to_csr(limit).tocoo()
            row, column = (np.asarray(c, dtype=np.int64) for c in coo.coords)
            found.append((row + self.starts[term.left], column + self.starts[term.right], coo.data * factor))
        matrix, weight = rows
        if matrix.nnz:
            product = gram(matrix, weight)
            self.diagonal += product.diagonal()
            upper = sparse.triu(product, k=1, format="csr")
            upper.data *= 2  # the product is symmetric
            if not found:
                return Triplets.of_csr(sparse.csr_array(upper))
            coo = upper.tocoo()
            found.append((coo.row.astype(np.int64), coo.col.astype(np.int64), coo.data))
        row, column, value = (
            np.concatenate([np.zeros(0, kind), *(f[place] for f in found)])
            for place, kind in enumerate((np.int64, np.int64, np.float64))
        )
        diagonal = row == column
        self.diagonal += np.bincount(row[diagonal], value[diagonal], self.size)
        least, most = np.minimum(row, column)[~diagonal], np.maximum(row, column)[~diagonal]
        return Triplets.of_sum(least, most, value[~diagonal], self.size)


def gram(matrix: sparse.csr_array, weight: FloatArray) -> sparse.csr_array:
    """A^T diag(weight) A [n, n] for rows A [m, n]."""
    scaled = sparse.csr_array(
        (matrix.data * np.repeat(weight, np.diff(matrix.indptr)), matrix.indices, matrix.indptr), shape=matrix.shape
    )
    product = sparse.csr_array(sparse.csr_array(matrix.T) @ scaled)
    product.sum_duplicates()
    return product


def monomial_columns(term: Monomials, starts: dict[str, int]) -> IntArray:
    """Global columns [k, 2] of monomials of degree <= 2 over binaries, -1 for unused places; used places come first.

    A square is its variable: x^2 = x.
    """
    columns = sorted_columns(term, starts)
    columns[:, 1:][columns[:, 1:] == columns[:, :-1]] = -1
    return np.asarray(-np.sort(-columns, axis=1)[:, :2])


def sorted_columns(term: Monomials, starts: dict[str, int]) -> IntArray:
    """Global columns [k, max(2, width)] of monomials, greatest first, -1 for unused places."""
    first = np.array([starts[name] for name in term.names] + [0], dtype=np.int64)
    columns = np.where(term.which >= 0, first[term.which] + term.index, -1)
    columns = np.pad(columns, ((0, 0), (0, max(0, 2 - columns.shape[1]))), constant_values=-1)
    return np.asarray(-np.sort(-columns, axis=1))
