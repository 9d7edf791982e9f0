"""VNN-LIB files state a property of a network, so they are no task without one; this says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...ir.errors import InputError
from ...ir.tasks import Task


class Vnnlib:
    """Raises, with the mistakes of the file where it has some."""

    takes_defines = False

    def read(self, path: Path, defines: Mapping[str, str]) -> Task:
        from ..vnnlib.reader import read_vnnlib

        read_vnnlib(path)
        message = f"{path}: a property is about a network, which is a file of its own"
        raise InputError(message, code="vnnlib", hint=f"isinglass verify NET.onnx {path}")
