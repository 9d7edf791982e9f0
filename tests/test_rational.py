"""Readings of floats and integer rows, judged by fractions.Fraction and by enumeration of denominators."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm, nextafter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from isinglass.ir.errors import InputError
from isinglass.ir.rational import READINGS, exact_text, integer_rows, read, read_fraction, row_activity_exact

FINITE = st.floats(allow_nan=False, allow_infinity=False)
EDGES = [0.0, -0.0, 5e-324, 1.5e-323, 2.2250738585072009e-308, 2.2250738585072014e-308, 1e-300, 1e300, 2.0**-61,
         2.0**-60, 2.0**-8, 0.1, -0.1, 3 / 7, 1 / 3, 0.5, 1.0, 2.0**53 - 1, 2.0**53, 2.0**53 + 2, 2.0**60, 2.0**63,
         1e22, 1e23, 1.7976931348623157e308]


def rounding_interval(x: float) -> tuple[Fraction, Fraction, bool]:
    """All rationals between the ends round to x > 0; the ends too where the last flag says so."""
    below, above = nextafter(x, 0.0), nextafter(x, np.inf)
    value = Fraction(x)
    high = value + (value - Fraction(below)) / 2 if np.isinf(above) else (value + Fraction(above)) / 2
    even = (value / (value - Fraction(below) if below else value)).numerator % 2 == 0
    if np.frexp(x)[0] == 0.5 and x > 2.0**-1022:
        even = True
    return (value + Fraction(below)) / 2, high, even


def inside(fraction: Fraction, x: float) -> bool:
    low, high, ends = rounding_interval(x)
    return low < fraction < high or (ends and fraction in (low, high))


def simplest_by_mediants(x: float) -> Fraction:
    """Binary descent of the Stern-Brocot tree in whole runs: the first node inside the interval is the simplest."""
    low, high, ends = rounding_interval(x)
    left, right = (0, 1), (1, 0)
    while True:
        node = Fraction(left[0] + right[0], left[1] + right[1])
        if inside(node, x):
            return node
        if node <= low:  # go right: the largest run k for which left + k right still lies at or below the low end
            k = max(1, _run(left, right, low, ends, up=True))
            left = (left[0] + k * right[0], left[1] + k * right[1])
        else:
            k = max(1, _run(right, left, high, ends, up=False))
            right = (right[0] + k * left[0], right[1] + k * left[1])


def _run(start: tuple[int, int], step: tuple[int, int], end: Fraction, ends: bool, *, up: bool) -> int:
    top = end.numerator * start[1] - start[0] * end.denominator
    bottom = step[0] * end.denominator - end.numerator * step[1]
    if bottom == 0:
        return 1
    k, rest = divmod(top, bottom) if up else divmod(-top, -bottom)
    return k - (1 if rest == 0 and ends else 0)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.one_of(FINITE, st.sampled_from(EDGES), st.floats(-1e3, 1e3)), min_size=1, max_size=6))
def test_readings_are_what_they_say(values: list[float]) -> None:
    for reading in READINGS:
        top, bottom = read(np.array(values), reading)
        assert top.dtype == bottom.dtype and top.shape == (len(values),)
        fits = all(abs(int(v)) < 2**63 for v in [*top, *bottom])
        assert top.dtype == (np.int64 if fits else object)
        for value, p, q in zip(values, top.tolist(), bottom.tolist(), strict=True):
            assert type(p) is int and q > 0 and gcd(p, q) == 1
            if reading == "dyadic":
                assert Fraction(p, q) == Fraction(value)
            elif reading == "decimal":
                assert Fraction(p, q) == Fraction(repr(value))
            elif value == int(value):
                assert Fraction(p, q) == Fraction(value)
            else:
                assert Fraction(p, q) == simplest_by_mediants(abs(value)) * (1 if value > 0 else -1)
            assert reading == "dyadic" or p / q == value


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(-60, 20))
def test_short_fractions_come_back(p: int, q: int, shift: int) -> None:
    assert read_fraction(p / q, "simplest") == Fraction(p, q)
    assert read_fraction(-p / q, "simplest") == Fraction(-p, q)
    scaled = p / q * 2.0**shift
    found = read_fraction(scaled, "simplest")
    assert float(found) == scaled and found.denominator <= (Fraction(p, q) * Fraction(2) ** shift).denominator


def test_simplest_has_the_least_denominator_of_all() -> None:
    for value in (0.3, 1 / 3, 2 / 7, 0.2500001, 3.14159, 1e-4, 0.75 + 2**-20, 2**-8 + 2**-19, 1 + 2**-18):
        found = read_fraction(value, "simplest")
        smaller = np.arange(1, found.denominator)
        assert not (np.rint(value * smaller) / smaller == value).any()


def test_interval_ends_of_powers_of_two_and_even_mantissas() -> None:
    for value in (2.0**52 + 0.5, 2.0**51 + 0.25, 2.0**-30, nextafter(2.0**-30, 0), nextafter(2.0**-30, 1), 2.0**-1022,
                  nextafter(2.0**-1022, 0), nextafter(1.0, 0), nextafter(1.0, 2), 2.0**-1074, 3 * 2.0**-1074):
        assert read_fraction(value, "simplest") == simplest_by_mediants(value)
    # 2^-1074 is odd and its interval open: 1/2^1075 and 3/2^1075 stay outside
    assert read_fraction(5e-324, "simplest") == Fraction(1, 2**1075 // 3 + 1)


def test_neighbouring_floats_never_share_a_reading() -> None:
    floats = [1.0]
    for _ in range(300):
        floats.append(nextafter(floats[-1], 2))
    for reading in READINGS:
        top, bottom = read(np.array(floats), reading)
        found = [Fraction(p, q) for p, q in zip(top.tolist(), bottom.tolist(), strict=True)]
        assert all(a < b for a, b in pairwise(found))


def test_shapes_and_repeats() -> None:
    values = np.array([[0.1, 0.1, -0.1], [0.0, 2.5, 0.1]])
    top, bottom = read(values, "simplest")
    assert top.tolist() == [[1, 1, -1], [0, 5, 1]] and bottom.tolist() == [[10, 10, 10], [1, 2, 10]]
    assert all(part.shape == (0, 3) for part in read(np.zeros((0, 3)), "decimal"))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_only_finite_numbers_have_a_reading(bad: float) -> None:
    with pytest.raises(InputError, match="entry 1 is"):
        read(np.array([1.0, bad]), "simplest")


def test_unknown_reading() -> None:
    with pytest.raises(InputError, match="did you mean 'decimal'"):
        read(np.zeros(1), "decimals")


@pytest.mark.parametrize(("text", "value", "same"), [
    ("0.1", 0.1, True), (" 3 ", 3.0, True), ("-1.50e2", -150.0, True), ("0.10000000000000000555", 0.1, False),
    (".5", 0.5, True), ("9007199254740993", 2.0**53, False), ("1e22", 1e22, True), ("1e-400", 0.0, False),
    ("0e-999999", 0.0, True),
    ("1e-99999999999999999999", 0.0, False), ("5.", 5.0, True), ("4.9406564584124654e-324", 5e-324, False),
])
def test_exact_text(text: str, value: float, same: bool) -> None:
    assert exact_text(text) == (value, same)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_000", "0x10", "1e", "1e400", "--1", "1/3"])
def test_exact_text_refuses(text: str) -> None:
    with pytest.raises(InputError):
        exact_text(text)


COEFFICIENT = st.one_of(st.integers(-40, 40).map(float), st.integers(-99, 99).map(lambda k: k / 10),
                        st.tuples(st.integers(-20, 20), st.integers(1, 12)).map(lambda t: t[0] / t[1]),
                        st.sampled_from([2.0**60, -(2.0**53), 1e-300, 3e-300, 1e300, 5e-324, 2.0**-70, 2**0.5, 0.0]),
                        st.floats(-5, 5))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.lists(COEFFICIENT, max_size=5), min_size=1, max_size=4), st.data(), st.sampled_from(READINGS))
def test_integer_rows(rows: list[list[float]], data: st.DataObject, reading: str) -> None:
    counts = [len(row) for row in rows]
    starts = np.concatenate([[0], np.cumsum(counts)])
    indices = np.array([k for row in rows for k in range(len(row))], dtype=np.int64)
    matrix = csr_array((np.array([v for row in rows for v in row]), indices, starts), shape=(len(rows), 5))
    rhs = np.array(data.draw(st.lists(COEFFICIENT, min_size=len(rows), max_size=len(rows))))
    limits = st.sampled_from([0.0, 1.0, 1.5, 7.0, 2.0**40, np.inf])
    reach = np.array(data.draw(st.lists(limits, min_size=5, max_size=5)))
    result = integer_rows(matrix, rhs, reading, reach)
    for i, row in enumerate(rows):
        meant = [read_fraction(v, reading) for v in row]
        factor = Fraction(lcm(*[a.denominator for a in meant]), gcd(*[a.numerator for a in meant]) or 1)
        integral = all(abs(factor * a) <= 2**53 for a in meant)
        assert result.integral[i] == integral
        factor = factor if integral else Fraction(1)
        side = factor * read_fraction(float(rhs[i]), reading)
        got = result.matrix.data[starts[i]:starts[i + 1]].tolist()
        assert got == ([float(factor * a) for a in meant] if integral else row)
        assert Fraction(int(result.factor_num[i]), int(result.factor_den[i])) == factor
        assert (int(result.rhs_num[i]), int(result.rhs_den[i])) == (side.numerator, side.denominator)
        largest = sum(abs(Fraction(p)) * int(reach[k]) for k, p in enumerate(got) if p and np.isfinite(reach[k]))
        bounded = all(np.isfinite(reach[k]) or not p for k, p in enumerate(got))
        fits = integral and bounded and largest + (-(-abs(side) // 1)) < 2**53
        assert result.exact[i] == (fits and (side.denominator == 1 or abs(side) < 2**52))
        if result.exact[i]:
            assert result.rhs[i] // 1 == side // 1 and float(result.rhs[i]).is_integer() == (side.denominator == 1)


@pytest.mark.parametrize("reading", READINGS)
def test_rows_whose_common_denominator_overflows(reading: str) -> None:
    rows = np.random.default_rng(2).normal(size=(50, 4)) * 2.0 ** np.arange(-40, 10)[:, None]
    result = integer_rows(csr_array(rows), np.ones(50), reading, np.ones(4))
    for i, row in enumerate(rows):
        meant = [read_fraction(a, reading) for a in row]
        factor = Fraction(lcm(*[a.denominator for a in meant]), gcd(*[a.numerator for a in meant]))
        assert result.integral[i] == all(abs(factor * a) <= 2**53 for a in meant)
        got = result.matrix.data[4 * i : 4 * i + 4].tolist()
        assert got == ([factor * a for a in meant] if result.integral[i] else row.tolist())


def test_exact_rows_decide_every_integer_point() -> None:
    rng = np.random.default_rng(5)
    matrix = csr_array(np.round(rng.uniform(-3, 3, (20, 4)), 1))
    rhs = np.round(rng.uniform(-3, 6, 20), 1)
    result = integer_rows(matrix, rhs, "simplest", np.full(4, 3.0))
    assert result.exact.all()
    points = np.stack(np.meshgrid(*[np.arange(-3.0, 4.0)] * 4), -1).reshape(-1, 4)
    feasible = result.matrix @ points.T <= result.rhs[:, None]
    for i in range(20):
        for x in points[:: 97]:
            assert feasible[i, (points == x).all(1)][0] == (row_activity_exact(matrix[[i]], rhs[i], "simplest", x) <= 0)


def test_row_activity_is_exact_at_a_float_point() -> None:
    row = csr_array(np.array([[0.1, 0.0, 3 / 7]]))
    x = np.array([0.1, 9.0, 1e-20])
    expected = Fraction(1, 10) * Fraction(0.1) + Fraction(3, 7) * Fraction(1e-20) - Fraction(1, 100)
    assert row_activity_exact(row, 0.01, "simplest", x) == expected
