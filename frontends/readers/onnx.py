"""ONNX files hold a network and no question, so they are no task alone; this says how to ask one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...ir.errors import InputError
from ...ir.tasks import Task


class Onnx:
    """Raises, with the mistakes of the file where it has some."""

    takes_defines = False

    def read(self, path: Path, defines: Mapping[str, str]) -> Task:
        from ..networks.reader import read_network

        read_network(path)
        message = f"{path}: a network alone states no question"
        hint = f"isinglass lipschitz {path}, isinglass verify {path} PROP.vnnlib, or a .glass spec that names it"
        raise InputError(message, code="onnx", hint=hint)
