"""Bounds by odd closed walks: never below the true maximum in rationals, and tight where they can be."""

from __future__ import annotations

import numpy as np
import pytest
import spin_cases as cases
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from isinglass.ir.blocks import Poly, Var
from isinglass.ir.errors import Refused
from isinglass.ir.odd_cycles import OddCycles, following
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.quadratic.spins import spin_form
from isinglass.ir.spin_form import SpinForm
from isinglass.ir.spin_proof.bounds import cycles_upper
from isinglass.ir.spin_proof.walks import proved_by_walks, walks_upper
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear

seeds = st.integers(0, 10**6)


def quadratic_form(rng: np.random.Generator, kind: str = "any") -> SpinForm:
    while True:
        form = cases.random_form(rng, most=6, rows=0, kind=kind)
        if form.spins > 1:
            return form


@given(seeds, st.sampled_from(cases.STEPS))
def test_any_multipliers_are_sound(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    form = quadratic_form(rng, kind)
    for _ in range(3):
        walks = cases.random_cycles(rng, form.spins, 0.0)
        arrays = walks.start, walks.vertex, walks.flag, walks.multiplier
        fixed = cases.random_fixed(rng, form.spins)
        assert proved_by_walks(form, fixed, *arrays) >= cases.greatest(form, fixed)
        free = np.append(1, np.zeros(form.spins - 1, np.int8))
        proved = proved_by_walks(form, None, *arrays)
        assert proved >= cases.greatest(form, free)
        assert proved < walks_upper(form, None, *arrays) < proved + 1e-9


@given(seeds, st.sampled_from([np.float16, np.float32, np.float64]))
def test_any_tree_is_sound(seed: int, kind: type) -> None:
    rng = np.random.default_rng(seed)
    form = quadratic_form(rng)
    cycles = cases.random_cycles(rng, form.spins, 0.8)
    cycles = OddCycles(*(getattr(cycles, name) for name in ("spins", "spin", "leaf", "start", "vertex", "flag")),
                       cycles.multiplier.astype(kind))  # fmt: skip
    assert cycles_upper(form, cycles) >= cases.greatest(form, np.append(1, np.zeros(form.spins - 1)))


@given(seeds)
def test_a_ring_is_solved_by_its_own_walk(seed: int) -> None:
    """With its least coupling as multiplier, flags on what would lower the energy least: exact whether frustrated or
    not. The spins stand in any order, the first of them in the ring or not."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(3, 8))
    ring = rng.permutation(size + 1)[:size]
    couplings = rng.normal(size=size)
    quadratic = np.zeros((size + 1, size + 1))
    after = np.roll(ring, -1)
    quadratic[ring, after] = quadratic[after, ring] = -couplings / 2
    form = SpinForm(np.zeros((0, size + 1)), sparse.csr_array(quadratic), float(rng.normal()))
    flag = (couplings > 0).astype(np.int64)
    frustrated = bool(flag.sum() % 2)
    weight = float(np.abs(couplings).min()) if frustrated else 0.0
    if not frustrated:
        flag[0] = 1 - flag[0]
    true = cases.greatest(form, np.append(1, np.zeros(size, np.int8)))
    found = proved_by_walks(form, None, np.array([0, size]), ring, flag, np.array([weight]))
    assert true <= found <= float(true) + 1e-12


def test_walks_may_repeat_steps_and_leave_the_graph() -> None:
    """x - x <= 0 along a step and back; a triangle of which one side is no coupling."""
    form = SpinForm(np.zeros((0, 3)), np.array([[0, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0]]))
    back = np.array([0, 1, 0, 1]), np.array([1, 0, 0, 0])
    assert proved_by_walks(form, None, np.array([0, 4]), *back, np.array([0.0])) == pytest.approx(2)
    assert proved_by_walks(form, None, np.array([0, 4]), *back, np.array([0.5])) == pytest.approx(2)
    assert proved_by_walks(form, None, np.array([0, 4]), *back, np.array([1.0])) == pytest.approx(4)
    outside = np.array([0, 1, 2]), np.array([0, 0, 1])
    assert proved_by_walks(form, None, np.array([0, 3]), *outside, np.array([1.0])) == pytest.approx(2)
    assert proved_by_walks(form, None, np.array([0, 3]), *outside, np.array([2.0])) == pytest.approx(6)


def test_fixed_spins_contract_the_graph() -> None:
    """A triangle of couplings with one corner fixed at -1 is a coupling and two fields of the other signs."""
    rng = np.random.default_rng(0)
    upper = np.triu(rng.normal(size=(4, 4)), 1)
    form = SpinForm(np.zeros((0, 4)), upper + upper.T, 0.5)
    for fixed in (np.array([1, -1, 0, 0]), np.array([1, -1, 0, 1]), np.array([1, 1, -1, -1])):
        true = cases.greatest(form, fixed)
        none = np.zeros(0, np.int64)
        found = proved_by_walks(form, fixed, np.array([0]), none, none, np.zeros(0))
        assert true <= found
        if (fixed != 0).sum() >= 3:  # at most fields are left
            assert found <= float(true) + 1e-12


def test_the_error_of_the_form_is_added() -> None:
    form = SpinForm(np.zeros((0, 2)), np.array([[0, 1.0], [1.0, 0]]), 0.0, 0.25)
    none = np.zeros(0, np.int64)
    assert proved_by_walks(form, None, np.array([0]), none, none, np.zeros(0)) == pytest.approx(2.25)


def test_forms_and_numbers_that_prove_nothing() -> None:
    quadratic = np.ones((3, 3)) - np.eye(3)
    form = SpinForm(np.zeros((0, 3)), quadratic)
    walk = np.array([0, 3]), np.array([0, 1, 2]), np.array([1, 0, 0])
    assert proved_by_walks(form, None, *walk, np.ones(1)) < 100
    for bad in (np.nan, np.inf, -1.0, -np.inf):
        assert proved_by_walks(form, None, *walk, np.array([bad])) == np.inf
    assert proved_by_walks(SpinForm(np.ones((1, 3)), quadratic), None, *walk, np.ones(1)) == np.inf
    assert proved_by_walks(SpinForm(np.zeros((0, 3)), quadratic + np.eye(3)), None, *walk, np.ones(1)) == np.inf
    endless = SpinForm(np.zeros((0, 3)), np.where(quadratic, np.inf, 0.0))
    assert proved_by_walks(endless, None, *walk, np.ones(1)) == np.inf
    assert proved_by_walks(SpinForm(np.zeros((0, 3)), None, np.nan), None, *walk, np.ones(1)) == np.inf


def test_the_last_step_leads_to_the_first_spin() -> None:
    assert following(np.array([0, 3, 7]), np.array([5, 6, 7, 1, 2, 3, 4])).tolist() == [6, 7, 5, 2, 3, 4, 1]


def test_reals_that_are_fixed_between_halves_make_a_form_inexact() -> None:
    """3 * 0.1 is no float64, so neither the constant nor its grid is exact."""
    for value, exact in ((0.1, False), (0.5, False), (2.0, True)):
        variables = Var.of("s", "spin", (2,)), Var.of("r", "real", (1,), value, value)
        terms = (Bilinear("s", "s", Dense(np.eye(2)[::-1])), Linear("r", Dense(np.full((1, 1), 3.0))))
        problem = Problem("p", (*variables, Poly("goal", "objective", terms, np.zeros(1))))
        assert (spin_form(problem).error == 0) == exact


def test_sums_that_cancel_only_in_float64_bound_nothing_without_bounds() -> None:
    """1e20 x + x - 1e20 x is x, which has no minimum; in float64 it looks like 0."""
    parts = [Linear("r", Dense(np.full((1, 1), weight))) for weight in (1e20, 1.0, -1e20)]
    problem = Problem("p", (Var.of("r", "real", (1,)), Poly("goal", "objective", tuple(parts), np.zeros(1))))
    with pytest.raises(Refused, match="without bounds"):
        spin_form(problem)
