"""The independent check of an answer: only the readers and ``ir``'s evaluation are trusted, nothing that found it.

``accepted``: what is claimed is proved by the certificate. ``witness-only``: the witness was re-evaluated and holds;
whatever else is claimed was not checked. ``solver-word``: nothing to check but a solver's word. ``rejected``: something
claimed is false.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np

from .answers import Answer
from .decoding import REAL_TOLERANCE
from .errors import InputError
from .evaluate import evaluate
from .problem import Problem
from .registry import Registry
from .types import FloatArray

CERTIFICATES = Registry("isinglass.ir.certificates", "certificate")
VERDICTS = ("accepted", "witness-only", "solver-word", "rejected")


@dataclass(frozen=True)
class Verdict:
    """One of VERDICTS, and why."""

    verdict: str
    reasons: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        return 4 if self.verdict == "rejected" else 0

    def to_dict(self) -> dict[str, Any]:
        return {"verdict": self.verdict, "reasons": list(self.reasons)}

    def __str__(self) -> str:
        return "\n".join([self.verdict, *(f"  {reason}" for reason in self.reasons)])


def rejected(*reasons: str) -> Verdict:
    return Verdict("rejected", reasons)


def check_optimize(problem: Problem, answer: Answer) -> Verdict:
    """An answer to an optimisation problem, against the problem as re-read from its source."""
    if answer.status in ("sat", "unsat"):
        return rejected(f"status {answer.status} answers no optimisation problem")
    if answer.witness is None:
        return without_witness(problem, answer)
    try:
        values = witness_values(problem, answer.witness)
    except InputError as error:
        return rejected(str(error.diagnostics[0].message))
    result = evaluate(problem, values, tolerance=REAL_TOLERANCE)
    if not result.feasible[0]:
        rows = [name for name, table in {**result.violation, **result.residual}.items() if table[0].any()]
        return rejected(f"the witness violates {', '.join(rows) or 'the model'}")
    value = float(result.objective[0])
    wrong = wrong_numbers(problem, answer, value)
    if wrong:
        return rejected(*wrong)
    if answer.status == "infeasible":
        return rejected("the answer says infeasible, and its own witness is feasible")
    held = f"the witness is feasible and has value {value!r}"
    if answer.basis == "certificate" and answer.status in ("optimal", "bracketed"):
        return check_bound(problem, answer, held)
    if answer.basis == "solver-word":
        return Verdict("solver-word", (held, "its optimality rests on the solver's word"))
    left = "" if answer.status == "witnessed" else f"; status {answer.status} by {answer.basis} was not re-derived"
    return Verdict("witness-only", (held + left,))


def without_witness(problem: Problem, answer: Answer) -> Verdict:
    """Infeasible or unknown answers: a certificate is checked, a solver's word is named as such."""
    if answer.value is not None or answer.status in ("optimal", "witnessed"):
        return rejected(f"status {answer.status} without a witness")
    if answer.status == "bracketed" and answer.basis == "certificate":
        if (answer.lower if problem.source.maximize else answer.upper) is not None:
            return rejected("a bound on the side of the witness, and no witness")
        return check_bound(problem, answer, "there is no witness")
    if answer.status in ("unknown", "timeout", "bracketed"):
        return Verdict("witness-only", (f"status {answer.status} claims nothing that could be checked",))
    if answer.basis == "certificate":
        return check_infeasible(problem, answer)
    return Verdict("solver-word", (f"infeasible by {answer.basis}; there is no certificate to check",))


def check_infeasible(problem: Problem, answer: Answer) -> Verdict:
    """Whether the certificate proves that no point is feasible."""
    kind, module = certificate_of(answer)
    if not hasattr(module, "check"):
        return rejected(f"certificate kind {kind!r} proves no infeasibility")
    assert module is not None
    try:
        proved = module.check(problem, answer.certificate)
    except InputError as error:
        return rejected(str(error.diagnostics[0].message))
    if proved:
        return Verdict("accepted", (f"the {kind} certificate proves that no point is feasible",))
    return rejected(f"the {kind} certificate does not prove what the answer claims")


def certificate_of(answer: Answer) -> tuple[str, ModuleType | None]:
    """The kind of an answer's certificate, and what checks that kind, if anything does."""
    given = answer.certificate
    kind = str(given.get("kind", "")) if isinstance(given, Mapping) else ""
    return kind, CERTIFICATES.module(kind) if kind in CERTIFICATES else None


def check_bound(problem: Problem, answer: Answer, held: str) -> Verdict:
    """What the certificate proves of the optimum, against the bound and the status that the answer claims."""
    kind, module = certificate_of(answer)
    if not hasattr(module, "lower_bound"):
        return rejected(f"certificate kind {kind!r} bounds no optimum")
    assert module is not None
    try:
        proved = module.lower_bound(problem, answer.certificate)
    except InputError as error:
        return rejected(str(error.diagnostics[0].message))
    if proved is None:
        return rejected(f"the {kind} certificate proves no bound")
    best = Fraction(problem.source.scale) * proved + Fraction(problem.source.offset)
    maximize = problem.source.maximize
    claimed = answer.upper if maximize else answer.lower
    number = isinstance(claimed, (int, float)) and math.isfinite(claimed)
    if claimed is None or not number or (claimed < best if maximize else claimed > best):
        side = "upper" if maximize else "lower"
        return rejected(f"the {kind} certificate proves {side} = {float(best)!r}, the answer says {claimed!r}")
    if answer.status == "optimal":
        real = any(not var.discrete for var in problem.vars.values())
        slack = (REAL_TOLERANCE if real else 2e-9) * max(1.0, abs(answer.value or 0.0))
        if answer.value is None or abs(answer.value - claimed) > slack:
            return rejected(f"the value {answer.value!r} is not the proved bound {claimed!r}")
    return Verdict("accepted", (held, f"the {kind} certificate proves that none is better than {claimed!r}"))


def wrong_numbers(problem: Problem, answer: Answer, value: float) -> list[str]:
    """Claims about numbers that the witness contradicts."""
    size = REAL_TOLERANCE if any(not v.discrete for v in problem.vars.values()) else 1e-12
    slack = size * max(1.0, abs(value))
    found = []
    for number in (answer.value, answer.lower, answer.upper):
        if number is not None and (type(number) not in (int, float) or math.isnan(number)):
            return [f"a value or bound {number!r} is no number"]
    if answer.value is None or abs(answer.value - value) > slack:
        found.append(f"the witness has value {value!r}, the answer says {answer.value!r}")
    if answer.lower is not None and problem.source.maximize and answer.lower > value + slack:
        found.append(f"lower = {answer.lower!r} is above the witness's value {value!r}")
    if answer.upper is not None and not problem.source.maximize and answer.upper < value - slack:
        found.append(f"upper = {answer.upper!r} is below the witness's value {value!r}")
    if (
        (answer.upper is not None
        and answer.upper < value - slack)
        or (answer.lower is not None
        and answer.lower > value + slack)
    ):
        found.append(f"the witness's value {value!r} lies outside lower..upper")
    return list(dict.fromkeys(found))


def witness_values(problem: Problem, witness: Any) -> dict[str, FloatArray]:
    """Arrays [1, n] from a witness as stored; raises :class:`InputError` for missing, extra or misshaped blocks."""
    if set(witness) != set(problem.vars):
        missing = sorted(set(problem.vars) ^ set(witness))
        raise InputError(f"the witness and the problem differ in variables: {', '.join(missing)}")
    values = {}
    for name, var in problem.vars.items():
        given = witness[name]
        if isinstance(given, Mapping):
            if sorted(given) != sorted(var.labels()):
                raise InputError(f"the witness's {name} names other variables than the problem")
            given = np.reshape([given[label] for label in var.labels()], var.shape)
        try:
            array = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"the witness's {name} holds something that is no number") from None
        if array.shape != var.shape or not np.isfinite(array).all():
            raise InputError(
                f"the witness's {name} has shape {array.shape}, the problem's {var.shape}, or is not finite"
            )
        values[name] = array.reshape(1, -1)
    return values
