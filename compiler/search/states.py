"""Open nodes of a search: named arrays with a common first axis, and a stack of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ...ir.types import AnyArray, BoolArray, IntArray

State = Mapping[str, AnyArray]
"""Arrays [B, ...] that describe B open nodes."""


def size_of(state: State) -> int:
    return len(next(iter(state.values())))


def bytes_of(state: State) -> int:
    return sum(array.nbytes for array in state.values())


def take(state: State, index: IntArray | BoolArray | slice) -> dict[str, AnyArray]:
    return {name: array[index] for name, array in state.items()}


def join(states: list[State]) -> dict[str, AnyArray]:
    """One after the other; all have the same names."""
    if len(states) == 1:
        return dict(states[0])
    return {name: np.concatenate([state[name] for state in states]) for name in states[0]}


class Stack:
    """Last in, first out, in batches of any size."""

    def __init__(self) -> None:
        self._parts: list[State] = []
        self.size = 0
        self.bytes = 0

    def push(self, state: State) -> None:
        if size_of(state):
            self._parts.append(state)
            self.size += size_of(state)
            self.bytes += bytes_of(state)

    def pop(self, count: int) -> dict[str, AnyArray]:
        """The last ``count`` nodes, in the order in which they were pushed; fewer where there are not as many."""
        parts: list[State] = []
        while self._parts and count:
            part = self._parts.pop()
            size = size_of(part)
            self.size -= size
            self.bytes -= bytes_of(part)
            if size > count:
                self.push({name: array[: size - count].copy() for name, array in part.items()})
                part = take(part, slice(size - count, None))
            parts.append(part)
            count -= min(size, count)
        return join(parts[::-1])

    def total(self, name: str) -> float:
        """The sum of an array over all nodes."""
        return float(sum(part[name].sum() for part in self._parts))

    def change(self, function: Callable[[State], State]) -> None:
        """Put the result of a function in the place of every part; it keeps the number of nodes."""
        self._parts = [function(part) for part in self._parts]
        self.bytes = sum(map(bytes_of, self._parts))
