"""Rows of an unsafe set that bound one input, moved into the boxes of their cases: smaller boxes give better bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.affine import Affine
from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.rational import Integers, read
from ...ir.types import BoolArray, FloatArray, IntArray
from ...ir.unsafe import UnsafeSet


def into_boxes(unsafe: UnsafeSet, inputs: str) -> UnsafeSet:
    """The same set, rows ``a x_j + c >= 0`` over one element of block ``inputs`` turned into sides of boxes.

    Sides that are no float64 numbers are rounded outward in ``lower`` and ``upper``, inward in ``inner_lower`` and
    ``inner_upper``, which also leave out the end itself where the row is strict. Cases whose outer box is empty are
    dropped; a case without a row left says ``0 >= 0``.
    """
    row, column, factor = single_rows(unsafe, inputs)
    if not len(row):
        return unsafe
    touched, column = np.unique(column, return_inverse=True)
    found = Ends.of(factor, unsafe.forms.offset[row], unsafe.strict[row], unsafe.reading)
    whole = (unsafe.lower, unsafe.upper, unsafe.inner_lower, unsafe.inner_upper)
    low, high, inner_low, inner_high = (side[unsafe.region][:, touched] for side in whole)
    place = (unsafe.case[row], column.ravel())
    above, beneath = np.full_like(low, -np.inf), np.full_like(low, np.inf)
    for side, most in ((low, found.below), (inner_low, found.inner_below), (above, found.open_below)):
        np.maximum.at(side, place, most)
    for side, least in ((high, found.above), (inner_high, found.inner_above), (beneath, found.open_above)):
        np.minimum.at(side, place, least)
    kept = np.flatnonzero(((low <= high) & (above < high) & (low < beneath)).all(axis=1))
    table = np.concatenate([unsafe.region[:, None], low, high, inner_low, inner_high], axis=1)[kept]
    _, first, region = np.unique(table, axis=0, return_index=True, return_inverse=True)
    sides = []
    for side, part in zip(whole, (low, high, inner_low, inner_high), strict=True):
        boxes = side[unsafe.region[kept[first]]]
        boxes[:, touched] = part[kept[first]]
        sides.append(boxes)
    gone: BoolArray = np.zeros(unsafe.forms.size, dtype=np.bool_)
    gone[row] = True
    return without_rows(unsafe, gone, kept, region.ravel().astype(np.int64), sides)


def single_rows(unsafe: UnsafeSet, inputs: str) -> tuple[IntArray, IntArray, FloatArray]:
    """Rows that read one element of the inputs and nothing else: their numbers, that element, its coefficient."""
    count = np.zeros(unsafe.forms.size, np.int64)
    tables = {name: operator.to_csr() for name, operator in unsafe.forms.parts.items()}
    for csr in tables.values():
        count += np.diff(csr.indptr)
    none = np.zeros(0, np.int64)
    if inputs not in tables:
        return none, none, np.zeros(0)
    own = tables[inputs]
    row = np.flatnonzero((np.diff(own.indptr) == 1) & (count == 1))
    entry = own.indptr[row]
    return row, own.indices[entry].astype(np.int64), np.asarray(own.data[entry], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Ends:
    """What rows [r] over one element make its least and its greatest value, infinite where a row says nothing:
    rounded outward, inward, and the ends themselves of strict rows that are float64 numbers."""

    below: FloatArray
    above: FloatArray
    inner_below: FloatArray
    inner_above: FloatArray
    open_below: FloatArray
    open_above: FloatArray

    @classmethod
    def of(cls, factor: FloatArray, offset: FloatArray, strict: BoolArray, reading: str) -> Ends:
        """Of ``factor x + offset >= 0``, ``> 0`` where strict; numbers under ``reading``."""
        (top, bottom), (shift, unit) = read(factor, reading), read(offset, reading)
        over = -shift.astype(object) * bottom.astype(object)
        under = unit.astype(object) * top.astype(object)
        down, up, exact = rounded(np.where(under < 0, -over, over), np.abs(under))
        open_, upward = strict & exact, factor > 0
        return cls(
            np.where(upward, down, -np.inf), np.where(upward, np.inf, up),
            np.where(upward, np.where(open_, np.nextafter(up, np.inf), up), -np.inf),
            np.where(upward, np.inf, np.where(open_, np.nextafter(down, -np.inf), down)),
            np.where(upward & open_, down, -np.inf), np.where(~upward & open_, up, np.inf),
        )  # fmt: skip


def rounded(over: Integers, under: Integers) -> tuple[FloatArray, FloatArray, BoolArray]:
    """over / under (> 0) rounded down and up, and whether the nearest float is that number."""
    nearest = np.array([quotient(int(n), int(d)) for n, d in zip(over, under, strict=True)], dtype=np.float64)
    nearest = np.clip(nearest, -np.finfo(np.float64).max, np.finfo(np.float64).max)
    top, bottom = read(nearest, "dyadic")
    own, meant = top.astype(object) * under, over * bottom.astype(object)
    below, above = np.asarray(own < meant, np.bool_), np.asarray(own > meant, np.bool_)
    down = np.where(above, np.nextafter(nearest, -np.inf), nearest)
    return down, np.where(below, np.nextafter(nearest, np.inf), nearest), ~(below | above)


def quotient(over: int, under: int) -> float:
    """Python's division of integers is rounded correctly."""
    try:
        return over / under
    except OverflowError:
        return float("inf") if over > 0 else float("-inf")


def without_rows(
    unsafe: UnsafeSet, gone: BoolArray, kept: IntArray, region: IntArray, sides: list[FloatArray]
) -> UnsafeSet:
    """Some cases, less some rows, in boxes of their own; an empty row for cases that have none left."""
    some = unsafe.pick(kept)
    left = np.flatnonzero(~gone[unsafe.rows_of(kept)])
    sizes = np.bincount(some.case[left], minlength=some.count)
    empty = some.forms.size  # a row behind all others
    index, owner = left, some.case[left]
    bare = np.flatnonzero(sizes == 0)
    index, owner = np.concatenate([index, np.full(len(bare), empty)]), np.concatenate([owner, bare])
    index = index[np.argsort(owner, kind="stable")]
    parts: dict[str, Operator] = {}
    for name, operator in some.forms.parts.items():
        csr = operator.to_csr()
        padded = Csr(np.asarray(csr.data), csr.indices, np.append(csr.indptr, csr.indptr[-1]), csr.shape[1])
        picked = padded.rows(index)
        if picked.nnz:
            parts[name] = picked
    forms = Affine(np.append(some.forms.offset, 0.0)[index], parts)
    start = np.concatenate([[0], np.cumsum(np.maximum(sizes, 1))]).astype(np.int64)
    strict = np.append(some.strict, False)[index]
    return UnsafeSet(forms, strict, start, region, sides[0], sides[1], sides[2], sides[3], some.reading, some.texts)
