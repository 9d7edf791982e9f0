"""``certify`` for Ising problems and QUBOs: brackets against enumeration, the checker, choices between ways."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest
from click.testing import CliRunner
from ising_cases import ended, graph, ising, maximum, swept, torus

import isinglass
from isinglass.api import lp_tool, make_solver
from isinglass.cli import cli
from isinglass.compiler.drivers import certify_ising, certify_milp
from isinglass.compiler.drivers.certify_ising import certify, order, sampled
from isinglass.facade import certification
from isinglass.facade.export import certified, load
from isinglass.ir.answers import Answer
from isinglass.ir.blocks import Lin, Poly
from isinglass.ir.checking import Verdict, check_optimize
from isinglass.ir.errors import Refused
from isinglass.ir.lift.objective import Objective
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.quadratic.spins import spin_form
from isinglass.ir.terms.monomials import Monomials

UNKNOWN = Answer("unknown")
EXAMPLE = Path(__file__).parents[1] / "examples" / "torus.glass"


def checked(problem: Problem, answer: Answer) -> Verdict:
    """The checker's word after a trip through JSON."""
    return check_optimize(problem, Answer.from_json(answer.to_json()))


def proved(problem: Problem, given: Answer = UNKNOWN, limits: Limits | None = None) -> Answer:
    found: Answer = ended(certify(problem, given, lp_tool(), limits or Limits(20.0)))
    return found


def largest(problem: Problem) -> Problem:
    """The same as a maximum, half as large and 3 higher."""
    return replace(problem, source=Objective(-0.5, 3.0))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("way", ["cycles", "vectors"])
def test_both_ways_prove_what_enumeration_finds(seed: int, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certify_ising, "order", lambda form: [way])
    rng = np.random.default_rng(seed)
    size, normal = int(rng.integers(2, 10)), seed % 3 == 0
    field = None if seed % 4 == 0 else rng.integers(-2, 3, size)
    couplings = graph(size, [0.4, 1.0][seed % 2], seed, normal)
    couplings[0, 1] += 1.5
    problem = ising(couplings, field, "bin" if seed % 5 == 0 else "spin")
    problem = largest(problem) if seed % 2 else problem
    _, best = maximum(problem)
    answer = proved(problem)
    assert (answer.status, answer.basis) == ("optimal", "certificate"), answer.detail
    assert answer.value == pytest.approx(float(problem.source.value(np.array(-best))), abs=1e-9)
    assert answer.certificate is not None
    assert answer.certificate["kind"] == {"cycles": "odd-cycles", "vectors": "spin-tree"}[way]
    assert answer.lower == answer.upper == answer.value or normal
    assert checked(problem, answer).verdict == "accepted"


@pytest.mark.parametrize("way", ["cycles", "vectors"])
@pytest.mark.parametrize("sense", ["minimum", "maximum"])
def test_brackets_hold_the_optimum_and_tampered_ones_are_rejected(
    way: str, sense: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certify_ising, "order", lambda form: [way])
    problem = ising(graph(14, 1.0, 3))
    problem = largest(problem) if sense == "maximum" else problem
    best = float(problem.source.value(np.array(-maximum(problem)[1])))
    answer = proved(problem, limits=Limits(0.0))
    if answer.status == "unknown":  # nothing was bounded in no time
        assert answer.detail == ("not certified: time was over",)
        return
    assert answer.basis == "certificate"
    assert answer.lower is not None and answer.upper is not None
    assert answer.lower <= best <= answer.upper
    assert answer.status == "optimal" or "away from the value" in answer.detail[-1]
    assert checked(problem, answer).verdict == "accepted"
    better = {"upper": answer.upper - 1} if sense == "maximum" else {"lower": answer.lower + 1}
    assert checked(problem, replace(answer, **better)).verdict == "rejected"


def test_a_sampled_energy_comes_with_a_proved_gap() -> None:
    problem = ising(torus(10, 4))
    answer = isinglass.solve(problem, "neal", reads=3, certify=True)
    assert (answer.status, answer.basis) == ("optimal", "certificate")
    assert checked(problem, answer).verdict == "accepted"
    assert all(low <= high for _, low, high in answer.history)
    assert {"certify", "solve"} <= set(answer.timings)


def test_a_better_point_is_taken_and_told() -> None:
    problem = ising(torus(6, 1))
    given = isinglass.solve(problem, "greedy", reads=1, seed=3)
    poor = given.with_fields(witness={"s": [1] * 36}, value=float(torus(6, 1).sum()), upper=float(torus(6, 1).sum()))
    answer = proved(problem, poor)
    assert answer.status == "optimal"
    assert answer.value is not None and poor.value is not None
    assert answer.value < poor.value
    assert any("a better point" in line for line in answer.detail)
    assert checked(problem, answer).verdict == "accepted"
    best = proved(problem, answer.with_fields(status="witnessed", basis="none", detail=()))
    assert best.value == answer.value
    assert not any("a better point" in line for line in best.detail)


def test_a_problem_with_fields_as_dimod_states_it() -> None:
    bqm = dimod.generators.gnm_random_bqm(12, 20, "SPIN", random_state=4)
    upper = np.zeros((12, 12))
    for (i, j), value in bqm.quadratic.items():
        upper[min(i, j), max(i, j)] = value
    problem = ising(upper, [bqm.linear[v] for v in range(12)])
    best = dimod.ExactSolver().sample(bqm).first.energy - bqm.offset
    answer = isinglass.solve(problem, "greedy", certify=True, timeout=30)
    assert answer.status == "optimal"
    assert answer.value == pytest.approx(best, abs=1e-9)
    assert checked(problem, answer).verdict == "accepted"


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_random_problems(first: int) -> None:
    assert {seed: wrong for seed in range(first, first + 10) if (wrong := swept(seed)[1])} == {}


# -- which way --------------------------------------------------------------------------------------------------------


def test_sparse_graphs_start_with_odd_cycles() -> None:
    assert order(spin_form(ising(torus(8, 0)))) == ["cycles", "vectors"]
    assert order(spin_form(ising(graph(30, 1.0, 0)))) == ["vectors", "cycles"]
    assert order(spin_form(ising(graph(200, 1.0, 0)))) == ["vectors"]
    assert order(spin_form(ising(torus(80, 0)))) == ["cycles"]


def test_what_is_too_large_for_both_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certify_ising, "VECTOR_SPINS", 10)
    monkeypatch.setattr(certify_ising, "CYCLE_EDGES", 10)
    with pytest.raises(Refused, match="more than bounds are computed for"):
        order(spin_form(ising(torus(5, 0))))
    answer = proved(ising(torus(5, 0)))
    assert answer.status == "unknown"
    assert answer.detail[0].startswith("not certified: 26 spins with 50 couplings")


def test_the_other_way_is_tried_where_a_gap_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    original = certify_ising.Race.made

    def spied(self: Any, name: str) -> Any:
        made.append(name)
        return original(self, name)

    monkeypatch.setattr(certify_ising.Race, "made", spied)
    assert proved(ising(torus(6, 0))).status == "optimal"
    assert made == ["cycles"]
    monkeypatch.setattr(certify_ising, "TRIAL", 0.0)
    problem = ising(graph(16, 1.0, 1))
    answer = proved(problem)
    assert made == ["cycles", "vectors", "cycles"]
    assert answer.status == "optimal"
    assert checked(problem, answer).verdict == "accepted"


def test_samples_to_start_from_are_good_points() -> None:
    problem = ising(graph(9, 0.8, 2), np.arange(9.0))
    form, best = maximum(problem)
    found = sampled(form, make_solver("neal")[0], Limits())
    assert (found[:, 0] == 1).all()
    assert form.value(found).max() == best
    assert not len(sampled(form, make_solver("neal")[0], Limits(0.0)))


def test_rows_leave_the_linear_programs_first(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = ising(graph(8, 0.7, 4), None, "bin")
    row = Lin("cap", {"s": Dense(np.ones((1, 8)))}, "<=", np.array([3.0]))
    limited = problem.with_blocks([*problem.blocks, row])
    answer = isinglass.solve(limited, "highs", certify=True)
    assert answer.status == "optimal"
    assert answer.certificate is not None and answer.certificate["kind"] == "lp-tree"
    # without them the bound that leaves the rows out is what there is
    monkeypatch.setattr(certify_milp, "certify", unable)
    second = isinglass.solve(limited, "highs", certify=True)
    assert second.value == answer.value
    assert second.certificate is not None and second.certificate["kind"] in ("odd-cycles", "spin-tree")
    assert second.lower is not None and answer.lower is not None
    assert second.lower <= answer.lower
    assert checked(limited, second).verdict == "accepted"


def unable(problem: Problem, answer: Answer, *rest: Any) -> Any:
    yield from ()
    return answer.with_fields(detail=(*answer.detail, "not certified: no"))


def test_better_of_two_answers() -> None:
    problem = ising(graph(4, 1.0, 0))
    one, two = (Answer("bracketed", "certificate", lower=low, upper=9.0) for low in (1.0, 2.0))
    assert certification.better(problem, one, two) is two
    assert certification.better(problem, two, one) is two
    assert certification.better(problem, UNKNOWN, one) is one
    assert certification.better(problem, one, UNKNOWN) is one
    down = largest(problem)
    low, high = (Answer("bracketed", "certificate", lower=0.0, upper=up) for up in (5.0, 6.0))
    assert certification.better(down, high, low) is low


def test_enumeration_is_not_made_less(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = ising(graph(12, 1.0, 5))
    exact = isinglass.solve(problem, "exact")
    assert (exact.status, exact.basis) == ("optimal", "enumeration")
    monkeypatch.setattr(certify_ising, "order", lambda form: ["cycles"])
    answer = proved(problem, exact, Limits(0.0))
    assert answer.status == "optimal"
    assert answer.basis in ("enumeration", "certificate")


def test_objectives_of_higher_degree_go_the_other_way() -> None:
    cube = Monomials(1, ("s",), np.zeros(1, np.int64), np.zeros((1, 3), np.int64), np.array([[0, 1, 2]]), np.ones(1))
    problem = ising(graph(4, 1.0, 0))
    problem = problem.with_blocks([*problem.vars.values(), Poly("energy", "objective", (cube,), np.zeros(1))])
    assert not certification.is_ising(problem)
    answer = proved(problem)
    assert answer.detail == ("not certified: the objective has products of more than two variables",)


# -- files ------------------------------------------------------------------------------------------------------------


def test_the_example_is_proved_and_checked(tmp_path: Path) -> None:
    answer = isinglass.run(EXAMPLE, certify=True, timeout=60)
    assert (answer.status, answer.basis, answer.value) == ("optimal", "certificate", -200.0)
    file = tmp_path / "answer.json"
    file.write_text(answer.to_json())
    assert isinglass.check(file).verdict == "accepted"
    told = json.loads(file.read_text())
    told["value"] = told["lower"] = told["upper"] = -204.0
    file.write_text(json.dumps(told))
    assert isinglass.check(file).verdict == "rejected"


def test_decoded_samples_get_a_bound(tmp_path: Path) -> None:
    problem = ising(torus(5, 2))
    isinglass.compile(problem, "ising").save(tmp_path / "bundle")
    bundle = load(tmp_path / "bundle")
    rows = np.random.default_rng(0).integers(0, 2, (3, 25))
    answer = certified(bundle, bundle.answer(rows))
    assert (answer.status, answer.basis) == ("optimal", "certificate")
    sampled_best = bundle.answer(rows).value
    assert answer.value is not None and sampled_best is not None
    assert answer.value <= sampled_best
    assert checked(problem, answer).verdict == "accepted"
    with pytest.raises(Refused, match="only bundles of optimisation problems"):
        certified(object(), answer)


def test_decode_certifies_from_the_command_line(tmp_path: Path) -> None:
    runner, folder = CliRunner(), str(tmp_path / "bundle")
    problem = ising(torus(4, 1))
    isinglass.compile(problem, "ising").save(folder)
    spins = np.random.default_rng(0).choice([-1, 1], 16)
    samples = tmp_path / "samples.csv"
    samples.write_text(",".join(problem.labels()) + "\n" + ",".join(map(str, spins)) + "\n")
    plain = json.loads(runner.invoke(cli, ["decode", folder, str(samples), "--json"]).output)
    assert plain["status"] == "witnessed"
    result = runner.invoke(cli, ["decode", folder, str(samples), "--certify", "--timeout", "20", "--json"])
    told = json.loads(result.output)
    assert (told["status"], told["basis"]) == ("optimal", "certificate")
    assert told["value"] <= plain["value"]
