"""Random expressions of specs against numpy: the same text, with ^ written **, gives the same numbers."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.ir.errors import InputError
from isinglass.ir.evaluate import evaluate

from .glass_cases import folder, problem_of

V, A = np.array([1.0, 2.5, -3.0]), np.array([[1.0, 2.0, 3.0], [4.0, 5.5, -6.0]])
B = np.arange(9.0).reshape(3, 3) / 4
HEAD = 'param v = [1, 2.5, -3]\nparam A = [[1, 2, 3], [4, 5.5, -6]]\nparam B = load("B.npy")\n'
DECLARE = "var x : int[3] in -1..1\nvar b : bin[2]\n"
PIECES = {
    "x": "x", "b": "b", "v": "V", "A": "A", "B": "B", "2": "2.0", "0.5": "0.5", "x[1]": "x[1]", "b[0]": "b[0]",
    "x[..1]": "x[:2]", "x[1..]": "x[1:]", "B[1, ..]": "B[1]", "B[.., 2]": "B[:, 2]", "A[0..1, 1..2]": "A[:, 1:]",
    "x[[2, 0]]": "x[[2, 0]]", "B[[0, 2], 1..2]": "B[[0, 2]][:, 1:]", "sum(x)": "x.sum()", "(A @ x)": "(A @ x)",
    "(x @ B @ x)": "(x @ B @ x)", "sum(B, axis = 0)": "B.sum(axis=0)", "sum(B, axis = 1)": "B.sum(axis=1)",
    "transpose(A)": "A.T", "[b[0], 2, x[0]]": "np.array([b[0], 2, x[0]])", "[x, v]": "np.array([x, V])", "-v": "-V",
    "sum(x[i] * v[j] for i in 0..2, j in i..2)": "sum(x[i] * V[j] for i in range(3) for j in range(i, 3))",
    "sum(B[i, i] * x[2 - i] for i in 0..2 if i != 1)": "sum(B[i, i] * x[2 - i] for i in (0, 2))",
    "sum(B[i, ..] @ x for i in 0..1)": "sum(B[i] @ x for i in range(2))",
    "sum(sum(B[i, j] * x[j] for j in 0..i) * b[i] for i in 0..1)":
        "sum(sum(B[i, j] * x[j] for j in range(i + 1)) * b[i] for i in range(2))",
    "sum(x * B[i, ..] for i in 1..2)": "sum(x * B[i] for i in (1, 2))",
    "max(v[i]^2 for i in 0..2)": "9.0", "min(v)": "-3.0", "max(v, 1)": "np.maximum(V, 1)", "abs(v)": "abs(V)",
    "sum((A @ x - 1)^2)": "((A @ x - 1) ** 2).sum()", "x^2": "x**2", "(x - v)^2": "(x - V) ** 2",
}  # fmt: skip


@st.composite
def texts(draw: st.DrawFn, depth: int = 3) -> tuple[str, str]:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(list(PIECES.items())))
    (left, first), (right, second) = draw(texts(depth=depth - 1)), draw(texts(depth=depth - 1))
    sign = draw(st.sampled_from(["+", "-", "*", "@"]))
    return f"({left}) {sign} ({right})", f"({first}) {sign} ({second})"


def points() -> dict[str, np.ndarray]:
    table = np.array(list(product([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [0.0, 1.0], [0.0, 1.0])))[::5]
    return {"x": table[:, :3], "b": table[:, 3:]}


def numpy_values(text: str) -> np.ndarray | None:
    """Values at all points; None where numpy refuses the shapes."""
    scope: dict[str, Any] = {"np": np, "V": V, "A": A, "B": B, "sum": sum, "abs": abs, "range": range}
    values = points()
    try:
        found = [eval(text, scope | {"x": x, "b": b}) for x, b in zip(values["x"], values["b"], strict=True)]
    except (ValueError, TypeError):
        return None
    return np.array(found, dtype=np.float64)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("data"), B=B)


@settings(max_examples=150)
@given(texts())
def test_objectives(data: Path, pair: tuple[str, str]) -> None:
    text, other = pair
    expected = numpy_values(other)
    try:
        problem = problem_of(f"{HEAD}{DECLARE}minimize sum({text})", base_dir=data)
    except InputError as error:
        code = error.diagnostics[0].code
        assert code == "too-large" or (expected is None and code == "shape")
        return
    assert expected is not None
    sums = expected.reshape(len(expected), -1).sum(axis=1)
    assert np.allclose(evaluate(problem, points()).objective, sums, rtol=1e-12, atol=1e-9)


@settings(max_examples=150)
@given(texts(), st.sampled_from(["<=", ">=", "=="]), st.integers(-3, 3))
def test_rows(data: Path, pair: tuple[str, str], sign: str, side: int) -> None:
    text, other = pair
    expected = numpy_values(other)
    try:
        problem = problem_of(f"{HEAD}{DECLARE}minimize 0\nrequire c: {text} {sign} {side}/4", base_dir=data)
    except InputError as error:
        codes = {item.code for item in error.diagnostics}
        assert codes == {"row"} or (codes == {"shape"} and expected is None)
        return
    assert expected is not None
    amount = expected.reshape(len(expected), -1) - side / 4  # small dyadic numbers: exact
    held = {"<=": amount <= 0, ">=": amount >= 0, "==": amount == 0}[sign].all(axis=1)
    assert (evaluate(problem, points()).feasible == held).all()
