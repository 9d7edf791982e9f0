"""Reading a .glass text: statements one by one, so that every syntax error of a file is reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lark.exceptions import UnexpectedInput, UnexpectedToken

from ...ir.errors import Diagnostic, InputError, nearest
from .ast import Node, Place, Source, Spec
from .messages import RESERVED, STATEMENTS, explain
from .tree import build, parser

NESTING = 64
"""Most brackets open at once."""

_WORDS = "|".join(STATEMENTS)
_MARK = re.compile(
    r"(?P<skip>#[^\n]*|\"[^\"\n]*\"|'[^'\n]*')|(?P<open>[(\[{])|(?P<close>[)\]}])"
    rf"|^[ \t]*(?P<word>{_WORDS})\b(?![ \t]*(?:=(?!=)|[,)\]]))",
    re.MULTILINE,
)
_DECLARES = re.compile(r"[ \t]*(\w+)[ \t]+([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*[:=]")
_LINE = re.compile(r"^[ \t]*([A-Za-z_]\w*)[ \t]+(\w+|[\[(])", re.MULTILINE)
_BLANK = re.compile(r"(?:\s|#[^\n]*)*")


@dataclass
class Chunk:
    """One statement's text: characters start..end-1. ``brackets``: those still open at its end, inmost last."""

    start: int
    end: int
    word: str
    brackets: list[int]
    too_deep: int = -1


def split(text: str) -> Iterator[Chunk]:
    """Cut before every line whose first word begins a statement; what is before the first is a chunk without word."""
    chunk = Chunk(0, len(text), "", [])
    for mark in _MARK.finditer(text):
        if mark["word"]:
            chunk.end = mark.start("word")
            yield chunk
            chunk = Chunk(mark.start("word"), len(text), mark["word"], [])
        elif mark["open"]:
            chunk.brackets.append(mark.start())
            if len(chunk.brackets) > NESTING and chunk.too_deep < 0:
                chunk.too_deep = mark.start()
        elif mark["close"] and chunk.brackets:
            chunk.brackets.pop()
    yield chunk


def parse_syntax(source: Source) -> Spec:
    """All statements that can be read, and a diagnostic for each that can't."""
    reader = Reader(source)
    for chunk in split(source.text):
        reader.read(chunk)
    return Spec(source, tuple(reader.statements), frozenset(reader.broken), tuple(reader.errors))


def parse_expression(source: Source) -> Node:
    """A text that is one expression, such as the value of ``-D``. Raises :class:`InputError`."""
    chunk = list(split(source.text))[-1]
    if chunk.too_deep >= 0:
        raise InputError([too_deep(source, chunk)])
    try:
        return build(parser().parse(source.text, start="sum"), source, 0)  # type: ignore[no-any-return]
    except UnexpectedInput as error:
        raise InputError([explain(error, source, Chunk(0, len(source.text), "", chunk.brackets))]) from None


class Reader:
    """Collects statements and errors."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.statements: list[Node] = []
        self.errors: list[Diagnostic] = []
        self.broken: set[str] = set()

    def read(self, chunk: Chunk) -> None:
        """One statement; a line in it that begins an unknown statement is cut off and reported."""
        text = self.source.text[chunk.start : chunk.end]
        if not chunk.word:
            start = _BLANK.match(text).end()  # type: ignore[union-attr]
            if start < len(text):
                self.unknown(start, chunk.end)
            return
        if chunk.too_deep >= 0:
            self.fail(chunk, too_deep(self.source, chunk))
            return
        try:
            self.statements.append(build(parser().parse(text, start="statement"), self.source, chunk.start))
        except UnexpectedInput as error:
            place = chunk.start + (error.pos_in_stream or 0)
            line = self.source.text.rfind("\n", 0, place) + 1
            ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
            cut = None if ended else self.statement_at(chunk, line, place)
            if cut is None:
                self.fail(chunk, explain(error, self.source, chunk))
                self.misspelt(place, chunk.end)
            else:
                head = list(split(self.source.text[chunk.start : cut]))[-1]
                self.read(Chunk(chunk.start, cut, chunk.word, [chunk.start + bracket for bracket in head.brackets]))
                self.unknown(cut, chunk.end)

    def statement_at(self, chunk: Chunk, line: int, place: int) -> int | None:
        """Where an unknown statement seems to begin in the line of an error: at nearly a keyword, or at a word that
        begins the line outside all brackets."""
        text = self.source.text
        if line <= chunk.start:
            return None
        found = _LINE.match(text, line, chunk.end)
        if found and nearest(found[1], STATEMENTS).startswith("did") and found[2] not in RESERVED:
            return found.start(1)
        if place >= chunk.end or text[line:place].strip() or not text[place].isalpha():
            return None
        return None if list(split(text[chunk.start : line]))[-1].brackets else place

    def fail(self, chunk: Chunk, error: Diagnostic) -> None:
        """Keep an error, and the names that the statement would have declared."""
        self.errors.append(error)
        self.declare(chunk.start)

    def declare(self, start: int) -> None:
        found = _DECLARES.match(self.source.text, start)
        if found:
            self.broken.update(re.split(r"\s*,\s*", found[2]))

    def unknown(self, start: int, end: int) -> None:
        """A line that begins no statement, and what follows up to ``end``."""
        self.report(start)
        self.misspelt(start + 1, end)

    def misspelt(self, start: int, end: int) -> None:
        """Report every line that begins after ``start`` with nearly a keyword and another word."""
        first = self.source.text.find("\n", start, end)
        for line in _LINE.finditer(self.source.text, first + 1, end) if first >= 0 else ():
            if nearest(line[1], STATEMENTS).startswith("did") and line[2] not in RESERVED:
                self.report(line.start(1))

    def report(self, start: int) -> None:
        text = self.source.text
        word = re.compile(r"\w+|\S").match(text, start)
        assert word is not None
        near = nearest(word[0].lower(), STATEMENTS)
        hint = near if near.startswith("did") else (
            "a statement begins with " + ", ".join(STATEMENTS[:-1]) + f" or {STATEMENTS[-1]}"
            "; an expression goes on in the next line inside brackets or after an operator"
        )  # fmt: skip
        place = Place(self.source, start, word.end())
        self.errors.append(place.error("syntax", f"{word[0]!r} begins no statement", hint))
        self.declare(start)


def too_deep(source: Source, chunk: Chunk) -> Diagnostic:
    place = Place(source, chunk.too_deep, chunk.too_deep + 1)
    return place.error(
        "nesting", f"brackets are nested more than {NESTING} deep", "name a part with let and use the name"
    )
