"""Ground states of a quadratic form by visiting all 2^n states, as matrix products over blocks of states.

The first b variables are the low ones: all their 2^b energies are computed once. For a chunk of assignments z of the
others, E(y, z) = E_low(y) + E_high(z) + y . (C z): one product [2^b, b] x [b, chunk] gives 2^b chunk energies. Where
all coefficients are whole multiples of one number and their sizes sum to less than 2^53 of it, every step is exact.
Else all states within the rounding error of the least energy are compared without rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np

from ..ir.errors import Refused
from ..ir.protocols import Limits
from ..ir.quadratic.form import QuadraticForm
from ..ir.quadratic.ising_form import common_unit
from ..ir.rational import Integers
from ..ir.types import FloatArray, IntArray

LOW = 12
"""Most variables of a block."""
CHUNK = 512
"""Assignments of the other variables that are handled at a time."""
CLOSE = 1 << 16
"""Most states within the rounding error of the least energy that are compared without rounding."""
ROWS = 4096
"""States handled at a time there."""
LIMB = 40
"""Bits of whole numbers that are added up at a time: sums of 2^13 of them stay below 2^53."""


@dataclass(frozen=True, eq=False)
class GroundStates:
    """``states`` [g, n] and their ``energy`` [g], best first, then ascending (variable 0 the lowest bit); ``more``:
    there are further ones. ``visited`` is false when the time was over before all states were visited, ``compared``
    when more than CLOSE states were too close to each other."""

    states: FloatArray
    energy: FloatArray
    more: bool
    visited: bool
    compared: bool

    @property
    def complete(self) -> bool:
        """Whether the first state has the least energy of all."""
        return self.visited and self.compared


def ground_states(form: QuadraticForm, cap: int, limits: Limits, most: int = 30) -> GroundStates:
    """All ground states, and what lies within the rounding error of their energy (see above): the best ``cap`` of them.
    Raises :class:`Refused` beyond ``most`` variables."""
    if form.size > most:
        message = f"{form.size} binaries are too many to enumerate: at most {most}"
        raise Refused(message, code="too-large", hint="use neal, tabu or highs, or shrink the problem")
    blocks = _Blocks(form)
    slack = blocks.slack()
    least = np.full(blocks.chunks, np.inf)
    visited = True
    for chunk in range(blocks.chunks):
        least[chunk] = blocks.energies(chunk).min()
        if limits.over:
            visited = chunk == blocks.chunks - 1
            break
    bound = least.min() + slack
    found: list[IntArray] = []
    count = 0
    for chunk in np.flatnonzero(least <= bound).tolist():
        found.append(blocks.states(chunk, bound))
        count += len(found[-1])
        if count > (CLOSE if slack else cap):
            break
    numbers = np.sort(np.concatenate(found))
    if not slack:
        states = _bits(numbers[:cap], form.size)
        return GroundStates(states, form.energies(states), count > cap, visited, True)
    states = _bits(numbers[:CLOSE], form.size)
    whole, scale = whole_energies(form, states)
    order = np.argsort(whole, kind="stable")[:cap]
    energy = np.array([value / scale for value in whole[order].tolist()])
    return GroundStates(states[order], energy, count > cap, visited, count <= CLOSE)


class _Blocks:
    """The energies of all states, chunk by chunk."""

    def __init__(self, form: QuadraticForm) -> None:
        self.form, n = form, form.size
        self.low = min(LOW, n)
        self.high = n - self.low
        upper = form.matrix()
        empty = np.zeros(self.high)
        inner = QuadraticForm(form.offset, form.linear[: self.low], upper[: self.low, : self.low])
        self.outer = QuadraticForm(0.0, form.linear[self.low :] + empty, upper[self.low :, self.low :])
        self.cross = upper[: self.low, self.low :]
        self.rows = _bits(np.arange(1 << self.low), self.low)
        self.base = inner.energies(self.rows)
        self.chunks = -(-(1 << self.high) // CHUNK)

    def slack(self) -> float:
        """0 where all energies are exact; else more than twice their greatest rounding error.

        Each energy is a sum of at most n^2 products in some order; standard bound with u = 2^-53.
        """
        values = np.concatenate([[self.form.offset], self.form.linear, self.form.triplets().value])
        unit, total = common_unit(values), float(np.abs(values).sum())
        if unit and total < 2.0**53 * unit:
            return 0.0
        return 4 * (self.form.size + 2) ** 2 * 2.0**-53 * total

    def energies(self, chunk: int) -> FloatArray:
        """[2^low, CHUNK] (fewer columns in the only chunk of a small form)."""
        stop = min((chunk + 1) * CHUNK, 1 << self.high)
        others = _bits(np.arange(chunk * CHUNK, stop), self.high)
        energies = self.rows @ (self.cross @ others.T)
        energies += self.base[:, None]
        energies += self.outer.energies(others)
        return np.asarray(energies)

    def states(self, chunk: int, bound: float) -> IntArray:
        """Numbers of the states at most ``bound``."""
        low, high = np.nonzero(self.energies(chunk) <= bound)
        return ((high + chunk * CHUNK) << self.low) | low


def _bits(numbers: IntArray, size: int) -> FloatArray:
    """[B, size], the lowest bit first."""
    return ((numbers[:, None] >> np.arange(size)) & 1).astype(np.float64)


def exact_energies(form: QuadraticForm, states: FloatArray) -> list[Fraction]:
    """The energies of 0/1 states [B, n] without any rounding."""
    whole, scale = whole_energies(form, states)
    return [Fraction(value, scale) for value in whole.tolist()]


def whole_energies(form: QuadraticForm, states: FloatArray) -> tuple[Integers, int]:
    """The energies of 0/1 states [B, n] as whole numbers [B], times a common factor."""
    couplers = form.triplets()
    values = [form.offset, *form.linear.tolist(), *couplers.value.tolist()]
    fractions = [Fraction(value) for value in values]
    scale = lcm(*(value.denominator for value in fractions))
    left = [int(value * scale) for value in fractions]
    parts = [slice(start, start + (1 << (53 - LIMB))) for start in range(0, len(values), 1 << (53 - LIMB))]
    total = np.zeros(len(states), dtype=object)
    for start in range(0, len(states), ROWS):
        on = states[start : start + ROWS].astype(bool)
        pairs = on[:, couplers.row] & on[:, couplers.column]
        used = np.concatenate([np.ones((len(on), 1)), on, pairs], axis=1)
        for part in parts:
            total[start : start + ROWS] += _limb_sums(used[:, part], left[part])
    return total, scale


def _limb_sums(used: FloatArray, whole: list[int]) -> Integers:
    """Products of a 0/1 matrix [B, k] with whole numbers [k], LIMB bits at a time in float64."""
    total, shift = np.zeros(len(used), dtype=object), 0
    while any(abs(value) >> shift for value in whole):
        limbs = [(abs(value) >> shift) % (1 << LIMB) * (1 if value > 0 else -1) for value in whole]
        sums = used @ np.array(limbs, dtype=np.float64)
        total, shift = total + (sums.astype(np.int64).astype(object) << shift), shift + LIMB
    return total
