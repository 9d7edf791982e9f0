"""The spec language: ``read_spec("model.glass")`` gives the task that a file states.

The grammar is ``glass.lark``; ``syntax`` reads a text, ``check`` its names, ``eval`` its values, and
``lower`` makes the task. Numbers in a spec mean their exact decimals, floats in loaded files the simplest
rational that rounds to them; rows are exact, objectives float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...ir.tasks import Task
from ..source_text import read_source
from .ast import Source
from .lower import lower
from .syntax import parse_syntax


def read_spec(path: str | Path, defines: Mapping[str, str] | None = None) -> Task:
    """The task of a .glass file; ``defines`` are the values of ``-D name=value``.

    Raises :class:`InputError` with every mistake of the file, its place and a remedy, and :class:`Refused` (code
    ``not-yet``) for a goal that this version does not answer. Files named in it are looked for beside it.
    """
    return parse_spec(read_source(path, "file").text, str(path), Path(path).parent, defines)


def parse_spec(
    text: str, file: str = "spec.glass", base_dir: str | Path = ".", defines: Mapping[str, str] | None = None
) -> Task:
    """As :func:`read_spec`, from a text; ``file`` is its name in messages, ``base_dir`` where its files are."""
    source = Source(file, text.replace("\r\n", "\n").replace("\r", "\n"))
    return lower(parse_syntax(source), Path(base_dir), defines or {})
