"""Certificates of kind spin-tree and odd-cycles: what they prove about problems and networks, and what they don't.

Minima in rationals over all points judge.
"""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import slope_cases
import spin_cases as cases
from hypothesis import given
from hypothesis import strategies as st

from isinglass.ir.answers import Answer
from isinglass.ir.blocks import Poly, Var
from isinglass.ir.certificates import odd_cycles, spin_tree
from isinglass.ir.checking import check_optimize
from isinglass.ir.errors import InputError
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.relu import Relu
from isinglass.ir.lift.objective import Objective
from isinglass.ir.odd_cycles import OddCycles
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.quadratic.spins import spin_form
from isinglass.ir.slope_proof.ranges import own_ranges
from isinglass.ir.slope_reader import slope_form
from isinglass.ir.spin_form import SpinForm
from isinglass.ir.spin_proof.grids import lowered
from isinglass.ir.spin_tree import SpinTree
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.monomials import Monomials

Array = Any
seeds = st.integers(0, 10**6)


def by_text(certificate: Any) -> Any:
    """After a trip through JSON."""
    return json.loads(json.dumps(certificate.to_plain()))


def full_tree(form: SpinForm, free: Array) -> SpinTree:
    """All cases one by one: nothing is left to any dual."""
    spin = [-1]
    for one in np.flatnonzero(free)[::-1].tolist():
        spin = [one + 1, *spin, *spin]
    leaves = spin.count(-1)
    none = np.zeros(0, np.int64)
    size = np.zeros((leaves, len(form.rows))), np.zeros((leaves, form.spins))
    return SpinTree(
        form.spins, len(form.rows), np.array(spin), *size, np.zeros(leaves + 1, np.int64), np.zeros((0, 3), np.int64),
        none, np.zeros(0),
    )  # fmt: skip


@given(seeds, st.sampled_from(cases.STEPS))
def test_bounds_of_objectives_hold(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    problem = cases.random_problem(rng, kind)
    form, true = spin_form(problem), cases.least(problem)
    found = spin_tree.lower_bound(problem, by_text(cases.random_tree(rng, form, rng.choice([np.float32, np.float64]))))
    assert found is not None and found <= true
    found = odd_cycles.lower_bound(problem, by_text(cases.random_cycles(rng, form.spins)))
    assert found is not None and found <= true


@given(seeds, st.sampled_from(cases.STEPS))
def test_all_cases_give_the_minimum(seed: int, kind: str) -> None:
    """Exactly where the arrays are exact, and on the nearest decimals where they are decimal."""
    rng = np.random.default_rng(seed)
    problem = cases.random_problem(rng, kind)
    form, true = spin_form(problem), cases.least(problem)
    tree = full_tree(form, np.ones(form.spins - 1))
    found = spin_tree.lower_bound(problem, by_text(tree))
    assert found is not None and found <= true <= found + Fraction(1, 10**9)
    assert kind != "whole" or problem.vars["r"].lower[0] % 1 or found == true


def torus(side: int, seed: int = 0) -> Problem:
    """Couplings +-1 on a square grid that closes on itself, spins."""
    rng = np.random.default_rng(seed)
    n = side * side
    matrix = np.zeros((n, n))
    for k in range(n):
        for other in ((k + side) % n, k - k % side + (k + 1) % side):
            matrix[min(k, other), max(k, other)] += rng.choice([-1.0, 1.0])
    return Problem("torus", (Var.of("s", "spin", (n,)), Poly("e", "objective", (Bilinear("s", "s", Dense(matrix)),),
                                                             np.zeros(1))))  # fmt: skip


def frustrated_squares(problem: Problem, side: int, weight: float) -> OddCycles:
    """All squares of a torus whose couplings can't all be satisfied, with one multiplier."""
    form = spin_form(problem)
    coupling = -2 * np.asarray(form.quadratic @ np.eye(form.spins))
    start, vertex, flag = [0], [], []
    for k in range(side * side):
        right, below = k - k % side + (k + 1) % side, (k + side) % (side * side)
        walk = [1 + k, 1 + right, 1 + (right + side) % (side * side), 1 + below]
        signs = [coupling[a, b] for a, b in zip(walk, [*walk[1:], walk[0]], strict=True)]
        if np.prod(signs) > 0:
            continue
        vertex += walk
        flag += [int(sign > 0) for sign in signs]
        start.append(len(vertex))
    return OddCycles.of_walks(
        form.spins, np.array(start), np.array(vertex), np.array(flag), np.full(len(start) - 1, weight)
    )


def test_frustrated_squares_bound_a_torus_and_the_bound_moves_to_the_grid() -> None:
    problem = torus(4, 3)
    points = np.array([[1 - 2 * (k >> i & 1) for i in range(16)] for k in range(0, 1 << 16, 2)], dtype=float)
    form = spin_form(problem)
    matrix = form.quadratic[1:, 1:] if isinstance(form.quadratic, np.ndarray) else form.quadratic.toarray()[1:, 1:]
    energies = np.unique(-np.einsum("pi,ij,pj->p", points, matrix, points))
    assert (np.diff(energies) % 4 == 0).all()
    plain = odd_cycles.lower_bound(problem, by_text(frustrated_squares(problem, 4, 0.0)))
    better = odd_cycles.lower_bound(problem, by_text(frustrated_squares(problem, 4, 0.5)))
    raised = odd_cycles.lower_bound(problem, by_text(frustrated_squares(problem, 4, 0.4)))
    assert plain is not None and better is not None and raised is not None
    assert plain == -32 and plain < better <= energies[0]
    assert plain < raised <= better and raised % 4 == 0


def test_decimal_couplings_have_a_grid_too() -> None:
    form = SpinForm(np.zeros((0, 3)), np.array([[0, 0.1, 0], [0.1, 0, 0.3], [0, 0.3, 0]]), 0.7, 1e-15)
    found = lowered(form, 1.2)  # values are 0.7 +- 0.2 +- 0.6
    assert 1.1 - 1e-9 <= found <= 1.1 + 1e-9
    assert lowered(replace(form, quadratic=form.quadratic * np.pi), 1.2) == Fraction(1.2)
    assert lowered(replace(form, error=1e-3), 1.2) == Fraction(1.2)
    assert lowered(SpinForm(np.zeros((0, 2)), None, 0.3, 1e-15), 1.2) == Fraction(1.2)
    assert lowered(SpinForm(np.ones((1, 2)), None, 0.3), 1.2) == Fraction(1.2)
    tiny = np.array([[0, 1e-12], [1e-12, 0]])
    assert lowered(SpinForm(np.zeros((0, 2)), tiny, 0.3, 1e-15), 1.2) == Fraction(1.2)


@given(seeds)
def test_decimal_grids_are_sound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    form = cases.random_form(rng, rows=0, kind="tenths")
    if form.quadratic is not None:  # a little beside the decimals
        form = replace(form, quadratic=form.quadratic * (1 + rng.choice([0.0, 1e-9, -1e-9])))
    form = replace(form, error=float(rng.choice([1e-15, 1e-12, 1e-7])))
    true = cases.greatest(form, np.append(1, np.zeros(form.spins - 1)))
    least = np.nextafter(float(true), np.inf)
    for upper in (least, least + 1e-9, least + 0.05, least + 0.3, least + rng.random()):
        assert lowered(form, upper) >= true


def test_objectives_that_are_no_spin_forms_prove_nothing() -> None:
    cube = Monomials(1, ("s",), np.zeros(1, np.int64), np.zeros((1, 3), np.int64), np.array([[0, 1, 2]]), np.ones(1))
    spins = Var.of("s", "spin", (3,))
    wide = Var.of("s", "int", (3,), 0.0, 2.0)
    square = Bilinear("s", "s", Dense(np.ones((3, 3))))
    tree = full_tree(SpinForm(np.zeros((0, 4))), np.zeros(3))
    cycles = OddCycles.of_walks(4, np.array([0]), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    for var, term in ((spins, cube), (wide, square), (Var.of("s", "real", (3,)), square)):
        problem = Problem("p", (var, Poly("goal", "objective", (term,), np.zeros(1))))
        assert spin_tree.lower_bound(problem, by_text(tree)) is None
        assert odd_cycles.lower_bound(problem, by_text(cycles)) is None


def test_proofs_of_another_size_prove_nothing() -> None:
    rng = np.random.default_rng(0)
    problem = cases.random_problem(rng)
    for change in (-1, 1):
        form = SpinForm(np.zeros((0, spin_form(problem).spins + change)))
        assert spin_tree.lower_bound(problem, by_text(full_tree(form, np.zeros(1)))) is None
        assert odd_cycles.lower_bound(problem, by_text(cases.random_cycles(rng, form.spins))) is None


def square_of_spins(maximize: bool) -> tuple[Problem, Answer]:
    """Four spins in a ring with one frustrated coupling: the minimum is -2."""
    matrix = np.zeros((4, 4))
    matrix[[0, 1, 2, 0], [1, 2, 3, 3]] = [-1, -1, -1, 1]
    source = Objective(-2.0, 1.0) if maximize else Objective()
    goal = Poly("e", "objective", (Bilinear("s", "s", Dense(matrix)),), np.zeros(1))
    problem = Problem("ring", (Var.of("s", "spin", (4,)), goal), source)
    walk = OddCycles.of_walks(5, np.array([0, 4]), np.array([1, 2, 3, 4]), np.array([0, 0, 0, 1]), np.ones(1))
    value = 5.0 if maximize else -2.0
    witness = {"s": [1, 1, 1, 1]}
    return problem, Answer("optimal", "certificate", value, value, value, witness=witness, certificate=by_text(walk))


@pytest.mark.parametrize("maximize", [False, True])
def test_answers_are_accepted_as_far_as_they_are_proved(maximize: bool) -> None:
    problem, answer = square_of_spins(maximize)
    assert check_optimize(problem, answer).verdict == "accepted"
    side = "upper" if maximize else "lower"
    better = answer.upper - 0.5 if maximize else answer.lower + 0.5
    assert check_optimize(problem, replace(answer, **{side: better})).verdict == "rejected"
    walk = OddCycles.from_plain(answer.certificate)
    weak = replace(walk, multiplier=np.array([0.1]))
    # -4 + 0.2 lies between two values of the grid, -2 and 2: it moves up as well
    assert check_optimize(problem, replace(answer, certificate=by_text(weak))).verdict == "accepted"
    none = replace(walk, multiplier=np.array([0.0]))
    assert check_optimize(problem, replace(answer, certificate=by_text(none))).verdict == "accepted"
    bound = -3.0 if not maximize else 7.0
    open_ = replace(answer, status="bracketed", certificate=by_text(none), **{side: bound})
    assert check_optimize(problem, open_).verdict == "accepted"


@pytest.mark.parametrize("kind", ["spin-tree", "odd-cycles"])
def test_no_spin_certificate_proves_infeasibility(kind: str) -> None:
    problem, answer = square_of_spins(False)
    walk = answer.certificate if kind == "odd-cycles" else by_text(full_tree(spin_form(problem), np.zeros(4)))
    lie = Answer("infeasible", "certificate", certificate=walk)
    verdict = check_optimize(problem, lie)
    assert verdict.verdict == "rejected" and "infeasib" in verdict.reasons[0]


def test_bounds_without_a_witness() -> None:
    problem, answer = square_of_spins(False)
    alone = Answer("bracketed", "certificate", lower=-2.0, certificate=answer.certificate)
    assert check_optimize(problem, alone).verdict == "accepted"
    assert check_optimize(problem, replace(alone, lower=-1.9)).verdict == "rejected"


@given(seeds, st.sampled_from([Relu(), LeakyRelu(0.1), Hardtanh()]))
def test_constants_of_networks_are_bounded(seed: int, function: Any) -> None:
    rng = np.random.default_rng(seed)
    problem = slope_cases.chain(rng, [int(rng.integers(1, 5)), int(rng.integers(1, 5)), 2], function)
    task = slope_cases.task_of(problem, rng.normal(size=(2, 2)))
    slopes = slope_form(task)
    for functional in range(2):
        form = SpinForm.of_slopes(slopes, functional)
        true = slope_cases.greatest(slopes, functional)
        every = spin_tree.upper(task, functional, by_text(full_tree(form, np.ones(form.spins - 1))))
        assert true * (1 - 1e-12) <= every <= true * (1 + 1e-12) + 1e-12
        assert spin_tree.upper(task, functional, by_text(cases.random_tree(rng, form))) >= every * (1 - 1e-12)
        assert spin_tree.upper(replace(task, norm="l2"), functional, by_text(full_tree(form, np.ones(1)))) == np.inf


def test_the_norm_of_hiq_lip_is_bounded() -> None:
    rng = np.random.default_rng(1)
    problem = slope_cases.chain(rng, [5, 4, 1], Relu())
    task = replace(slope_cases.task_of(problem, np.ones((1, 1))), quantity="inf-to-one")
    slopes = slope_form(task)
    matrix = slopes.inputs.T * slopes.unit_weights[0]
    true = max(np.abs(matrix @ t).sum() for t in cases.points(np.array([1, 0, 0, 0])))
    form = SpinForm.of_slopes(slopes, 0, "inf-to-one")
    found = spin_tree.upper(task, 0, by_text(full_tree(form, np.ones(form.spins - 1))))
    assert true <= found <= true * (1 + 1e-12)
    assert found > slope_cases.greatest(slopes)
    assert spin_tree.upper(replace(task, quantity="lipschitz"), 0, by_text(full_tree(form, np.ones(3)))) == np.inf


def test_ranges_of_a_box_only_widen_those_that_are_found() -> None:
    rng = np.random.default_rng(3)
    closer = 0
    for _ in range(10):
        problem = slope_cases.chain(rng, [2, 4, 1], Relu())
        task = slope_cases.task_of(problem, np.ones((1, 1)), free=False)
        own = own_ranges(task)
        local, whole = (slope_cases.greatest(slope_form(task, ranges)) for ranges in (own, None))
        tree = full_tree(SpinForm.of_slopes(slope_form(task)), np.ones(4))
        middle = (own[0] + own[1]) / 2
        for ranges, true in (((middle, middle), local), (own, local), ((np.full(4, -9.0), np.full(4, 9.0)), whole)):
            found = spin_tree.upper(task, 0, by_text(replace(tree, ranges=ranges)))
            assert true * (1 - 1e-12) <= found <= true * (1 + 1e-12)
        assert spin_tree.upper(task, 0, by_text(tree)) == pytest.approx(whole)
        free = slope_cases.task_of(problem, np.ones((1, 1)))
        assert spin_tree.upper(free, 0, by_text(replace(tree, ranges=own))) == pytest.approx(whole)
        closer += local < whole
        with pytest.raises(InputError, match="units"):
            spin_tree.upper(task, 0, by_text(replace(tree, ranges=(np.zeros(3), np.ones(3)))))
    assert closer
    problem = square_of_spins(False)[0]
    ranged = replace(full_tree(spin_form(problem), np.ones(4)), ranges=own)
    assert spin_tree.lower_bound(problem, by_text(ranged)) is None


def test_units_that_may_feed_each_other_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Couplings that are 0 up to an error are couplings."""
    task = slope_cases.task_of(slope_cases.chain(np.random.default_rng(1), [3, 2, 1], Relu()), np.ones((1, 1)))
    slopes = slope_form(task)
    tree = by_text(full_tree(SpinForm.of_slopes(slopes), np.ones(2)))
    rest = (np.zeros_like(slopes.inputs), np.zeros_like(slopes.unit_weights), np.zeros_like(slopes.input_weights))
    for error, finite in ((0.0, True), (1e-20, False)):
        off = replace(slopes, errors=(np.full((2, 2), error), *rest))
        monkeypatch.setattr(spin_tree, "slope_form", lambda *_, off=off: off)
        assert (spin_tree.upper(task, 0, tree) < np.inf) == finite


def test_deeper_networks_have_no_such_certificate() -> None:
    problem = slope_cases.chain(np.random.default_rng(1), [3, 2, 2, 1], Relu())
    task = slope_cases.task_of(problem, np.ones((1, 1)))
    form = SpinForm(np.zeros((3, 5)))
    assert spin_tree.upper(task, 0, by_text(full_tree(form, np.ones(4)))) == np.inf
