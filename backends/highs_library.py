"""Loading highspy, and saying why where it can't be."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ..ir.errors import InputError, Refused

CLASH = (1, 15)
"""From this version on, highspy and ortools (each with a HiGHS of its own) can't live in one process:
google/or-tools issue 5246."""
HINT = "run one of them in a process of its own (for example solver cmd:...), or install highspy < 1.15"


def load_highspy() -> Any:
    """The module. Raises :class:`Refused` where it is missing, or where ortools is loaded already and would clash."""
    if "highspy" not in sys.modules and ortools_loaded() and _clashing():
        message = "ortools is loaded in this process, and highspy >= 1.15 can't be beside it"
        raise Refused(message, code="clash", hint=HINT)
    try:
        return import_module("highspy")
    except ImportError as error:
        hint = HINT if ortools_loaded() else "install highspy, or update scipy, which brings a HiGHS of its own"
        raise Refused(f"highspy can't be imported ({error})", code="clash", hint=hint) from error


def ortools_loaded() -> bool:
    """Whether a part of ortools with a native library is loaded."""
    return any(name.startswith("ortools.") for name in sys.modules)


def _clashing() -> bool:
    try:
        parts = version("highspy").split(".")
    except PackageNotFoundError:
        return False
    return tuple(int(part) for part in parts[:2] if part.isdecimal()) >= CLASH


def accept(status: Any, highspy: Any) -> None:
    """Raise :class:`InputError` where HiGHS does not accept a model."""
    if status == highspy.HighsStatus.kError:
        hint = "coefficients of rows must be below 1e15 in size, costs below 1e20"
        raise InputError("HiGHS does not accept the model", code="solver", hint=hint)
