"""The whole objective's range: one weight for every row, whatever the rows look like.

Claims (independent): weight * gap > max f - min f over the box.

Proof. Let x minimise E and violate row r, and let a feasible point y exist: E(y) = f(y) <= max f < min f + weight * gap
<= f(x) + weight_r p_r(x) <= E(x): contradiction.

Source: the usual sufficient penalty (qiskit-optimization, ToQUBO.jl), here with the row's proved violation gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._claim import Claim, Hints
from ._model import PenaltyModel


def objective_range(model: PenaltyModel) -> float:
    """Upper bound on max f - min f over the box: per variable exactly, per term by its interval."""
    label = np.where(model.free, 0, -1).astype(np.int64)
    return max(float(model.objective.replacement(label, 1)[0]), 0.0)


@dataclass(frozen=True)
class GlobalRange:
    """See the module's docstring."""

    def claim(self, model: PenaltyModel, hints: Hints) -> Claim:
        """A claim about every active row and every other penalty."""
        spread = objective_range(model)
        need = np.where(model.active, spread, np.inf)
        return Claim.of(model, "range of the objective over the box", need, other=np.full(model.other_gap.size, spread))
