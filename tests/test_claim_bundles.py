"""Claims compiled in one process, solved by an outside program, decoded in another: verdicts, witnesses, liars."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from networks import save
from test_negate_claim import highs
from test_unsafe import one_input

import isinglass
from isinglass.cli import cli
from isinglass.facade import checks, export
from isinglass.facade.milp_export import ClaimBundle, CompiledClaim
from isinglass.frontends.networks.properties import question
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.affine import Affine
from isinglass.ir.answers import Answer
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.operators.csr import Csr
from isinglass.ir.samples import Samples
from isinglass.ir.tasks import Prove

SPEC = """
param most = 3
network f = onnx("net.onnx")
var x : real[2] in -1..1
let y = f(x)
prove y[0] <= most
"""
PROPERTY = """
(declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(assert (>= X_0 -1))
(assert (<= X_0 1))
(assert (>= X_1 -1))
(assert (<= X_1 1))
(assert (>= Y_0 {most}))
"""
CUT = 2.5
"""|x0 + x1| + |x0 - x1| is at most 2 on the square, which bounds by intervals and lines do not see."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    layers = [(np.array([[1.0, -1, 1, -1], [1, -1, -1, 1]]), np.zeros(4)), (np.ones((4, 1)), np.zeros(1))]
    save(tmp_path / "net.onnx", layers)
    (tmp_path / "claim.glass").write_text(SPEC)
    return tmp_path


def run(*words: Any) -> Any:
    found = CliRunner().invoke(cli, [str(word) for word in words])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found


def solved(bundle: Path) -> Path:
    """HiGHS's solution of the bundle's model file."""
    (model,) = [path for path in bundle.iterdir() if path.suffix in (".lp", ".mps")]
    solver = highs(model)[2]
    solver.writeSolution(str(bundle.parent / "out.sol"), 0)
    return bundle.parent / "out.sol"


@pytest.mark.parametrize("target", ["lp", "mps"])
@pytest.mark.parametrize("goal", ["feasible", "margin"])
@pytest.mark.parametrize(("most", "status"), [(1.5, "sat"), (CUT, "unsat")])
def test_from_spec_to_verdict(target: str, goal: str, most: float, status: str, folder: Path) -> None:
    bundle = folder / "bundle"
    made = run("compile", folder / "claim.glass", "-D", f"most={most}", "-t", target, "--goal", goal, "-o", bundle)
    assert made.exit_code == 0 and "feasible set grows" in made.output
    (folder / "net.onnx").rename(folder / "moved.onnx")  # the bundle has its own copy
    told = run("decode", bundle, solved(bundle), "--json")
    answer = Answer.from_json(told.output)
    assert (answer.status, told.exit_code) == (status, 0)
    assert answer.basis == ("none" if status == "sat" else "solver-word") and answer.certificate is None
    assert answer.arithmetic == ("both" if status == "sat" else None) and answer.claim == "y[0] <= most"
    (folder / "answer.json").write_text(told.output)
    assert checks.check(folder / "answer.json").verdict == ("witness-only" if status == "sat" else "solver-word")
    if answer.witness is not None:
        x = np.array(answer.witness["x"]).ravel()
        assert abs(x[0] + x[1]) + abs(x[0] - x[1]) > most
        lie = {**json.loads(told.output), "witness": {"x": [0.0, 0.0]}}
        (folder / "answer.json").write_text(json.dumps(lie))
        assert checks.check(folder / "answer.json").verdict == "rejected"


@pytest.mark.parametrize(("most", "status"), [(1.5, "sat"), (CUT, "unsat")])
def test_from_a_network_and_a_property(most: float, status: str, folder: Path) -> None:
    (folder / "p.vnnlib").write_text(PROPERTY.format(most=most))
    bundle = folder / "bundle"
    assert run("compile", folder / "net.onnx", folder / "p.vnnlib", "-o", bundle).exit_code == 0
    told = run("decode", bundle, solved(bundle), "--table")
    assert status in told.output and ("  feasible" in told.output) == (status == "sat")
    wrong = run("compile", folder / "net.onnx", folder / "p.vnnlib", "-D", "eps=1", "-o", bundle)
    assert wrong.exit_code == 2 and "no parameters" in wrong.output


def test_queries_over_float32_need_consent(folder: Path) -> None:
    (folder / "q.vnnlib").write_text("""(vnnlib-version <2.0>)
(declare-network f (declare-input X float32 [1, 2]) (declare-output Y float32 [1, 1]))
(assert (and (>= X[0, 0] -1) (<= X[0, 0] 1) (>= X[0, 1] -1) (<= X[0, 1] 1) (>= Y[0, 0] 1.5)))
""")
    words = ("compile", folder / "net.onnx", folder / "q.vnnlib", "-o", folder / "bundle")
    refused = run(*words)
    assert refused.exit_code == 1 and "--reals" in refused.output
    assert run(*words, "--reals").exit_code == 0
    assert "sat" in run("decode", folder / "bundle", solved(folder / "bundle")).output


def test_options_of_a_spec_are_used_and_overridden(folder: Path) -> None:
    (folder / "claim.glass").write_text(SPEC + "compile { goal = margin; bounds = interval; target = mps }")
    found = compiled(folder)
    assert isinstance(found, CompiledClaim) and found.key == "mps" and "margin" in found.problem.vars
    assert found.trace.text.startswith("negate-claim{goal=margin,bounds=interval},")
    assert "margin" not in compiled(folder, goal="feasible").problem.vars


def test_what_bounds_decide_is_said(folder: Path) -> None:
    made = run("compile", folder / "claim.glass", "-D", "most=40", "-o", folder / "bundle")
    assert made.exit_code == 1 and "crown bounds exclude all 1 cases" in made.output
    assert not (folder / "bundle").exists()


def compiled(folder: Path, **options: Any) -> CompiledClaim:
    task = isinglass.read(folder / "claim.glass", {"most": "1.5"})
    assert isinstance(task, Prove)
    found = isinglass.compile(task, **options)
    assert isinstance(found, CompiledClaim)
    return found


def at(claim: CompiledClaim, x: list[float], **info: Any) -> Samples:
    """A solver's point that holds nothing true but x."""
    values = {name: np.zeros((1, var.size)) for name, var in claim.problem.vars.items()}
    return Samples({**values, "x": np.array([x])}, info=info)


LIARS = [
    ([0.0, 0.0], {"status": "optimal"}, "unknown", "none"),
    ([np.nan, 0.0], {"status": "optimal"}, "unknown", "none"),
    ([9.0, 0.0], {"status": "optimal"}, "sat", "none"),  # moved into the box it is a witness
    ([0.0, 0.0], {"status": "infeasible"}, "unsat", "solver-word"),
    ([0.9, 0.1], {"status": "infeasible"}, "sat", "none"),
]


@pytest.mark.parametrize(("x", "info", "status", "basis"), LIARS)
def test_solvers_that_lie(x: list[float], info: dict[str, Any], status: str, basis: str, folder: Path) -> None:
    """Points are checked, words stay words: nothing is ever proved by them."""
    claim = compiled(folder)
    if status == "unknown":
        claim = replace(claim, task=replace(claim.task, unsafe=out_of_reach(claim.task)))
    answer = claim.answer(at(claim, x, **info))
    assert (answer.status, answer.basis) == (status, basis)
    assert status != "unknown" or answer.detail[0].startswith("no p")


def out_of_reach(task: Prove) -> Any:
    """A point near a witness would be found by gradients; with 30 in place of 1.5 there is none."""
    forms = task.unsafe.forms
    return replace(task.unsafe, forms=Affine(forms.offset * 20, forms.parts))


def test_the_greatest_margin_is_believed_only_where_it_is_clear(folder: Path) -> None:
    claim = compiled(folder, goal="margin")
    claim = replace(claim, task=replace(claim.task, unsafe=out_of_reach(claim.task)))
    for margin, status, told in [(-0.1, "optimal", "unsat"), (-1e-7, "optimal", "unknown"), (-0.1, "", "unknown"),
                                 (0.5, "optimal", "unknown")]:  # fmt: skip
        samples = at(claim, [0.0, 0.0], status=status)
        samples = replace(samples, values={**samples.values, "margin": np.array([[margin]])})
        answer = claim.answer(samples)
        assert (answer.status, answer.basis) == (told, "solver-word" if told == "unsat" else "none")


def test_a_word_on_another_problem_counts_for_nothing(folder: Path) -> None:
    """Infeasible proves something only where the compilation loses no counterexample."""
    claim = compiled(folder)
    first = claim.trace.ran[0]
    lossy = replace(first, step=replace(first.step, guarantee=replace(first.step.guarantee, feasible="shrinks")))
    claim = replace(claim, trace=replace(claim.trace, ran=(lossy, *claim.trace.ran[1:])))
    answer = claim.answer(Samples({}, info={"status": "infeasible"}))
    assert (answer.status, answer.basis) == ("unknown", "none")


def test_bundles_hold_the_task(folder: Path) -> None:
    claim = compiled(folder)
    claim.save(folder / "bundle")
    bundle = export.load(folder / "bundle")
    assert isinstance(bundle, ClaimBundle)
    task = bundle.task
    assert Path(task.network) == folder / "bundle" / "network" / "net.onnx"
    assert task.claim == claim.task.claim and task.unsafe.texts == claim.task.unsafe.texts
    (folder / "bundle" / "network" / "net.onnx").write_bytes(b"other")
    with pytest.raises(InputError, match="not the file that was saved"):
        export.load(folder / "bundle")


def test_a_problem_called_task(folder: Path) -> None:
    """Its npz file is not that of the task."""
    (folder / "claim.glass").rename(folder / "task.glass")
    task = isinglass.read(folder / "task.glass", {"most": "1.5"})
    isinglass.compile(task, "npz").save(folder / "bundle")
    assert (folder / "bundle" / "task_model.npz").exists()
    bundle = export.load(folder / "bundle")
    assert isinstance(bundle, ClaimBundle) and bundle.task.claim == "y[0] <= most"


def test_networks_that_no_form_can_write(folder: Path) -> None:
    """The level check names the function and the pass that would remove it."""
    network = read_network(save(folder / "two.onnx", [(np.ones((1, 1)), np.zeros(1))]))
    unsafe = one_input(Affine(np.array([-0.5]), {"y": Csr.of(np.ones((1, 1)))}), [False], [0, 1], [(0.0, 1.0)])
    claim = isinglass.compile(question(network, unsafe, "c"))
    assert "unsafe" in claim.problem.lins
    with pytest.raises(Refused, match="lp, mps, npz and cqm"):
        isinglass.compile(question(network, unsafe, "c"), "qubo")
