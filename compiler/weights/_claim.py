"""What a weight rule returns, and how a strict weight is chosen from it.

A claim is a lemma about minima of the energy. Let x minimise E (over x and slack) with any weights >= 0 on what is not
claimed. An *independent* claim says: x violates no row r with weight_r * per_r > need_r, and no other penalty t with
other_weight_t * other_gap_t > other_t. A *dependent* claim says the same about x that satisfies all rows and others
outside the claim's use. Both survive larger weights, except that rows tied together must keep weight * gap equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir.types import FloatArray, IntArray
from ._model import PenaltyModel


@dataclass(frozen=True, eq=False)
class Hints:
    """What a driver may hand to the rules: a feasible point [n] and multipliers [m] of the rows, of any quality."""

    incumbent: FloatArray | None = None
    multipliers: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Claim:
    """need, per, base [m]; other [q]; tied [m]. inf in ``need`` or ``other``: nothing claimed.

    ``base``: if the claim is used for any row, then every row needs weight * gap > base unless an independent claim
    covers it (-inf: no condition). ``tied``: rows with the same number >= 0 take the claim together, with equal
    weight * gap, or not at all.
    """

    need: FloatArray
    per: FloatArray
    other: FloatArray
    base: FloatArray
    tied: IntArray
    text: str

    @classmethod
    def of(
        cls,
        model: PenaltyModel,
        text: str,
        need: FloatArray,
        other: FloatArray | None = None,
        per: FloatArray | None = None,
        base: FloatArray | None = None,
        tied: IntArray | None = None,
    ) -> Claim:
        """A claim in units of weight * gap, without ``other``, ``base`` and ``tied`` unless given; nan becomes inf."""
        m, q = model.rhs.size, model.other_gap.size
        other = np.full(q, np.inf) if other is None else other
        return cls(
            need=np.where(np.isnan(need), np.inf, need),
            per=model.gap if per is None else per,
            other=np.where(np.isnan(other), np.inf, other),
            base=np.full(m, -np.inf) if base is None else base,
            tied=np.full(m, -1, np.int64) if tied is None else tied,
            text=text,
        )


def strict_weight(need: FloatArray, per: FloatArray, unit: float, margin: float | None = None) -> FloatArray:
    """Weights > 0 with weight * per > need in exact arithmetic; inf where need is inf.

    weight * per aims at the next multiple of ``unit`` (a power of two) above need, so a contrast of at least one unit
    for an objective that counts in units, and few bits otherwise; with ``margin`` at need + margin. The test in
    float64 is a proof: rounding is monotone, so fl(w * per) > need implies w * per > need.
    """
    need = np.maximum(need, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        target = unit * (np.floor(need / unit) + 1) if margin is None else need + margin
        weight = target / per
        while np.any(low := (np.isfinite(need) & ~(weight * per > need))):
            weight = np.where(low, np.nextafter(weight, np.inf), weight)
    return np.asarray(np.where(np.isfinite(need), weight, np.inf))
