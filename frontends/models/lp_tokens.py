"""The text of an LP file as sections and their tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from ..source_text import SourceText

NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
# Everything but separators may stand in a name; brackets only in pairs, as in x[1,2].
LETTER = r"[^\s\\:+<>=*^\[\]\-]"
NAME = rf"(?![0-9./]){LETTER}+(?:\[[^\[\]\s]*\]{LETTER}*)*"
TOKEN = re.compile(rf"{NAME}|{NUMBER}|<->|->|<=|=<|>=|=>|==|\S")
COMMENT = re.compile(r"\\[^\n]*")
END = "\n"
"""Stands behind the last token."""
NOT_A_NAME = frozenset("+-*/^[]:<>=\n.0123456789")
"""First characters of tokens that are no names."""

KEYWORDS = {
    "minimize": r"minimi[sz]e|minimum|min",
    "maximize": r"maximi[sz]e|maximum|max",
    "rows": r"subject[ \t]+to|such[ \t]+that|s\.[ \t]*t\.|st\.?|lazy[ \t]+constraints?",
    "bounds": r"bounds?",
    "unsupported": r"semi-?continuous|semi-?integers?|semis?|sec|sin|sos[12]?|user[ \t]+cuts?"
    r"|general[ \t]+constraints?|gencons?|pwlobj|pwl",
    "integer": r"generals?|gen|integers?|int",
    "binary": r"binar(?:y|ies)|bin",
    "end": r"end",
}
HEADING = re.compile(
    r"^[ \t]*(?:" + "|".join(f"(?P<{kind}>{words})" for kind, words in KEYWORDS.items()) + r")"
    r"(?=\s|\Z)(?![ \t]*(?::|[<>=]))",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Section:
    """``kind`` is a key of ``KEYWORDS``; the content is ``start..end`` of the text, the heading stands on ``line``."""

    kind: str
    heading: str
    line: int
    start: int
    end: int


def sections(source: SourceText) -> list[Section]:
    """The sections of the text. A keyword counts only at the beginning of a line and where it names nothing."""
    heads = list(HEADING.finditer(source.text))
    ends = [*(head.start() for head in heads[1:]), len(source.text)]
    if source.text[: heads[0].start() if heads else None].strip():
        first = next(k for k, line in enumerate(source.lines, 1) if line.strip())
        source.say(first, "the file does not begin with an objective", "begin with a line Minimize or Maximize")
    return [
        Section(str(head.lastgroup), head.group().strip(), source.place(head.start())[0], head.end(), end)
        for head, end in zip(heads, ends, strict=False)
    ]


@dataclass(eq=False)
class Tokens:
    """The tokens of one section, and where each of them stands (found out when it is asked for the first time)."""

    source: SourceText
    section: Section

    @cached_property
    def items(self) -> list[str]:
        """The tokens, and a few times ``END``."""
        return [*TOKEN.findall(self.source.text, self.section.start, self.section.end), END, END, END, END]

    @cached_property
    def starts(self) -> list[int]:
        found = TOKEN.finditer(self.source.text, self.section.start, self.section.end)
        return [match.start() for match in found] + [self.section.end] * 4

    def line(self, at: int) -> int:
        """Line of a token; of the section's heading for the end of an empty section."""
        return self.source.place(self.starts[at])[0] if len(self.items) > 4 else self.section.line

    def starts_line(self, at: int) -> bool:
        """Whether nothing but space stands before a token on its line."""
        start = self.starts[at]
        return not self.source.text[self.source.text.rfind("\n", 0, start) + 1 : start].strip()

    def say(self, at: int, message: str, hint: str = "") -> None:
        """A mistake at a token."""
        item = self.items[at]
        if item is END:  # the last token is the one that something is missing behind
            at = max(0, len(self.items) - 5)
        line, column = self.source.place(self.starts[at]) if len(self.items) > 4 else (self.section.line, 0)
        found = "the section ends" if item is END else f"{item!r} stands"
        self.source.say(line, message.replace("{found}", found), hint, column, len(self.items[at]))
