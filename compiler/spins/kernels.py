"""Loops that numpy has no fast words for: compiled where numba is installed (extra ``fast``), else other ways in numpy.

Both give the same numbers up to rounding. Importing numba takes a second, so only long searches ask for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ...ir.types import AnyArray

SIGNS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=np.float32)
"""Signs of t_i t_j, t_i t_k, t_j t_k in each pattern of a triangle."""


@cache
def compiled(name: str) -> Callable[..., Any] | None:
    """A loop of this file, compiled; None without numba."""
    try:
        from numba import njit
    except ImportError:
        return None
    flags = {"contract", "reassoc", "nsz"}
    try:
        found: Callable[..., Any] = njit(cache=True, fastmath=flags)(LOOPS[name])
    except RuntimeError:  # no folder to keep compiled code in
        found = njit(fastmath=flags)(LOOPS[name])
    return found


def push_loop(
    products: Any, triangle: Any, pattern: Any, weight: Any, sigma: Any, signs: Any, new: Any, matrix: Any, count: Any
) -> Any:
    total = 0.0
    for r in range(len(weight)):
        i, j, k, p = triangle[r, 0], triangle[r, 1], triangle[r, 2], pattern[r]
        a, b, c = signs[p, 0], signs[p, 1], signs[p, 2]
        slack = np.float32(1) + a * products[i, j] + b * products[i, k] + c * products[j, k]
        left = weight[r] - sigma * slack
        if left > 0:
            new[r] = left
            total += left * left
            count[i] += 1
            count[j] += 1
            count[k] += 1
            matrix[i, j] += left * a
            matrix[j, i] += left * a
            matrix[i, k] += left * b
            matrix[k, i] += left * b
            matrix[j, k] += left * c
            matrix[k, j] += left * c
        else:
            new[r] = 0
    return total


def scan_loop(products: Any, least: Any, room: Any, triangle: Any, pattern: Any, amount: Any) -> Any:
    n = products.shape[0]
    found = 0
    for i in range(n - 2):
        for j in range(i + 1, n - 1):
            a = products[i, j]
            for k in range(j + 1, n):
                b = products[i, k]
                c = products[j, k]
                low = min(min(a + b + c, a - b - c), min(b - a - c, c - a - b))
                if low < -1 - least:
                    if found < room:
                        p = 0
                        if a - b - c == low:
                            p = 1
                        elif b - a - c == low:
                            p = 2
                        elif c - a - b == low:
                            p = 3
                        triangle[found, 0] = i
                        triangle[found, 1] = j
                        triangle[found, 2] = k
                        pattern[found] = p
                        amount[found] = -1 - low
                    found += 1
    return found


LOOPS: dict[str, Callable[..., Any]] = {"push": push_loop, "scan": scan_loop}


def push(
    products: AnyArray, triangle: AnyArray, pattern: AnyArray, weight: AnyArray, sigma: float, base: AnyArray | None
) -> tuple[AnyArray, AnyArray, AnyArray, float]:
    """Weights [T] after a step, ``max(0, weight - sigma slack)`` with the slacks 1 + .. at ``products`` Y [N, N]; base
    + the sum of new weights times the triangles' signs [N, N]; active triangles of each spin [N]; sum of squares."""
    n = len(products)
    matrix = np.zeros((n, n), np.float32) if base is None else base.copy()
    loop = compiled("push")
    if loop is not None:
        new, count = np.empty_like(weight), np.zeros(n, np.float32)
        return new, matrix, count, loop(
            products, triangle, pattern, weight, np.float32(sigma), SIGNS, new, matrix, count
        )
    i, j, k = triangle.T.astype(np.int64)
    pairs, signs = np.stack([i * n + j, i * n + k, j * n + k]), SIGNS[pattern].T
    slack = 1 + (products.ravel()[pairs] * signs).sum(axis=0)
    new = np.maximum(weight - np.float32(sigma) * slack, 0).astype(np.float32)
    upper = np.bincount(pairs.ravel(), (signs * new).ravel(), n * n).reshape(n, n)
    matrix += upper + upper.T
    count = np.bincount(triangle.ravel(), np.repeat(new > 0, 3), n).astype(np.float32)
    return new, matrix, count, float(new @ new)


def scan(products: AnyArray, least: float, room: int) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Triangles [T, 3] violated by more than ``least`` at ``products`` Y [N, N] (of the four patterns the worst),
    patterns [T] and violations [T]; about the ``room`` most violated ones where there are more."""
    loop = compiled("scan")
    while True:
        if loop is not None:
            triangle, pattern = np.empty((room, 3), np.int16), np.empty(room, np.int8)
            amount = np.empty(room, np.float32)
            found = int(loop(products, np.float32(least), room, triangle, pattern, amount))
        else:
            triangle, pattern, amount = scan_rows(products, least)
            found = len(amount)
        if found <= room:
            return triangle[:found], pattern[:found], amount[:found]
        least = 1.5 * least + 0.01


def scan_rows(products: AnyArray, least: float) -> tuple[AnyArray, AnyArray, AnyArray]:
    """As :func:`scan`, one spin's triangles at a time."""
    found: list[tuple[AnyArray, AnyArray, AnyArray]] = []
    for i in range(len(products) - 2):
        line = products[i, i + 1 :]
        rest = products[i + 1 :, i + 1 :]
        plus, minus = line[:, None] + line, line[:, None] - line
        values = np.stack([plus + rest, minus - rest, -minus - rest, rest - plus])
        low = values.min(axis=0)
        j, k = np.nonzero(np.triu(low < np.float32(-1 - least), 1))
        triangle = np.stack([np.full(len(j), i), j + i + 1, k + i + 1], axis=1).astype(np.int16)
        found.append((triangle, values[:, j, k].argmin(axis=0).astype(np.int8), -1 - low[j, k]))
    if not found:
        return np.zeros((0, 3), np.int16), np.zeros(0, np.int8), np.zeros(0, np.float32)
    triangles, patterns, amounts = (np.concatenate([part[p] for part in found]) for p in range(3))
    return triangles, patterns, amounts
