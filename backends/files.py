"""Writing files so that nothing half-written is ever seen, and numbers so that they read back as they were."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..ir.errors import InputError
from ..ir.types import AnyArray, FloatArray

CHUNK = 1 << 16
"""Lines that a writer formats at a time."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary file beside ``path`` to write into; it takes the place of ``path`` only when the block succeeds."""
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    except OSError as error:
        raise InputError(f"{path}: cannot write there ({error.strerror})", hint="does the folder exist?") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~umask())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: writing failed ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_chunks(path: str | Path, chunks: Iterable[bytes]) -> None:
    """Write a file atomically."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(chunks)


def read_bytes(path: str | Path) -> bytes:
    """The file's content; :class:`InputError` where it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def read_text(path: str | Path) -> str:
    """The file's text; :class:`InputError` where it cannot be read or is not UTF-8."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{path}: byte {error.start} is not UTF-8 text"
        raise InputError(message, hint="was the file cut off or packed?") from error


def sha256(content: bytes) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def umask() -> int:
    """The process's file mode mask (which can only be read by setting it)."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def numbers(values: FloatArray, positional: bool = False) -> list[str]:
    """Shortest texts that read back as the same float64; whole numbers without a point.

    ``positional``: never an exponent, for readers that do not know any (dimod's COO reader skips such lines).
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    if ((flat == np.rint(flat)) & (np.abs(flat) < 1e15)).all():
        return list(map(str, flat.astype(np.int64).tolist()))
    if positional:
        return [np.format_float_positional(value, unique=True, trim="-") for value in flat]
    return [str(int(v)) if v.is_integer() and abs(v) < 1e15 else repr(v) for v in flat.tolist()]


def read_arrays(path: str | Path) -> dict[str, AnyArray]:
    """All arrays of an .npz file; :class:`InputError` where it is none, is damaged, or holds pickled objects."""
    content = read_bytes(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # zip, header and array readers each have their own
        raise InputError(
            f"{path}: not a readable .npz file ({error})", hint="was the file cut off or edited?"
        ) from error


def file_sha256(path: str | Path) -> str:
    """64 hexadecimal digits of a file's content, read piece by piece."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
