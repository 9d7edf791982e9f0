"""Index sets as arrays: inside ``for i in ..., j in ...`` values have a leading axis, one entry per element of the set.

Frames are nested: level 0 has one element; each binder, and each condition, adds a level whose elements know their
parent one level down. A value belongs to the level it depends on and is lifted to a higher one by picking through
the parents.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...ir.errors import InputError
from ...ir.types import BoolArray, IntArray
from .forms import Form, check_size
from .numbers import Numbers

SET_LIMIT = 5_000_000
"""Most elements of an index set."""

AXES = 8
"""Most axes of an array."""

Data = Numbers | Form | BoolArray


class Poisoned(Exception):
    """A value that could not be computed, for a reason that has been reported."""


@dataclass(frozen=True, eq=False)
class Value:
    """``data`` has shape [elements of its level, *inner shape]."""

    level: int
    data: Data

    @property
    def inner(self) -> tuple[int, ...]:
        return self.data.shape[1:]

    @property
    def is_form(self) -> bool:
        return isinstance(self.data, Form)

    @classmethod
    def constant(cls, numbers: Numbers) -> Value:
        """A value that depends on no index."""
        return cls(0, numbers.reshape((1, *numbers.shape)))


@dataclass
class Frames:
    """``parents[k]`` [elements of level k]: the one of level k - 1 that each belongs to. ``names``: what is bound."""

    parents: list[IntArray] = field(default_factory=lambda: [np.zeros(1, np.int64)])
    names: dict[str, Value] = field(default_factory=dict)

    @property
    def level(self) -> int:
        return len(self.parents) - 1

    def size(self, level: int) -> int:
        return len(self.parents[level])

    def path(self, low: int, high: int) -> IntArray:
        """For each element of level ``high`` its ancestor at level ``low``."""
        found = np.arange(self.size(high))
        for level in range(high, low, -1):
            found = self.parents[level][found] if level < high else self.parents[level]
        return found

    def push(self, parent: IntArray) -> int:
        """A new level; returns its number."""
        self.parents.append(parent)
        return self.level

    def pop(self, level: int, names: dict[str, Value]) -> None:
        """Back to a level and what was bound there."""
        del self.parents[level + 1 :]
        self.names = names

    def lifted(self, value: Value, level: int) -> Data:
        """Data of a value as seen from a higher level, of shape [elements or 1, *inner]."""
        data = value.data
        if value.level == level or value.level == 0:
            return data
        rows = self.path(value.level, level)
        if isinstance(data, Numbers):
            return data.each(lambda array: array[rows])
        if isinstance(data, Form):
            return data.pick(np.arange(data.size).reshape(data.shape)[rows])
        return np.asarray(data[rows])

    def aligned(self, *values: Value) -> tuple[int, tuple[int, ...], list[Data]]:
        """Joint level and full shape; the data with axes that broadcast against each other (numbers aren't copied)."""
        level = max(value.level for value in values)
        try:
            inner = np.broadcast_shapes(*(value.inner for value in values))
        except ValueError:
            shapes = " and ".join(dict.fromkeys(shown(value.inner) for value in values if value.inner))
            raise InputError(
                f"shapes {shapes} do not fit each other",
                code="shape",
                hint="both sides need one shape, or one a single number",
            ) from None
        full = (self.size(level), *inner)
        check_size(int(np.prod(full, dtype=np.float64)), "this expression")
        found: list[Data] = []
        for value in values:
            data = self.lifted(value, level)
            pad = (1,) * (len(inner) - len(value.inner))
            data = data.reshape((data.shape[0], *pad, *value.inner))
            found.append(data.broadcast(full) if isinstance(data, Form) else data)
        return level, full, found

    def full(self, value: Value, level: int) -> Data:
        """Data of a value with one entry for each element of the level."""
        data = self.lifted(value, level)
        shape = (self.size(level), *value.inner)
        return np.broadcast_to(data, shape) if isinstance(data, np.ndarray) else data.broadcast(shape)

    def describe(self, element: int, level: int) -> str:
        """``i = 3, j = 1``: what the names are at one element, for messages; empty at level 0."""
        shown_names = []
        for name, value in self.names.items():
            if 0 < value.level <= level and isinstance(value.data, Numbers) and not value.inner:
                place = self.path(value.level, level)[element]
                shown_names.append(f"{name} = {number_text(value.data.pick(np.array([place])))}")
        return ", ".join(shown_names)


def number_text(numbers: Numbers) -> str:
    """One number for a message."""
    if numbers.floats is not None:
        return f"{numbers.floats.reshape(-1)[0]:g}"
    top, bottom = numbers.fractions
    n, d = int(top.reshape(-1)[0]), int(bottom.reshape(-1)[0])
    text = str(n) if d == 1 else f"{n}/{d}"
    return text if len(text) <= 40 else f"{text[:18]}...{text[-18:]}"


def shown(shape: tuple[int, ...]) -> str:
    """A shape for a message; that of a single number is []."""
    return f"[{', '.join(map(str, shape))}]"
