"""What a compilation did, for people: counts by origin, guarantee and where it comes from, weights with their
proofs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..ir.blocks import Penalty, Poly
from ..ir.guarantee import Guarantee
from ..ir.problem import Problem
from .penalties.proof import still_proved
from .pipeline import Trace


def counts(problem: Problem) -> dict[str, int]:
    """Scalar variables by origin: ``decision`` for those of the source, else what a pass made them for."""
    found: dict[str, int] = {}
    for var in problem.vars.values():
        found[origin_of(var.name, var.origin)] = found.get(origin_of(var.name, var.origin), 0) + var.size
    return found


def origin_of(name: str, origin: str) -> str:
    """``bits:cap.slack`` -> ``slack of cap``; ``bits:y`` -> ``bits of y``; a source variable -> ``decision``."""
    kind, _, what = origin.partition(":")
    if kind == "bits":
        return f"slack of {what.removesuffix('.slack')}" if what.endswith(".slack") else f"bits of {what}"
    if kind == "claim":
        return "case or margin of the claim"
    if kind in ("slack", "product", "soft", "or", "free", "phase", "part"):
        return f"{kind} of {what}" if kind != "free" else "decision"
    return "decision"


def guarantee_lines(trace: Trace) -> Iterator[str]:
    """The whole guarantee, then every pass that weakens it."""
    yield f"guarantee: {trace.guarantee}"
    for ran in trace.ran:
        if (ran.step.guarantee.feasible, ran.step.guarantee.optimum) != ("same", "kept"):
            yield f"  from {ran.text}: {short(ran.step.guarantee)}"
    if trace.guarantee.infeasible_above is not None:
        yield f"  a proved minimum energy above {trace.guarantee.infeasible_above:.6g} proves the source infeasible"


def short(guarantee: Guarantee) -> str:
    return f"feasible set {guarantee.feasible}, optimum {guarantee.optimum}"


def penalty_lines(problem: Problem) -> Iterator[str]:
    """One line per penalty block: rows, weights, the rules that prove them, contrast."""
    blocks = problem.penalties
    if not blocks:
        return
    proofs = [poly.penalty for poly in blocks if poly.penalty is not None]
    proved = still_proved(proofs)
    start = 0
    yield "penalties:"
    for poly in blocks:
        penalty = poly.penalty
        assert penalty is not None
        yield "  " + penalty_line(poly, penalty, proved[start : start + poly.size])
        start += poly.size


def penalty_line(poly: Poly, penalty: Penalty, proved: np.ndarray) -> str:
    """``cap: 3 rows, weight 2 to 5, proved by packing (3); gap 2, contrast 9``."""
    low, high = penalty.weight.min(), penalty.weight.max()
    weight = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    names = [penalty.rules[r] if r >= 0 and ok else "not proved" for r, ok in zip(penalty.rule, proved, strict=True)]
    rules = ", ".join(f"{name} ({names.count(name)})" for name in dict.fromkeys(names))
    with np.errstate(divide="ignore"):
        contrast = float(((penalty.gap + penalty.floor) / penalty.floor).min())
    shown = "unlimited (satisfied rows cost nothing)" if np.isinf(contrast) else f"{contrast:g}"
    rows = f"{poly.size} row{'s' if poly.size != 1 else ''}"
    gap = f"violation gap {penalty.gap.min():g}, contrast {shown}"
    return f"{penalty.source}: {rows}, weight {weight}, proof: {rules}; {gap}"


def ledger_lines(trace: Trace) -> Iterator[str]:
    """Everything that was lost or noted."""
    if trace.ledger:
        yield "ledger:"
    for note in trace.ledger:
        yield f"  {note}"
