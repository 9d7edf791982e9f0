"""Softmax, LogSoftmax and ArgMax at the end of a network: claims about them are claims about scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import Case, exact_outputs, node, save_case

import isinglass
import isinglass.facade.verification
from isinglass.backends.network_runner import NetworkRunner
from isinglass.frontends.networks import through_ending as module
from isinglass.frontends.networks.box import Box
from isinglass.frontends.networks.network import Layer, Network
from isinglass.frontends.networks.properties import argmax_is, prove, question
from isinglass.frontends.networks.reader import read_network
from isinglass.frontends.networks.through_ending import file_outputs, through_ending
from isinglass.ir.affine import Affine
from isinglass.ir.counterexample import unsafe_arithmetic
from isinglass.ir.errors import InputError, IsinglassError, Refused
from isinglass.ir.exact import Exact
from isinglass.ir.operators.dense import Dense
from isinglass.ir.types import FloatArray
from isinglass.ir.unsafe import UnsafeSet

W = {"w": np.array([[2.0, -1.0, 0.5], [1.0, 3.0, -2.0]])}
SCORES = [node("Gemm", "input w", "z")]


def ended(*nodes: Any, shape: tuple[int, ...] = (1, 2), opset: int = 17, **constants: Any) -> Case:
    return Case([*SCORES, *nodes], {**W, **constants}, shape, opset)


ENDINGS: dict[str, tuple[str, tuple[int, ...], Case]] = {
    "softmax": ("softmax", (1, 3), ended(node("Softmax", "z", "out"))),
    "softmax-axis": ("softmax", (1, 3), ended(node("Softmax", "z", "out", axis=1))),
    "softmax-old": ("softmax", (1, 3), ended(node("Softmax", "z", "out"), opset=11)),
    "softmax-old-axis": ("softmax", (1, 3, 1), ended(
        node("Reshape", "z s", "r"), node("Softmax", "r", "out", axis=-2), opset=11, s=np.array([1, 3, 1]))),
    "log-softmax": ("log-softmax", (1, 3), ended(node("LogSoftmax", "z", "out"))),
    "reshaped": ("softmax", (3,), ended(
        node("Softmax", "z", "p"), node("Unsqueeze", "p a", "q"), node("Shape", "p", "n"), node("Reshape", "q n", "r"),
        node("Squeeze", "r a", "s"), node("Identity", "s", "out"), a=np.array([0]))),
    "argmax": ("argmax", (1, 1), ended(node("ArgMax", "z", "out", axis=1))),
    "argmax-flat": ("argmax", (1,), ended(node("ArgMax", "z", "out", axis=-1, keepdims=0))),
    "argmax-last": ("argmax-last", (1, 1), ended(node("ArgMax", "z", "out", axis=1, select_last_index=1))),
    "argmax-softmax": ("argmax", (1, 1), ended(node("Softmax", "z", "p"), node("ArgMax", "p", "out", axis=1))),
    "argmax-cast": ("argmax", (1, 1), ended(node("ArgMax", "z", "p", axis=1), node("Cast", "p", "out", to=1))),
}  # fmt: skip


def save(path: Path, case: Case) -> Path:
    """The file; the output of ArgMax is declared as what it is."""
    import onnx

    model = onnx.load(save_case(path, case))
    if case.nodes[-1].op_type == "ArgMax":
        model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("name", ENDINGS)
def test_the_layers_end_with_the_scores(name: str, tmp_path: Path) -> None:
    kind, shape, case = ENDINGS[name]
    path = save(tmp_path / "net.onnx", case)
    network = read_network(path)
    assert (network.ending, network.output_shape, network.layers[-1].size) == (kind, shape, 3)
    x = np.random.default_rng(1).integers(-4, 5, (40, 2)).astype(np.float64)
    scores, file = exact_outputs(network, x), NetworkRunner(path)(x)
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    soft = shifted / shifted.sum(axis=1, keepdims=True)
    if kind == "argmax":
        assert np.array_equal(file[:, 0], scores.argmax(axis=1))
        assert np.array_equal(NetworkRunner(path, 3)(x), np.eye(3)[scores.argmax(axis=1)])
    elif kind == "argmax-last":
        assert np.array_equal(file[:, 0], 2 - scores[:, ::-1].argmax(axis=1))
    else:
        np.testing.assert_allclose(file, np.log(soft) if kind == "log-softmax" else soft, atol=1e-6)
    np.testing.assert_allclose([file_outputs(network, one) for one in scores], file, atol=1e-6)


REFUSED: dict[str, tuple[str, Case]] = {
    "inside": ("works on the result of softmax, which is supported at the end",
               ended(node("Softmax", "z", "p"), node("Relu", "p", "out"))),
    "sum": ("works on the result of softmax", ended(node("Softmax", "z", "p"), node("Add", "p p", "out"))),
    "scaled": ("works on the result of softmax", ended(node("Softmax", "z", "p"), node("Mul", "p c", "out"), c=[2.0])),
    "twice": ("works on the result of softmax", ended(node("Softmax", "z", "p"), node("Softmax", "p", "out"))),
    "index-of-index": ("of a constant", ended(node("ArgMax", "z", "p", axis=1), node("ArgMax", "p", "out", axis=1))),
    "rows": (r"over 3 elements of a tensor of shape \(2, 3\)", ended(node("Softmax", "z", "out"), shape=(2, 2))),
    "other-axis": (r"over 1 elements of a tensor of shape \(1, 3\)", ended(node("Softmax", "z", "out", axis=0))),
    "no-axis": (r"axis 2 of a tensor of shape \(1, 3\)", ended(node("LogSoftmax", "z", "out", axis=2))),
    "argmax-rows": ("over 1 elements", ended(node("ArgMax", "z", "out"))),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_ending(name: str, tmp_path: Path) -> None:
    message, case = REFUSED[name]
    with pytest.raises(InputError, match=message):
        read_network(save(tmp_path / "net.onnx", case))


def network(kind: str, outputs: int, scores: int) -> Network:
    layer = Layer("y", (scores,), Affine(np.zeros(scores), {"x": Dense(np.zeros((scores, 2)))}), "n")
    return Network("net.onnx", "", (2,), (outputs,), (layer,), ending=kind)


def unsafe(rows: Any, constants: Any, strict: Any, start: Any, inputs: Any = None) -> UnsafeSet:
    """Cases over outputs ``y`` (and inputs ``x``), all on one box."""
    matrix = np.asarray(rows, dtype=np.float64)
    parts = {"y": Dense(matrix)}
    if inputs is not None:
        parts["x"] = Dense(np.asarray(inputs, dtype=np.float64))
    cases = len(start) - 1
    low, high = np.full((1, 2), -10.0), np.full((1, 2), 10.0)
    forms = Affine(np.asarray(constants, dtype=np.float64), parts)
    return UnsafeSet(
        forms, np.asarray(strict, bool), np.asarray(start), np.zeros(cases, np.int64), low, high, low, high, "decimal",
        [f"case {k}" for k in range(cases)],
    )  # fmt: skip


def holds(of: UnsafeSet, x: FloatArray, y: FloatArray) -> Any:
    return of.holds({"x": Exact.of(x), "y": Exact.of(y)}, x)


COMPARED = [
    ("softmax", [1.0, -1.0, 0.0], 0.0, None, True),
    ("softmax", [0.0, -2.5, 2.5], 0.0, None, True),
    ("softmax", [0.0, 0.0, 0.0], -3.0, [1.0, 2.0], True),
    ("softmax", [1.0, 0.0, 0.0], -0.5, None, False),
    ("softmax", [1.0, -1.0, 0.0], 0.1, None, False),
    ("softmax", [1.0, -1.0, 0.0], 0.0, [1.0, 0.0], False),
    ("softmax", [1.0, 1.0, -2.0], 0.0, None, False),
    ("softmax", [1.0, -0.5, 0.0], 0.0, None, False),
    ("log-softmax", [1.0, 1.0, -2.0], 0.3, [1.0, 0.0], True),
    ("log-softmax", [0.1, 0.2, -0.3], 0.0, None, True),  # they add up to zero as decimals, not as binary numbers
    ("log-softmax", [1.0, 0.0, 0.0], 2.0, None, False),
]


@pytest.mark.parametrize(("kind", "row", "constant", "inputs", "fine"), COMPARED)
def test_claims_that_say_the_same_of_scores(kind: str, row: Any, constant: float, inputs: Any, fine: bool) -> None:
    asked = unsafe([row], [constant], [False], [0, 1], None if inputs is None else [inputs])
    if fine:
        assert through_ending(network(kind, 3, 3), asked, "y") is asked
    else:
        with pytest.raises(Refused, match=r"net.onnx ends with .*softmax, and 'case 0' does more than"):
            through_ending(network(kind, 3, 3), asked, "y")


@st.composite
def questions(draw: st.DrawFn) -> UnsafeSet:
    """Cases about an index, some of them with rows about inputs."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    rows, constants, inputs = [], [], []
    for _ in range(sum(sizes)):
        about = draw(st.booleans())
        rows.append([draw(st.sampled_from([-2.0, -1.0, 0.5, 1.0])) if about else 0.0])
        constants.append(draw(st.sampled_from([-3.0, -2.0, -1.5, -1.0, 0.0, 0.1, 1.0, 2.0, 3.0])))
        inputs.append([0.0, 0.0] if about else [draw(st.sampled_from([-1.0, 1.0])), 0.0])
    strict = draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    return unsafe(rows, constants, strict, [0, *np.cumsum(sizes)], inputs)


@given(questions(), st.sampled_from(["argmax", "argmax-last"]))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_claims_about_an_index_by_brute_force(asked: UnsafeSet, kind: str) -> None:
    found = through_ending(network(kind, 1, 4), asked, "y")
    assert not found.faults({"x": 2, "y": 4}, "x")
    scores = np.array(np.meshgrid(*[[0.0, 1.0, 2.0]] * 4)).reshape(4, -1).T
    index = scores.argmax(axis=1) if kind == "argmax" else 3 - scores[:, ::-1].argmax(axis=1)
    for first in (-2.0, 0.0, 0.5, 2.0):
        x = np.tile([first, 0.0], (len(scores), 1))
        expected = holds(asked, x, index[:, None].astype(np.float64)).any(axis=1)
        assert np.array_equal(holds(found, x, scores).any(axis=1), expected)
        assert np.array_equal(holds(found, x, np.eye(4)[index]).any(axis=1), expected)


def test_the_cases_about_an_index_are_few_and_short() -> None:
    not_two = unsafe([[1.0], [-1.0]], [-2.0, 2.0], [True, True], [0, 1, 2])  # y > 2 or y < 2
    found = through_ending(network("argmax", 1, 4), not_two, "y")
    assert np.diff(found.start).tolist() == [3, 2, 2]
    assert found.texts == ("case 0", "case 1", "case 1")
    never = unsafe([[1.0]], [-3.5], [False], [0, 1])
    assert through_ending(network("argmax", 1, 4), never, "y").count == 0
    always = through_ending(network("argmax", 1, 4), unsafe([[1.0]], [0.5], [False], [0, 1]), "y")
    assert always.forms.parts["y"].nnz == 0 and always.start.tolist() == [0, 1] and not always.strict.any()


def test_claims_about_an_index_that_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="'case 0' adds inputs to it"):
        through_ending(network("argmax", 1, 4), unsafe([[1.0]], [0.0], [False], [0, 1], [[1.0, 0.0]]), "y")
    monkeypatch.setattr(module, "MOST_ROWS", 10)
    with pytest.raises(Refused, match="more than 10 rows"):
        through_ending(network("argmax", 1, 8), unsafe([[1.0]], [-3.5], [False], [0, 1]), "y")


def test_float32_outputs_of_the_file_decide_in_float32(tmp_path: Path) -> None:
    """Scores 200 apart: the file's outputs are 1 and 0, so that a third score 50 below ties with the second."""
    path = save(tmp_path / "net.onnx", ended(node("Softmax", "z", "out"), w=np.array([[100.0, -100.0, -150.0]] * 2)))
    box = Box.between(0.5, 1.0)
    task = prove(read_network(path), box, argmax_is(3, 0))
    assert task.unsafe.texts == ("y[1] > y[0]", "y[2] > y[0]")
    x = np.array([1.0, 1.0])
    runner = NetworkRunner.of(task)
    assert runner(x[None]).tolist() == [[1.0, 0.0, 0.0]]
    reversed_claim = replace(argmax_is(3, 0), matrix=Dense(np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0]])),
                             strict=np.array([False, True]))  # y[2] >= y[1], or y[0] > y[2]  # fmt: skip
    tied = prove(read_network(path), box, reversed_claim)
    first = replace(tied, unsafe=tied.unsafe.pick(np.array([0])))
    assert unsafe_arithmetic(first, x, runner) == "float32-only"
    second = replace(tied, unsafe=tied.unsafe.pick(np.array([1])))
    assert unsafe_arithmetic(second, x, runner) == "both"


def test_the_file_s_index_decides_in_float32(tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", ENDINGS["argmax"][2])
    asked = unsafe([[1.0]], [-2.0], [False], [0, 1])
    task = question(read_network(path), asked, "y < 2")
    runner = NetworkRunner.of(task)
    for x in np.random.default_rng(3).integers(-4, 5, (20, 2)).astype(np.float64):
        index = NetworkRunner(path)(x[None])[0, 0]
        assert unsafe_arithmetic(task, x, runner) == ("both" if index >= 2 else None)


def test_specs_see_through_softmax(tmp_path: Path) -> None:
    save(tmp_path / "net.onnx", ENDINGS["softmax"][2])
    spec = tmp_path / "a.glass"
    text = 'network f = onnx("net.onnx")\nvar x : real[2] in {}\nlet y = f(x)\n{}\n'
    spec.write_text(text.format("1..2", "prove argmax(y) == 1"))
    assert isinglass.run(spec).status == "sat"
    spec.write_text(text.format("1..2", "prove y[2] < y[1]"))
    assert isinglass.run(spec).status == "unsat"
    spec.write_text(text.format("1..2", "prove y[2] < 0.5"))
    with pytest.raises(IsinglassError, match="does more than"):
        isinglass.run(spec)
    spec.write_text(text.format("1..2", "minimize y[2] - y[1]"))
    with pytest.raises(IsinglassError, match="which only claims can be about"):
        isinglass.run(spec)
    save(tmp_path / "net.onnx", ENDINGS["argmax"][2])
    spec.write_text(text.format("1..2", "prove y[0] <= 1"))
    with pytest.raises(IsinglassError, match="ends with ArgMax"):
        isinglass.run(spec)


def test_property_files_see_through_both(tmp_path: Path) -> None:
    query = tmp_path / "a.vnnlib"
    inputs = "".join(
        f"(declare-const X_{k} Real)\n(assert (>= X_{k} 1.0))\n(assert (<= X_{k} 2.0))\n" for k in range(2)
    )

    def verdict(name: str, outputs: int, *asserted: str) -> str:
        path = save(tmp_path / "net.onnx", ENDINGS[name][2])
        declared = "".join(f"(declare-const Y_{k} Real)\n" for k in range(outputs))
        query.write_text(inputs + declared + "".join(f"(assert {one})\n" for one in asserted))
        answer = isinglass.verify(path, query)
        if answer.status == "sat":
            x, y = isinglass.facade.verification.witness_of(answer)
            assert np.array_equal(NetworkRunner(path)(x[None])[0], y)
        saved = tmp_path / "answer.json"
        saved.write_text(answer.to_json())
        assert isinglass.check(saved).verdict != "rejected"
        return answer.status

    assert verdict("softmax", 3, "(>= Y_0 Y_1)") == "sat"
    assert verdict("softmax", 3, "(>= Y_2 Y_1)") == "unsat"
    assert verdict("log-softmax", 3, "(>= Y_1 (+ Y_0 0.5))") == "sat"
    assert verdict("log-softmax", 3, "(>= Y_1 (+ Y_0 1.5))") == "unsat"
    assert verdict("argmax", 1, "(<= Y_0 0.0)") == "sat"
    assert verdict("argmax", 1, "(>= Y_0 1.0)", "(<= Y_0 1.5)") == "sat"
    assert verdict("argmax-softmax", 1, "(>= Y_0 1.5)") == "unsat"
    assert verdict("argmax", 1, "(>= Y_0 2.5)") == "unsat"
