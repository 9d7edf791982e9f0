"""What layers a network becomes: as few as exactness allows, every number the stored one or a note in the ledger."""

from __future__ import annotations

from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import Case, agrees, case_agrees, node, save

from isinglass import verify
from isinglass.frontends.networks.box import Box
from isinglass.frontends.networks.exact_floats import image_is_exact, last_place, product_is_exact, sum_is_exact
from isinglass.frontends.networks.network import Layer, Network, network_blocks
from isinglass.frontends.networks.properties import argmax_is, prove
from isinglass.ir.affine import Affine
from isinglass.ir.answer_text import verdict_text
from isinglass.ir.blocks import Lin, Var
from isinglass.ir.operators.conv import Conv
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.gather import Gather
from isinglass.ir.operators.identity import Identity
from isinglass.ir.order import solve_for
from isinglass.ir.problem import Problem
from isinglass.ir.text import parse_ir, print_ir

getcontext().prec = 60
rng = np.random.default_rng(11)
W, V = rng.normal(size=(6, 5)), rng.normal(size=(5, 3))
B = rng.normal(size=5)
MEAN, SPREAD = rng.normal(size=(1, 1, 2, 3)), rng.uniform(0.5, 3.0, (1, 1, 2, 3))
HEAD = [node("Flatten", "r", "f"), node("MatMul", "f w", "p"), node("Add", "p b", "q"), node("Relu", "q", "out")]
RELU = node("Relu", "r", "out")
IMAGE = (1, 1, 2, 3)
CHANNELS = {"s": [3.0, -2.0], "c": [1.0, 5.0], "m": [2.0, -1.0], "v": [0.7, 3.0]}
NORMALISE = node("BatchNormalization", "q s c m v", "out")
KERNEL = rng.normal(size=(2, 1, 2, 2))


def kinds(network: Network) -> str:
    """The layers in short: functions, and the operators of affine layers, ``/`` where they have a divisor."""
    return " ".join(map(kind, network.layers))


def kind(layer: Layer) -> str:
    if not isinstance(layer.rule, Affine):
        return "fn"
    names = "+".join(type(operator).__name__.lower() for operator in layer.rule.parts.values())
    return names + "/" * (layer.divisor is not None)


SHAPES: dict[str, tuple[str, Case]] = {
    "mean and deviation": (
        "identity/ dense fn",
        Case([node("Sub", "input m", "d"), node("Div", "d s", "r"), *HEAD], {"m": MEAN, "s": SPREAD, "w": W, "b": B},
             IMAGE),
    ),
    "a whole mean": (
        "dense fn",
        Case([node("Sub", "input m", "r"), *HEAD], {"m": np.full(IMAGE, 3.0), "w": np.rint(4 * W), "b": B}, IMAGE),
    ),
    "pixels": ("dense/ fn", Case([node("Div", "input s", "r"), *HEAD], {"s": 255.0, "w": W, "b": B}, IMAGE)),
    "a power of two": ("dense fn", Case([node("Div", "input s", "r"), *HEAD], {"s": 256.0, "w": W, "b": B}, IMAGE)),
    "factors": ("dense fn", Case([node("Mul", "input s", "r"), *HEAD], {"s": SPREAD, "w": W, "b": B}, IMAGE)),
    "order": (
        "dense fn",
        Case([node("Transpose", "input", "r", perm=[0, 3, 2, 1]), *HEAD], {"w": W, "b": B}, IMAGE),
    ),
    "factors of a product": (
        "dense fn",
        Case([node("MatMul", "input w", "p"), node("Mul", "p b", "q"), node("Add", "q b", "r"), RELU],
             {"w": W, "b": B}, (1, 6)),
    ),
    "factors that would round": (
        "dense gather fn",
        Case([node("MatMul", "input w", "p"), node("Mul", "p b", "q"), node("Mul", "q b", "r"), RELU],
             {"w": W, "b": B}, (1, 6)),
    ),
    "two products": (
        "dense dense", Case([node("MatMul", "input w", "p"), node("MatMul", "p v", "out")], {"w": W, "v": V}, (1, 6))
    ),
    "parts": (
        "fn dense+dense",
        Case([node("Relu", "input", "p"), node("Concat", "p input", "q", axis=1), node("MatMul", "q w", "out")],
             {"w": np.concatenate([W, W])}, (1, 6)),
    ),
    "used twice": (
        "dense fn identity+identity",
        Case([node("MatMul", "input w", "p"), node("Relu", "p", "q"), node("Add", "p q", "out")], {"w": W}, (1, 6)),
    ),
    "used twice by functions": (
        "dense fn fn identity+identity",
        Case([node("MatMul", "input w", "p"), node("Relu", "p", "q"), node("LeakyRelu", "p", "r", alpha=0.25),
              node("Add", "q r", "out")], {"w": W}, (1, 6)),
    ),
    "repeated": (
        "dense fn",
        Case([node("MatMul", "input w", "p"), node("Expand", "p e", "q"), node("Relu", "q", "out")],
             {"w": W, "e": [4, 1]}, (1, 6)),
    ),
    "normalised image": (
        "conv", Case([node("Conv", "input k", "q"), NORMALISE], {"k": KERNEL, **CHANNELS}, IMAGE, whole=False)
    ),
    "scaled image": (
        "conv", Case([node("Conv", "input k", "q"), node("Mul", "q a", "out")],
                     {"k": KERNEL, "a": [[[2.5]], [[-0.7]]]}, IMAGE)
    ),
    "skipped image": (
        "fn conv identity+identity",
        Case([node("Relu", "input", "p"), node("Conv", "p k", "q", pads=[1, 1, 0, 0]), node("Add", "q p", "out")],
             {"k": np.rint(KERNEL[:1])}, IMAGE)
    ),
    "normalised product": (
        "dense",
        Case([node("MatMul", "input w", "p"), node("Reshape", "p e", "q"), NORMALISE],
             {"w": W[:, :4], "e": [1, 2, 2], **CHANNELS}, (1, 6), whole=False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_layers(name: str, tmp_path: Path) -> None:
    expected, case = SHAPES[name]
    network = agrees(save(tmp_path / "net.onnx", case.nodes, case.constants, case.shape), whole=False)
    assert kinds(network) == expected


def test_divisors_in_blocks(tmp_path: Path) -> None:
    divisor = np.array([3.0, -7, 0.3, 1])
    nodes = [node("Sub", "input m", "p"), node("Div", "p a", "q"), node("Relu", "q", "out")]
    network = case_agrees(tmp_path / "net.onnx", Case(nodes, {"a": divisor, "m": np.ones(4)}, whole=False))
    problem = Problem("p", (Var.of("x", "real", (1, 4), 0.0, 1.0), *network_blocks(network, "", "x")))
    row = problem.blocks[2]
    assert isinstance(row, Lin) and (row.defines, row.reading) == ("z1", "dyadic")
    solved = solve_for(row)
    stored = divisor.astype(np.float32).astype(np.float64)
    np.testing.assert_array_equal(solved.divisor, np.abs(stored))
    np.testing.assert_array_equal(solved.affine.parts["x"].to_dense(), np.diag(np.sign(stored)))
    np.testing.assert_array_equal(solved.affine.offset, -np.sign(stored))
    assert print_ir(parse_ir(*print_ir(problem))) == print_ir(problem)


def test_folded_numbers_are_the_nearest_floats(tmp_path: Path) -> None:
    """Against 60 decimal digits."""
    size = 200
    numbers = {key: rng.normal(size=size).astype(np.float32) for key in "scmb"}
    variance = rng.uniform(1e-6, 3.0, size).astype(np.float32)
    weights = rng.normal(size=(2, size)).astype(np.float32)
    nodes = [node("Gemm", "input w b", "q"), node("BatchNormalization", "q s c m v", "out")]
    path = save(tmp_path / "net.onnx", nodes, {"w": weights, "v": variance, **numbers}, (1, 2))
    (layer,) = agrees(path, whole=False).layers
    assert isinstance(layer.rule, Affine)
    matrix = layer.rule.parts["x"].to_dense()
    epsilon = Decimal(float(np.float32(1e-5)))
    for k in range(size):
        scale, shift, mean, bias = (Decimal(float(numbers[key][k])) for key in "scmb")
        factor = scale / (Decimal(float(variance[k])) + epsilon).sqrt()
        assert [float(factor * Decimal(float(w))) for w in weights[:, k]] == matrix[k].tolist()
        terms = abs(shift) + abs(factor * (bias - mean))
        assert abs(Decimal(layer.rule.offset[k]) - (factor * (bias - mean) + shift)) <= terms * Decimal(2) ** -53


def test_rounded_numbers_are_noted(tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", [node("BatchNormalization", "input s c m v", "out")], CHANNELS, (1, 2, 2))
    network = agrees(path, whole=False)
    (note,) = network.notes
    assert (note.who, note.block, note.count, note.amount, note.loss) == (
        "onnx", "my_out (BatchNormalization)", 8, 2.0**-52, True
    )  # fmt: skip
    task = prove(network, Box.between(np.zeros(4), np.ones(4)), argmax_is(4, 0))
    assert task.problem.ledger == network.notes
    exact = {**CHANNELS, "v": [0.75, 3.75]}
    nodes = [node("BatchNormalization", "input s c m v", "out", epsilon=0.25)]
    assert not agrees(save(tmp_path / "exact.onnx", nodes, exact, (1, 2, 2))).notes


PAIRS: list[tuple[float, float]] = [
    (0.1, 0.2), (1.0, 2.0**-60), (3.0, 2.0**-20), (1e16, 1.0), (1e308, 1e308), (0.1, 3.0), (2.0**-1070, 0.5),
    (2.0**-1074, 0.5), (0.0, 0.1), (float(np.float32(0.1)), float(np.float32(0.3))), (1e200, 1e200), (-0.5, 2.0**-52),
]  # fmt: skip


@pytest.mark.parametrize("left, right", PAIRS)
def test_what_is_called_exact_is(left: float, right: float) -> None:
    one, two = np.array([left]), np.array([right])
    total, product = left + right, left * right
    fits = np.isfinite(total) and Fraction(left) + Fraction(right) == Fraction(total)
    assert sum_is_exact(one, two) == fits
    if product_is_exact(one, two):
        assert Fraction(left) * Fraction(right) == Fraction(product)
    elif np.isfinite(product) and abs(product) > 1e-280:
        assert Fraction(left) * Fraction(right) != Fraction(product)


def test_images_that_do_not_round() -> None:
    matrix = Dense(np.array([[0.5, 3.0], [-1.25, 2.0]]))
    assert image_is_exact(matrix, np.array([3.0, -7.5])) and last_place(np.array([0.75, 6.0, 0.0])) == -2
    assert not image_is_exact(matrix, np.array([3.0, 0.1]))
    assert not image_is_exact(Dense(np.array([[2.0**40, 1.0]])), np.array([2.0**13, 1.0 + 2.0**-30]))
    assert image_is_exact(Identity(3), np.zeros(3)) and image_is_exact(Csr.of(np.zeros((2, 3))), np.ones(3) / 3)


def test_kinds_of_operators_survive_factors() -> None:
    from isinglass.frontends.networks.row_factors import scaled_rows

    conv = Conv(KERNEL, (1, 3, 3), (1, 1), (1, 1), (0, 0, 0, 0))
    operators: dict[type, Any] = {
        Identity: Identity(8, 2.0), Gather: Gather(np.arange(8), np.ones(8), 9), Dense: Dense(rng.normal(size=(8, 2))),
        Csr: Csr.of(rng.integers(-1, 2, (8, 5))), Conv: conv,
    }  # fmt: skip
    factors = np.repeat([2.0, -3.0], 4)
    uneven = np.arange(8.0)
    for cls, operator in operators.items():
        for factor, expected in ((np.full(8, 2.0), cls), (factors, cls), (uneven, Csr if cls is Conv else cls)):
            scaled = scaled_rows(operator, factor)
            assert type(scaled) is (Gather if cls is Identity and factor[0] != factor[-1] else expected)
            np.testing.assert_array_equal(scaled.to_dense(), factor[:, None] * operator.to_dense())


def test_an_answer_says_what_was_rounded(tmp_path: Path) -> None:
    nodes = [node("BatchNormalization", "input s c m v", "q"), node("Relu", "q", "out")]
    path = save(tmp_path / "net.onnx", nodes, CHANNELS, (1, 2))
    property_ = tmp_path / "p.vnnlib"
    names = "".join(f"(declare-const {name} Real)" for name in ("X_0", "X_1", "Y_0", "Y_1"))
    sides = "".join(f"(assert (>= X_{k} 0.0))(assert (<= X_{k} 1.0))" for k in (0, 1))
    property_.write_text(f"{names}{sides}(assert (>= Y_0 100.0))")
    answer = verify(path, property_)
    (note,) = answer.ledger
    assert answer.status == "unsat" and note.loss and note.count == 4
    assert "lost: onnx: folded numbers are rounded to float64 (my_q (BatchNormalization): 4" in verdict_text(answer)
