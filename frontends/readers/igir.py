"""The text form of a problem, ``model.igir``, with its large arrays in ``model.npz`` beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np

from ...ir.errors import InputError
from ...ir.tasks import Optimize, Task
from ...ir.text import parse_ir
from ...ir.types import AnyArray
from ...ir.verify import verify
from ..source_text import read_source


class Igir:
    """Read as ``Optimize``; the arrays are checked against the digests in the text, the problem by the verifier."""

    takes_defines = False

    def read(self, path: Path, defines: Mapping[str, str]) -> Task:
        source = read_source(path, "text-form")
        stem = path.with_suffix("") if path.suffix.lower() == ".gz" else path
        problem = parse_ir(source.text, side_arrays(stem.with_suffix(".npz")), str(path))
        verify(problem)
        return Optimize(problem)


def side_arrays(path: Path) -> dict[str, AnyArray]:
    """The arrays of a side file; none where there is no such file (the text says which ones it misses)."""
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, BadZipFile, ZlibError) as error:
        hint = "was it cut off? write the text form again"
        raise InputError(f"{path}: not a file of arrays ({error})", code="text-form", hint=hint) from error
