"""What weight proofs add up, against exact arithmetic: sums, strictness, and bounds on changes of the objective."""

from __future__ import annotations

import importlib.util
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from isinglass.compiler.weights._claim import strict_weight
from isinglass.compiler.weights._rounding import grain, sum_up


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("weights_cases", Path(__file__).with_name("weights_cases.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


cases = _load()
finite = st.floats(-1e12, 1e12, allow_subnormal=False)


@given(st.lists(st.floats(0, 1e15), min_size=1, max_size=5), st.floats(0.01, 8), st.integers(-12, 3))
def test_strict_weight_is_strict_in_exact_arithmetic(need: list[float], per: float, power: int) -> None:
    weight = strict_weight(np.array(need), np.full(len(need), per), 2.0**power)
    assert all(Fraction(float(w)) * Fraction(per) > Fraction(v) for w, v in zip(weight, need, strict=True))


@given(st.lists(finite, min_size=1, max_size=30))
def test_sums_are_rounded_outward_and_exact_where_they_can_be(values: list[float]) -> None:
    array, groups = np.array(values), np.zeros(len(values), np.int64)
    total = sum(map(Fraction, values))
    assert Fraction(float(sum_up(array, groups, 1, False)[0])) >= total
    exact = bool(np.abs(array).sum() < 2.0**53 * grain(array))
    if exact:
        assert Fraction(float(sum_up(array, groups, 1, True)[0])) == total
    if max(values) <= 0:
        assert sum_up(array, groups, 1, False)[0] <= 0


SCALE = 2**200


def scaled(value: float) -> int:
    return int(Fraction(float(value)) * SCALE)


def exact_objective(case: Any, x: Any) -> dict[tuple[int, ...], int]:
    """The objective at every point, times 2^200, in integers."""
    whole = np.vectorize(scaled, otypes=[object])
    points = x.astype(np.int64).astype(object)
    f = np.array([0] * len(x), object) + points @ whole(case.linear)
    for i, j in zip(*np.nonzero(np.triu(case.quadratic)), strict=True):
        f = f + points[:, i] * points[:, j] * scaled(case.quadratic[i, j])
    for c, names in zip(case.coefficients, case.factors, strict=True):
        f = f + points[:, names[names >= 0]].prod(axis=1) * scaled(c)
    return dict(zip(map(tuple, points), f, strict=True))


def awkward_case(seed: int, family: str) -> tuple[Any, Any, dict[tuple[int, ...], int], Any]:
    """An objective whose coefficients share no grain, sometimes; its points and exact values; the generator."""
    rng = np.random.default_rng(seed)
    case = cases.random_case(rng, family)
    if rng.random() < 0.8:
        for name in ("linear", "quadratic", "coefficients"):
            value = getattr(case, name)
            setattr(case, name, value * rng.choice([0.1, 1e-9, np.pi, 1e17], value.shape))
    case.others, case.rows = [], []
    return case, case.points(), exact_objective(case, case.points()), rng


@given(st.integers(0, 10**6))
def test_steps_cover_every_unit_step_in_exact_arithmetic(seed: int) -> None:
    case, x, f, _ = awkward_case(seed, "cubic")
    down, upward = case.model().objective.steps
    for j, unit in enumerate(np.eye(x.shape[1])):
        for bound, sign in ((down[j], -1), (upward[j], 1)):
            moves = [f[tuple(p + sign * unit)] - f[tuple(p)] for p in x if tuple(p + sign * unit) in f]
            assert not moves or scaled(bound) >= max(moves)


@given(st.integers(0, 10**6))
def test_replacement_covers_every_change_of_a_block_in_exact_arithmetic(seed: int) -> None:
    case, x, f, rng = awkward_case(seed, "cubic")
    objective, point = case.model().objective, x[rng.integers(len(x))]
    block = (rng.random(x.shape[1]) < 0.6) & (objective.upper > objective.lower)
    label = np.where(block, 0, -1)
    lines: dict[tuple[int, ...], list[int]] = {}
    for p in x:
        lines.setdefault(tuple(p[~block]), []).append(f[tuple(p)])
    assert scaled(objective.replacement(label, 1)[0]) >= max(max(v) - min(v) for v in lines.values())
    tilt = np.where(block, rng.integers(-5, 6, block.size) / 8, 0.0)
    moves = [f[tuple(np.where(block, point, p))] - f[tuple(p)] - scaled(tilt @ p) for p in x]
    exact = objective.exact and objective.grain <= 1
    assert scaled(objective.replacement(label, 1, point, (tilt, 0 * tilt), exact)[0]) >= max(moves)
    assert scaled(objective.greatest(3.0)) >= max(f.values()) + scaled(3.0)


@given(st.integers(0, 10**6))
def test_insertion_covers_every_insertion_with_at_most_one_per_group(seed: int) -> None:
    case, x, f, rng = awkward_case(seed, "others")
    n = x.shape[1]
    group = rng.integers(-1, 3, n)
    own = np.stack([group, rng.integers(-1, 3, n)], axis=1)
    objective, owner = case.model().objective, rng.integers(-1, 2, n)
    cost = objective.insertion(np.arange(n), n, group, own)
    single = np.all([x[:, group == g].sum(axis=1) <= 1 for g in range(3)], axis=0)
    for j, unit in enumerate(np.eye(n)):
        shut = ((own == own[j]) & (own[j] >= 0)).any(axis=1)
        shut[j] = True
        moves = [f[tuple(p + unit)] - f[tuple(p)] for p in x[single] if not p[shut].any()]
        assert scaled(cost[j]) >= max(moves)
    # Several at once: the sum of what each alone would cost at the same point.
    total = objective.insertion(owner, 2, group, np.full((n, 1), -1))
    for o in range(2):
        units = np.eye(n)[owner == o]
        free = [p for p in x[single] if not p[owner == o].any()]
        assert scaled(total[o]) >= max(sum((f[tuple(p + e)] - f[tuple(p)] for e in units), 0) for p in free)
