"""Exact arrays against Python's fractions, and the numbers of rows against what the text says."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass.frontends.glass.numbers import Numbers
from isinglass.ir.blocks import Lin
from isinglass.ir.errors import InputError
from isinglass.ir.rational import read_fraction

from .glass_cases import codes_of, errors_of, folder, problem_of

FRACTIONS = st.one_of(
    st.fractions(max_denominator=1000).filter(lambda f: abs(f) < 1000),
    st.integers(-(10**25), 10**25).map(Fraction),
    st.fractions(max_denominator=10**12).filter(lambda f: abs(f) < 10**12),
)
LISTS = st.lists(FRACTIONS, min_size=1, max_size=5)


def numbers(values: list[Fraction]) -> Numbers:
    top = np.array([v.numerator for v in values] + [None], dtype=object)[:-1]
    return Numbers.ratio(top, np.array([v.denominator for v in values] + [None], dtype=object)[:-1])


def back(found: Numbers) -> list[Fraction]:
    top, bottom = found.fractions
    return [Fraction(int(n), int(d)) for n, d in zip(top.ravel().tolist(), bottom.ravel().tolist(), strict=True)]


@given(LISTS, LISTS)
def test_arithmetic_is_that_of_fractions(first: list[Fraction], second: list[Fraction]) -> None:
    size = min(len(first), len(second))
    a, b = first[:size], second[:size]
    x, y = numbers(a), numbers(b)
    pairs = list(zip(a, b, strict=True))
    assert back(x + y) == [p + q for p, q in pairs]
    assert back(x - y) == [p - q for p, q in pairs]
    assert back(x * y) == [p * q for p, q in pairs]
    assert back(x.floor()) == [p.__floor__() for p in a]
    assert back(x.magnitude()) == [abs(p) for p in a]
    assert back(x.power(Numbers.integers(np.array(3)))) == [p**3 for p in a]
    if all(b):
        assert back(x / y) == [p / q for p, q in pairs]
        assert back(y.power(Numbers.integers(np.array(-2)))) == [q**-2 for q in b]
    for sign, compare in (("<", Fraction.__lt__), ("<=", Fraction.__le__), ("==", Fraction.__eq__)):
        assert x.compare(sign, y).tolist() == [compare(p, q) for p, q in pairs]
    assert back(x.where(x.compare("<", y), y)) == [min(p, q) for p, q in pairs]
    assert x.to_float().tolist() == [p.numerator / p.denominator for p in a]


@given(LISTS, st.data())
def test_sums_by_owner_are_those_of_fractions(values: list[Fraction], data: st.DataObject) -> None:
    owner = data.draw(st.lists(st.integers(0, 3), min_size=len(values), max_size=len(values)))
    expected = [sum((v for v, o in zip(values, owner, strict=True) if o == k), Fraction(0)) for k in range(4)]
    assert back(numbers(values).summed(np.array(owner), 4)) == expected


def test_many_denominators_without_a_common_one() -> None:
    values = [Fraction(1, p) for p in range(10**17, 10**17 + 90)]
    owner = np.arange(90) // 2
    expected = [values[2 * k] + values[2 * k + 1] for k in range(45)]
    assert back(numbers(values).summed(owner, 45)) == expected
    with pytest.raises(InputError, match="more than 4096 bits"):
        numbers(values).summed(np.zeros(90, np.int64), 1)


def test_roots() -> None:
    assert back(numbers([Fraction(9, 4), Fraction(0)]).root()) == [Fraction(3, 2), 0]
    with pytest.raises(InputError, match=r"sqrt\(2\) is not rational"):
        numbers([Fraction(2)]).root()
    with pytest.raises(InputError, match="negative"):
        numbers([Fraction(-4)]).root()


# -- rows -------------------------------------------------------------------------------------------------------------


def row(text: str, **options: Any) -> tuple[list[Fraction], Fraction, str]:
    """Coefficients of x, right-hand side and reading of the row ``c`` as the IR will read them."""
    problem = problem_of(f"var x : int[3] in 0..9\nminimize sum(x)\n{text}", **options)
    block = problem.lins["c"]
    dense = block.parts["x"].to_dense()[0]
    coefficients = [read_fraction(float(v), block.reading) for v in dense]
    return coefficients, read_fraction(float(block.rhs[0]), block.reading), block.reading


EXACT = {
    "[0.1, 0.2, 0.3] @ x <= 0.3": ([Fraction(1, 10), Fraction(1, 5), Fraction(3, 10)], Fraction(3, 10), "decimal"),
    "x[0]/3 + x[1]/7 <= 22/7": ([Fraction(1, 3), Fraction(1, 7), 0], Fraction(22, 7), "simplest"),
    "(0.1 + 0.2) * x[0] <= 0.3": ([Fraction(3, 10), 0, 0], Fraction(3, 10), "decimal"),
    "0.1*x[0] + 0.2*x[0] <= 1": ([Fraction(3, 10), 0, 0], Fraction(1), "decimal"),
    "x[0]*1e-7 + 12345678.9*x[1] <= 1": ([Fraction(1, 10**7), Fraction(123456789, 10), 0], Fraction(1), "decimal"),
    "0.1234567890123456*x[0] <= 1": ([Fraction("0.1234567890123456"), 0, 0], Fraction(1), "decimal"),
    # the decimal of the first needs 17 digits, the second is no decimal: scaled to integers
    "0.12345678901234*x[0] + x[1]/3 <= 1/9": (
        [Fraction(3 * 3 * 6172839450617, 50000000000000) * 50000000000000, Fraction(3 * 50000000000000), 0],
        Fraction(50000000000000),
        "dyadic",
    ),
    "(2^60 + 1)*x[0] - 2^60*x[0] + x[1] <= 2": ([1, 1, 0], Fraction(2), "decimal"),
    "2 * x[0] - x[0] * 2 + x[1] / 4 >= -1/2": ([0, Fraction(-1, 4), 0], Fraction(1, 2), "decimal"),
    "x[0] <= sqrt(9/4) + floor(-3.5) + ceil(1.2)": ([1, 0, 0], Fraction(-1, 2), "decimal"),
    "min(1/3, 0.5) * x[0] + max([1/3, 1/7]) * x[1] <= abs(-1/3)": (
        [Fraction(1, 3)] * 2 + [0],
        Fraction(1, 3),
        "simplest",
    ),
    "x[0] * (1/3)^2 <= 3^-2": ([Fraction(1, 9), 0, 0], Fraction(1, 9), "simplest"),
    "x[0] * float(1/3 + 1/7) <= 1": ([Fraction(10, 21), 0, 0], Fraction(1), "simplest"),
}


@pytest.mark.parametrize("text", EXACT)
def test_rows_mean_their_text_exactly(text: str) -> None:
    coefficients, side, reading = EXACT[text]
    assert row(f"require c: {text}") == (coefficients, side, reading)


def test_loaded_floats_are_simplest_rationals_and_integers_themselves(tmp_path: Path) -> None:
    folder(tmp_path, thirds=np.array([1 / 3, 2 / 7, 0.1]), ints=np.array([2**53 + 2, 3, -4]))
    (tmp_path / "t.csv").write_text("a, b\n0.1, 3\n0.30000000000000004, 4\n0.2, 5\n", encoding="utf-8")
    load = 'param v = load("thirds.npy")\nparam k = load("ints.npy")\nparam t = load("t.csv", "a")\nrequire c: '
    thirds = [Fraction(1, 3), Fraction(2, 7), Fraction(1, 10)]
    assert row(load + "v @ x <= 3/7", base_dir=tmp_path) == (thirds, Fraction(3, 7), "simplest")
    assert row(load + "-sum(v[i]*x[i] for i in 0..2) <= 1", base_dir=tmp_path) == ([-v for v in thirds], 1, "simplest")
    doubled = [2 * v for v in thirds]
    assert row(load + "2 * v @ x <= v[0]", base_dir=tmp_path) == (doubled, Fraction(1, 3), "simplest")
    assert row(load + "k @ x <= 1", base_dir=tmp_path)[0] == [2**53 + 2, 3, -4]
    texts = [Fraction("0.1"), Fraction("0.30000000000000004"), Fraction("0.2")]
    assert row(load + "t @ x <= 1", base_dir=tmp_path) == (texts, 1, "decimal")
    # a decimal of 17 digits and a seventh have no reading in common, and no small common denominator
    assert codes_of(f"var x : int[3]\nminimize 0\n{load}t @ x <= 1/7", base_dir=tmp_path) == ["value"]


def test_a_loaded_matrix_stays_whole(tmp_path: Path) -> None:
    matrix = np.random.default_rng(1).normal(size=(4, 3))
    folder(tmp_path, A=matrix, b=matrix[:, 0])
    head = 'param A = load("A.npy")\nparam b = load("b.npy")\nvar x : int[3] in 0..9\nminimize sum(x)\n'
    for text, sign in (("A @ x <= b", 1.0), ("x @ transpose(A) <= b", 1.0), ("b >= A @ x", 1.0), ("A @ x >= b", -1.0)):
        block = problem_of(f"{head}require c: {text}", base_dir=tmp_path).lins["c"]
        assert (block.parts["x"].to_dense() == sign * matrix).all() and (block.rhs == sign * matrix[:, 0]).all()
        assert block.reading == "simplest"


def test_part_of_a_block_is_not_taken_for_the_whole() -> None:
    problem = problem_of("var x : bin[4]\nminimize sum(x)\nrequire c: [[1, 2], [3, 4]] @ x[0..1] <= 3")
    assert problem.lins["c"].parts["x"].to_dense().tolist() == [[1, 2, 0, 0], [3, 4, 0, 0]]


def test_ranged_rows_state_both_sides() -> None:
    block = problem_of("var x : int[2] in 0..9\nminimize sum(x)\nrequire c: 1/3 <= x[0]/7 + x[1] <= 0.5").lins["c"]
    assert isinstance(block, Lin) and block.least is not None and block.reading == "simplest"
    assert (block.least.tolist(), block.rhs.tolist(), block.sense) == ([1 / 3], [0.5], "<=")


def test_numbers_that_no_float_states_are_named() -> None:
    huge = "var x : int[2] in 0..9\nminimize sum(x)\nrequire c: 123456789012345678901234567891*x[0]/7 + x[1]/11 <= 1"
    assert errors_of(huge).splitlines()[0] == (
        "spec.glass:3:12: error[value]: the number 123456789012345678901234567891/7 of this row is no float64, "
        "nor is the row after scaling to integers"
    )
    assert codes_of("var x : bin\nminimize x\nrequire sqrt(2) * x <= 1") == ["value"]
    assert codes_of("var x : bin\nminimize x\nrequire float(sqrt(2)) * x <= 1") == []
    assert codes_of("var x : bin\nminimize sqrt(2) * x") == []
    for text in ("2^(10^9)", "10^400 * 10^400", "1e999", "1e-999", "9" * 5000):
        assert codes_of(f"var x : bin\nminimize x\nrequire {text} * x <= 1") in (["value"], ["too-large"], ["input"])


def test_objectives_round_once() -> None:
    problem = problem_of("var x : bin\nminimize (0.1 + 0.2) * x + 1/3")
    assert problem.objective.terms[0].value({"x": np.ones((1, 1))}).tolist() == [[0.3]]
    assert problem.objective.constant.tolist() == [1 / 3]
    twice = problem_of("var x : bin\nvar y : bin\nminimize 0.1*x + 0.2*x + 0.1*x*y + 0.2*y*x").objective
    assert [term.value({"x": np.ones((1, 1)), "y": np.ones((1, 1))}).tolist() for term in twice.terms] == [[[0.3]]] * 2


def test_objectives_of_loaded_numbers_are_finite_or_an_error(tmp_path: Path) -> None:
    folder(tmp_path, v=np.array([1e200, np.inf]), Q=np.full((2, 2), 1e200))
    head = 'param v = load("v.npy")\nparam Q = load("Q.npy")\nvar x : bin[2]\nminimize '
    for text in ("v @ x", "v[0]^2 * x[0]", "x @ (Q*v[0]) @ x", "sum((Q @ x)^2)", "(Q @ x - v[0]) @ (Q @ x)"):
        assert codes_of(head + text, base_dir=tmp_path) == ["not-finite"], text
    assert codes_of(head + "v[0] * x[0] + x @ Q @ x", base_dir=tmp_path) == []
