"""Two blocks of a network's polynomial at a time: the quadratic is exact, and a step never loses."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from test_lipschitz_patterns import enumerated, random_form

from isinglass.backends.solver import make_solver
from isinglass.compiler.lipschitz.layers import pattern_values
from isinglass.compiler.lipschitz.neighbourhood import bilinear_of, block_step, improve
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.evaluate import evaluate
from isinglass.ir.protocols import Limits
from isinglass.ir.slope_form import SlopeForm
from isinglass.ir.slope_value import layers

SIZES = (2, 3, 2)
PAIRS = [(-1, 0), (-1, 2), (0, 1), (0, 2), (1, 2)]


def outcome(form: SlopeForm, at: tuple[int, int], u: np.ndarray, v: np.ndarray, y: np.ndarray) -> float:
    """The functional with the two blocks replaced, along the direction that belongs to ``y``."""
    x = np.where(form.gradient(y) >= 0, 1.0, -1.0)
    y = y.copy()
    rows = layers(form)
    y[rows[at[1]]] = v
    if at[0] >= 0:
        y[rows[at[0]]] = u
    else:
        x = u
    return float(form.gradient(y) @ x)


@pytest.mark.parametrize("pair", PAIRS)
def test_the_quadratic_is_the_functional(pair: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    for seed in range(4):
        form = random_form(seed, SIZES, inputs=3, skips=seed % 2 == 1)
        y = rng.integers(0, 2, form.units).astype(float)
        found = bilinear_of(form, 0, "linf", y, pair)
        values = (-1.0, 1.0) if found.spin else (0.0, 1.0)
        some = list(product(values, repeat=len(found.left)))
        for u in map(np.array, some):
            for v in map(np.array, product((0.0, 1.0), repeat=len(found.right))):
                told = found.constant + found.left @ u + found.right @ v + u @ found.matrix @ v
                assert told == pytest.approx(outcome(form, pair, u, v, y), abs=1e-12)
                values_of = {"u": u[None], "v": v[None]}
                assert evaluate(found.problem(), values_of).objective[0] == pytest.approx(told, abs=1e-12)


def test_restricting_holds_the_others() -> None:
    form = random_form(1, SIZES, inputs=3, skips=True)
    y = np.array([1.0, 0, 1, 1, 0, 0, 1])
    whole = bilinear_of(form, 0, "linf", y, (0, 1))
    part = whole.restricted(np.array([1]), np.array([0, 2]))
    for u, v in product(((0.0,), (1.0,)), product((0.0, 1.0), repeat=2)):
        full_u, full_v = whole.first.copy(), whole.second.copy()
        full_u[1], full_v[[0, 2]] = u[0], v
        told = part.constant + part.left @ u + part.right @ v + np.array(u) @ part.matrix @ v
        wanted = whole.constant + whole.left @ full_u + whole.right @ full_v + full_u @ whole.matrix @ full_v
        assert told == pytest.approx(wanted, abs=1e-12)
    assert sum(map(len, whole.undecided(3, np.random.default_rng(0)))) == 3
    assert sum(map(len, whole.undecided(None, np.random.default_rng(0)))) == 5


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("budget", [None, 3])
def test_steps_never_lose_and_reach_local_optima(norm: str, budget: int | None) -> None:
    solver, _ = make_solver("exact")
    reached = []
    for seed in range(5):
        form = random_form(seed, SIZES, inputs=3, skips=seed % 2 == 1)
        y = np.random.default_rng(seed).integers(0, 2, form.units).astype(float)
        start = pattern_values(form, 0, norm, y[None])[0]
        loop = improve(form, 0, norm, y, solver, Limits(), budget)
        while True:
            try:
                next(loop)
            except StopIteration as end:
                improved = end.value
                break
        assert improved.value >= start * (1 - 1e-12)
        told = pattern_values(form, 0, norm, improved.pattern[None])[0]
        assert improved.value == pytest.approx(told, rel=1e-12)
        assert improved.calls >= 3
        best = enumerated(form, 0, norm)
        assert improved.value <= best * (1 + 1e-12)
        reached.append(improved.value / best)
    assert np.median(reached) > 0.9


class Useless:
    """A sampler that always returns zeros."""

    level = "BQM"
    complete = False

    def solve(self, problem, limits):  # type: ignore[no-untyped-def]
        from isinglass.ir.samples import Samples

        return Samples(problem.unstack(np.zeros((1, problem.size))))


def test_bad_samples_change_nothing() -> None:
    form = random_form(6, SIZES, inputs=3)
    pattern = np.ones(form.units)
    value = pattern_values(form, 0, "linf", pattern[None])[0]
    for pair in PAIRS:
        found, told = block_step(form, 0, "linf", pattern, pair, Useless(), Limits())
        assert told >= value * (1 - 1e-12)
        assert told == pytest.approx(pattern_values(form, 0, "linf", found[None])[0], rel=1e-12)


def test_refusals() -> None:
    form = random_form(1, SIZES, inputs=3)
    with pytest.raises(Refused, match="maximum norm only"):
        bilinear_of(form, 0, "l2", np.ones(form.units), (-1, 0))
    for pair in ((0, 3), (1, 0), (-2, 0)):
        with pytest.raises(InputError, match="0 to 2, in order"):
            bilinear_of(form, 0, "linf", np.ones(form.units), pair)
