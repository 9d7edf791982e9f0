"""VNN-LIB files as unsafe sets: against an evaluator of formulas of its own, and by hand."""

from __future__ import annotations

import gzip
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.frontends.source_text import SourceText
from isinglass.frontends.vnnlib.property import unsafe_set
from isinglass.frontends.vnnlib.query import Query
from isinglass.frontends.vnnlib.reader import query_of, read_vnnlib
from isinglass.ir.exact import Exact
from isinglass.ir.types import BoolArray, FloatArray

INPUTS, OUTPUTS = 3, 2
V1 = "".join(f"(declare-const X_{k} Real)\n" for k in range(INPUTS)) + "".join(
    f"(declare-const Y_{k} Real)\n" for k in range(OUTPUTS)
)
V2 = """(vnnlib-version <2.0>)
(declare-network f (declare-input X Real [1, 3]) (declare-output Y Real [2]))
"""
BOX = "".join(f"(assert (<= X_{k} 2))(assert (>= X_{k} -1.5))\n" for k in range(INPUTS))
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
Tree = Any
"""A number's text, a variable's name, or a tuple of a head and trees."""


def parsed(text: str) -> Query:
    return query_of(SourceText("p.vnnlib", text, "vnnlib"))


def held(query: Query, points: FloatArray) -> BoolArray:
    """Whether any case holds at points [B, inputs + outputs]."""
    unsafe = unsafe_set(query, "x", "y")
    x, y = points[:, : query.inputs.size], points[:, query.inputs.size :]
    return np.asarray(unsafe.holds({"x": Exact.of(x), "y": Exact.of(y)}, x).any(axis=1))


def number(tree: Tree, values: Mapping[str, Fraction]) -> Fraction:
    if isinstance(tree, str):
        return values[tree] if tree[0] in "XY" else Fraction(tree)
    head, *rest = tree
    parts = [number(one, values) for one in rest]
    if head == "+":
        return sum(parts, Fraction(0))
    if head == "-":
        return -parts[0] if len(parts) == 1 else parts[0] - sum(parts[1:], Fraction(0))
    result = Fraction(1)
    for part in parts:
        result *= part
    return result


def truth(tree: Tree, values: Mapping[str, Fraction]) -> bool:
    head, *rest = tree
    if head in SIGNS:
        return SIGNS[head](*(number(one, values) for one in rest))
    parts = [truth(one, values) for one in rest]
    return not parts[0] if head == "not" else all(parts) if head == "and" else any(parts)


def text_of(tree: Tree, version: int) -> str:
    if not isinstance(tree, str):
        head = "==" if tree[0] == "=" and version == 2 else tree[0]
        return f"({head} {' '.join(text_of(one, version) for one in tree[1:])})"
    if version == 2 and tree[0] in "XY":
        return f"X[0,{tree[2:]}]" if tree[0] == "X" else f"Y[{tree[2:]}]"
    return tree


LONG = "0.1000000000000000055511151231257827"
NUMBERS = ["0", "0.5", "-1", "0.1", "-0.25", "1.5", "2", LONG]
VARIABLES = [f"X_{k}" for k in range(INPUTS)] + [f"Y_{k}" for k in range(OUTPUTS)]
leaf = st.sampled_from(VARIABLES) | st.sampled_from(NUMBERS)
term = leaf | st.tuples(st.sampled_from(["+", "-"]), leaf, leaf) | st.tuples(st.just("-"), leaf) | st.tuples(
    st.just("*"), st.sampled_from(NUMBERS[:-1]), st.tuples(st.just("-"), leaf, leaf, leaf)
)  # fmt: skip
atom = st.tuples(st.sampled_from(list(SIGNS)), leaf, leaf) | st.tuples(st.sampled_from(list(SIGNS)), term, term)
formula = st.recursive(
    atom,
    lambda inner: st.tuples(st.just("not"), inner)
    | st.lists(inner, min_size=1, max_size=3).map(lambda items: ("and", *items))
    | st.lists(inner, min_size=1, max_size=3).map(lambda items: ("or", *items)),
    max_leaves=7,
)
GRID = np.array([-1.5, -1.0, -0.25, 0.0, 0.1, 0.5, 1.5, 2.0, 2.5])


@settings(derandomize=True, deadline=None, max_examples=120)
@given(st.lists(formula, min_size=1, max_size=3), st.sampled_from([1, 2]), st.integers(0, 2**31))
def test_the_set_holds_where_the_formula_does(asserted: list[Tree], version: int, seed: int) -> None:
    box: list[Tree] = [(sign, f"X_{k}", side) for k in range(INPUTS) for sign, side in (("<=", "2"), (">=", "-1.5"))]
    lines = [f"(assert {text_of(tree, version)}) ; a comment (or not\n" for tree in [*box, *asserted]]
    query = parsed((V1 if version == 1 else V2) + "".join(lines))
    points = np.random.default_rng(seed).choice(GRID, size=(40, INPUTS + OUTPUTS))
    expected = []
    for point in points:
        values = dict(zip(VARIABLES, map(Fraction, point.tolist()), strict=True))
        expected.append(all(truth(tree, values) for tree in [*box, *asserted]))
    found = held(query, points)
    if query.rounded:  # a constant with too many digits: the set may only grow
        assert (found | ~np.array(expected)).all()
    else:
        assert found.tolist() == expected
    for point in points[np.array(expected)]:
        x = point[:INPUTS]
        assert ((query.lower <= x) & (x <= query.upper)).all(axis=1).any()
    assert (np.diff(query.start) > 0).all()
    assert len(np.unique(query.region)) == len(query.lower)


def test_boxes_are_exact_decimals() -> None:
    text = V1 + BOX + "(assert (<= X_0 0.1))(assert (< X_1 0.5))(assert (<= (* 3 X_2) 1))(assert (>= Y_0 0))"
    query = parsed(text)
    assert Fraction(query.upper[0, 0]) >= Fraction(1, 10) > Fraction(query.inner_upper[0, 0])
    assert (query.upper[0, 1], query.inner_upper[0, 1]) == (0.5, np.nextafter(0.5, 0))
    assert Fraction(query.inner_upper[0, 2]) < Fraction(1, 3) < Fraction(query.upper[0, 2])
    assert query.lower.tolist() == query.inner_lower.tolist() == [[-1.5] * 3]
    assert np.nextafter(query.inner_upper[0, [0, 2]], 9).tolist() == query.upper[0, [0, 2]].tolist()


@pytest.mark.parametrize(
    ("extra", "cases", "regions"),
    [
        ("(assert (>= Y_0 Y_1))", 1, 1),
        ("(assert (or (and (>= Y_0 Y_1)) (>= Y_0 1) (>= Y_0 1)))", 2, 1),
        ("(assert (or (<= X_0 0) (and (<= X_0 0) (<= X_0 1)) (and (>= X_0 1) (>= Y_0 0))))", 2, 2),
        ("(assert (>= X_0 3))", 0, 0),
        ("(assert (< X_0 0.5))(assert (>= X_0 0.5))", 0, 0),
        ("(assert (<= X_0 0.1))(assert (>= X_0 0.1))(assert (>= Y_0 0))", 1, 1),
        ("(assert (<= X_0 0.1))(assert (>= X_0 0.10000000000000000001))", 0, 0),
        ("(assert (<= Y_0 1))(assert (>= Y_0 2))", 0, 0),
        ("(assert (<= Y_0 Y_1))(assert (< Y_1 Y_0))", 0, 0),
        ("(assert (<= Y_0 2))(assert (<= Y_0 1))(assert (< Y_0 1))", 1, 1),
        ("(assert (or (and (<= X_0 0) (>= X_0 1)) (>= Y_0 3)))", 1, 1),
        ("(assert (or (<= Y_0 0) (>= Y_0 1)))(assert (or (<= Y_1 0) (>= Y_1 1)))", 4, 1),
        ("(assert (or (<= Y_0 0) (>= Y_0 1)))(assert (or (<= Y_0 0) (>= Y_0 1)))", 2, 1),
        ("(assert (<= -1 X_0 Y_0 1))", 1, 1),
        ("(assert (not (<= -1 Y_0 1)))", 2, 1),
        ("(assert true)", 1, 1),
        ("(assert (and true (not false)))", 1, 1),
        ("(assert (or (> 0 1) false))", 0, 0),
    ],
)
def test_cases_and_boxes_are_merged(extra: str, cases: int, regions: int) -> None:
    query = parsed(V1 + BOX + extra)
    assert (query.count, len(query.lower)) == (cases, regions)


def test_words_of_cases() -> None:
    query = parsed(V1 + BOX + "(assert (or (>= Y_0 Y_1) (< (+ (* 2 Y_0) X_1) -0.5)))")
    assert list(query.texts) == ["Y_0 >= Y_1", "0 > X_1 + 2.0 Y_0 + 0.5"]
    assert parsed(V2 + BOX2 + "(assert (<= Y[1] 3.0))").texts[0] == "3.0 >= Y[1]"


BOX2 = "".join(f"(assert (and (<= X[0,{k}] 1.0) (>= X[0, {k}] 0.0)))\n" for k in range(INPUTS))


def test_a_case_without_rows_holds_in_its_box() -> None:
    query = parsed(V1 + BOX)
    assert query.texts[0] == "0 >= 0"
    points = np.array([[0.0, 0, 0, 9, 9], [2.5, 0, 0, 9, 9]])
    assert held(query, points).tolist() == [True, False]


def test_long_constants_let_the_set_grow() -> None:
    for sign, constant in ((">=", LONG), ("<=", "-" + LONG)):
        query = parsed(V1 + BOX + f"(assert ({sign} Y_0 {constant}))")
        meant = Fraction(constant)
        side = -query.constant[0] if sign == ">=" else query.constant[0]
        stated = Fraction(repr(float(side)))
        assert query.rounded == 1
        assert stated <= meant if sign == ">=" else stated >= meant
        assert abs(stated - meant) < Fraction(1, 10**16)


def test_rational_coefficients_are_scaled() -> None:
    query = parsed(V1 + BOX + "(assert (>= (+ (/ Y_0 3) (* 0.5 Y_1)) 1))")
    assert (query.matrix.toarray()[0, INPUTS:].tolist(), query.constant.tolist()) == ([2.0, 3.0], [-6.0])


def test_gzipped_file(tmp_path: Path) -> None:
    path = tmp_path / "p.vnnlib.gz"
    path.write_bytes(gzip.compress((V1 + BOX + "(assert (<= Y_0 0))").encode()))
    assert read_vnnlib(path).count == 1


def test_many_cases_share_their_boxes() -> None:
    lines = [f"(and (>= X_0 {k % 50}.5) (<= X_0 {k % 50 + 1}) (>= Y_0 {k}))" for k in range(20_000)]
    box = "".join(f"(assert (<= X_{k} 200))(assert (>= X_{k} 0))\n" for k in range(INPUTS))
    query = parsed(V1 + box + f"(assert (or {' '.join(lines)}))")
    assert (query.count, query.lower.shape) == (20_000, (50, INPUTS))
    assert query.texts[19_999] == "Y_0 >= 19999.0"
    points = np.array([[19.75, 0, 0, 19, 0], [19.75, 0, 0, 18, 0], [19.25, 0, 0, 19, 0]])
    assert held(query, points).tolist() == [True, False, False]


@pytest.mark.parametrize("depth", [100_000])
@pytest.mark.parametrize(
    ("opening", "closing", "cases"),
    [
        ("(and ", ")", 1),
        ("(or (>= Y_0 1) ", ")", 2),
        ("(not ", ")", 1),
        ("(and (<= Y_1 5) ", ")", 1),
    ],
)
def test_deep_nesting_of_logic(depth: int, opening: str, closing: str, cases: int) -> None:
    query = parsed(V1 + BOX + "(assert " + opening * depth + "(<= Y_0 0)" + closing * depth + ")")
    assert query.count == cases


@pytest.mark.parametrize(("opening", "slope"), [("(- ", 1.0), ("(+ Y_0 ", 100_001.0), ("(* 1 ", 1.0), ("(- 1 ", 1.0)])
def test_deep_nesting_of_arithmetic(opening: str, slope: float) -> None:
    query = parsed(V1 + BOX + "(assert (<= " + opening * 100_000 + "Y_0" + ")" * 100_000 + " 5))")
    assert query.matrix.toarray()[0, INPUTS].item() == -slope
