"""Networks built with onnx's helper, and the comparison of what is read from them with onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from isinglass.backends.network_runner import NetworkRunner
from isinglass.compiler.networks.view import NetView
from isinglass.frontends.networks.network import Network, network_blocks
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.blocks import Var
from isinglass.ir.errors import Refused
from isinglass.ir.exact import Exact
from isinglass.ir.exact_evaluation import exact_values
from isinglass.ir.problem import Problem

Array = Any
Shape = tuple[int | str, ...]


@dataclass(frozen=True, eq=False)
class Case:
    """A network whose last node's last output is the network's.

    ``constants`` become float32 or int64 initializers (booleans stay). ``whole``: whole inputs give float32 numbers
    all the way, so that onnxruntime has to give exactly what real arithmetic gives. ``within``: relative and absolute
    tolerance elsewhere.
    """

    nodes: Sequence[onnx.NodeProto]
    constants: dict[str, Any] = field(default_factory=dict)
    shape: Shape = (1, 4)
    opset: int = 17
    whole: bool = True
    within: float = 1e-5


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """A node ``my_<first output>``; ``inputs`` and ``outputs`` are names between spaces, ``-`` is one left out."""
    given = ["" if name == "-" else name for name in inputs.split()]
    found = outputs.split()
    return helper.make_node(kind, given, found, name=f"my_{found[0]}", **attributes)


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    constants: dict[str, Any],
    shape: Shape = (1, 4),
    out: Shape = (),
    inputs: tuple[str, ...] = ("input",),
    opset: int = 17,
) -> Path:
    """An ONNX file whose last node's last output is the network's."""
    given = {name: np.asarray(value) for name, value in constants.items()}
    arrays = {k: v if v.dtype.kind in "ib" else v.astype(np.float32) for k, v in given.items()}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs],
        [helper.make_tensor_value_info(nodes[-1].output[-1], TensorProto.FLOAT, out or None)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def save_case(path: Path, case: Case) -> Path:
    return save(path, case.nodes, case.constants, case.shape, opset=case.opset)


def exact_outputs(network: Network, x: Array) -> Array:
    """The network in real arithmetic, rounded once; in float64 where a function has no exact value."""
    blocks = (Var.of("x", "real", network.input_shape), *network_blocks(network, "f.", "x"))
    problem = Problem("p", blocks)
    try:
        return exact_values(problem, {"x": Exact.of(x)})["f.y"].to_float()
    except Refused:
        return NetView.of(problem).forward({"x": x})["f.y"]


def agrees(path: Path, whole: bool = True, within: float = 1e-5, seed: int = 1) -> Network:
    """Assert that the network read from ``path`` is onnxruntime's, on 20 whole and 30 other inputs; returns it."""
    network = read_network(path)
    runner = NetworkRunner(path)
    rng = np.random.default_rng(seed)
    small = rng.integers(-4, 5, (20, network.input_size)).astype(np.float64)
    if whole:
        np.testing.assert_array_equal(exact_outputs(network, small), runner(small))
    x = rng.normal(size=(30, network.input_size)).astype(np.float32).astype(np.float64)
    expected, found = runner(x), exact_outputs(network, x)
    assert found.shape == expected.shape == (30, network.output_size)
    np.testing.assert_allclose(found, expected, rtol=within, atol=within)
    session = runner._session
    shape = session.run(None, {session.get_inputs()[0].name: np.zeros(network.input_shape, np.float32)})[0].shape
    assert network.output_shape == shape
    return network


def case_agrees(path: Path, case: Case) -> Network:
    """:func:`agrees` for a case, written to ``path`` first."""
    return agrees(save_case(path, case), case.whole, case.within)
