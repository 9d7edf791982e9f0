"""A property read from a VNN-LIB file: boxes of inputs and cases of rows, before any network is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from scipy import sparse

from ...ir.types import BoolArray, FloatArray, IntArray
from .declarations import Tensor

SHOWN_ROWS = 3
"""Rows of a case told in its name."""
Sides = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class Query:
    """The unsafe set that a file states: case c holds in box ``region[c]`` where all of its rows hold.

    ``inputs``, ``outputs``: as declared. ``lower``, ``upper`` [R, n] contain the stated boxes, ``inner_lower``,
    ``inner_upper`` lie inside them. Rows ``start[c]`` to ``start[c + 1] - 1`` of case c: row k is
    ``matrix[row[k]] (inputs, outputs) + constant[k]``, >= 0 or > 0 where ``strict``. Numbers are exact decimals;
    ``rounded`` counts constants with more digits than a float64 tells, which were rounded so that the set grows.
    No case at all: nothing can satisfy the file.
    """

    path: str
    version: str
    network: str
    inputs: Tensor
    outputs: Tensor
    lower: FloatArray
    upper: FloatArray
    inner_lower: FloatArray
    inner_upper: FloatArray
    region: IntArray
    start: IntArray
    row: IntArray
    constant: FloatArray
    strict: BoolArray
    matrix: sparse.csr_array
    rounded: int = 0

    @property
    def count(self) -> int:
        """Number of cases."""
        return len(self.region)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The cases in the words of the file: ``Y_0 >= Y_3 and Y_0 > 0.5``."""
        sides = [self.sides(k) for k in range(self.matrix.shape[0])] + [((), ())]
        row, start = self.row.tolist(), self.start.tolist()
        numbers, strict = self.constant.tolist(), self.strict.tolist()
        found = []
        for first, end in pairwise(start):
            shown = [row_text(sides[row[k]], numbers[k], strict[k]) for k in range(first, min(end, first + SHOWN_ROWS))]
            more = [f"{end - first - SHOWN_ROWS} more"] if end - first > SHOWN_ROWS else []
            found.append(" and ".join(shown + more))
        return tuple(found)

    def sides(self, k: int) -> Sides:
        """The positive and the negative terms of a row of ``matrix``."""
        part = slice(*self.matrix.indptr[k : k + 2].tolist())
        terms = zip(self.matrix.indices[part].tolist(), self.matrix.data[part].tolist(), strict=True)
        told = [(value > 0, ("" if abs(value) == 1 else f"{abs(value)!r} ") + self.label(c)) for c, value in terms]
        return tuple(text for up, text in told if up), tuple(text for up, text in told if not up)

    def label(self, column: int) -> str:
        """What the file calls a column of ``matrix``."""
        n = self.inputs.size
        return self.inputs.label(column) if column < n else self.outputs.label(column - n)


def row_text(sides: Sides, constant: float, strict: bool) -> str:
    """``Y_0 + 0.5 >= Y_3``."""
    left, right = sides
    if constant > 0:
        left = (*left, repr(constant))
    elif constant:
        right = (*right, repr(-constant))
    return f"{' + '.join(left) or '0'} {'>' if strict else '>='} {' + '.join(right) or '0'}"
