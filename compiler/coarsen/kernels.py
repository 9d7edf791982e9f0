"""Inner loops of block bookkeeping: cutting a block out, putting it back, growing blocks along couplings.

Compiled by numba where it is installed (extra ``fast``) and the work is worth its start; else the same functions run as
they are, and numpy does what dense systems need (``dense.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ...ir.types import BoolArray, FloatArray, IntArray, SpinArray


@cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled, or itself where numba is missing."""
    try:
        from numba import njit
    except ImportError:
        return function
    try:
        made: Callable[..., Any] = njit(cache=True)(function)
    except RuntimeError:  # no folder where machine code can be kept
        made = njit(function)
    return made


@cache
def available() -> bool:
    """Whether numba is installed."""
    from importlib.util import find_spec

    return find_spec("numba") is not None


def cut_sparse(
    rows: tuple[IntArray, IntArray, FloatArray], block: IntArray, place: IntArray, spins: SpinArray, local: FloatArray,
    row: IntArray, column: IntArray, value: FloatArray, fields: FloatArray,
) -> int:  # fmt: skip
    """Couplings inside ``block`` [k], ascending, into ``row`` < ``column`` and ``value``, ordered; the fields of
    everything else into ``fields``; returns their number. ``place`` [n] is -1 everywhere, before and after."""
    indptr, indices, data = rows
    for a in range(len(block)):
        place[block[a]] = a
    count = 0
    for a in range(len(block)):
        i = block[a]
        field = local[i]
        for e in range(indptr[i], indptr[i + 1]):
            b = place[indices[e]]
            if b >= 0:
                field -= data[e] * spins[indices[e]]
            if b > a:
                row[count], column[count], value[count] = a, b, data[e]
                count += 1
        fields[a] = field
    for a in range(len(block)):
        place[block[a]] = -1
    return count


def cut_dense(
    matrix: FloatArray, block: IntArray, spins: SpinArray, local: FloatArray, value: FloatArray, fields: FloatArray
) -> int:
    """As :func:`cut_sparse` with every pair of the block, in order."""
    count = 0
    for a in range(len(block)):
        fields[a] = local[block[a]]
    for a in range(len(block)):
        i, spin, field = block[a], float(spins[block[a]]), fields[a]
        for b in range(a + 1, len(block)):
            entry = matrix[i, block[b]]
            value[count] = entry
            count += 1
            field -= entry * spins[block[b]]
            fields[b] -= entry * spin
        fields[a] = field
    return count


def put_sparse(
    rows: tuple[IntArray, IntArray, FloatArray], block: IntArray, new: SpinArray, spins: SpinArray, local: FloatArray
) -> float:
    """Set the spins of a block; local fields follow. Returns the change of the energy."""
    indptr, indices, data = rows
    change = 0.0
    for a in range(len(block)):
        i = block[a]
        if new[a] != spins[i]:
            change -= 2.0 * spins[i] * local[i]
            spins[i] = new[a]
            for e in range(indptr[i], indptr[i + 1]):
                local[indices[e]] += 2.0 * new[a] * data[e]
    return change


def put_dense(matrix: FloatArray, block: IntArray, new: SpinArray, spins: SpinArray, local: FloatArray) -> float:
    """As :func:`put_sparse`."""
    change = 0.0
    for a in range(len(block)):
        i = block[a]
        if new[a] != spins[i]:
            change -= 2.0 * spins[i] * local[i]
            spins[i] = new[a]
            twice = 2.0 * new[a]
            for j in range(len(local)):
                local[j] += twice * matrix[i, j]
    return change


def grow(
    indptr: IntArray, indices: IntArray, order: IntArray, size: int, seen: BoolArray, members: IntArray,
    starts: IntArray,
) -> int:  # fmt: skip
    """Split all spins into blocks of at most ``size``: each grows breadth first, along couplings, from the first spin
    of ``order`` that no block has. ``members`` [n] and ``starts`` receive them; returns their number."""
    filled, count = 0, 0
    for root in order:
        if seen[root]:
            continue
        begin = head = filled
        seen[root] = True
        members[filled] = root
        filled += 1
        while head < filled and filled - begin < size:
            i = members[head]
            head += 1
            for e in range(indptr[i], indptr[i + 1]):
                j = indices[e]
                if not seen[j] and filled - begin < size:
                    seen[j] = True
                    members[filled] = j
                    filled += 1
        count += 1
        starts[count] = filled
    return count
