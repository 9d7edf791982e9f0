"""Brackets of Lipschitz constants as a table for people; printed numbers are rounded outward, so they still hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from math import inf
from typing import Any

from .answers import Answer

DIGITS = 8
ZERO = 1e-150
"""Upper bounds below this are what rounding leaves of 0."""
HEADS = ("constant", "lower", "upper", "gap", "upper rests on", "seconds")


def bracket_text(answer: Answer) -> str:
    """Title, one line for each functional and one for the greatest of several, and what the columns mean."""
    asked: Mapping[str, Any] = answer.options.get("bound", {})
    labels = list(answer.parts) or list(asked.get("labels", ["constant"]))
    rows = [row(label, answer.parts.get(label, answer)) for label in labels]
    if len(answer.parts) > 1:
        rows.append(row("greatest", answer))
    lines = [answer.claim] if answer.claim else []
    lines += table([HEADS, *rows])
    lines += meaning(answer, asked)
    lines += [f"  {line}" for line in answer.detail]
    lines += [f"  note: {note}" for note in answer.ledger if note.loss or note.who == "lipschitz"]
    if answer.time_limited:
        lines.append("  the time limit struck: another run may close more of the gap")
    return "\n".join(lines)


def row(label: str, answer: Answer) -> tuple[str, ...]:
    """One bracket."""
    kind = str((answer.certificate or {}).get("kind", ""))
    rests = "" if answer.upper is None else f"certificate ({kind})" if kind else "certificates" if answer.parts else "-"
    seconds = answer.timings.get("all", sum(answer.timings.values())) if answer.timings else None
    shown = "-" if seconds is None else f"{seconds:.2f}"
    return (label, rounded(answer.lower, False), rounded(answer.upper, True), gap(answer), rests, shown)


def rounded(value: float | None, upward: bool, digits: int = DIGITS) -> str:
    """A number with few digits, moved away from the other end of its bracket."""
    if value is None:
        return "-"
    if value in (float("inf"), float("-inf")):
        return str(value)
    context = Context(prec=digits, rounding=ROUND_CEILING if upward else ROUND_FLOOR)
    found = context.create_decimal_from_float(value)
    return f"{found:f}" if found == 0 or -5 < found.adjusted() < 12 else f"{found:e}"


def gap(answer: Answer) -> str:
    """(upper - lower) / lower in percent; the few ulps by which a proof is rounded outward count as closed."""
    if answer.lower is None or answer.upper is None or answer.upper == inf:
        return "-"
    width = answer.upper - answer.lower
    if answer.status == "optimal" or answer.upper < ZERO:
        return "closed"
    return f"{100 * width / answer.lower:.3g} %" if answer.lower > 0 else "-"


def table(rows: list[tuple[str, ...]], left: tuple[int, ...] = (0, 4)) -> Iterator[str]:
    """Columns under their heads: words (the columns ``left``) to the left, numbers to the right."""
    widths = [max(len(line[k]) for line in rows) for k in range(len(rows[0]))]
    for line in rows:
        cells = [c.ljust(w) if k in left else c.rjust(w) for k, (c, w) in enumerate(zip(line, widths, strict=True))]
        yield "  " + "  ".join(cells).rstrip()


def meaning(answer: Answer, asked: Mapping[str, Any]) -> list[str]:
    """What the two ends say of the network."""
    if asked.get("quantity", "lipschitz") != "lipschitz":
        return ["this norm is no Lipschitz constant; of one hidden layer, the formal constant is at most it"]
    lines = ["upper: proved; no two of these inputs change the output by more per unit of distance"]
    if answer.lower is not None:
        lines.append("lower: reached by a pattern of slopes; the true constant is less where no input has that pattern")
    return lines if answer.upper not in (None, inf) else lines[1:]
