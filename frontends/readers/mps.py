"""MPS files, free or fixed: a model, written column by column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...ir.tasks import Task


class Mps:
    """See :mod:`isinglass.frontends.models.mps_reader`."""

    takes_defines = False

    def read(self, path: Path, defines: Mapping[str, str]) -> Task:
        from ..models.mps_reader import read_mps

        return read_mps(path)
