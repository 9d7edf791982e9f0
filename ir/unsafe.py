"""The unsafe set of a claim about a network: a disjunction of cases, each a box of inputs and a few affine rows.

All cases are held in common arrays, so that a claim with ten thousand of them costs no Python object each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .affine import Affine
from .enclosure import Ends, enclose_affine
from .exact import Exact
from .exact_evaluation import exact_affine
from .sums import sum_by
from .types import BoolArray, FloatArray, IntArray, Values

CHUNK = 1 << 22
"""Most comparisons of a point's element with a side that are held at once."""


@dataclass(frozen=True, eq=False)
class UnsafeSet:
    """Case c holds at a point where the inputs lie in box ``region[c]`` and all of its rows hold.

    ``forms``: affine rows [M] over the blocks that the network reads and writes; row r holds where it is >= 0, > 0
    where ``strict`` [M]. ``start`` [C + 1]: case c has the rows ``start[c]`` to ``start[c + 1] - 1``, at least one.
    ``region`` [C] indexes boxes [R, n] of the inputs: ``lower``, ``upper`` contain every point that is meant (proofs
    run over them); ``inner_lower``, ``inner_upper`` contain only such points (witnesses lie in them; a box may have
    none). They are the same where the sides are float64 numbers. ``reading`` says what the rows' floats mean;
    ``texts`` [C] name the cases in the user's words.
    """

    forms: Affine
    strict: BoolArray
    start: IntArray
    region: IntArray
    lower: FloatArray
    upper: FloatArray
    inner_lower: FloatArray
    inner_upper: FloatArray
    reading: str
    texts: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of cases C."""
        return len(self.region)

    @cached_property
    def case(self) -> IntArray:
        """The case [M] of each row."""
        return np.asarray(np.repeat(np.arange(self.count), np.diff(self.start)))

    @property
    def hull(self) -> tuple[FloatArray, FloatArray]:
        """The least box [n] that contains all outer boxes; zeros where there are none."""
        if not len(self.lower):
            zero = np.zeros(self.lower.shape[1])
            return zero, zero
        return np.asarray(self.lower.min(axis=0)), np.asarray(self.upper.max(axis=0))

    def rows_of(self, cases: IntArray) -> IntArray:
        """The rows of some cases, case by case."""
        sizes = np.diff(self.start)[cases]
        ends = np.cumsum(sizes)
        return np.asarray(np.arange(int(sizes.sum())) + np.repeat(self.start[:-1][cases] - (ends - sizes), sizes))

    def pick(self, cases: IntArray) -> UnsafeSet:
        """The set of some of the cases; boxes keep their numbers."""
        rows, sizes = self.rows_of(cases), np.diff(self.start)[cases]
        return UnsafeSet(
            self.forms.rows(rows), self.strict[rows], np.concatenate([[0], np.cumsum(sizes)]), self.region[cases],
            self.lower, self.upper, self.inner_lower, self.inner_upper, self.reading,
            tuple(self.texts[k] for k in cases.tolist()),
        )  # fmt: skip

    def least(self, rows: FloatArray) -> FloatArray:
        """The least row of each case: [..., C] from [..., M]."""
        if not self.count:
            return np.zeros((*rows.shape[:-1], 0))
        return np.asarray(np.minimum.reduceat(rows, self.start[:-1], axis=-1))

    def margins(self, values: Values) -> FloatArray:
        """The least row of each case at every point, [B, C], in float64; boxes are not looked at."""
        return self.least(self.forms.value(values))

    def own_least(self, values: Values, case: IntArray) -> tuple[FloatArray, IntArray]:
        """The least row of case ``case[b]`` at point b: its value [B] in float64, and its number [B]."""
        rows, sizes = self.rows_of(case), np.diff(self.start)[case]
        if not len(case):
            return np.zeros(0), np.zeros(0, np.int64)
        point = np.repeat(np.arange(len(case)), sizes)
        found = self.forms.offset[rows].copy()
        for name, operator in self.forms.parts.items():
            csr = operator.rows(rows).to_csr()
            row = np.repeat(np.arange(len(rows)), np.diff(csr.indptr))
            found += sum_by(row, np.asarray(csr.data) * values[name][point[row], csr.indices], len(rows))
        order = np.lexsort((found, point))[np.cumsum(sizes) - sizes]
        return found[order], rows[order]

    def excluded(self, most: FloatArray) -> BoolArray:
        """Whether upper bounds ``most`` [..., M] of the rows leave no point to each case: [..., C]."""
        out = (most < 0) | ((most == 0) & self.strict)
        if not self.count:
            return np.zeros((*most.shape[:-1], 0), dtype=np.bool_)
        return np.asarray(np.logical_or.reduceat(out, self.start[:-1], axis=-1))

    def inside(self, points: FloatArray) -> BoolArray:
        """Which inner boxes contain which points [B, n]: [B, R]."""
        found = np.zeros((len(points), len(self.lower)), dtype=np.bool_)
        step = max(1, CHUNK // max(1, points.size))
        for at in range(0, len(self.lower), step):
            low, high = self.inner_lower[at : at + step], self.inner_upper[at : at + step]
            found[:, at : at + step] = ((points[:, None] >= low) & (points[:, None] <= high)).all(axis=2)
        return found

    def rows_hold(self, values: Mapping[str, Exact], batch: int) -> BoolArray:
        """The cases all of whose rows hold at each of ``batch`` points, exactly: [B, C]; boxes are not looked at."""
        sign = exact_affine(self.forms, values, self.reading).sign()
        fine = np.broadcast_to((sign > 0) | ((sign == 0) & ~self.strict), (batch, len(self.strict)))
        if not self.count:
            return np.zeros((batch, 0), dtype=np.bool_)
        return np.asarray(np.logical_and.reduceat(fine, self.start[:-1], axis=1))

    def holds(self, values: Mapping[str, Exact], inputs: FloatArray) -> BoolArray:
        """Which cases hold at which points [B, C], decided exactly; ``inputs`` [B, n] are the points themselves."""
        return np.asarray(self.rows_hold(values, len(inputs)) & self.inside(inputs)[:, self.region])

    def decided(self, box: Mapping[str, Ends], inputs: FloatArray) -> IntArray:
        """What enclosures of the blocks at points ``inputs`` [B, n] prove of each case: 1 it holds, -1 not, 0 neither.

        [B, C]; as :meth:`holds` where not 0.
        """
        low, high = enclose_affine(self.forms, box, self.reading)
        fine = (low > 0) | ((low == 0) & ~self.strict)
        out = (high < 0) | ((high == 0) & self.strict)
        state = np.broadcast_to(np.where(fine, 1, np.where(out, -1, 0)), (len(inputs), len(self.strict)))
        if not self.count:
            return np.zeros((len(inputs), 0), dtype=np.int64)
        rows = np.minimum.reduceat(state, self.start[:-1], axis=1)
        return np.asarray(np.where(self.inside(inputs)[:, self.region], rows, -1))

    def faults(self, sizes: Mapping[str, int], inputs: str) -> list[str]:
        """What is wrong with the data, in words; ``sizes``: of the blocks that rows may read. Empty if sound."""
        rows, cases, boxes = self.forms.size, self.count, self.lower.shape
        found = [f"a row reads {name!r}, which is no input or output" for name in self.forms.parts if name not in sizes]
        found = found or self.forms.faults(sizes)
        sides = (self.lower, self.upper, self.inner_lower, self.inner_upper)
        if len(boxes) != 2 or any(side.shape != boxes for side in sides) or boxes[1:] != (sizes[inputs],):
            found.append(f"boxes of shapes {', '.join(str(side.shape) for side in sides)} for {sizes[inputs]} inputs")
        elif not all(np.isfinite(side).all() for side in sides):
            found.append("a side of a box is not finite")
        elif (self.lower > self.upper).any():
            found.append("an outer box is empty")
        elif (self.inner_lower < self.lower).any() or (self.inner_upper > self.upper).any():
            found.append("an inner box is not contained in its outer box")
        if self.strict.shape != (rows,) or self.start.shape != (cases + 1,) or len(self.texts) != cases:
            found.append(f"{rows} rows and {cases} cases with {len(self.strict)} signs, {len(self.texts)} texts")
        elif self.start[0] != 0 or self.start[-1] != rows or (np.diff(self.start) < 1).any():
            found.append("a case has no row")
        if ((self.region < 0) | (self.region >= len(self.lower))).any():
            found.append("a case lies in a box that does not exist")
        return found
