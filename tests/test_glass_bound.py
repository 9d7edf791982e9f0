"""The goal ``bound``: what a spec asks about, and every mistake with its place, all at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isinglass.frontends.glass.reader import parse_spec
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.tasks import Bound

from .glass_cases import codes_of, errors_of
from .networks import save
from .onnx_models import node
from .onnx_models import save as save_nodes

HEAD = 'param k = 2\nnetwork f = onnx("net.onnx")\n'
BOX = HEAD + "param x0 = [0.1, 0.9]\nvar x : real[2] in ball(x0, 0.3, linf) & 0..1\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bound")
    rng = np.random.default_rng(5)
    layers = [(rng.normal(size=(2, 4)), rng.normal(size=4)), (rng.normal(size=(4, 3)), rng.normal(size=3))]
    save(path / "net.onnx", layers)
    weights = {"w": rng.normal(size=(4, 4))}
    save_nodes(path / "soft.onnx", [node("MatMul", "input w", "z"), node("Softmax", "z", "y")], weights)
    save_nodes(path / "square.onnx", [node("MatMul", "input w", "z"), node("Mul", "z z", "y")], weights)
    save_nodes(path / "sign.onnx", [node("MatMul", "input w", "z"), node("Sign", "z", "y")], weights)
    return path


def task_of(text: str, folder: Path) -> Bound:
    task = parse_spec(text, base_dir=folder)
    assert isinstance(task, Bound)
    return task


ASKED = {
    "lipschitz(f)": ["y[0]", "y[1]", "y[2]"],
    "lipschitz(f, output = all)": ["y[0]", "y[1]", "y[2]"],
    "lipschitz(f, output = 1)": ["y[1]"],
    "lipschitz(f, output = [k, 0, k])": ["y[2]", "y[0]"],
    "lipschitz(f, difference = [k, 0])": ["y[2] - y[0]"],
    "lipschitz(f, difference = [[k, 0], [0, 1]])": ["y[2] - y[0]", "y[0] - y[1]"],
    "lipschitz(f, difference = all)": ["y[0] - y[1]", "y[0] - y[2]", "y[1] - y[2]"],
    "lipschitz(f, output = k - 1, difference = [2, 1])": ["y[1]", "y[2] - y[1]"],
    "inf_to_one(f, output = 0)": ["y[0]"],
}


@pytest.mark.parametrize("goal", ASKED)
def test_functionals(goal: str, folder: Path) -> None:
    task = task_of(f"{HEAD}bound {goal}", folder)
    assert list(task.labels) == ASKED[goal]
    y = np.array([3.0, 5.0, 11.0])
    expected = [eval(label, {"y": y}) for label in task.labels]
    assert (task.functionals @ y).tolist() == expected
    assert task.quantity == ("inf-to-one" if goal.startswith("inf") else "lipschitz") and task.norm == "linf"
    assert (task.inputs, task.outputs, Path(task.network)) == ("x", "f.y", folder / "net.onnx")
    assert np.isinf(task.problem.var("x").upper).all() and task.problem.var("f.y").size == 3


def test_norm_box_and_options(folder: Path) -> None:
    text = (
        BOX
        + "bound lipschitz(f, output = 0, norm = l2, over = x)\ncompile { exact = true; tolerance = 0.01; budget = 9 }"
    )
    task = task_of(text, folder)
    x = task.problem.var("x")
    assert task.norm == "l2" and task.options == {"exact": True, "tolerance": 0.01, "budget": 9}
    assert x.lower.tolist() == [0.0, np.nextafter(0.6, 0) if 0.6 > 0.9 - 0.3 else 0.6]
    np.testing.assert_allclose(x.upper, [0.4, 1.0], rtol=1e-15)
    assert (x.upper >= [0.4, 1.0]).all()


def test_endings_are_left_off_and_said_so(folder: Path) -> None:
    task = task_of('network f = onnx("soft.onnx")\nbound lipschitz(f, output = 3)', folder)
    (note,) = [note for note in task.problem.ledger if note.who == "lipschitz"]
    assert "softmax" in note.what and "scores" in note.what and not task.problem.fns


@pytest.mark.parametrize(("file", "name"), [("square.onnx", "product"), ("sign.onnx", "sign")])
def test_functions_without_slopes_are_refused_by_name(file: str, name: str, folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        task_of(f'network f = onnx("{file}")\nbound lipschitz(f, output = 3)', folder)
    text = str(caught.value)
    assert name in text and "node my_y" in text and "spec.glass:2:7" in text


MISTAKES = {
    "bound lipschitz(f, output = 3)": [("bound", 28, "output 3 of a network with 3 outputs")],
    "bound lipschitz(f, output = 2.5, difference = [1, 1])": [
        ("type", 28, "outputs are whole numbers"), ("bound", 46, "difference of output 1 with itself")],
    "bound lipschitz(f, difference = [1, 2, 0], norm = l1)": [
        ("bound", 32, "[1, 2, 0] is no pair of outputs"), ("value", 50, "norm = l1")],
    "bound lipschitz(f, outputs = 1, output = 1, output = 2)": [
        ("call", 19, "lipschitz has no option 'outputs'"), ("call", 44, "output is given twice")],
    "bound lipschitz(g, over = z)": [("type", 16, "'g' is no network"), ("unknown-name", 26, "unknown name 'z'")],
    "bound lipschitz(f, over = k)": [("type", 26, "over takes the name of a variable")],
    "bound lipschitz(f, over = f)": [("name", 26, "'f' is a network")],
    "bound lipschitz()": [("call", 6, "lipschitz takes 1 argument, not 0")],
    "bound lipschitz(3 * k)": [("type", 16, "lipschitz takes the name of a network")],
    "bound lipschitz(f for i in 0..3)": [("call", 6, "lipschitz goes over no index set")],
    "bound lipschtz(f)": [("unknown-name", 6, "nothing to bound: 'lipschtz'")],
    "bound inf_to_one(f, norm = l2)": [("call", 20, "inf_to_one has no option 'norm'")],
    "bound lipschitz(f, output = k / 0)": [("value", 32, "division by zero")],
    "bound lipschitz(f)\nvar x : real[2]": [("type", 0, "variable 'x' has no part in the goal")],
    "bound lipschitz(f, over = x)\nvar x : real[2]": [("value", 26, "the input 'x' has no finite range")],
    "bound lipschitz(f, over = x)\nvar x : int[3] in 0..1": [
        ("type", 26, "the input 'x' is int; inputs of networks are real"),
        ("shape", 26, "'x' has 3 elements, the network reads 2")],
    "bound lipschitz(f, over = x)\nvar x : real[2] in 0..1\nvar u : bin": [
        ("type", 0, "variable 'u' has no part in the goal")],
    "bound lipschitz(f, over = x)\nvar x : real[2] in 0..1\nrequire sum(x) <= 1": [
        ("not-yet", 0, "rows beside bound are not available yet")],
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes(text: str, folder: Path) -> None:
    with pytest.raises((InputError, Refused)) as caught:
        parse_spec(HEAD + text, base_dir=folder)
    found = [(item.code, item.span.column - 1 if item.span else -1, item.message) for item in caught.value.diagnostics]
    assert found == MISTAKES[text]


def test_the_caret(folder: Path) -> None:
    assert errors_of(HEAD + "bound lipschitz(f, output = 3)", base_dir=folder) == (
        "spec.glass:3:29: error[bound]: output 3 of a network with 3 outputs\n"
        "   3 | bound lipschitz(f, output = 3)\n                                   ^\n"
        "  help: outputs are 0 to 2"
    )


def test_a_broken_network_is_reported_once(folder: Path) -> None:
    assert codes_of('network f = onnx("none.onnx")\nbound lipschitz(f, output = 3)', base_dir=folder) == ["onnx"]
    assert codes_of('network f = onnx("net.onnx"\nbound lipschitz(f, output = 9)', base_dir=folder) == ["syntax"]
