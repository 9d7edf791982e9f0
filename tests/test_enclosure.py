"""Intervals around what a network does in real arithmetic, against fractions and 60-digit decimals."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import save
from onnx import TensorProto, helper
from test_unsafe import one_input

from isinglass.compiler.networks.view import NetView
from isinglass.compiler.networks.witness import Checker
from isinglass.frontends.networks.properties import question
from isinglass.frontends.networks.reader import read_network
from isinglass.ir import counterexample
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Arg, Block, Fn, Lin, Var
from isinglass.ir.counterexample import unsafe_arithmetic, unsafe_in_reals
from isinglass.ir.enclosure import enclose, enclose_affine
from isinglass.ir.errors import Refused
from isinglass.ir.exact import Exact
from isinglass.ir.exact_evaluation import exact_affine, exact_values
from isinglass.ir.function import Function
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.max import Max
from isinglass.ir.functions.product import Product
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid
from isinglass.ir.functions.sign import Sign
from isinglass.ir.functions.step import Step
from isinglass.ir.functions.tanh import Tanh
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.tasks import Prove
from isinglass.ir.types import FloatArray

DIGITS = Context(prec=60, Emin=-999999, Emax=999999)


def sigmoid(x: Decimal) -> Decimal:
    return DIGITS.divide(Decimal(1), DIGITS.add(Decimal(1), DIGITS.exp(-x)))


def tanh(x: Decimal) -> Decimal:
    """2 sigmoid(2x) - 1 cancels near 0: a series there."""
    if abs(x) < Decimal("1e-12"):
        return DIGITS.subtract(x, DIGITS.divide(DIGITS.power(x, 3), Decimal(3)))
    return DIGITS.subtract(DIGITS.multiply(Decimal(2), sigmoid(DIGITS.multiply(Decimal(2), x))), Decimal(1))


TRUE = {Sigmoid: sigmoid, Tanh: tanh, Relu: lambda x: max(x, Decimal(0))}
EDGES = [0.0, 5e-324, 1e-310, 1e-300, 1e-20, 1e-8, 1.0, 19.0, 22.0, 36.0, 37.0, 40.0, 300.0, 708.0, 720.0, 745.0, 1e4]


@pytest.mark.parametrize("function", [Sigmoid(), Tanh()], ids=["sigmoid", "tanh"])
def test_library_values_are_as_good_as_claimed(function: Function) -> None:
    """The interval of a single number holds the true value, and is not wide."""
    rng = np.random.default_rng(3)
    size = 10.0 ** rng.uniform(-12, 3, 1500)
    x = np.concatenate([EDGES, -np.array(EDGES), size * rng.choice([-1.0, 1.0], 1500), rng.uniform(-40, 40, 1500)])
    (low,), (high,) = function.interval([x[None]], [x[None]])
    for point, least, most in zip(x.tolist(), low.tolist(), high.tolist(), strict=True):
        true = TRUE[type(function)](Decimal(point))
        assert Decimal(least) <= true <= Decimal(most), point
        assert most - least <= 40 * 2.0**-53 * max(abs(least), abs(most)) + 1e-307


def layered(function: Function, scale: float, seed: int) -> tuple[Problem, list[tuple[FloatArray, FloatArray]]]:
    """x -> W x + b -> function -> W x + b."""
    rng = np.random.default_rng(seed)
    layers = [(rng.normal(size=(4, 3)) * scale, rng.normal(size=4) * scale), (rng.normal(size=(2, 4)), np.ones(2))]
    blocks: list[Block] = [Var.of("x", "real", (3,), -1e9, 1e9), Var.of("z", "real", (4,)), Var.of("h", "real", (4,))]
    blocks += [Var.of("y", "real", (2,)), Fn("h.def", "h", function, (Arg("z"),))]
    for (weights, bias), source, target in zip(layers, ("x", "h"), ("z", "y"), strict=True):
        parts = {source: Dense(weights), target: Identity(len(bias), -1.0)}
        blocks.append(Lin(f"{target}.def", parts, "==", -bias, "dyadic", defines=target))
    return Problem("net", tuple(blocks)), layers


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.sampled_from([Sigmoid(), Tanh(), Relu()]), st.sampled_from([1e-6, 1.0, 1e3]), st.integers(0, 999))
def test_networks_in_decimals(function: Function, scale: float, seed: int) -> None:
    problem, ((first, shift), (second, last)) = layered(function, scale, seed)
    points = np.random.default_rng(seed).normal(size=(3, 3))
    box = enclose(problem, {"x": points})
    for k, x in enumerate(points):
        hidden = []
        for row, offset, low, high in zip(first, shift, *(side[k] for side in box["z"]), strict=True):
            z = sum((Fraction(w) * Fraction(v) for w, v in zip(row, x, strict=True)), Fraction(offset))
            assert Fraction(low) <= z <= Fraction(high) and high - low <= 1e-13 * scale
            hidden.append(TRUE[type(function)](DIGITS.divide(Decimal(z.numerator), Decimal(z.denominator))))
        for row, offset, low, high in zip(second, last, *(side[k] for side in box["y"]), strict=True):
            y = sum((Fraction(w) * Fraction(h) for w, h in zip(row, hidden, strict=True)), Fraction(offset))
            assert Fraction(low) <= y <= Fraction(high) and high - low <= 1e-12 * max(scale, 1.0)


EXACT = [Relu(), LeakyRelu(0.1), Hardtanh(-0.5, 1.0), Sign(), Step()]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.sampled_from(EXACT), st.sampled_from([1e-310, 1e-3, 1.0, 1e150]), st.integers(0, 999))
def test_networks_in_fractions(function: Function, scale: float, seed: int) -> None:
    problem, _ = layered(function, scale, seed)
    points = np.random.default_rng(seed).normal(size=(3, 3)).round(seed % 3)
    box = enclose(problem, {"x": points})
    for name, exact in exact_values(problem, {"x": Exact.of(points)}).items():
        low, high = box[name]
        for place in np.ndindex(low.shape):
            assert Fraction(float(low[place])) <= exact.fraction(*place) <= Fraction(float(high[place]))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.sampled_from(["dyadic", "decimal", "simplest"]), st.integers(0, 10**6), st.integers(-320, 300))
def test_affine_maps_of_intervals_under_every_reading(reading: str, seed: int, exponent: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = (rng.integers(-99, 99, size=(3, 4)) / 7).round(2) * 10.0**exponent * (rng.random((3, 4)) < 0.7)
    affine = Affine(rng.normal(size=3).round(1), {"x": Csr.of(matrix), "y": Identity(3, -0.1)})
    x, y, radius = rng.normal(size=(5, 4)), rng.normal(size=(5, 3)).round(1), float(rng.choice([0.0, 1e-12, 0.5]))
    low, high = enclose_affine(affine, {"x": (x - radius, x + radius), "y": (y, y)}, reading)
    for inside in (x - radius, x, x + radius, x + radius * rng.choice([-1, 1], size=x.shape)):
        exact = exact_affine(affine, {"x": Exact.of(inside), "y": Exact.of(y)}, reading)
        for place in np.ndindex(low.shape):
            assert Fraction(float(low[place])) <= exact.fraction(*place) <= Fraction(float(high[place]))


def test_divisors_windows_and_products() -> None:
    """z = (a + b) / -3 under a decimal reading, its maximum with a, the product of both."""
    blocks: list[Block] = [Var.of(name, "real", (2,)) for name in "abzmp"]
    rows = {"a": Identity(2), "b": Identity(2), "z": Identity(2, 3.3)}
    blocks.append(Lin("z.def", rows, "==", np.array([0.1, 0.0]), "decimal", defines="z"))
    blocks.append(Fn("m.def", "m", Max(), (Arg("z"), Arg("a", np.array([1, 0])))))
    blocks.append(Fn("p.def", "p", Product(), (Arg("m"), Arg("z"))))
    problem = Problem("p", tuple(blocks))
    free = {"a": np.array([[0.3, -1.7], [1e-200, 3.0]]), "b": np.array([[0.1, 0.2], [-1e-200, 1e300]])}
    box = enclose(problem, free)
    for name, exact in exact_values(problem, {key: Exact.of(value) for key, value in free.items()}).items():
        low, high = box[name]
        for place in np.ndindex(low.shape):
            least, most = float(low[place]), float(high[place])
            assert least == -np.inf or Fraction(least) <= exact.fraction(*place)
            assert most == np.inf or exact.fraction(*place) <= Fraction(most)


def test_overflow_has_infinite_ends() -> None:
    problem, _ = layered(Relu(), 1e300, 0)
    low, high = enclose(problem, {"x": np.full((1, 3), 1e200)})["y"]
    assert (low == -np.inf).all() and (high == np.inf).all()


def curved(folder: Path, limit: float) -> Prove:
    """y = sigmoid(x) on [0, 1]; unsafe where y >= limit, on [-2, -1] where y > 1."""
    node = helper.make_node("Sigmoid", ["x"], ["y"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1]) for name in "xy"]
    model = helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:]), ir_version=8,
                              opset_imports=[helper.make_opsetid("", 13)])  # fmt: skip
    onnx.save(model, folder / "net.onnx")
    forms = Affine(np.array([-limit, -1.0]), {"y": Csr.of(np.ones((2, 1)))})
    unsafe = one_input(forms, [False, True], [0, 1, 2], [(0.0, 1.0), (-2.0, -1.0)])
    return question(read_network(folder / "net.onnx"), unsafe, "claim")


class Says:
    """A runtime that gives one number."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, x: FloatArray) -> FloatArray:
        return np.full((len(x), 1), self.value)


def test_counterexamples_of_functions_without_exact_value(tmp_path: Path) -> None:
    task = curved(tmp_path, 0.625)
    cases = {0.75: "both", 0.5: None, 2.0: None, -1.5: None}  # sigmoid(0.5) < 0.625 < sigmoid(0.75); the rest outside
    for x, arithmetic in cases.items():
        assert unsafe_arithmetic(task, np.array([x]), Says(sigmoid(Decimal(x)).__float__())) == arithmetic
    assert unsafe_arithmetic(task, np.array([0.75]), Says(0.6)) == "real-only"
    assert unsafe_arithmetic(task, np.array([0.5]), Says(0.7)) == "float32-only"
    assert unsafe_arithmetic(task, np.array([0.75]), Says(np.nan)) == "real-only"
    points = np.array([[0.75], [0.5], [-1.5]])
    assert unsafe_in_reals(task, points).tolist() == [[1, -1], [-1, -1], [-1, -1]]


def test_ties_of_functions_without_exact_value_stay_open(tmp_path: Path) -> None:
    """sigmoid(0) is 1/2, which no interval of positive width proves to be >= 1/2."""
    task = curved(tmp_path, 0.5)
    assert unsafe_in_reals(task, np.zeros((1, 1))).tolist() == [[0, -1]]
    assert unsafe_arithmetic(task, np.zeros(1), Says(0.5)) == "float32-only"
    assert unsafe_arithmetic(task, np.zeros(1), Says(0.4)) is None
    with pytest.raises(Refused, match="no exact value"):
        exact_values(task.problem, {"x": Exact.of(np.zeros((1, 1)))})


def test_networks_too_large_for_rationals_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """y = x at x = 1, unsafe where y >= 1: exact rationals say so, intervals alone don't."""
    path = save(tmp_path / "net.onnx", [(np.ones((1, 1)), np.zeros(1))])
    forms = Affine(np.array([-1.0]), {"y": Csr.of(np.ones((1, 1)))})
    task = question(read_network(path), one_input(forms, [False], [0, 1], [(0.0, 2.0)]), "claim")
    assert unsafe_in_reals(task, np.ones((1, 1))).tolist() == [[1]]
    monkeypatch.setattr(counterexample, "PRODUCTS", 1)
    assert unsafe_in_reals(task, np.ones((1, 1))).tolist() == [[0]]
    assert unsafe_in_reals(task, np.full((1, 1), 1.5)).tolist() == [[1]]


def test_candidates_that_are_no_numbers(tmp_path: Path) -> None:
    task = curved(tmp_path, 0.625)
    checker = Checker(NetView.of(task.problem), task, Says(0.7))
    assert checker.best(np.array([[np.nan], [np.inf]]), np.array([0, 0])) is None
    found = checker.best(np.array([[np.nan], [0.75]]), np.array([0, 0]))
    assert found is not None and found.arithmetic == "both"


def test_candidates_of_functions_without_exact_value(tmp_path: Path) -> None:
    task = curved(tmp_path, 0.625)
    checker = Checker(NetView.of(task.problem), task, Says(0.6))
    found = checker.best(np.array([[0.1], [7.0], [0.75]]), np.array([0, 0, 0]))
    assert found is not None and (found.arithmetic, found.case, found.x.tolist()) == ("real-only", "case 0", [1.0])
    assert checker.best(np.array([[7.0]]), np.array([1])) is None
    both = Checker(NetView.of(task.problem), task, Says(0.7)).best(np.array([[0.1], [0.75]]), np.array([0, 0]))
    assert both is not None and (both.arithmetic, both.x.tolist()) == ("both", [0.75])
