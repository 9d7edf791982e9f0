"""Files that are damaged, hostile or unlike any exporter's: a clear error, or the network that onnxruntime sees."""

from __future__ import annotations

import random
import re
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import exact_outputs, node, save

from isinglass.backends.network_runner import NetworkRunner
from isinglass.frontends.networks import layers
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.errors import InputError

rng = np.random.default_rng(17)
NUMBERS = {
    "w": rng.integers(-2, 3, (2, 1, 2, 2)).astype(float), "b": rng.integers(-2, 3, (2,)).astype(float),
    "m": rng.integers(-2, 3, (8, 3)).astype(float), "s": np.array([1, -1]),
}  # fmt: skip
NODES = [
    node("Conv", "input w b", "c", strides=[1, 1], pads=[0, 1, 0, 1]), node("Relu", "c", "r"),
    node("MaxPool", "r", "p", kernel_shape=[2, 2]), node("LeakyRelu", "p", "q", alpha=0.25),
    node("Clip", "q", "k"), node("AveragePool", "r", "a", kernel_shape=[1, 1]),
    node("Transpose", "a", "t", perm=[0, 2, 3, 1]), node("Flatten", "t", "f"), node("Slice", "f from to ax", "g"),
    node("Reshape", "g s", "h"), node("Gemm", "h m", "out"),
]  # fmt: skip
NUMBERS |= {"from": np.array([0]), "to": np.array([8]), "ax": np.array([1])}
SHAPE = (1, 1, 3, 3)


def whole(path: Path) -> onnx.ModelProto:
    return onnx.load(save(path, NODES, NUMBERS, SHAPE))


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_network(path)
    text = str(caught.value)
    assert str(path) in text and len(text) < 2000
    assert all(diagnostic.hint for diagnostic in caught.value.diagnostics)
    return text


def agrees_or_is_refused(path: Path) -> str:
    """What became of a file; asserts that a network that both take is the same one."""
    try:
        network = read_network(path)
        runner = NetworkRunner(path)
        x = np.random.default_rng(2).integers(-2, 3, (3, network.input_size)).astype(np.float64)
        expected = runner(x)
    except InputError:
        return "refused"
    if not np.isfinite(expected).all():
        return "overflow"
    found = exact_outputs(network, x)
    size = 1.0 + np.abs(found).max(initial=0.0)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max(initial=0.0) <= 1e-4 * size
    return "read"


def test_cut_off_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    model = whole(path)
    network = read_network(path)
    model.metadata_props.add(key="by", value="nobody")
    content = model.SerializeToString()
    taken = []
    for length in range(len(content)):
        path.write_bytes(content[:length])
        try:
            found = read_network(path)
        except InputError as error:
            assert str(path) in str(error)
            continue
        taken.append(length)
        x = np.ones((1, 9))
        assert np.array_equal(exact_outputs(found, x), exact_outputs(network, x))
    model.ClearField("metadata_props")
    assert taken == [len(model.SerializeToString())]  # only what says nothing about the network may be missing


def test_changed_bytes(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    content = whole(path).SerializeToString()
    choose = random.Random(5)
    seen = set()
    for _ in range(500):
        changed = bytearray(content)
        for _ in range(choose.choice([1, 1, 2, 4])):
            changed[choose.randrange(len(changed))] = choose.choice([0, 1, 127, 128, 255, choose.randrange(256)])
        path.write_bytes(changed)
        seen.add(agrees_or_is_refused(path))
    assert {"refused", "read"} <= seen


def test_moved_bytes(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    content = whole(path).SerializeToString()
    choose = random.Random(6)
    for _ in range(200):
        changed = bytearray(content)
        start, other, size = choose.randrange(len(changed)), choose.randrange(len(changed)), choose.randrange(40)
        changed[start : start + size] = changed[other : other + choose.randrange(40)]
        path.write_bytes(changed)
        agrees_or_is_refused(path)


Change = Callable[[onnx.ModelProto], None]


def weight(change: Callable[[TensorProto], None]) -> Change:
    """A change of the matrix of the last layer."""
    return lambda model: change(next(t for t in model.graph.initializer if t.name == "m"))


def dims(*sizes: int) -> Change:
    return weight(lambda tensor: tensor.dims.__setitem__(slice(None), sizes))


def typed(kind: int) -> Change:
    return weight(lambda tensor: setattr(tensor, "data_type", kind))


def replaced(array: Any) -> Change:
    return weight(lambda tensor: tensor.CopyFrom(numpy_helper.from_array(np.asarray(array), "m")))


def first_input(change: Callable[[Any], Any]) -> Change:
    return lambda model: change(model.graph.input[0].type.tensor_type) and None


def in_front(*nodes: onnx.NodeProto) -> Change:
    """Nodes before the first; what computes ``input2`` feeds it."""

    def change(model: onnx.ModelProto) -> None:
        if any("input2" in one.output for one in nodes):
            model.graph.node[0].input[0] = "input2"
        rest = list(model.graph.node)
        del model.graph.node[:]
        model.graph.node.extend([*nodes, *rest])

    return change


def opsets(*found: tuple[str, int]) -> Change:
    def change(model: onnx.ModelProto) -> None:
        del model.opset_import[:]
        model.opset_import.extend(helper.make_opsetid(*one) for one in found)

    return change


def sparse(model: onnx.ModelProto) -> None:
    index = numpy_helper.from_array(np.array([0]), "i")
    values = numpy_helper.from_array(np.ones(1, np.float32), "v")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, index, [4]))


def subgraph(kind: str) -> Change:
    body = helper.make_graph([], "body", [], [])
    return in_front(helper.make_node(kind, ["input"], ["input2"], name="n", then_branch=body, else_branch=body))


def own_function(model: onnx.ModelProto) -> None:
    body = [helper.make_node("Neg", ["a"], ["b"])]
    model.functions.append(helper.make_function("", "Relu", ["a"], ["b"], body, [helper.make_opsetid("", 17)]))


def cycle(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "h"


def backwards(model: onnx.ModelProto) -> None:
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def no_nodes(model: onnx.ModelProto) -> None:
    del model.graph.node[:]
    del model.graph.output[:]


TABLE: dict[str, tuple[str, Change]] = {
    "huge-weights": (r"initializer m: ", dims(10**6, 10**6)),
    "overflowing-weights": (r"initializer m: ", dims(2**32, 2**32)),
    "negative-weights": (r"initializer m: a tensor of shape \[-1, 3\]", dims(-1, 3)),
    "empty-weights": ("initializer m: ", dims(0, 3)),
    "no-weights": (r"shapes \(1, 8\) and \(0, 3\) do not fit", replaced(np.zeros((0, 3), np.float32))),
    "shape": (r"shapes \(1, 8\) and \(12, 2\) do not fit", dims(12, 2)),
    "text": ("initializer m: |element type", replaced(np.full((8, 3), "a"))),
    "half": ("element type float16", replaced(np.ones((8, 3), np.float16))),
    "double": ("element type float64", replaced(np.ones((8, 3)))),
    "integers": ("integers", replaced(np.ones((8, 3), np.int64))),
    "undefined-type": ("initializer m: ", typed(0)),
    "unknown-type": ("initializer m: ", typed(99)),
    "nan": ("24 of 24 stored numbers are NaN", replaced(np.full((8, 3), np.nan, np.float32))),
    "infinite": ("1 of 24 stored numbers are NaN or infinite",
                 replaced(np.where(np.arange(24).reshape(8, 3) == 5, np.inf, 1.0).astype(np.float32))),
    "twice": ("initializer m: is stored a second time",
              lambda model: model.graph.initializer.append(next(t for t in model.graph.initializer if t.name == "m"))),
    "sparse": ("sparse weights", sparse),
    "cycle": ("reads 'h', which nothing before it computes", cycle),
    "backwards": ("which nothing before it computes", backwards),
    "unknown-operator": ("operator Sinh is not supported", in_front(node("Sinh", "input", "input2"))),
    "branch": ("operator If is not supported", subgraph("If")),
    "own-function": ("has operators of its own, functions", own_function),
    "two-outputs": ("has 2 outputs", lambda m: m.graph.output.append(m.graph.output[0])),
    "no-output": ("has 0 outputs", lambda m: m.graph.ClearField("output")),
    "unknown-output": ("output 'nothing' is not computed", lambda m: setattr(m.graph.output[0], "name", "nothing")),
    "no-input": (r"needs one input, has 0 \(none\)", lambda m: m.graph.ClearField("input")),
    "integer-input": ("input 'input' is not float32",
                      first_input(lambda t: setattr(t, "elem_type", TensorProto.INT64))),
    "no-tensor": ("input 'input' is not float32", lambda m: m.graph.input[0].type.ClearField("tensor_type")),
    "shapeless": ("input 'input' has no shape", first_input(lambda t: t.ClearField("shape"))),
    "empty-input": (r"has no elements: \[1, 1, 0, 3\]", first_input(lambda t: setattr(t.shape.dim[2], "dim_value", 0))),
    "negative-input": (r"unknown dimensions beside the batch: \[1, 1, -3, 3\]",
                       first_input(lambda t: setattr(t.shape.dim[2], "dim_value", -3))),
    "huge-input": ("elements in all", first_input(lambda t: setattr(t.shape.dim[2], "dim_value", 2**62))),
    "long-shape": ("a tensor with 104 axes", first_input(lambda t: t.shape.dim.extend([t.shape.dim[0]] * 100))),
    "no-network": ("holds no network", no_nodes),
    "new-format": ("version 99 of the file format", lambda m: setattr(m, "ir_version", 99)),
    "no-format": ("version 0 of the file format", lambda m: m.ClearField("ir_version")),
    "no-opset": ("does not say which version of the operators", opsets(("other", 3))),
    "old-opset": ("operators of version 6", opsets(("", 6))),
    "new-opset": ("operators of version 999", opsets(("", 999))),
    "two-opsets": ("operators of version 13, 17", opsets(("", 17), ("ai.onnx", 13))),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_what_is_wrong_is_named(name: str, tmp_path: Path) -> None:
    message, change = TABLE[name]
    path = tmp_path / "net.onnx"
    model = whole(path)
    change(model)
    path.write_bytes(model.SerializeToString())
    assert re.search(message, refused(path), re.DOTALL)


def many(kind: str, count: int, **attributes: Any) -> list[onnx.NodeProto]:
    names = ["input", *(f"v{k}" for k in range(count - 1)), "input2"]
    pairs = pairwise(names)
    return [node(kind, f"{one} {one}", two, **attributes) for one, two in pairs]


def constant(name: str, *values: int) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], name=name, value_ints=list(values))


GROWING: dict[str, Change] = {
    "doubled": in_front(*many("Concat", 60, axis=0)),
    "expanded": in_front(constant("n", 10**5, 10**5, 3, 3), node("Expand", "input n", "input2")),
    "outer-sum": in_front(
        constant("n", 10**5, 1, 1, 1), constant("k", 1, 10**5, 1, 1), node("ConstantOfShape", "n", "one"),
        node("ConstantOfShape", "k", "two"), node("Add", "one two", "three"), node("Add", "input three", "input2"),
    ),
    "filled": in_front(constant("n", 10**9), node("ConstantOfShape", "n", "input2")),
    "filled-often": in_front(constant("n", 10**5), *(node("ConstantOfShape", "n", f"one{k}") for k in range(100))),
    "picked": in_front(
        constant("n", 10**5), node("ConstantOfShape", "n", "one", value=numpy_helper.from_array(np.zeros(1, np.int64))),
        node("Gather", "input one", "two", axis=0), node("Gather", "two one", "input2", axis=1),
    ),
    "padded": in_front(constant("n", 0, 0, 10**9, 0, 0, 0, 0, 0), node("Pad", "input n", "input2")),
    "convolved": lambda m: m.graph.node[0].attribute[1].CopyFrom(helper.make_attribute("pads", [10**9] * 4)),
    "far-strides": lambda m: [
        m.graph.node[0].attribute[k].CopyFrom(helper.make_attribute(name, values))
        for k, (name, values) in enumerate([("strides", [10**8] * 2), ("pads", [10**8, 1, 10**8, 1])])
    ] and None,
    "many-axes": in_front(constant("n", *[1] * 999, 9), node("Reshape", "input n", "input2")),
    "product": in_front(
        constant("n", 1, 1, 3, 40_000), node("ConstantOfShape", "n", "one"), constant("k", 100, 1, 3, 3),
        node("Expand", "input k", "rows"), node("MatMul", "rows one", "input2"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GROWING)
def test_a_small_file_does_not_fill_the_memory(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "MOST_ELEMENTS", 1 << 20)
    path = tmp_path / "net.onnx"
    model = whole(path)
    GROWING[name](model)
    path.write_bytes(model.SerializeToString())
    tracemalloc.start()
    try:
        text = refused(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200 * 2**20
    assert "elements in all" in text or "axes" in text or "more than" in text


@pytest.mark.parametrize("where", ["node", "size"])
def test_a_name_that_is_no_text(where: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    model = whole(path)
    if where == "node":
        model.graph.node[0].name = "0123456789"
    else:
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "0123456789"
    path.write_bytes(model.SerializeToString().replace(b"0123456789", b"01234\xff6789"))
    assert "has a name that is no text" in refused(path)


def test_deep_nesting(tmp_path: Path) -> None:
    inner = helper.make_graph([], "g", [], [])
    for _ in range(10):
        inner = helper.make_graph([helper.make_node("If", ["c"], ["o"], then_branch=inner)], "g", [], [])
    path = tmp_path / "net.onnx"
    model = whole(path)
    model.graph.node[0].attribute.append(helper.make_attribute("body", inner))
    path.write_bytes(model.SerializeToString())
    assert "attribute 'body' is not supported" in refused(path)
    nested = b""
    for tag in [0x32, 0x2A, 0x0A] * 50:  # an attribute's graph, a node's attribute, a graph's node
        nested = bytes([tag]) + varint(len(nested)) + nested
    path.write_bytes(b"\x3a" + varint(len(nested)) + nested)
    assert "not an ONNX file" in refused(path)


def varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])
