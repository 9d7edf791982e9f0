"""LP files (CPLEX's format): a model, written as algebra."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...ir.tasks import Task


class Lp:
    """See :mod:`isinglass.frontends.models.lp_reader`."""

    takes_defines = False

    def read(self, path: Path, defines: Mapping[str, str]) -> Task:
        from ..models.lp_reader import read_lp

        return read_lp(path)
