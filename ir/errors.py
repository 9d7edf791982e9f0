"""What a user may be told: diagnostics with a place, and the exceptions that carry them.

Every exception that is meant for a user derives from :class:`IsinglassError` and knows its exit code (DESIGN section
8): 1 error in the input, 2 usage, 3 unknown or timeout, 4 certificate rejected.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Span:
    """A place in a text file. Lines and columns count from 1; ``text`` is the source line itself, for the caret."""

    file: str
    line: int = 0
    column: int = 0
    end_column: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Diagnostic:
    """One mistake: what was found, where, and what to do about it (``hint``)."""

    code: str
    message: str
    span: Span | None = None
    hint: str = ""

    def __str__(self) -> str:
        head = f"{self.span}: " if self.span else ""
        lines = [f"{head}error[{self.code}]: {self.message}"]
        if self.span and self.span.text:
            number = f"{self.span.line:>4} | "
            carets = "^" * max(1, self.span.end_column - self.span.column)
            lines += [number + self.span.text, " " * (len(number) + self.span.column - 1) + carets]
        if self.hint:
            lines.append(f"  help: {self.hint}")
        return "\n".join(lines)


class IsinglassError(Exception):
    """Base of everything a user may see; ``diagnostics`` holds all mistakes found, not only the first."""

    exit_code = 1

    def __init__(self, message: str | Diagnostic | Sequence[Diagnostic], *, code: str = "", hint: str = "") -> None:
        if isinstance(message, str):
            message = Diagnostic(code or self.default_code, message, hint=hint)
        self.diagnostics: tuple[Diagnostic, ...] = (message,) if isinstance(message, Diagnostic) else tuple(message)
        super().__init__("\n".join(map(str, self.diagnostics)))

    default_code = "error"


class InputError(IsinglassError):
    """A file, spec, model or sample set is wrong. The message names file, place and remedy."""

    default_code = "input"


class Refused(IsinglassError):
    """Well formed, but something that would not be sound (or is not supported): a typed refusal instead of a guess."""

    default_code = "refused"


class Infeasible(IsinglassError):
    """A row that no point within the bounds satisfies, found without any solver: the problem has no feasible point.

    ``row``: its label. ``least``: a proved lower bound of its activity over the bounds that the other rows imply (of
    the
    negated activity, where the row's lower side is the one that fails), ``rhs``: the side it would have to stay under;
    both nan where the reason is another one (no integer solves the row).
    """

    default_code = "infeasible"

    def __init__(
        self, message: str, *, row: str, least: float = math.nan, rhs: float = math.nan, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.row, self.least, self.rhs = row, least, rhs


class CompileError(InputError):
    """A problem still has blocks that the wanted level forbids."""

    default_code = "level"


class UsageError(IsinglassError):
    """A wrong option or name: exit code 2."""

    exit_code = 2
    default_code = "usage"


class CertificateRejected(IsinglassError):
    """A checker did not accept a certificate or a witness: exit code 4."""

    exit_code = 4
    default_code = "rejected"


def nearest(word: str, known: Iterable[str]) -> str:
    """``did you mean ...`` or the list of what is known, for an unknown name."""
    known = sorted(known)
    close = get_close_matches(word, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"
