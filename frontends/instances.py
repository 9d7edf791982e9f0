"""Lists of questions for a batch, as VNN-COMP writes them: CSV rows ``onnx,vnnlib,timeout_s``."""

from __future__ import annotations

import builtins
import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..ir.errors import Diagnostic, InputError, Span

NAMES = {
    "onnx": "network", "network": "network", "vnnlib": "property", "property": "property", "timeout": "timeout",
    "timeout_s": "timeout",
}  # fmt: skip
"""Column titles and what they hold; all others are kept as they are."""
TITLES = ("network", "property", "timeout")
FOLDERS = {"", "onnx", "network", "networks", "nets", "models"}
"""Folders of networks that name no set of instances."""


@dataclass(frozen=True)
class Instance:
    """One row. ``network``, ``property``: as written, relative to ``folder``; ``columns``: what else the row says."""

    network: str
    property: str
    timeout: float | None
    folder: Path
    columns: Mapping[str, str] = field(default_factory=dict)

    @builtins.property  # the field above hides the name
    def set(self) -> str:
        """The column ``set``, else the folder that holds the network, else the folder of the list."""
        if "set" in self.columns:
            return self.columns["set"]
        parts = [part for part in Path(self.network).parent.parts if part not in ("..", "/")]
        if parts and parts[-1].lower() in FOLDERS:
            parts.pop()
        return parts[-1] if parts else self.folder.name

    def path(self, name: str) -> Path:
        """The file that a cell names; its packed form (``.gz``) where only that exists."""
        path = self.folder / name
        packed = path.with_name(f"{path.name}.gz")
        return packed if not path.exists() and packed.exists() else path


def read_instances(path: str | Path) -> tuple[Instance, ...]:
    """All rows of a list, with or without a line of titles.

    Raises :class:`InputError` that lists every row without two file names or with a time that is no number.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(f"{path}: cannot be read ({reason})") from error
    lines = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        rows = [(lines.line_num, [cell.strip() for cell in row]) for row in lines if any(map(str.strip, row))]
    except csv.Error as error:
        raise InputError(f"{path}:{lines.line_num}: no CSV ({error})") from error
    titles = heading(rows[0][1]) if rows else None
    if titles:
        rows = rows[1:]
    if not rows:
        raise InputError(f"{path}: holds no instance", hint="write rows `network.onnx,property.vnnlib,seconds`")
    found: list[Instance] = []
    wrong: list[Diagnostic] = []
    for number, row in rows:
        made = instance(row, titles or list(TITLES), path.parent)
        if isinstance(made, Instance):
            found.append(made)
        else:
            hint = "write rows `network.onnx,property.vnnlib,seconds`"
            wrong.append(Diagnostic("instances", made, Span(str(path), number, 1), hint))
    if wrong:
        raise InputError(wrong)
    return tuple(found)


def heading(row: list[str]) -> list[str] | None:
    """The titles, if the first row holds titles."""
    titles = [NAMES.get(cell.lower(), cell) for cell in row]
    return titles if {"network", "property"} <= set(titles) else None


def instance(row: list[str], titles: list[str], folder: Path) -> Instance | str:
    """The instance that a row states, or what is wrong with it."""
    if len(row) > len(titles):
        return f"{len(row)} cells, at most {len(titles)} are known"
    cells = dict(zip(titles, row, strict=False))
    if not cells.get("network") or not cells.get("property"):
        return "a row needs a network and a property"
    time = cells.get("timeout", "")
    try:
        timeout = float(time) if time else None
    except ValueError:
        return f"{time!r} is no number of seconds"
    if timeout is not None and not (math.isfinite(timeout) and timeout >= 0):
        return f"{time!r} is no number of seconds"
    rest = {key: value for key, value in cells.items() if key not in TITLES}
    return Instance(cells["network"], cells["property"], timeout, folder, rest)
