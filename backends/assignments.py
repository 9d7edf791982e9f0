"""Satisfying assignments of VNN-LIB 2.0 queries: the text for stdout, and a folder of serialised tensors.

source: the VNN-LIB standard, chapter "Solver Command-line Interface"
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..ir.errors import InputError
from ..ir.types import AnyArray, FloatArray
from .files import write_chunks


@dataclass(frozen=True, eq=False)
class Assigned:
    """A declared variable and its values in C order; ``element``: its type as declared."""

    name: str
    element: str
    shape: tuple[int, ...]
    values: FloatArray


def assignment_text(variables: list[Assigned]) -> str:
    """For each variable a line ``name type [dimensions]``, then one value a line."""
    lines = []
    for one in variables:
        lines.append(f"{one.name} {one.element} [{','.join(map(str, one.shape))}]")
        values: Iterable[np.floating] = typed(one).ravel()
        lines += [np.format_float_positional(value, unique=True, trim="0") for value in values]
    return "\n".join(lines)


def save_assignment(variables: list[Assigned], folder: str | Path) -> None:
    """``<folder>/<name>.pb``: ONNX TensorProto files, in float64 where the query says Real."""
    from onnx import numpy_helper

    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror})") from error
    for one in variables:
        write_chunks(folder / f"{one.name}.pb", [numpy_helper.from_array(typed(one), one.name).SerializeToString()])


def typed(one: Assigned) -> AnyArray:
    """The values in the declared shape and type."""
    kind = np.float32 if one.element == "float32" else np.float64
    return np.asarray(one.values, dtype=kind).reshape(one.shape)
