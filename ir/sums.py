"""Sums of numbers that share an index, and finding what shares one."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .types import BoolArray, FloatArray, IntArray


def sum_by(index: IntArray, amount: FloatArray, size: int) -> FloatArray:
    """Sum ``amount`` [k] into [size] by ``index`` [k]."""
    return np.asarray(np.bincount(index, amount, size), dtype=np.float64)


def sum_rows(data: FloatArray, row: IntArray, rows: int) -> FloatArray:
    """Sum the columns of ``data`` [B, k] into [B, rows] by ``row`` [k]."""
    if len(data) == 1:
        return sum_by(row, data[0], rows)[None]
    if rows == 1:
        return np.asarray(data.sum(axis=1, keepdims=True))
    chooser = sparse.csr_array((np.ones(len(row)), (row, np.arange(len(row)))), shape=(rows, len(row)))
    return np.asarray((chooser @ data.T).T)


def group(first: IntArray, rest: IntArray, base: int) -> tuple[IntArray, BoolArray]:
    """Order rows (first[k], rest[k, 0], rest[k, 1], ...) by value, and mark where a new value begins.

    ``first`` [k] >= 0, ``rest`` [k, d] in 0..base-1. Equal rows stay in the order in which they stood. Packed into one
    int64 key where that fits.
    """
    span = 1 + int(first.max(initial=0))
    if span * base ** rest.shape[1] < 2**62:  # Python integers: no overflow here
        key = first
        for column in rest.T:
            key = key * base + column
        order = np.argsort(key, kind="stable")
        table = key[order][None]
    else:
        order = np.lexsort((*rest.T[::-1], first))
        table = np.concatenate([first[None], rest.T])[:, order]
    new = np.ones(len(first), dtype=np.bool_)
    new[1:] = (table[:, 1:] != table[:, :-1]).any(axis=0)
    return order, new
