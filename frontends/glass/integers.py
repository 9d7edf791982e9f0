"""Integer arrays without overflow: int64 while it fits, Python ints in object arrays beyond."""

from __future__ import annotations

from math import lcm

import numpy as np

from ...ir.rational import Integers, fit
from ...ir.types import IntArray

BITS = 4096
"""Exact numbers may have this many bits above and below the line."""
SMALL = 2**62


def peak(values: Integers) -> int:
    """Greatest magnitude."""
    return int(np.abs(values).max()) if values.size else 0


def times(x: Integers, y: Integers) -> Integers:
    """Products that can't overflow."""
    if x.dtype != object and y.dtype != object and peak(x) * peak(y) < SMALL:
        return np.asarray(x * y)
    return np.asarray(x.astype(object) * y.astype(object))


def plus(x: Integers, y: Integers) -> Integers:
    """Sums that can't overflow."""
    if x.dtype != object and y.dtype != object and peak(x) + peak(y) < SMALL:
        return np.asarray(x + y)
    return fit(np.asarray(x.astype(object) + y.astype(object)))


def added(values: Integers, owner: IntArray, count: int) -> Integers:
    """Sums by owner that can't overflow."""
    if values.dtype != object and float(np.abs(values).astype(np.float64).sum()) < 2.0**52:
        return np.bincount(owner, values, count).astype(np.int64)
    total = np.zeros(count, dtype=object)
    np.add.at(total, owner, values.astype(object))
    return fit(total)


def common_multiple(bottoms: list[int]) -> int | None:
    """Least common multiple, None beyond the bits that a number may have."""
    result = 1
    for value in bottoms:
        result = lcm(result, int(value))
        if result.bit_length() > BITS:
            return None
    return result
