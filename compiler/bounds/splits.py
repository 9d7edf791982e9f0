"""Splits of blocks, batched, and multiples of them: what Beta-CROWN adds to a row.

A split says ``x <= value`` or ``x >= value`` of one element of a block. On its side ``value - x`` or ``x - value`` is
not negative, so a multiple m >= 0 of it may be added to an upper bound of any row (Wang et al., Beta-CROWN, NeurIPS
2021). The sums of multiples are off by rounding, which :class:`~isinglass.compiler.bounds.backward.Pull` accounts for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.sums import sum_by
from ...ir.types import BoolArray, FloatArray, IntArray
from .backward import Pull


@dataclass(frozen=True, eq=False)
class Splits:
    """D splits for each of B boxes, all arrays [B, D]: ``block`` indexes ``names`` (-1: no split here), ``element`` the
    block's elements; ``above``: x >= value, else x <= value."""

    names: tuple[str, ...]
    block: IntArray
    element: IntArray
    value: FloatArray
    above: BoolArray

    @classmethod
    def none(cls, batch: int) -> Splits:
        """No split at all."""
        none = np.zeros((batch, 0), dtype=np.int64)
        return cls((), none, none, np.zeros((batch, 0)), np.zeros((batch, 0), dtype=np.bool_))

    @property
    def depth(self) -> int:
        return int(self.block.shape[1])

    @property
    def sign(self) -> FloatArray:
        """+1 above, -1 below, 0 where there is no split [B, D]."""
        return np.where(self.block < 0, 0.0, np.where(self.above, 1.0, -1.0))

    def pick(self, index: IntArray | BoolArray) -> Splits:
        """The splits of some of the boxes."""
        return Splits(self.names, self.block[index], self.element[index], self.value[index], self.above[index])

    def places(self, name: str) -> tuple[IntArray, IntArray, IntArray]:
        """Box, depth and element of every split on a block."""
        if name not in self.names:
            none = np.zeros(0, dtype=np.int64)
            return none, none, none
        box, depth = np.nonzero(self.block == self.names.index(name))
        return box, depth, self.element[box, depth]

    def pulls(self, multipliers: FloatArray, sizes: dict[str, int]) -> dict[str, Pull]:
        """The multiples [B, D] as additions to rows; ``sizes`` of the blocks by name."""
        found = {}
        batch = len(self.block)
        signed = self.sign * multipliers
        for name in self.names:
            box, depth, element = self.places(name)
            shape, flat = (batch, sizes[name]), box * sizes[name] + element
            amount, shift = signed[box, depth], -signed[box, depth] * self.value[box, depth]
            found[name] = Pull(
                sum_by(flat, amount, batch * sizes[name]).reshape(shape),
                sum_by(box, shift, batch),
                sum_by(flat, np.abs(amount), batch * sizes[name]).reshape(shape),
                sum_by(box, np.abs(shift), batch),
                self.depth + 1,
            )
        return found
