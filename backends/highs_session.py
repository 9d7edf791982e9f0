"""A linear program in HiGHS that keeps its basis between solves (``LpSession`` of ``ir/protocols.py``)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ..ir.errors import InputError
from ..ir.protocols import LpResult
from ..ir.types import BoolArray, FloatArray
from .highs_library import accept, load_highspy


class HighsSession:
    """min cost.x, row_lower <= A x <= row_upper, lower <= x <= upper, by one thread of simplex, without presolve (so
    that rays are of the model itself). Numbers are hints until re-checked."""

    def __init__(
        self,
        matrix: sparse.csr_array,
        row_lower: FloatArray,
        row_upper: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        cost: FloatArray,
    ) -> None:
        self._highspy = load_highspy()
        self._highs = new_highs(self._highspy)
        for name, value in (("presolve", "off"), ("solver", "simplex")):
            self._highs.setOptionValue(name, value)
        self.matrix, self.row_lower, self.row_upper = sparse.csr_array(matrix), row_lower, row_upper
        self.lower, self.upper = lower, upper
        _finite("matrix", self.matrix.data)
        _finite("cost", cost)
        continuous = np.zeros(len(cost), np.int32)
        least, most = np.minimum(row_lower, row_upper), np.maximum(lower, upper)  # crossed ones are found by solve
        pass_model(self._highspy, self._highs, self.matrix, least, row_upper, lower, most, cost, continuous)

    def set_cost(self, cost: FloatArray) -> None:
        """New objective [n], minimised. Raises :class:`InputError` for NaN and infinity."""
        _finite("cost", cost)
        self._highs.changeColsCost(len(cost), np.arange(len(cost), dtype=np.int32), cost)

    def set_bounds(self, lower: FloatArray, upper: FloatArray) -> None:
        """New variable bounds [n]. Crossed ones make the program infeasible."""
        self.lower, self.upper = lower, upper
        if (lower <= upper).all():
            self._highs.changeColsBounds(len(lower), np.arange(len(lower), dtype=np.int32), lower, upper)

    def add_rows(self, matrix: sparse.csr_array, row_lower: FloatArray, row_upper: FloatArray) -> None:
        """Further rows below the others; the basis is kept."""
        csr = sparse.csr_array(matrix)
        _finite("matrix", csr.data)
        starts, index = csr.indptr[:-1].astype(np.int32), csr.indices.astype(np.int32)
        accept(self._highs.addRows(csr.shape[0], row_lower, row_upper, csr.nnz, starts, index, csr.data), self._highspy)
        self.matrix = sparse.csr_array(sparse.vstack([self.matrix, csr], format="csr"))
        self.row_lower = np.concatenate([self.row_lower, row_lower])
        self.row_upper = np.concatenate([self.row_upper, row_upper])

    def remove_rows(self, gone: BoolArray) -> None:
        """Without the rows of a mask [m]; those that follow move up, the basis is kept."""
        index = np.flatnonzero(gone).astype(np.int32)
        if not index.size:
            return
        accept(self._highs.deleteRows(len(index), index), self._highspy)
        self.matrix = sparse.csr_array(self.matrix[~gone])
        self.row_lower, self.row_upper = self.row_lower[~gone], self.row_upper[~gone]

    def solve(self, seconds: float | None = None) -> LpResult:
        """Solve from the last basis; ``seconds`` limits this solve."""
        if not ((self.lower <= self.upper).all() and (self.row_lower <= self.row_upper).all()):
            return LpResult("infeasible", np.inf)
        if not len(self.lower):
            return self._without_variables()
        spent = self._highs.getRunTime()  # HiGHS counts all runs of an instance against its limit
        self._highs.setOptionValue("time_limit", np.inf if seconds is None else spent + max(0.0, seconds))
        self._highs.run()
        status = status_of(self._highspy, self._highs.getModelStatus())
        if status == "unbounded-or-infeasible":
            status = "unbounded" if self._feasible() else "infeasible"
        if status == "optimal":
            solution = self._highs.getSolution()
            value = float(self._highs.getInfo().objective_function_value)
            return LpResult("optimal", value, np.array(solution.col_value), np.array(solution.row_dual))
        if status == "infeasible":
            return LpResult("infeasible", np.inf, ray=self._ray())
        return LpResult(status, -np.inf if status == "unbounded" else np.nan)

    def _feasible(self) -> bool:
        """Whether there is any point, by solving for cost 0 (the cost is set back)."""
        cost = np.array(self._highs.getLp().col_cost_)
        self.set_cost(np.zeros(len(cost)))
        self._highs.run()
        found = status_of(self._highspy, self._highs.getModelStatus()) == "optimal"
        self.set_cost(cost)
        return found

    def _without_variables(self) -> LpResult:
        held = bool(((self.row_lower <= 0) & (self.row_upper >= 0)).all())
        none = np.zeros(0)
        return LpResult("optimal", 0.0, none, np.zeros(len(self.row_lower))) if held else LpResult("infeasible", np.inf)

    def _ray(self) -> FloatArray | None:
        """Farkas multipliers y [m] with :func:`farkas_gap` > 0, or None."""
        _, found, ray = self._highs.getDualRay()
        if not found:
            return None
        y = np.array(ray, dtype=np.float64)
        gaps = [farkas_gap(self, y), farkas_gap(self, -y)]
        if max(gaps) <= 0:
            return None
        return y if gaps[0] >= gaps[1] else -y


ZERO_SLOPE = 1e-9
"""Slopes up to this, relative to the terms they are sums of, are rounding errors."""


def farkas_gap(session: HighsSession, y: FloatArray) -> float:
    """sum_{y>0} y row_lower + sum_{y<0} y row_upper - max over the box of y^T A x: > 0 shows infeasibility (up to
    rounding, which also decides what counts as slope 0 in columns without bounds)."""
    with np.errstate(invalid="ignore"):
        need = np.where(y > 0, y * session.row_lower, np.where(y < 0, y * session.row_upper, 0.0)).sum()
        slope = session.matrix.T @ y
        noise = ZERO_SLOPE * (abs(session.matrix).T @ np.abs(y))
        slope = np.where((np.abs(slope) <= noise) & np.isinf(session.upper - session.lower), 0.0, slope)
        most = np.where(slope > 0, slope * session.upper, np.where(slope < 0, slope * session.lower, 0.0)).sum()
        gap = float(need - most)
    return gap if np.isfinite(gap) else -np.inf


def open_lp(
    matrix: Any, row_lower: FloatArray, row_upper: FloatArray, lower: FloatArray, upper: FloatArray, cost: FloatArray
) -> HighsSession:
    """A warm-started linear program (``OpenLp`` of ``ir/protocols.py``)."""
    arrays = (np.asarray(part, dtype=np.float64) for part in (row_lower, row_upper, lower, upper, cost))
    return HighsSession(sparse.csr_array(matrix), *arrays)


def new_highs(highspy: Any, seed: int = 0) -> Any:
    """A silent instance with one thread; nothing but exact zeros is dropped from rows that HiGHS can keep."""
    highs = highspy.Highs()
    for name, value in (
        ("output_flag", False),
        ("threads", 1),
        ("random_seed", seed % (1 << 31)),
        ("small_matrix_value", SMALL),
    ):
        highs.setOptionValue(name, value)
    return highs


SMALL = 1e-12
"""HiGHS drops row coefficients up to this size (the least value it allows; its default is 1e-9)."""


def pass_model(
    highspy: Any,
    highs: Any,
    matrix: sparse.csr_array,
    row_lower: FloatArray,
    row_upper: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    cost: FloatArray,
    integrality: Any,
    offset: float = 0.0,
    hessian: sparse.csr_array | None = None,
) -> None:
    """Hand the arrays over. ``hessian``: upper triangle H of 1/2 x^T H x by rows. Raises :class:`InputError`."""
    m, n = matrix.shape
    rows, sense = int(highspy.MatrixFormat.kRowwise), int(highspy.ObjSense.kMinimize)
    start, index = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32)
    vectors = (cost, lower, upper, row_lower, row_upper, start, index, matrix.data)
    if hessian is None:
        status = highs.passModel(n, m, matrix.nnz, rows, sense, offset, *vectors, integrality)
    else:
        triangle = int(highspy.HessianFormat.kTriangular)
        square = (hessian.indptr.astype(np.int32), hessian.indices.astype(np.int32), hessian.data)
        sizes = (n, m, matrix.nnz, hessian.nnz, rows, triangle, sense, offset)
        status = highs.passModel(*sizes, *vectors, *square, integrality)
    accept(status, highspy)


def status_of(highspy: Any, status: Any) -> str:
    """optimal, infeasible, unbounded, unbounded-or-infeasible, or limit. Raises :class:`InputError` for errors."""
    kinds = highspy.HighsModelStatus
    known = {
        kinds.kOptimal: "optimal",
        kinds.kInfeasible: "infeasible",
        kinds.kUnbounded: "unbounded",
        kinds.kUnboundedOrInfeasible: "unbounded-or-infeasible",
        kinds.kModelEmpty: "optimal",
    }
    if status in (kinds.kLoadError, kinds.kModelError, kinds.kPresolveError, kinds.kSolveError, kinds.kPostsolveError):
        raise InputError(f"HiGHS failed: {status.name}", code="solver", hint="are the numbers of the model far apart?")
    return known.get(status, "limit")


def _finite(what: str, values: FloatArray) -> None:
    if not np.isfinite(values).all():
        raise InputError(f"the {what} of a linear program is not finite", code="not-finite")
