"""Files of one JSON object per line that grow while a batch runs, and survive its being stopped at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from ..ir.errors import InputError

Line = dict[str, Any]
NEEDED = {"network", "property", "verdict"}
"""Fields without which a line was not written by a batch."""


class ResultLines:
    """A file opened for adding lines. ``lines``: what it held already; ``added``: how many have been written since.

    A last line that was cut off is removed; one that is whole but lacks its line end gets it. Each line reaches the
    disk in one write before the next begins. Raises :class:`InputError` where the file holds anything else, can't be
    written, or is being written by another process.
    """

    def __init__(self, path: str | Path) -> None:
        self.path, self.added = Path(path), 0
        try:
            self._file: BinaryIO = open(self.path, "a+b", buffering=0)  # noqa: SIM115 - closed in __exit__
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})", hint="does the folder exist?") from error
        try:
            lock(self._file, self.path)
            self._file.seek(0)
            self.lines = self._repair(self._file.read())
        except BaseException:
            self._file.close()
            raise

    def _repair(self, content: bytes) -> list[Line]:
        whole, _, rest = content.rpartition(b"\n")
        found = [self._parse(text, number) for number, text in enumerate(whole.split(b"\n"), 1) if text.strip()]
        if not rest:
            return found
        last = parsed(rest)
        if last is not None:
            self._file.write(b"\n")
            return [*found, last]
        if not found and not rest.lstrip().startswith(b"{"):
            raise self._foreign(1)  # not a line of ours that was cut off: leave the file alone
        self._file.truncate(len(content) - len(rest))
        return found

    def _parse(self, text: bytes, number: int) -> Line:
        line = parsed(text)
        if line is None:
            raise self._foreign(number)
        return line

    def _foreign(self, number: int) -> InputError:
        return InputError(
            f"{self.path}:{number}: not a result line, so nothing is added to this file",
            hint="name another file, or remove that line",
        )

    def add(self, line: Mapping[str, Any]) -> None:
        """Append one line."""
        data = json.dumps(line, allow_nan=False).encode() + b"\n"
        try:
            while data:
                data = data[self._file.write(data) :]
            self.added += 1  # before the disk is waited for: an interrupt may come then
        except OSError as error:
            raise InputError(f"{self.path}: writing failed ({error.strerror})") from error
        with suppress(OSError):  # pipes and devices have no disk to wait for
            os.fsync(self._file.fileno())

    def __enter__(self) -> ResultLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def parsed(text: bytes) -> Line | None:
    """A result line, or None."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) and line.keys() >= NEEDED else None


def lock(file: BinaryIO, path: Path) -> None:
    """Keep other batches off the file until it is closed, where the system can do that."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise InputError(f"{path}: another batch is writing to it", hint="name another file") from error
