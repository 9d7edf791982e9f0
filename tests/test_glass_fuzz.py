"""Whatever a text says: a task, or an error meant for a user; nothing else, and no more memory than agreed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.frontends.glass.messages import RESERVED, STATEMENTS
from isinglass.frontends.glass.reader import parse_spec
from isinglass.frontends.glass.signatures import FUNCTIONS
from isinglass.ir.errors import IsinglassError
from isinglass.ir.tasks import Optimize
from isinglass.ir.text import parse_ir, print_ir

from .glass_cases import codes_of

WORDS = [
    *STATEMENTS, *RESERVED, *FUNCTIONS, "cost", "bin", "int", "real", "spin", "ball", "linf", "inf", "x", "y", "a", "i",
    "0", "1", "2", "3.5", "1e3", "-", "+", "*", "/", "@", "^", "<=", ">=", "==", "<", "!=", "(", ")", "[", "]", "{",
    "}", ",", ":", ";", "=", "..", "&", "\n", "\n", "\n", '"f.npy"', "'", "#", "[1, 2, 3]", "[[1, 2], [3, 4]]", "$",
    "\t", "é",
]  # fmt: skip
PIECES = [
    "x", "b", "a", "v", "A", "x[0]", "x[i]", "A[i, j]", "x[1..2]", "b[..]", "2", "0.5", "-1", "1/3", "i", "j",
    "[1, 2, 3]", "sum(x)", "sum(x[i] for i in 0..2)", "sum(A[i, j]*x[j] for i in 0..1, j in 0..2 if i < j)", "A @ x",
    "x @ x", "len(v)", "max(v)", "min(1, i)", "abs(-2)", "sqrt(4)", "floor(i/2)", "float(1/3)", "transpose(A)", "inf",
    "(1 < 2)", "x^2", "v^2",
]  # fmt: skip


def attempt(text: str) -> None:
    """Must end in a task that the text form can hold, or in an error for the user."""
    try:
        task = parse_spec(text)
    except IsinglassError as error:
        assert all(found.code != "spec" for found in error.diagnostics)  # a failure without a reason
        return
    if isinstance(task, Optimize):
        printed, arrays = print_ir(task.problem)
        assert print_ir(parse_ir(printed, arrays))[0] == printed


@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    attempt(text)


@settings(max_examples=150)
@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_any_words(words: list[str]) -> None:
    attempt(" ".join(words))


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(PIECES))
    left, right = draw(expressions(depth=depth - 1)), draw(expressions(depth=depth - 1))
    sign = draw(st.sampled_from(["+", "-", "*", "/", "@", "^"]))
    return f"({left}) {sign} {right}" if draw(st.booleans()) else f"{left} {sign} ({right})"


@st.composite
def rows(draw: st.DrawFn) -> str:
    parts = draw(st.lists(expressions(), min_size=2, max_size=3))
    row = draw(st.sampled_from(["<=", ">=", "=="])).join(parts)
    if draw(st.booleans()):
        row += draw(st.sampled_from([" and ", " or "])) + draw(st.sampled_from(["b[0]", "not b[1]", "x[0] <= 1"]))
    if draw(st.booleans()):
        row = f"when {draw(st.sampled_from(['b[0]', 'not b[i]', 'x[0]', 'b[0] and b[1]']))} then {row}"
    row += draw(st.sampled_from(["", " else cost 2", " else cost i", " else cost v"]))
    return row + draw(
        st.sampled_from(["", " for i in 0..1", " for i in 0..1, j in i..2 if i + j != 1", " for i in [0, 2]"])
    )


@settings(max_examples=150)
@given(expressions(), st.lists(rows(), max_size=3))
def test_any_model(objective: str, more: list[str]) -> None:
    head = "param v = [1, 2.5, -3]\nparam A = [[1, 2, 3], [4, 5.5, 6]]\nvar x : int[3] in -1..2\nvar b : bin[3]\n"
    text = f"{head}let a = x[0] - 2*b\nminimize {objective}\n"
    attempt(text + "".join(f"require {row}\n" for row in more))


@pytest.mark.parametrize("count", [60, 10_000])
@pytest.mark.parametrize("pair", [("(", ")"), ("-(", ")"), ("1 + 2*(", ")"), ("abs(", ")"), ("[", "]"), ("2^(", ")")])
def test_deep_nesting_is_an_answer_or_an_error(pair: tuple[str, str], count: int) -> None:
    codes = codes_of(f"let a = {pair[0] * count}1{pair[1] * count}\nminimize 0")
    assert codes == ["nesting"] if count > 64 else set(codes) <= {"nesting", "too-large", "shape", "syntax"}


def test_long_chains_are_no_nesting() -> None:
    assert codes_of("var x : bin\nminimize " + " + ".join(["x"] * 3000)) == []
    lets = "\n".join(f"let a{k} = a{k - 1} + 1" for k in range(1, 2000))
    assert codes_of(f"param a0 = 1\n{lets}\nvar x : bin\nminimize a1999 * x") == []


HUGE = [
    "minimize sum(1 for i in 0..10^9)",
    "minimize sum(1 for i in 0..10^5, j in 0..10^5, k in 0..10^5)",
    "minimize sum(sum(1 for j in 0..i) for i in 0..10^5)",
    "var y : bin[10^6, 10^6]\nminimize 0",
    "var y : bin[10^5]\nminimize sum(y)^2",
    "var y : bin[400]\nminimize sum(y)^9",
    "var y : bin[10^5]\nminimize sum(y[i] * sum(y) for i in 0..10^5 - 1)",
    "var y : bin[3000]\nminimize 0\nrequire sum(y) + y[i] <= 3 for i in 0..2999, j in 0..999",
    "var y : bin[3000]\nminimize sum(sum(y[0..2999] * y[i]) for i in 0..10^5 - 10^5 + 2999, j in 0..9)",
    "minimize 2^(10^8)",
    "minimize (1/3)^(10^5)",
    "var y : bin\nminimize y^(10^6)",
    "minimize sum(2^i for i in 0..10^6)",
]


@pytest.mark.parametrize("text", HUGE)
def test_what_would_be_huge_is_refused_before_it_is_made(text: str) -> None:
    assert codes_of(text) == ["too-large"]
