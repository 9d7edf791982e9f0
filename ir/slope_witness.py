"""Patterns of slopes as answers show them: ``{"h1": [0, 1, ...], "h2": [...]}``, a list for each block of functions.

A number y in 0..1 says where the slope of a unit stands between its least and its greatest one (``ir/slope_form.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import InputError
from .slope_form import SlopeForm
from .types import FloatArray


def witness_of(form: SlopeForm, pattern: FloatArray) -> dict[str, list[float]]:
    """A pattern [F] by function block; whole numbers as int."""
    found: dict[str, list[float]] = {}
    for name, first, size in form.blocks:
        part = np.asarray(pattern[first : first + size], dtype=np.float64)
        found[name] = part.astype(np.int64).tolist() if (part == np.rint(part)).all() else part.tolist()
    return found


def pattern_of(form: SlopeForm, witness: Any) -> FloatArray:
    """The pattern [F] of a witness. Raises :class:`InputError` for missing, unknown or misshaped blocks, and for
    numbers outside 0..1."""
    names = [name for name, _, _ in form.blocks]
    if not isinstance(witness, Mapping) or set(witness) != set(names):
        given = sorted(map(str, witness)) if isinstance(witness, Mapping) else [type(witness).__name__]
        raise InputError(f"the witness holds slopes of {', '.join(given)}, the network has {', '.join(sorted(names))}")
    pattern = np.zeros(form.units)
    for name, first, size in form.blocks:
        try:
            part = np.asarray(witness[name], dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"the witness's {name} holds something that is no number") from None
        if part.shape != (size,) or not ((part >= 0) & (part <= 1)).all():
            raise InputError(f"the witness's {name} has shape {part.shape}; wanted are {size} numbers in 0..1")
        pattern[first : first + size] = part
    return pattern
