"""Quadratic objectives as spin forms: values against evaluation, exactness, the grid of values."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Poly, Var
from isinglass.ir.errors import Refused
from isinglass.ir.evaluate import evaluate
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.quadratic.grid import grid
from isinglass.ir.quadratic.spins import couplings, spin_form, spin_form_and_values
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear
from isinglass.ir.terms.monomials import Monomials
from isinglass.ir.terms.square import Square


def mixed(rng: np.random.Generator, whole: bool, squares: bool) -> Problem:
    """Binaries (some fixed), spins and whole numbers between two neighbours, in all kinds of term."""

    def draw(*shape: int) -> Any:
        return rng.integers(-3, 4, shape).astype(float) if whole else rng.normal(size=shape)

    b, s = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    low = rng.integers(-3, 3, 2).astype(float)
    blocks = (Var.of("x", "bin", (b,), 0.0, rng.integers(0, 2, b).astype(float)), Var.of("s", "spin", (s,)),
              Var.of("z", "int", (2,), low, low + 1), Var.of("far", "real", (2,)))  # fmt: skip
    terms: tuple[Any, ...] = (
        Bilinear("x", "s", Dense(draw(b, s))), Bilinear("s", "s", Dense(draw(s, s))),
        Bilinear("z", "z", Dense(draw(2, 2))), Bilinear("x", "x", Csr.of(draw(b, b))), Linear("x", Dense(draw(1, b))),
        Bilinear("z", "x", Csr.of(draw(2, b))).monomials(),
    )  # fmt: skip
    if squares:
        parts = {"x": Dense(draw(1, b)), "s": Csr.of(draw(1, s)), "z": Dense(draw(1, 2))}
        terms += (Square(Affine(draw(1), parts)),)
    return Problem("mixed", (*blocks, Poly("goal", "objective", terms, draw(1))))


def all_spins(free: Any, size: int) -> Any:
    places = np.flatnonzero(free) + 1
    table = np.ones((2 ** len(places), size + 1))
    table[:, places] = list(product([-1, 1], repeat=len(places)))
    return table


@pytest.mark.parametrize("seed", range(30))
def test_values_are_those_of_the_objective(seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = seed % 2 == 0
    problem = mixed(rng, whole, seed % 3 == 0)
    form, values = spin_form_and_values(problem)
    spins = all_spins(values.free, problem.size)
    points = values.points(spins)
    found = evaluate(problem, problem.unstack(points)).minimised
    assert (values.spins(points) == spins).all()
    assert values.points(-spins) == pytest.approx(points, abs=0)
    if whole:
        assert form.error == 0
        assert np.array_equal(form.value(spins), -found)
    else:
        assert 0 < form.error < 1e-11
        assert np.abs(form.value(spins) + found).max() <= form.error


@pytest.mark.parametrize("seed", range(20))
def test_all_values_lie_on_the_grid_and_none_is_finer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 7
    J = np.triu(rng.integers(-2, 3, (n, n)) * rng.choice([1.0, 0.25, 6.0]) * (rng.random((n, n)) < 0.5), 1)
    problem = Problem("ising", (Var.of("s", "spin", (n,)), Poly("e", "objective", (Bilinear("s", "s", Dense(J)),),
                                                                np.array([0.1]) * 2.5)))  # fmt: skip
    form = spin_form(problem)
    found = grid(form)
    values = [Fraction(float(v)) for v in form.value(all_spins(np.ones(n, np.bool_), n))]
    if found is None:
        assert not J.any()
        return
    steps = {(value - found.base) / found.step for value in values}
    assert all(step.denominator == 1 for step in steps)
    assert np.gcd.reduce(np.array([int(step - min(steps)) for step in steps])) in (0, 1)
    assert found.below(max(values) + found.step * Fraction(99, 100)) == max(values)
    assert found.above(max(values) - found.step * Fraction(99, 100)) == max(values)
    assert found.below(max(values)) == max(values) == found.above(max(values))


@pytest.mark.parametrize("dense", [False, True])
def test_couplings_are_those_of_the_problem(dense: bool) -> None:
    J = np.triu(np.arange(1.0, 26).reshape(5, 5), 1)
    J[2:] *= dense
    operator = Dense(J) if dense else Csr.of(J)
    problem = Problem("ising", (Var.of("s", "spin", (5,)), Poly("e", "objective", (Bilinear("s", "s", operator),),
                                                                np.zeros(1))))  # fmt: skip
    found = couplings(spin_form(problem))
    table = np.zeros((6, 6))
    table[found.row, found.column] = found.value
    assert np.array_equal(table[1:, 1:], J)
    assert not table[0].any()


def test_variables_that_do_not_occur_stand_at_a_value_of_theirs() -> None:
    blocks = (Var.of("s", "spin", (3,)), Var.of("x", "bin", (2,)), Var.of("z", "int", (1,), 4.0, 9.0))
    goal = Poly("e", "objective", (Linear("s", Dense(np.array([[0.0, 2.0, 0.0]]))),), np.zeros(1))
    _, values = spin_form_and_values(Problem("few", (*blocks, goal)))
    assert values.points(np.ones((1, 7))).tolist() == [[1, 1, 1, 0, 0, 4]]
    assert values.points(np.array([[1.0, 1, -1, 1, 1, 1, 1]])).tolist() == [[1, -1, 1, 0, 0, 4]]


def test_refusals() -> None:
    goal = Poly("e", "objective", (Linear("z", Dense(np.ones((1, 2)))),), np.zeros(1))
    wide = Problem("wide", (Var.of("z", "int", (2,), 0.0, 2.0), goal))
    with pytest.raises(Refused, match=r"z\[0\] has more than two values"):
        spin_form(wide)


def test_coefficients_that_cancel_only_in_float64_are_not_lost() -> None:
    """1e17 x + x - 1e17 x is 0 in float64, and x in truth."""
    row = np.zeros(3, np.int64)

    def goal(name: str) -> Poly:
        terms = (Monomials(1, (name,), row, row[:, None], row[:, None], np.array([1e17, 1.0, -1e17])),
                 Monomials(1, ("s",), row[:1], np.zeros((1, 2), np.int64), np.array([[0, 1]]), np.ones(1)))  # fmt: skip
        return Poly("e", "objective", terms, np.zeros(1))

    spins = Var.of("s", "spin", (2,))
    with pytest.raises(Refused, match="variables without bounds"):
        spin_form(Problem("wide", (spins, Var.of("x", "real", (1,)), goal("x"))))
    form = spin_form(Problem("some", (spins, Var.of("x", "int", (1,), 0.0, 9.0), goal("x"))))
    assert form.error >= 9
