"""Axes and other whole numbers that operators take as attributes or, in later opsets, as constant inputs."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .graph import Graph, Tensor

MOST_NUMBERS = 10_000
"""Most axes, widths or lengths that a node may state."""
ODD = "check how the network was exported"


def integers(graph: Graph, value: Any, what: str) -> list[int]:
    """A constant input of whole numbers, a vector or a single one. Raises InputError for anything else."""
    if isinstance(value, Tensor):
        raise graph.fail(f"{what} depend on the input", "export with a fixed input shape")
    array = np.asarray(value)
    if array.dtype.kind != "i" or array.ndim > 1:
        raise graph.fail(f"{what} are no constant list of integers", ODD)
    if array.size > MOST_NUMBERS:
        raise graph.fail(f"{what} are {array.size:,} numbers", f"at most {MOST_NUMBERS:,} are supported")
    return [int(number) for number in array.ravel()]


def flag(graph: Graph, value: int, name: str) -> bool:
    """An attribute that is 0 or 1. Raises InputError for other numbers, which implementations read differently."""
    if value not in (0, 1):
        raise graph.fail(f"{name} {value}", "0 and 1 are known; check how the network was exported")
    return value == 1


def axis_of(graph: Graph, axis: int, rank: int) -> int:
    """An axis counted from the front. Raises InputError where there is none."""
    if not -rank <= axis < rank:
        raise graph.fail(f"axis {axis} of a tensor with {rank} axes", ODD)
    return axis % rank


def axes_of(graph: Graph, axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front, in the given order. Raises InputError where one is missing or given twice."""
    found = tuple(axis_of(graph, axis, rank) for axis in axes)
    if len(set(found)) < len(found):
        raise graph.fail(f"axes {list(axes)} name one twice", ODD)
    return found


def given_axes(graph: Graph, attribute: Sequence[int] | None, args: Sequence[Any], place: int) -> list[int] | None:
    """Axes from the attribute of an older opset or the input of a later one; None where neither is there."""
    if len(args) > place and args[place] is not None:
        if attribute is not None:
            raise graph.fail("has its axes twice", ODD)
        return integers(graph, args[place], "axes")
    return None if attribute is None else list(attribute)


def full_size(shape: tuple[int, ...]) -> int:
    """Number of elements of a shape."""
    return prod(shape)
