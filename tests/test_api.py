"""The Python front: solve, compile, decode, explain, reweigh; what answers may claim."""

from __future__ import annotations

from typing import Any

import dimod
import numpy as np
import pytest

import isinglass
from isinglass import Builder
from isinglass.ir.errors import CompileError, InputError, Refused, UsageError
from isinglass.ir.tasks import Train


def knapsack() -> Any:
    b = Builder("knapsack")
    x = b.binary("x", (4,))
    b.add("cap", [5, 7, 4, 3] @ x <= 14)
    b.maximize([8, 11, 6, 4] @ x)
    return b.build()


def test_enumeration_proves() -> None:
    answer = isinglass.solve(knapsack(), solver="exact")
    assert (answer.status, answer.basis) == ("optimal", "enumeration")
    assert answer.value == answer.lower == answer.upper == 21
    assert answer.witness == {"x": [0, 1, 1, 1]}
    assert answer.claimed_bound is None


@pytest.mark.parametrize("solver", ["neal", "tabu", "greedy"])
def test_samplers_only_witness(solver: str) -> None:
    answer = isinglass.solve(knapsack(), solver=solver, reads=200, seed=3)
    assert (answer.status, answer.basis) == ("witnessed", "none")
    assert answer.value == answer.lower == 21
    assert answer.upper is None
    again = isinglass.solve(knapsack(), solver=solver, reads=200, seed=3)
    assert again.witness == answer.witness


def test_milp_solver_is_not_believed() -> None:
    answer = isinglass.solve(knapsack(), solver="highs")
    assert (answer.status, answer.basis) == ("optimal", "solver-word")
    assert answer.lower == 21 and answer.upper is None
    assert answer.claimed_bound == pytest.approx(21)


def test_minimum_fills_upper() -> None:
    b = Builder()
    x = b.binary("x", (3,))
    b.add("cover", x.sum() >= 2)
    b.minimize([3, 1, 2] @ x)
    answer = isinglass.solve(b.build(), solver="neal", seed=1)
    assert answer.upper == answer.value == 3 and answer.lower is None


class Lies:
    """A sampler that claims energies it does not have and returns nonsense first."""

    def sample(self, bqm: Any, **_: Any) -> Any:
        names = list(bqm.variables)
        return dimod.SampleSet.from_samples_bqm([dict.fromkeys(names, 1), dict.fromkeys(names, 0)], bqm)


def test_any_sampler_object_and_only_checked_samples() -> None:
    answer = isinglass.solve(knapsack(), solver=Lies())
    assert answer.status == "witnessed" and answer.value == 0


def test_contradiction_has_a_certificate() -> None:
    b = Builder()
    x = b.integer("x", (2,), 0, 5)
    b.add("low", x.sum() >= 8)
    b.add("high", x[0] - x[1] >= 4)
    b.add("cap", x[1] <= 1)
    b.minimize(x.sum())
    answer = isinglass.solve(b.build(), solver="exact")
    assert (answer.status, answer.basis) == ("infeasible", "certificate")


def test_infeasible_by_enumeration() -> None:
    b = Builder()
    x = b.binary("x", (3,))
    b.add("odd", 2 * x[0] + 2 * x[1] + 4 * x[2] == 2)
    b.add("two", x[0] + x[1] == 2 * x[2])
    b.minimize(x.sum())
    answer = isinglass.solve(b.build(), solver="exact")
    assert answer.status == "infeasible" and answer.basis in ("enumeration", "certificate")


def test_stated_weights_prove_nothing() -> None:
    answer = isinglass.solve(knapsack(), solver="exact", weight=0.001)
    assert answer.status in ("witnessed", "unknown") and answer.basis == "none" and answer.upper is None


def test_decode_table() -> None:
    compiled = isinglass.compile(knapsack(), "bqm")
    assert isinstance(compiled.bqm, dimod.BinaryQuadraticModel)
    rng = np.random.default_rng(0)
    samples = dimod.SampleSet.from_samples_bqm(
        (rng.integers(0, 2, (40, compiled.bqm.num_variables)), list(compiled.bqm.variables)), compiled.bqm
    )
    table = compiled.decode(samples)
    x = table.values["x"]
    np.testing.assert_array_equal(table.objective, x @ [8, 11, 6, 4])
    np.testing.assert_array_equal(table.feasible, x @ [5, 7, 4, 3] <= 14)
    for i in range(len(table)):
        assert bool(table.violated(i)) != bool(table.feasible[i])
    assert compiled.answer(samples).basis == "none"


def test_explain_names_everything() -> None:
    text = isinglass.explain(knapsack())
    for words in ("decision", "slack of cap", "couplers", "guarantee: feasible set grows, optimum kept",
                  "from penalize",
                  "proof: packing", "dynamic range", "objective unit", "from counts alone"):  # fmt: skip
        assert words in text, words


def test_reweighting_keeps_the_proof_only_where_it_covers() -> None:
    compiled = isinglass.compile(knapsack(), "bqm")
    weights = compiled.reweightable.weights
    heavier, lighter = compiled.reweighted(weights * 4), compiled.reweighted(weights / 64)
    assert heavier.guarantee.exact and not lighter.guarantee.exact
    assert "not proved" in lighter.explain()
    x = dict.fromkeys(compiled.bqm.variables, 1)
    base = compiled.reweighted(weights * 0).bqm.energy(x)
    assert heavier.bqm.energy(x) - base == pytest.approx(4 * (compiled.bqm.energy(x) - base))


def test_encodings_agree() -> None:
    b = Builder()
    y = b.integer("y", (2,), -1, 3)
    b.add("cap", 2 * y[0] + y[1] <= 4)
    b.maximize(3 * y[0] + 2 * y[1] - y[0] * y[1])
    problem = b.build()
    options: list[dict[str, Any]] = [{}, {"code": "unary"}, {"code": "one-hot"}, {"code": "domain-wall"},
                                     {"code": "bounded", "limit": 2}, {"slack": "unit"}]  # fmt: skip
    values = [isinglass.solve(problem, solver="exact", **o).value for o in options]
    assert len(set(values)) == 1
    assert all(isinglass.solve(problem, solver="exact", **o).status == "optimal" for o in options)


def test_tight_and_cutoff() -> None:
    b = Builder()
    y = b.integer("y", (6,), 0, 7)
    rng = np.random.default_rng(2)
    A = rng.integers(1, 9, (4, 6)).astype(float)
    b.add("rows", A @ y <= np.full(4, 40.0))
    b.maximize(rng.integers(1, 9, 6).astype(float) @ y)
    problem = b.build()
    plain, cut = isinglass.compile(problem, "bqm"), isinglass.compile(problem, "bqm", cutoff=True)
    assert cut.problem.size <= plain.problem.size
    assert cut.guarantee.optimum == "kept" and cut.guarantee.feasible != "same"
    assert isinglass.compile(problem, "bqm", tight=True).reweightable.weights.max() <= plain.reweightable.weights.max()
    best = isinglass.solve(problem, solver="highs").value
    assert isinglass.solve(problem, solver="neal", cutoff=True, reads=500, seed=1).value <= best


def test_what_cannot_be_done_is_refused_by_type() -> None:
    b = Builder()
    x = b.real("x", (2,), 0, 1)
    b.minimize(x.sum())
    with pytest.raises(CompileError, match="grid-reals"):
        isinglass.compile(b.build(), "bqm")
    assert isinglass.compile(b.build(), "bqm", bits=3).guarantee.optimum == "bounded"
    with pytest.raises(UsageError, match="did you mean 'bqm'"):
        isinglass.compile(knapsack(), "bqmm")
    with pytest.raises(UsageError, match="tighten-bounds"):
        isinglass.compile(knapsack(), "bqm", pipeline="tighten-bound")
    with pytest.raises(Refused, match="not available"):
        isinglass.solve(Train("head"))


def test_infinite_bounds_are_named() -> None:
    b = Builder()
    y = b.integer("y", (2,), 0)
    b.minimize(y.sum())
    with pytest.raises(InputError, match=r"y\[0\] has an infinite bound"):
        isinglass.compile(b.build(), "bqm")
