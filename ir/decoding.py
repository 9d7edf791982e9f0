"""Samples back to the source: decoded, re-evaluated on the source problem, and turned into an answer.

Nothing a solver says is taken over: values come from the source's own objective, feasibility from the source's own
rows. What the answer may claim beyond its witness is decided by the guarantee of the compilation and by whether the
solver is complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .answers import Answer
from .blocks import Lin, Poly, Var
from .evaluate import Evaluation, evaluate
from .guarantee import Guarantee
from .ledger import Ledger
from .lifting import Lift
from .problem import Problem
from .samples import Samples
from .types import BoolArray, FloatArray, IntArray, Values

REAL_TOLERANCE = 1e-6
"""Violation allowed in rows with real variables, where a floating-point solver can't do better."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """One line per sample, in the solver's order. ``values``: source variables [B, n]; ``energy`` as reported or
    None."""

    source: Problem
    values: Values
    energy: FloatArray | None
    occurrences: IntArray
    evaluation: Evaluation

    @property
    def objective(self) -> FloatArray:
        """Objective of every sample in the source's sense [B]."""
        return self.evaluation.objective

    @property
    def feasible(self) -> BoolArray:
        return self.evaluation.feasible

    @cached_property
    def best(self) -> int | None:
        """The feasible sample with the best objective (the first of equals); None when none is feasible."""
        found = np.flatnonzero(self.feasible)
        return int(found[np.argmin(self.evaluation.minimised[found])]) if len(found) else None

    def violated(self, sample: int) -> dict[str, float]:
        """Rows (by label) that a sample violates, and by how much, in the row's own units."""
        rows: list[Lin | Poly] = [*self.source.lins.values(), *self.source.polys.values()]
        labels = {block.name: block.labels() for block in rows}
        labels |= {name: var.labels() for name, var in self.source.vars.items()}
        found = {}
        for name, table in {**self.evaluation.violation, **self.evaluation.residual}.items():
            for i in np.flatnonzero(table[sample]):
                found[labels.get(name, [f"{name}[{k}]" for k in range(table.shape[1])])[i]] = float(table[sample, i])
        return found

    def witness(self, sample: int) -> dict[str, Any]:
        """A sample by variable block: nested lists in the block's shape, or names to values where elements have names
        of their own. Whole numbers as int."""
        return {name: shaped(var, self.values[name][sample]) for name, var in self.source.vars.items()}

    def __len__(self) -> int:
        return len(self.occurrences)


def shaped(var: Var, flat: FloatArray) -> Any:
    """Values of one block as a witness shows them."""
    array = flat if var.domain == "real" else np.rint(flat).astype(np.int64)
    return dict(zip(var.labels(), array.tolist(), strict=True)) if var.names else array.reshape(var.shape).tolist()


def decode(source: Problem, lift: Lift, samples: Samples) -> Decoded:
    """Lift samples of the compiled problem and evaluate them on the source."""
    values = lift.up(samples.values)
    rounded = {
        name: np.rint(values[name]) if var.discrete and near(values[name]) else values[name]
        for name, var in source.vars.items()
    }  # whole numbers that a floating-point solver returned as 2.9999999
    evaluation = evaluate(source, rounded, tolerance=REAL_TOLERANCE)
    return Decoded(source, rounded, samples.energy, samples.weights(), evaluation)


def near(values: FloatArray) -> bool:
    return bool((np.abs(values - np.rint(values)) <= REAL_TOLERANCE).all())


@dataclass(frozen=True)
class Solved:
    """What is known of the solver run that made the samples: ``complete`` solvers visit every point, unless their
    status is limit."""

    solver: str = ""
    complete: bool = False
    status: str = ""
    claimed_bound: float | None = None
    seed: int | None = None
    time_limited: bool = False
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def exhaustive(self) -> bool:
        """Whether the best of the samples is the optimum of the compiled problem."""
        return self.complete and not self.time_limited and self.status != "limit"


def answer(decoded: Decoded, guarantee: Guarantee, ledger: Ledger, solved: Solved) -> Answer:
    """The best sample as a witness, and what may be claimed of the optimum."""
    source = decoded.source
    claimed = (
        None
        if solved.claimed_bound is None or solved.complete
        else float(source.source.value(np.array(solved.claimed_bound)))
    )
    base = Answer(
        "unknown", claimed_bound=claimed, guarantee=guarantee, ledger=ledger, solver=solved.solver,
        seed=solved.seed, time_limited=solved.time_limited, timings=dict(solved.timings),
    )  # fmt: skip
    if decoded.best is None:
        return without_witness(base, decoded, guarantee, solved)
    value = float(decoded.objective[decoded.best])
    side = "lower" if source.source.maximize else "upper"
    worst = max((float(t[decoded.best].max(initial=0.0)) for t in decoded.evaluation.violation.values()), default=0.0)
    detail: tuple[str, ...] = (f"rows with real variables hold within {worst:.3g}",) if worst else ()
    if solved.status == "unbounded":
        detail += ("the solver says that there are ever better points",)
    found = base.with_fields(
        status="witnessed", value=value, witness=decoded.witness(decoded.best), detail=detail, **{side: value}
    )
    if solved.exhaustive and guarantee.exact:
        return found.with_fields(status="optimal", basis="enumeration", lower=value, upper=value)
    if solved.status == "optimal" and guarantee.exact:
        return found.with_fields(status="optimal", basis="solver-word")
    return found


def without_witness(base: Answer, decoded: Decoded, guarantee: Guarantee, solved: Solved) -> Answer:
    """No feasible sample: infeasible where that is proved (or a MILP solver says so), unknown otherwise."""
    if not guarantee.proves_infeasible or solved.time_limited:
        return base
    if solved.status == "infeasible":
        return base.with_fields(status="infeasible", basis="solver-word")
    if solved.exhaustive and guarantee.exact:
        reason = "no ground state of the compiled problem is feasible, and the weights are proved sufficient"
        return base.with_fields(status="infeasible", basis="enumeration", detail=(reason,))
    return base.with_fields(detail=shortfall(decoded)) if solved.status == "optimal" else base


def shortfall(decoded: Decoded) -> tuple[str, ...]:
    """Why the point that a solver calls optimal is no witness: solvers allow themselves a tolerance, rows don't."""
    if not len(decoded):
        return ()
    found = decoded.violated(0)
    worst = max(found, key=lambda label: found[label], default="")
    return (f"the solver's best point violates {worst} by {found[worst]:.3g}",) if worst else ()
