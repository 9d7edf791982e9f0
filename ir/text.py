"""The text form: every block, operator, function, term, lift record and note prints as ``kind(field = value, ...)``.

Large arrays go to a side file and appear as ``f64[32,784]#1:<digest>``; small ones are written out with shortest
round-trip numbers. ``parse_ir(*print_ir(p))`` gives the same problem and printing it again the same text.
A new rule file needs no printing code: its dataclass fields are its text.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

import numpy as np

from .errors import InputError
from .problem import Problem
from .rules import name_of
from .types import AnyArray

INLINE = 16
"""Arrays with more elements than this, and not all equal, go to the side file."""
DTYPES = {"f64": np.dtype(np.float64), "i64": np.dtype(np.int64), "b1": np.dtype(np.bool_)}
CODES = {dtype: code for code, dtype in DTYPES.items()}
BLOCKS = ("var", "lin", "fn", "poly")


def digest(array: AnyArray) -> str:
    """32 hexadecimal digits over the dtype, shape and bytes (C order) of an array."""
    state = hashlib.sha256(f"{CODES[array.dtype]}{array.shape}".encode())
    state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()[:32]


class Printer:
    """Collects the arrays that do not fit in the text."""

    def __init__(self) -> None:
        self.arrays: dict[str, AnyArray] = {}

    def value(self, value: Any) -> str:
        """One value of any kind."""
        match value:
            case None | bool() | np.bool_():
                return str(value).lower()
            case str():
                return quote(value)
            case np.ndarray():
                return self.array(value)
            case float() | np.floating():
                return repr(float(value))
            case int() | np.integer():
                return str(int(value))
            case Mapping():
                return "{" + ", ".join(f"{quote(k)}: {self.value(v)}" for k, v in value.items()) + "}"
            case tuple() | list():
                return "[" + ", ".join(map(self.value, value)) + "]"
        if is_dataclass(value) and not isinstance(value, type):
            return f"{name_of(type(value))}({self.fields(value)})"
        raise TypeError(f"no text form for {type(value).__name__}")

    def fields(self, value: Any, skip: tuple[str, ...] = ()) -> str:
        """``field = value`` for every field that differs from its default."""
        shown = [f for f in fields(value) if f.name not in skip and not is_default(f, getattr(value, f.name))]
        return ", ".join(f"{f.name} = {self.value(getattr(value, f.name))}" for f in shown)

    def array(self, array: AnyArray) -> str:
        """Shape, then the numbers, a fill value, or a reference."""
        array = np.asarray(array, dtype=normal_dtype(array.dtype))
        head = f"{CODES[array.dtype]}[{','.join(map(str, array.shape))}]"
        flat = array.ravel()
        if flat.size <= INLINE:
            return f"{head}({', '.join(map(number, flat.tolist()))})"
        if (flat == flat[0]).all() and not (flat[0] == 0 and np.signbit(flat.astype(np.float64)).any()):
            return f"{head}({number(flat[0].item())} ...)"
        mark = digest(array)
        known = [key for key, other in self.arrays.items() if key.endswith(mark)]
        key = known[0] if known else f"{len(self.arrays) + 1}:{mark}"
        self.arrays[key] = array
        return f"{head}#{key}"


def quote(text: str) -> str:
    """A JSON string, readable; escaped where it has halves of surrogate pairs, which no file could hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(text)
    return json.dumps(text, ensure_ascii=False)


def normal_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The one of the three stored dtypes that holds the given one exactly."""
    if dtype.kind == "b":
        return DTYPES["b1"]
    return DTYPES["f64"] if dtype.kind == "f" else DTYPES["i64"]


def number(value: float | bool) -> str:
    """Shortest text that reads back as the same number; whole floats without a point, booleans as 0 and 1."""
    if isinstance(value, bool):
        return str(int(value))
    negative_zero = value == 0 and math.copysign(1, value) < 0
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 and not negative_zero:
        return str(int(value))
    return repr(value)


def is_default(spec: Field[Any], value: Any) -> bool:
    """Whether a field holds its declared default (then the text leaves it out)."""
    default = spec.default if spec.default is not MISSING else None
    if spec.default_factory is not MISSING:
        default = spec.default_factory()
    elif spec.default is MISSING:
        return False
    if isinstance(value, np.ndarray) or isinstance(default, np.ndarray):
        return isinstance(value, np.ndarray) and isinstance(default, np.ndarray) and value.size == default.size == 0
    if isinstance(value, float) and isinstance(default, float):
        return value.hex() == default.hex()  # tells 0.0 from -0.0
    if type(value) is not type(default):
        return False
    if is_dataclass(default):
        return Printer().value(value) == Printer().value(default)
    return bool(value == default)


def print_value(value: Any) -> tuple[str, dict[str, AnyArray]]:
    """Any dataclass tree of the IR (a lift, a guarantee, a task, ...) as text and side arrays."""
    printer = Printer()
    return printer.value(value), printer.arrays


def print_ir(problem: Problem) -> tuple[str, dict[str, AnyArray]]:
    """A problem as text, one block a line, and the arrays that the text refers to."""
    printer = Printer()
    head = printer.fields(problem, skip=("name", "blocks"))
    lines = ["isinglass 1", f"problem {quote(problem.name)} ({head}) {{"]
    for block in problem.blocks:
        kind = type(block).__name__.lower()
        lines.append(f"  {kind} {quote(block.name)} ({printer.fields(block, skip=('name',))})")
    return "\n".join([*lines, "}", ""]), printer.arrays


def parse_value(text: str, arrays: Mapping[str, AnyArray] | None = None, file: str = "text") -> Any:
    """The inverse of :func:`print_value`. Raises :class:`InputError` for anything malformed."""
    from .text_parser import parse

    return parse(text, "value", arrays or {}, file)


def parse_ir(text: str, arrays: Mapping[str, AnyArray] | None = None, file: str = "text") -> Problem:
    """The inverse of :func:`print_ir`. Raises :class:`InputError` for anything malformed."""
    from .text_parser import parse

    problem = parse(text, "document", arrays or {}, file)
    if not isinstance(problem, Problem):
        raise InputError(f"{file}: not a problem")
    return problem
