"""Every solver: found by name, deterministic, checked by enumeration, dimod and scipy; clear errors for everything
else."""

from __future__ import annotations

import shlex
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest
from backend_cases import all_samples, binary_problem, energies_of, milp, optimum_by_scipy
from hypothesis import given
from hypothesis import strategies as st

import isinglass
from isinglass.backends.enumeration import exact_energies, ground_states
from isinglass.backends.solver import SOLVERS, make_solver
from isinglass.ir.blocks import Poly, Var
from isinglass.ir.errors import CompileError, InputError, IsinglassError, Refused, UsageError
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.quadratic.form import QuadraticForm
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear

SAMPLERS = ["neal", "tabu", "greedy"]
PYTHON = shlex.quote(sys.executable)


def least(problem: Problem) -> float:
    return float(energies_of(problem, all_samples(problem.size)).min())


def program(folder: Path, body: str) -> str:
    """A script that reads the model's path from its arguments; returns the command's start."""
    path = folder / "outside.py"
    path.write_text(body)
    return f"{PYTHON} {path}"


BRUTE = """
import itertools, sys
lines = [l.split() for l in open(sys.argv[1]) if not l.startswith("#")]
n = 1 + max(int(i) for i, j, v in lines)
def energy(x):
    return sum(float(v) * x[int(i)] * (x[int(j)] if i != j else 1) for i, j, v in lines)
best = min(itertools.product((0, 1), repeat=n), key=energy)
print("".join(map(str, best)), repr(energy(best)))
"""


# -- the registry --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", list(SOLVERS))
def test_every_solver_says_what_it_is(key: str) -> None:
    cls = SOLVERS[key]
    assert cls.level in ("BQM", "MIP") and isinstance(cls.complete, bool)
    assert callable(cls.solve)
    doc = SOLVERS.summary(key)
    assert doc[0].isupper() and 20 < len(doc) < 120


def test_the_solvers_asked_for_exist() -> None:
    assert set(SOLVERS) >= {"exact", "neal", "tabu", "greedy", "highs", "cmd", "dimod"}
    assert [key for key in SOLVERS if SOLVERS[key].complete] == ["exact"]
    assert make_solver("highs")[0].target_level == "MIP"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("neal{sweep=5}", "did you mean 'sweeps'"),
        ("neal{sweeps=few}", "not of type int"),
        ("neal{sweeps=0}", "sweeps >= 1"),
        ("neal{hot=2.0}", "hot and cold"),
        ("neal{hot=2.0,cold=1.0}", "hot and cold"),
        ("neal{schedule=none}", "geometric or linear"),
        ("tabu{effort=0}", "effort >= 1"),
        ("greedy{reads=-1}", "reads >= 0"),
        ("highs{tolerance=1}", "tolerance"),
        ("hihgs", "did you mean 'highs'"),
        ("cmd", "cmd needs a command"),
        ("cmd:", "cmd needs a command"),
        ("cmd:solve model", "has no {input}"),
        ("cmd:solve {input} {time}", "unknown place {time}"),
        ("cmd:solve {input.doc}", "no target writes .doc"),
        ("cmd:solve {input.lp} {input.mps}", "2 formats"),
        ("dimod{sampler=no.such:Thing}", "can't be made"),
        ("dimod{sampler=dimod:ExactSolvers}", "can't be made"),
    ],
)  # fmt: skip
def test_wrong_solver_texts(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_solver(text)[0].solve(binary_problem(0), Limits())
    assert message in str(caught.value)


def test_what_is_no_solver() -> None:
    with pytest.raises(UsageError, match="int is no solver"):
        make_solver(3)
    with pytest.raises(UsageError, match="no sample"):
        make_solver("dimod")[0].solve(binary_problem(0), Limits())


@pytest.mark.parametrize("text", ["exact", *SAMPLERS, "dimod{sampler=dimod:ExactSolver}", "highs", "cmd:false {input}"])
def test_wrong_levels_and_numbers_are_refused_before_any_call(text: str) -> None:
    solver, _ = make_solver(text)
    with pytest.raises(CompileError):
        solver.solve(milp(0) if solver.level == "BQM" else binary_problem(0), Limits())
    for value in (np.nan, np.inf):
        objective = Poly("objective", "objective", (Linear("x", Dense(np.array([[1.0, value]]))),), np.zeros(1))
        with pytest.raises(InputError, match=r"x\[1\] is"):
            solver.solve(Problem("m", (Var.of("x", "bin", (2,)), objective)), Limits())


# -- samplers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["exact", *SAMPLERS, "dimod{sampler=dimod:ExactSolver}"])
@pytest.mark.parametrize("whole", [True, False])
def test_small_problems_are_solved(text: str, whole: bool) -> None:
    problem = binary_problem(11, (4, 5), whole)
    samples = make_solver(text)[0].solve(problem, Limits(seed=3, reads=60))
    assert samples.energy is not None and samples.energy[0] == pytest.approx(least(problem), abs=1e-9)
    assert (np.diff(samples.energy) >= 0).all()
    np.testing.assert_allclose(energies_of(problem, problem.stack(samples.values)), samples.energy, atol=1e-9)
    assert samples.info["status"] == ("optimal" if text == "exact" else "sampled")
    assert not samples.info.get("time_limited", False)


@pytest.mark.parametrize("text", SAMPLERS)
def test_same_seed_same_samples(text: str) -> None:
    problem = binary_problem(1, (30, 10), whole=False)

    def table(seed: int, **more: Any) -> Any:
        return problem.stack(make_solver(text)[0].solve(problem, Limits(seed=seed, reads=8, **more)).values)

    np.testing.assert_array_equal(table(2), table(2))
    np.testing.assert_array_equal(table(2), table(2, timeout=100.0))
    assert (table(2)[0] == table(2**40 + 2)[0]).all() or text == "tabu"


@pytest.mark.parametrize("text", ["neal", "tabu"])
def test_samplers_keep_to_the_time(text: str) -> None:
    problem = binary_problem(1, (60,), whole=False)
    samples = make_solver(text)[0].solve(problem, Limits(timeout=0.0, reads=50))
    assert samples.info["time_limited"] and 1 <= samples.count < 50


def test_options_reach_the_sampler() -> None:
    problem = binary_problem(1, (40,), whole=False)
    assert make_solver("neal{reads=7,sweeps=3,hot=0.1,cold=5}")[0].solve(problem, Limits()).count == 7
    assert make_solver("tabu{reads=2,restarts=1,tenure=50,effort=5}")[0].solve(problem, Limits()).count == 2
    assert make_solver("greedy{reads=4}")[0].solve(problem, Limits()).count == 4


@pytest.mark.parametrize("text", ["exact", *SAMPLERS, "dimod{sampler=dimod:ExactSolver}", "highs"])
def test_nothing_to_decide(text: str) -> None:
    objective = Poly("objective", "objective", (), np.array([2.5]))
    for blocks in ((objective,), (Var.of("x", "bin", (0,)), objective)):
        samples = make_solver(text)[0].solve(Problem("none", blocks), Limits(reads=3))
        assert samples.energy is not None and samples.energy.tolist() == [2.5]
    free = make_solver(text)[0].solve(Problem("free", (Var.of("x", "bin", (2,)), objective)), Limits(reads=3))
    assert free.energy is not None and free.energy[0] == 2.5 and free.count >= 1


class Wrong:
    """A sampler that misbehaves as told."""

    def __init__(self, how: str) -> None:
        self.how = how

    def sample(self, bqm: Any, num_reads: int = 1) -> Any:
        assert num_reads == 5
        labels = list(bqm.variables)
        if self.how == "raise":
            raise RuntimeError("out of order")
        if self.how == "type":
            return {"x": 1}
        if self.how == "labels":
            return dimod.SampleSet.from_samples(({"q": 1}), "BINARY", 0.0)
        if self.how == "energy":
            return dimod.SampleSet.from_samples((np.zeros((1, len(labels)), np.int8), labels), "BINARY", [1e9])
        return dimod.SampleSet.from_samples_bqm((np.zeros((1, len(labels)), np.int8), labels[::-1]), bqm)


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("raise", Refused, "Wrong failed: RuntimeError: out of order"),
        ("type", Refused, "Wrong returned dict"),
        ("labels", InputError, "column q of no variable"),
        ("energy", InputError, "energy 1000000000 given"),
    ],
)  # fmt: skip
def test_samplers_that_misbehave(how: str, error: type[IsinglassError], message: str) -> None:
    solver, name = make_solver(Wrong(how))
    assert name == "Wrong"
    with pytest.raises(error) as caught:
        solver.solve(binary_problem(0), Limits(reads=5))
    assert message in str(caught.value)


def test_any_object_with_sample() -> None:
    problem = binary_problem(0)
    samples = make_solver(Wrong("not"))[0].solve(problem, Limits(reads=5))
    assert problem.stack(samples.values).tolist() == [[0] * 5]


# -- enumeration --------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(1, 15), st.booleans())
def test_enumeration_finds_all_ground_states(seed: int, n: int, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    matrix = np.triu(rng.integers(-2, 3, (n, n)) if whole else np.round(rng.normal(size=(n, n)), 1), 1).astype(float)
    form = QuadraticForm(0.5, rng.integers(-2, 3, n).astype(float), matrix)
    found = ground_states(form, 10_000, Limits())
    energies = form.energies(all_samples(n))
    slack = 0.0 if whole else 1e-9
    wanted = all_samples(n)[energies <= energies.min() + slack]
    assert found.complete and not found.more
    assert sorted(map(tuple, found.states)) == sorted(map(tuple, wanted))
    assert found.energy[0] == pytest.approx(energies.min(), abs=slack)
    if whole:
        assert (found.energy == energies.min()).all()


@pytest.mark.parametrize("n", [16, 21, 23])
def test_enumeration_in_blocks(n: int) -> None:
    """The state that a chain of couplers singles out, anywhere in the blocks."""
    rng = np.random.default_rng(n)
    state = rng.integers(0, 2, n)
    signs = 1 - 2.0 * state
    couplers = np.triu(rng.integers(0, 4, (n, n)), 1) * np.outer(signs, signs)
    # sum over pairs of (y_i + y_j) at least, with y = x where state is 0 and 1 - x elsewhere: only y = 0 costs nothing
    linear = signs * (3 * n) - 0.0
    found = ground_states(QuadraticForm(0.0, linear, couplers), 5, Limits())
    form = QuadraticForm(0.0, linear, couplers)
    flips = np.abs(np.vstack([np.zeros(n), np.eye(n)]) - found.states[0])
    assert (form.energies(flips) >= found.energy[0]).all() and form.energies(found.states[:1])[0] == found.energy[0]
    assert found.states[0].tolist() == state.tolist()


def test_enumeration_caps_and_limits() -> None:
    zeros = QuadraticForm(1.0, np.zeros(14), np.zeros((14, 14)))
    found = ground_states(zeros, 10, Limits())
    assert len(found.states) == 10 and found.more and found.energy.tolist() == [1.0] * 10
    assert len(np.unique(found.states, axis=0)) == 10
    with pytest.raises(Refused, match="too many to enumerate"):
        ground_states(QuadraticForm(0.0, np.zeros(31), np.zeros((31, 31))), 10, Limits())
    big = binary_problem(0, (23,))
    samples = make_solver("exact")[0].solve(big, Limits(timeout=0.0))
    assert samples.info["status"] == "limit" and samples.info["time_limited"] and samples.claimed_bound is None


def test_energies_without_rounding() -> None:
    form = QuadraticForm(0.1, np.array([0.2, -1e-30]), np.array([[0.0, 1e17], [0, 0]]))
    both, second = exact_energies(form, np.array([[1.0, 1.0], [0.0, 1.0]]))
    assert both == Fraction(0.1) + Fraction(0.2) - Fraction(1e-30) + Fraction(1e17)
    assert second == Fraction(0.1) - Fraction(1e-30)


def test_the_cap_keeps_the_best_of_states_too_close_for_float64() -> None:
    """2^12 states within the rounding error of an energy of 1e10, told apart by parts of 1e-8."""
    linear = np.append(np.full(12, -1e-8), [1e10, 0.1])
    found = ground_states(QuadraticForm(-1e10, linear, np.zeros((14, 14))), 5, Limits())
    assert found.complete and found.more and len(found.states) == 5
    assert found.states[0].tolist() == [1.0] * 12 + [0.0, 0.0]


def test_too_many_close_states_are_no_proof() -> None:
    linear = np.append(np.full(18, -1e-12), [1e12, 0.1])
    found = ground_states(QuadraticForm(0.0, linear, np.zeros((20, 20))), 5, Limits())
    assert found.visited and not found.compared and not found.complete
    b = isinglass.Builder("close")
    x = b.binary("x", (20,))
    b.minimize(linear @ x)
    answer = isinglass.solve(b.build(), solver="exact")
    assert answer.status == "witnessed" and not answer.time_limited


def test_rounding_does_not_hide_a_ground_state() -> None:
    """0.1 + 0.2 and 0.3 differ in float64; both states come back."""
    objective = Poly("objective", "objective", (Linear("x", Dense(np.array([[-0.1, -0.2, -0.3]]))),), np.zeros(1))
    pairs = np.zeros((3, 3))
    pairs[:2, 2] = 10.0
    terms = (*objective.terms, Bilinear("x", "x", Dense(pairs)))
    problem = Problem("m", (Var.of("x", "bin", (3,)), Poly("objective", "objective", terms, np.zeros(1))))
    found = make_solver("exact")[0].solve(problem, Limits()).values["x"].tolist()
    assert sorted(found) == [[0, 0, 1], [1, 1, 0]]


# -- other programs --------------------------------------------------------------------------------------------


def test_an_outside_program_solves(tmp_path: Path) -> None:
    problem = binary_problem(4, (3, 4))
    command = program(tmp_path, BRUTE)
    solver, name = make_solver(f"cmd:{command} {{input}}")
    assert name.startswith("cmd:") and solver.level == "BQM"
    samples = solver.solve(problem, Limits())
    assert samples.count == 1
    assert energies_of(problem, problem.stack(samples.values))[0] == pytest.approx(least(problem))


def test_an_outside_program_of_highs(tmp_path: Path) -> None:
    body = """
import csv, highspy, sys
h = highspy.Highs(); h.setOptionValue("output_flag", False); h.readModel(sys.argv[1]); h.run()
names = h.getLp().col_names_
csv.writer(open(sys.argv[2], "w")).writerows([names, list(h.getSolution().col_value)])
"""
    problem = milp(1)
    solver, _ = make_solver(f"cmd:{program(tmp_path, body)} {{input.lp}} {{output.csv}}")
    assert solver.level == "MIP"
    samples = solver.solve(problem, Limits(timeout=60.0))
    value = problem.objective.value(samples.values)[0, 0]
    assert value == pytest.approx(optimum_by_scipy(problem), abs=1e-5)


def test_limits_reach_the_program(tmp_path: Path) -> None:
    body = "import sys; assert sys.argv[2:] == ['5', '7', '0'], sys.argv; print('10' * 3)"
    solver, _ = make_solver(f"cmd:{program(tmp_path, body)} {{input.ising}} {{seed}} {{reads}} {{seconds}}")
    assert solver.solve(binary_problem(0, (6,)), Limits(seed=5, reads=7)).values["a"].tolist() == [[1, 0, 1, 0, 1, 0]]


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("import sys; sys.exit('broken inside')", Refused, "exit code 1: broken inside"),
        ("raise ValueError(3)", Refused, "ValueError: 3"),
        ("print('hello')", InputError, "'hello' is no bit string"),
        ("print('0101')", InputError, "4 bits for 5 variables"),
        ("", InputError, "no samples"),
        ("print('00000 1e9')", InputError, "energy 1000000000 given"),
    ],
)  # fmt: skip
def test_programs_that_fail(body: str, error: type[IsinglassError], message: str, tmp_path: Path) -> None:
    solver, _ = make_solver(f"cmd:{program(tmp_path, body)} {{input}}")
    with pytest.raises(error) as caught:
        solver.solve(binary_problem(0), Limits())
    assert message in str(caught.value)


def test_programs_that_do_not_end_or_write(tmp_path: Path) -> None:
    command = program(tmp_path, "import time; time.sleep(60)")
    solver = SOLVERS["cmd"](f"{command} {{input}}", grace=0.2)
    with pytest.raises(Refused, match="did not end within"):
        solver.solve(binary_problem(0), Limits(timeout=0.1))
    solver, _ = make_solver(f"cmd:{program(tmp_path, 'pass')} {{input}} {{output.json}}")
    with pytest.raises(InputError, match=r"wrote no samples\.json"):
        solver.solve(binary_problem(0), Limits())
    for command, message in (("no-such-program", "not found"), ('"open', "can't be split")):
        with pytest.raises(UsageError, match=message):
            make_solver(f"cmd:{command} {{input}}")[0].solve(binary_problem(0), Limits())
