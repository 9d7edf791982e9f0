"""Building from Python: shapes, meaning of rows however they were written, errors. Judged by numpy and fractions."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass.ir.blocks import Lin
from isinglass.ir.builder import Builder
from isinglass.ir.errors import InputError
from isinglass.ir.evaluate import evaluate
from isinglass.ir.expression import Expression

POINTS = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
DECIMALS = st.integers(-30, 30).map(lambda k: k / 10)


class Exact:
    """A polynomial in fractions, evaluated at every point of {0, 1}^3 beside the expression it mirrors."""

    def __init__(self, expression: Any, values: list[Fraction]) -> None:
        self.expression, self.values = expression, values


def exact(number: float) -> Fraction:
    return Fraction(str(number))


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> Any:
    """A function of x (an expression or a list of fractions) as nested tuples."""
    if depth == 0 or draw(st.booleans()):
        return draw(st.one_of(st.integers(0, 2).map(lambda i: ("x", i)), DECIMALS.map(lambda c: ("c", c))))
    kind = draw(st.sampled_from(["+", "-", "*", "scale", "divide", "sum"]))
    if kind in ("+", "-", "*"):
        return (kind, draw(trees(depth - 1)), draw(trees(depth - 1)))
    if kind == "sum":
        return ("sum", draw(st.lists(DECIMALS, min_size=3, max_size=3)))
    return (kind, draw(trees(depth - 1)), draw(DECIMALS.filter(bool)))


def build(tree: Any, x: Expression) -> Any:
    match tree:
        case ("x", i):
            return x[i]
        case ("c", c):
            return c
        case ("sum", weights):
            return np.array(weights) @ x
        case ("scale", inner, c):
            return build(inner, x) * c
        case ("divide", inner, c):
            return build(inner, x) / c
    left, right = build(tree[1], x), build(tree[2], x)
    return {"+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right}[tree[0]]()


def value(tree: Any, x: list[Fraction]) -> Fraction:
    match tree:
        case ("x", i):
            return x[i]
        case ("c", c):
            return exact(c)
        case ("sum", weights):
            return sum((exact(w) * v for w, v in zip(weights, x, strict=True)), Fraction(0))
        case ("scale", inner, c):
            return value(inner, x) * exact(c)
        case ("divide", inner, c):
            return value(inner, x) / exact(c)
    left, right = value(tree[1], x), value(tree[2], x)
    return {"+": left + right, "-": left - right, "*": left * right}[tree[0]]


def plain_numbers_only(tree: Any) -> bool:
    """Arithmetic on two plain numbers is Python's own, not ours."""
    if tree[0] in ("x", "c", "sum"):
        return tree[0] != "c"
    parts = [part for part in tree[1:] if isinstance(part, tuple)]
    if all(part[0] == "c" for part in parts):
        return False
    return all(part[0] == "c" or plain_numbers_only(part) for part in parts)


@given(trees(), DECIMALS, st.sampled_from(["<=", ">=", "=="]))
def test_rows_mean_what_was_written(tree: Any, side: float, sense: str) -> None:
    if not plain_numbers_only(tree):
        return
    b = Builder()
    x = b.binary("x", (3,))
    left = build(tree, x)
    truth = [value(tree, [Fraction(int(v)) for v in point]) for point in POINTS]
    at = exact(side) if sense != "==" else truth[-1]
    if sense == "==":
        side = float(at)
        if Fraction(str(side)) != at:
            return
    b.add("row", {"<=": left <= side, ">=": left >= side, "==": left == side}[sense])
    found = evaluate(b.build(), {"x": POINTS}).feasible
    wanted = [{"<=": v <= at, ">=": v >= at, "==": v == at}[sense] for v in truth]
    assert found.tolist() == wanted


@pytest.mark.parametrize("write", [
    lambda x: 0.2 * x[0] + 0.1 <= 0.3,
    lambda x: 0.1 * x[0] + 0.2 * x[0] <= 0.3,
    lambda x: 0.2 * x[0] * x[1] + 0.1 <= 0.3,
    lambda x: 3 * (0.2 * x[0] + 0.1 * x[1]) <= 0.9,
    lambda x: (x.sum() - 0.3) * 0.1 <= 0.27,
    lambda x: np.array([0.1, 0.2, 0.3]) @ x + np.array([0.2, 0.1, 0.3]) @ x <= 1.2,
    lambda x: (x / 3).sum() <= 1,
    lambda x: (0.7 * x).sum() + 0.7 * x[0] == 2.8 * x[0] * x[1] * x[2],
])  # fmt: skip
def test_rows_that_touch_stay_feasible(write: Any) -> None:
    """At x = (1, 1, 1) each holds with equality in fractions; float64 sums would say otherwise for some."""
    b = Builder()
    b.add("row", write(b.binary("x", (3,))))
    assert evaluate(b.build(), {"x": np.ones((1, 3))}).feasible.all()


def test_shapes_follow_numpy() -> None:
    b = Builder()
    x, y = b.binary("x", (3, 4)), b.integer("y", (4,), 0, 5)
    rng = np.random.default_rng(0)
    X, Y = rng.integers(0, 2, (3, 4)).astype(float), rng.integers(0, 6, 4).astype(float)
    A, c = rng.integers(-5, 6, (2, 3)).astype(float), rng.integers(-5, 6, 3).astype(float)
    cases = {
        "sum": (x.sum(), X.sum()), "axis0": (x.sum(axis=0), X.sum(axis=0)), "axis1": (x.sum(axis=1), X.sum(axis=1)),
        "slice": (x[1:, ::2], X[1:, ::2]), "transpose": (x.T, X.T), "broadcast": (x + y, X + Y),
        "scale": (x * Y, X * Y),
        "left": (A @ x, A @ X), "vector": (c @ x, c @ X), "right": (x @ Y, X @ Y), "product": (x @ y, X @ Y),
        "elementwise": (x * y, X * Y), "reshape": (x.reshape(2, 6), X.reshape(2, 6)), "power": (y**2, Y**2),
        "outer": (y.reshape(4, 1) * y, Y[:, None] * Y), "divide": (y / 3 - 1, Y / 3 - 1),
        "form": (y @ np.outer(Y, Y) @ y, Y @ np.outer(Y, Y) @ Y),
    }  # fmt: skip
    for name, (ours, numpy) in cases.items():
        assert ours.shape == np.shape(numpy), name
        one = Builder()
        one.binary("x", (3, 4))
        one.integer("y", (4,), 0, 5)
        one.minimize((ours * rng.integers(1, 9, ours.shape)).sum() * 0 + ours.sum())
        found = evaluate(one.build(), {"x": X.reshape(1, -1), "y": Y[None]})
        np.testing.assert_allclose(found.objective, np.sum(numpy), err_msg=name)


def test_soft_and_either_rows() -> None:
    b = Builder()
    x = b.binary("x", (2,))
    broken = b.add_soft("soft", x[0] + x[1] <= 0, 2.5)
    b.add_either("or", [[x[0] == 1], [x[1] == 1]])
    b.maximize(x.sum())
    problem = b.build()
    assert broken.shape == ()
    points = np.array(list(itertools.product([0.0, 1.0], repeat=5)))
    result = evaluate(problem, {"x": points[:, :2], "soft.broken": points[:, 2:3], "or.case": points[:, 3:]})
    best = result.objective[result.feasible].max()
    assert best == 2 - 2.5


@pytest.mark.parametrize(("write", "words"), [
    (lambda b, x: b.add("r", x @ np.ones(3) <= 1), "@ does not fit"),
    (lambda b, x: b.add("r", x * np.nan <= 1), "NaN or infinite"),
    (lambda b, x: b.add("r", x[9] <= 1), "does not fit shape"),
    (lambda b, x: b.add("r", True), "always True"),
    (lambda b, x: b.add("r", x), "no comparison"),
    (lambda b, x: b.binary("x"), "used twice"),
    (lambda b, x: b.minimize(x), "must be one number"),
    (lambda b, x: b.add("r", x != 1), "!= is not a linear row"),
    (lambda b, x: b.add("r", 0 <= x[0] <= 1), "chained comparisons"),
    (lambda b, x: b.add_soft("r", x <= 0, -1.0), "not negative"),
    (lambda b, x: b.add("r", (x[0] <= 1).when(x[0] + x[1])), "a guard must be"),
    (lambda b, x: b.add("r", x / 0 <= 1), "division by zero"),
    (lambda b, x: b.add("r", (x[0] <= 0).when(x[1]).when(x[2])), "one guard"),
    (lambda b, x: b.add_either("r", [[(x[0] <= 0).when(x[1])]]), "one guard"),
    (lambda b, x: b.add_soft("r", (x[0] <= 0).when(x[1]), 1.0), "one guard"),
    (lambda b, x: b.add("r", (x <= 0).when(x[:2])), r"the guard has shape \(2,\)"),
    (lambda b, x: b.add("r", (x <= 0).when("x")), "not str"),
    (lambda b, x: b.add("r", (x <= 0).when(Builder().binary("y"))), "a guard must be"),
    (lambda b, x: b.add_soft("r", x <= 0, [1.0, 2.0]), "cost of soft row 'r' has shape"),
    (lambda b, x: b.add_soft("r", x, 1.0), "no comparison"),
    (lambda b, x: b.add_either("r", [x[0] <= 0]), "not a list of rows"),
    (lambda b, x: b.binary("y", (2.5,)), "no shape"),
    (lambda b, x: b.binary("y", (-1,)), "no shape"),
    (lambda b, x: x.reshape(3, 2), "can't become"),
    (lambda b, x: x.sum(axis=1), "no axis 1"),
])  # fmt: skip
def test_mistakes_are_named(write: Any, words: str) -> None:
    b = Builder()
    x = b.binary("x", (4,))
    with pytest.raises(InputError, match=words):
        write(b, x)


def test_two_objectives() -> None:
    b = Builder()
    b.minimize(b.binary("x"))
    with pytest.raises(InputError, match="stated twice"):
        b.maximize(0)


def test_dense_forms_are_not_copied() -> None:
    b = Builder()
    x = b.binary("x", (50,))
    Q = np.random.default_rng(0).normal(size=(50, 50))
    b.minimize(x @ Q @ x)
    operator = b.build().objective.terms[0].operator  # type: ignore[attr-defined]
    assert np.shares_memory(operator.matrix, Q)


def test_rows_keep_their_operator() -> None:
    b = Builder()
    x = b.binary("x", (3,))
    A = np.array([[1.0, 2.0, 3.0], [0.5, 0.25, 0.1]])
    b.add("rows", A @ x <= np.array([3.0, 0.7]))
    block = b.build().lins["rows"]
    assert isinstance(block, Lin) and block.reading == "simplest"
    np.testing.assert_array_equal(block.parts["x"].to_dense(), A)
