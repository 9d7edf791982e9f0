"""Leaves of slope certificates: never below the greatest gradient of any pattern, whatever the numbers are."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import slope_cases as slopes
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.ir.errors import InputError
from isinglass.ir.functions.relu import Relu
from isinglass.ir.slope_form import SlopeForm
from isinglass.ir.slope_proof.eliminate import eliminated
from isinglass.ir.slope_proof.leaf import Leaves, leaf_upper
from isinglass.ir.slope_proof.magnitudes import Magnitudes
from isinglass.ir.slope_reader import slope_form

Array = Any
FUNCTIONS = [*slopes.PIECEWISE, *slopes.SMOOTH]


def partial(rng: np.random.Generator, units: int, free: float) -> Array:
    return np.where(rng.random(units) < free, np.nan, rng.integers(0, 2, units).astype(np.float64))


def form_of(rng: np.random.Generator, seed: int, norm: str, local: bool) -> SlopeForm:
    problem = slopes.any_network(rng, FUNCTIONS[seed % len(FUNCTIONS)])
    functionals = rng.normal(size=(2, problem.vars["y"].size))
    task = slopes.task_of(problem, functionals, norm)
    units = slope_form(task).units
    if not local:
        return slope_form(task)
    low = rng.normal(size=units)
    return slope_form(task, (low, low + rng.random(units)))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("seed", range(24))
def test_no_leaf_is_below_any_of_its_patterns(seed: int, norm: str) -> None:
    rng = np.random.default_rng([31, seed])
    form = form_of(rng, seed, norm, seed % 3 == 0)
    leaves = Leaves(form, 1, norm)
    proved = 0
    for free in (1.0, 0.7, 0.3, 0.0):
        fixed = partial(rng, form.units, free)
        true = slopes.greatest_of(form, fixed, 1, norm)
        d, t = slopes.multipliers(form, 1, norm)
        for factor in (1.0, 1.3, 4.0, None):
            numbers = (d * factor, t) if factor else (rng.random(len(d)), rng.random(len(t)))
            found = leaves.upper(fixed, *numbers)
            assert found >= true * (1 - 1e-12) and found == leaf_upper(form, 1, norm, fixed, *numbers)
            proved += found < 10 * true + 1e-9
    assert proved >= 4


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_good_numbers_prove_good_bounds(norm: str) -> None:
    rng = np.random.default_rng(2)
    form = slope_form(slopes.task_of(slopes.chain(rng, (6, 8, 1), Relu()), np.eye(1)))
    true = slopes.greatest(form, 0, norm)
    d, t = slopes.multipliers(form, 0, norm, 400)
    assert true * (1 - 1e-12) <= leaf_upper(form, 0, norm, np.full(8, np.nan), d, t) <= 1.2 * true
    single = [np.asarray(array, np.float32) for array in (d, t)]
    assert leaf_upper(form, 0, norm, np.full(8, np.nan), *single) <= 1.2 * true


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_decided_leaf_is_its_gradient(norm: str) -> None:
    rng = np.random.default_rng(8)
    form = form_of(rng, 0, norm, False)
    for _ in range(10):
        fixed = partial(rng, form.units, 0.0)
        found = leaf_upper(form, 0, norm, fixed, np.zeros(form.inputs.shape[1] if norm == "linf" else 1), fixed)
        gradient = [abs(number) for number in slopes.exact_gradient(form, fixed)]
        exact = sum(gradient) if norm == "linf" else sum(number**2 for number in gradient)
        proved = Fraction(found) if norm == "linf" else Fraction(found) ** 2
        assert exact <= proved <= exact * (1 + Fraction(1, 10**9)) + Fraction(1e-150)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("seed", range(16))
def test_errors_of_the_form_are_paid_for(seed: int, norm: str) -> None:
    rng = np.random.default_rng([37, seed])
    form = form_of(rng, seed, norm, False)
    arrays = [form.within, form.inputs, form.unit_weights, form.input_weights]
    errors = tuple(10.0 ** rng.uniform(-4, -1) * rng.random(a.shape) * (a != 0) for a in arrays)
    rough = replace(form, errors=errors)
    fixed = partial(rng, form.units, [1.0, 0.5][seed % 2])
    d, t = slopes.multipliers(form, 0, norm)
    bounds = [leaf_upper(rough, 0, norm, fixed, d * factor, t) for factor in (1.0, 1.1, 1.5, 3.0)]
    for _ in range(4):
        signs = [rng.choice([-1.0, 1.0], a.shape) for a in arrays]
        moved = [a + s * e for a, s, e in zip(arrays, signs, errors, strict=True)]
        other = SlopeForm(*moved, form.low, form.high, form.blocks, form.layer)
        assert slopes.greatest_of(other, fixed, 0, norm) <= min(bounds) * (1 + 1e-12)


def test_errors_cost_no_more_than_they_have_to() -> None:
    rng = np.random.default_rng(3)
    form = slope_form(slopes.task_of(slopes.chain(rng, (5, 5, 4, 1), Relu()), np.eye(1)))
    arrays = [form.within, form.inputs, form.unit_weights, form.input_weights]
    rough = replace(form, errors=tuple(1e-6 * np.abs(a) for a in arrays))
    d, t = slopes.multipliers(form)
    for free in (1.0, 0.5):
        fixed = partial(rng, form.units, free)
        fine, other = (leaf_upper(f, 0, "linf", fixed, d * 1.01, t) for f in (form, rough))
        assert fine <= other <= fine * (1 + 1e-3)


@pytest.mark.parametrize("direct", [0.0, 0.5])
@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("held", [(), (0,), (1,), (1, 2), (0, 1), (2, 3), (0, 1, 2)])
def test_the_error_of_each_array_is_paid_for(held: tuple[int, ...], place: int, direct: float) -> None:
    arrays = [np.diag([1.5, 2.0, 0.5], -1), np.eye(4, 1), np.array([[0, 0, 0, 3.0]]), np.array([[direct]])]
    form = SlopeForm(*arrays, np.zeros(4), np.ones(4), (("h", 0, 4),), np.arange(4))
    errors = [np.zeros_like(a) for a in arrays]
    errors[place] = 1e-4 * np.abs(arrays[place])
    fixed = np.full(4, np.nan)
    fixed[list(held)] = 1.0
    rough = replace(form, errors=tuple(errors))
    moved = [a + e for a, e in zip(arrays, errors, strict=True)]
    true = slopes.greatest(SlopeForm(*moved, form.low, form.high, form.blocks, form.layer))
    # one path only, so the bound has no gap of its own; good numbers once the held units are put in
    d, t = slopes.multipliers(form.fixed(fixed), 0, "linf", 150)
    whole = np.zeros(4)
    whole[np.isnan(fixed)] = t
    assert leaf_upper(form, 0, "linf", fixed, d * (1 + 1e-8), whole) < (4.5 + direct) * (1 + 1e-7)
    bounds = [leaf_upper(rough, 0, "linf", fixed, d * (1 + x), whole) for x in (1e-8, 1e-5, 1e-3, 0.1, 1.0)]
    assert true <= min(bounds) <= true * (1 + 0.1)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_rounding_in_sums_that_cancel_is_paid_for(norm: str) -> None:
    """One unit left whose bound has no gap, behind layers whose products cancel to a millionth and less."""
    proved = 0
    for seed in range(60):
        rng = np.random.default_rng([47, seed])
        within, inputs = np.zeros((7, 7)), np.zeros((7, 3))
        large = 10.0 ** rng.uniform(6, 12) * np.outer([1.0, -1.0, 0.0], rng.normal(size=3))
        within[3:6, :3] = large + rng.normal(size=(3, 3))
        within[6, 3:6], inputs[:3] = [1.0, 1.0, 0.3], rng.normal(size=(3, 3))
        form = SlopeForm(
            within, inputs, 1.7 * np.eye(7)[6:], np.zeros((1, 3)), np.zeros(7), np.ones(7), (("h", 0, 7),),
            np.repeat([0, 1, 2], [3, 3, 1]),
        )  # fmt: skip
        fixed = np.ones(7)
        fixed[6] = np.nan
        row = np.abs(form.fixed(fixed).inputs[0])
        gradient = slopes.exact_gradient(form, np.ones(7))
        d, size = (row, row.sum()) if norm == "linf" else (np.array([row @ row]), 1.0)
        bounds = [leaf_upper(form, 0, norm, fixed, d * (1 + x), np.full(7, 1 / size)) for x in (1e-12, 1e-7, 1e-3, 0.1)]
        found, power = min(bounds), 1 if norm == "linf" else 2
        if found < np.inf:
            exact = sum(abs(number) ** power for number in gradient)
            assert exact <= Fraction(found) ** power
            proved += Fraction(found) ** power <= exact * Fraction(101, 100)
    assert proved > 30


@pytest.mark.parametrize("seed", range(8))
def test_errors_are_carried_through_units_that_are_put_in(seed: int) -> None:
    rng = np.random.default_rng([43, seed])
    layer = np.repeat(np.arange(4), 3)
    below = layer[:, None] > layer
    arrays = [rng.random((12, 12)) * below, rng.random((12, 5)), rng.random((1, 12)), rng.random((1, 5))]
    errors = [1e-6 * rng.random(a.shape) * (a != 0) for a in arrays]  # all of one sign, so they add up
    form = SlopeForm(*arrays, np.zeros(12), np.ones(12), (("h", 0, 12),), layer, tuple(errors))
    moved = [a + e for a, e in zip(arrays, errors, strict=True)]
    other = SlopeForm(*moved, form.low, form.high, form.blocks, form.layer)
    fixed = partial(rng, 12, [1.0, 0.6, 0.4, 0.2][seed % 4])
    free = np.isnan(fixed)
    found = eliminated(form, 0, Magnitudes.of(form, 0), free, fixed == 1)
    true, v, u, x = other.fixed(fixed), rng.random(free.sum()), rng.random(free.sum()), rng.random(5)
    assert found.entering is not None
    inputs = found.through @ found.held_rows
    inputs[found.own] += found.own_rows
    pairs = [
        (true.within - found.within) @ v, found.between[0](v),
        u @ (true.within - found.within), found.between[1](u),
        (true.inputs - inputs) @ x, found.entering[0](x),
        u @ (true.inputs - inputs), found.entering[1](u),
        true.unit_weights[0] - found.weights, found.weights_error,
        true.input_weights[0] - found.direct, found.direct_error,
    ]  # fmt: skip
    for off, bound in zip(pairs[::2], pairs[1::2], strict=True):
        assert (off <= bound + 1e-15).all() and (bound <= 1.001 * off + 1e-12).all()


NUMBERS = st.one_of(
    st.floats(1e-3, 1e3), st.sampled_from([0.0, -1.0, np.nan, np.inf, -np.inf, 5e-324, 1e300, 1e-300, 1e-80, 1e80])
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.data())
def test_any_numbers_are_sound(data: st.DataObject) -> None:
    seed, norm = data.draw(st.integers(0, 30)), data.draw(st.sampled_from(["linf", "l2"]))
    rng = np.random.default_rng([41, seed])
    form = slope_form(slopes.task_of(slopes.chain(rng, (3, 3, 2, 1), FUNCTIONS[seed % 6]), np.eye(1)))
    scale = data.draw(st.sampled_from([1.0, 1e-200, 1e-100, 1e100]))
    form = replace(form, unit_weights=form.unit_weights * scale, input_weights=form.input_weights * scale)
    fixed = partial(rng, form.units, data.draw(st.sampled_from([0.2, 0.6, 1.0])))
    d, t = slopes.multipliers(form, 0, norm)
    for array in (d, t):
        for place in data.draw(st.lists(st.integers(0, len(array) - 1), max_size=3)):
            array[place] = data.draw(NUMBERS)
    found = leaf_upper(form, 0, norm, fixed, d, t)
    assert found >= slopes.greatest_of(form, fixed, 0, norm) * (1 - 1e-12)


def test_numbers_of_another_size_are_rejected() -> None:
    rng = np.random.default_rng(1)
    form = slope_form(slopes.task_of(slopes.chain(rng, (3, 4, 1), Relu()), np.eye(1)))
    d, t, free = np.ones(3), np.ones(4), np.full(4, np.nan)
    wrong = [(free[:3], d, t), (free, d[:2], t), (free, d, t[:3]), (np.full(4, 0.5), d, t)]
    for numbers in wrong:
        with pytest.raises(InputError):
            leaf_upper(form, 0, "linf", *numbers)
    for norm, functional in (("l1", 0), ("linf", 1), ("linf", -1)):
        with pytest.raises(InputError):
            leaf_upper(form, functional, norm, free, d, t)
