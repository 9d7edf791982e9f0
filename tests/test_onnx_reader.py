"""Networks from ONNX files: the same function as onnxruntime's, weights untouched, errors with place and remedy."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_models import Shape, exact_outputs, node, save

from isinglass.backends.network_runner import NetworkRunner
from isinglass.frontends.networks.network import network_blocks
from isinglass.frontends.networks.nodes import OPERATORS, supported_operators
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Fn, Lin, Var
from isinglass.ir.errors import InputError
from isinglass.ir.exact import Exact
from isinglass.ir.exact_evaluation import exact_values
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.text import parse_ir, print_ir

rng = np.random.default_rng(5)
W1, W2 = rng.normal(size=(4, 6)), rng.normal(size=(6, 3))
B1, B2 = rng.normal(size=6), rng.normal(size=3)
IMAGE = rng.normal(size=(1, 1, 2, 2))
GRAPHS: dict[str, tuple[list[onnx.NodeProto], dict[str, Any], Shape]] = {
    "gemm": (
        [node("Gemm", "input a b", "p"), node("Relu", "p", "q"), node("Gemm", "q c d", "out", transB=1)],
        {"a": W1, "b": B1, "c": W2.T, "d": B2},
        ("N", 4),
    ),
    "gemm-factors": (
        [node("Gemm", "input a b", "p", alpha=0.7, beta=-1.3), node("Relu", "p", "q"), node("Gemm", "q c", "out")],
        {"a": W1, "b": B1[None], "c": W2},
        (1, 4),
    ),
    "gemm-transposed-input": ([node("Gemm", "input a b", "out", transA=1)], {"a": W1, "b": B1}, (4, 1)),
    "gemm-weights-first": ([node("Gemm", "a input b", "out", transA=1)], {"a": W1, "b": B1[:, None]}, (4, 1)),
    "matmul-add": (
        [
            node("Sub", "input m", "s"),
            node("Flatten", "s", "f"),
            node("MatMul", "f a", "p"),
            node("Add", "b p", "q"),
            node("Relu", "q", "r"),
            node("MatMul", "r c", "t"),
            node("Add", "t d", "u"),
            node("Sub", "k u", "out"),
        ],
        {"m": IMAGE, "a": W1, "b": B1, "c": W2, "d": B2, "k": B2[::-1].copy()},
        (1, 1, 2, 2),
    ),
    "two-rows": ([node("MatMul", "input a", "p"), node("Relu", "p", "out")], {"a": W1}, (2, 4)),
    "matrix-from-left": ([node("MatMul", "a input", "p"), node("Relu", "p", "out")], {"a": W1.T}, (4, 3)),
    "vector": ([node("MatMul", "input a", "p"), node("Relu", "p", "out")], {"a": W1}, (4,)),
    "skip": (
        [
            node("MatMul", "input a", "p"),
            node("Relu", "p", "q"),
            node("MatMul", "q c", "r"),
            node("Add", "r input", "s"),
            node("Relu", "s", "t"),
            node("Add", "t t", "u"),
            node("Add", "u r", "out"),
        ],
        {"a": W1, "c": W1.T},
        (1, 4),
    ),
    "reshape": (
        [
            node("Reshape", "input s", "p"),
            node("Relu", "p", "q"),
            node("Reshape", "q t", "r"),
            node("Identity", "r", "i"),
            node("Add", "i b", "out"),
        ],
        {"s": np.array([2, -1]), "t": np.array([0, 1, 2]), "b": rng.normal(size=(3, 2, 1, 1))},
        (1, 4),
    ),
    "other-functions": (
        [
            node("LeakyRelu", "input", "p"),
            node("LeakyRelu", "p", "q", alpha=0.125),
            node("Max", "q input", "r"),
            node("Mul", "r p", "out"),
        ],
        {},
        (1, 4),
    ),
    "only-relu": ([node("Relu", "input", "out")], {}, ("N", 4)),
    "copy": ([node("Identity", "input", "out")], {}, (1, 4)),
    "flatten-last": ([node("Relu", "input", "p"), node("Flatten", "p", "out", axis=-3)], {}, (1, 2, 2)),
    "output-used-twice": (
        [node("Relu", "input", "out2"), node("Relu", "out2", "p"), node("Identity", "out2", "out")],
        {},
        (1, 4),
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_same_function_as_onnxruntime(name: str, tmp_path: Path) -> None:
    nodes, constants, shape = GRAPHS[name]
    path = save(tmp_path / "net.onnx", nodes, constants, shape)
    network = read_network(path)
    assert network.input_shape == tuple(1 if isinstance(n, str) else n for n in shape)
    x = np.random.default_rng(1).normal(size=(50, network.input_size)).astype(np.float32).astype(np.float64)
    expected = NetworkRunner(path)(x)
    found = exact_outputs(network, x)
    assert found.shape == expected.shape == (50, network.output_size)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert network.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_constants_inside_the_graph(tmp_path: Path) -> None:
    tensor = numpy_helper.from_array(np.array([1.5, -2.0, 0.25, 8.0], np.float32))
    nodes = [
        helper.make_node("Constant", [], ["c"], value=tensor),
        helper.make_node("Constant", [], ["d"], value_float=0.5),
        helper.make_node("Add", ["c", "d"], ["e"]),
        helper.make_node("Constant", [], ["s"], value_ints=[1, 4]),
        helper.make_node("Reshape", ["e", "s"], ["r"]),
        helper.make_node("Sub", ["input", "r"], ["out"]),
    ]
    path = save(tmp_path / "net.onnx", nodes, {})
    x = np.arange(4.0)[None]
    assert exact_outputs(read_network(path), x).tolist() == (x - [2.0, -1.5, 0.75, 8.5]).tolist()


def test_weights_are_the_stored_numbers(tmp_path: Path) -> None:
    nodes, constants, shape = GRAPHS["matmul-add"]
    network = read_network(save(tmp_path / "net.onnx", nodes, constants, shape))
    affine = [layer.rule for layer in network.layers if isinstance(layer.rule, Affine)]
    assert len(affine) == 3, "the mean is not merged with the first matrix, which would round"
    (first,) = affine[1].parts.values()
    assert isinstance(first, Dense)
    assert np.array_equal(first.matrix, W1.T.astype(np.float32).astype(np.float64))
    assert np.array_equal(affine[1].offset, B1.astype(np.float32).astype(np.float64))
    (shift,) = [affine[0].offset]
    assert np.array_equal(shift, -IMAGE.ravel().astype(np.float32).astype(np.float64))


def test_the_slope_that_a_file_leaves_out_is_float32(tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", [node("LeakyRelu", "input", "out")], {})
    assert exact_outputs(read_network(path), np.full((1, 4), -1.0)).tolist() == [[-float(np.float32(0.01))] * 4]


def test_sums_that_would_round_stay_apart(tmp_path: Path) -> None:
    nodes = [node("Add", "input a", "p"), node("Add", "p b", "out")]
    path = save(tmp_path / "net.onnx", nodes, {"a": np.full(4, 1e10), "b": np.full(4, 1e-10)})
    network = read_network(path)
    assert [layer.name for layer in network.layers] == ["z1", "y"]
    x = Exact.of(np.zeros((1, 4)))
    blocks = (Var.of("x", "real", (1, 4)), *network_blocks(network, "", "x"))
    total = exact_values(Problem("p", blocks), {"x": x})["y"]
    assert total.fraction(0, 0) - 10**10 == Exact.of(np.float64(np.float32(1e-10))[None]).fraction(0)
    merged = save(tmp_path / "merged.onnx", nodes, {"a": np.full(4, 1.0), "b": np.full(4, 0.5)})
    assert [layer.name for layer in read_network(merged).layers] == ["y"]


def test_blocks(tmp_path: Path) -> None:
    nodes, constants, shape = GRAPHS["gemm"]
    network = read_network(save(tmp_path / "net.onnx", nodes, constants, shape))
    blocks = network_blocks(network, "f.", "x")
    assert [block.name for block in blocks] == ["f.z1", "f.z1.def", "f.h1", "f.h1.def", "f.y", "f.y.def"]
    row, relu = blocks[1], blocks[3]
    assert isinstance(row, Lin) and isinstance(relu, Fn)
    assert (row.defines, row.reading, row.sense, list(row.parts)) == ("f.z1", "dyadic", "==", ["x", "f.z1"])
    assert row.origin == "onnx:my_p (Gemm)" and relu.output == "f.h1"
    assert network.neurons == 6
    problem = Problem("p", (Var.of("x", "real", (1, 4), 0.0, 1.0), *blocks))
    assert print_ir(parse_ir(*print_ir(problem))) == print_ir(problem)


def fails(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_network(path)
    text = str(caught.value)
    assert str(path) in text
    assert all(diagnostic.hint for diagnostic in caught.value.diagnostics)
    return text


BROKEN: dict[str, tuple[str, list[onnx.NodeProto], dict[str, Any], dict[str, Any]]] = {
    "operator": (
        r"node my_out \(Softsign\): operator Softsign is not supported\n.*Gemm, .*Identity, .*MatMul, ",
        [node("Softsign", "input", "out")], {}, {},
    ),
    "alpha": (r"alpha 2.0 is not in 0..1", [node("LeakyRelu", "input", "out", alpha=2.0)], {}, {}),
    "of-a-constant": (
        r"my_out \(Tanh\): of a constant",
        [node("Tanh", "a", "out")], {"a": np.ones(4)}, {},
    ),
    "domain": (
        r"operator my.own.Gemm is not supported",
        [helper.make_node("Gemm", ["input", "a"], ["out"], domain="my.own")], {"a": W1}, {},
    ),
    "nan": (
        r"initializer a: 24 of 24 stored numbers are NaN",
        [node("Gemm", "input a", "out")], {"a": W1 * np.nan}, {},
    ),
    "inf": (
        r"initializer a: 1 of 4 stored numbers are NaN or infinite",
        [node("Add", "input a", "out")], {"a": [1, np.inf, 1, 1.5]}, {},
    ),
    "gemm-shape": (
        r"my_out \(Gemm\): shapes \(1, 4\) and \(6, 3\) do not fit for a matrix product",
        [node("Gemm", "input a", "out")], {"a": W2}, {},
    ),
    "bias-shape": (
        r"shapes \(1, 6\) and \(3,\) do not fit",
        [node("Gemm", "input a b", "out")], {"a": W1, "b": B2}, {},
    ),
    "big-bias": (
        r"C has shape \(2, 6\), the product \(1, 6\)",
        [node("Gemm", "input a b", "out")], {"a": W1, "b": np.ones((2, 6))}, {},
    ),
    "gemm-vector": (
        r"factor B has shape \(4,\)",
        [node("Gemm", "input a", "out")], {"a": np.ones(4)}, {},
    ),
    "matmul-shape": (
        r"shapes \(1, 4\) and \(6, 3\) do not fit for a matrix product",
        [node("MatMul", "input a", "out")], {"a": W2}, {},
    ),
    "product": ("multiplies two computed tensors", [node("MatMul", "input input", "out")], {}, {"shape": (2, 2)}),
    "add-shape": (
        r"shapes \(1, 4\) and \(3,\) do not fit",
        [node("Add", "input a", "out")], {"a": np.ones(3)}, {},
    ),
    "reshape": (
        r"4 elements do not fit into \[3, -1\]",
        [node("Reshape", "input s", "out")], {"s": np.array([3, -1])}, {},
    ),
    "reshape-float": (
        "not a constant list of integers",
        [node("Reshape", "input s", "out")], {"s": np.ones(2)}, {},
    ),
    "flatten": (r"axis 3 of a tensor of shape \(1, 4\)", [node("Flatten", "input", "out", axis=3)], {}, {}),
    "attribute": (
        "attribute 'axis' is not supported in opset 17",
        [node("Add", "input a", "out", axis=1)], {"a": np.ones(4)}, {},
    ),
    "inputs": (
        "needs one input, has 2 .'first', 'second'",
        [node("Relu", "first", "out")], {}, {"inputs": ("first", "second")},
    ),
    "dimension": (
        r"unknown dimensions beside the batch: \[1, width\]",
        [node("Relu", "input", "out")], {}, {"shape": (1, "width")},
    ),
    "order": (
        "reads 'late', which nothing before it computes",
        [node("Relu", "late", "out"), node("Relu", "input", "late")], {}, {},
    ),
    "twice": (
        "computes 'out' a second time",
        [node("Relu", "input", "out"), node("Relu", "input", "out")], {}, {},
    ),
    "arity": (r"my_out \(Add\): has 1 input\n  help: needs 2$", [node("Add", "input", "out")], {}, {}),
    "constant-output": (
        "output 'out' is not computed from the input",
        [node("Identity", "a", "out")], {"a": np.ones(4)}, {},
    ),
    "rounding": (
        "sum of constants is no float64",
        [node("Add", "a b", "c"), node("Add", "input c", "out")], {"a": [1e20], "b": [1.0]}, {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_refused(name: str, tmp_path: Path) -> None:
    message, nodes, constants, options = BROKEN[name]
    path = save(tmp_path / "net.onnx", nodes, constants, **options)
    assert re.search(message, fails(path), re.DOTALL)


def test_files_that_are_no_networks(tmp_path: Path) -> None:
    nodes, constants, shape = GRAPHS["gemm"]
    whole = save(tmp_path / "net.onnx", nodes, constants, shape).read_bytes()
    path = tmp_path / "cut.onnx"
    assert "cannot be read: No such file" in fails(path)
    for length in [*range(0, len(whole), 7)]:
        path.write_bytes(whole[:length])
        fails(path)
    path.write_bytes(b"\x00\xff not a network")
    fails(path)


def test_numbers_cut_off(tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", [node("Gemm", "input a", "out")], {"a": W1})
    model = onnx.load(path)
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]
    path.write_bytes(model.SerializeToString())
    assert "initializer a: unreadable numbers" in fails(path)


def test_double_weights(tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", [node("Gemm", "input a", "out")], {"a": W1})
    model = onnx.load(path)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(W1, "a"))
    path.write_bytes(model.SerializeToString())
    assert "element type float64" in fails(path)


@pytest.mark.parametrize("key", list(OPERATORS))
def test_every_operator_file_is_found_by_its_name(key: str) -> None:
    assert OPERATORS[key].inputs[0] <= OPERATORS[key].inputs[1]
    assert OPERATORS[key].__name__ in supported_operators()
    assert "*source*" in (__import__(OPERATORS[key].__module__, fromlist=["x"]).__doc__ or "")


def test_the_documentation_lists_every_operator() -> None:
    text = (Path(__file__).parents[1] / "docs" / "networks.md").read_text()
    assert [name for name in supported_operators() if f"`{name}`" not in text] == []
