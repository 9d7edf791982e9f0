"""``isinglass verify`` and ``supports``: verdicts, formats, exit codes, the form of VNN-LIB 2.0."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from networks import save
from onnx import numpy_helper

import isinglass
from isinglass.cli import cli
from isinglass.facade.verify_command import CAPABILITIES

HEAD = "(declare-const X_0 Real)\n(declare-const Y_0 Real)\n(assert (>= X_0 -1))\n(assert (<= X_0 1))\n"
QUERY = """(vnnlib-version <2.0>)
(declare-network f (declare-input A {kind} [1,1]) (declare-output B {kind} [1,1]))
(assert (>= A[0,0] -1.0))
(assert (<= A[0,0] 1.0))
(assert (>= B[0,0] {least}))
"""


def call(*args: object) -> Result:
    result = CliRunner().invoke(cli, [str(arg) for arg in args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """y = |x| on -1..1."""
    save(tmp_path / "abs.onnx", [(np.array([[1.0, -1.0]]), np.zeros(2)), (np.ones((2, 1)), np.zeros(1))])
    (tmp_path / "low.vnnlib").write_text(HEAD + "(assert (>= Y_0 0.5))\n")
    (tmp_path / "high.vnnlib").write_text(HEAD + "(assert (>= Y_0 3))\n")
    for name, kind, least in (("low2", "Real", 0.5), ("high2", "Real", 2.0), ("float2", "float32", 0.5)):
        (tmp_path / f"{name}.vnnlib").write_text(QUERY.format(kind=kind, least=least))
    return tmp_path


def test_verdicts_and_what_they_rest_on(folder: Path) -> None:
    sat = call("verify", folder / "abs.onnx", folder / "low.vnnlib")
    assert sat.exit_code == 0 and sat.stdout.startswith("sat (a counterexample") and "x = " in sat.stdout
    unsat = call("verify", folder / "abs.onnx", folder / "high.vnnlib", "--timeout", 60)
    assert unsat.exit_code == 0 and unsat.stdout.startswith("unsat (") and "x = " not in unsat.stdout


@pytest.mark.parametrize(("name", "status"), [("low", "sat"), ("high", "unsat")])
def test_json_can_be_checked(folder: Path, name: str, status: str) -> None:
    result = call("verify", folder / "abs.onnx", folder / f"{name}.vnnlib", "--json", "--seed", 4)
    answer = json.loads(result.stdout)
    assert answer["status"] == status and answer["seed"] == 4 and len(answer["sources"]) == 2
    saved = folder / "answer.json"
    saved.write_text(result.stdout)
    assert call("check", saved).exit_code == 0
    for changes in ({"status": "unsat" if status == "sat" else "sat"}, {"witness": {"x": [[0.25]]}, "status": "sat"}):
        saved.write_text(json.dumps({**answer, "basis": "certificate", **changes}))
        assert call("check", saved).exit_code == 4, changes
    saved.write_text(result.stdout)
    with (folder / f"{name}.vnnlib").open("a") as file:
        file.write("; another file\n")
    told = call("check", saved)
    assert told.exit_code == 4 and "not the file" in told.output


def test_results_as_the_competition_wants_them(folder: Path) -> None:
    out = folder / "out.txt"
    assert call("verify", folder / "abs.onnx", folder / "high.vnnlib", "-o", out).exit_code == 0
    assert out.read_text() == "unsat\n"
    assert call("verify", folder / "abs.onnx", folder / "low.vnnlib", "--results", out).exit_code == 0
    verdict, *pairs = out.read_text().split("\n", 1)
    x, y = (float(pair.split()[1]) for pair in pairs[0].strip("()\n").replace("(", "").split(")")[:2])
    assert verdict == "sat" and abs(x) == y >= 0.5


def test_packed_files(folder: Path) -> None:
    for name in ("abs.onnx", "low.vnnlib"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
    result = call("verify", folder / "abs.onnx.gz", folder / "low.vnnlib.gz", "--json")
    assert json.loads(result.stdout)["status"] == "sat"
    (folder / "a.json").write_text(result.stdout)
    assert call("check", folder / "a.json").output.startswith("witness-only")


def test_no_time_is_no_verdict(folder: Path) -> None:
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=(a, b)), rng.normal(size=b)) for a, b in ((8, 40), (40, 40), (40, 1))]
    save(folder / "deep.onnx", layers)
    box = "".join(f"(declare-const X_{i} Real)(assert (>= X_{i} -9))(assert (<= X_{i} 9))\n" for i in range(8))
    x = rng.choice([-9.0, 9.0], (1000, 8))
    for weights, shift in layers:
        x = np.maximum(x @ weights + shift, 0)
    (folder / "deep.vnnlib").write_text(f"{box}(declare-const Y_0 Real)(assert (>= Y_0 {1.5 * x.max()}))\n")
    result = call("verify", folder / "deep.onnx", folder / "deep.vnnlib", "--timeout", 0, "-o", folder / "out.txt")
    assert result.exit_code == 3 and result.stdout.startswith("timeout (")
    assert (folder / "out.txt").read_text() == "timeout\n"


@pytest.mark.parametrize(("args", "code", "words"), [
    (("abs.onnx",), 2, "a network and a property"),
    (("abs.onnx", "low.vnnlib", "high.vnnlib"), 2, "not 3 files"),
    (("abs.onnx", "low.vnnlib", "--jobs", 2), 2, "--jobs"),
    (("abs.onnx", "low.vnnlib", "--output", "x"), 2, "--output"),
    (("abs.onnx", "low.vnnlib", "--serialise-assignments", "x"), 2, "--serialise-assignments"),
    (("--instances", "list.csv", "--json"), 2, "--json"),
    (("--instances", "list.csv", "abs.onnx"), 2, "no file beside"),
    (("--instances", "list.csv", "--jobs", 0), 2, "--jobs"),
    (("--instances", "missing.csv"), 1, "missing.csv"),
    (("--instances", "list.csv", "--timeout", -1), 2, "timeout"),
    (("--instances", "list.csv", "--memory", 0), 2, "memory"),
    (("abs.onnx", "low.vnnlib", "--timeout", -1), 2, "timeout"),
    (("abs.onnx", "low.vnnlib", "--memory", 0), 2, "memory"),
    (("abs.onnx", "low.vnnlib", "--method", "nope"), 1, "nope"),
    (("none.onnx", "low.vnnlib"), 1, "none.onnx"),
    (("abs.onnx", "none.vnnlib"), 1, "none.vnnlib"),
    (("low.vnnlib", "abs.onnx"), 1, "not an ONNX file"),
    (("abs.onnx", "low.vnnlib", "-o", "no/such/folder"), 1, "no/such"),
    (("low2.vnnlib", "--network", "f"), 2, "NAME=NET.onnx"),
    (("low2.vnnlib", "--network", "g=abs.onnx"), 1, "'f'"),
    (("low2.vnnlib", "--network", "f=abs.onnx", "--network", "g=abs.onnx"), 1, "f, g"),
    (("low.vnnlib", "--network", "f=abs.onnx"), 1, "declares no network"),
    (("float2.vnnlib", "--network", "f=abs.onnx"), 1, "float32"),
    (("abs.onnx", "float2.vnnlib"), 1, "Real"),
])  # fmt: skip
def test_mistakes(
    folder: Path, args: tuple[object, ...], code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "list.csv").write_text("abs.onnx,low.vnnlib\n")
    result = call("verify", *args)
    assert result.exit_code == code, result.output
    assert words in result.stderr and not result.stdout


def test_a_query_of_version_2(folder: Path) -> None:
    found = call("verify", folder / "low2.vnnlib", "--network", f"f={folder / 'abs.onnx'}", "--timeout", 10)
    word, a, x, b, y = found.stdout.splitlines()
    assert (found.exit_code, word, a, b) == (0, "sat", "A Real [1,1]", "B Real [1,1]")
    assert abs(float(x)) == float(y) >= 0.5
    none = call("verify", folder / "high2.vnnlib", "--network", f"f={folder / 'abs.onnx'}")
    assert none.exit_code == 0 and none.stdout == "unsat\n"
    late = call("verify", folder / "high2.vnnlib", "--network", f"f={folder / 'abs.onnx'}", "--json")
    (folder / "a.json").write_text(late.stdout)
    assert call("check", folder / "a.json").exit_code == 0


@pytest.mark.parametrize(("name", "more", "kind"), [("low2", (), np.float64), ("float2", ("--reals",), np.float32)])
def test_assignments_as_tensors(folder: Path, name: str, more: tuple[str, ...], kind: Any) -> None:
    out = folder / "assignment"
    query = ("verify", folder / f"{name}.vnnlib", "--network", f"f={folder / 'abs.onnx'}", *more)
    assert call(*query, "--serialise-assignments", out).stdout == "sat\n"
    a, b = (numpy_helper.to_array(onnx.load_tensor(out / f"{name}.pb")) for name in "AB")
    assert a.shape == b.shape == (1, 1) and a.dtype == b.dtype == kind
    assert abs(a) == b >= 0.5


def test_reals_are_remembered(folder: Path) -> None:
    query = ("verify", folder / "float2.vnnlib", "--network", f"f={folder / 'abs.onnx'}")
    (folder / "a.json").write_text(call(*query, "--reals", "--json").stdout)
    assert call("check", folder / "a.json").output.startswith("witness-only")


def test_capabilities() -> None:
    told = {name: call("supports", f"--{name}").stdout.splitlines() for name in CAPABILITIES}
    assert all(told.values())
    assert {"Gemm", "Relu", "Conv"} <= set(told["onnx-operators"])
    assert told["onnx-element-types"] == ["real"] and told["vnnlib-versions"] == ["1.0", "2.0"]
    low, high = map(int, told["onnx-opset-versions"])
    assert low <= 13 <= high
    assert call("supports").exit_code == 2 and call("supports", *[f"--{n}" for n in CAPABILITIES[:2]]).exit_code == 2
    assert call("--name").stdout == "isinglass\n" and call("--version").stdout == f"{isinglass.__version__}\n"


def test_from_python(folder: Path) -> None:
    answer = isinglass.verify(folder / "abs.onnx", folder / "low.vnnlib", timeout=20, memory=1.5)
    assert answer.status == "sat" and {"read", "all"} <= answer.timings.keys()


def test_what_is_not_needed_is_not_loaded(folder: Path) -> None:
    """Starting costs more than most verdicts."""
    code = "import sys; from isinglass.cli import cli; cli(sys.argv[1:], standalone_mode=False)\n"
    code += "print({'sympy', 'dimod', 'lark', 'dwave', 'rich', 'highspy'} & set(sys.modules))"
    command = [sys.executable, "-P", "-c", code, "verify", folder / "abs.onnx", folder / "high.vnnlib"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
