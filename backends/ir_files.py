"""The text form as files: ``name.igir``, and ``name.npz`` beside it where large arrays do not stand in the text."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..ir.errors import InputError
from ..ir.problem import Problem
from ..ir.text import parse_ir, print_ir
from ..ir.types import AnyArray
from .files import read_arrays, read_text, write_chunks

TEXT, ARRAYS = ".igir", ".npz"


def packed(stem: str, text: str, arrays: Mapping[str, AnyArray]) -> dict[str, bytes]:
    """File names and contents."""
    found = {stem + TEXT: text.encode()}
    if arrays:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **dict(arrays))
        found[stem + ARRAYS] = buffer.getvalue()
    return found


def unpacked(path: str | Path) -> tuple[str, dict[str, AnyArray]]:
    """Text and arrays of ``path`` (with or without its ending)."""
    path = Path(path).with_suffix(TEXT)
    beside = path.with_suffix(ARRAYS)
    return read_text(path), read_arrays(beside) if beside.exists() else {}


def write_ir(problem: Problem, path: str | Path) -> None:
    """Write a problem; each file appears complete or not at all, the arrays first."""
    path = Path(path)
    if path.suffix != TEXT:
        raise InputError(f"{path}: a file in the text form ends in {TEXT}", hint=f"write {path.with_suffix(TEXT).name}")
    files = packed(path.stem, *print_ir(problem))
    for name in sorted(files, reverse=True):
        write_chunks(path.with_name(name), [files[name]])


def read_ir(path: str | Path) -> Problem:
    """The inverse. Raises :class:`InputError` for anything damaged."""
    text, arrays = unpacked(path)
    return parse_ir(text, arrays, str(path))
