"""Proofs for answers to optimisation problems: ``run --certify``, and contradictions met while compiling. Part of the
facade."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from .ir.answers import Answer
from .ir.errors import Infeasible
from .ir.problem import Problem
from .ir.protocols import Limits

if TYPE_CHECKING:
    from .api import Progress


def certified(problem: Problem, answer: Answer, limits: Limits, progress: Progress | None) -> Answer:
    """The answer with a proof of its own, found by a branch and bound that starts from its witness; what could not be
    proved in time stays on the solver's word, and ``detail`` says why."""
    from .api import lp_tool
    from .compiler.drivers.certify_milp import certify

    if answer.status == "infeasible" and answer.basis == "certificate":
        return answer
    start = perf_counter()
    loop = certify(problem, answer, lp_tool(), limits)
    while True:
        try:
            event = next(loop)
        except StopIteration as end:
            found: Answer = end.value
            return found.with_fields(timings={**found.timings, "certify": perf_counter() - start})
        if progress:
            progress(event)


def infeasible(problem: Problem, error: Infeasible, seconds: float) -> Answer:
    """A contradiction found while compiling, with a certificate where the checker can re-derive it on its own."""
    from .ir.certificates.bound_propagation import check

    certificate = {"kind": "bound-propagation", "row": error.row}
    basis = "certificate" if check(problem, certificate) else "none"
    return Answer(
        "infeasible" if basis == "certificate" else "unknown",
        basis,
        certificate=certificate,
        detail=(str(error.diagnostics[0].message),),
        timings={"compile": seconds},
    )
