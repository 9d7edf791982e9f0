"""Integers as bits: x = offset + sum of weight * bit over the bits that an integer owns.

The canonical inverse is data too. ``greedy`` takes the largest weights first (equal weights in order), which reaches
every value when each weight is at most one more than the sum of the smaller ones: log, bounded, unary, domain-wall.
``choice`` sets the one bit whose weight is the value: one-hot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..operators.code import Code as CodeOperator
from ..types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Code:
    """Block ``variable`` [n] = ``code`` applied to block ``into`` [bits] + ``offset`` [n]; ``inverse`` as above."""

    variable: str
    into: str
    code: CodeOperator
    offset: FloatArray
    inverse: str = "greedy"

    def up(self, values: dict[str, FloatArray]) -> dict[str, FloatArray]:
        rest = dict(values)
        bits = rest.pop(self.into)
        return {**rest, self.variable: self.code.apply(bits) + self.offset}

    def down(self, values: dict[str, FloatArray]) -> tuple[dict[str, FloatArray], BoolArray]:
        rest = dict(values)
        left = rest.pop(self.variable) - self.offset
        bits = np.zeros((len(left), len(self.code.owner)))
        if self.inverse == "choice":
            bits[:] = left[:, self.code.owner] == self.code.weight
        else:
            for chosen in self._rounds():  # as many as the longest code has bits
                owner, weight = self.code.owner[chosen], self.code.weight[chosen]
                take = left[:, owner] >= weight
                bits[:, chosen] = take
                left[:, owner] -= take * weight
        back = self.code.apply(bits) + self.offset
        rest[self.into] = bits
        return rest, np.asarray((back == values[self.variable]).all(axis=1))

    def _rounds(self) -> list[IntArray]:
        """The bits grouped so that no integer occurs twice in a group, each integer's largest weights first."""
        order = np.lexsort((np.arange(len(self.code.owner)), -self.code.weight, self.code.owner))
        owners = self.code.owner[order]
        first = np.searchsorted(owners, owners, side="left")
        rank = np.arange(len(order)) - first
        return [order[rank == r] for r in range(int(rank.max(initial=-1)) + 1)]
