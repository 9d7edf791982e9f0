"""The driver: within its budget, never worse than its start, the same for the same seed, with any device; and through
solve, specs and the command line."""

from __future__ import annotations

import json
import shlex
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest
from click.testing import CliRunner
from coarsen_cases import all_spins, random_spins, system, systems, torus
from hypothesis import given, settings
from hypothesis import strategies as st
from test_coarsen_blocks import outcome

import isinglass
from isinglass.backends.solver import make_solver
from isinglass.cli import cli
from isinglass.compiler.coarsen.system import System
from isinglass.compiler.drivers.coarsen import Coarsen, Found
from isinglass.ir.errors import InputError, Refused, UsageError
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.quadratic.ising_form import IsingForm
from isinglass.ir.quadratic.triplets import Triplets

LAWS = settings(derandomize=True, deadline=None, max_examples=25)
SPEC = """
var x : bin[12]
minimize sum(((i + 1) * (j + 2) / 7 - 6) * (2 * x[i] - 1) * (2 * x[j] - 1) for i in 0..11, j in 0..11 if i < j)
"""


def search(fine: System, text: str = "neal", start: Any = None, limits: Limits | None = None, **options: Any) -> Found:
    rule = Coarsen(make_solver(text)[0], **options)
    found: Found = outcome(rule.search(fine, limits or Limits(), start))
    return found


@LAWS
@given(systems, st.integers(2, 20), st.sampled_from(["levels", "anneal"]), st.integers(0, 99))
def test_within_budget_and_never_worse_than_the_start(fine: System, budget: int, mode: str, seed: int) -> None:
    start = random_spins(fine.size, seed)
    found = search(fine, "neal", start, Limits(seed=seed, reads=2), budget=budget, mode=mode, calls=60)
    assert found.largest <= budget and found.calls <= 60
    assert found.spins.shape == (len(found.energy), fine.size)
    assert set(np.unique(found.spins)) <= {-1, 1}
    assert [fine.energy(spins) for spins in found.spins] == found.energy.tolist() == sorted(found.energy)
    assert found.energy[0] <= fine.energy(start)


@pytest.mark.parametrize("mode", ["levels", "anneal"])
def test_optima_of_small_systems(mode: str) -> None:
    for seed, share in enumerate((0.15, 0.3, 1.0)):
        fine = system(16, share, seed)
        least = min(fine.energy(spins) for spins in all_spins(16))
        assert search(fine, budget=6, mode=mode).energy[0] == least


def test_separate_pieces_and_no_couplings() -> None:
    piece = system(12, 0.9, 5)
    least = min(piece.energy(spins) for spins in all_spins(12)) - piece.offset
    fine = System.packed(0.0, np.tile(piece.fields, 5), np.kron(np.eye(5), piece.csr.toarray()))
    assert search(fine, budget=10).energy[0] == 5 * least
    alone = System.packed(1.0, np.arange(50.0) - 20, np.zeros((50, 50)))
    assert search(alone, budget=5).energy[0] == 1 - np.abs(alone.fields).sum()
    nothing = System.packed(3.0, np.zeros(30), np.zeros((30, 30)))
    assert search(nothing, budget=4).energy[0] == 3.0
    assert search(System.packed(3.0, np.zeros(0), np.zeros((0, 0)))).energy.tolist() == [3.0]


@pytest.mark.parametrize(
    "text", ["neal", "tabu", "greedy", "exact", "neal{sweeps=20}", "dimod{sampler=dimod:ExactSolver}"]
)
@pytest.mark.parametrize("mode", ["auto", "anneal"])
def test_any_device(text: str, mode: str) -> None:
    fine = torus(6, 1)
    found = search(fine, text, budget=8, mode=mode, calls=150)
    assert found.largest <= 8 and found.calls <= 150 and found.seconds > 0
    assert found.energy[0] <= 0.85 * search(fine, budget=36).energy[0]


def test_the_same_seed_gives_the_same() -> None:
    fine = system(120, 0.05, 3)
    one, two, three = (search(fine, limits=Limits(seed=seed), budget=20, calls=300) for seed in (4, 4, 5))
    assert np.array_equal(one.spins, two.spins) and one.calls == two.calls
    assert not one.time_limited
    assert not np.array_equal(one.spins, three.spins)


def test_good_energies_on_a_torus() -> None:
    """Within one percent of the best of many long anneals of the whole."""
    fine = torus(20, 0)
    whole = make_solver("neal{sweeps=5000}")[0].sample_ising(fine.form(), Limits(reads=10))
    found = search(fine, budget=50)
    assert found.energy[0] <= 0.99 * fine.energy(whole[0])
    assert found.levels[0] == 400 and found.levels[-1] <= 50


def test_dense_energies() -> None:
    rng = np.random.default_rng(0)
    upper = np.triu(rng.choice([-1.0, 1.0], (200, 200)), 1)
    fine = System.packed(0.0, np.zeros(200), upper + upper.T)
    whole = make_solver("neal")[0].sample_ising(fine.form(), Limits(reads=20))
    assert search(fine, budget=40).energy[0] <= 0.98 * fine.energy(whole[0])


def test_time_is_kept() -> None:
    fine = torus(30, 0)
    found = search(fine, limits=Limits(timeout=0.0), budget=10)
    assert found.time_limited and found.calls == 0 and len(found.spins)
    found = search(fine, limits=Limits(timeout=0.2), budget=10)
    assert found.time_limited and found.calls > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 1}, "budget >= 2"),
        ({"calls": -1}, "calls >= 0"),
        ({"mode": "level"}, "did you mean 'levels'"),
        ({"matching": "random"}, "knows no 'random'"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match="coarsen") as caught:
        isinglass.coarsened("neal", **options)
    assert message in str(caught.value)


# -- problems -------------------------------------------------------------------------------------------------


def knapsack(n: int = 40) -> Problem:
    rng = np.random.default_rng(0)
    builder = isinglass.Builder("knapsack")
    x = builder.binary("x", (n,))
    y = builder.integer("y", (2,), lower=0, upper=5)
    size, worth = rng.integers(1, 20, n).astype(float), rng.integers(1, 20, n).astype(float)
    builder.add("room", size @ x <= size.sum() // 3)
    builder.add("sum", y[0] + 2 * y[1] == 7)
    builder.maximize(worth @ x + 3 * y[0])
    return builder.build()


@pytest.mark.parametrize("solver", ["neal", "tabu", "exact", dimod.ExactSolver()])
def test_penalised_problems_through_solve(solver: Any) -> None:
    problem = knapsack()
    best = isinglass.solve(problem)
    answer = isinglass.solve(problem, solver, method="coarsen", budget=12, calls=200)
    assert answer.status == "witnessed" and answer.basis == "none"
    assert answer.value is not None and best.value is not None
    assert 0.6 * best.value <= answer.value <= best.value
    assert answer.witness is not None and len(answer.witness["x"]) == 40
    assert answer.witness["y"][0] + 2 * answer.witness["y"][1] == 7
    told = answer.detail[-1].split()
    assert int(told[0]) <= 200 and int(told[5]) <= 12
    assert 0 < answer.timings["device"] <= answer.timings["solve"]
    assert answer.solver.startswith("coarsen with ")


def test_a_sampler_made_of_a_sampler_goes_where_samplers_go() -> None:
    problem = knapsack(20)
    maker = isinglass.coarsened("neal", budget=10, calls=100)
    samples = maker.solve(isinglass.compile(problem).problem, Limits())
    assert samples.info["calls"] <= 100 and samples.info["largest"] <= 10
    decoded = isinglass.compile(problem).decode(samples)
    assert np.isclose(decoded.energy, isinglass.compile(problem).form.energies(samples_matrix(problem, samples))).all()
    answer = isinglass.solve(problem, maker)
    assert answer.status == "witnessed"


def samples_matrix(problem: Problem, samples: Any) -> Any:
    compiled = isinglass.compile(problem).problem
    return np.concatenate([samples.values[name] for name in compiled.vars], axis=1)


def test_progress_is_told() -> None:
    events: list[str] = []
    isinglass.solve(knapsack(), "neal", method="coarsen", budget=20, calls=60, progress=lambda e: events.append(e.text))
    assert any("calls, energy" in text for text in events)


def test_what_is_refused() -> None:
    problem = knapsack(20)
    with pytest.raises(Refused, match="takes no QUBO"):
        isinglass.solve(problem, "highs", method="coarsen", budget=5)
    with pytest.raises(UsageError, match="method = coarsen"):
        isinglass.solve(problem, "neal", budget=5)
    with pytest.raises(Refused, match="other methods are for prove goals"):
        isinglass.solve(problem, "neal", method="branch")
    with pytest.raises(UsageError, match="budget >= 2"):
        isinglass.solve(problem, "neal", method="coarsen", budget=1)
    with pytest.raises((Refused, InputError), match="30"):
        isinglass.solve(problem, "exact{most=30}", method="coarsen", budget=31, calls=5)


def test_specs_and_the_command_line(tmp_path: Path) -> None:
    spec = tmp_path / "plan.glass"
    spec.write_text(SPEC + "compile { method = coarsen; solver = neal; budget = 5; calls = 40; seed = 3 }\n")
    answer = isinglass.run(spec)
    assert answer.solver == "coarsen with neal" and "at most" in answer.detail[-1]
    spec.write_text(SPEC)
    options = ["--method", "coarsen", "--solver", "neal", "--budget", "5", "--calls", "40", "--json"]
    done = CliRunner().invoke(cli, ["run", str(spec), *options])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["value"] == pytest.approx(answer.value) and "at most" in told["detail"][-1]
    assert CliRunner().invoke(cli, ["run", str(spec), "--budget", "5"]).exit_code == 2


# -- the light way in -----------------------------------------------------------------------------------------

BRUTE = """
import itertools, sys
lines = [l.split() for l in open(sys.argv[1]) if not l.startswith("#")]
n = 1 + max([int(j) for i, j, v in lines] + [int(sys.argv[2]) - 1])
def energy(x):
    return sum(float(v) * x[int(i)] * (x[int(j)] if i != j else 1) for i, j, v in lines)
best = min(itertools.product((0, 1), repeat=n), key=energy)
print("".join(map(str, best)))
"""


@pytest.mark.parametrize("text", ["neal", "tabu", "greedy", "exact", "dimod{sampler=dimod:ExactSolver}", "cmd"])
def test_every_sampler_takes_ising_problems(text: str, tmp_path: Path) -> None:
    (tmp_path / "brute.py").write_text(BRUTE)
    if text == "cmd":
        text = f"cmd:{shlex.quote(sys.executable)} {tmp_path / 'brute.py'} {{input}} 7"
    for seed in range(3):
        fine = system(7, 0.6, seed)
        spins = make_solver(text)[0].sample_ising(fine.form(), Limits(reads=20, seed=seed))
        assert spins.dtype == np.int8 and spins.shape[1] == 7 and set(np.unique(spins)) <= {-1, 1}
        assert fine.energy(spins[0]) == min(fine.energy(points) for points in all_spins(7))
        energy = [fine.energy(one) for one in spins]
        assert energy == sorted(energy)


def test_an_annealer_starts_where_it_is_told() -> None:
    solver = make_solver("neal")[0]
    assert solver.anneals and not make_solver("tabu")[0].anneals
    fine = torus(6, 0)
    start = random_spins(36, 0)
    frozen = solver.sample_ising(
        System.packed(0.0, 100.0 * -start, fine.matrix).form(), Limits(reads=2), start, np.ones(3)
    )
    assert (frozen == start).all() and len(frozen) == 2
    hot = solver.sample_ising(fine.form(), Limits(reads=1), start, np.full(3, 1e-9))
    assert (hot != start).any()


def test_neighbouring_seeds_of_the_annealer_have_nothing_in_common() -> None:
    """At infinite temperature with a field that halves the flips, states of different seeds are independent."""
    solver = make_solver("neal")[0]
    form = IsingForm(0.0, np.full(400, 1.0), Triplets.of_dense(np.zeros((1, 1))))
    start = -np.ones(400, np.int8)
    spins = [solver.sample_ising(form, Limits(reads=1, seed=seed), start, np.array([0.35]))[0] for seed in range(20)]
    assert abs(np.mean([(one == 1).mean() for one in spins]) - np.exp(-0.7)) < 0.05
    assert max(abs(np.corrcoef(one, two)[0, 1]) for one, two in pairwise(spins)) < 0.3


def test_the_annealer_copes_with_nothing() -> None:
    solver = make_solver("neal")[0]
    assert solver.sample_ising(IsingForm(0.0, np.zeros(0), Triplets.of_dense(np.zeros((0, 0)))), Limits()).shape[1] == 0
    assert solver.sample_ising(
        IsingForm(0.0, np.zeros(3), Triplets.of_dense(np.zeros((3, 3)))), Limits(reads=4)
    ).shape == (4, 3)
