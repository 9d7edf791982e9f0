"""What every target (a file in ``backends/targets/``) offers: an object or bytes, and a file written atomically."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..ir.errors import UsageError
from ..ir.ledger import Ledger
from ..ir.problem import Problem
from ..ir.registry import Registry
from ..ir.rule_text import make
from .files import write_chunks

TARGETS = Registry("isinglass.backends.targets", "target")


@dataclass(frozen=True)
class Written:
    """``manifest``: what the file alone does not say and a reader of its results needs (a dropped ``offset``, ``names``
    given in place of labels, a ``scale``). ``ledger``: what was rounded on the way out."""

    manifest: Mapping[str, Any] = field(default_factory=dict)
    ledger: Ledger = ()


@dataclass(frozen=True)
class Rendered:
    """A file's content, piece by piece, and what goes with it."""

    chunks: Iterable[bytes]
    written: Written = field(default_factory=Written)


class Target:
    """Base of all targets: frozen dataclasses whose fields are their options.

    ``suffix`` of the files written; ``level``: what a problem must be to be written (``ir/levels.py``). Targets whose
    files can be read back have ``read(path) -> Problem``.
    """

    suffix: str = ""
    level: str = ""

    def render(self, problem: Problem) -> Rendered:
        """Content and manifest. Raises :class:`InputError` for a wrong level and for NaN or infinite numbers."""
        raise NotImplementedError

    def emit(self, problem: Problem) -> Any:
        """The object that the target stands for; for file formats its bytes."""
        return b"".join(self.render(problem).chunks)

    def write(self, problem: Problem, path: str | Path) -> Written:
        """Write the file; it appears complete or not at all."""
        rendered = self.render(problem)
        write_chunks(path, rendered.chunks)
        return rendered.written


def make_target(text: str) -> tuple[Target, str]:
    """A target from ``name`` or ``name{option=value}``, and its text, options included, for a manifest.

    Raises :class:`UsageError` for what is unknown.
    """
    found, shown = make(TARGETS, text)
    if not isinstance(found, Target):
        raise UsageError(f"{shown} is no target")
    return found, shown
