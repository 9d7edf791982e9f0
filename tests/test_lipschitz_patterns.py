"""Patterns of slopes: what the search finds is what enumeration finds, and enclosures hold in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from isinglass.compiler.lipschitz.flips import Flips
from isinglass.compiler.lipschitz.layers import Layers, pattern_values, precision, size_of
from isinglass.compiler.lipschitz.patterns import best_patterns
from isinglass.compiler.lipschitz.sweeps import climb
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.slope_form import SlopeForm
from isinglass.ir.slope_value import form_value, slopes_of


def random_form(seed: int, sizes: tuple[int, ...], inputs: int = 4, skips: bool = False) -> SlopeForm:
    """A network with hidden layers of ``sizes``; with ``skips`` every layer reads all before it, and low slopes."""
    rng = np.random.default_rng(seed)
    units = sum(sizes)
    layer = np.repeat(np.arange(len(sizes)), sizes)
    gap = layer[:, None] - layer[None]
    within = rng.normal(size=(units, units)) * ((gap > 0) if skips else (gap == 1))
    outer = rng.normal(size=(units, inputs)) * ((layer == 0) | skips)[:, None]
    weights = rng.normal(size=(2, units)) * ((layer == layer[-1]) | skips)
    direct = rng.normal(size=(2, inputs)) * skips
    starts = np.cumsum([0, *sizes])
    blocks = tuple((f"h.{k}", int(starts[k]), size) for k, size in enumerate(sizes))
    return SlopeForm(within, outer, weights, direct, np.zeros(units), np.ones(units), blocks, layer)


def enumerated(form: SlopeForm, functional: int, norm: str) -> float:
    patterns = np.array(list(product((0.0, 1.0), repeat=form.units)))
    order = 1 if norm == "linf" else 2
    return max(float(np.linalg.norm(form.gradient(pattern, functional), order)) for pattern in patterns)


SHAPES = [(6,), (3, 4), (2, 3, 3)]


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize("sizes", SHAPES)
def test_small_networks_are_solved(sizes: tuple[int, ...], skips: bool, norm: str) -> None:
    for seed in range(4):
        form = random_form(seed, sizes, skips=skips)
        patterns, values = best_patterns(form, 1, norm, seed=seed)
        assert values[0] == pytest.approx(enumerated(form, 1, norm), rel=1e-12)
        assert (np.diff(values) <= 0).all()
        assert len(np.unique(patterns, axis=0)) == len(patterns)
        order = 1 if norm == "linf" else 2
        told = [np.linalg.norm(form.gradient(pattern, 1), order) for pattern in patterns]
        np.testing.assert_allclose(values, told, rtol=1e-12)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_tables_of_flips_are_what_flips_bring(norm: str) -> None:
    form = random_form(3, (4, 3, 5), skips=True)
    layers = Layers.of(form, 0)
    rng = np.random.default_rng(0)
    flips = Flips(layers, (rng.random(form.units) < 0.5).astype(float), norm)
    for _ in range(30):
        neighbours = np.abs(flips.pattern - np.eye(form.units))
        values = pattern_values(form, 0, norm, neighbours)
        np.testing.assert_allclose(flips.table(), values if norm == "linf" else values**2, rtol=1e-9)
        flips.flip(int(rng.integers(form.units)))


def test_sweeps_never_lose() -> None:
    form = random_form(5, (5, 5, 5), skips=True)
    layers = Layers.of(form, 0)
    starts = np.random.default_rng(1).random((50, form.units))
    last = size_of(layers.backward(starts)[1], "l2")
    for sweeps in (1, 2, 4):
        values = size_of(layers.backward(climb(layers, starts, "l2", sweeps))[1], "l2")
        assert (values >= last * (1 - 1e-12)).all()
        last = values


def test_same_seed_same_patterns_and_given_patterns_are_kept() -> None:
    form = random_form(7, (6, 6))
    first, again = best_patterns(form, seed=3, starts=2), best_patterns(form, seed=3, starts=2)
    np.testing.assert_array_equal(first[0], again[0])
    best = best_patterns(form, starts=300)
    held = best_patterns(form, starts=1, given=best[0][:1], seconds=0.0)
    assert held[1][0] >= best[1][0] * (1 - 1e-12)


def test_sizes_outside_float32_are_searched_in_float64() -> None:
    form = random_form(2, (3, 3))
    huge = SlopeForm(form.within * 1e30, form.inputs, form.unit_weights * 1e30, form.input_weights, form.low, form.high,
                     form.blocks, form.layer)  # fmt: skip
    assert (precision(form, 0), precision(huge, 0)) == (np.float32, np.float64)
    assert best_patterns(huge)[1][0] == pytest.approx(enumerated(huge, 0, "linf"), rel=1e-12)


def test_networks_without_units_and_without_weights() -> None:
    form = random_form(0, (2,))
    linear = form.fixed(np.ones(2))
    assert best_patterns(linear)[1][0] == pytest.approx(np.abs(linear.input_weights[0]).sum())
    nothing = SlopeForm(form.within, form.inputs * 0, form.unit_weights, form.input_weights, form.low, form.high,
                        form.blocks, form.layer)  # fmt: skip
    assert best_patterns(nothing)[1][0] == 0


def exact_gradient(form: SlopeForm, functional: int, pattern: list[Fraction]) -> list[Fraction]:
    weights = [Fraction(v) for v in form.unit_weights[functional]]
    found = [Fraction(v) for v in form.input_weights[functional]]
    for unit in reversed(range(form.units)):
        a = weights[unit] * pattern[unit]
        weights = [w + a * Fraction(z) for w, z in zip(weights, form.within[unit], strict=True)]
        found = [g + a * Fraction(x) for g, x in zip(found, form.inputs[unit], strict=True)]
    return found


@pytest.mark.parametrize("sizes", SHAPES)
def test_values_of_patterns_are_enclosed(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(9)
    for seed in range(5):
        form = random_form(seed, sizes, skips=True)
        pattern = rng.random(form.units).round(int(rng.integers(3)))
        gradient = exact_gradient(form, 0, [Fraction(y) for y in pattern])
        low, high = form_value(form, 0, "linf", pattern)
        assert Fraction(low) <= sum(map(abs, gradient)) <= Fraction(high)
        assert high - low <= 1e-13 * high
        low, high = form_value(form, 0, "l2", pattern)
        assert Fraction(low) ** 2 <= sum(g * g for g in gradient) <= Fraction(high) ** 2
        assert high - low <= 1e-13 * high


def test_errors_of_the_form_widen_the_enclosure() -> None:
    form = random_form(4, (3, 3), skips=True)
    moved = SlopeForm(form.within * (1 + 1e-6), form.inputs * (1 - 1e-6), form.unit_weights + 1e-6,
                      form.input_weights - 1e-6, form.low, form.high, form.blocks, form.layer)  # fmt: skip
    errors = (np.abs(form.within) * 2e-6, np.abs(form.inputs) * 2e-6,
              np.full_like(form.unit_weights, 2e-6), np.full_like(form.input_weights, 2e-6))  # fmt: skip
    loose = SlopeForm(form.within, form.inputs, form.unit_weights, form.input_weights, form.low, form.high,
                      form.blocks, form.layer, errors)  # fmt: skip
    low, high = form_value(loose, 1, "linf", np.ones(form.units))
    value = form_value(moved, 1, "linf", np.ones(form.units))
    assert low < value[0] and value[1] < high


def test_overflow_bounds_nothing() -> None:
    form = random_form(1, (3, 3))
    huge = SlopeForm(form.within * 1e200, form.inputs, form.unit_weights * 1e200, form.input_weights, form.low,
                     form.high, form.blocks, form.layer)  # fmt: skip
    assert form_value(huge, 0, "linf", np.ones(form.units)) == (0.0, np.inf)


def test_patterns_of_another_network_are_refused() -> None:
    form = random_form(1, (3, 3))
    for bad in (np.ones(5), np.full(6, np.nan), np.full(6, 1.5)):
        with pytest.raises(InputError, match="6 numbers"):
            slopes_of(form, "lipschitz", bad)
    with pytest.raises(Refused, match="one hidden layer"):
        slopes_of(form, "inf-to-one", np.ones(6))
    np.testing.assert_array_equal(slopes_of(random_form(1, (2,)), "inf-to-one", np.array([0.0, 1.0])), [-1, 1])
