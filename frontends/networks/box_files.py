"""Boxes and points of network inputs from files: the input box of a VNN-LIB property, arrays of sides, an image."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ...ir.errors import InputError
from ...ir.types import FloatArray
from ..glass.data import load_data
from .box import Box

ARRAYS = (".npz", ".npy", ".csv")
_PLACE = re.compile(r"(?P<file>.+?\.(?:npz|npy|csv))(?::(?P<key>[A-Za-z_]\w*))?(?:\[(?P<row>\d+)\])?\Z")


def read_box(path: str | Path) -> Box:
    """A box from a ``.vnnlib`` (perhaps ``.gz``; the hull where it states several), from arrays ``lower`` and
    ``upper`` of an ``.npz``, or from a ``.npy`` of shape [2, n].

    Raises :class:`InputError` that names the file and what it should hold.
    """
    name = str(path)
    if name.lower().removesuffix(".gz").endswith(".vnnlib"):
        from ..vnnlib.reader import read_vnnlib

        query = read_vnnlib(path)
        if not query.count:
            raise InputError(f"{path}: no input satisfies it, so it states no box", code="box", hint="give another one")
        return Box(
            query.lower.min(axis=0), query.upper.max(axis=0),
            query.inner_lower.min(axis=0), query.inner_upper.max(axis=0),
        )  # fmt: skip
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        lower, upper = (numbers(name, side) for side in ("lower", "upper"))
    elif suffix == ".npy":
        both = numbers(name, None)
        if both.ndim < 2 or both.shape[0] != 2:
            raise InputError(f"{path}: an array {list(both.shape)}", code="box", hint="lower and upper sides: [2, n]")
        lower, upper = both
    else:
        hint = "a .vnnlib property, an .npz with lower and upper, or a .npy [2, n]"
        raise InputError(f"{path}: files of this kind state no box", code="box", hint=hint)
    try:
        return Box.between(lower.ravel(), upper.ravel(), "simplest")
    except InputError as error:
        found = error.diagnostics[0]
        raise InputError(f"{path}: {found.message}", code="box", hint=found.hint) from error


def read_point(place: str | Path) -> FloatArray:
    """A point [n] from ``file.npy``, ``file.csv`` or ``file.npz``; ``file.npz:key`` names an array, ``[3]`` behind it a
    row. Raises :class:`InputError` where there is none."""
    text = str(place)
    found = _PLACE.match(text)
    if found is None:
        hint = "write point.npy, data.npz:x_test[3] or data.csv[0]"
        raise InputError(f"{text}: names no point", code="box", hint=hint)
    array = numbers(found["file"], found["key"])
    if found["row"] is not None:
        row = int(found["row"])
        if array.ndim < 2 or row >= len(array):
            message = f"{text}: the array has shape {list(array.shape)}"
            raise InputError(message, code="box", hint="rows count from 0")
        array = array[row]
    return array.ravel()


def point_file(place: str | Path) -> str:
    """The file that :func:`read_point` reads."""
    found = _PLACE.match(str(place))
    return str(place) if found is None else found["file"]


def numbers(file: str, key: str | None) -> FloatArray:
    """An array of a data file as float64."""
    return np.asarray(load_data(Path(file), file, key).to_float(), dtype=np.float64)
