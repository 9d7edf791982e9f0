"""A text file being read, plain or gzipped, and the mistakes found in it, which are all told at once."""

from __future__ import annotations

import gzip
import zlib
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import NoReturn

from ..ir.errors import Diagnostic, InputError, Refused, Span

LARGEST = 2**30
"""Most bytes of a text, unpacked."""
SHOWN_MISTAKES = 20
"""Mistakes told in full; the rest are counted."""
SHOWN_WIDTH = 160
"""A longer line is not repeated in a message."""


@dataclass
class SourceText:
    """``text`` has plain newlines. ``say`` and ``refuse`` collect, ``check`` raises what was collected."""

    file: str
    text: str
    code: str
    mistakes: list[Diagnostic] = field(default_factory=list)
    refusals: list[Diagnostic] = field(default_factory=list)
    untold: int = 0

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def _ends(self) -> list[int]:
        ends, at = [], -1
        for line in self.lines:
            at += len(line) + 1
            ends.append(at)
        return ends

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a character of the text."""
        line = bisect_right(self._ends, offset - 1)
        return line + 1, offset - (self._ends[line - 1] if line else -1)

    def span(self, line: int, column: int = 0, width: int = 0) -> Span:
        """A place in the file; the whole line where no column is given. Line 0: the file."""
        if not line:
            return Span(self.file)
        text = self.lines[line - 1].replace("\t", " ").rstrip()
        if not column:
            column, width = len(text) - len(text.lstrip()) + 1, len(text.strip())
        return Span(self.file, line, column, column + width, text if len(text) <= SHOWN_WIDTH else "")

    def say(self, line: int, message: str, hint: str = "", column: int = 0, width: int = 0) -> None:
        """A mistake in the file."""
        if len(self.mistakes) >= SHOWN_MISTAKES:
            self.untold += 1
            return
        self.mistakes.append(Diagnostic(self.code, message, self.span(line, column, width), hint))

    def refuse(self, line: int, message: str, hint: str = "") -> None:
        """Something well formed that is not supported."""
        self.refusals.append(Diagnostic(f"{self.code}-unsupported", message, self.span(line), hint))

    def check(self) -> None:
        """Raise :class:`InputError` with the mistakes, else :class:`Refused` with what is not supported."""
        if self.mistakes:
            order = sorted(self.mistakes, key=lambda one: (one.span.line, one.span.column) if one.span else (0, 0))
            if self.untold:
                order.append(Diagnostic(self.code, f"{self.file}: and {self.untold} more mistakes"))
            raise InputError(order)
        if self.refusals:
            raise Refused(self.refusals)


def read_source(path: str | Path, code: str) -> SourceText:
    """The text of a file, UTF-8 (else Latin-1), unpacked where it is gzipped.

    Raises :class:`InputError` for a file that can't be read, is cut off inside its compression, or holds no text.
    """
    name = str(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}", code=code, hint="check the path") from error
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=BytesIO(content)) as packed:
                content = packed.read(LARGEST + 1)
        except (EOFError, OSError, zlib.error) as error:
            bad_file(name, code, f"the compressed file is damaged ({error})", "was it cut off? get it again")
    if len(content) > LARGEST:
        bad_file(name, code, f"holds more than {LARGEST:,} bytes", "split it")
    if b"\0" in content:
        bad_file(name, code, "holds no text", "check that it is the file you mean")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return SourceText(name, text.replace("\r\n", "\n").replace("\r", "\n"), code)


def bad_file(name: str, code: str, message: str, hint: str) -> NoReturn:
    """Raise an :class:`InputError` about the file as a whole."""
    raise InputError(Diagnostic(code, message, Span(name), hint))
