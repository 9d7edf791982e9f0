"""HiGHS: linear and mixed-integer programs, one thread.

*needs*: level MIP; a quadratic objective only where it is convex and no variable is whole. *gives*: the best point,
whole numbers rounded (reals solved again for them), its objective re-computed; ``status`` and ``claimed_bound`` are the
solver's word. Gaps are set to 0. Same seed, same answer; a time limit ends the search with what is there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from ...ir.errors import Refused, UsageError
from ...ir.problem import Problem
from ...ir.protocols import Limits
from ...ir.samples import Samples
from ...ir.types import FloatArray
from ..highs_library import load_highspy
from ..highs_session import SMALL, new_highs, open_lp, pass_model, status_of
from ..mixed_integer import MixedInteger, mixed_integer
from ..solver import Solver

__all__ = ["Highs", "open_lp"]


@dataclass(frozen=True)
class Highs(Solver):
    """``tolerance``: feasibility and integrality that the solver allows itself. ``presolve``: on, off or choose."""

    tolerance: float = 1e-7
    presolve: str = "choose"

    level = "MIP"
    complete = False

    def __post_init__(self) -> None:
        if not 1e-10 <= self.tolerance <= 1e-3 or self.presolve not in ("on", "off", "choose"):
            raise UsageError("highs needs a tolerance from 1e-10 to 1e-3 and presolve on, off or choose")

    def solve(self, problem: Problem, limits: Limits) -> Samples:
        program = mixed_integer(problem)
        if program.quadratic.nnz and program.integer.any():
            message = "HiGHS solves no quadratic objective over whole numbers"
            raise Refused(message, code="solver", hint="linearise the products, or compile to a QUBO for a sampler")
        run = _Run(self, program, limits)
        status = run.solve(program)
        x = run.point()
        if x is not None and program.integer.any():
            x = run.rounded(x)
        info = {"status": status, "time_limited": status == "limit", **run.told()}
        rows = np.zeros((0, program.size)) if x is None else x[None]
        bound = run.claimed(status)
        return Samples(problem.unstack(rows), program.objective(rows), claimed_bound=bound, info=info)


class _Run:
    """One solve, and a second one for the reals where whole numbers had to be rounded."""

    def __init__(self, options: Highs, program: MixedInteger, limits: Limits) -> None:
        self.highspy = load_highspy()
        self.options, self.program, self.limits = options, program, limits
        self.highs: Any = None

    def solve(self, program: MixedInteger) -> str:
        if (program.lower > program.upper).any() or (program.row_lower > program.row_upper).any():
            return "infeasible"
        if not program.size:
            return "optimal" if self._zeros_hold() else "infeasible"
        self.highs = self._loaded(program)
        status = self._run("choose")
        if status == "unbounded-or-infeasible":
            status = self._run("off")
        return status

    def _loaded(self, program: MixedInteger) -> Any:
        highs = new_highs(self.highspy, self.limits.seed)
        names = ("primal_feasibility_tolerance", "dual_feasibility_tolerance", "mip_feasibility_tolerance")
        for name in names:
            highs.setOptionValue(name, self.options.tolerance)
        for name in ("mip_rel_gap", "mip_abs_gap"):
            highs.setOptionValue(name, 0.0)
        hessian = None
        if program.quadratic.nnz:  # x^T Q x is 1/2 x^T (Q + Q^T) x
            doubled = program.quadratic + sparse.diags_array(program.quadratic.diagonal())
            hessian = sparse.csr_array(doubled)
        pass_model(
            self.highspy, highs, program.matrix, program.row_lower, program.row_upper, program.lower, program.upper,
            program.cost, program.integer.astype(np.int32), program.offset, hessian,
        )  # fmt: skip
        return highs

    def _run(self, presolve: str) -> str:
        left = self.limits.left()
        self.highs.setOptionValue("time_limit", np.inf if left is None else left)
        self.highs.setOptionValue("presolve", presolve if self.options.presolve == "choose" else self.options.presolve)
        self.highs.run()
        return status_of(self.highspy, self.highs.getModelStatus())

    def point(self) -> FloatArray | None:
        """The primal point, None without one."""
        if self.highs is None:
            return np.zeros(0) if not self.program.size and self._zeros_hold() else None
        feasible = int(self.highspy.SolutionStatus.kSolutionStatusFeasible)
        if int(self.highs.getInfo().primal_solution_status) != feasible:
            return None
        x = np.array(self.highs.getSolution().col_value, dtype=np.float64)
        return np.asarray(np.clip(x, self.program.lower, self.program.upper))

    def rounded(self, x: FloatArray) -> FloatArray:
        """Whole numbers rounded; the reals solved again for them where that moved anything."""
        program = self.program
        whole = np.where(program.integer, np.rint(x), x)
        if program.integer.all() or (whole == x).all():
            return whole
        fixed = replace(
            program,
            lower=np.where(program.integer, whole, program.lower),
            upper=np.where(program.integer, whole, program.upper),
            integer=np.zeros(program.size, np.bool_),
        )
        again = _Run(self.options, fixed, self.limits)
        found = again.point() if again.solve(fixed) == "optimal" else None
        return whole if found is None else np.where(program.integer, whole, found)

    def _zeros_hold(self) -> bool:
        """Whether rows without variables hold."""
        return bool(((self.program.row_lower <= 0) & (self.program.row_upper >= 0)).all())

    def claimed(self, status: str) -> float | None:
        """The solver's own bound on the minimised objective."""
        if self.highs is None or status not in ("optimal", "limit"):
            return None
        info = self.highs.getInfo()
        if self.program.integer.any():
            bound = float(info.mip_dual_bound)
        else:
            bound = float(info.objective_function_value) if status == "optimal" else -np.inf
        return bound if np.isfinite(bound) else None

    def told(self) -> dict[str, Any]:
        """Nodes, iterations, and coefficients too small for HiGHS."""
        if self.highs is None:
            return {}
        info = self.highs.getInfo()
        ignored = int((np.abs(self.program.matrix.data) <= SMALL).sum())
        told: dict[str, Any] = {"iterations": int(info.simplex_iteration_count)}
        if self.program.integer.any():
            told["nodes"] = int(info.mip_node_count)
        return told | ({"ignored_coefficients": ignored} if ignored else {})
