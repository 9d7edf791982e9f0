"""Which unit of a node to split on: of the most ambiguous ones, that with the greatest product of falls in a trial."""

from __future__ import annotations

import numpy as np

from ...ir.types import AnyArray, FloatArray, IntArray
from .nodes import Node

LEAST = 1e-7
"""Relative fall of a bound that a side counts with at least."""


def candidates(node: Node, count: int) -> IntArray:
    """At most ``count`` free units, most ambiguous first."""
    assert node.warm is not None
    free = np.flatnonzero(node.pattern < 0)
    order = np.argsort(-node.warm.score[free], kind="stable")
    return np.asarray(free[order[:count]], dtype=np.int64)


def sides(patterns: AnyArray, owner: IntArray, units: IntArray) -> AnyArray:
    """Patterns [2 C, F] of ``owner``'s pattern with unit c off, then on, for each of the C candidates."""
    found = np.repeat(patterns[owner], 2, axis=0)
    found[np.arange(len(found)), np.repeat(units, 2)] = np.tile([0.0, 1.0], len(units))
    return found


def chosen(values: FloatArray, owner: IntArray, bounds: FloatArray, floor: float) -> IntArray:
    """The best candidate [B] of each owner; ``values`` [C, 2] estimate the bounds of the sides, below ``floor`` all
    is one."""
    fall = 1.0 - np.maximum(values, floor) / bounds[owner, None]
    score = np.maximum(fall, LEAST).prod(axis=1)
    order = np.lexsort((np.arange(len(owner)), -score, owner))
    first = np.flatnonzero(np.diff(owner[order], prepend=-1))
    return np.asarray(order[first], dtype=np.int64)
