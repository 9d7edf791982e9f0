"""How far float64 lets the coefficients of a QUBO be off, and so how close two objective values may come.

Over the bits, a coefficient adds up entries of weight_r (a_r.x - b_r + slack)^2, of the product penalties and of the
objective. A bit of variable j stands for at most c_j = max(1, ceil(width_j / 2)) of it (codes with longer bits are
written out before the weights), a bit of row r's slack for half the slack's range. So at variable j

    linear:    sum_r weight_r |a_rj| c_j (|a_rj| c_j + 2 |b_r|)        coupler:    sum_r 2 weight_r |a_rj| c_j peak_r

bound the absolute sum of the entries of one coefficient, b_r taken at the lower bounds and peak_r the greatest |a| c of
the row; likewise for its slack, and with the objective's entries added. All of them are multiples of the power of two
that divides the weights and the objective's coefficients at j. Sums below 2^53 of it don't round, in any order. A
coefficient of k entries that does is off by at most (k + 4) 2^-53 times its entries' absolute sum (Higham, Accuracy and
Stability of Numerical Algorithms, section 4.2; two roundings in an entry), and an energy by all of these together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...ir.errors import Refused
from ...ir.types import FloatArray
from ..rows.dyadic import lowest_bit
from ..weights._claim import strict_weight
from ..weights._model import PenaltyModel
from ..weights._prove import Proof
from ..weights._rounding import EXACT, grain, group_sum

NOISE = 2.0**-24
"""Part of the objective's range up to which values may be mistaken where the coefficients lie on no common grid."""
DIGITS = 6
"""Most decimal places of a common grid."""


@dataclass(frozen=True)
class Precision:
    """``error``: how far an energy may be off. ``resolution``: least difference of two values of the objective (0:
    unknown). ``span``: the objective's range.
    """

    error: float
    resolution: float
    span: float

    @property
    def kept(self) -> bool:
        """Whether a ground state of the rounded energies has the least objective value (see NOISE)."""
        if not self.error or not self.span:
            return True
        return 4 * self.error < self.resolution if self.resolution else 2 * self.error <= NOISE * self.span


def precision(model: PenaltyModel, proof: Proof) -> Precision:
    """What float64 leaves of the energies at the proof's weights."""
    return Precision(energy_error(model, proof), resolution(model), proof.objective_range)


def energy_error(model: PenaltyModel, proof: Proof) -> float:
    """How far an energy with rounded coefficients may be off; 0 where none is rounded."""
    own = Entries.of_rows(model, proof)
    goal = Entries.of_objective(model)
    number, size = grain(proof.weight, proof.other_weight), model.lower.size
    unit = np.append(np.minimum(goal.unit, number), np.full(model.rhs.size, number))
    pair_unit = np.append(np.minimum(goal.pair_unit, number), np.full(model.rhs.size, number))
    slack = np.zeros(model.rhs.size)
    linear, pair = own.linear + np.append(goal.linear, slack), own.pair + np.append(goal.pair, slack)
    total, pair_total = own.total + np.append(goal.total, slack), own.pair_total + np.append(goal.pair_total, slack)
    lost = total[linear >= EXACT * unit].sum() + pair_total[pair >= EXACT * pair_unit].sum()
    counts = np.bincount(model.matrix.indices, minlength=size) + np.bincount(model.other.indices, minlength=size)
    return float((counts.max(initial=0) + 6) / EXACT * lost)


@dataclass(frozen=True, eq=False)
class Entries:
    """Absolute entries by variable (and row, for its slack) [n or n + m].

    ``linear``, ``pair``: of one coefficient at the most; ``total``, ``pair_total``: of all coefficients of the
    variable's bits, times the bits. ``unit``, ``pair_unit``: a power of two that divides them (inf: see the weights).
    """

    linear: FloatArray
    pair: FloatArray
    total: FloatArray
    pair_total: FloatArray
    unit: FloatArray
    pair_unit: FloatArray

    @classmethod
    def of_rows(cls, model: PenaltyModel, proof: Proof) -> Entries:
        """Of the row and product penalties: variables, then slacks."""
        n, m = model.lower.size, model.rhs.size
        table = model.matrix.tocoo()
        width = model.upper - model.lower
        side = np.abs(model.rhs - model.matrix @ model.lower) + 1.0
        room = np.where(model.equality, 0.0, np.maximum(model.rhs - model.activity[0], 0.0))
        row = np.concatenate([table.row, np.arange(m)]).astype(np.int64)
        column = np.concatenate([table.col, n + np.arange(m)]).astype(np.int64)
        reach = np.concatenate([np.abs(table.data) * width[table.col], room])
        bit = np.concatenate([np.abs(table.data) * half(width)[table.col], np.ceil(room / 2)])
        peak, bracket = np.zeros(m), side + group_sum(row, reach, m)
        np.maximum.at(peak, row, bit)
        weight = proof.weight[row]
        with np.errstate(over="ignore"):
            sums = [weight * bit * (bit + 2 * side[row]), 2 * weight * bit * peak[row],
                    weight * reach * (reach + 2 * side[row]), 2 * weight * reach * bracket[row]]  # fmt: skip
        touch = model.other.tocoo()
        extra = group_sum(touch.col.astype(np.int64), 4.0 * proof.other_weight[touch.row], n + m)
        linear, pair, total, pair_total = (group_sum(column, part, n + m) + extra for part in sums)
        none = np.full(n + m, np.inf)
        return cls(linear, pair, total, pair_total, none, none)

    @classmethod
    def of_objective(cls, model: PenaltyModel) -> Entries:
        """Of the objective, multiplied out over the bits."""
        goal, n = model.objective, model.lower.size
        far, width = np.maximum(goal.far, 1.0), model.upper - model.lower
        term, slot = np.nonzero(goal.factor >= 0)
        column = goal.factor[term, slot]
        powers = np.where(goal.factor >= 0, (3.0 * far)[goal.factor] ** goal.power, 1.0).prod(axis=1)
        share = group_sum(column, (np.abs(goal.coef) * powers)[term] / far[column], n)
        square = np.abs(goal.square) * 3.0 * far
        unit, pair_unit = lowest_bit(goal.linear), lowest_bit(goal.square)
        np.minimum.at(pair_unit, column, lowest_bit(goal.coef)[term])
        single, double = np.abs(goal.linear) + square + share, square + share
        return cls(single * half(width), double * half(width), single * width, double * width,
                   np.minimum(unit, pair_unit), pair_unit)  # fmt: skip


def half(width: FloatArray) -> FloatArray:
    """The longest bit of a code."""
    return np.maximum(1.0, np.ceil(width / 2))


def resolution(model: PenaltyModel) -> float:
    """The common grid of the objective's coefficients, binary or decimal; 0 without one."""
    goal = model.objective
    values = np.concatenate([goal.linear, goal.square, goal.coef])
    if goal.grain >= 2.0**-20:
        return goal.grain
    for digits in range(DIGITS + 1):
        whole = np.rint(values * 10.0**digits)
        if np.all((whole / 10.0**digits == values) & (np.abs(whole) < EXACT)):
            return 10.0**-digits
    return 0.0


def secured(model: PenaltyModel, proof: Proof) -> Proof:
    """The proof with weights that stay sufficient for energies rounded to float64.

    Every lemma gives, for a point that violates a row, one whose energy is less by at least weight * per - needed: more
    than twice the error of an energy keeps the order. Raises :class:`Refused` where no weight does that.
    """
    error = energy_error(model, proof)
    if not error or ample(proof, error):
        return proof
    unit = model.objective.unit
    need, base = proof.needed + 3 * error, np.where(np.isfinite(proof.base), proof.base + 3 * error, 0.0)
    weight = np.maximum(strict_weight(need, proof.per, unit), strict_weight(base, proof.gap, unit))
    other = strict_weight(proof.other_needed + 3 * error, proof.other_gap, unit)
    more = replace(
        proof,
        weight=few_bits(np.maximum(proof.weight, weight)),
        other_weight=few_bits(np.maximum(proof.other_weight, other)),
    )
    if not ample(more, energy_error(model, more)):
        text = "float64 energies can't tell points that violate a row: the numbers of the model are too far apart"
        raise Refused(text, code="too-wide", hint="scale the objective, or let rows be rounded: --rounding outward")
    return more


def ample(proof: Proof, error: float) -> bool:
    """Whether all weights exceed what they need by more than two errors."""
    rows = (proof.weight * proof.per - proof.needed > 2 * error) & (proof.weight * proof.gap - proof.base > 2 * error)
    return bool(rows.all() and (proof.other_weight * proof.other_gap - proof.other_needed > 2 * error).all())


def few_bits(weight: FloatArray, bits: int = 10) -> FloatArray:
    """Rounded up to so many significant bits, so that products with the integers of a row stay exact in float64."""
    mantissa, exponent = np.frexp(weight)
    return np.asarray(np.ldexp(np.ceil(np.ldexp(mantissa, bits)), exponent - bits))
