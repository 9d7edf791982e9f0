"""The rows of unsafe cases bounded over batches of boxes, each row direction once.

Rows that differ in their constant only (thresholds on the same output, in hundreds of cases) are bounded together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...ir.affine import Affine
from ...ir.types import BoolArray, FloatArray, IntArray
from ...ir.unsafe import UnsafeSet
from ..bounds.interval import Bounds
from ..bounds.rows import RowBounds, row_bounds
from ..networks.view import NetView

ENTRIES = 1 << 24
"""Largest table of rows for which equal directions are looked for."""
SLACK = 2.0**-51
"""Relative: a constant under any reading is off by 2^-53, its sum with a bound by as much."""


@dataclass(frozen=True, eq=False)
class Claim:
    """The rows of ``unsafe`` on the network of ``view``."""

    view: NetView
    unsafe: UnsafeSet

    @cached_property
    def directions(self) -> tuple[IntArray, IntArray]:
        """Rows [U] of different directions, and for each row [M] which of them it has."""
        forms = self.unsafe.forms
        width = sum(operator.shape[1] for operator in forms.parts.values())
        if forms.size < 2 or forms.size * max(1, width) > ENTRIES:
            return np.arange(forms.size), np.arange(forms.size)
        table = np.zeros((forms.size, 0))
        for operator in forms.parts.values():
            table = np.hstack([table, operator.to_dense()])
        _, first, which = np.unique(table, axis=0, return_index=True, return_inverse=True)
        return first, which.ravel()

    def most(self, box: Mapping[str, Bounds], rows: IntArray) -> tuple[FloatArray, RowBounds, IntArray]:
        """Upper bounds [B, len(rows)] of rows; with what they were made from, and which of it [len(rows)] each is."""
        forms, (first, which) = self.unsafe.forms, self.directions
        used, place = np.unique(which[rows], return_inverse=True)
        if len(used) == len(rows):
            found = row_bounds(self.view, forms.rows(rows), self.unsafe.reading, box)
            return found.most, found, np.arange(len(rows))
        some = forms.rows(first[used])
        found = row_bounds(self.view, Affine(np.zeros(some.size), some.parts), self.unsafe.reading, box)
        base, offset = found.most[:, place], forms.offset[rows]
        with np.errstate(over="ignore", invalid="ignore"):
            total = base + offset
            total = np.nextafter(total + SLACK * (np.abs(base) + np.abs(offset)) + 1e-300, np.inf)
        return np.where(np.isnan(total), np.inf, total), found, place

    def excluded(self, most: FloatArray, cases: IntArray) -> BoolArray:
        """Which of ``cases`` have no point, [B, len(cases)], from bounds of their rows case by case."""
        strict = self.unsafe.strict[self.unsafe.rows_of(cases)]
        out = (most < 0) | ((most == 0) & strict)
        starts = self.starts(cases)
        return np.asarray(np.logical_or.reduceat(out, starts, axis=1))

    def starts(self, cases: IntArray) -> IntArray:
        """Where each of ``cases`` begins among their rows."""
        sizes = np.diff(self.unsafe.start)[cases]
        return np.asarray(np.cumsum(sizes) - sizes)
