"""The command line: outputs, exit codes, errors without tracebacks, nothing half-written."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import dimod
import numpy as np
import pytest
from click.testing import CliRunner, Result

from isinglass.cli import cli

SPEC = """\
param w = [5, 7, 4, 3]
var take : bin[4]
var spare : int in 0..3
maximize 8*take[0] + 11*take[1] + 6*take[2] + 4*take[3]
require cap: w @ take + spare <= 14
require gate: when take[0] then spare >= 1
"""
OTHER = "var x : bin[3]\nminimize x[0] - x[1]\nrequire one: sum(x) == 1\n"


def call(*args: object) -> Result:
    result = CliRunner().invoke(cli, [str(arg) for arg in args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "knapsack.glass"
    path.write_text(SPEC)
    return path


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_run_json_has_every_field(spec: Path) -> None:
    result = call("run", spec, "--solver", "exact", "--json")
    assert result.exit_code == 0
    answer = json.loads(result.output)
    assert answer["status"] == "optimal" and answer["basis"] == "enumeration"
    assert answer["value"] == answer["lower"] == answer["upper"] == 21
    for field in (
        "witness",
        "certificate",
        "guarantee",
        "ledger",
        "timings",
        "solver",
        "seed",
        "claimed_bound",
        "sources",
    ):
        assert field in answer


def test_text_says_what_it_rests_on(spec: Path) -> None:
    assert "proved by visiting every point" in call("run", spec, "--solver", "exact").output
    assert "solver's word only" in call("run", spec).output
    assert "witnessed" in call("run", spec, "--solver", "neal").output


def test_same_seed_same_answer(spec: Path) -> None:
    first, second = (json.loads(call("run", spec, "--solver", "neal", "--seed", 5, "--json").output) for _ in range(2))
    for answer in (first, second):
        answer.pop("timings")
    assert first == second


def test_no_feasible_sample_is_unknown_and_exits_3(tmp_path: Path) -> None:
    spec = write(tmp_path / "hard.glass", "var x : bin[12]\nminimize sum(x)\nrequire r: sum(x) == 6\n")
    result = call("run", spec, "--solver", "greedy", "--reads", 1, "--weight", 0.01)
    assert result.exit_code == 3 and "unknown" in result.output


def test_infeasible_is_an_answer(tmp_path: Path) -> None:
    spec = write(tmp_path / "no.glass", "var x : bin[3]\nminimize sum(x)\nrequire r: sum(x) >= 4\n")
    result = call("run", spec, "--json")
    answer = json.loads(result.output)
    assert result.exit_code == 0 and answer["status"] == "infeasible" and answer["basis"] == "certificate"
    saved = write(tmp_path / "answer.json", result.output)
    assert call("check", saved).output.startswith("accepted")
    out = tmp_path / "bundle"
    refused = call("compile", spec, "-o", out)
    assert refused.exit_code == 1 and not out.exists() and "r" in refused.output


def test_three_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    text = "var x : bin[3]\nminimize x[7]\nrequire a: y <= 1\nrequire b: x[0] + <= 1\n"
    result = call("run", write(tmp_path / "bad.glass", text))
    assert result.exit_code == 1
    for line in (2, 3, 4):
        assert f"bad.glass:{line}:" in result.output
    assert result.output.count("error[") >= 3


@pytest.mark.parametrize(("args", "code", "words"), [
    (("run", "missing.glass"), 1, "missing.glass"),
    (("run", "{spec}", "--solver", "nope"), 2, "unknown solver"),
    (("compile", "{spec}", "-t", "nope", "-o", "{tmp}/b"), 2, "unknown target"),
    (("run", "{spec}", "-p", "no-such-pass"), 2, "unknown pass"),
    (("run", "{spec}", "-D", "q=1"), 1, "q"),
    (("run", "{spec}", "-D", "w"), 2, "no value"),
    (("run",), 2, "SPEC"),
    (("decode", "{tmp}", "{spec}"), 1, "manifest"),
    (("check", "{spec}"), 1, "not an answer"),
    (("run", "{spec}", "--solver", "cmd:/no/such/program {input} {output}"), 2, "/no/such/program"),
    (("explain", "{spec}", "--code", "nope"), 2, "unknown encoding"),
    (("tune", "{tmp}"), 1, "manifest"),
])  # fmt: skip
def test_mistakes_have_their_exit_code(
    spec: Path, tmp_path: Path, args: tuple[str, ...], code: int, words: str
) -> None:
    result = call(*(arg.replace("{spec}", str(spec)).replace("{tmp}", str(tmp_path)) for arg in args))
    assert result.exit_code == code, result.output
    assert words in result.output


def test_nan_weights_and_infinite_bounds(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([1.0, np.nan]))
    spec = write(tmp_path / "nan.glass", 'param v = load("v.npy")\nvar x : bin[2]\nmaximize v @ x\n')
    result = call("run", spec)
    assert result.exit_code == 1 and "v.npy" in result.output
    free = write(tmp_path / "free.lp", "Minimize\n obj: y\nSubject To\n c: y >= 2\nGenerals\n y\nEnd\n")
    result = call("compile", free, "-t", "bqm", "-o", tmp_path / "b")
    assert result.exit_code == 1 and "infinite bound" in result.output and not (tmp_path / "b").exists()


def test_export_solve_elsewhere_decode(spec: Path, tmp_path: Path) -> None:
    """An outside script in another process answers the same as run."""
    bundle = tmp_path / "bundle"
    assert call("compile", spec, "-t", "bqm", "-o", bundle).exit_code == 0
    script = (
        "import json, sys, dimod\n"
        "bqm = dimod.BinaryQuadraticModel.from_file(open(sys.argv[1], 'rb'))\n"
        "json.dump(dimod.ExactSolver().sample(bqm).truncate(20).to_serializable(), open(sys.argv[2], 'w'))\n"
    )
    samples = tmp_path / "samples.json"
    subprocess.run([sys.executable, "-c", script, bundle / "knapsack.bqm", samples], check=True)
    outside = json.loads(call("decode", bundle, samples, "--json").output)
    inside = json.loads(call("run", spec, "--solver", "exact", "--json").output)
    assert outside["value"] == inside["value"] and outside["witness"] == inside["witness"]
    assert outside["status"] == "witnessed" and outside["upper"] is None
    assert "feasible" in call("decode", bundle, samples, "--table").output


def test_samples_as_csv_and_bits(spec: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    call("compile", spec, "-t", "qubo", "-o", bundle)
    labels = json.loads((bundle / "manifest.json").read_text())["labels"]
    csv = write(tmp_path / "s.csv", ",".join(f'"{n}"' for n in labels) + "\n" + ",".join("0" * len(labels)) + "\n")
    bits = write(tmp_path / "s.txt", "0" * len(labels) + "\n")
    for file in (csv, bits):
        answer = json.loads(call("decode", bundle, file, "--json").output)
        assert answer["status"] == "witnessed" and answer["value"] == 0


def test_samples_of_another_bundle_are_refused(spec: Path, tmp_path: Path) -> None:
    call("compile", spec, "-o", tmp_path / "one")
    call("compile", write(tmp_path / "other.glass", OTHER), "-o", tmp_path / "two")
    with open(tmp_path / "two" / "other.bqm", "rb") as file:
        bqm = dimod.BinaryQuadraticModel.from_file(file)
    samples = write(tmp_path / "s.json", json.dumps(dimod.ExactSolver().sample(bqm).to_serializable()))
    assert call("decode", tmp_path / "two", samples).exit_code == 0
    result = call("decode", tmp_path / "one", samples)
    assert result.exit_code == 1 and "another bundle" in result.output
    cut = write(tmp_path / "cut.json", samples.read_text()[:200])
    assert call("decode", tmp_path / "two", cut).exit_code == 1


@pytest.mark.parametrize("name", ["manifest.json", "lift.igir", "source.igir", "knapsack.bqm"])
def test_damaged_bundles_are_refused(spec: Path, tmp_path: Path, name: str) -> None:
    bundle = tmp_path / "bundle"
    call("compile", spec, "-o", bundle)
    whole = (bundle / name).read_bytes()
    (bundle / name).write_bytes(whole[: len(whole) // 2])
    bits = write(tmp_path / "s.txt", "0000000\n")
    assert call("decode", bundle, bits).exit_code == 1
    assert call("explain", bundle).exit_code == 1


@pytest.mark.parametrize("edit", [
    {"value": 22.0}, {"value": None}, {"upper": 20.0}, {"status": "infeasible"}, {"status": "sat"},
    {"witness": {"take": [1, 1, 1, 1], "spare": 0}}, {"witness": {"take": [0, 1, 1, 1]}},
    {"witness": {"take": [0, 1, 1, 1], "spare": 7}}, {"witness": {"take": [0, 1, 1, 0.5], "spare": 0}},
    {"witness": {"take": ["a", 1, 1, 1], "spare": 0}}, {"witness": None}, {"lower": 99.0},
])  # fmt: skip
def test_tampered_answers_are_rejected(spec: Path, tmp_path: Path, edit: dict[str, object]) -> None:
    answer = json.loads(call("run", spec, "--solver", "exact", "--json").output)
    saved = write(tmp_path / "a.json", json.dumps(answer))
    assert call("check", saved).exit_code == 0
    write(saved, json.dumps({**answer, **edit}))
    result = call("check", saved)
    assert result.exit_code == 4 and result.output.startswith("rejected")


def test_changed_sources_are_rejected(spec: Path, tmp_path: Path) -> None:
    saved = write(tmp_path / "a.json", call("run", spec, "--json").output)
    assert call("check", saved).output.startswith("solver-word")
    spec.write_text(SPEC.replace("14", "13"))
    assert call("check", saved).exit_code == 4


def test_false_certificate_is_rejected(spec: Path, tmp_path: Path) -> None:
    answer = json.loads(call("run", spec, "--json").output)
    forged = {**answer, "status": "infeasible", "basis": "certificate", "witness": None, "value": None, "lower": None,
              "upper": None, "certificate": {"kind": "bound-propagation", "row": "cap"}}  # fmt: skip
    saved = write(tmp_path / "a.json", json.dumps(forged))
    assert call("check", saved).exit_code == 4
    write(saved, json.dumps({**forged, "certificate": {"kind": "no-such-kind"}}))
    assert call("check", saved).exit_code == 4


def test_tune_reweighs_without_recompiling(spec: Path, tmp_path: Path) -> None:
    bundle, lighter = tmp_path / "bundle", tmp_path / "lighter"
    call("compile", spec, "-o", bundle)
    before = (bundle / "lift.igir").read_bytes()
    result = call("tune", bundle, "--scale", 0.01, "-o", lighter)
    assert result.exit_code == 0 and "no longer proved" in result.output
    assert (lighter / "lift.igir").read_bytes() == before
    assert "not proved" in call("explain", lighter).output
    heavier = call("tune", bundle, "--set", "cap=64", "-o", tmp_path / "heavier")
    assert "proofs still cover" in heavier.output
    assert call("tune", bundle).exit_code == 2
    assert call("tune", bundle, "--set", "nope=3").exit_code == 1
    assert call("tune", bundle, "--feasible", 0.3, "--reads", 50).exit_code == 0


def test_external_solver_by_file(spec: Path, tmp_path: Path) -> None:
    program = write(
        tmp_path / "solver.py",
        "import json, sys, dimod\n"
        "bqm = dimod.BinaryQuadraticModel.from_file(open(sys.argv[1], 'rb'))\n"
        "json.dump(dimod.ExactSolver().sample(bqm).truncate(5).to_serializable(), open(sys.argv[2], 'w'))\n",
    )
    command = f"cmd:{shlex.quote(sys.executable)} {shlex.quote(str(program))} {{input.bqm}} {{output.json}}"
    result = call("run", spec, "--solver", command, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.output)
    assert answer["value"] == 21 and answer["status"] == "witnessed"


def test_opt_prints_what_it_reads(spec: Path, tmp_path: Path) -> None:
    plain = call("opt", spec, "-p", "normalize-rows")
    assert plain.exit_code == 0 and plain.output.startswith("isinglass 1\n")
    file = write(tmp_path / "p.igir", plain.output)
    assert call("opt", file, "-p", "normalize-rows").output == plain.output
    pipeline = "normalize-rows,guards-to-big-m,penalize"
    assert call("opt", file, "-p", pipeline, "-o", tmp_path / "q.igir", "--timing").exit_code == 0
    assert "penalty" in (tmp_path / "q.igir").read_text()
    assert call("run", file, "--solver", "exact", "--json").exit_code == 0


def test_lists_and_help() -> None:
    everything = call("list").output
    for word in ("bqm", "neal", "penalize", "one-hot", "relu", "milp-prove", "packing"):
        assert word in everything
    assert "penalize" not in call("list", "targets").output
    assert "compile" in call("--help").output


def test_help_is_light() -> None:
    heavy = "{'numpy', 'scipy', 'dimod', 'onnx', 'lark', 'highspy'}"
    code = f"import sys, isinglass.cli; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_options_of_the_spec_are_used_and_overridden(tmp_path: Path) -> None:
    text = SPEC + 'compile { solver = exact; code = unary; target = "ising{bits=8}"; seed = 7 }\n'
    spec = write(tmp_path / "stated.glass", text)
    answer = json.loads(call("run", spec, "--json").output)
    assert answer["solver"] == "exact" and answer["seed"] == 7
    assert "for target ising{bits=8}" in call("explain", spec).output
    assert "unary code" in call("explain", spec, "-t", "bqm").output
    assert json.loads(call("run", spec, "--solver", "neal", "--seed", 3, "--json").output)["solver"] == "neal"
    refused = call("run", write(tmp_path / "method.glass", SPEC + "compile { method = benders }\n"))
    assert refused.exit_code == 1 and "prove goals" in refused.output
    unknown = call("run", write(tmp_path / "cut.glass", SPEC + "compile { cutoff = maybe }\n"))
    assert unknown.exit_code == 1 and "true or false" in unknown.output
