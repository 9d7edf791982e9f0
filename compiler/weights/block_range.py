"""Blocks of rows linked by variables: the objective can't change by more than what touches the block.

Claims (independent): weight * gap > the largest change of the objective when one block's variables change, for every
row and other penalty of the block.

Proof. Let x minimise E and violate something in block C, and let some feasible point z exist. y agrees with z on the
variables of C and with x elsewhere: it satisfies all of C (fixed variables agree anyway, rows that no point of the box
violates need no care), and no other block's penalty changed, as blocks share no free variable. Terms of f without a
variable of C cancel in f(y) - f(x) <= range_C, so E(y) <= E(x) - weight * gap + range_C < E(x): contradiction.
The range counts each term c R(rest) P(C) with the same rest on both sides: |c| max|R| (max P - min P).

A range per *row* instead of per block is unsound when rows overlap: repairing one row may break the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._claim import Claim, Hints
from ._model import PenaltyModel


@dataclass(frozen=True)
class BlockRange:
    """See the module's docstring."""

    def claim(self, model: PenaltyModel, hints: Hints) -> Claim:
        """A claim about every active row and every other penalty."""
        count, label, block, other_block = model.blocks
        spread = np.maximum(model.objective.replacement(label, count), 0.0)
        need = np.full(model.rhs.size, np.inf)
        need[model.active] = spread[block[model.active]]
        return Claim.of(model, "range of the objective's terms that touch the block", need, other=spread[other_block])
