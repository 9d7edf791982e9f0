"""What operators of ONNX refuse: the error names file and node and says what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import Case, node, save_case

from isinglass.frontends.networks.reader import read_network
from isinglass.ir.errors import InputError

FOUR = np.array([1.0, 2, 3, 4])
NUMBERS = {"s": FOUR, "b": FOUR, "m": FOUR, "v": FOUR}


def normalise(**attributes: Any) -> list[onnx.NodeProto]:
    return [node("BatchNormalization", "input s b m v", "out", **attributes)]


def one(kind: str, inputs: str, constants: dict[str, Any] | None = None, /, **attributes: Any) -> Case:
    """A network of one node; ``opset`` and ``shape`` are no attributes."""
    options = {key: attributes.pop(key) for key in ("opset", "shape") if key in attributes}
    return Case([node(kind, inputs, "out", **attributes)], constants or {}, **options)


DOUBLE = helper.make_node("Constant", [], ["a"], value=numpy_helper.from_array(FOUR))

CASES: dict[str, tuple[str, Case]] = {
    "div-computed": ("divides by a computed tensor", one("Div", "a input", {"a": FOUR})),
    "div-zero": ("divides by zero", one("Div", "input a", {"a": [1.0, 0, 2, 3]})),
    "div-shapes": (r"shapes \(1, 4\) and \(3,\) do not fit", one("Div", "input a", {"a": [1.0, 2, 3]})),
    "div-constants": (
        "a quotient of constants is no float64",
        Case([node("Div", "a b", "c"), node("Add", "input c", "out")], {"a": 1.0, "b": 3.0}),
    ),
    "mul-constants": (
        "a product of constants is no float64",
        Case([node("Mul", "a b", "c"), node("Mul", "c a", "d"), node("Add", "input d", "out")], {"a": 0.1, "b": 0.3}),
    ),
    "mul-shapes": (r"shapes \(1, 4\) and \(3,\) do not fit", one("Mul", "input a", {"a": [1.0, 2, 3]})),
    "mat-mul-constants": (
        "a product of constants is no float64",
        Case([node("Mul", "a a", "c"), node("MatMul", "c c", "d"), node("Add", "input d", "out")],
             {"a": np.array([0.1, 0.2, 0.3])}),
    ),
    "mat-mul-batch": (
        r"shapes \(1, 4\) and \(2, 3, 2\) do not fit for a matrix product",
        one("MatMul", "input a", {"a": np.ones((2, 3, 2))}),
    ),
    "mat-mul-batches": (
        r"shapes \(2,\) and \(3,\) do not fit",
        one("MatMul", "input a", {"a": np.ones((3, 4, 2))}, shape=(2, 4, 4)),
    ),
    "mat-mul-scalar": (r"shapes \(1, 4\) and \(\) do not fit", one("MatMul", "input a", {"a": 2.0})),
    "sum-constants": (
        "a sum of constants is no float64",
        Case([node("ReduceSum", "a", "b"), node("Add", "input b", "out")], {"a": [1e20, 1.0]}),
    ),
    "mean-constants": ("of constants", one("Mean", "a a", {"a": FOUR})),
    "transpose": (r"perm \[0, 0\] of a tensor with 2 axes", one("Transpose", "input", perm=[0, 0])),
    "transpose-rank": (r"perm \[0, 1, 2\] of a tensor with 2 axes", one("Transpose", "input", perm=[0, 1, 2])),
    "dropout": ("is in training mode", one("Dropout", "input - t", {"t": np.array(True)})),
    "dropout-mask": (
        "reads 'mask', which nothing before it computes",
        Case([node("Dropout", "input", "p mask"), node("Cast", "mask", "out", to=TensorProto.FLOAT)]),
    ),
    "concat": (
        r"shapes \(1, 4\), \(2, 3\) do not fit along axis 1",
        one("Concat", "input a", {"a": np.ones((2, 3))}, axis=1),
    ),
    "concat-axis": ("axis 2 of a tensor with 2 axes", one("Concat", "input input", axis=2)),
    "concat-no-axis": ("has no axis", one("Concat", "input input")),
    "slice-computed": ("starts depend on the input", one("Slice", "input input a", {"a": [1]})),
    "slice-float": ("ends are no constant list of integers", one("Slice", "input a b", {"a": [1], "b": [1.0]})),
    "slice-step": (r"steps \[0\] do not fit", one("Slice", "input a a a b", {"a": [1], "b": [0]})),
    "slice-lengths": ("do not fit", one("Slice", "input a b", {"a": [0], "b": [0, 1]})),
    "slice-axes": (
        r"axes \[1, -1\] name one twice", one("Slice", "input a b c", {"a": [0, 0], "b": [1, 1], "c": [1, -1]})
    ),
    "slice-inputs": (r"has 2 inputs\n  help: needs 3 to 5", one("Slice", "input a", {"a": [0]})),
    "slice-attributes": ("needs starts and ends", one("Slice", "input", opset=9)),
    "concat-inputs": (r"has 0 inputs\n  help: needs 1 or more", one("Concat", "", axis=0)),
    "empty": (
        r"a computed tensor without elements, of shape \(1, 0\)",
        Case([node("Slice", "input a a b", "p"), node("Relu", "p", "out")], {"a": [2], "b": [1]}),
    ),
    "gather-computed": ("indices are no constant integers", one("Gather", "a input", {"a": FOUR})),
    "gather-range": (r"an index is not in -4..3", one("Gather", "input a", {"a": [4]}, axis=1)),
    "gather-axis": ("axis -3 of a tensor with 2 axes", one("Gather", "input a", {"a": [0]}, axis=-3)),
    "squeeze": (r"axes \[1\] of shape \(1, 4\) are not all of length 1", one("Squeeze", "input a", {"a": [1]})),
    "unsqueeze": ("has no axes", one("Unsqueeze", "input", opset=11)),
    "unsqueeze-twice": (r"axes \[0, -4\] name one twice", one("Unsqueeze", "input a", {"a": [0, -4]})),
    "reshape-computed": (
        "the new shape is not a constant list of integers",
        Case([node("Cast", "input", "s", to=TensorProto.FLOAT), node("Reshape", "input s", "out")]),
    ),
    "reshape-two": (r"4 elements do not fit into \[-1, -1\]", one("Reshape", "input a", {"a": [-1, -1]})),
    "reshape-zero": (r"copies a dimension that \(1, 4\) lacks", one("Reshape", "input a", {"a": [1, 4, 0]})),
    "reshape-allowzero": ("4 elements do not fit", one("Reshape", "input a", {"a": [0, 4]}, allowzero=1)),
    "cast": ("of a computed tensor to INT64", one("Cast", "input", to=TensorProto.INT64)),
    "cast-type": ("to element type 99", one("Cast", "a", {"a": FOUR}, to=99)),
    "cast-large": ("of a large float to an integer", one("Cast", "a", {"a": [1e20]}, to=TensorProto.INT64)),
    "cast-infinite": (
        "1 of 1 stored numbers are NaN or infinite",
        Case([helper.make_node("Constant", [], ["a"], value=numpy_helper.from_array(np.array([1e300]))),
              node("Cast", "a", "b", to=TensorProto.FLOAT), node("Add", "input b", "out")]),
    ),
    "shape-huge": ("elements in all", one("ConstantOfShape", "a", {"a": [10**6, 10**6]})),
    "shape-overflow": ("elements in all", one("ConstantOfShape", "a", {"a": [2**32, 2**32]})),
    "expand": (r"shapes \(1, 4\) and \(3,\) do not fit", one("Expand", "input a", {"a": [3]})),
    "expand-huge": ("elements in all", one("Expand", "input a", {"a": [10**9, 4]})),
    "split": ("4 elements in 3 equal parts", Case([node("Split", "input", "p q r", axis=1), node("Relu", "p", "out")])),
    "split-lengths": (
        r"4 elements in 2 parts of lengths \[1, 2\]",
        Case([node("Split", "input a", "p q", axis=1), node("Relu", "p", "out")], {"a": [1, 2]}),
    ),
    "pad-mode": ("mode 'reflect'", one("Pad", "input a", {"a": [0, 1, 0, 1]}, mode="reflect")),
    "pad-widths": ("3 widths for 2 axes", one("Pad", "input a", {"a": [0, 1, 0]})),
    "pad-nothing-left": ("pads", one("Pad", "input a", {"a": [0, -3, 0, -2]})),
    "pad-huge": ("elements in all", one("Pad", "input a", {"a": [0, 10**9, 0, 0]})),
    "pad-value": ("pads with something else than one constant", one("Pad", "input a b", {"a": [0] * 4, "b": FOUR})),
    "tile": (r"repeats \[2\] of a tensor with 2 axes", one("Tile", "input a", {"a": [2]})),
    "tile-huge": ("more than", one("Tile", "input a", {"a": [10**5, 10**5]})),
    "where": ("its condition is no constant", one("Where", "input a a", {"a": FOUR})),
    "equal": ("compares a computed tensor", one("Equal", "input a", {"a": FOUR})),
    "pow": (r"exponent \[2\.5\]", one("Pow", "input a", {"a": [2.5]})),
    "pow-zero": (r"exponent \[0\.\]", one("Pow", "input a", {"a": [0.0]})),
    "pow-several": (r"exponent \[1\. 2\. 3\. 4\.\]", one("Pow", "input a", {"a": FOUR})),
    "pow-constant": ("needs a computed base", one("Pow", "a a", {"a": FOUR})),
    "conv-transpose": (
        r"weights of shape \(3, 1, 2, 2\), an image \(1, 2, 2, 2\)",
        one("ConvTranspose", "input a", {"a": np.ones((3, 1, 2, 2))}, shape=(1, 2, 2, 2)),
    ),
    "conv-transpose-shape": (
        "attribute 'output_shape' is not supported",
        one("ConvTranspose", "input a", {"a": np.ones((2, 1, 2))}, output_shape=[6], shape=(1, 2, 2)),
    ),
    "conv-transpose-automatic": (
        "auto_pad 'SAME_UPPER'",
        one("ConvTranspose", "input a", {"a": np.ones((2, 1, 2))}, auto_pad="SAME_UPPER", shape=(1, 2, 2)),
    ),
    "conv-transpose-pads": (
        r"a result of shape \[1, 1, -3\]",
        one("ConvTranspose", "input a", {"a": np.ones((2, 1, 2))}, pads=[3, 3], shape=(1, 2, 2)),
    ),
    "conv-transpose-extra": (
        r"output_padding \[1\] for strides \[1\]",
        one("ConvTranspose", "input a", {"a": np.ones((2, 1, 2))}, output_padding=[1], shape=(1, 2, 2)),
    ),
    "reduce-axis": ("axis 2 of a tensor with 2 axes", one("ReduceSum", "input a", {"a": [2]})),
    "reduce-mean-constant": ("of a constant", one("ReduceMean", "a", {"a": FOUR})),
    "normalise-training": ("in training mode", Case(normalise(training_mode=1), NUMBERS)),
    "normalise-spatial": ("not spatial", Case(normalise(spatial=0), NUMBERS, opset=7)),
    "normalise-shapes": (
        r"numbers of shapes \(4,\), \(4,\), \(4,\), \(3,\) for 4 channels",
        Case(normalise(), {**NUMBERS, "v": FOUR[:3]}),
    ),
    "normalise-vector": ("for 1 channels", Case(normalise(), NUMBERS, (4,))),
    "normalise-variance": (
        "a variance plus epsilon is not greater than zero", Case(normalise(), {**NUMBERS, "v": -FOUR})
    ),
    "normalise-computed": (
        "needs a computed tensor and constant numbers",
        Case([node("BatchNormalization", "input input b m v", "out")], NUMBERS),
    ),
    "normalise-outputs": (
        "has 3 outputs", Case([node("BatchNormalization", "input s b m v", "p q out")], NUMBERS)
    ),
    "double": ("element type float64\n", Case([DOUBLE, node("Add", "input a", "out")])),
    "constant-text": (
        "attribute 'value_string' is not supported",
        Case([helper.make_node("Constant", [], ["a"], value_string="four"), node("Add", "input a", "out")]),
    ),
    "whole-numbers": ("mixes integers and floats", one("Add", "input a", {"a": [1, 2, 3, 4]})),
    "whole-numbers-concat": ("mixes integers and floats", one("Concat", "input a", {"a": [[1, 2, 3, 4]]}, axis=0)),
    "attribute-of-another-opset": (
        "attribute 'axes' is not supported in opset 17", one("Squeeze", "input", axes=[0])
    ),
    "inputs-of-another-opset": (
        "has 2 inputs", one("Squeeze", "input a", {"a": [0]}, opset=11)
    ),
    "operator-of-another-opset": ("is not in opset 8", one("ConstantOfShape", "a", {"a": [4]}, opset=8)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str, tmp_path: Path) -> None:
    message, case = CASES[name]
    path = save_case(tmp_path / "net.onnx", case)
    with pytest.raises(InputError) as caught:
        read_network(path)
    text = str(caught.value)
    assert re.search(message, text), text
    assert f"{path}: node " in text
    assert all(diagnostic.hint for diagnostic in caught.value.diagnostics)


def test_defaults_of_other_opsets_are_ignored(tmp_path: Path) -> None:
    case = one("Dropout", "input", is_test=0, ratio=0.5, opset=10)
    assert read_network(save_case(tmp_path / "net.onnx", case)).output_size == 4
