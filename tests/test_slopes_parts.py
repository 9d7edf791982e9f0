"""Parts of the search on slope forms: vector networks, dual bounds, choice of splits."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.compiler.lipschitz.layers import Layers
from isinglass.compiler.slopes.branching import chosen, sides
from isinglass.compiler.slopes.dual import Dual
from isinglass.compiler.slopes.vectors import Vectors, climb, lengths, sweep, turned, unit
from isinglass.ir.slope_form import SlopeForm


def chain(sizes: tuple[int, ...], seed: int) -> SlopeForm:
    """Units of layer k read those of layer k - 1, the first layer reads the inputs, the functional the last layer."""
    rng = np.random.default_rng(seed)
    layer = np.repeat(np.arange(len(sizes) - 1), sizes[1:])
    units = len(layer)
    within = np.where(layer[:, None] == layer[None] + 1, rng.standard_normal((units, units)), 0.0)
    inputs = np.where(layer[:, None] == 0, rng.standard_normal((units, sizes[0])), 0.0)
    weights = np.where(layer == layer[-1], rng.standard_normal(units), 0.0)[None]
    return SlopeForm(
        within, inputs, weights, np.zeros((1, sizes[0])), np.zeros(units), np.ones(units), (("h", 0, units),), layer
    )


def truth(form: SlopeForm, norm: str, pattern: np.ndarray) -> float:
    """The greatest gradient over patterns that agree with ``pattern``."""
    free = np.flatnonzero(np.isnan(pattern))
    best = 0.0
    for bits in product((0.0, 1.0), repeat=len(free)):
        y = pattern.copy()
        y[free] = bits
        best = max(best, float(np.linalg.norm(form.gradient(y), 1 if norm == "linf" else 2)))
    return best


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_plain_sweeps_never_fall_and_meet_the_dual(norm: str) -> None:
    form = chain((6, 5, 5, 4), 1)
    layers, free = Layers.of(form, 0), np.full((2, form.units), np.nan)
    free[1, :3] = 0.0, 1.0, 1.0
    vectors = Vectors.drawn(layers, 2, 10, norm, np.random.default_rng(0))
    last = np.full(2, -np.inf)
    for _ in range(40):
        found = sweep(layers, vectors, free)
        assert (found.value >= last - 1e-12 * np.abs(found.value)).all()
        last, vectors = found.value, Vectors(unit(found.back), turned(found.outer, norm))
    vectors, found = climb(layers, vectors, free, norm, 500, 1e-13)
    dual = Dual.of(form, 0, norm)
    for node in range(2):
        bound = dual.bound(free[node], found.inputs(norm)[node], found.multipliers()[node], 1e-6, 1e-12)
        assert bound.value == pytest.approx(found.value[node], rel=1e-5)
        assert bound.value >= truth(form, norm, free[node])


def test_vectors_keep_their_lengths() -> None:
    layers = Layers.of(chain((6, 5, 4), 2), 0)
    for norm in ("linf", "l2"):
        vectors = Vectors.drawn(layers, 3, 7, norm, np.random.default_rng(1))
        shorter = vectors.at(np.array([1])).shortened(4, norm)
        assert shorter.units.shape == (9, 1, 4)
        np.testing.assert_allclose(lengths(shorter.units), 1)
        sizes = lengths(shorter.directions) if norm == "linf" else np.linalg.norm(shorter.directions[:, 0])
        np.testing.assert_allclose(sizes, 1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.0, 2.0), norm=st.sampled_from(["linf", "l2"]))
def test_any_multipliers_prove_a_bound(seed: int, spread: float, norm: str) -> None:
    rng = np.random.default_rng(seed)
    form = chain((3, 3, 3, 2), seed)
    pattern = rng.choice([0.0, 1.0, np.nan, np.nan], form.units)
    d = np.exp(spread * rng.standard_normal(3 if norm == "linf" else 1))
    multiplier = 0.2 * np.exp(spread * rng.standard_normal(form.units))
    bound = Dual.of(form, 0, norm).bound(pattern, d, multiplier, 1e-3, 1e-9)
    assert bound.value >= truth(form, norm, pattern) * (1 - 1e-12)


def test_repairs_reach_multipliers_that_are_just_too_large() -> None:
    """One unit, one input, z = x: P = 2 T - T^2 / d, so T = 2 d is the border."""
    form = chain((1, 1), 0)
    form = SlopeForm(
        form.within, np.ones((1, 1)), np.ones((1, 1)), form.input_weights, form.low, form.high, form.blocks, form.layer
    )
    dual = Dual.of(form, 0, "linf")
    good = dual.bound(np.array([np.nan]), np.ones(1), np.ones(1), 1e-6, 1e-12)
    assert good.value == pytest.approx(1.0, rel=1e-9)
    for multiplier in (2.0, 2.0001, 2.5):
        bound = dual.bound(np.array([np.nan]), np.ones(1), np.array([multiplier]), 1e-6, 1e-12)
        assert 1.0 <= bound.value < np.inf


def test_units_that_matter() -> None:
    form = chain((2, 2, 2), 3)
    dual = Dual.of(form, 0, "linf")
    assert dual.used(np.full(4, np.nan)).all()
    assert dual.used(np.array([np.nan, np.nan, 0.0, 0.0])).tolist() == [False] * 4
    assert dual.used(np.array([0.0, 0.0, np.nan, 1.0])).tolist() == [False] * 4
    assert dual.used(np.array([0.0, np.nan, np.nan, 1.0])).tolist() == [False, True, True, True]


def test_choice_of_splits() -> None:
    patterns = np.full((2, 3), np.nan)
    patterns[1, 0] = 1.0
    owner, units = np.array([0, 0, 1]), np.array([2, 1, 2])
    made = sides(patterns, owner, units)
    assert made[0, 2] == 0 and made[1, 2] == 1 and made[2, 1] == 0 and made[5].tolist()[0] == 1.0
    values = np.array([[9.0, 6.0], [8.0, 8.5], [3.0, 3.0]])
    # falls of node 0: (1, 4) and (2, 1.5): the second has the greater least, the first the greater product
    assert chosen(values, owner, np.array([10.0, 5.0]), 0.0).tolist() == [0, 2]
    assert chosen(values, owner, np.array([10.0, 5.0]), 8.0).tolist() == [1, 2]
