"""CPLEX LP text of a mixed-integer program.

*needs*: level MIP. *keeps*: every number exactly (shortest texts that read back the same), the objective's constant,
the source's sense of the objective, the order of variables (all stand in the objective, zeros too). *changes*: labels
to plain names (the manifest maps them); a row with two sides becomes two rows, ``r`` and ``r__low``, which every
reader knows. Source: the LP format as HiGHS and CPLEX read it; HiGHS 1.15 knows no two-sided rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir.errors import Refused
from ...ir.problem import Problem
from ...ir.types import FloatArray
from ..files import numbers
from ..mixed_integer import MixedInteger, decimal_loss, mixed_integer
from ..names import plain_names
from ..target import Rendered, Target, Written

PER_LINE = 6
"""Terms on a line; some readers stop at 255 characters."""


@dataclass(frozen=True)
class Lp(Target):
    """No options."""

    suffix = ".lp"
    level = "MIP"

    def render(self, problem: Problem) -> Rendered:
        program, maximize = in_source_sense(problem)
        names = plain_names(program.columns, "v")
        written = Written(linear_manifest(problem, program, names), decimal_loss(problem, "lp"))
        return Rendered(_chunks(problem.name, program, names, maximize), written)


def in_source_sense(problem: Problem) -> tuple[MixedInteger, bool]:
    """The program with the objective that the source states where that is only a sign and a constant away."""
    program, source = mixed_integer(problem), problem.source
    if not program.size:
        raise Refused("a problem without variables can't be written as LP or MPS", hint="it is decided: evaluate it")
    if source.scale == -1.0 and source.offset == 0.0:
        return program.negated(), True
    return program, False


def linear_manifest(problem: Problem, program: MixedInteger, names: Sequence[str]) -> dict[str, object]:
    """Names in place of labels where they differ, and how a file's objective becomes the source's."""
    found: dict[str, object] = {"names": list(names)} if list(program.columns) != list(names) else {}
    source = problem.source
    if (source.scale, source.offset) not in ((1.0, 0.0), (-1.0, 0.0)):
        found |= {"objective_scale": source.scale, "objective_offset": source.offset}
    return found


def _chunks(title: str, program: MixedInteger, names: Sequence[str], maximize: bool) -> Iterator[bytes]:
    yield f"\\ {' '.join(title.split())}\n{'maximize' if maximize else 'minimize'}\n obj:".encode()
    yield _wrapped(_terms(program.cost, np.arange(program.size), names))
    if program.quadratic.nnz:
        yield b" + [" + _wrapped(_products(program, names)) + b"\n ] / 2"
    if program.offset:
        yield f"\n   {signed(program.offset)}".encode()
    yield b"\nsubject to\n"
    yield from _rows(program, names)
    yield from _bounds(program, names)
    yield b"end\n"


def _rows(program: MixedInteger, names: Sequence[str]) -> Iterator[bytes]:
    titles = plain_names(program.rows, "r")
    equal = program.row_lower == program.row_upper
    lower, upper = numbers_or_none(program.row_lower), numbers_or_none(program.row_upper)
    terms, starts = _terms(program.matrix.data, program.matrix.indices, names), program.matrix.indptr.tolist()
    taken = {title.lower() for title in titles}
    for i, title in enumerate(titles):
        left = _wrapped(terms[starts[i] : starts[i + 1]] or [f" 0 {names[0]}"])
        if upper[i] is not None:
            yield f" {title}:".encode() + left + f" {'=' if equal[i] else '<='} {upper[i]}\n".encode()
        if lower[i] is not None and not equal[i]:
            low = title if upper[i] is None else low_title(title, taken)
            yield f" {low}:".encode() + left + f" >= {lower[i]}\n".encode()


def low_title(title: str, taken: set[str]) -> str:
    """A name for the lower side of a two-sided row that no other row has."""
    name = f"{title}__low"
    while name.lower() in taken:
        name += "_"
    taken.add(name.lower())
    return name


def _bounds(program: MixedInteger, names: Sequence[str]) -> Iterator[bytes]:
    yield b"bounds\n"
    low, high = numbers_or_none(program.lower), numbers_or_none(program.upper)
    for j in np.flatnonzero(~program.binary).tolist():
        if low[j] is None and high[j] is None:
            yield f" {names[j]} free\n".encode()
        else:
            yield f" {low[j] or '-inf'} <= {names[j]} <= {high[j] or '+inf'}\n".encode()
    for title, chosen in (("general", program.integer & ~program.binary), ("binary", program.binary)):
        if chosen.any():
            listed = [f" {names[j]}" for j in np.flatnonzero(chosen).tolist()]
            yield f"{title}\n".encode() + _wrapped(listed, "") + b"\n"


def numbers_or_none(values: FloatArray) -> list[str | None]:
    """Texts of finite values, None for infinities."""
    finite = np.isfinite(values)
    texts = numbers(np.where(finite, values, 0.0))
    return [text if good else None for text, good in zip(texts, finite.tolist(), strict=True)]


def signed(value: float) -> str:
    """``+ 2`` or ``- 2``."""
    (text,) = numbers(np.array([abs(value)]))
    return f"{'-' if value < 0 else '+'} {text}"


def _terms(values: FloatArray, index: Any, names: Sequence[str]) -> list[str]:
    texts, negative = numbers(np.abs(values)), (values < 0).tolist()
    columns = zip(texts, negative, index.tolist(), strict=True)
    return [f" {'-' if minus else '+'} {text} {names[j]}" for text, minus, j in columns]


def _products(program: MixedInteger, names: Sequence[str]) -> list[str]:
    """Twice the products, because LP halves them."""
    coo = program.quadratic.tocoo()
    texts, negative = numbers(np.abs(2 * coo.data)), (coo.data < 0).tolist()
    found = []
    for text, minus, i, j in zip(texts, negative, coo.row.tolist(), coo.col.tolist(), strict=True):
        product = f"{names[i]} ^ 2" if i == j else f"{names[i]} * {names[j]}"
        found.append(f" {'-' if minus else '+'} {text} {product}")
    return found


def _wrapped(terms: Sequence[str], indent: str = "   ") -> bytes:
    lines = ["".join(terms[start : start + PER_LINE]) for start in range(0, len(terms), PER_LINE)]
    return f"\n{indent}".join(lines).encode()
