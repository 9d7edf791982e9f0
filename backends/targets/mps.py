"""Free MPS text of a mixed-integer program.

*needs*: level MIP. *keeps*: every number exactly, the objective's constant (minus the right side of the objective
row, as HiGHS, CPLEX and Gurobi read it), the source's sense (section OBJSENSE), integers between markers with both
bounds always stated. *changes*: labels to plain names (the manifest maps them). A row with two sides is a RANGES entry
where the width is a whole number and so exact, else two rows. A quadratic objective x^T Q x is written as QUADOBJ (of
1/2 x^T H x, the upper triangle). Source: the MPS format as described by HiGHS and CPLEX.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...ir.problem import Problem
from ...ir.types import FloatArray
from ..files import numbers
from ..mixed_integer import MixedInteger, decimal_loss
from ..names import plain_names
from ..target import Rendered, Target, Written
from .lp import in_source_sense, linear_manifest, low_title, numbers_or_none

OBJECTIVE = "OBJECTIVE"


@dataclass(frozen=True)
class Mps(Target):
    """No options."""

    suffix = ".mps"
    level = "MIP"

    def render(self, problem: Problem) -> Rendered:
        program, maximize = in_source_sense(problem)
        names = plain_names(program.columns, "v")
        written = Written(linear_manifest(problem, program, names), decimal_loss(problem, "mps"))
        return Rendered(_chunks(problem.name, program, names, maximize), written)


def _chunks(title: str, program: MixedInteger, names: Sequence[str], maximize: bool) -> Iterator[bytes]:
    rows = _Rows(program)
    yield f"NAME {'_'.join(title.split())}\nOBJSENSE\n    {'MAX' if maximize else 'MIN'}\n".encode()
    yield f"ROWS\n N {OBJECTIVE}\n".encode()
    yield "".join(f" {kind} {name}\n" for kind, name in zip(rows.kinds, rows.names, strict=True)).encode()
    yield b"COLUMNS\n"
    yield from _columns(program, names, rows)
    yield b"RHS\n"
    if program.offset:
        yield f" RHS {OBJECTIVE} {numbers(np.array([-program.offset]))[0]}\n".encode()
    yield from _entries("RHS", rows.names, rows.right)
    if rows.width.any():
        yield b"RANGES\n"
        yield from _entries("RNG", rows.names, rows.width)
    yield b"BOUNDS\n"
    yield from _bounds(program, names)
    if program.quadratic.nnz:
        yield b"QUADOBJ\n"
        yield from _products(program, names)
    yield b"ENDATA\n"


class _Rows:
    """The rows as written: ``kinds`` E, L or G, ``names``, right sides, widths (0: none), and which row each copies."""

    def __init__(self, program: MixedInteger) -> None:
        low, high = program.row_lower, program.row_upper
        equal, has_low, has_high = low == high, np.isfinite(low), np.isfinite(high)
        both = has_low & has_high & ~equal
        with np.errstate(invalid="ignore"):
            small = (np.abs(low) < 2.0**52) & (np.abs(high) < 2.0**52)
            exact = both & (low == np.rint(low)) & (high == np.rint(high)) & small
        second = np.flatnonzero(both & ~exact)
        first = np.flatnonzero(has_low | has_high)
        titles = plain_names(program.rows, "r")
        taken = {OBJECTIVE.lower(), *(title.lower() for title in titles)}
        main = np.where(equal, "E", np.where(has_high, "L", "G"))[first]
        self.source = np.concatenate([first, second])
        self.kinds = [*main.tolist(), *("G" for _ in second)]
        self.names = [*(titles[i] for i in first), *(low_title(titles[i], taken) for i in second)]
        self.right = np.concatenate([np.where(has_high, high, low)[first], low[second]])
        self.width = np.zeros(len(self.source))
        self.width[: len(first)][exact[first]] = (high - low)[first][exact[first]]


def _columns(program: MixedInteger, names: Sequence[str], rows: _Rows) -> Iterator[bytes]:
    columns = program.matrix[rows.source].tocsc()
    columns.sort_indices()
    starts, texts = columns.indptr.tolist(), numbers(columns.data)
    index, cost, integer = columns.indices.tolist(), numbers(program.cost), program.integer.tolist()
    inside = False
    for j, name in enumerate(names):
        if integer[j] != inside:
            inside = integer[j]
            yield f" MARKER 'MARKER' '{'INTORG' if inside else 'INTEND'}'\n".encode()
        lines = [f" {name} {OBJECTIVE} {cost[j]}\n"]  # zeros too, so that every variable has its column
        lines += [f" {name} {rows.names[index[k]]} {texts[k]}\n" for k in range(starts[j], starts[j + 1])]
        yield "".join(lines).encode()
    if inside:
        yield b" MARKER 'MARKER' 'INTEND'\n"


def _entries(section: str, names: Sequence[str], values: FloatArray) -> Iterator[bytes]:
    used = np.flatnonzero(values)
    for place, text in zip(used.tolist(), numbers(values[used]), strict=True):
        yield f" {section} {names[place]} {text}\n".encode()


def _bounds(program: MixedInteger, names: Sequence[str]) -> Iterator[bytes]:
    low, high = numbers_or_none(program.lower), numbers_or_none(program.upper)
    binary, integer = program.binary.tolist(), program.integer.tolist()
    for j, name in enumerate(names):
        if binary[j]:
            yield f" BV BND {name}\n".encode()
        elif low[j] is None and high[j] is None:
            yield f" FR BND {name}\n".encode()
        elif low[j] == high[j]:
            yield f" FX BND {name} {low[j]}\n".encode()
        else:
            yield (f" MI BND {name}\n" if low[j] is None else f" LO BND {name} {low[j]}\n").encode()
            if high[j] is not None:
                yield f" UP BND {name} {high[j]}\n".encode()
            elif integer[j]:
                yield f" PL BND {name}\n".encode()


def _products(program: MixedInteger, names: Sequence[str]) -> Iterator[bytes]:
    coo = program.quadratic.tocoo()
    values = np.where(coo.row == coo.col, 2.0, 1.0) * coo.data
    for i, j, text in zip(coo.row.tolist(), coo.col.tolist(), numbers(values), strict=True):
        yield f" {names[i]} {names[j]} {text}\n".encode()
