"""The sections of an LP file, read into texts and numbers of columns and rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from ..decimals import INFINITE
from ..source_text import SourceText
from .lp_rows import MIRRORED, OBJECTIVE, SENSES, TERM_HINTS, Parsed, Stop, expression, number, read_row
from .lp_tokens import END, HEADING, NOT_A_NAME, Section, Tokens, sections

SEPARATORS = (",", ";")
SEPARATOR_HINT = "separate names by blanks and rows by line breaks"
BOUND_HINT = "write bounds as: 0 <= x <= 4, or: x free"


@dataclass(eq=False)
class Reader:
    """``out`` grows section by section; bounds are texts by column, with the place that stated the last of them."""

    source: SourceText
    out: Parsed = field(default_factory=Parsed)
    lower: dict[int, str] = field(default_factory=dict)
    upper: dict[int, str] = field(default_factory=dict)
    integer: set[int] = field(default_factory=set)
    binary: set[int] = field(default_factory=set)
    stated: dict[int, tuple[Tokens, int]] = field(default_factory=dict)
    maximize: bool = False

    @cached_property
    def sections(self) -> list[Section]:
        return sections(self.source)

    # -- sections -----------------------------------------------------------------------------------------------------

    def read(self) -> None:
        """All sections, in the order in which variables are numbered."""
        self.outline()
        readers: dict[str, Callable[[Tokens], None]] = {
            "minimize": self.objective, "maximize": self.objective, "rows": self.rows, "bounds": self.bounds,
            "integer": self.integers, "binary": self.binaries,
        }  # fmt: skip
        for kind, reader in readers.items():
            for section in self.sections:
                if section.kind == kind:
                    reader(Tokens(self.source, section))
        self.names()

    def outline(self) -> None:
        """Which sections there must be, and which there can't."""
        kinds = [section.kind for section in self.sections]
        objectives = [s for s in self.sections if s.kind in ("minimize", "maximize")]
        self.maximize = bool(objectives) and objectives[0].kind == "maximize"
        for section in objectives[1:]:
            self.source.say(section.line, "the objective is stated twice", "keep one Minimize or Maximize section")
        if "end" not in kinds:
            hint = "was it cut off? a complete file ends with a line End"
            self.source.say(0, "the file has no End", hint)
        elif not objectives:
            self.source.say(0, "the file has no objective", "add a section Minimize or Maximize, maybe empty")
        for section in self.sections:
            content = self.source.text[section.start : section.end].strip()
            if section.kind == "unsupported" and content:
                hint = "state it with binaries and rows, or delete the section"
                self.source.refuse(section.line, f"sections {section.heading!r} are not supported", hint)
            if section.kind == "end" and (content or section is not self.sections[-1]):
                self.source.say(section.line, "text stands behind End", "is this two files in one? delete the rest")

    def objective(self, tokens: Tokens) -> None:
        items = tokens.items
        at = 2 if items[1] == ":" else 0
        if items[0].startswith(SEPARATORS):
            tokens.say(0, f"the objective begins with {items[0]}", SEPARATOR_HINT)
        try:
            if items[at] is not END:
                at = expression(tokens, at, OBJECTIVE, self.out)
            if items[at] is not END:
                hint = TERM_HINTS.get(items[at], "write terms as: 3 x; section keywords begin a line")
                raise Stop(at, "expected + or - or the end of the objective, but here {found}", hint)
        except Stop as stop:
            tokens.say(stop.at, stop.message, stop.hint)

    def rows(self, tokens: Tokens) -> None:
        at = 0
        while tokens.items[at] is not END:
            try:
                at = read_row(tokens, at, self.out)
            except Stop as stop:
                tokens.say(stop.at, stop.message, stop.hint)
                at = self.next_row(tokens, at, stop.at)

    def next_row(self, tokens: Tokens, begin: int, at: int) -> int:
        """Where to go on after a mistake: at the next name of a row, or the next line if this one has no name."""
        items, named = tokens.items, tokens.items[begin + 1] == ":"
        at = max(at, begin + 1 + named)
        while items[at] is not END and not (items[at + 1] == ":" or (not named and tokens.starts_line(at))):
            at += 1
        return at

    def bounds(self, tokens: Tokens) -> None:
        at = 0
        while tokens.items[at] is not END:
            try:
                at = self.bound(tokens, at)
            except Stop as stop:
                tokens.say(stop.at, stop.message, stop.hint)
                at = max(stop.at, at + 1)
                while tokens.items[at] is not END and not tokens.starts_line(at):
                    at += 1

    def bound(self, tokens: Tokens, at: int) -> int:
        """``l <= x <= u``, ``l <= x``, ``x <= u``, ``x = v`` or ``x free``; the last statement counts."""
        items, begin = tokens.items, at
        leading = number(items, at)
        if leading is not None:
            at = leading[1]
            if items[at] not in SENSES:
                raise Stop(at, "expected <=, >= or =, but here {found}", BOUND_HINT)
            at += 1
        if items[at][0] in NOT_A_NAME:
            raise Stop(at, "expected a variable, but here {found}", BOUND_HINT)
        column = self.out.column(items[at])
        self.stated[column] = (tokens, begin)
        if leading is not None:
            self.set_bound(column, MIRRORED[SENSES[items[at - 1]]], leading[0])
        at += 1
        if items[at].lower() == "free" and leading is None:
            self.lower[column], self.upper[column] = "-inf", "inf"
            return at + 1
        if items[at] not in SENSES:
            if leading is None:
                raise Stop(at, "expected <=, >=, = or free, but here {found}", BOUND_HINT)
            return at
        trailing = number(items, at + 1)
        if trailing is None:
            raise Stop(at + 1, "expected a number, but here {found}", BOUND_HINT)
        if leading is not None and (SENSES[items[at]] == "E" or SENSES[items[at]] != SENSES[items[at - 2]]):
            raise Stop(at, "two bounds need the same sign twice", BOUND_HINT)
        self.set_bound(column, SENSES[items[at]], trailing[0])
        return trailing[1]

    def set_bound(self, column: int, sense: str, text: str) -> None:
        if sense != "G":
            self.upper[column] = text
        if sense != "L":
            self.lower[column] = text

    def integers(self, tokens: Tokens) -> None:
        self.integer.update(self.listed(tokens))

    def binaries(self, tokens: Tokens) -> None:
        self.binary.update(self.listed(tokens))

    def listed(self, tokens: Tokens) -> list[int]:
        """A list of variables."""
        found: list[int] = []
        for at, item in enumerate(tokens.items[:-4]):
            if item[0] in NOT_A_NAME:
                tokens.say(at, "expected a variable, but here {found}", "list the names only")
                return found
            column = self.out.column(item)
            self.stated.setdefault(column, (tokens, at))
            found.append(column)
        return found

    # -- names --------------------------------------------------------------------------------------------------------

    def names(self) -> None:
        """Rows with the same name; variables that are called like a number or a section."""
        seen: set[str] = set()
        for row, name in enumerate(self.out.names):
            if name and name in seen:
                self.source.say(self.out.line(row), f"another row is called {name} too", "give every row its own name")
            if name.startswith(SEPARATORS):
                self.source.say(self.out.line(row), f"a row is called {name}", SEPARATOR_HINT)
            seen.add(name)
        for name in self.out.columns:
            if name.lower() in (*INFINITE, "nan"):
                message = f"{name} stands where a variable or a finite number is needed"
                self.source.say(self.find(name), message, "coefficients must be finite numbers")
            elif name.startswith(SEPARATORS) or name.endswith(SEPARATORS):
                self.source.say(self.find(name), f"a variable is called {name}", SEPARATOR_HINT)
            elif HEADING.fullmatch(name):
                message = f"{name} is the name of a section and can't be a variable here"
                self.source.say(self.find(name), message, "rename the variable, or begin the section on its own line")

    def find(self, item: str) -> int:
        """The first line that holds a token."""
        for section in self.sections:
            tokens = Tokens(self.source, section)
            if item in tokens.items:
                return tokens.line(tokens.items.index(item))
        return 0

    def column_line(self, column: int) -> int:
        """Where the bounds of a column were stated, or where it occurs first."""
        if column not in self.stated:
            return self.find(list(self.out.columns)[column])
        tokens, at = self.stated[column]
        return tokens.line(at)
