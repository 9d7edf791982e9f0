"""Levels: which kinds of block and variable may still occur in a problem. One IR, several legality sets.

``NET``     everything
``MIP``     rows over real, int and bin variables; objective of degree 2 at the most
``POLY``    a polynomial objective and penalties over bin and spin variables, no rows
``BQM``     the same over bin variables only, of degree 2 at the most
``SPIN``    the same over spin variables only, of degree 2 at the most
``LINEAR``  equality rows over real unknowns, no objective
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .blocks import Block, Fn, Lin, Poly, Var
from .errors import CompileError, Diagnostic, UsageError, nearest
from .problem import Problem

WHAT = {
    "fn": "a function block",
    "lin": "linear rows",
    "guard": "rows that bind only under a guard",
    "constraint-poly": "polynomial rows",
    "penalty": "penalties",
    "real": "real variables",
    "int": "integer variables",
    "spin": "spin variables",
    "bin": "binary variables",
    "bounds": "variables with bounds narrower than their domain",
    "high-degree": "products of too many variables",
    "poly-objective": "an objective",
}
"""Kinds of thing that a level may forbid, in words."""


@dataclass(frozen=True)
class Level:
    """``senses``: senses of linear rows. ``degree``: greatest degree of objective and penalties (None: any)."""

    name: str
    domains: tuple[str, ...]
    senses: tuple[str, ...] = ()
    functions: bool = False
    guards: bool = False
    constraints: bool = False
    penalties: bool = False
    bounds: bool = False
    degree: int | None = 2


NET = Level("net", ("real", "int", "bin", "spin"), ("==", "<="), True, True, True, True, True, None)
MIP = Level("mip", ("real", "int", "bin"), ("==", "<="), bounds=True)
POLY = Level("poly", ("bin", "spin"), penalties=True, degree=None)
BQM = Level("bqm", ("bin",), penalties=True)
SPIN = Level("spin", ("spin",), penalties=True)
LINEAR = Level("linear", ("real",), ("==",), bounds=True, degree=0)
LEVELS = {level.name: level for level in (NET, MIP, POLY, BQM, SPIN, LINEAR)}


@dataclass(frozen=True)
class Illegal:
    """A block that a level forbids: its name, where it came from, and ``what`` about it (a key of ``WHAT``)."""

    block: str
    origin: str
    what: str


def level_of(level: Level | str) -> Level:
    """A level by its name, in either case; :class:`UsageError` for an unknown one."""
    if isinstance(level, Level):
        return level
    if level.lower() not in LEVELS:
        raise UsageError(f"unknown level {level!r}", code="unknown-name", hint=nearest(level.lower(), LEVELS))
    return LEVELS[level.lower()]


def violations(problem: Problem, level: Level | str) -> list[Illegal]:
    """Everything in a problem that a level forbids, in block order."""
    chosen = level_of(level)
    return [Illegal(block.name, block.origin, what) for block in problem.blocks for what in forbidden(block, chosen)]


def forbidden(block: Block, level: Level) -> Iterator[str]:
    """What about one block a level forbids."""
    match block:
        case Var():
            if block.domain not in level.domains:
                yield block.domain
            elif not level.bounds and narrowed(block):
                yield "bounds"
        case Fn():
            if not level.functions:
                yield "fn"
        case Lin():
            if block.sense not in level.senses:
                yield "lin"
            elif block.guard is not None and not level.guards:
                yield "guard"
        case Poly():
            yield from forbidden_poly(block, level)


def forbidden_poly(poly: Poly, level: Level) -> Iterator[str]:
    if poly.role == "constraint":
        if not level.constraints:
            yield "constraint-poly"
    elif poly.role == "penalty" and not level.penalties:
        yield "penalty"
    elif level.degree is not None and poly.degree > level.degree:
        yield "high-degree" if level.degree else "poly-objective"


def narrowed(var: Var) -> bool:
    """Whether the bounds of binaries or spins cut off one of their two values: no QUBO can say that."""
    least = {"bin": 0.0, "spin": -1.0}[var.domain]
    return bool((var.lower > least).any() or (var.upper < 1.0).any())


def check_level(problem: Problem, level: Level | str, removers: Mapping[str, Sequence[str]] | None = None) -> None:
    """Raise :class:`CompileError` that lists every block the level forbids, its origin, and what would remove it.

    ``removers`` maps kinds of things to names of passes.
    """
    chosen, table = level_of(level), removers or {}
    found = [complaint(illegal, chosen, table.get(illegal.what, ())) for illegal in violations(problem, chosen)]
    if found:
        raise CompileError(found)


def complaint(illegal: Illegal, level: Level, passes: Sequence[str]) -> Diagnostic:
    origin = f" (from {illegal.origin})" if illegal.origin else ""
    text = f"block {illegal.block!r}{origin} has {WHAT[illegal.what]}, which level {level.name.upper()} does not allow"
    hint = f"pass {' or '.join(passes)} removes them" if passes else "no known pass removes them"
    return Diagnostic("level", text, hint=hint)
