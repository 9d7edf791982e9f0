"""The rows of the cases of some trees that are shaped alike, bounded over batches of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..types import AnyArray, BoolArray, FloatArray, IntArray
from ..unsafe import UnsafeSet
from .backward import Pass, State, dot
from .network import Matrix, Network
from .numbers import SLACK, TINY, UNIT, gamma, reach

WIDE = 1 << 24
"""Largest table of rows in which equal directions are looked for."""


@dataclass(frozen=True, eq=False)
class Multipliers:
    """Sums of ``terms`` terms that are >= 0 on a node: ``rows`` block -> [B, n], ``sizes`` the same with magnitudes,
    ``constant`` [B]."""

    rows: dict[str, FloatArray]
    sizes: dict[str, FloatArray]
    constant: FloatArray
    terms: int


class Rows:
    """All rows of an unsafe set, prepared; ``roots``: bounds of the regions that were looked at last."""

    def __init__(self, network: Network, unsafe: UnsafeSet) -> None:
        self.network, self.unsafe = network, unsafe
        self.matrices = {name: Matrix.of(operator) for name, operator in unsafe.forms.parts.items()}
        self.exact = unsafe.reading == "dyadic"
        self.roots: dict[tuple[bytes, bytes], State] = {}

    @cached_property
    def direction(self) -> IntArray:
        """For each row [M] the first row with the same coefficients."""
        size = self.unsafe.forms.size
        width = sum(matrix.entries.shape[1] for matrix in self.matrices.values())
        if size < 2 or size * max(1, width) > WIDE or not width:
            return np.arange(size)
        table = np.hstack([matrix.pick(np.arange(size)[None])[0] for matrix in self.matrices.values()])
        _, first, which = np.unique(table, axis=0, return_index=True, return_inverse=True)
        return np.asarray(first[which.ravel()])


    def interval(self, state: State, rows: IntArray) -> FloatArray:
        """Upper bounds [B, D] of directions ``rows`` [B or 1, D] from the bounds of the blocks that they read.

        Exact where all products are 0, so that a strict row of outputs of one sign can be refuted.
        """
        total, size = np.zeros((1, 1)), np.zeros((1, 1))
        for name, matrix in self.matrices.items():
            found, (low, high) = matrix.pick(rows), state.bounds[name]
            up, down = np.maximum(found, 0.0), np.maximum(-found, 0.0)
            total = total + dot(up, high) - dot(down, low)
            size = size + dot(up, np.abs(high)) + dot(down, np.abs(low))
            count = dot(np.sign(up), np.abs(np.sign(high))) + dot(np.sign(down), np.abs(np.sign(low)))
            size = size + TINY / UNIT * count
        terms = sum(matrix.entries.shape[1] for matrix in self.matrices.values())
        return np.where(size == 0, total, total + gamma(terms + 8) * SLACK * size)


@dataclass(frozen=True, eq=False)
class Bounded:
    """Rows [B, m] on nodes: each is at most ``most``, and ``slope`` [B, m, n] . inputs plus a constant.

    ``linear``: the greatest value of the latter, rounded up.
    """

    most: FloatArray
    linear: FloatArray
    slope: FloatArray


@dataclass(frozen=True, eq=False)
class Group:
    """Trees [T] with cases [T, K] whose numbers of rows ``sizes`` [K] are the same."""

    rows: Rows
    trees: IntArray
    cases: IntArray
    sizes: IntArray

    @cached_property
    def table(self) -> IntArray:
        """The rows [T, m] of each tree, case by case."""
        unsafe = self.rows.unsafe
        return unsafe.rows_of(self.cases.ravel()).reshape(len(self.trees), -1)

    @property
    def starts(self) -> IntArray:
        """Where each case begins among the rows of its tree."""
        return np.asarray(np.cumsum(self.sizes) - self.sizes)

    def start(self, state: State, place: IntArray, extra: Multipliers | None) -> tuple[Pass, IntArray, IntArray]:
        """A pass with the directions of the rows of trees ``place`` [B] of the group, and their multipliers.

        Returns the directions too, [B or 1, D], and for each row [m] which of them it has.
        """
        network = self.rows.network
        if len(self.trees) == 1:
            used, which = np.unique(self.rows.direction[self.table[0]], return_inverse=True)
            rows, which = used[None], which.ravel()
        else:
            rows, which = self.table[place], np.arange(self.table.shape[1])
        run = Pass(network, state, len(network.steps) - 1)
        for name, matrix in self.rows.matrices.items():
            found = matrix.pick(rows)
            if not self.rows.exact:
                run.plus(dot(np.abs(found), 2 * UNIT * reach(state.bounds[name])))
            run.add(name, found)
        join(run, extra)
        return run, rows, which

    def bounded(self, state: State, place: IntArray, extra: Multipliers | None = None) -> Bounded:
        """Upper bounds of the rows on nodes of trees ``place`` [B]."""
        run, rows, which = self.start(state, place, extra)
        shape = len(place), rows.shape[1]
        with np.errstate(over="ignore", invalid="ignore"):
            linear = np.broadcast_to(run.most(), shape)[:, which]
            flat = np.broadcast_to(self.rows.interval(state, rows), shape)[:, which]
            offset = self.rows.unsafe.forms.offset[self.table[place]]
            linear, most = self.plus(linear, offset), self.plus(np.fmin(linear, flat), offset)
        slope = run.coefficients.get(self.rows.network.inputs, np.zeros((1, 1, 1)))
        return Bounded(most, linear, np.broadcast_to(slope, (*shape, slope.shape[2]))[:, which])

    def plus(self, base: FloatArray, offset: FloatArray) -> FloatArray:
        """Bounds and the rows' constants, rounded up; exact where there is nothing to add."""
        total = base + offset
        exact = (offset == 0) | ((base == 0) & self.rows.exact)
        total = total + np.where(exact, 0.0, 8 * UNIT * (np.abs(base) + np.abs(offset)) + TINY)
        return np.where(np.isfinite(total), total, np.inf)

    def refuted(self, most: FloatArray, place: IntArray) -> BoolArray:
        """Which cases [B, K] have a row that leaves no point, given upper bounds [B, m] of the rows."""
        out = (most < 0) | ((most == 0) & self.rows.unsafe.strict[self.table[place]])
        return np.asarray(np.logical_or.reduceat(out, self.starts, axis=1))

    def refuted_together(
        self, state: State, place: IntArray, weights: AnyArray, extra: Multipliers | None
    ) -> BoolArray:
        """The same with the rows of each case added up with ``weights`` [B, m]."""
        table, unsafe = self.table[place], self.rows.unsafe
        share = np.asarray(weights, np.float64)
        price = gamma(int(self.sizes.max()) + 6) * SLACK
        run = Pass(self.rows.network, state, len(self.rows.network.steps) - 1)
        with np.errstate(over="ignore", invalid="ignore"):
            for name, matrix in self.rows.matrices.items():
                rows = matrix.pick(table) * share[..., None]
                sizes = np.add.reduceat(np.abs(rows), self.starts, axis=1)
                run.plus(dot(sizes, price * reach(state.bounds[name])))
                run.add(name, np.add.reduceat(rows, self.starts, axis=1))
            offset = unsafe.forms.offset[table] * share
            run.plus(np.add.reduceat(offset, self.starts, axis=1))
            run.plus(price * np.add.reduceat(np.abs(offset), self.starts, axis=1) + 64 * TINY * table.shape[1])
            join(run, extra)
            most = run.most()
        strict = np.logical_or.reduceat((share > 0) & unsafe.strict[table], self.starts, axis=1)
        return np.asarray((most < 0) | ((most == 0) & strict))


def join(run: Pass, extra: Multipliers | None) -> None:
    """Add the multipliers' terms to every row of a pass."""
    if extra is None:
        return
    for name, rows in extra.rows.items():
        price = gamma(extra.terms + 4) * SLACK
        run.plus(dot(extra.sizes[name][:, None], price * reach(run.state.bounds[name])))
        run.add(name, rows[:, None])
    run.plus(extra.constant[:, None])
