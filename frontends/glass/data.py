"""``load("file")``: arrays from .npy, .npz and .csv files as constants of a spec.

Integers are exact. Floats of binary files stand for the simplest rational that rounds to them, numbers of a text file
for their decimal. Infinite numbers are kept (they may be bounds); NaN is an error.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np

from ...ir.errors import InputError, nearest
from ...ir.rational import exact_text
from ...ir.types import AnyArray
from .frames import AXES
from .literals import literals
from .numbers import Numbers

DAMAGED = (
    OSError, EOFError, ValueError, TypeError, KeyError, MemoryError, OverflowError, SyntaxError, NotImplementedError,
    RuntimeError, BadZipFile, zlib.error, struct.error, TokenError,
)  # fmt: skip
"""What numpy and zipfile raise for files that are cut off or altered."""
FORMATS = (".npy", ".npz", ".csv")


def load_data(path: Path, shown: str, key: str | None) -> Numbers:
    """The array in a file; ``key`` names the array of an .npz, the column of a .csv.

    Raises :class:`InputError` for files that are missing, damaged, of another format or not numeric.
    """
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise InputError(
            f"{shown}: unknown kind of data file {kind!r}", code="load", hint=f"known: {', '.join(FORMATS)}"
        )
    if kind == ".npy" and key is not None:
        raise InputError(f"{shown}: an .npy file has no keys", code="load", hint=f'write load("{shown}")')
    try:
        if kind == ".csv":
            return table(path.read_text(encoding="utf-8-sig"), shown, key)
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            return from_array(found if isinstance(found, np.ndarray) else member(found, shown, key), shown)
    except FileNotFoundError:
        hint = (
            f"files are looked for from the spec's folder, {path.parent}"
            if not Path(shown).is_absolute()
            else "check the path"
        )
        raise InputError(f"{shown}: no such file", code="load", hint=hint) from None
    except DAMAGED as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        raise InputError(
            f"{shown}: cannot be read: {reason}", code="load", hint="was it cut off? write it again"
        ) from error


def member(archive: np.lib.npyio.NpzFile, shown: str, key: str | None) -> AnyArray:
    """One array of an .npz; its only one without a key."""
    keys = list(archive.files)
    if key is None and len(keys) != 1:
        message = f"{shown}: holds {len(keys)} arrays, which one is meant?"
        raise InputError(message, code="load", hint=f'write load("{shown}", "key"); keys: {", ".join(keys)}')
    if key is not None and key not in keys:
        raise InputError(f"{shown}: no array {key!r}", code="load", hint=nearest(key, keys))
    found: AnyArray = archive[key if key is not None else keys[0]]
    return found


def from_array(array: AnyArray, shown: str) -> Numbers:
    """Numbers from an array of any real dtype."""
    if array.ndim > AXES:
        raise InputError(f"{shown}: an array of more than {AXES} axes", code="load", hint="reshape it")
    if array.dtype.kind in "bui":
        return Numbers.integers(array.astype(object) if array.dtype == np.uint64 else array.astype(np.int64))
    if array.dtype.kind != "f":
        message = f"{shown}: holds {array.dtype}, not numbers"
        raise InputError(message, code="load", hint="store real numbers")
    values = np.ascontiguousarray(array, dtype=np.float64)
    check_nan(values, shown)
    return Numbers.given(values, "simplest")


def check_nan(values: np.ndarray, shown: str) -> None:
    wrong = np.argwhere(np.isnan(values))
    if len(wrong):
        place = ", ".join(map(str, wrong[0].tolist()))
        raise InputError(f"{shown}: entry [{place}] is NaN", code="not-finite", hint="clean the data first")


def table(text: str, shown: str, column: str | None) -> Numbers:
    """Numbers between commas, semicolons or blanks; a first line of words is a header, # begins a comment."""
    lines = [(n, cells(line)) for n, line in enumerate(text.splitlines(), 1) if line.split("#")[0].strip()]
    header: Sequence[str] = ()
    if lines and not any(is_number(cell) for cell in lines[0][1]):
        header = lines.pop(0)[1]
    if not lines:
        raise InputError(f"{shown}: holds no numbers", code="load")
    width = len(lines[0][1])
    for n, row in lines:
        if len(row) != width:
            message = f"{shown}:{n}: {len(row)} values where line {lines[0][0]} has {width}"
            raise InputError(message, code="load", hint="every line needs as many values")
        wrong = next((cell for cell in row if not is_number(cell)), None)
        if wrong is not None:
            raise InputError(
                f"{shown}:{n}: {wrong!r} is no number", code="load", hint="write decimals with a point, like -1.5e3"
            )
    found = decimals([cell for _, row in lines for cell in row]).reshape((len(lines), width))
    if column is not None:
        if column not in header:
            raise InputError(f"{shown}: no column {column!r}", code="load", hint=nearest(column, header))
        place = list(header).index(column)
        return found.each(lambda array: array[:, place])
    return found.reshape((len(lines) * width,)) if width == 1 else found


def cells(line: str) -> list[str]:
    """The values of a line."""
    line = line.split("#")[0].strip()
    if "," in line or ";" in line:
        return [cell.strip().strip('"') for cell in re.split(r"[,;]", line)]
    return line.split()


def is_number(cell: str) -> bool:
    try:
        return not np.isnan(float(cell)) and "_" not in cell
    except ValueError:
        return False


def decimals(texts: list[str]) -> Numbers:
    """The exact decimals of texts, infinite ones as floats."""
    if any("inf" in text.lower() for text in texts):
        return Numbers.given(np.array(texts, dtype=np.float64), "decimal")
    if all(len(text) <= 16 or exact_text(text)[1] for text in texts):
        values = np.array(texts, dtype=np.float64)
        return Numbers.given(values, "decimal") if (values != np.floor(values)).any() else literals(tuple(texts))
    return literals(tuple(texts))
