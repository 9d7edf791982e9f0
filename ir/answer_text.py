"""Answers and sample tables for people to read."""

from __future__ import annotations

from typing import Any

import numpy as np

from .answers import Answer
from .bracket_text import bracket_text
from .decoding import Decoded

RESTS = {
    "certificate": "proved; the certificate can be checked with `isinglass check`",
    "enumeration": "proved by visiting every point",
    "solver-word": "on the solver's word only: nothing is proved",
    "none": "",
}
VERDICT_RESTS = {
    "certificate": "proved; `isinglass check` re-derives the certificate that --json prints",
    "enumeration": "proved by visiting every point",
    "solver-word": "on the solver's word only: nothing is proved",
    "none": "by bounds rounded outward; without a certificate",
}
ARITHMETIC = {
    "both": "float32 (onnxruntime) and in real arithmetic",
    "float32-only": "float32 (onnxruntime); real arithmetic does not confirm it",
    "real-only": "real arithmetic, not in onnxruntime's float32",
}
SHOWN = 10
"""Lines of detail that a verdict shows."""


def answer_text(answer: Answer) -> str:
    """A few lines: status and what it rests on, value and bounds, witness, losses; brackets of constants as a table."""
    if "bound" in answer.options:
        return bracket_text(answer)
    head = answer.status + (f" ({RESTS[answer.basis]})" if RESTS[answer.basis] else "")
    lines = [f"{answer.claim}: {head}" if answer.claim else head]
    if answer.value is not None:
        lines.append(f"value    {answer.value!r}  (re-evaluated on the source)")
    if answer.lower is not None or answer.upper is not None:
        lines.append(f"optimum  between {number(answer.lower, '-inf')} and {number(answer.upper, 'inf')}")
    if answer.claimed_bound is not None:
        lines.append(f"claimed  the solver says the bound is {answer.claimed_bound!r} (not proved)")
    for name, values in (answer.witness or {}).items():
        lines.append(f"  {name} = {clipped(values)}")
    if answer.arithmetic:
        lines.append(f"witness  holds in {answer.arithmetic} arithmetic")
    lines += [f"  {line}" for line in answer.detail]
    lines += [f"lost     {note}" for note in answer.ledger if note.loss]
    if answer.time_limited:
        lines.append("note     the time limit struck: another run may answer otherwise")
    if answer.timings:
        lines.append("time     " + ", ".join(f"{key} {seconds:.3f} s" for key, seconds in answer.timings.items()))
    return "\n".join(lines)


def verdict_text(answer: Answer) -> str:
    """A verdict on a network: one line that says what it rests on, then the counterexample or what is left open."""
    where = ARITHMETIC.get(answer.arithmetic or "", "")
    words = {
        "sat": f"a counterexample, evaluated again without tolerance; holds in {where}",
        "unsat": VERDICT_RESTS.get(answer.basis, ""),
        "timeout": "the time limit struck first",
        "unknown": "the search ended without a verdict",
    }[answer.status]
    seconds = answer.timings.get("all")
    lines = [f"{answer.status} ({words})" + ("" if seconds is None else f" in {seconds:.2f} s")]
    lines += [f"  {name} = {clipped(values)}" for name, values in (answer.witness or {}).items()]
    if answer.status != "sat" and answer.basis != "certificate":
        lines += [f"  {line}" for line in answer.detail[:SHOWN]]
        more = len(answer.detail) - SHOWN
        lines += [f"  ... and {more} more (--json)"] if more > 0 else []
    lines += [f"  lost: {note}" for note in answer.ledger if note.loss]
    return "\n".join(lines)


def number(value: float | None, missing: str) -> str:
    return missing if value is None else repr(value)


def clipped(values: Any, width: int = 100) -> str:
    text = str(values)
    return text if len(text) <= width else text[: width - 4] + " ..."


def table_text(decoded: Decoded, most: int = 1000) -> str:
    """One line per sample, best first: occurrences, energy, objective, feasible or the violated rows."""
    order = np.lexsort((decoded.evaluation.minimised, ~decoded.feasible))[:most]
    lines = [f"{'sample':>7} {'times':>6} {'energy':>14} {'objective':>14}  rows"]
    for i in order.tolist():
        energy = "-" if decoded.energy is None else f"{decoded.energy[i]:.8g}"
        violated = decoded.violated(i)
        rows = "feasible" if decoded.feasible[i] else "violates " + clipped(", ".join(violated), 60)
        lines.append(f"{i:>7} {decoded.occurrences[i]:>6} {energy:>14} {decoded.objective[i]:>14.8g}  {rows}")
    if len(decoded) > most:
        lines.append(f"... and {len(decoded) - most} more")
    return "\n".join(lines)
