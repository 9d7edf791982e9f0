"""The syntax tree of a .glass spec: goals, declarations and rows; every node knows its place in the text."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath

from ...ir.errors import Diagnostic, Span

WIDTH = 500
"""Source lines are shown up to this column."""


@dataclass(frozen=True, eq=False)
class Source:
    """A text and what to call it in messages."""

    file: str
    text: str

    @cached_property
    def starts(self) -> list[int]:
        """Offset of the first character of each line."""
        return [0] + [place + 1 for place, char in enumerate(self.text) if char == "\n"]

    def span(self, start: int, end: int) -> Span:
        """Line, columns and the line itself for characters start..end-1 (to the end of the first line at the most)."""
        line = bisect_right(self.starts, start) - 1
        first = self.starts[line]
        last = self.starts[line + 1] - 1 if line + 1 < len(self.starts) else len(self.text)
        shown = self.text[first : min(last, first + WIDTH)].rstrip().replace("\t", " ")
        column = start - first + 1
        end_column = max(column + 1, min(end, last) - first + 1)
        return Span(self.file, line + 1, column, end_column, shown if column <= len(shown) + 1 else "")


@dataclass(frozen=True, slots=True)
class Place:
    """Characters start..end-1 of a source."""

    source: Source
    start: int
    end: int

    @property
    def span(self) -> Span:
        return self.source.span(self.start, self.end)

    @property
    def origin(self) -> str:
        """The place as blocks of a problem state it, by the file's own name."""
        span = self.span
        return f"{PurePath(span.file).name}:{span.line}:{span.column}"

    @property
    def text(self) -> str:
        """What stands there, in one line."""
        return " ".join(self.source.text[self.start : self.end].split())

    def error(self, code: str, message: str, hint: str = "") -> Diagnostic:
        return Diagnostic(code, message, self.span, hint)


@dataclass(frozen=True, eq=False)
class Node:
    at: Place


# -- expressions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Number(Node):
    text: str


@dataclass(frozen=True, eq=False)
class Numbers(Node):
    """A bracketed list of plain numbers, read in one go."""

    texts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class String(Node):
    value: str


@dataclass(frozen=True, eq=False)
class Name(Node):
    name: str


@dataclass(frozen=True, eq=False)
class Array(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Slice(Node):
    """``low..high``, both ends inclusive and optional."""

    low: Node | None
    high: Node | None


@dataclass(frozen=True, eq=False)
class Index(Node):
    base: Node
    subscripts: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Call(Node):
    function: str
    args: tuple[Node, ...]
    keywords: tuple[tuple[Name, Node], ...] = ()


@dataclass(frozen=True, eq=False)
class Binder(Node):
    """``names in low..high``, or ``names in low`` (the elements or rows of an array) where ``high`` is None."""

    names: tuple[Name, ...]
    low: Node
    high: Node | None


@dataclass(frozen=True, eq=False)
class Over(Node):
    """``for binders if condition``."""

    binders: tuple[Binder, ...]
    condition: Node | None


@dataclass(frozen=True, eq=False)
class Total(Node):
    """``function(body for ...)``."""

    function: str
    body: Node
    over: Over


@dataclass(frozen=True, eq=False)
class Sum(Node):
    """First item, then (sign, item)."""

    items: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, eq=False)
class Product(Node):
    """First item, then (``*``, ``/`` or ``@``, item), from left to right."""

    items: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, eq=False)
class Negation(Node):
    item: Node


@dataclass(frozen=True, eq=False)
class Power(Node):
    base: Node
    exponent: Node


@dataclass(frozen=True, eq=False)
class Comparison(Node):
    """``items[0] signs[0] items[1] signs[1] ...``."""

    items: tuple[Node, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Not(Node):
    item: Node


@dataclass(frozen=True, eq=False)
class And(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Or(Node):
    items: tuple[Node, ...]


# -- statements -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Param(Node):
    name: Name
    value: Node | None


@dataclass(frozen=True, eq=False)
class Let(Node):
    name: Name
    value: Node


@dataclass(frozen=True, eq=False)
class Range(Node):
    """``low..high`` as a set of values."""

    low: Node
    high: Node


@dataclass(frozen=True, eq=False)
class Var(Node):
    names: tuple[Name, ...]
    domain: Name
    shape: tuple[Node, ...]
    sets: tuple[Range | Call, ...]


@dataclass(frozen=True, eq=False)
class Network(Node):
    name: Name
    value: Call


@dataclass(frozen=True, eq=False)
class Objective(Node):
    maximize: bool
    value: Node


@dataclass(frozen=True, eq=False)
class Require(Node):
    """``when guard then row else cost ... for ...``; several tails of a kind are a mistake that checking reports."""

    name: Name | None
    guard: Node | None
    row: Node
    costs: tuple[Node, ...] = ()
    overs: tuple[Over, ...] = ()


@dataclass(frozen=True, eq=False)
class Prove(Node):
    claim: Node
    over: Over | None


@dataclass(frozen=True, eq=False)
class Goal(Node):
    """``bound``, ``train``, ``quantize`` or ``attack`` and what."""

    kind: str
    value: Call


@dataclass(frozen=True, eq=False)
class Option(Node):
    key: Name
    value: str | int | float


@dataclass(frozen=True, eq=False)
class Compile(Node):
    options: tuple[Option, ...]


@dataclass(frozen=True, eq=False)
class Spec:
    """What a file holds. ``broken``: names whose declarations have syntax errors, so that using them is no mistake."""

    source: Source
    statements: tuple[Node, ...]
    broken: frozenset[str] = frozenset()
    errors: tuple[Diagnostic, ...] = field(default=())
