"""Softmax, LogSoftmax and ArgMax at the end of a network: the blocks end with their argument, the *scores*.

They are no functions of one element, and what claims say about them can be said about the scores
(``through_ending.py``). Later operators may only give the result another shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ...ir.affine import Affine
from ...ir.types import AnyArray
from .graph import Graph, Tensor, whole

ENDINGS = ("softmax", "log-softmax", "argmax", "argmax-last")
"""``argmax``: the least index of a greatest score, ``argmax-last``: the greatest one."""
STAND_IN = "result"


@dataclass(frozen=True, eq=False)
class Ended:
    """What an operator of ``ENDINGS`` makes of ``scores``, a tensor of the given shape."""

    kind: str
    scores: Tensor
    shape: tuple[int, ...]


def all_scores(graph: Graph, value: Any, covered: int) -> Tensor:
    """The scores where an operator works on ``covered`` of them at once: it has to be all, and more than one."""
    if not isinstance(value, Tensor):
        raise graph.fail("of a constant", "fold the constants when exporting the network")
    if covered != value.size or covered < 2:
        message = f"over {covered} elements of a tensor of shape {value.shape}"
        raise graph.fail(message, "supported at the end of a network, over all of its outputs")
    return value


def axis_size(graph: Graph, shape: tuple[int, ...], axis: int) -> int:
    """The size of an axis, which may be counted from the end."""
    if not -len(shape) <= axis < len(shape):
        raise graph.fail(f"axis {axis} of a tensor of shape {shape}", "check how the network was exported")
    return shape[axis]


def softmax(graph: Graph, value: Any, kind: str, axis: int | None) -> Ended:
    """Softmax and LogSoftmax: along one axis since opset 13 (the last one unless stated), before over all axes from
    ``axis`` (the second unless stated) on."""
    shape = getattr(value, "shape", ())
    one = axis_size(graph, shape, axis if axis is not None else (-1 if graph.opset >= 13 else 1))
    if graph.opset < 13:
        one = prod(shape[1 if axis is None else axis :])
    return Ended(kind, all_scores(graph, value, one), shape)


def reshaped(graph: Graph, args: list[Any], apply: Callable[[list[Any]], Any]) -> Ended | AnyArray:
    """The result of an operator that gives an ended value another shape, or reads its shape; others are refused."""
    ended = next(arg for arg in args if isinstance(arg, Ended))
    found = apply([stand_in(arg, STAND_IN if arg is ended else "other") for arg in args])
    if isinstance(found, np.ndarray):
        return found
    if not isinstance(found, Tensor) or whole(found) != STAND_IN:
        message = f"works on the result of {ended.kind}, which is supported at the end of a network only"
        raise graph.fail(message, "export the network without it, and state the property about its scores")
    return Ended(ended.kind, ended.scores, found.shape)


def stand_in(value: Any, name: str) -> Any:
    """A block in place of an ended value."""
    return Tensor(value.shape, Affine.of_variable(name, prod(value.shape))) if isinstance(value, Ended) else value
