"""Sufficient penalty weights for a whole model, each with the rule that proves it.

Why a mixture of rules is a proof. Every claim (:mod:`._claim`) is a lemma about the minima of E, valid for any weights
>= 0 on what it does not claim. Let the weights be chosen row by row from several claims, let a feasible point exist,
and let x minimise E over points and slack.

1. Independent claims use no other claim, so x violates no row or other penalty whose weight rests on one. Rows tied
   together are taken together. Phase 2 of ``cardinality`` needs all one-hot rows to satisfy its ``base`` or to rest on
   another independent claim: rows that rest on ``incumbent`` are raised to the base if need be.
2. Then x violates only rows and others that rest on ``incumbent``, and its lemma finds a point of lower energy.

So x is feasible, E(x) = f(x) (its slack is best possible), and f(x) is the least over the feasible points, since any of
them has energy f at its best slack. Note that a *repair* argument, row after row, would not do: it is the single
minimum x that all lemmas speak about.

Without a feasible point nothing is claimed, except: a minimum of E above ``infeasible_above`` = max f proves that there
is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...ir.registry import Registry
from ...ir.types import BoolArray, FloatArray, IntArray
from ._claim import Hints, strict_weight
from ._model import PenaltyModel
from .global_range import objective_range

RULES = Registry("isinglass.compiler.weights", "weight rule")
DEFAULT = ("packing", "cardinality", "assignment", "block-range", "global-range", "incumbent")
DEPENDENT = ("incumbent",)
REDUNDANT = "redundant"


@dataclass(frozen=True, eq=False)
class Proof:
    """Weights with their proof. weight, needed, per, base [m] and rule [m]: weight * per > needed by the rule named, in
    exact arithmetic; weight is inf and the rule "" where no rule applies. other_* [q] likewise, per being other_gap.
    tied [m]: rows with the same number >= 0 must keep equal weight * gap. ``base``: see :class:`._claim.Claim`.
    """

    weight: FloatArray
    rule: tuple[str, ...]
    needed: FloatArray
    per: FloatArray
    base: FloatArray
    gap: FloatArray
    tied: IntArray
    other_weight: FloatArray
    other_rule: tuple[str, ...]
    other_needed: FloatArray
    other_gap: FloatArray
    text: dict[str, str]
    objective_range: float
    infeasible_above: float

    @property
    def proved(self) -> BoolArray:
        """Rows [m] with a proved weight."""
        return np.isfinite(self.weight)

    @property
    def other_proved(self) -> BoolArray:
        """Other penalties [q] with a proved weight."""
        return np.isfinite(self.other_weight)

    @property
    def complete(self) -> bool:
        """Whether everything is proved: every ground state is feasible and optimal if a feasible point exists."""
        return bool(self.proved.all() and self.other_proved.all())

    def accepts(self, weight: FloatArray, other_weight: FloatArray | None = None) -> bool:
        """Whether other weights [m], [q] are covered by the same proof (for reweighting)."""
        other = self.other_weight if other_weight is None else other_weight
        with np.errstate(invalid="ignore"):
            enough = (weight * self.per > self.needed) & (weight * self.gap > self.base)
            extra = other * self.other_gap > self.other_needed
        finite = np.isfinite(weight).all() and np.isfinite(other).all()
        if not (finite and enough.all() and extra.all()):
            return False
        order = np.lexsort((weight * self.gap, self.tied))
        force, number = (weight * self.gap)[order], self.tied[order]
        return bool(np.all((np.diff(force) == 0) | (np.diff(number) != 0) | (number[1:] < 0)))

    def report(self) -> dict[str, object]:
        """Figures per rule: rows, largest needed and chosen weight, least margin and contrast weight * per / needed."""
        names = np.array([*self.rule, *self.other_rule], dtype=object)
        weight = np.concatenate([self.weight, self.other_weight])
        needed = np.concatenate([self.needed, self.other_needed])
        reached = weight * np.concatenate([self.per, self.other_gap])
        rules: dict[str, object] = {}
        for name in sorted(set(names) - {""}):
            mine = names == name
            positive = mine & (needed > 0)
            rules[name] = {
                "rows": int(mine[: len(self.rule)].sum()),
                "others": int(mine[len(self.rule) :].sum()),
                "needed": float(needed[mine].max()),
                "weight": float(weight[mine].max()),
                "margin": float((reached - needed)[mine].min()),
                "contrast": float((reached[positive] / needed[positive]).min()) if positive.any() else None,
                "proof": self.text[name],
            }
        known = weight[np.isfinite(weight)]
        return {
            "complete": self.complete,
            "unproved": int((~np.isfinite(weight)).sum()),
            "largest": float(known.max(initial=0.0)),
            "smallest": float(known.min(initial=np.inf)) if known.size else None,
            "objective_range": self.objective_range,
            "rules": rules,
        }


def prove(
    model: PenaltyModel,
    rules: Sequence[str] = DEFAULT,
    incumbent: FloatArray | None = None,
    multipliers: FloatArray | None = None,
    margin: float | None = None,
) -> Proof:
    """The least weight per row and per other penalty that one of the rules proves.

    incumbent [n], multipliers [m]: see the rule ``incumbent``. margin > 0: by how much weight * gap exceeds what is
    needed; by default it is raised to the next unit of the objective. Rows that nothing in the box violates get the
    least positive weight. Raises UsageError for an unknown rule, Refused for an infeasible incumbent.
    """
    m, q = model.rhs.size, model.other_gap.size
    unit = model.objective.unit
    claims = {str(key): RULES[key]().claim(model, Hints(incumbent, multipliers)) for key in rules}
    weight, names = np.full(m, np.inf), np.full(m, "", dtype=object)
    needed, per, tied = np.full(m, np.inf), model.gap.copy(), np.full(m, -1, np.int64)
    other_weight, other_names, other_needed = np.full(q, np.inf), np.full(q, "", dtype=object), np.full(q, np.inf)
    for key, claim in claims.items():
        offer = strict_weight(claim.need, claim.per, unit, margin)
        better = _better(offer, weight, claim.tied, tied)
        weight, per = np.where(better, offer, weight), np.where(better, claim.per, per)
        needed, tied = np.where(better, claim.need, needed), np.where(better, claim.tied, tied)
        names[better] = key
        offer = strict_weight(claim.other, model.other_gap, unit, margin)
        better = offer < other_weight
        other_weight, other_needed = np.where(better, offer, other_weight), np.where(better, claim.other, other_needed)
        other_names[better] = key
    idle = ~model.active
    weight = np.where(idle, strict_weight(np.zeros(m), model.gap, unit, margin), weight)
    needed, per, tied = np.where(idle, 0.0, needed), np.where(idle, model.gap, per), np.where(idle, -1, tied)
    names[idle] = REDUNDANT
    base = np.full(m, -np.inf)
    for key in set(names) - {"", REDUNDANT}:
        base = np.where(np.isin(names, DEPENDENT), np.maximum(base, claims[key].base), base)
    weight = np.maximum(weight, np.where(base > -np.inf, strict_weight(base, model.gap, unit, margin), 0.0))
    spread = objective_range(model)
    return Proof(
        weight=weight, rule=tuple(names), needed=needed, per=per, base=base, gap=model.gap, tied=tied,
        other_weight=other_weight, other_rule=tuple(other_names), other_needed=other_needed, other_gap=model.other_gap,
        text={key: claim.text for key, claim in claims.items()} | {REDUNDANT: "no point of the box violates the row"},
        objective_range=spread, infeasible_above=model.objective.greatest(model.constant),
    )


def _better(offer: FloatArray, weight: FloatArray, tied: IntArray, held: IntArray) -> BoolArray:
    """Rows [m] that switch to the offer: single ones where it is less, tied ones together if their largest is."""
    better = offer < weight
    both = np.concatenate([tied[tied >= 0], held[held >= 0]])
    if not both.size:
        return better
    # A block that is offered tied, or is held tied, moves as a whole; a number names the same block on both sides.
    group = np.where(tied >= 0, tied, held)
    count = int(both.max()) + 1
    new, old = np.zeros(count), np.zeros(count)
    member = group >= 0
    np.maximum.at(new, group[member], offer[member])
    np.maximum.at(old, group[member], weight[member])
    return np.where(member, (new < old)[group], better)
