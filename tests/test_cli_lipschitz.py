"""The command ``lipschitz``, the goal ``bound`` on the command line, and what ``check`` makes of their answers."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import isinglass
from isinglass.cli import cli
from isinglass.facade import checks
from isinglass.ir.answers import Answer
from isinglass.ir.bracket_text import bracket_text, rounded
from isinglass.ir.evaluate import complete
from isinglass.ir.tasks import Bound

from .networks import save
from .onnx_models import node
from .onnx_models import save as save_nodes
from .test_lipschitz_front import constant, layers_of

SIZES = (3, 5, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "one.onnx", layers_of(*SIZES))
    save(tmp_path / "two.onnx", layers_of(3, 4, 3, 2))
    np.savez(tmp_path / "box.npz", lower=np.zeros(3), upper=np.full(3, 0.2))
    np.save(tmp_path / "x.npy", np.full(3, 0.1))
    return tmp_path


def run(*words: Any) -> Any:
    found = CliRunner().invoke(cli, [str(word) for word in words])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found


def verdict(path: Path, answer: Answer) -> str:
    path.write_text(answer.to_json())
    return checks.check(path).verdict


def exact(label: str, layers: Any, norm: str = "linf") -> float:
    size = layers[-1][0].shape[1]
    return constant(layers, np.array([eval(label, {"y": unit}) for unit in np.eye(size)]), norm)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(("name", "sizes"), [("one.onnx", SIZES), ("two.onnx", (3, 4, 3, 2))])
def test_brackets_hold_the_constant_and_are_accepted(
    name: str, sizes: tuple[int, ...], norm: str, folder: Path
) -> None:
    told = run("lipschitz", folder / name, "--norm", norm, "--output", "all", "--difference", "1,0", "--json")
    assert told.exit_code == 0
    answer = Answer.from_json(told.stdout)
    assert list(answer.parts) == [*(f"y[{k}]" for k in range(sizes[-1])), "y[1] - y[0]"]
    layers = layers_of(*sizes)
    for label, part in answer.parts.items():
        assert part.lower is not None and part.upper is not None
        assert part.lower <= exact(label, layers, norm) * (1 + 1e-12) and exact(label, layers, norm) <= part.upper
        assert part.upper <= 2 * part.lower
    greatest = max(exact(label, layers, norm) for label in answer.parts)
    assert answer.lower is not None and answer.upper is not None
    assert answer.lower <= greatest * (1 + 1e-12) and greatest <= answer.upper
    assert verdict(folder / "a.json", answer) == "accepted"
    assert set(answer.sources) == {str(folder / name)}


def test_exact_closes_the_bracket(folder: Path) -> None:
    for name, sizes in (("one.onnx", SIZES), ("two.onnx", (3, 4, 3, 2))):
        answer = isinglass.lipschitz(folder / name, output=1, exact=True, seed=1)
        assert answer.status == "optimal" and answer.basis == "certificate"
        assert answer.value == pytest.approx(exact("y[1]", layers_of(*sizes)), rel=1e-9)
        assert verdict(folder / "a.json", answer) == "accepted"


def test_the_table_is_read_by_people(folder: Path) -> None:
    told = run("lipschitz", folder / "one.onnx", "--output", "0,2", "--difference", "2,0")
    lines = told.stdout.splitlines()
    assert told.exit_code == 0 and lines[0] == "formal linf Lipschitz constant of 3 functionals of one.onnx, all inputs"
    assert lines[1].split() == ["constant", "lower", "upper", "gap", "upper", "rests", "on", "seconds"]
    assert [line.split("  ")[1] for line in lines[2:6]] == ["y[0]", "y[2]", "y[2] - y[0]", "greatest"]
    assert "certificate (spin-tree)" in lines[2] and "pattern of slopes" in told.stdout


def test_printed_numbers_are_rounded_outward() -> None:
    rng = np.random.default_rng(0)
    for value in [*np.exp(rng.uniform(-30, 30, 200)).tolist(), 0.0, 1.0, 88.07697571966666, 1e15]:
        assert Decimal(rounded(value, False)) <= Decimal(value) <= Decimal(rounded(value, True))
    assert rounded(None, True) == "-" and rounded(float("inf"), True) == "inf"
    answer = Answer("bracketed", "certificate", 1.0, 1.0, 1.5, options={"bound": {"labels": ["y[0]"]}})
    assert "50 %" in bracket_text(answer)
    assert "closed" in bracket_text(answer.with_fields(status="optimal"))


@pytest.mark.parametrize(
    "words", [["--box", "box.npz"], ["--centre", "x.npy", "--eps", "0.1", "--clip", "0,1"]], ids=["file", "ball"]
)
def test_constants_in_a_box(words: list[str], folder: Path) -> None:
    given = [str(folder / word) if word.endswith((".npz", ".npy")) else word for word in words]
    told = run("lipschitz", folder / "two.onnx", *given, "--json")
    answer = Answer.from_json(told.stdout)
    everywhere = isinglass.lipschitz(folder / "two.onnx")
    assert answer.upper is not None and everywhere.upper is not None and answer.upper <= everywhere.upper
    assert "inputs in a box" in answer.claim and len(answer.sources) == 2
    assert verdict(folder / "a.json", answer) == "accepted"
    x = np.random.default_rng(2).uniform(0, 0.2, (200, 3))
    layers = layers_of(3, 4, 3, 2)

    def outputs(point: np.ndarray) -> np.ndarray:
        for matrix, shift in layers[:-1]:
            point = np.maximum(point @ matrix + shift, 0)
        return np.asarray(point @ layers[-1][0])

    steepest = np.abs(outputs(x[1:]) - outputs(x[:-1])) / np.abs(x[1:] - x[:-1]).max(axis=1, keepdims=True)
    for k, part in enumerate(answer.parts.values()):
        assert part.upper is not None and steepest[:, k].max() <= part.upper
    wider = json.loads(answer.to_json())
    box = wider["options"]["lipschitz"]["box"]
    box.update({"eps": 3.0} if "eps" in box else {"file": str(folder / "other.npz")})
    np.savez(folder / "other.npz", lower=np.full(3, -5.0), upper=np.full(3, 5.0))
    (folder / "a.json").write_text(json.dumps(wider))
    assert checks.check(folder / "a.json").verdict == "rejected"


def edits(answer: Answer) -> dict[str, Answer]:
    """Lies about one bracket."""
    assert answer.lower and answer.upper and answer.witness and answer.certificate
    low, high = answer.lower, answer.upper
    flipped = {name: [1 - y for y in values] for name, values in answer.witness.items()}
    return {
        "a lower bound above the pattern": answer.with_fields(lower=low * (1 + 1e-7), upper=high * 2),
        "an upper bound below the proof": answer.with_fields(upper=high * (1 - 1e-6), lower=0.0),
        "another value": answer.with_fields(value=low * 1.001),
        "another pattern": answer.with_fields(witness=flipped),
        "no pattern": answer.with_fields(witness=None, value=None),
        "a half pattern": answer.with_fields(witness={name: values[:-1] for name, values in answer.witness.items()}),
        "no certificate": answer.with_fields(certificate=None),
        "a certificate of another kind": answer.with_fields(certificate={**answer.certificate, "kind": "lp-tree"}),
        "a damaged certificate": answer.with_fields(certificate={"kind": answer.certificate["kind"]}),
        "a wrong order": answer.with_fields(lower=high, upper=low),
        "a wrong status": answer.with_fields(status="infeasible"),
        "no number": answer.with_fields(upper="high"),
    }


@pytest.mark.parametrize("name", ["one.onnx", "two.onnx"])
def test_lies_are_rejected(name: str, folder: Path) -> None:
    answer = isinglass.lipschitz(folder / name, output=1)
    assert verdict(folder / "a.json", answer) == "accepted"
    for what, lie in edits(answer).items():
        assert verdict(folder / "a.json", lie) == "rejected", what


def test_lies_about_parts_are_rejected(folder: Path) -> None:
    answer = isinglass.lipschitz(folder / "one.onnx", output=[0, 1], difference=(2, 1))
    assert verdict(folder / "a.json", answer) == "accepted"
    parts = dict(answer.parts)
    for what, lie in edits(parts["y[1]"]).items():
        assert verdict(folder / "a.json", answer.with_fields(parts={**parts, "y[1]": lie})) == "rejected", what
    renamed = {{"y[1]": "y[2]"}.get(label, label): part for label, part in parts.items()}
    swapped = {**parts, "y[0]": parts["y[1]"], "y[1]": parts["y[0]"]}
    fewer = {label: part for label, part in parts.items() if label != "y[1]"}
    assert answer.lower is not None and answer.upper is not None
    wrong = [{"parts": renamed}, {"parts": swapped}, {"parts": fewer}, {"parts": {}}, {"lower": answer.lower * 1.01},
             {"upper": answer.lower}, {"value": answer.lower * 1.01}]  # fmt: skip
    for changes in wrong:
        assert verdict(folder / "a.json", answer.with_fields(**changes)) == "rejected", changes


def test_other_networks_and_questions_are_rejected(folder: Path) -> None:
    answer = isinglass.lipschitz(folder / "one.onnx", output=1)
    for changes in ({"output": [2]}, {"norm": "l2"}, {"network": str(folder / "two.onnx")}, {"output": [0, 1]}):
        asked = {**answer.options["lipschitz"], **changes}
        if "norm" in changes:
            asked["output"] = [1]
        lie = answer.with_fields(options={**answer.options, "lipschitz": asked})
        found = verdict(folder / "a.json", lie)
        assert found == "rejected" or "norm" in changes  # the bounds for linf hold for l2, but no pattern is worth them
    save(folder / "one.onnx", layers_of(*SIZES, seed=4))
    assert verdict(folder / "a.json", answer) == "rejected"
    again = answer.with_fields(sources=isinglass.lipschitz(folder / "one.onnx", output=1).sources)
    assert verdict(folder / "a.json", again) == "rejected"


def test_a_spec_is_answered_and_checked(folder: Path) -> None:
    (folder / "c.glass").write_text(
        'param k = 1\nnetwork f = onnx("one.onnx")\nbound lipschitz(f, output = k, difference = [0, 2])\n'
        "compile { exact = true; seed = 3 }"
    )
    told = run("run", folder / "c.glass", "--json")
    answer = Answer.from_json(told.stdout)
    assert told.exit_code == 0 and answer.status == "optimal" and answer.seed == 3
    assert answer.options["file"] == str(folder / "c.glass") and len(answer.sources) == 2
    assert verdict(folder / "a.json", answer) == "accepted"
    other = answer.with_fields(options={**answer.options, "defines": {"k": "2"}})
    assert verdict(folder / "a.json", other) == "rejected"
    assert "greatest" in run("run", folder / "c.glass").stdout


def test_options_of_other_goals_are_refused(folder: Path) -> None:
    (folder / "c.glass").write_text('network f = onnx("one.onnx")\nbound lipschitz(f)\ncompile { method = bisect }')
    told = run("run", folder / "c.glass")
    assert told.exit_code == 1 and "not for bound goals" in told.stderr
    (folder / "m.glass").write_text("var x : bin\nmaximize x\ncompile { exact = true }")
    assert "exact and tolerance for bound goals" in run("run", folder / "m.glass").stderr


def test_samplers_help_from_below(folder: Path) -> None:
    answer = isinglass.lipschitz(folder / "one.onnx", output=1, solver="neal", seed=1)
    assert answer.lower == pytest.approx(exact("y[1]", layers_of(*SIZES)), rel=1e-9)
    assert verdict(folder / "a.json", answer) == "accepted"


def test_softmax_is_left_off_and_maxima_become_relus(folder: Path) -> None:
    weights = {"w": np.arange(24.0).reshape(4, 6) - 11, "v": np.array([[1.0, 2], [-2, 0], [3, 1]])}
    nodes = [node("MatMul", "input w", "z"), node("Split", "z", "a b", axis=1), node("Max", "a b", "m")]
    nodes += [node("MatMul", "m v", "s"), node("Softmax", "s", "y")]
    path = save_nodes(folder / "max.onnx", nodes, weights)
    told = run("lipschitz", path, "--output", "0")
    assert told.exit_code == 0 and "ends with softmax" in told.stdout
    assert verdict(folder / "a.json", isinglass.lipschitz(path, exact=True)) == "accepted"


def test_estimates_are_no_bounds(folder: Path) -> None:
    told = run("lipschitz", folder / "two.onnx", "--output", "1", "--estimates", "--json")
    answer = Answer.from_json(told.stdout)
    assert "product-a" in told.stderr and "no bound" in told.stderr and "product" not in answer.to_json()
    assert "estimates: no bounds" in run("lipschitz", folder / "two.onnx", "--output", "1", "--estimates").stdout


def test_compile_and_decode(folder: Path) -> None:
    done = run("compile", folder / "one.onnx", "--lipschitz", "1,0", "-t", "bqm", "-o", folder / "bundle")
    assert done.exit_code == 0 and "9 variables for bqm" in done.output
    solved = isinglass.solve(isinglass.load(folder / "bundle").stored.compiled, "exact")
    row = {f"{name}[{k}]": v for name, values in (solved.witness or {}).items() for k, v in enumerate(values)}
    (folder / "s.json").write_text(json.dumps([row]))
    told = run("decode", folder / "bundle", folder / "s.json", "--json")
    answer = Answer.from_json(told.stdout)
    assert answer.lower == pytest.approx(exact("y[1] - y[0]", layers_of(*SIZES)), rel=1e-9) and answer.upper is None
    assert verdict(folder / "a.json", answer) == "witness-only"


MISTAKES = {
    "--output 3": (1, "output 3 of a network with 3 outputs"),
    "--output a": (2, "--output a: no number"),
    "--difference 1": (2, "--difference 1: two outputs"),
    "--difference 1,1": (1, "difference of output 1 with itself"),
    "--eps 0.1": (2, "a box around a point needs --centre and --eps"),
    "--box box.npz --eps 0.1": (2, "--box and --eps: state the box once"),
    "--box none.npz": (1, "none.npz: no such file"),
    "--centre x.npy --eps 0.1 --clip 1": (2, "--clip 1: two numbers"),
    "--solver highs": (1, "highs takes no Ising problems"),
    "--solver nela": (2, "unknown solver 'nela'"),
    "--budget 1": (2, "budget = 1: at least 2 spins"),
    "--tolerance -1": (2, "tolerance = -1.0"),
    "--timeout -1": (2, "timeout = -1.0"),
    "--norm l1": (2, "l1"),
    "--plot p.jpg": (2, "unknown kind of picture"),
    "--plot none/p.png": (1, "does the folder exist?"),
    "--quantity inf-to-one --norm l2": (1, "inf-to-one is about the maximum norm"),
}


@pytest.mark.parametrize("words", MISTAKES)
def test_mistakes(words: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    code, text = MISTAKES[words]
    told = run("lipschitz", "one.onnx", *words.split())
    assert told.exit_code == code and text in told.stderr, told.stderr
    assert "Traceback" not in told.stderr


def test_mistakes_of_compile(folder: Path) -> None:
    for words, text in [(["--lipschitz", "x"], "no number"), (["--lipschitz", "1,2,0"], "one output, or two"),
                        (["--lipschitz", "1", "-D", "k=1"], "no parameters"), ([], "states no question"),
                        (["--lipschitz", "7"], "outputs are 0 to 2")]:  # fmt: skip
        told = run("compile", folder / "one.onnx", *words, "-o", folder / "bundle")
        assert told.exit_code in (1, 2) and text in told.output


def test_pictures(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    for words in (["--output", "1"], ["--difference", "all"]):
        file = folder / f"{words[0][2:]}.png"
        told = run("lipschitz", folder / "one.onnx", *words, "--plot", file)
        assert told.exit_code == 0 and file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and len(file.read_bytes()) > 5000


def test_a_picture_needs_matplotlib(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    told = run("lipschitz", folder / "one.onnx", "--plot", folder / "p.png")
    assert told.exit_code == 1 and "isinglass[plot]" in told.stderr


def test_help_loads_no_numpy() -> None:
    code = "import sys; from isinglass.cli import cli; cli(['lipschitz', '--help'], standalone_mode=False)"
    done = subprocess.run([sys.executable, "-c", f"{code}; assert 'numpy' not in sys.modules"], capture_output=True)
    assert done.returncode == 0, done.stderr


SMALL = {
    "linear": [node("MatMul", "input w", "y")],
    "nothing": [node("Sub", "input input", "y")],
    "relu at the end": [node("MatMul", "input w", "z"), node("Relu", "z", "y")],
    "sigmoid, tanh": [node("MatMul", "input w", "z"), node("Sigmoid", "z", "h"), node("Tanh", "h", "y")],
    "clip, leaky": [node("MatMul", "input w", "z"), node("Clip", "z low high", "c"), node("LeakyRelu", "c", "y")],
    "residual": [
        node("MatMul", "input w", "z"), node("Relu", "z", "r"), node("MatMul", "r w", "s"), node("Add", "s input", "t"),
        node("Abs", "t", "y"),
    ],
    "max-pool": [
        node("Unsqueeze", "input axis", "u"), node("MaxPool", "u", "p", kernel_shape=[2], strides=[2]),
        node("Flatten", "p", "y"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", SMALL)
def test_networks_of_all_kinds(name: str, norm: str, tmp_path: Path) -> None:
    weights = {"w": np.random.default_rng(1).normal(size=(4, 4)), "low": np.array(-1.0), "high": np.array(1.0)}
    path = save_nodes(tmp_path / "net.onnx", SMALL[name], {**weights, "axis": np.array([0])})
    answer = isinglass.lipschitz(path, norm=norm, exact=True)
    assert verdict(tmp_path / "a.json", answer) == "accepted"
    assert answer.lower is not None and answer.upper is not None
    assert answer.upper - answer.lower <= max(1e-6 * answer.upper, 1e-150)
    task = checks.task_asked(answer, "a.json")
    assert isinstance(task, Bound)
    x = np.random.default_rng(2).normal(size=(400, 4))
    y = complete(task.problem, {task.inputs: x})[task.outputs] @ task.functionals.T
    distance = np.abs(x[1:] - x[:-1]).max(axis=1) if norm == "linf" else np.linalg.norm(x[1:] - x[:-1], axis=1)
    for label, steepest in zip(task.labels, (np.abs(y[1:] - y[:-1]) / distance[:, None]).max(axis=0), strict=True):
        upper = answer.parts[label].upper
        assert upper is not None and steepest <= upper * (1 + 1e-12)
