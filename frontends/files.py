"""Any readable file as a task: the suffix names the reader, a file in ``frontends/readers/``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..ir.errors import InputError, UsageError
from ..ir.registry import Registry
from ..ir.tasks import Task

FORMATS = Registry("isinglass.frontends.readers", "file format")


def read(path: str | Path, defines: Mapping[str, str] | None = None) -> Task:
    """The task stated in a file, which may be gzipped (``model.mps.gz``).

    Raises :class:`InputError` for a suffix without a reader and for what is wrong in the file, :class:`Refused` for
    what is not supported, :class:`UsageError` for ``defines`` (``-D name=value``) where a format has no parameters.
    """
    path = Path(path)
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    name = plain.suffix.lower().removeprefix(".")
    if name not in FORMATS:
        known = ", ".join(f".{known}" for known in FORMATS)
        found = f"files {'.' + name!r} have no reader" if name else "the file has no suffix that names its format"
        raise InputError(f"{path}: {found}", code="format", hint=f"known: {known}, each maybe with .gz")
    reader = FORMATS[name]()
    if defines and not reader.takes_defines:
        raise UsageError(f"{path}: a .{name} file has no parameters to define", hint="drop -D, or write a .glass spec")
    task: Task = reader.read(path, defines or {})
    return task
