"""The objective of a penalty model, and what the weight rules need to know about it over the box.

f(x) = constant + sum_j (linear_j x_j + square_j x_j^2) + sum_t coef_t prod_s x_{factor_ts}^{power_ts}

All answers are upper bounds on changes of f between two points of the box, in the sense of :mod:`._rounding`.
Products of variable values are integers below 2^52 (the model sees to that), so only coefficients bring rounding in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...ir.types import BoolArray, FloatArray, IntArray
from ._rounding import EPS, EXACT, grain, sum_up, up


def _times(a: tuple[FloatArray, FloatArray], b: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Product of two intervals."""
    ends = (a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1])
    low = np.minimum(np.minimum(ends[0], ends[1]), np.minimum(ends[2], ends[3]))
    high = np.maximum(np.maximum(ends[0], ends[1]), np.maximum(ends[2], ends[3]))
    return low, high


def _power(low: FloatArray, high: FloatArray, power: IntArray) -> tuple[FloatArray, FloatArray]:
    """Interval of t^power for real t in [low, high], power >= 0."""
    a, b = low**power, high**power
    even = power % 2 == 0
    least = np.where(even & (low <= 0) & (high >= 0) & (power > 0), 0.0, np.minimum(a, b))
    return np.where(even, least, a), np.where(even, np.maximum(a, b), b)


@dataclass(frozen=True, eq=False)
class Objective:
    """Shapes: lower, upper, linear, square [n]; coef [t]; factor, power [t, d], unused slots -1 and 0."""

    lower: FloatArray
    upper: FloatArray
    linear: FloatArray
    square: FloatArray
    coef: FloatArray
    factor: IntArray
    power: IntArray

    @cached_property
    def far(self) -> FloatArray:
        """Largest magnitude of each variable [n]."""
        return np.maximum(np.abs(self.lower), np.abs(self.upper))

    @cached_property
    def _boxes(self) -> tuple[FloatArray, FloatArray]:
        """Interval of every factor of every term [t, d]; 1 in unused slots."""
        used = self.factor >= 0
        low, high = np.where(used, self.lower[self.factor], 1.0), np.where(used, self.upper[self.factor], 1.0)
        return (low, high) if np.all(self.power <= 1) else _power(low, high, self.power)

    @cached_property
    def grain(self) -> float:
        """Largest power of two that divides every coefficient (inf for a constant objective)."""
        return grain(self.linear, self.square, self.coef)

    @cached_property
    def magnitude(self) -> float:
        """Bound on the sum of all terms' magnitudes over the box, times a factor that covers every sum formed here."""
        low, high = self._boxes
        terms = np.abs(self.coef) * np.maximum(np.abs(low), np.abs(high)).prod(axis=1)
        degree = 1 + int(self.power.sum(axis=1).max(initial=1))
        single = np.abs(self.linear) * np.maximum(self.far, 1) + np.abs(self.square) * np.maximum(self.far, 1) ** 2
        return float(16 * degree * (single.sum() + terms.sum()))

    @cached_property
    def exact(self) -> bool:
        """Whether no sum formed here rounds."""
        return self.magnitude < EXACT * self.grain

    @cached_property
    def unit(self) -> float:
        """A power of two to count weights in: the grain if coefficients have 20 bits, else 2^-10 of the largest."""
        largest = max((float(np.abs(a).max(initial=0.0)) for a in (self.linear, self.square, self.coef)), default=0.0)
        if largest == 0.0:
            return 1.0
        return self.grain if largest <= 2.0**20 * self.grain else float(2.0 ** (np.floor(np.log2(largest)) - 10))

    def value(self, x: FloatArray) -> FloatArray:
        """f without its constant at points x [B, n], in plain float64."""
        total = x @ self.linear + (x * x) @ self.square
        if self.coef.size:
            product = np.ones((x.shape[0], self.coef.size))
            for s in range(self.factor.shape[1]):
                product *= np.where(self.factor[:, s] >= 0, x[:, self.factor[:, s]] ** self.power[:, s], 1.0)
            total = total + product @ self.coef
        return np.asarray(total)

    def single(self, linear: FloatArray, exact: bool) -> tuple[FloatArray, FloatArray]:
        """Outward bounds [n] on linear x + square x^2 over the integers of the box.

        The extremes lie at an end or beside the vertex; two neighbours on each side cover the vertex's rounding.
        """
        with np.errstate(all="ignore"):
            vertex = np.nan_to_num(np.floor(-linear / (2 * self.square)))
        near = [np.clip(vertex + k, self.lower, self.upper) for k in (-1, 0, 1, 2)] if np.any(self.square) else []
        x = np.stack([self.lower, self.upper, *near])
        value = linear * x + self.square * x**2
        slack = 0.0 if exact else 4 * EPS * (np.abs(linear * x) + np.abs(self.square) * x**2)
        return np.asarray((value - slack).min(axis=0)), np.asarray((value + slack).max(axis=0))

    def greatest(self, constant: float) -> float:
        """Upper bound on constant + f over the box."""
        exact = self.magnitude + abs(constant) < EXACT * min(self.grain, grain(np.array([constant])))
        low, high = self._product(np.arange(self.coef.size), np.ones(self.factor.shape, np.bool_))
        terms = up(np.maximum(self.coef * low, self.coef * high), exact)
        values = np.concatenate([[constant], self.single(self.linear, exact)[1], terms])
        return float(sum_up(values, np.zeros(values.size, np.int64), 1, exact)[0])

    def _split(self, label: IntArray) -> tuple[IntArray, IntArray, BoolArray]:
        """Pairs (term, label) with the label among the term's factors, and which factors [k, d] carry it."""
        width = self.factor.shape[1]
        labels = np.where(self.factor >= 0, label[self.factor], -1)
        terms: list[IntArray] = []
        for s in range(width):
            fresh = labels[:, s] >= 0
            for r in range(s):
                fresh &= labels[:, r] != labels[:, s]
            terms.append(np.flatnonzero(fresh) * width + s)
        flat = np.concatenate(terms) if terms else np.zeros(0, np.int64)
        term, slot = flat // max(width, 1), flat % max(width, 1)
        tag = labels[term, slot]
        return term, tag, labels[term] == tag[:, None]

    def _product(self, term: IntArray, mask: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Interval of the product of the chosen factors of the chosen terms."""
        low, high = self._boxes
        result = np.ones(term.size), np.ones(term.size)
        for s in range(self.factor.shape[1]):
            chosen = mask[:, s]
            result = _times(result, (np.where(chosen, low[term, s], 1.0), np.where(chosen, high[term, s], 1.0)))
        return result

    def replacement(
        self,
        label: IntArray,
        size: int,
        point: FloatArray | None = None,
        tilt: tuple[FloatArray, FloatArray] | None = None,
        exact: bool | None = None,
    ) -> FloatArray:
        """Upper bounds [size] on f(y_c, x_rest) - f(x) - tilt . x_c over the box, for each label c.

        label [n] names the block of each variable (-1: none); y_c is ``point`` on block c, or anything in the box when
        no point is given; ``tilt`` is a pair (value, error) [n]. A term c R(rest) P(block) changes by
        c R (P(y) - P(x)) with the same R at both points, which is why the rest enters as a factor only.
        """
        exact = self.exact if exact is None else exact
        slope, error = tilt if tilt is not None else (np.zeros_like(self.linear), np.zeros_like(self.linear))
        inside = label >= 0
        low, high = self.single(self.linear, exact)
        if tilt is not None:
            low, _ = self.single(self.linear + slope, exact)
            low = low if exact else np.nextafter(low - (error + EPS * np.abs(self.linear + slope)) * self.far, -np.inf)
        values, groups = [-low[inside]], [label[inside]]
        if point is None:
            values.append(high[inside])
        else:
            values += [up(self.linear * point, exact)[inside], up(self.square * point**2, exact)[inside]]
            groups.append(label[inside])
        groups.append(label[inside])
        term, tag, mask = self._split(label)
        block, rest = self._product(term, mask), self._product(term, ~mask)
        target = block
        if point is not None:
            chosen = mask & (self.factor[term] >= 0)
            fixed = np.where(chosen, point[self.factor[term]] ** self.power[term], 1.0).prod(axis=1)
            target = fixed, fixed
        least, most = _times(rest, (target[0] - block[1], target[1] - block[0]))
        values.append(up(np.maximum(self.coef[term] * least, self.coef[term] * most), exact))
        groups.append(tag)
        return sum_up(np.concatenate(values), np.concatenate(groups), size, exact)

    @cached_property
    def steps(self) -> tuple[FloatArray, FloatArray]:
        """Upper bounds [n] on f(x - e_j) - f(x) and on f(x + e_j) - f(x) wherever both points lie in the box.

        A factor x^a changes by a xi^(a-1) with xi between the two points (mean value theorem).
        """
        n = self.linear.size
        values: list[list[FloatArray]] = [[], []]
        groups: list[IntArray] = []
        for s in range(self.factor.shape[1]):
            term = np.flatnonzero(self.factor[:, s] >= 0)
            j, a = self.factor[term, s], self.power[term, s]
            others = np.arange(self.factor.shape[1]) != s
            rate = _power(self.lower[j], self.upper[j], a - 1)
            rest = self._product(term, np.broadcast_to(others, (term.size, others.size)))
            least, most = _times(rest, (a * rate[0], a * rate[1]))
            ends = self.coef[term] * least, self.coef[term] * most
            values[0].append(up(np.maximum(-ends[0], -ends[1]), self.exact))
            values[1].append(up(np.maximum(ends[0], ends[1]), self.exact))
            groups.append(j)
        group = np.concatenate([np.arange(n), *groups])
        costs = []
        for sign, parts in zip((-1.0, 1.0), values, strict=True):
            # (x +- 1)^2 - x^2 = 1 +- 2x, linear in x: the ends of the range decide.
            x = np.stack([self.lower, self.upper - 1] if sign > 0 else [self.lower + 1, self.upper])
            move = sign * self.linear + self.square * (1 + sign * 2 * x)
            slack = 0.0 if self.exact else 4 * EPS * (np.abs(self.linear) + np.abs(self.square * (1 + sign * 2 * x)))
            slack = np.where(self.square == 0, 0.0, slack)
            costs.append(sum_up(np.concatenate([(move + slack).max(axis=0), *parts]), group, n, self.exact))
        return costs[0], costs[1]

    def insertion(self, owner: IntArray, size: int, group: IntArray, own: IntArray) -> FloatArray:
        """Upper bounds [size] on sum_{j of one owner} f(x + e_j) - f(x), with at most one 1 in each group of binaries.

        owner [n]: in 0..size-1 for binaries to insert, else -1. group [n]: group of each binary, -1 for none.
        own [n, s]: variables sharing a label with j (same column, not -1) are 0. Terms with j are gathered by a partner
        k in a group; sum_k T_ok x_k is then at most the sum over groups of the largest T_ok, or of 0.
        """
        n, width = self.linear.size, self.factor.shape[1]
        picked = np.flatnonzero(owner >= 0)
        values, owners = [self.linear[picked], self.square[picked]], [owner[picked], owner[picked]]
        pair_value, pair_key = [np.zeros(0)], [np.zeros(0, np.int64)]
        for s in range(width):
            term = np.flatnonzero((self.factor[:, s] >= 0) & (owner[self.factor[:, s]] >= 0))
            j, others = self.factor[term, s], self.factor[term].copy()
            others[:, s] = -1
            shut = (own[others] == own[j][:, None, :]) & (own[j][:, None, :] >= 0) & (others >= 0)[:, :, None]
            keep = ~shut.any(axis=(1, 2))
            term, j, others = term[keep], owner[j[keep]], others[keep]
            grouped = (others >= 0) & (group[others] >= 0)
            has, lines = grouped.any(axis=1), np.arange(term.size)
            partner = others[lines, grouped.argmax(axis=1)]
            mask = others >= 0
            mask[lines[has], grouped.argmax(axis=1)[has]] = False
            rest = self._product(term, mask)
            value = up(np.maximum(self.coef[term] * rest[0], self.coef[term] * rest[1]), self.exact)
            values.append(value[~has])
            owners.append(j[~has])
            pair_value.append(value[has])
            pair_key.append(j[has] * n + partner[has])
        best, place = self._group_maxima(np.concatenate(pair_value), np.concatenate(pair_key), group)
        return sum_up(np.concatenate([*values, best]), np.concatenate([*owners, place]), size, self.exact)

    def _group_maxima(self, values: FloatArray, keys: IntArray, group: IntArray) -> tuple[FloatArray, IntArray]:
        """For each (o, group): max(0, max over k in the group of the sum of values with key o n + k), and its o."""
        n = self.linear.size
        pairs, place = np.unique(keys, return_inverse=True)
        sums = np.maximum(sum_up(values, place.astype(np.int64), pairs.size, self.exact), 0.0)
        buckets, place = np.unique(pairs // n * (n + 1) + group[pairs % n], return_inverse=True)
        best = np.zeros(buckets.size)
        np.maximum.at(best, place, sums)
        return best, buckets // (n + 1)
