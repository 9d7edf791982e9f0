"""Convolutions, poolings and activations: every operator and attribute in a network of its own, against onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import Case, case_agrees, node, save_case

import isinglass
from isinglass.backends.network_runner import NetworkRunner
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Arg
from isinglass.ir.errors import InputError
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.relu import Relu
from isinglass.ir.operators.conv import Conv

rng = np.random.default_rng(11)


def whole(*shape: int) -> Any:
    return rng.integers(-3, 4, shape).astype(np.float64)


def conv(shape: tuple[int, ...], weight: tuple[int, ...], bias: bool = True, **attributes: Any) -> Case:
    constants = {"w": whole(*weight), "b": whole(weight[0])}
    return Case([node("Conv", "input w b" if bias else "input w", "out", **attributes)], constants, shape)


def pool(kind: str, shape: tuple[int, ...], opset: int = 19, **attributes: Any) -> Case:
    return Case([node(kind, "input", "out", **attributes)], {}, shape, opset, whole=kind.endswith("MaxPool"))


IMAGE, SIGNAL = (1, 2, 5, 6), (1, 2, 7)
CONVOLUTIONS = {
    "plain": conv(IMAGE, (3, 2, 2, 3)),
    "no-bias": conv(IMAGE, (3, 2, 2, 3), bias=False),
    "stated-kernel": conv(IMAGE, (3, 2, 2, 3), kernel_shape=[2, 3]),
    "strides": conv(IMAGE, (3, 2, 2, 2), strides=[2, 3]),
    "pads": conv(IMAGE, (3, 2, 3, 3), pads=[1, 2, 0, 1]),
    "dilations": conv(IMAGE, (3, 2, 2, 3), dilations=[3, 2]),
    "everything": conv(IMAGE, (3, 2, 3, 2), pads=[2, 0, 1, 3], dilations=[1, 2], strides=[2, 1]),
    "groups": conv((1, 4, 4, 4), (6, 2, 3, 3), group=2, pads=[1, 1, 1, 1]),
    "depthwise": conv((1, 3, 4, 4), (3, 1, 2, 2), group=3),
    "depthwise-twice": conv((1, 3, 4, 4), (6, 1, 2, 2), group=3, strides=[2, 2]),
    "pointwise": conv(IMAGE, (4, 2, 1, 1)),
    "same-upper": conv(IMAGE, (3, 2, 2, 3), auto_pad="SAME_UPPER", strides=[2, 2]),
    "same-lower": conv(IMAGE, (3, 2, 4, 2), auto_pad="SAME_LOWER", strides=[2, 1]),
    "valid": conv(IMAGE, (3, 2, 2, 3), auto_pad="VALID", dilations=[2, 2]),
    "signal": conv(SIGNAL, (3, 2, 3)),
    "signal-everything": conv(SIGNAL, (4, 1, 2), group=2, pads=[2, 1], dilations=[2], strides=[3]),
    "signal-same": conv(SIGNAL, (3, 2, 4), auto_pad="SAME_UPPER", strides=[2]),
    "dynamic-batch": Case([node("Conv", "input w", "out")], {"w": whole(1, 2, 2, 2)}, ("N", 2, 3, 3)),
    "network": Case(
        [
            node("Conv", "input w b", "c", pads=[1, 1, 1, 1]), node("Relu", "c", "r"),
            node("Conv", "r v", "d", strides=[2, 2]), node("Add", "d s", "e"), node("Relu", "e", "f"),
            node("Flatten", "f", "g"), node("Gemm", "g m", "out"),
        ],
        {"w": whole(2, 1, 3, 3), "b": whole(2), "v": whole(3, 2, 2, 2), "s": whole(3, 1, 1), "m": whole(12, 2)},
        (1, 1, 4, 4),
    ),
}  # fmt: skip
AVERAGES = {
    "plain": pool("AveragePool", IMAGE, kernel_shape=[2, 3]),
    "strides": pool("AveragePool", IMAGE, kernel_shape=[2, 2], strides=[2, 3]),
    "pads": pool("AveragePool", IMAGE, kernel_shape=[3, 3], pads=[1, 2, 0, 1]),
    "pads-count": pool("AveragePool", IMAGE, kernel_shape=[3, 3], pads=[1, 2, 0, 1], count_include_pad=1),
    "ceil": pool("AveragePool", IMAGE, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "ceil-pads": pool("AveragePool", IMAGE, kernel_shape=[2, 3], strides=[3, 2], ceil_mode=1, pads=[1, 1, 1, 0]),
    "ceil-count": pool("AveragePool", IMAGE, kernel_shape=[3, 2], strides=[2, 3], ceil_mode=1, count_include_pad=1,
                       pads=[1, 1, 1, 1]),
    "dilations": pool("AveragePool", IMAGE, kernel_shape=[2, 3], dilations=[3, 2]),
    "same": pool("AveragePool", IMAGE, kernel_shape=[2, 3], auto_pad="SAME_LOWER", strides=[2, 2]),
    "same-count": pool("AveragePool", IMAGE, kernel_shape=[2, 3], auto_pad="SAME_UPPER", count_include_pad=1),
    "signal": pool("AveragePool", SIGNAL, kernel_shape=[3], strides=[2], pads=[1, 1], opset=11),
    "global": pool("GlobalAveragePool", IMAGE),
    "global-signal": pool("GlobalAveragePool", SIGNAL),
    "global-volume": pool("GlobalAveragePool", (1, 2, 2, 3, 2)),
}  # fmt: skip
GREATEST = {
    "plain": pool("MaxPool", IMAGE, kernel_shape=[2, 3]),
    "strides": pool("MaxPool", IMAGE, kernel_shape=[2, 2], strides=[2, 3]),
    "pads": pool("MaxPool", IMAGE, kernel_shape=[3, 3], pads=[1, 2, 0, 1]),
    "ceil": pool("MaxPool", IMAGE, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, storage_order=1),
    "ceil-pads": pool("MaxPool", IMAGE, kernel_shape=[2, 3], strides=[3, 2], ceil_mode=1, pads=[1, 1, 1, 0]),
    "dilations": pool("MaxPool", IMAGE, kernel_shape=[2, 3], dilations=[3, 2], pads=[0, 1, 0, 1]),
    "same": pool("MaxPool", IMAGE, kernel_shape=[2, 3], auto_pad="SAME_UPPER", strides=[2, 2]),
    "valid": pool("MaxPool", IMAGE, kernel_shape=[2, 3], auto_pad="VALID", opset=8),
    "one": pool("MaxPool", IMAGE, kernel_shape=[1, 1], strides=[2, 2]),
    "signal": pool("MaxPool", SIGNAL, kernel_shape=[3], strides=[2], pads=[1, 1], opset=11),
    "global": pool("GlobalMaxPool", IMAGE),
    "after-bias": Case(
        [node("Add", "input a", "p"), node("MaxPool", "p", "q", kernel_shape=[2, 2]), node("Neg", "q", "out")],
        {"a": whole(2, 1, 1)}, IMAGE,
    ),
}  # fmt: skip


def clip(opset: int = 17, names: str = "input low high", **constants: Any) -> Case:
    return Case([node("Clip", names, "out")], constants, (1, 4), opset)


ACTIVATIONS = {
    "clip": clip(low=np.array(-1.5), high=np.array(2.0)),
    "relu6": clip(low=np.array(0.0), high=np.array(6.0)),
    "clip-below": clip(names="input low", low=np.array(1.25)),
    "clip-above": clip(names="input - high", high=np.array(0.75)),
    "clip-nothing": clip(names="input"),
    "clip-zero": clip(names="input low", low=np.array([0.0])),
    "clip-to-the-end": clip(low=np.array(0.0), high=np.array(np.finfo(np.float32).max)),
    "clip-attributes": Case([node("Clip", "input", "out", min=-2.0, max=1.5)], opset=10),
    "clip-attribute": Case([node("Clip", "input", "out", max=1.5)], opset=6 + 1),
    "hard-sigmoid": Case([node("HardSigmoid", "input", "out")], whole=False),
    "hard-sigmoid-factors": Case([node("HardSigmoid", "input", "out", alpha=0.25, beta=-0.5)]),
    "relu": Case([node("Relu", "input", "out")]),
    "sign": Case([node("Sign", "input", "out")]),
    "sigmoid": Case([node("Sigmoid", "input", "out")], whole=False),
    "tanh": Case([node("Tanh", "input", "out")], whole=False),
    "leaky-relu": Case([node("LeakyRelu", "input", "out", alpha=0.25)]),
    "prelu-one": Case([node("PRelu", "input s", "out")], {"s": np.array([0.25])}),
    "prelu-each": Case([node("PRelu", "input s", "out")], {"s": np.array([0.25, -1.5, 2.0, 0.0])}),
    "prelu-channels": Case([node("PRelu", "input s", "out")], {"s": np.array([[[0.5]], [[3.0]]])}, IMAGE),
    "max": Case([node("Neg", "input", "n"), node("Max", "n input", "out")]),
    "max-one": Case([node("Max", "input", "out")]),
    "max-constants": Case([node("Max", "a input b", "out")], {"a": whole(3, 1), "b": whole(4)}),
    "max-several": Case(
        [node("Neg", "input", "n"), node("Mul", "input a", "m"), node("Max", "n m input a", "out")], {"a": whole(4)}
    ),
    "min": Case([node("Neg", "input", "n"), node("Min", "n input", "out")]),
    "min-constants": Case([node("Min", "input a b", "out")], {"a": whole(4), "b": whole(1)}),
    "constants": Case(
        [node("Max", "a b", "c"), node("Min", "c a", "d"), node("Clip", "d low", "e"), node("Add", "input e", "out")],
        {"a": whole(4), "b": whole(1), "low": np.array(0.5)},
    ),
}
CASES = {
    f"{kind}-{name}": case
    for kind, cases in {"conv": CONVOLUTIONS, "mean": AVERAGES, "max": GREATEST, "unit": ACTIVATIONS}.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize("name", CASES)
def test_same_function_as_onnxruntime(name: str, tmp_path: Path) -> None:
    case_agrees(tmp_path / "net.onnx", CASES[name])


def test_convolutions_keep_their_structure_and_weights(tmp_path: Path) -> None:
    case = CONVOLUTIONS["network"]
    layers = [layer.rule for layer in read_network(save_case(tmp_path / "net.onnx", case)).layers]
    first, second = (rule for rule in layers if isinstance(rule, Affine) and "h2" not in rule.parts)
    for rule, name in ((first, "w"), (second, "v")):
        (operator,) = rule.parts.values()
        assert isinstance(operator, Conv)
        assert np.array_equal(operator.weight, case.constants[name])


def test_the_mean_of_three_is_exactly_a_third(tmp_path: Path) -> None:
    (layer,) = read_network(save_case(tmp_path / "net.onnx", pool("GlobalAveragePool", (1, 1, 3)))).layers
    assert isinstance(layer.rule, Affine)
    assert layer.rule.parts["x"].to_dense().tolist() == [[1.0, 1.0, 1.0]]
    assert layer.divisor is not None and layer.divisor.tolist() == [3.0]


def test_the_padding_of_a_max_pool_is_no_argument(tmp_path: Path) -> None:
    case = pool("MaxPool", (1, 1, 2), kernel_shape=[3], pads=[1, 1], strides=[2])
    (layer,) = read_network(save_case(tmp_path / "net.onnx", case)).layers
    assert isinstance(layer.rule, tuple)
    found = [arg.index.tolist() for arg in layer.rule[1] if isinstance(arg, Arg) and arg.index is not None]
    assert found == [[0], [0], [1]]


def functions(case: Case, path: Path) -> list[Any]:
    return [layer.rule[0] for layer in read_network(save_case(path, case)).layers if isinstance(layer.rule, tuple)]


def test_activations_become_the_simplest_functions(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    assert functions(ACTIVATIONS["clip"], path) == [Hardtanh(-1.5, 2.0)]
    assert functions(ACTIVATIONS["clip-below"], path) == [Relu()]
    assert functions(ACTIVATIONS["clip-to-the-end"], path) == [Relu()]
    assert functions(ACTIVATIONS["clip-nothing"], path) == []
    assert functions(ACTIVATIONS["prelu-one"], path) == [LeakyRelu(0.25)]
    assert functions(ACTIVATIONS["prelu-each"], path) == [Relu(), Relu()]
    assert functions(ACTIVATIONS["max-constants"], path) == [Relu()]


REFUSED: dict[str, tuple[str, Case]] = {
    "volume": ("only .1, channels, length. and", conv((1, 1, 2, 2, 2), (1, 1, 2, 2, 2))),
    "batch": (r"of a tensor of shape \(2, 1, 3, 3\)", conv((2, 1, 3, 3), (1, 1, 2, 2))),
    "channels": (r"2 channels in 1 groups for weights of shape \(1, 3, 2, 2\)", conv(IMAGE, (1, 3, 2, 2))),
    "groups": (r"2 channels in 2 groups for weights of shape \(3, 1, 2, 2\)", conv(IMAGE, (3, 1, 2, 2), group=2)),
    "no-group": (r"weights of shape \(3, 2, 2, 2\) for an image", conv(IMAGE, (3, 2, 2, 2), group=0)),
    "no-weights": (r"weights of shape \(3, 2, 0, 2\)", conv(IMAGE, (3, 2, 0, 2))),
    "kernel": (r"kernel_shape \(2, 2\) of weights", conv(IMAGE, (3, 2, 2, 3), kernel_shape=[2, 2])),
    "negative-pads": (r"pads \[-1, 0, 0, 0\]", conv(IMAGE, (3, 2, 2, 3), pads=[-1, 0, 0, 0])),
    "few-pads": (r"pads \[1, 1\] for 2 axes", conv(IMAGE, (3, 2, 2, 3), pads=[1, 1])),
    "strides": (r"strides \[0, 1\] for 2 axes", conv(IMAGE, (3, 2, 2, 3), strides=[0, 1])),
    "mode": ("auto_pad 'SAME'", conv(IMAGE, (3, 2, 2, 3), auto_pad="SAME")),
    "same-dilated": ("'SAME_LOWER' with dilations", conv(IMAGE, (3, 2, 2, 3), auto_pad="SAME_LOWER", dilations=[2, 1])),
    "same-far": (r"'SAME_UPPER' with strides \[6, 1\] greater than the kernel",
                 conv(IMAGE, (3, 2, 2, 2), auto_pad="SAME_UPPER", strides=[6, 1])),
    "same-pads": ("'VALID' with pads", conv(IMAGE, (3, 2, 2, 3), auto_pad="VALID", pads=[0, 0, 0, 0])),
    "small": (r"windows over \[6, 1\] elements of a tensor", conv(IMAGE, (3, 2, 6, 1))),
    "bias": (r"a bias of shape \(2,\) for 3 channels",
             Case([node("Conv", "input w b", "out")], {"w": whole(3, 2, 2, 2), "b": whole(2)}, IMAGE)),
    "two-images": ("needs a computed image and constant weights",
                   Case([node("Conv", "input input", "out")], {}, IMAGE)),
    "only-padding": ("covers nothing but padding", pool("MaxPool", SIGNAL, kernel_shape=[2], pads=[2, 0])),
    "mean-of-padding": ("covers nothing but padding", pool("AveragePool", SIGNAL, kernel_shape=[2], pads=[2, 0])),
    "same-ceil": ("implementations differ",
                  pool("MaxPool", SIGNAL, kernel_shape=[2], auto_pad="SAME_UPPER", ceil_mode=1)),
    "flag": ("ceil_mode 127", pool("MaxPool", SIGNAL, kernel_shape=[2], ceil_mode=127)),
    "infinite": ("attribute 'alpha' is inf", Case([node("HardSigmoid", "input", "out", alpha=np.inf)])),
    "no-kernel": (r"kernel_shape \[\] for 1 axes", pool("MaxPool", SIGNAL)),
    "positions": ("has 2 outputs", Case([node("MaxPool", "input", "p out", kernel_shape=[2])], {}, SIGNAL)),
    "no-range": ("clips to 2.0..1.0, which is no range", clip(low=np.array(2.0), high=np.array(1.0))),
    "bounds": ("its bounds are not constant numbers", clip(names="input low", low=whole(4))),
    "slopes": (r"slopes of shape \(3, 1\) for a tensor", Case([node("PRelu", "input s", "out")], {"s": whole(3, 1)})),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, tmp_path: Path) -> None:
    message, case = REFUSED[name]
    with pytest.raises(InputError, match=message) as caught:
        read_network(save_case(tmp_path / "net.onnx", case))
    assert "my_" in str(caught.value)
    assert all(diagnostic.hint for diagnostic in caught.value.diagnostics)


CLAIMS = ["conv-network", "mean-strides", "max-pads", "unit-clip", "unit-prelu-each", "unit-min"]


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_about_them_are_decided_and_checked(name: str, tmp_path: Path) -> None:
    path = save_case(tmp_path / "net.onnx", CASES[name])
    network = read_network(path)
    n, k = network.input_size, network.output_size
    x = np.random.default_rng(2).uniform(-1, 1, (200, n)).astype(np.float32).astype(np.float64)
    reached = NetworkRunner(path)(x)[:, 0]
    lines = [f"(declare-const X_{i} Real)\n(assert (and (>= X_{i} -1.0) (<= X_{i} 1.0)))" for i in range(n)]
    lines += [f"(declare-const Y_{i} Real)" for i in range(k)]
    query, saved = tmp_path / "a.vnnlib", tmp_path / "answer.json"
    far = reached.max() + 2 * (np.ptp(reached) + 1)
    for level, status in ((np.median(reached), "sat"), (far, "unsat")):
        query.write_text("\n".join([*lines, f"(assert (>= Y_0 {level:.6f}))"]))
        answer = isinglass.verify(path, query)
        saved.write_text(answer.to_json())
        assert (answer.status, isinglass.check(saved).verdict != "rejected") == (status, True)
