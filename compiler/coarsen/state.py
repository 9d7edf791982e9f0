"""Spins of a system with their local fields: blocks are cut out of it as Ising problems and put back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ...ir.quadratic.ising_form import IsingForm
from ...ir.quadratic.triplets import Triplets
from ...ir.types import FloatArray, IntArray, SpinArray
from . import dense, kernels
from .system import System

FAST = 400
"""Spins from which compiled kernels are worth their start."""
RUN = 8
"""Neighbours by number that stay together where a dense system is shuffled."""


class State:
    """``spins`` [n] int8, ``local`` h + J s [n], ``energy``; blocks have at most ``budget`` spins.

    ``fast``: whether compiled kernels are used where there are any (None: by size). ``energy`` gathers rounding errors
    from block to block; :meth:`settle` recomputes all.
    """

    def __init__(self, system: System, spins: SpinArray, budget: int, fast: bool | None = None) -> None:
        self.system, self.budget = system, min(budget, system.size)
        self.spins: SpinArray = np.array(spins, dtype=np.int8)
        pairs = self.budget * (self.budget - 1) // 2
        room = max(1, pairs if system.dense else min(pairs, len(system.rows[1]) // 2))
        self.value, self.fields = np.empty(room), np.empty(max(1, self.budget))
        self.row, self.column = np.empty(room, np.int64), np.empty(room, np.int64)
        fast = (system.size >= FAST if fast is None else fast) and kernels.available()
        shape = "dense" if system.dense else "sparse"
        plain: Any = dense if system.dense else kernels
        self.cutter, self.putter = (getattr(kernels if fast else plain, f"{verb}_{shape}") for verb in ("cut", "put"))
        self.grower: Any = kernels.grow
        if fast:
            self.cutter, self.putter = kernels.compiled(self.cutter), kernels.compiled(self.putter)
            self.grower = kernels.compiled(self.grower)
        self.place = np.full(0 if system.dense else system.size, -1, np.int64)
        self.pairs: dict[int, tuple[IntArray, IntArray]] = {}
        self.settle()

    def settle(self) -> float:
        """Fields and energy from scratch."""
        self.local: FloatArray = self.system.local(self.spins)
        s = self.spins.astype(np.float64)
        self.energy = float(self.system.offset + (self.system.fields + self.local) @ s / 2)
        return self.energy

    def set(self, spins: SpinArray) -> None:
        """Take other spins [n]."""
        self.spins = np.array(spins, dtype=np.int8)
        self.settle()

    def cut(self, block: IntArray) -> IsingForm:
        """The energy over a block [k], all other spins standing still; its constant is left out. Pairs without coupler
        are in it where the system is dense."""
        k = len(block)
        if self.system.dense:
            count = self.cutter(self.system.matrix, block, self.spins, self.local, self.value, self.fields)
            if k not in self.pairs:
                row, column = np.triu_indices(k, 1)
                self.pairs[k] = row.astype(np.int64), column.astype(np.int64)
            row, column = self.pairs[k]
        else:
            count = self.cutter(
                self.system.rows, block, self.place, self.spins, self.local, self.row, self.column, self.value,
                self.fields,
            )  # fmt: skip
            row, column = self.row[:count].copy(), self.column[:count].copy()
        return IsingForm(0.0, self.fields[:k].copy(), Triplets(row, column, self.value[:count].copy()))

    def put(self, block: IntArray, new: SpinArray) -> float:
        """Set the spins of a block; returns the change of the energy."""
        matrix = self.system.matrix if self.system.dense else self.system.rows
        change = self.putter(matrix, block, new, self.spins, self.local)
        self.energy += change
        return float(change)

    def shuffled(self, rng: np.random.Generator) -> IntArray:
        """All spins in random order; in a dense system in runs of neighbours, whose couplings share cache lines."""
        n = self.system.size
        if not self.system.dense:
            return rng.permutation(n)
        runs = rng.permutation(-(-n // RUN))[:, None] * RUN + np.arange(RUN)
        order = runs.ravel()
        return np.asarray(np.roll(np.arange(n), int(rng.integers(n)))[order[order < n]])

    def blocks(self, order: IntArray) -> list[IntArray]:
        """All spins in blocks, begun in ``order`` [n]: grown along couplings where these are sparse, small pieces
        joined; chunks of the order itself where they are dense. Numbers ascend in each."""
        n, size = self.system.size, self.budget
        if self.system.dense:
            count = -(-n // size)
            return [np.sort(part) for part in np.array_split(order, count)] if n else []
        indptr, indices, _ = self.system.rows
        members, starts = np.empty(n, np.int64), np.zeros(n + 1, np.int64)
        count = self.grower(indptr, indices, order, size, np.zeros(n, np.bool_), members, starts)
        cuts = [0]
        for left, right in pairwise([*starts[1 : count + 1].tolist(), 2 * n + size]):
            if right - cuts[-1] > size:
                cuts.append(left)
        return [np.sort(members[left:right]) for left, right in pairwise(cuts)]


def energies(form: IsingForm, spins: SpinArray) -> FloatArray:
    """E [B] of spins [B, k] of a block."""
    found, s = form.triplets(), spins.astype(np.float64)
    return np.asarray(s @ form.h + (s[:, found.row] * s[:, found.column]) @ found.value)
