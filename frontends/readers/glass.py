"""Specs: models and questions in the .glass language."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...ir.tasks import Task
from ..source_text import read_source


class Glass:
    """See :mod:`isinglass.frontends.glass.reader`. Files that a spec names are looked for beside it."""

    takes_defines = True

    def read(self, path: Path, defines: Mapping[str, str]) -> Task:
        from ..glass.reader import parse_spec

        return parse_spec(read_source(path, "file").text, str(path), path.parent, defines)
