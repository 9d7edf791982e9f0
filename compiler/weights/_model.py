"""What a proof of penalty weights is about: a box of integers, an objective, rows with penalties, other penalties.

    E(x, s) = f(x) + sum_r weight_r p_r(x, s) + sum_t other_weight_t p_t(x),    lower <= x <= upper, x integer

Every penalty is >= 0 and its least value over the slack s is 0 exactly where the row (the other condition) holds. A
row reads ``least_r <= a_r.x <= b_r``, or ``a_r.x == b_r``. Its *violation* v is the integer distance of a_r.x from that
set, and per row it is declared that over the slack, wherever v >= 1,

    p >= gap,    p >= slope * v,    and, if ``convex``: p = phi(v), phi convex, phi(0) = 0, phi(1) = gap.

| penalty                                                         | p          | gap | slope | convex |
|-----------------------------------------------------------------|------------|-----|-------|--------|
| (a.x - b)^2 of an equality; with unit-step slack of a <= row    | v^2        | 1   | 1     | yes    |
| (a.x - b + 2s' + 1/2)^2 - 1/4 (half-step slack)                 | v^2 + v    | 2   | 2     | yes    |
| sum_{i<j} x_i x_j (at most one), x (1 - y), (1 - x)(1 - y)      | v (v+1)/2  | 1   | 1     | yes    |
| z = x y as xy - 2xz - 2yz + 3z (an *other* penalty)             | 0, 1 or 3  | 1   | -     | -      |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from ...ir.errors import InputError, Refused
from ...ir.types import BoolArray, FloatArray, IntArray
from ._objective import Objective

if TYPE_CHECKING:
    Csr: TypeAlias = csr_array[np.float64, tuple[int, int]]

LIMIT = 2.0**52


@dataclass(frozen=True, eq=False)
class PenaltyModel:
    """Shapes: lower, upper, linear [n]; quadratic [n, n] upper triangular, x_i x_j for i <= j; coefficients [k] and
    factors [k, d] (-1: unused slot; an index may repeat); matrix [m, n]; rhs, equality, least, gap, slope, convex [m];
    other [q, n] (nonzero: the penalty touches the variable); other_gap [q]; products [q, 3], row (z, x, y) where other
    penalty t stands for z = x y and (-1, -1, -1) where nothing is known. least is -inf where a row has no lower end.

    Variables take all integers of their interval (so no spins: -1, +1 without 0); an integer behind a bit encoding
    counts as one variable only if every code means a value of the interval. Use :meth:`of`.
    """

    lower: FloatArray
    upper: FloatArray
    constant: float
    linear: FloatArray
    quadratic: Csr
    coefficients: FloatArray
    factors: IntArray
    matrix: Csr
    rhs: FloatArray
    equality: BoolArray
    least: FloatArray
    gap: FloatArray
    slope: FloatArray
    convex: BoolArray
    other: Csr
    other_gap: FloatArray
    products: IntArray

    @classmethod
    def of(
        cls,
        lower: FloatArray,
        upper: FloatArray,
        linear: FloatArray | None = None,
        quadratic: Csr | FloatArray | None = None,
        *,
        constant: float = 0.0,
        coefficients: FloatArray | None = None,
        factors: IntArray | None = None,
        matrix: Csr | FloatArray | None = None,
        rhs: FloatArray | None = None,
        equality: BoolArray | None = None,
        least: FloatArray | None = None,
        gap: FloatArray | None = None,
        slope: FloatArray | None = None,
        convex: BoolArray | None = None,
        other: Csr | FloatArray | None = None,
        other_gap: FloatArray | None = None,
        products: IntArray | None = None,
    ) -> PenaltyModel:
        """A checked model. Without ``gap``, ``slope`` and ``convex`` only gap 1 is assumed (slope 0: unknown).

        Raises InputError for data that break the conventions of the class, Refused where magnitudes leave what
        float64 holds exactly.
        """
        low, high = _vector(lower), _vector(upper)
        n = low.size
        rows = _sparse(matrix, (0, n))
        m = rows.shape[0]
        extra = _sparse(other, (0, n))
        q = extra.shape[0]
        model = cls(
            lower=low,
            upper=high,
            constant=float(constant),
            linear=_vector(linear, n),
            quadratic=_sparse(quadratic, (n, n)),
            coefficients=_vector(coefficients),
            factors=np.zeros((0, 0), np.int64) if factors is None else np.asarray(factors, np.int64),
            matrix=rows,
            rhs=_vector(rhs, m),
            equality=np.zeros(m, np.bool_) if equality is None else np.asarray(equality, np.bool_),
            least=np.full(m, -np.inf) if least is None else _vector(least),
            gap=np.ones(m) if gap is None else _vector(gap),
            slope=_vector(slope, m),
            convex=np.zeros(m, np.bool_) if convex is None else np.asarray(convex, np.bool_),
            other=extra,
            other_gap=np.ones(q) if other_gap is None else _vector(other_gap),
            products=np.full((q, 3), -1, np.int64) if products is None else np.asarray(products, np.int64),
        )
        _check(model)
        return model

    def relaxed(self) -> PenaltyModel:
        """The same model without the lower ends of <= rows: weights proved for it also serve here, if slack ranges were
        shortened such that some optimum of the relaxed model still has penalty 0.

        Proof. Let E0 be the relaxed model's energy. A shorter slack range leaves E >= E0 everywhere, and E = E0 at the
        optimum that was kept, where E0 is least. So min E = min E0, and a minimum of E is one of E0: an optimum.
        """
        return replace(self, least=np.full(self.rhs.size, -np.inf))

    @cached_property
    def objective(self) -> Objective:
        """The objective without its constant, terms in one table."""
        n = self.linear.size
        upper = self.quadratic.tocoo()
        square = np.zeros(n)
        diagonal = upper.row == upper.col
        square[upper.row[diagonal]] = upper.data[diagonal]
        pairs = np.stack([upper.row[~diagonal], upper.col[~diagonal]], axis=1).astype(np.int64)
        width = max(2, self.factors.shape[1])
        factor = np.full((len(pairs) + len(self.factors), width), -1, np.int64)
        factor[: len(pairs), :2] = pairs
        factor[len(pairs) :, : self.factors.shape[1]] = -np.sort(-self.factors, axis=1)
        power = (factor >= 0).astype(np.int64)
        for s in range(width - 1, 0, -1):
            same = (factor[:, s] >= 0) & (factor[:, s] == factor[:, s - 1])
            power[same, s - 1] += power[same, s]
            factor[same, s], power[same, s] = -1, 0
        binary = (self.lower == 0) & (self.upper == 1)
        power = np.where((factor >= 0) & binary[factor], 1, power) if n else power
        coef = np.concatenate([upper.data[~diagonal], self.coefficients])
        return Objective(self.lower, self.upper, self.linear, square, coef, factor, power)

    @cached_property
    def free(self) -> BoolArray:
        """Variables [n] that the box does not fix."""
        return np.asarray(self.upper > self.lower)

    @cached_property
    def activity(self) -> tuple[FloatArray, FloatArray]:
        """Least and greatest a_r.x over the box [m], exact."""
        plus, minus = self.matrix.maximum(0), self.matrix.minimum(0)
        low, high = plus @ self.lower + minus @ self.upper, plus @ self.upper + minus @ self.lower
        return np.asarray(low), np.asarray(high)

    @cached_property
    def active(self) -> BoolArray:
        """Rows [m] that some point of the box violates; the others bind nothing and cost nothing."""
        low, high = self.activity
        return np.asarray((high > self.rhs) | (low < self.floor))

    @cached_property
    def floor(self) -> FloatArray:
        """Lower end of every row [m]: rhs of an equality, ``least`` of a ranged row, else -inf."""
        return np.where(self.equality, self.rhs, self.least)

    @cached_property
    def ranged(self) -> BoolArray:
        """Rows [m] that some point of the box violates from below."""
        return np.asarray(self.activity[0] < self.floor)

    @cached_property
    def shift(self) -> FloatArray:
        """Part of every row's activity [m] that comes from fixed variables."""
        return np.asarray(self.matrix @ np.where(self.free, 0.0, self.lower))

    @cached_property
    def entries(self) -> tuple[IntArray, IntArray, FloatArray]:
        """(row, variable, coefficient) of active rows at free variables, sorted by row."""
        table = self.matrix.tocoo()
        keep = self.active[table.row] & self.free[table.col] & (table.data != 0)
        return table.row[keep].astype(np.int64), table.col[keep].astype(np.int64), table.data[keep]

    @cached_property
    def touched(self) -> BoolArray:
        """Variables [n] that an other penalty touches."""
        return np.asarray(np.bincount(self.other.indices, minlength=self.lower.size) > 0)

    @cached_property
    def blocks(self) -> tuple[int, IntArray, IntArray, IntArray]:
        """Count, and block of every variable [n], row [m], other penalty [q]; -1: in no block.

        Two active rows or other penalties share a block when free variables link them. The objective links nothing: a
        move inside one block never changes another block's penalties, whatever it does to f.
        """
        n, m, q = self.lower.size, self.rhs.size, self.other_gap.size
        row, col, _ = self.entries
        extra = self.other.tocoo()
        live = self.free[extra.col]
        left = np.concatenate([row + n, extra.row[live] + n + m])
        right = np.concatenate([col, extra.col[live]])
        graph = csr_array((np.ones(left.size), (left, right)), shape=(n + m + q, n + m + q))
        _, label = connected_components(graph, directed=False)
        held = np.concatenate([np.flatnonzero(self.active) + n, np.arange(n + m, n + m + q)])
        known = np.unique(label[held])
        where = np.searchsorted(known, label)
        number = np.where(np.isin(label, known), where, -1).astype(np.int64)
        number[n : n + m][~self.active] = -1
        number[:n][~self.free] = -1
        return known.size, number[:n], number[n : n + m], number[n + m :]

    def violation(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """How far points x [B, n] lie above and below each row [B, m], exact for integer points of the box."""
        activity = np.asarray((self.matrix @ x.T).T)
        return np.maximum(activity - self.rhs, 0.0), np.maximum(self.floor - activity, 0.0)


def _vector(values: FloatArray | None, size: int = 0) -> FloatArray:
    return np.zeros(size) if values is None else np.asarray(values, np.float64)


def _sparse(values: Csr | FloatArray | None, shape: tuple[int, int]) -> Csr:
    if values is None:
        return csr_array(shape, dtype=np.float64)
    result = csr_array(values) if isinstance(values, np.ndarray) else values.tocsr()
    result = result.astype(np.float64)
    if not result.has_canonical_format:
        raise InputError("weights: a sparse matrix has duplicate or unsorted entries", hint="call sum_duplicates()")
    return result


def _whole(values: FloatArray) -> bool:
    return bool(np.all(np.isfinite(values)) and np.all(values == np.floor(values)))


def _check(model: PenaltyModel) -> None:
    n, m, q = model.lower.size, model.rhs.size, model.other_gap.size
    factors = model.factors
    rules = (
        (model.upper.shape == (n,) and _whole(model.lower) and _whole(model.upper), "bounds must be finite integers"),
        (bool(np.all(model.lower <= model.upper)), "a lower bound exceeds its upper bound"),
        (model.linear.shape == (n,) and model.quadratic.shape == (n, n), "the objective's shapes don't fit the bounds"),
        (model.matrix.shape == (m, n) and model.other.shape == (q, n), "a row matrix doesn't fit the bounds"),
        (all(a.shape == (m,) for a in (model.equality, model.least, model.gap, model.slope, model.convex)),
         "row data must have one entry per row"),
        (model.products.shape == (q, 3) and bool(np.all((model.products >= -1) & (model.products < n))),
         "products must hold three variables per other penalty"),
        (factors.ndim == 2 and len(factors) == model.coefficients.size, "factors must hold one line per coefficient"),
        (bool(np.all((factors >= -1) & (factors < n))), "factors name a variable that does not exist"),
        (all(bool(np.all(np.isfinite(a))) for a in (model.linear, model.quadratic.data, model.coefficients)),
         "an objective coefficient is not finite"),
        (_whole(model.matrix.data) and _whole(model.rhs), "rows must have integer coefficients and right sides"),
        (_whole(model.least[np.isfinite(model.least)]) and not np.any(np.isnan(model.least) | (model.least == np.inf)),
         "least must be an integer or -inf"),
        (bool(np.all((model.least <= model.rhs) | model.equality)), "least exceeds a right side"),
        (all(bool(np.all((a > 0) & np.isfinite(a))) for a in (model.gap, model.other_gap)), "gaps must be positive"),
        (bool(np.all((model.slope >= 0) & np.isfinite(model.slope))), "slopes must be finite and not negative"),
    )
    for holds, message in rules:
        if not holds:
            raise InputError(f"weights: {message}")
    triangle = model.quadratic.tocoo()
    if np.any(triangle.row > triangle.col):
        raise InputError("weights: quadratic must be upper triangular", hint="add the lower triangle to it")
    objective, far = model.objective, model.objective.far
    reach = np.where(objective.factor >= 0, np.maximum(far[objective.factor], 1.0), 1.0) if n else np.ones((0, 0))
    product = (reach**objective.power).prod(axis=1) * (1 + objective.power.sum(axis=1))
    if np.any(far >= 2.0**40) or np.any(product >= LIMIT) or np.any(far[objective.square != 0] >= 2.0**25):
        raise Refused("weights: variables or their products range beyond 2^52", hint="tighten the bounds")
    weight = abs(model.matrix) @ far + np.abs(model.rhs)
    if np.any(weight >= LIMIT) or weight.sum() >= 2.0**61:
        raise Refused("weights: a row's activity ranges beyond 2^52", hint="scale the row to smaller integers")
