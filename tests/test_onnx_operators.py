"""Every operator and every attribute in a network of its own, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import Case, case_agrees, node

rng = np.random.default_rng(7)
W = np.array([[2.0, -1, 0], [1, 3, -2], [0, 1, 1], [-1, 0, 4]])
B = np.array([1.0, -2, 3])
IMAGE = (1, 2, 3, 2)
RELU = node("Relu", "p", "out")


def whole(*shape: int) -> np.ndarray:
    """Whole numbers of some shape."""
    return rng.integers(-4, 5, shape).astype(np.float64)


def number(name: str, output: str, value: object, kind: type = np.float32) -> object:
    """A Constant node."""
    return helper.make_node("Constant", [], [output], name=name, value=numpy_helper.from_array(np.array(value, kind)))


CASES = {
    # fully connected layers
    "mat-mul": Case([node("MatMul", "input w", "out")], {"w": W}),
    "mat-mul-vector": Case([node("MatMul", "input w", "out")], {"w": W[:, 0]}),
    "mat-mul-rows": Case([node("MatMul", "input w", "p"), RELU], {"w": W}, (3, 4)),
    "mat-mul-from-left": Case([node("MatMul", "w input", "p"), RELU], {"w": W.T}, (4, 2)),
    "mat-mul-vector-from-left": Case([node("MatMul", "w input", "out")], {"w": W[:, 0]}, (4, 2)),
    "mat-mul-of-a-vector": Case([node("MatMul", "input w", "out")], {"w": W}, (4,)),
    "mat-mul-batch": Case([node("MatMul", "input w", "p"), RELU], {"w": whole(2, 4, 3)}, (2, 5, 4)),
    "mat-mul-batch-of-weights": Case([node("MatMul", "input w", "p"), RELU], {"w": whole(3, 1, 4, 2)}, (2, 1, 4)),
    "mat-mul-batch-of-a-vector": Case([node("MatMul", "input w", "p"), RELU], {"w": whole(2, 4, 3)}, (4,)),
    "mat-mul-batch-from-left": Case([node("MatMul", "w input", "p"), RELU], {"w": whole(2, 3, 4)}, (1, 4, 2)),
    "mat-mul-one-matrix-from-left": Case([node("MatMul", "w input", "p"), RELU], {"w": whole(3, 4)}, (2, 4, 2)),
    "mat-mul-of-constants": Case(
        [node("MatMul", "w v", "p"), node("MatMul", "input p", "out")], {"w": W, "v": whole(3, 2)}
    ),
    "gemm": Case([node("Gemm", "input w b", "out")], {"w": W, "b": B}),
    "gemm-no-bias": Case([node("Gemm", "input w", "out")], {"w": W}),
    "gemm-scalar-bias": Case([node("Gemm", "input w b", "out")], {"w": W, "b": np.array(3.0)}),
    "gemm-row-bias": Case([node("Gemm", "input w b", "out")], {"w": W, "b": B[None]}, (2, 4)),
    "gemm-column-bias": Case([node("Gemm", "input w b", "out")], {"w": W, "b": np.array([[1.0], [-2.0]])}, (2, 4)),
    "gemm-alpha": Case([node("Gemm", "input w b", "out", alpha=0.5, beta=-2.0)], {"w": W, "b": B}),
    "gemm-alpha-inexact": Case([node("Gemm", "input w", "out", alpha=0.1, beta=0.0)], {"w": W}, whole=False),
    "gemm-beta-zero": Case([node("Gemm", "input w b", "out", beta=0.0)], {"w": W, "b": B}),
    "gemm-trans-b": Case([node("Gemm", "input w b", "out", transB=1)], {"w": W.T, "b": B}),
    "gemm-trans-a": Case([node("Gemm", "input w", "out", transA=1)], {"w": W}, (4, 2)),
    "gemm-weights-first": Case([node("Gemm", "w input", "out", transA=1, transB=1)], {"w": W}, (1, 4)),
    "gemm-computed-bias": Case([node("Gemm", "input w b", "p"), node("Gemm", "input w p", "out", beta=2.0)],
                               {"w": W, "b": B}),
    # elementwise arithmetic
    "add": Case([node("Add", "input a", "out")], {"a": whole(1, 4)}),
    "add-opset-7": Case([node("Add", "a input", "out")], {"a": whole(4)}, opset=7),
    "add-broadcasts-the-input": Case([node("Add", "input a", "p"), RELU], {"a": whole(3, 1)}),
    "add-scalar": Case([node("Add", "input a", "p"), RELU], {"a": np.array(2.0)}),
    "add-computed": Case([node("MatMul", "input w", "p"), node("Relu", "p", "q"), node("Add", "q p", "out")], {"w": W}),
    "add-shared": Case([node("MatMul", "input w", "p"), node("Add", "p input", "out")], {"w": whole(4, 4)}),
    "add-shared-inexact": Case(
        [node("MatMul", "input w", "p"), node("Add", "p input", "out")], {"w": whole(4, 4) * 1e-20}, whole=False
    ),
    "add-of-constants": Case(
        [node("Add", "a b", "c"), node("Add", "c input", "out")], {"a": whole(4), "b": whole(2, 1)}
    ),
    "sub": Case([node("Sub", "input a", "out")], {"a": whole(4)}),
    "sub-from": Case([node("Sub", "a input", "p"), RELU], {"a": whole(3, 4)}),
    "sub-computed": Case([node("MatMul", "input w", "p"), node("Sub", "input p", "out")], {"w": whole(4, 4)}),
    "sum": Case([node("Sum", "input a input b", "out")], {"a": whole(4), "b": whole(2, 1)}),
    "sum-of-one": Case([node("Sum", "input", "out")]),
    "mean": Case([node("Relu", "input", "p"), node("Mean", "input a p", "out")], {"a": whole(4)}, whole=False),
    "mean-of-four": Case([node("Mean", "input a input b", "out")], {"a": whole(4), "b": whole(2, 1)}),
    "neg": Case([node("Neg", "input", "p"), RELU]),
    "neg-constant": Case([node("Neg", "a", "b"), node("Add", "input b", "out")], {"a": whole(4)}),
    "mul": Case([node("Mul", "input a", "out")], {"a": whole(4)}),
    "mul-opset-7": Case([node("Mul", "a input", "out")], {"a": whole(1, 4)}, opset=7),
    "mul-scalar": Case([node("Mul", "input a", "p"), RELU], {"a": np.array(-3.0)}),
    "mul-broadcasts-the-input": Case([node("Mul", "input a", "p"), RELU], {"a": whole(3, 1)}),
    "mul-by-zero": Case([node("Mul", "input a", "p"), RELU], {"a": np.array([0.0, 1, 0, -2])}),
    "mul-of-a-product": Case(
        [node("MatMul", "input w", "p"), node("Mul", "p a", "q"), node("Add", "q b", "out")], {"w": W, "a": B, "b": B}
    ),
    "mul-before-a-product": Case([node("Mul", "input a", "p"), node("MatMul", "p w", "out")], {"w": W, "a": whole(4)}),
    "mul-inexact": Case(
        [node("Mul", "input a", "p"), node("Mul", "p b", "q"), node("Mul", "q a", "out")],
        {"a": rng.normal(size=4), "b": rng.normal(size=4)}, whole=False,
    ),
    "mul-of-constants": Case(
        [node("Mul", "a b", "c"), node("Mul", "input c", "out")], {"a": whole(4), "b": whole(2, 1)}
    ),
    "mul-computed": Case([node("MatMul", "input w", "p"), node("Mul", "input p", "out")], {"w": whole(4, 1)}),
    "mul-square": Case([node("Mul", "input input", "out")]),
    "div": Case([node("Div", "input a", "out")], {"a": np.array([1.0, 2, -4, 0.5])}),
    "div-opset-7": Case([node("Div", "input a", "out")], {"a": np.array(-8.0)}, opset=7),
    "div-inexact": Case([node("Div", "input a", "p"), RELU], {"a": np.array([3.0, -7, 0.3, 1])}, whole=False),
    "div-broadcasts-the-input": Case([node("Div", "input a", "p"), RELU], {"a": np.array([[3.0], [5]])}, whole=False),
    "div-twice": Case(
        [node("Div", "input a", "p"), node("Div", "p b", "q"), node("Div", "q a", "out")],
        {"a": np.array([3.0, -7, 0.3, 1]), "b": rng.normal(size=4)}, whole=False,
    ),
    "div-normalise": Case(
        [node("Sub", "input m", "p"), node("Div", "p s", "q"), node("MatMul", "q w", "r"), node("Add", "r b", "out")],
        {"m": rng.normal(size=4), "s": rng.uniform(0.2, 2.0, 4), "w": W, "b": B}, whole=False,
    ),
    "div-then-shift": Case(
        [node("Div", "input s", "p"), node("Add", "p b", "q"), node("Mul", "q s", "r"), node("Add", "r p", "out")],
        {"s": rng.uniform(0.2, 2.0, 4), "b": rng.normal(size=4)}, whole=False,
    ),
    "div-by-one-number-before-a-product": Case(
        [node("Div", "input s", "p"), node("MatMul", "p w", "q"), node("Add", "q b", "out")],
        {"s": np.array(255.0), "w": W, "b": B}, whole=False,
    ),
    "div-of-constants": Case(
        [node("Div", "a b", "c"), node("Mul", "input c", "out")], {"a": whole(4), "b": np.array([4.0, 2, -1, 8])}
    ),
    # elements in other places
    "identity": Case([node("Identity", "input", "p"), RELU]),
    "identity-constant": Case([node("Identity", "a", "b"), node("Add", "input b", "out")], {"a": whole(4)}),
    "flatten": Case([node("Relu", "input", "p"), node("Flatten", "p", "out")], {}, IMAGE),
    "flatten-0": Case([node("Relu", "input", "p"), node("Flatten", "p", "out", axis=0)], {}, IMAGE),
    "flatten-2": Case([node("Relu", "input", "p"), node("Flatten", "p", "out", axis=2)], {}, IMAGE),
    "flatten-last": Case([node("Relu", "input", "p"), node("Flatten", "p", "out", axis=4)], {}, IMAGE),
    "flatten-negative": Case([node("Relu", "input", "p"), node("Flatten", "p", "out", axis=-1)], {}, IMAGE),
    "flatten-opset-7": Case([node("Flatten", "input", "out", axis=1)], {}, IMAGE, opset=7),
    "flatten-a-vector": Case([node("Flatten", "input", "out", axis=0)], {}, (4,)),
    "reshape": Case([node("Reshape", "input s", "p"), RELU], {"s": [2, 6]}, IMAGE),
    "reshape-rest": Case([node("Reshape", "input s", "p"), RELU], {"s": [3, -1]}, IMAGE),
    "reshape-copy": Case([node("Reshape", "input s", "p"), RELU], {"s": [0, 0, -1]}, IMAGE),
    "reshape-allowzero": Case([node("Reshape", "input s", "p", allowzero=1), RELU], {"s": [1, 12]}, IMAGE),
    "reshape-scalar": Case([node("Reshape", "input s", "p"), RELU], {"s": np.zeros(0, np.int64)}, (1, 1)),
    "transpose": Case([node("Transpose", "input", "p"), RELU], {}, IMAGE),
    "transpose-perm": Case([node("Transpose", "input", "p", perm=[0, 2, 3, 1]), RELU], {}, IMAGE),
    "transpose-product": Case(
        [node("MatMul", "input w", "p"), node("Transpose", "p", "q", perm=[1, 0]), node("Relu", "q", "out")],
        {"w": W}, (2, 4),
    ),
    "transpose-constant": Case(
        [node("Transpose", "w", "v"), node("MatMul", "input v", "out")], {"w": W.T.copy()}, opset=23
    ),
    "squeeze": Case([node("Squeeze", "input", "p"), RELU], {}, (1, 3, 1, 2)),
    "squeeze-axes": Case([node("Squeeze", "input a", "p"), RELU], {"a": [-2]}, (1, 3, 1, 2)),
    "squeeze-attribute": Case([node("Squeeze", "input", "p", axes=[0, 2]), RELU], {}, (1, 3, 1, 2), opset=11),
    "unsqueeze": Case([node("Unsqueeze", "input a", "p"), RELU], {"a": [0, -1]}, (2, 3)),
    "unsqueeze-attribute": Case([node("Unsqueeze", "input", "p", axes=[3, 1]), RELU], {}, (2, 3), opset=11),
    "concat": Case([node("Relu", "input", "p"), node("Concat", "p input p", "out", axis=1)], {}, (1, 3, 2)),
    "concat-negative": Case([node("Relu", "input", "p"), node("Concat", "p input", "out", axis=-1)], {}, (1, 3, 2)),
    "concat-constant": Case(
        [node("Concat", "a input", "p", axis=0), node("MatMul", "p w", "q"), node("Relu", "q", "out")],
        {"a": whole(2, 4), "w": W},
    ),
    "concat-of-products": Case(
        [
            node("MatMul", "input w", "p"), node("Add", "p b", "q"), node("Mul", "input c", "r"),
            node("Div", "input d", "s"), node("Concat", "q r s", "t", axis=1), node("Relu", "t", "out"),
        ],
        {"w": W, "b": B, "c": whole(4), "d": np.array([2.0, 4, -2, 1])},
    ),
    "concat-of-quotients": Case(
        [node("Div", "input d", "s"), node("Concat", "s input", "t", axis=1), node("Relu", "t", "out")],
        {"d": np.array([3.0, 5, -7, 1])}, whole=False,
    ),
    "concat-nothing": Case(
        [node("MatMul", "input w", "p"), node("Slice", "p a a b", "q"), node("Concat", "input q", "r", axis=1),
         node("Relu", "r", "out")],
        {"w": W, "a": [2], "b": [1]},
    ),
    "where-nowhere": Case(
        [node("MatMul", "input w", "p"), node("Where", "c p input", "q"), node("Relu", "q", "out")],
        {"w": whole(4, 4), "c": np.array(False)},
    ),
    "concat-one": Case([node("Concat", "input", "out", axis=0)]),
    "slice": Case([node("Slice", "input s e", "p"), RELU], {"s": [0, 0, 1], "e": [1, 1, 3]}, IMAGE),
    "slice-axes": Case([node("Slice", "input s e a", "p"), RELU], {"s": [1, 0], "e": [9, -1], "a": [2, -3]}, IMAGE),
    "slice-steps": Case(
        [node("Slice", "input s e a t", "p"), RELU], {"s": [-1, 5], "e": [-9, 0], "a": [1, 2], "t": [-1, -2]}, (1, 2, 6)
    ),
    "slice-steps-without-axes": Case(
        [node("Slice", "input s e - t", "p"), RELU], {"s": [0, 0, 0], "e": [1, 2, 6], "t": [1, 1, 2]}, (1, 2, 6)
    ),
    "slice-clamped": Case(
        [node("Slice", "input s e a t", "p"), RELU],
        {"s": [-20, 20], "e": [20, -(2**63)], "a": [1, 2], "t": [1, -1]}, (1, 2, 6),
    ),
    "slice-start-before-the-first": Case(
        [node("Slice", "input s e a t", "p"), RELU], {"s": [-9], "e": [-20], "a": [2], "t": [-1]}, (1, 2, 6)
    ),
    "slice-attributes": Case([node("Slice", "input", "p", starts=[1, -2], ends=[3, 9], axes=[2, 3]), RELU],
                             {}, IMAGE, opset=9),
    "slice-attributes-without-axes": Case([node("Slice", "input", "p", starts=[0, 1], ends=[1, 2]), RELU],
                                          {}, IMAGE, opset=9),
    "slice-constant": Case(
        [node("Slice", "w s e", "v"), node("MatMul", "input v", "out")], {"w": whole(6, 3), "s": [1], "e": [5]}
    ),
    "slice-of-a-product": Case(
        [node("MatMul", "input w", "p"), node("Slice", "p s e a", "q"), node("Relu", "q", "out")],
        {"w": W, "s": [1], "e": [3], "a": [1]},
    ),
    "gather": Case([node("Gather", "input i", "p"), RELU], {"i": [1, 0, -1, 1]}, (2, 3)),
    "gather-axis": Case([node("Gather", "input i", "p", axis=-1), RELU], {"i": [[2, 0], [1, -3]]}, (2, 3)),
    "gather-scalar": Case([node("Gather", "input i", "p", axis=1), RELU], {"i": np.array(1)}, IMAGE),
    "gather-constant": Case(
        [node("Gather", "w i", "v", axis=1), node("MatMul", "input v", "out")], {"w": W, "i": [2, 0]}
    ),
    "gather-twice-of-a-product": Case(
        [node("MatMul", "input w", "p"), node("Gather", "p i", "q", axis=1), node("Relu", "q", "out")],
        {"w": W, "i": [2, 0, 2]},
    ),
    "expand": Case([node("Expand", "input s", "p"), RELU], {"s": [3, 1]}),
    "expand-product": Case(
        [node("MatMul", "input w", "p"), node("Expand", "p s", "q"), node("Relu", "q", "out")], {"w": W, "s": [2, 3]}
    ),
    "expand-constant": Case([node("Expand", "a s", "b"), node("Add", "input b", "out")], {"a": whole(1), "s": [4]}),
    "split": Case([node("Split", "input", "p q", axis=1), node("Sub", "p q", "out")], opset=17),
    "split-lengths": Case(
        [node("Split", "input s", "p q r", axis=-1), node("Sub", "q r", "u"), node("Add", "u p", "out")],
        {"s": [1, 2, 1]}, opset=13,
    ),
    "split-attribute": Case(
        [node("Split", "input", "p q", axis=0, split=[1, 2]), node("Add", "p q", "out")], {}, (3, 2), opset=11
    ),
    "split-num-outputs": Case(
        [node("Split", "input", "p q", axis=0, num_outputs=2), node("Add", "p q", "out")], {}, (3, 2), opset=18
    ),
    "pad": Case([node("Pad", "input w", "p"), RELU], {"w": [0, 0, 1, 0, 0, 1, 0, 2]}, IMAGE),
    "pad-value": Case([node("Pad", "input w v", "p", mode="constant"), RELU],
                      {"w": [0, 1, 0, 2], "v": np.array(-3.0)}),
    "pad-crop": Case([node("Pad", "input w", "p"), RELU], {"w": [1, -1, 0, -2]}),
    "pad-axes": Case([node("Pad", "input w v a", "p"), RELU],
                     {"w": [1, 2], "v": np.array(1.0), "a": [-1]}, opset=18),
    "pad-attributes": Case([node("Pad", "input", "p", pads=[0, 1, 0, 2], value=2.0), RELU], {}, opset=10),
    "pad-product": Case([node("MatMul", "input w", "p"), node("Pad", "p a", "q"), node("Relu", "q", "out")],
                        {"w": W, "a": [0, 1, 1, 0]}),
    "pad-constant": Case([node("Pad", "a w", "b"), node("Add", "input b", "out")], {"a": whole(2), "w": [1, 1]}),
    "tile": Case([node("Tile", "input n", "p"), RELU], {"n": [2, 1, 3]}, (1, 2, 2)),
    "tile-product": Case([node("MatMul", "input w", "p"), node("Tile", "p n", "q"), node("Relu", "q", "out")],
                         {"w": W, "n": [1, 2]}),
    "where": Case([node("Where", "c input a", "p"), RELU],
                  {"c": np.array([True, False, False, True]), "a": whole(2, 1)}),
    "where-computed": Case(
        [node("MatMul", "input w", "p"), node("Where", "c p input", "q"), node("Relu", "q", "out")],
        {"w": whole(4, 4), "c": np.array([[True], [False]])},
    ),
    "expand-as-exported": Case(
        [node("ConstantOfShape", "two", "ones", value=numpy_helper.from_array(np.array([1]))),
         node("Mul", "ones minus", "m"), node("Equal", "s m", "e"), node("Where", "e ones s", "t"),
         node("Expand", "input t", "p"), RELU],
        {"two": [2], "minus": [-1], "s": [3, -1]},
    ),
    "abs": Case([node("Abs", "input", "out")]),
    "abs-product": Case([node("MatMul", "input w", "p"), node("Abs", "p", "out")], {"w": W}),
    "abs-constant": Case([node("Abs", "a", "b"), node("Add", "input b", "out")], {"a": whole(4)}),
    "pow": Case([node("Pow", "input a", "out")], {"a": np.array(2.0)}),
    "pow-3": Case([node("Pow", "input a", "p"), RELU], {"a": np.array([[3]])}),
    "pow-1": Case([node("Pow", "input a", "p"), RELU], {"a": np.array(1.0)}),
    "conv-transpose": Case([node("ConvTranspose", "input w b", "out")], {"w": whole(2, 3, 2, 2), "b": whole(3)}, IMAGE),
    "conv-transpose-strides": Case(
        [node("ConvTranspose", "input w", "out", strides=[3, 2], output_padding=[1, 0], kernel_shape=[2, 3],
              pads=[0, 1, 1, 2])],
        {"w": whole(2, 1, 2, 3)}, IMAGE,
    ),
    "conv-transpose-dilations": Case(
        [node("ConvTranspose", "input w", "out", dilations=[2, 3], auto_pad="NOTSET")], {"w": whole(2, 3, 2, 2)}, IMAGE
    ),
    "conv-transpose-groups": Case(
        [node("Relu", "input", "p"), node("ConvTranspose", "p w", "out", group=2, strides=[2, 2])],
        {"w": whole(2, 3, 3, 2)}, IMAGE,
    ),
    "conv-transpose-line": Case(
        [node("ConvTranspose", "input w b", "out", strides=[2], output_padding=[1], pads=[1, 0])],
        {"w": whole(2, 2, 3), "b": whole(2)}, (1, 2, 4), opset=11,
    ),
    # sums over axes
    "reduce-sum": Case([node("ReduceSum", "input a", "p"), RELU], {"a": [2]}, IMAGE),
    "reduce-sum-all": Case([node("ReduceSum", "input", "p"), RELU], {}, IMAGE),
    "reduce-sum-negative": Case([node("ReduceSum", "input a", "p", keepdims=0), RELU], {"a": [-1, 1]}, IMAGE),
    "reduce-sum-noop": Case([node("ReduceSum", "input", "p", noop_with_empty_axes=1), RELU], {}, IMAGE),
    "reduce-sum-attribute": Case([node("ReduceSum", "input", "p", axes=[1, -1], keepdims=0), RELU],
                                 {}, IMAGE, opset=11),
    "reduce-sum-of-a-product": Case(
        [node("MatMul", "input w", "p"), node("Mul", "p p", "q"), node("ReduceSum", "q a", "out")],
        {"w": W, "a": [1]}, (2, 4),
    ),
    "reduce-sum-constant": Case(
        [node("ReduceSum", "w a", "b", keepdims=0), node("Add", "input b", "out")], {"w": whole(2, 4), "a": [0]}
    ),
    "reduce-mean": Case([node("ReduceMean", "input", "p", axes=[2]), RELU], {}, IMAGE, whole=False),
    "reduce-mean-input": Case([node("ReduceMean", "input a", "p", keepdims=0), RELU],
                              {"a": [2, 3]}, IMAGE, opset=18, whole=False),
    "reduce-mean-of-four": Case([node("ReduceMean", "input", "p", axes=[-1]), RELU]),
    "reduce-mean-noop": Case([node("ReduceMean", "input", "p", noop_with_empty_axes=1), RELU], {}, IMAGE, opset=18),
    # constants
    "shape": Case(
        [node("Shape", "input", "s"), node("Gather", "s zero", "n"), node("Unsqueeze", "n axes", "m"),
         node("Concat", "m rest", "t", axis=0), node("Reshape", "input t", "p"), RELU],
        {"zero": np.array(0), "axes": [0], "rest": [-1]}, ("N", 2, 3, 2),
    ),
    "shape-end": Case(
        [node("Shape", "input", "s", start=-2, end=4), node("Concat", "a s", "t", axis=0),
         node("Reshape", "input t", "p"), RELU],
        {"a": [2]}, IMAGE,
    ),
    "shape-arithmetic": Case(
        [node("Shape", "input", "s"), node("Slice", "s a b", "c"), node("Slice", "s b d", "e"), node("Mul", "c e", "f"),
         node("Div", "f two", "g"), node("Add", "g two", "h"), node("Sub", "h two", "i"),
         node("Concat", "i four", "j", axis=0), node("Reshape", "input j", "p"), RELU],
        {"a": [1], "b": [2], "d": [3], "two": [2], "four": [4]}, IMAGE,
    ),
    "cast": Case(
        [node("Cast", "a", "b", to=TensorProto.FLOAT), node("Cast", "input", "c", to=TensorProto.FLOAT),
         node("Add", "b c", "d"), node("Cast", "e", "f", to=TensorProto.INT64), node("Reshape", "d f", "out")],
        {"a": [3], "e": np.array([2.7, -1.2])},
    ),
    "cast-to-bool": Case([node("Cast", "a", "b", to=TensorProto.BOOL), node("Dropout", "input r b", "out")],
                         {"a": np.array(0), "r": np.array(0.5)}),
    "constant-of-shape": Case(
        [node("ConstantOfShape", "s", "a", value=numpy_helper.from_array(np.array([2.0], np.float32))),
         node("ConstantOfShape", "s", "b"), node("Sum", "input a b", "out")],
        {"s": [2, 4]},
    ),
    "constant-of-shape-integer": Case(
        [node("ConstantOfShape", "s", "a", value=numpy_helper.from_array(np.array([4]))),
         node("Reshape", "input a", "out")],
        {"s": [1]},
    ),
    "constant-double": Case(
        [number("k", "a", 0.1, np.float64), node("Identity", "a", "i"), node("Cast", "i", "b", to=TensorProto.FLOAT),
         number("l", "c", 0.3, np.float16), node("Cast", "c", "d", to=TensorProto.FLOAT),
         node("Mul", "input b", "e"), node("Add", "e d", "out")],
        whole=False,
    ),
    "constant-float": Case([helper.make_node("Constant", [], ["a"], value_float=0.5), node("Mul", "input a", "out")]),
    "constant-floats": Case(
        [helper.make_node("Constant", [], ["a"], value_floats=[1.0, 2, 3, -4]), node("Mul", "input a", "out")]
    ),
    "constant-int": Case(
        [helper.make_node("Constant", [], ["a"], value_int=1), node("Gather", "input a", "out", axis=1)]
    ),
    "constant-ints": Case(
        [helper.make_node("Constant", [], ["a"], value_ints=[2, 2]), node("Reshape", "input a", "out")]
    ),
    "constant-value": Case([number("k", "a", [1, 2, 3, 4]), node("Add", "input a", "out")], opset=7),
    # inference forms
    "dropout": Case([node("Dropout", "input", "p"), RELU]),
    "dropout-opset-7": Case([node("Dropout", "input", "p", ratio=0.3), RELU], opset=7),
    "dropout-mask": Case([node("Dropout", "input", "p mask", ratio=0.3), RELU], opset=10),
    "dropout-inputs": Case([node("Dropout", "input r", "p", seed=3), RELU], {"r": np.array(0.4)}),
    "dropout-mode": Case([node("Dropout", "input - t", "p"), RELU], {"t": np.array(False)}),
    "batch-normalization": Case(
        [node("BatchNormalization", "input s b m v", "p", epsilon=0.25), RELU],
        {"s": [3.0, -2.0], "b": [1.0, 5.0], "m": [2.0, -1.0], "v": [0.75, 3.75]}, IMAGE,
    ),
    "batch-normalization-rounded": Case(
        [node("BatchNormalization", "input s b m v", "p", momentum=0.7), RELU],
        {"s": [3.0, -2.0], "b": [1.0, 5.0], "m": [2.0, -1.0], "v": [0.7, 3.0]}, IMAGE, whole=False,
    ),
    "batch-normalization-opset-8": Case(
        [node("BatchNormalization", "input s b m v", "p", spatial=1), RELU],
        {"s": [3.0, -2.0], "b": [1.0, 5.0], "m": [2.0, -1.0], "v": [0.7, 3.0]}, IMAGE, opset=8, whole=False,
    ),
    "batch-normalization-14": Case(
        [node("BatchNormalization", "input s b m v", "p", training_mode=0), RELU],
        {"s": [3.0, -2.0], "b": [1.0, 5.0], "m": [2.0, -1.0], "v": [0.7, 3.0]}, IMAGE, opset=15, whole=False,
    ),
    "batch-normalization-of-a-product": Case(
        [node("Gemm", "input w b", "q"), node("BatchNormalization", "q s b m v", "p", epsilon=0.25), RELU],
        {"w": W, "b": B, "s": [3.0, -2.0, 1.0], "m": [2.0, -1.0, 0.0], "v": [0.75, 3.75, -0.1875]},
    ),
    "batch-normalization-of-a-quotient": Case(
        [node("Div", "input c", "q"), node("BatchNormalization", "q s b m v", "p"), RELU],
        {"c": np.array([3.0]), "s": W[:, 0], "b": W[:, 1], "m": W[:, 2], "v": np.array([0.1, 2, 3, 4])}, whole=False,
    ),
    "batch-normalization-of-a-convolution": Case(
        [node("Conv", "input w c", "q"), node("BatchNormalization", "q s b m v", "p"), RELU],
        {"w": whole(2, 2, 2, 2), "c": [1.0, -1.0], "s": [3.0, -2.0], "b": [1.0, 5.0], "m": [2.0, -1.0],
         "v": [0.7, 3.0]},
        IMAGE, whole=False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_same_function_as_onnxruntime(name: str, tmp_path: Path) -> None:
    case_agrees(tmp_path / "net.onnx", CASES[name])
