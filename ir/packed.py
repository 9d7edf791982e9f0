"""Packed file contents, unpacked within a stated limit: a small file must not fill the memory."""

from __future__ import annotations

import gzip
import io
import zlib

from .errors import InputError

LIMIT = 2**31
"""Most bytes that one packed file may hold: what the ONNX format itself allows."""


def unpacked(content: bytes, name: str, code: str = "input", limit: int = LIMIT) -> bytes:
    """The content itself, or what gzip made it from where it is gzipped.

    ``name`` is the file that errors speak of. Raises :class:`InputError` for data that are cut off or damaged, and for
    more than ``limit`` bytes.
    """
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            found = stream.read(limit + 1)
    except (EOFError, OSError, zlib.error) as error:
        hint = "was it cut off? get it again"
        raise InputError(f"{name}: the compressed file is damaged ({error})", code=code, hint=hint) from error
    if len(found) > limit:
        message = f"{name}: the compressed file holds more than {limit:,} bytes"
        raise InputError(message, code=code, hint="unpack it, and check that it is what you mean")
    return found
