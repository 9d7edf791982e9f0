"""Infeasibility by bounds alone: exact interval propagation over the source's rows ends in an empty interval.

The certificate holds only its kind; the checker derives everything again, in exact rationals, with code that it shares
with no pass: for each unguarded linear row and each variable in it, the row's other terms leave an interval for that
variable, whole numbers rounded inward. A contradiction found this way needs no further trust than this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor, isinf
from typing import Any

from ..blocks import Lin
from ..problem import Problem
from ..rational import read

ROUNDS = 50
ENTRIES = 200_000
"""Larger problems are not checked (the answer then claims nothing)."""
Ends = list[Fraction | None]


def check(problem: Problem, certificate: Mapping[str, Any]) -> bool:
    """Whether propagation from the bounds of ``problem`` proves that no point satisfies all rows."""
    if certificate.get("kind") != "bound-propagation":
        return False
    rows = [row for lin in problem.lins.values() for row in exact_rows(problem, lin)]
    if sum(len(row[0]) for row in rows) > ENTRIES:
        return False
    lower, upper, whole = boxes(problem)
    for _ in range(ROUNDS):
        changed = False
        for terms, rhs in rows:
            state = tighten(terms, rhs, lower, upper, whole)
            if state is None:
                return True
            changed |= state
        if not changed:
            return False
    return False


def boxes(problem: Problem) -> tuple[Ends, Ends, list[bool]]:
    """Bounds of all scalar variables as rationals (None: infinite), and which are whole."""

    def end(value: float) -> Fraction | None:
        return None if isinf(value) else Fraction(value)

    lower = [end(v) for var in problem.vars.values() for v in var.lower.tolist()]
    upper = [end(v) for var in problem.vars.values() for v in var.upper.tolist()]
    return lower, upper, [var.discrete for var in problem.vars.values() for _ in range(var.size)]


def exact_rows(problem: Problem, lin: Lin) -> list[tuple[dict[int, Fraction], Fraction]]:
    """Rows ``terms <= rhs``; equalities twice. Guarded rows prove nothing alone and are left out."""
    found: list[dict[int, Fraction]] = [{} for _ in range(lin.size)]
    for name, operator in lin.parts.items():
        coo = operator.to_csr().tocoo()
        numerators, denominators = read(coo.data, lin.reading)
        for row, column, p, q in zip(*coo.coords, numerators.tolist(), denominators.tolist(), strict=True):
            key = problem.starts[name] + int(column)
            found[int(row)][key] = found[int(row)].get(key, Fraction(0)) + Fraction(p, q)
    sides = [Fraction(p, q) for p, q in zip(*(part.tolist() for part in read(lin.rhs, lin.reading)), strict=True)]
    rows = []
    for i, (terms, rhs) in enumerate(zip(found, sides, strict=True)):
        if lin.guard is None or lin.guard.index[i] < 0:
            rows.append((terms, rhs))
            if lin.sense == "==":
                rows.append(({k: -v for k, v in terms.items()}, -rhs))
    return rows


def least_term(value: Fraction, low: Fraction | None, high: Fraction | None) -> Fraction | None:
    """Least value of one term over its interval; None: unbounded."""
    end = low if value > 0 else high
    return None if end is None else value * end


def tighten(terms: dict[int, Fraction], rhs: Fraction, lower: Ends, upper: Ends, whole: list[bool]) -> bool | None:
    """One row's consequences; True when a bound moved, None when an interval became empty."""
    least = {k: least_term(v, lower[k], upper[k]) for k, v in terms.items() if v}
    open_ends = [k for k, value in least.items() if value is None]
    if len(open_ends) > 1:
        return False
    total = sum((value for value in least.values() if value is not None), Fraction(0))
    if not open_ends and total > rhs:
        return None
    changed = False
    for k in open_ends or least:
        own = least[k] or Fraction(0)
        bound = (rhs - total + own) / terms[k]
        if terms[k] > 0:
            new = Fraction(floor(bound)) if whole[k] else bound
            if upper[k] is None or new < upper[k]:  # type: ignore[operator]
                upper[k], changed = new, True
        else:
            new = Fraction(ceil(bound)) if whole[k] else bound
            if lower[k] is None or new > lower[k]:  # type: ignore[operator]
                lower[k], changed = new, True
        low, high = lower[k], upper[k]
        if low is not None and high is not None and low > high:
            return None
    return changed
