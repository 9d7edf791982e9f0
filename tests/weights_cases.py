"""Random tiny penalty models and their judgement by enumeration, for test_weights.py and the large sweeps.

Penalties are computed here from their definition, minimised over explicit slack values, without the package's table of
gaps. ``sweep(family, count, seed)`` raises AssertionError at the first case whose weights don't do what they promise.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from isinglass.compiler.weights._model import PenaltyModel
from isinglass.compiler.weights._prove import DEFAULT, DEPENDENT, Proof, prove

Array = Any
TABLE = {"equality": (1, 1), "half": (2, 2), "unit": (1, 1), "pairs": (1, 1)}
RATES = {"mixed": (-9, 10), "cooperative": (-9, 1), "dear": (0, 10)}


@dataclass
class Case:
    """Rows as (coefficients, sense kind, rhs, least); others as (kind, variables, factor)."""

    lower: Array
    upper: Array
    linear: Array
    quadratic: Array
    coefficients: Array
    factors: Array
    rows: list[tuple[Array, str, int, float]] = field(default_factory=list)
    others: list[tuple[str, tuple[int, ...], int]] = field(default_factory=list)

    def model(self) -> PenaltyModel:
        n, m, q = len(self.lower), len(self.rows), len(self.others)
        kinds = [kind for _, kind, _, _ in self.rows]
        touch, products = np.zeros((q, n)), np.full((q, 3), -1)
        for t, (kind, names, _) in enumerate(self.others):
            touch[t, list(names)] = 1
            products[t] = names if kind == "product" else -1
        return PenaltyModel.of(
            self.lower, self.upper, self.linear, np.triu(self.quadratic), constant=3.0,
            coefficients=self.coefficients, factors=self.factors,
            matrix=csr_array(np.array([a for a, *_ in self.rows], dtype=float).reshape(m, n)),
            rhs=np.array([b for _, _, b, _ in self.rows], dtype=float), equality=np.array(kinds) == "equality",
            least=np.array([least for *_, least in self.rows], dtype=float),
            gap=np.array([TABLE[k][0] for k in kinds], dtype=float),
            slope=np.array([TABLE[k][1] for k in kinds], dtype=float), convex=np.ones(m, bool),
            other=csr_array(touch), other_gap=np.array([g for *_, g in self.others], dtype=float), products=products,
        )

    def points(self) -> Array:
        axes = [np.arange(low, high + 1) for low, high in zip(self.lower, self.upper, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes)).astype(float)

    def objective(self, x: Array) -> Array:
        f = x @ self.linear + np.einsum("bi,ij,bj->b", x, np.triu(self.quadratic), x)
        for c, names in zip(self.coefficients, self.factors, strict=True):
            f = f + c * x[:, names[names >= 0]].prod(axis=1)
        return f

    def penalties(self, x: Array) -> tuple[Array, Array]:
        rows = [row_penalty(self, row, x) for row in self.rows]
        extra = [other_penalty(other, x) for other in self.others]
        return np.array(rows).reshape(len(rows), len(x)), np.array(extra).reshape(len(extra), len(x))


def row_penalty(case: Case, row: tuple[Array, str, int, float], x: Array) -> Array:
    """Least penalty over the slack at points x, as an encoder would build it."""
    a, kind, b, least = row
    t = x @ a - b
    if kind == "equality":
        return t**2
    if kind == "pairs":
        y = np.where(a > 0, x, 1 - x)[:, a != 0]
        return sum((y[:, i] * y[:, j] for i, j in combinations(range(y.shape[1]), 2)), np.zeros(len(x)))
    span = b - min((x @ a).min(), b) if least == -np.inf else b - least
    if kind == "half":
        return np.min([(t + 2 * s + 0.5) ** 2 for s in range(int(span) // 2 + 1)], axis=0) - 0.25
    return np.min([(t + s) ** 2 for s in range(int(span) + 1)], axis=0)


def other_penalty(other: tuple[str, tuple[int, ...], int], x: Array) -> Array:
    kind, names, factor = other
    if kind == "product":
        z, u, v = x[:, names].T
        return u * v - 2 * u * z - 2 * v * z + 3 * z
    return factor * x[:, names].prod(axis=1) ** 2


def random_case(rng: Any, family: str) -> Case:
    """One case of a family; about a third of the structured ones are spoilt by one detail."""
    n = int(rng.integers(3, 7))
    binary = family in ("one-hot", "assignment", "others") or rng.random() < 0.4
    lower = np.zeros(n) if binary or rng.random() < 0.5 else rng.integers(-2, 2, n).astype(float)
    upper = lower + (1 if binary else rng.integers(0 if rng.random() < 0.3 else 1, 4, n))
    if family == "assignment":
        return assignment_case(rng)
    if family == "pinned":
        n = int(rng.integers(4, 10))
        return pinned_chain(n)
    case = Case(lower, upper, *objective_of(rng, n, family))
    {"packing": add_packing, "one-hot": add_one_hot}.get(family, add_mixed)(rng, case, family)
    if family == "others":
        add_others(rng, case)
    if rng.random() < 0.3:
        add_mixed(rng, case, "spoil")
    return case


def pinned_chain(n: int) -> Case:
    """Minimise -sum_{i<j} x_i x_j over n binaries with x_0 == 0: weights from the largest bias fail here."""
    case = Case(np.zeros(n), np.ones(n), np.zeros(n), np.triu(-np.ones((n, n)), 1), np.zeros(0), np.zeros((0, 3), int))
    case.rows.append((np.eye(n)[0], "equality", 0, -np.inf))
    return case


def objective_of(rng: Any, n: int, family: str) -> tuple[Array, Array, Array, Array]:
    low, high = RATES[str(rng.choice(list(RATES)))]
    scale = {"decimal": 0.1}.get(family, float(rng.choice([1.0, 1.0, 0.125])))
    size = int(rng.integers(0, 4)) if family in ("cubic", "others") or rng.random() < 0.2 else 0
    factors = np.array([rng.integers(0 if rng.random() < 0.8 else -1, n, 3) for _ in range(size)]).reshape(size, 3)
    dense = rng.integers(low, high, (n, n)) * (rng.random((n, n)) < rng.choice([0.0, 0.3, 1.0]))
    return (np.round(scale * rng.integers(low, high, n), 3), np.round(scale * dense, 3),
            np.round(scale * rng.integers(low, high, size), 3), factors)


def kind_of(rng: Any, family: str) -> str:
    return "equality" if family == "equality" and rng.random() < 0.7 else str(rng.choice(["half", "unit"]))


def add_mixed(rng: Any, case: Case, family: str) -> None:
    """Overlapping rows with coefficients of both signs, shortened below in the ranged family."""
    for _ in range(1 if family == "spoil" else int(rng.integers(1, 4))):
        a = rng.integers(-3, 6, len(case.lower)).astype(float) * (rng.random(len(case.lower)) < 0.6)
        low = float(np.minimum(a * case.lower, a * case.upper).sum())
        high = float(np.maximum(a * case.lower, a * case.upper).sum())
        b = int(rng.integers(low, high + 1))
        kind, least = kind_of(rng, family), -np.inf
        if kind != "equality" and (family == "ranged" or rng.random() < 0.15):
            k = int(rng.integers(0, 3))
            least = float(b - (2 * k + 1 if kind == "half" else k))
        case.rows.append((a, kind, b, least))


def add_packing(rng: Any, case: Case, family: str) -> None:
    """Packing and covering rows over disjoint halves of the variables, and pair patterns on binaries."""
    n = len(case.lower)
    sign = np.ones(n) if rng.random() < 0.5 else rng.choice([1.0, -1.0], n)
    for _ in range(int(rng.integers(1, 4))):
        a = sign * rng.integers(1, 6, n) * (rng.random(n) < 0.7)
        corner = float(np.minimum(a * case.lower, a * case.upper).sum())
        high = float(np.maximum(a * case.lower, a * case.upper).sum())
        case.rows.append((a, kind_of(rng, ""), int(rng.integers(corner, high + 1)), -np.inf))
    if rng.random() < 0.4 and np.all(case.lower == 0) and np.all(case.upper == 1):
        a = sign * (np.arange(n) < (2 if np.any(sign < 0) else 3))
        case.rows.append((a, "pairs", int(1 - (a < 0).sum()), -np.inf))
    if rng.random() < 0.15:
        a, kind, b, least = case.rows[0]
        case.rows[0] = (a, kind, b - int(rng.integers(1, 4)), least)


def add_one_hot(rng: Any, case: Case, family: str) -> None:
    """Disjoint counting rows: == k on groups of variables, some with a coefficient -1, some ranged."""
    n = len(case.lower)
    cut = int(rng.integers(1, n))
    for part in (np.arange(n) < cut, np.arange(n) >= cut):
        a = part.astype(float)
        if rng.random() < 0.2:
            a[np.flatnonzero(part)[0]] = -1
        if rng.random() < 0.2:
            case.rows.append((a, "half", 2, 1.0))
        else:
            b = 1 if rng.random() < 0.7 else int(rng.integers(0, part.sum() + 1))
            case.rows.append((a, "equality", b, -np.inf))


def add_others(rng: Any, case: Case) -> None:
    """Products z = x y on binaries, or forbidden pairs with a penalty of gap 1 or 3."""
    for _ in range(int(rng.integers(1, 3))):
        names = tuple(int(k) for k in rng.choice(len(case.lower), 3, replace=False))
        if rng.random() < 0.7:
            case.others.append(("product", names, 1))
        else:
            case.others.append(("forbid", names[:2], int(rng.choice([1, 3]))))


def assignment_case(rng: Any) -> Case:
    """2 x 2 or 3 x 3 assignments, sometimes with a pair missing or doubled, a variable fixed, or a variable outside."""
    size = int(rng.choice([2, 2, 3]))
    cells = [(i, j) for i in range(size) for j in range(size)]
    fate = rng.random()
    if fate < 0.1:
        cells.pop(int(rng.integers(len(cells))))
    elif fate < 0.25 and size == 2:
        cells += [cells[int(rng.integers(len(cells)))] for _ in range(int(rng.integers(1, 3)))]
    n = len(cells) + int(rng.integers(0, 2))
    case = Case(np.zeros(n), np.ones(n), *objective_of(rng, n, "assignment"))
    for side in (0, 1):
        for k in range(size):
            a = np.array([float(c[side] == k) for c in cells] + [0.0] * (n - len(cells)))
            case.rows.append((a, "equality", 1, -np.inf))
    if 0.25 < fate < 0.35:
        case.lower[0] = case.upper[0] = float(rng.integers(0, 2))
    if 0.35 < fate < 0.45:
        add_mixed(rng, case, "spoil")
    return case


def judge(case: Case, proof: Proof, weight: Array, other: Array, claimed: Array, claimed_other: Array) -> None:
    """No minimum of the energy under these weights violates what is claimed; if all is, minima are optima."""
    x = case.points()
    f, (rows, extra) = case.objective(x), case.penalties(x)
    holds = (rows == 0).all(axis=0) & (extra == 0).all(axis=0)
    energy = f + weight @ rows + other @ extra
    bad = (rows[claimed] > 0).any(axis=0) | (extra[claimed_other] > 0).any(axis=0)
    assert not bad.all() and energy[bad].min(initial=np.inf) > energy[~bad].min(), (case, proof.rule, weight)
    if claimed.all() and claimed_other.all():
        assert holds.any() and energy.min() == f[holds].min()
        assert f[holds].min() + 3.0 <= proof.infeasible_above


def multipliers_of(rng: Any, case: Case) -> Array | None:
    """Multipliers of the linear part's relaxation, or any numbers at all."""
    if not case.rows or rng.random() < 0.3:
        return None
    a, b = np.array([r[0] for r in case.rows]), np.array([float(r[2]) for r in case.rows])
    same = np.array([r[1] == "equality" for r in case.rows])
    bounds = list(zip(case.lower, case.upper, strict=True))
    if rng.random() < 0.6:
        answer = linprog(case.linear, a[~same], b[~same], a[same], b[same], bounds)
        if answer.status == 0:
            result = np.zeros(len(b))
            result[~same], result[same] = -answer.ineqlin.marginals, -answer.eqlin.marginals
            return result
    return rng.choice([-2.0, 0.0, 0.3, 5.0, np.inf], len(b))


def try_case(rng: Any, case: Case, exact: bool) -> Counter[str]:
    """Every rule alone and all together, on one case; counts the rows each rule proved in the joint proof."""
    model, x = case.model(), case.points()
    rows, extra = case.penalties(x)
    above, below = model.violation(x)
    assert np.array_equal((above + below).T > 0, rows > 0)
    f, holds = case.objective(x), (rows == 0).all(axis=0) & (extra == 0).all(axis=0)
    tally: Counter[str] = Counter()
    margin = float(rng.choice([2.0**-20, 1.0])) if exact and rng.random() < 0.8 else None
    point = None
    if holds.any():
        best = np.flatnonzero(holds & (f == f[holds].min()))
        point = x[int(rng.choice(best if rng.random() < 0.5 else np.flatnonzero(holds)))]
    lam = multipliers_of(rng, case)
    for rules in [(key,) for key in DEFAULT] + [DEFAULT, tuple(rng.permutation(DEFAULT))]:
        proof = prove(model, rules, point, lam, margin)
        if not holds.any() and set(rules) & {"block-range", "global-range"}:
            continue
        dependent = bool(set(proof.rule + proof.other_rule) & set(DEPENDENT))
        if dependent and not proof.complete:
            continue
        stray = float(rng.choice([0.0, 0.125, 2.0, 64.0]))
        weight = np.where(proof.proved, proof.weight, stray)
        other = np.where(proof.other_proved, proof.other_weight, stray)
        judge(case, proof, weight, other, proof.proved, proof.other_proved)
        larger = weight * np.where(proof.tied >= 0, 3.0, rng.choice([1.0, 1.5, 8.0], weight.size))
        judge(case, proof, larger, other * 2, proof.proved, proof.other_proved)
        if proof.complete:
            assert proof.accepts(larger, other * 2)
            slack = 0.0 if exact else 1e-12 * (1 + proof.needed)
            assert not weight.size or not proof.accepts(proof.needed / proof.per - slack, other)
        if len(rules) == len(DEFAULT):
            tally.update(proof.rule)
            tally["infeasible"] += not holds.any()
    return tally


def judge_relaxed(rng: Any, case: Case) -> None:
    """Weights proved without the lower ends serve shortened slack ranges that keep an optimum."""
    free = replace(case, rows=[(a, kind, b, -np.inf) for a, kind, b, _ in case.rows])
    x = case.points()
    f = case.objective(x)
    rows, extra = free.penalties(x)
    holds = (rows == 0).all(axis=0) & (extra == 0).all(axis=0)
    if not holds.any():
        return
    best = x[rng.choice(np.flatnonzero(holds & (f == f[holds].min())))]
    # The least slack ranges that still reach the chosen optimum.
    room = [b - a @ best for a, _, b, _ in case.rows]
    ends = [b - (2 * (r // 2) + 1 if kind == "half" else r) for (_, kind, b, _), r in zip(case.rows, room, strict=True)]
    kinds = [kind in ("half", "unit") for _, kind, _, _ in case.rows]
    tight = replace(case, rows=[(a, kind, b, float(end) if short else -np.inf) for (a, kind, b, _), end, short
                                in zip(case.rows, ends, kinds, strict=True)])
    proof = prove(tight.model().relaxed(), incumbent=best)
    rows, extra = tight.penalties(x)
    energy = f + proof.weight @ rows + proof.other_weight @ extra
    least = energy == energy.min()
    assert proof.complete and holds[least].all() and (f[least] == f[holds].min()).all(), (tight, proof)


FAMILIES = ("integer", "packing", "equality", "one-hot", "assignment", "ranged", "others", "cubic", "decimal", "pinned")


def sweep(family: str, count: int, seed: int = 0) -> Counter[str]:
    """``count`` random cases of a family, judged by enumeration; returns how many rows each rule proved."""
    tally: Counter[str] = Counter()
    for k in range(count):
        rng = np.random.default_rng([seed, FAMILIES.index(family), k])
        case = random_case(rng, family)
        tally += try_case(rng, case, exact=family != "decimal")
        if family != "decimal":
            judge_relaxed(rng, case)
    return tally
