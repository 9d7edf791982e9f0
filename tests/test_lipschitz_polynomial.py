"""Deep networks as polynomial problems: MILP optima, QUBO energies and the cost that is told agree with enumeration."""

from __future__ import annotations

from pathlib import Path

import highspy
import numpy as np
import pytest
from test_lipschitz_patterns import enumerated, random_form

import isinglass
from isinglass.compiler.lipschitz.polynomial import expanded, polynomial_problem
from isinglass.compiler.lipschitz.quadratisation import path_counts
from isinglass.ir.errors import Refused
from isinglass.ir.evaluate import evaluate
from isinglass.ir.slope_form import SlopeForm
from isinglass.ir.verify import verify


def table(size: int) -> np.ndarray:
    return ((np.arange(2**size)[:, None] >> np.arange(size)) & 1).astype(float)


@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize("sizes", [(3,), (2, 3), (2, 2, 2)])
def test_compact_problems_through_a_milp_solver(sizes: tuple[int, ...], skips: bool) -> None:
    form = random_form(11, sizes, inputs=3, skips=skips)
    problem = polynomial_problem(form, 1)
    verify(problem)
    answer = isinglass.solve(problem, solver="highs")
    assert answer.status == "optimal"
    assert answer.value == pytest.approx(enumerated(form, 1, "linf"), rel=1e-6)


def test_the_lp_file_says_the_same_to_another_reader(tmp_path: Path) -> None:
    form = random_form(14, (3, 3), inputs=3)
    file = tmp_path / "constant.lp"
    file.write_bytes(isinglass.compile(polynomial_problem(form, 1), "lp").artifact)
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    assert solver.readModel(str(file)) != highspy.HighsStatus.kError  # it tells that it drops big-M of 1e-16
    solver.run()
    assert solver.getInfo().objective_function_value == pytest.approx(enumerated(form, 1, "linf"), rel=1e-6)


@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize("sizes", [(4,), (2, 3), (2, 2, 2)])
def test_expanded_problems_have_the_same_values(sizes: tuple[int, ...], skips: bool) -> None:
    form = random_form(12, sizes, inputs=3, skips=skips)
    problem = expanded(form, 0)
    verify(problem)
    cost = path_counts(form, 0)
    assert cost.monomials == len(problem.objective.terms[0].coefficient)  # type: ignore[attr-defined]
    assert cost.degree == problem.objective.degree == len(sizes) + 1
    rng = np.random.default_rng(0)
    values = {"x": rng.choice([-1.0, 1.0], (40, 3)), "y": rng.integers(0, 2, (40, form.units)).astype(float)}
    told = [form.gradient(y, 0) @ x for x, y in zip(values["x"], values["y"], strict=True)]
    np.testing.assert_allclose(evaluate(problem, values).objective, told, atol=1e-12)


def test_quadratic_energies_against_enumeration() -> None:
    form = random_form(13, (2, 2), inputs=2)
    compiled = isinglass.compile(expanded(form, 0), "bqm")
    bits = table(compiled.problem.size)
    labels = compiled.problem.labels()
    energies = compiled.bqm.energies((bits, labels))
    values = {name: columns for name, columns in compiled.lift.up(compiled.problem.unstack(bits)).items()}
    told = np.array([form.gradient(y, 0) @ x for x, y in zip(values["x"], values["y"], strict=True)])
    assert (energies >= -told - 1e-9).all(), "no state promises more than its pattern is worth"
    best = enumerated(form, 0, "linf")
    assert energies.min() == pytest.approx(-best)
    assert told[energies.argmin()] == pytest.approx(best)
    assert isinglass.solve(expanded(form, 0), solver="exact").value == pytest.approx(best)


def test_the_cost_of_a_chain() -> None:
    ones = [np.ones((3, 4)), np.ones((2, 3))]
    units = 5
    within = np.zeros((units, units))
    within[3:, :3] = ones[1] * 2
    outer = np.zeros((units, 4))
    outer[:3] = ones[0]
    weights = np.array([[0, 0, 0, 1.0, -4.0]])
    form = SlopeForm(within, outer, weights, np.zeros((1, 4)), np.zeros(5), np.ones(5), (("h", 0, 5),),
                     np.array([0, 0, 0, 1, 1]))  # fmt: skip
    cost = path_counts(form)
    assert (cost.monomials, cost.degree, cost.ancillas) == (4 * 3 * 2, 3, 3 * 2)
    assert cost.penalty == 4 * 2 * 4, "what z = y_1 y_2 takes over: four inputs"
    assert cost.least == 2.0
    assert cost.bits == pytest.approx(np.log2(3 * 32 / 2))


def test_one_layer_needs_no_ancilla() -> None:
    cost = path_counts(random_form(1, (4,), inputs=3))
    assert (cost.ancillas, cost.penalty, cost.bits, cost.degree) == (0, 0.0, 0.0, 2)


def test_large_networks_are_refused_with_their_cost() -> None:
    form = random_form(2, (30, 30, 30), inputs=40)
    with pytest.raises(Refused, match=r"1,080,000 monomials up to degree 4; quadratic with 27,900 more binaries"):
        expanded(form)
    with pytest.raises(Refused, match="limit is 10 monomials"):
        expanded(random_form(2, (3, 3)), limit=10)


def test_a_network_without_any_path() -> None:
    form = random_form(3, (2, 2))
    none = SlopeForm(form.within * 0, form.inputs, form.unit_weights, form.input_weights, form.low, form.high,
                     form.blocks, form.layer)  # fmt: skip
    assert isinglass.solve(polynomial_problem(none), solver="highs").value == pytest.approx(0)
    assert isinglass.solve(expanded(none), solver="exact").value == 0
