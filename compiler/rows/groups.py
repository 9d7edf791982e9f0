"""Rows with the same coefficients: groups found by hashing whole rows, then compared entry by entry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...ir.rational import READINGS
from ...ir.types import IntArray
from ..places import places
from .system import RowSystem, entry_rows

_MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def row_groups(system: RowSystem) -> tuple[IntArray, IntArray]:
    """Group number [m] (0, 1, ... in order of each group's first row) and sign [m] of every row.

    Two rows share a group when sign * coefficients, guard and reading agree exactly. The sign makes the first
    coefficient positive. Rows that are integer throughout mean the same under every reading.
    """
    matrix = system.matrix
    starts, count, rows = matrix.indptr[:-1].astype(np.int64), np.diff(matrix.indptr), entry_rows(matrix)
    filled = np.flatnonzero(count)
    sign = np.ones(system.size, np.int64)
    sign[filled] = np.where(matrix.data[starts[filled]] > 0, 1, -1)
    data = matrix.data * sign[rows]
    marks = np.zeros(system.size, np.uint64)
    if filled.size:
        marks[filled] = np.add.reduceat(mixed(matrix.indices.astype(np.uint64), data.view(np.uint64)), starts[filled])
    readings = np.array([READINGS.index(lin.reading) + 1 for lin in system.lins] + [0], np.int64)
    reading = np.where(system.sharp, 0, readings[system.block])
    keys = np.column_stack([marks.view(np.int64), count, system.guard, system.value.astype(np.int64), reading])
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    head = first[group.ravel()]
    # equal hashes are no proof: a row that differs from its group's first row becomes a group of its own
    owner, place = places(count)
    here, there = starts[owner] + place, starts[head[owner]] + place
    differs = (matrix.indices[here] != matrix.indices[there]) | (data[here] != data[there])
    head[owner[differs]] = owner[differs]
    return np.unique(head, return_inverse=True)[1].ravel(), sign


def mixed(one: NDArray[np.uint64], two: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A 64-bit mix of pairs (splitmix64, Steele et al., OOPSLA 2014); overflow wraps, as meant."""
    with np.errstate(over="ignore"):
        state = (one + np.uint64(1)) * _MIX[0] + two
        state = (state ^ (state >> np.uint64(30))) * _MIX[1]
        state = (state ^ (state >> np.uint64(27))) * _MIX[2]
    return state ^ (state >> np.uint64(31))
