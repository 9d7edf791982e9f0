"""Shortest odd closed walks from many vertices, compiled with numba (extra ``fast``); ``cycles.py`` says what they are.

The doubled graph has nodes (v, 0) and (v, 1); an edge that counts as flipped changes the layer. Distances from (v, 0)
and from (v, 1) are mirror images, so one search from (v, 0) grows both sides: a walk is found where a node meets the
mirror image of another, and the search ends at half the length of the best one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ...ir.types import IntArray

LOOPS = ("_pushed", "_popped", "_search", "_walk", "_odd_loop", "_walks")
"""The functions of this file that are compiled, callees first."""


def _pushed(keys: Any, nodes: Any, size: int, key: float, node: int) -> int:
    place = size
    while place > 0:
        above = (place - 1) >> 1
        if keys[above] <= key:
            break
        keys[place], nodes[place] = keys[above], nodes[above]
        place = above
    keys[place], nodes[place] = key, node
    return size + 1


def _popped(keys: Any, nodes: Any, size: int) -> int:
    """The last entry takes the place of the first; the new size."""
    size -= 1
    key, node, place = keys[size], nodes[size], 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[place], nodes[place] = keys[child], nodes[child]
        place = child
    keys[place], nodes[place] = key, node
    return size


def _search(
    pointer: Any, neighbour: Any, edge: Any, value: Any, used: Any, source: Any, limit: Any, state: Any
) -> Any:
    """The shortest odd closed walk from a vertex that is shorter than ``limit``: its middle edge and both its ends, or
    -1; ``state``: distances, predecessors, their edges, nodes touched, and the heap."""
    distance, previous, through, touched, keys, nodes = state
    touched[0], count = 2 * source, 1
    distance[2 * source], previous[2 * source] = 0.0, -1
    size = _pushed(keys, nodes, 0, 0.0, 2 * source)
    best, left, right, middle = limit, -1, -1, -1
    while size > 0:
        length, node = keys[0], nodes[0]
        size = _popped(keys, nodes, size)
        if 2 * length >= best:
            break
        if length > distance[node]:
            continue
        for place in range(pointer[node >> 1], pointer[(node >> 1) + 1]):
            e = edge[place]
            for flip in range(2):
                weight = 1.0 - value[e] if flip == 0 else 1.0 + value[e]
                step = length + max(weight, 0.0) + used[e]
                other = 2 * neighbour[place] + ((node & 1) ^ flip)
                if step + distance[other ^ 1] < best:
                    best, left, right, middle = step + distance[other ^ 1], node, other ^ 1, e
                if 2 * step < best and step < distance[other]:
                    if distance[other] == np.inf:
                        touched[count] = other
                        count += 1
                    distance[other], previous[other], through[other] = step, node, e
                    size = _pushed(keys, nodes, size, step, other)
    for k in range(count):
        distance[touched[k]] = np.inf
    return left, right, middle


def _walk(
    left: Any, right: Any, middle: Any, state: Any, vertices: Any, edges: Any, flips: Any
) -> Any:
    """Write the closed walk down: vertices, the edge that leaves each, whether it is flipped; its length."""
    _, previous, through, _, _, _ = state
    count, node = 0, left
    while previous[node] >= 0:  # backwards to the source, then turned round
        count += 1
        node = previous[node]
    length, node = count, left
    for k in range(count - 1, -1, -1):
        before = previous[node]
        vertices[k], edges[k], flips[k] = before >> 1, through[node], (before ^ node) & 1
        node = before
    vertices[length], edges[length], flips[length] = left >> 1, middle, 1 ^ ((left ^ right) & 1)
    length, node = length + 1, right
    while previous[node] >= 0:
        before = previous[node]
        vertices[length], edges[length], flips[length] = node >> 1, through[node], (before ^ node) & 1
        length, node = length + 1, before
    return length


def _odd_loop(
    vertices: Any, edges: Any, flips: Any, length: Any, seen: Any
) -> Any:
    """The first loop with an odd number of flips, even ones cut out; moved to the front, its length returned."""
    top, found = 0, 0
    for k in range(length):
        vertices[top], edges[top], flips[top] = vertices[k], edges[k], flips[k]
        seen[vertices[top]] = top
        top += 1
        after = vertices[k + 1] if k + 1 < length else vertices[0]
        if k + 1 == length:
            after = vertices[0]
        first = seen[after]
        if first >= 0:
            odd = 0
            for q in range(first, top):
                odd ^= flips[q]
            if odd == 1:
                for q in range(top):
                    seen[vertices[q]] = -1
                for q in range(first, top):
                    vertices[q - first], edges[q - first], flips[q - first] = vertices[q], edges[q], flips[q]
                found = top - first
                top = 0
                break
            for q in range(first, top):
                seen[vertices[q]] = -1
            top = first
    for q in range(top):
        seen[vertices[q]] = -1
    return found


def _walks(
    pointer: Any, neighbour: Any, edge: Any, value: Any, used: Any, sources: Any, limit: Any, penalty: Any
) -> Any:
    n = len(pointer) - 1
    nodes, arcs = 2 * n, 4 * len(edge) + 16
    state = (np.full(nodes, np.inf), np.full(nodes, -1, np.int64), np.full(nodes, -1, np.int64),
             np.empty(nodes, np.int64), np.empty(arcs), np.empty(arcs, np.int64))  # fmt: skip
    room = max(4096, 64 * len(sources))
    vertices, edges, flips = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    start, walks, filled = np.zeros(len(sources) + 1, np.int64), 0, 0
    seen = np.full(n, -1, np.int64)
    walk = np.empty(2 * nodes + 2, np.int64), np.empty(2 * nodes + 2, np.int64), np.empty(2 * nodes + 2, np.int64)
    for source in sources:
        left, right, middle = _search(pointer, neighbour, edge, value, used, source, limit, state)
        if middle < 0:
            continue
        length = _walk(left, right, middle, state, walk[0], walk[1], walk[2])
        length = _odd_loop(walk[0], walk[1], walk[2], length, seen)
        if length < 3 or filled + length > room:
            continue
        for k in range(length):
            vertices[filled + k], edges[filled + k], flips[filled + k] = walk[0][k], walk[1][k], walk[2][k]
            used[walk[1][k]] += penalty
        filled += length
        walks += 1
        start[walks] = filled
    return start[: walks + 1], vertices[:filled], edges[:filled], flips[:filled]


@cache
def compiled() -> Callable[..., tuple[IntArray, IntArray, IntArray, IntArray]] | None:
    """``walks(pointer, neighbour, edge, value, used, sources, limit, penalty)``, None without numba.

    Gives starts [W + 1], vertices, edges and flips (0, 1) of simple odd cycles, at most one for each source, shorter
    than ``limit``; ``used`` [m] is added to lengths and grows by ``penalty`` on what was found."""
    try:
        from numba import njit
    except ImportError:
        return None
    for name in LOOPS:  # they call each other by these names
        globals()[name] = njit(cache=True)(globals()[name])
    found: Callable[..., tuple[IntArray, IntArray, IntArray, IntArray]] = globals()[LOOPS[-1]]
    return found
