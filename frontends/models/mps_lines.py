"""The lines of an MPS file by section, and the fields of a line in free and in fixed format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..source_text import SourceText

KNOWN = frozenset({
    "NAME", "OBJSENSE", "ROWS", "COLUMNS", "RHS", "RANGES", "BOUNDS", "QUADOBJ", "QMATRIX", "QSECTION", "QCMATRIX",
    "INDICATORS", "ENDATA",
})  # fmt: skip
UNSUPPORTED = frozenset({
    "SOS", "SOS1", "SOS2", "SETS", "CSECTION", "LAZYCONS", "USERCUTS", "DELAYEDROWS", "MODELCUTS", "GENCONS", "PWLOBJ",
    "PWLNAM", "PWLCON", "REFROW", "OBJNAME", "BRANCH",
})  # fmt: skip
TAKES_ARGUMENT = frozenset({"NAME", "OBJSENSE", "QSECTION", "QCMATRIX"})
REPEATABLE = frozenset({"QCMATRIX"})
SENSES = {"MAX": True, "MAXIMIZE": True, "MAXIMISE": True, "MIN": False, "MINIMIZE": False, "MINIMISE": False}
MARKER = "'MARKER'"
FIELDS = ((1, 3), (4, 12), (14, 22), (24, 36), (39, 47), (49, 61))
"""Where the six fields of a line in fixed format stand, from 0."""

Splitter = Callable[[str], list[str]]


@dataclass(frozen=True)
class Section:
    """Lines ``first..last - 1`` (from 1) belong to a heading with a word and the text behind it."""

    word: str
    argument: str
    line: int
    last: int

    @property
    def first(self) -> int:
        return self.line + 1


def sections(source: SourceText) -> list[Section]:
    """The sections of the text. A heading begins at the first character of its line, everything else later."""
    heads = [k for k, line in enumerate(source.lines, 1) if line and line[0] not in " \t*"]
    found: list[Section] = []
    for line, last in zip(heads, [*heads[1:], len(source.lines) + 1], strict=False):
        word, _, argument = source.lines[line - 1].strip().partition(" ")
        word = word.upper()
        if word in SENSES and found and found[-1].word == "OBJSENSE" and not argument:
            found[-1] = Section("OBJSENSE", word, found[-1].line, last)
        elif word in KNOWN or word in UNSUPPORTED:
            found.append(Section(word, argument.strip(), line, last))
        else:
            source.say(line, f"unknown section {word}", "lines with data begin with a blank")
    outline(source, found)
    return found


def outline(source: SourceText, found: list[Section]) -> None:
    """Which sections there must be, and which there can't."""
    words = [section.word for section in found]
    if "ENDATA" not in words:
        source.say(0, "the file has no ENDATA", "was it cut off? a complete file ends with a line ENDATA")
    for needed in ("ROWS", "COLUMNS"):
        if needed not in words and "ENDATA" in words:
            source.say(0, f"the file has no section {needed}", "check that it is an MPS file")
    for number, section in enumerate(found):
        if section.argument and section.word in KNOWN - TAKES_ARGUMENT:
            source.say(section.line, f"text stands behind {section.word}", "lines with data begin with a blank")
        if section.word in words[:number] and section.word not in REPEATABLE:
            source.say(section.line, f"section {section.word} occurs twice", "put its lines into one section")
        filled = any(True for _ in data(source, section, str.split))
        if section.word in UNSUPPORTED and filled:
            hint = "state it with binaries and rows, or delete the section"
            source.refuse(section.line, f"sections {section.word} are not supported", hint)
        if section.word == "ENDATA" and (filled or section is not found[-1]):
            source.say(section.line, "text stands behind ENDATA", "is this two files in one? delete the rest")


def data(source: SourceText, section: Section, split: Splitter) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of every line of a section that is not blank and no comment."""
    lines = source.lines[section.line : section.last - 1]
    for number, line in enumerate(lines, section.first):
        fields = split(line)
        if fields and line[0] != "*":
            yield number, fields


def fixed(line: str) -> list[str]:
    """Fields 2 to 6 (1 to 6 where there is a field 1) of a line in fixed format, without empty ones at the end.

    Names may hold blanks. Where something stands between the fields, one field more than any line can have is returned.
    """
    if MARKER in line:  # stands in various columns
        return line.split()
    between = zip((0, *(end for _, end in FIELDS)), (*(begin for begin, _ in FIELDS), None), strict=True)
    if any(line[begin:end].strip() for begin, end in between):
        return [line] * (len(FIELDS) + 1)
    parts = [line[begin:end].strip() for begin, end in FIELDS]
    parts = parts if parts[0] else parts[1:]
    while parts and not parts[-1]:
        parts.pop()
    return parts
