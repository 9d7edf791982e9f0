"""Proofs for answers to optimisation problems: ``run --certify``, and contradictions met while compiling. Part of the
facade."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from ..ir.answers import Answer
from ..ir.errors import Infeasible, Refused
from ..ir.problem import Problem
from ..ir.protocols import Event, Limits

if TYPE_CHECKING:
    from ..api import Progress


SECOND = 0.3
"""Part of the time that is kept for a bound without the rows, where the objective is quadratic."""
LONGEST = 60.0
"""Most seconds for that bound where no limit is stated."""


def certified(problem: Problem, answer: Answer, limits: Limits, progress: Progress | None) -> Answer:
    """The answer with a proof of its own, found by a search that starts from its witness; what could not be proved in
    time stays on the solver's word, and ``detail`` says why.

    Quadratic objectives over variables of two values are bounded as Ising problems: at once where there are no rows,
    and where there are, after a branch and bound over linear programs that leaves a gap.
    """
    from ..api import lp_tool, make_solver
    from ..compiler.drivers import certify_ising, certify_milp

    if answer.status == "infeasible" and answer.basis == "certificate":
        return answer
    start = perf_counter()
    ising, rows = is_ising(problem), bool(problem.lins or problem.fns or problem.constraints)
    found = answer
    if rows or not ising:
        left, first = limits.left(), limits
        if ising and left is not None:
            first = replace(limits, timeout=(limits.timeout or 0.0) - SECOND * left)
        found = played(certify_milp.certify(problem, answer, lp_tool(), first), progress)
    if ising and not (found.basis == "certificate" and found.status in ("optimal", "infeasible")):
        if rows and limits.timeout is None:
            limits = Limits(LONGEST, limits.seed, limits.reads)
        sampler = None if rows else make_solver("neal")[0]
        second = played(certify_ising.certify(problem, found, lp_tool(), limits, sampler), progress)
        found = better(problem, found, second)
    return found.with_fields(timings={**found.timings, "certify": perf_counter() - start})


def is_ising(problem: Problem) -> bool:
    """Whether the objective is quadratic over variables of two values (and nothing was made a penalty)."""
    from ..ir.quadratic.spins import spin_form

    if problem.objective.degree != 2 or problem.penalties:
        return False
    try:
        spin_form(problem)
    except Refused:
        return False
    return True


def better(problem: Problem, first: Answer, second: Answer) -> Answer:
    """The answer with the better proved bound; the first one where they are equal."""
    sides = [one.upper if problem.source.maximize else one.lower for one in (first, second)]
    proved = [side if one.basis == "certificate" and side is not None else None
              for side, one in zip(sides, (first, second), strict=True)]  # fmt: skip
    if proved[1] is None:
        return first if proved[0] is not None else second
    if proved[0] is None:
        return second
    closer = proved[1] < proved[0] if problem.source.maximize else proved[1] > proved[0]
    return second if closer else first


def played(loop: Generator[Event, None, Answer], progress: Progress | None) -> Answer:
    """The answer that a search ends with."""
    while True:
        try:
            event = next(loop)
        except StopIteration as end:
            found: Answer = end.value
            return found
        if progress:
            progress(event)


def infeasible(problem: Problem, error: Infeasible, seconds: float) -> Answer:
    """A contradiction found while compiling, with a certificate where the checker can re-derive it on its own."""
    from ..ir.certificates.bound_propagation import check

    certificate = {"kind": "bound-propagation", "row": error.row}
    basis = "certificate" if check(problem, certificate) else "none"
    return Answer(
        "infeasible" if basis == "certificate" else "unknown",
        basis,
        certificate=certificate,
        detail=(str(error.diagnostics[0].message),),
        timings={"compile": seconds},
    )
