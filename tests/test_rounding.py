"""Integer rows against the rows they stand for: all points of small boxes, exact rationals."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import lcm

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from isinglass.compiler.rows import scan as row_scan
from isinglass.compiler.rows.gap import BITS, widen
from isinglass.compiler.rows.rounding import KINDS, NormalizedRows, normalize
from isinglass.ir.errors import InputError, UsageError
from isinglass.ir.rational import READINGS, read_fraction
from isinglass.ir.types import BoolArray, FloatArray


def points_of(lower: FloatArray, upper: FloatArray) -> FloatArray:
    return np.array(list(product(*[np.arange(np.ceil(a), np.floor(b) + 1) for a, b in zip(lower, upper, strict=True)])))


def judge(row: FloatArray, side: float, reading: str, points: FloatArray) -> tuple[np.ndarray, int]:
    """Exact a.x - b at integer points as numerators (Python ints) over one denominator."""
    meant = [read_fraction(float(a), reading) for a in row]
    right = read_fraction(float(side), reading)
    common = lcm(right.denominator, *[a.denominator for a in meant])
    numbers = np.array([int(a * common) for a in meant], dtype=object)
    return points.astype(np.int64).astype(object) @ numbers - int(right * common), common


def verify(rows: FloatArray, rhs: FloatArray, sense: str, lower: FloatArray, upper: FloatArray, reading: str, mode: str,
           largest: float = 2.0**31, shrink: bool = True) -> NormalizedRows:
    """Normalises over integer variables and checks every row at every point of the box."""
    result = normalize(csr_array(rows), rhs, sense, lower, upper, np.ones(lower.size, np.bool_), reading, mode, largest,
                       shrink=shrink)
    points = points_of(lower, upper)
    matrix = result.matrix.toarray()
    for i, kind in enumerate(result.kind.tolist()):
        over, common = judge(rows[i], rhs[i], reading, points)
        wanted: BoolArray = np.asarray(over <= 0 if sense == "<=" else over == 0, dtype=np.bool_)
        activity = points @ matrix[i]
        got = activity <= result.rhs[i] if sense == "<=" else activity == result.rhs[i]
        assert kind in KINDS and (kind == "refused") == (i in result.reasons) == bool(np.isinf(result.error[i]))
        if kind == "refused":
            assert (matrix[i] == rows[i]).all() and result.rhs[i] == rhs[i]
            continue
        if kind in ("always", "never"):
            assert result.error[i] == 0 and (wanted == (kind == "always")).all()
            continue
        assert (matrix[i] == np.rint(matrix[i])).all() and result.rhs[i] == np.rint(result.rhs[i])
        assert np.abs(matrix[i]).max() <= largest
        assert np.abs(matrix[i]) @ np.maximum(np.abs(lower), np.abs(upper)) + abs(result.rhs[i]) < 2.0**53
        if kind in ("exact", "equivalent"):
            assert result.error[i] == 0 and (got == wanted).all()
        else:
            assert kind == mode and sense == "<=" and mode != "exact"
            assert (got | ~wanted).all() if kind == "outward" else (wanted | ~got).all()
            wrong = over[got != wanted]
            assert all(Fraction(abs(int(v)), common) <= Fraction(float(result.error[i])) for v in wrong)
    return result


def family(name: str, m: int, n: int, seed: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    sign, part = rng.choice([-1.0, 1.0, 1.0], (m, n)), rng.uniform(0.2, 0.8, m)
    weights = rng.integers(1, 100, (m, n)).astype(np.float64)
    if name == "capacity":
        load = np.floor(weights.sum(1) * part) + 1
        return weights / load[:, None], np.ones(m)
    rows = {
        "integer": lambda: weights * sign,
        "decimal": lambda: np.round(rng.uniform(0.1, 10, (m, n)), 1) * sign,
        "float32": lambda: rng.normal(size=(m, n)).astype(np.float32).astype(np.float64),
        "root": lambda: np.sqrt(weights) * sign,
        "fraction": lambda: rng.integers(-20, 21, (m, n)) / rng.choice([1, 2, 3, 7], (m, n)),
        "large": lambda: rng.integers(1, 2**52, (m, n)) * sign,
        "scaled": lambda: rng.integers(1, 9, (m, n)) * 10.0 ** rng.integers(-300, 300, (m, 1)),
        "mixed": lambda: rng.normal(size=(m, n)) * 10.0 ** rng.integers(-20, 20, (m, n)),
    }[name]()
    side = rows.sum(1) * part
    return rows, np.round(side, 1) if name in ("integer", "decimal", "fraction") else side


FAMILIES = ("integer", "decimal", "capacity", "float32", "root", "fraction", "large", "scaled", "mixed")


@pytest.mark.parametrize("sense", ["<=", "=="])
@pytest.mark.parametrize("name", FAMILIES)
def test_families_at_every_point(name: str, sense: str) -> None:
    seen = set()
    for seed, (mode, n, largest) in enumerate(product(("exact", "outward", "inward"), (1, 3, 6), (2.0**31, 25.0, 4.0))):
        rng = np.random.default_rng(seed)
        rows, rhs = family(name, 4, n, seed)
        if sense == "==":
            rhs = np.where(rng.random(4) < 0.7, (rows * rng.integers(0, 2, (4, n))).sum(1), rhs)
            rhs = np.round(rhs, 1) if name == "decimal" else rhs
        lower = rng.integers(-2, 1, n).astype(np.float64)
        result = verify(rows, rhs, sense, lower, lower + rng.integers(1, 3, n), READINGS[seed % 3], mode, largest,
                        shrink=seed % 2 == 0)
        seen.update(result.kind.tolist())
    assert {"refused", "never"} <= seen or sense == "<="
    assert "exact" in seen or "equivalent" in seen


VALUE = st.one_of(st.integers(-30, 30).map(float), st.integers(-99, 99).map(lambda k: k / 10),
                  st.tuples(st.integers(-9, 9), st.integers(1, 9)).map(lambda t: t[0] / t[1]), st.floats(-4, 4),
                  st.sampled_from([0.0, 1e-300, 1e300, 5e-324, -5e-324, 2.0**53, 2.0**53 - 1, 2**0.5, 1e-9, 1e9]))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(VALUE, min_size=3, max_size=3), VALUE, st.sampled_from(["<=", "=="]), st.sampled_from(READINGS),
       st.sampled_from(["exact", "outward", "inward"]), st.sampled_from([1.0, 5.0, 40.0, 2.0**20, 2.0**31, 2.0**60]),
       st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 5)), min_size=3, max_size=3), st.booleans())
def test_any_row_at_every_point(row: list[float], side: float, sense: str, reading: str, mode: str, largest: float,
                                box: list[tuple[int, int]], shrink: bool) -> None:
    lower = np.array([a for a, _ in box], dtype=np.float64)
    upper = lower + np.array([w for _, w in box])
    verify(np.array([row]), np.array([side]), sense, lower, upper, reading, mode, min(largest, 2.0**52), shrink)


@pytest.mark.parametrize("sense", ["<=", "=="])
@pytest.mark.parametrize("name", ["integer", "float32", "multiples"])
def test_every_scale_that_is_called_proved(name: str, sense: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One scale at a time, as the smallest proved one hides what the others claim."""
    rng = np.random.default_rng(17)
    proved = 0
    for size in [*np.arange(1, 8, 0.37), *rng.uniform(1, 40, 40)]:
        monkeypatch.setattr(row_scan, "sizes", lambda largest, size=size: np.array([size]))
        rows = family("integer" if name == "multiples" else name, 8, 4, int(size * 100))[0]
        if name == "multiples":
            shake = rng.integers(0, 2, (8, 4)) * (size > 20)
            rows = np.array([10.0, 10.0, 20.0, 31.0]) * rng.integers(1, 4, (8, 1)) + shake
        rhs = rows @ rng.integers(0, 2, 4)
        result = verify(rows, rhs, sense, np.zeros(4), np.array([1.0, 1.0, 2.0, 1.0]), "dyadic", "exact")
        proved += np.count_nonzero(result.kind == "equivalent")
    assert proved > 20


def test_thresholds_of_short_rows() -> None:
    rng = np.random.default_rng(4)
    width = np.array([1.0, 4.0, 2.0, 0.0, 6.0])
    points = points_of(np.full(5, -1.0), width - 1)
    for equality in (False, True):
        rows = rng.integers(-300, 300, (40, 5)).astype(np.float64)
        side = (rows @ points[rng.integers(0, len(points), 40)].T).diagonal() + (0 if equality else 0.5)
        base = row_scan.BaseRows(rows.ravel(), np.full(200, -1.0), np.tile(width - 1, 40), np.arange(0, 201, 5), side,
                                 side + 1, np.ones(40, np.bool_), np.full(40, 100.0), np.zeros(40))
        wide, never = widen(base, np.ones(40, np.bool_), equality=equality)
        for i in range(40):
            activity = points @ rows[i]
            other = np.abs(activity - side[i])[activity != side[i]].min()
            above = side[i] + other if equality else activity[activity > side[i]].min()
            assert wide.above[i] == max(above, side[i] + 1) and not never[i]
            assert wide.below[i] == (side[i] if equality else activity[activity <= side[i]].max())
            assert wide.moved[i] == side[i] - wide.below[i]


@pytest.mark.parametrize("name", ["decimal", "capacity", "float32", "root"])
def test_rows_too_long_to_enumerate_in_the_compiler(name: str) -> None:
    n = BITS + 2
    for mode, largest in (("exact", 2.0**31), ("outward", 300.0), ("inward", 300.0)):
        rows, rhs = family(name, 6, n, 11)
        verify(rows, rhs, "<=", np.zeros(n), np.ones(n), "simplest", mode, largest)


@pytest.mark.parametrize("name", ["decimal", "capacity", "integer"])
@pytest.mark.parametrize("terms", [4, 6, 14, 30])
def test_decimal_and_capacity_rows_are_never_rounded(name: str, terms: int) -> None:
    rows, rhs = family(name, 400, terms, terms)
    box = np.zeros(terms), np.ones(terms), np.ones(terms, np.bool_)
    result = normalize(csr_array(rows), rhs, "<=", *box, "simplest", "exact")
    assert not np.isin(result.kind, ["refused", "outward", "inward"]).any()


def test_long_equivalent_rows_by_exact_thresholds() -> None:
    """The proof's inequalities, recomputed in rationals for the row that came out."""
    rows, rhs = family("root", 300, 5, 3)
    rows = np.concatenate([rows, np.zeros((300, 20))], axis=1)
    rows[:, 5:] = 1e-6  # too many points to enumerate, too small to matter
    result = normalize(csr_array(rows), rhs, "<=", np.zeros(25), np.ones(25), np.ones(25, np.bool_), "dyadic", "exact")
    matrix, found = result.matrix.toarray(), np.flatnonzero(result.kind == "equivalent")
    assert found.size >= 10
    for i in found:
        scale = Fraction(result.scale[i])
        errors = [Fraction(p) - scale * Fraction(a) for p, a in zip(matrix[i], rows[i], strict=True)]
        side = scale * Fraction(rhs[i])
        assert side + sum(e for e in errors if e > 0) < Fraction(result.rhs[i]) + 1
        assert side + sum(e for e in errors if e < 0) > Fraction(result.rhs[i])


def test_short_float_rows_get_small_integers() -> None:
    rows, rhs = family("float32", 200, 10, 1)
    result = normalize(csr_array(rows), rhs, "<=", np.zeros(10), np.ones(10), np.ones(10, np.bool_), "dyadic", "exact",
                       2.0**16)
    assert (result.kind != "refused").all()


def one(row: list[float], side: float, sense: str = "<=", mode: str = "exact", reading: str = "simplest",
        lower: float = 0, upper: float = 1, integer: bool = True,
        **options: float) -> tuple[NormalizedRows, list[float], float]:
    n = len(row)
    result = normalize(csr_array(np.array([row]).reshape(1, n)), np.array([side]), sense, np.full(n, lower),
                       np.full(n, upper), np.full(n, integer), reading, mode, **options)  # type: ignore[arg-type]
    return result, result.matrix.toarray()[0].tolist(), float(result.rhs[0])


def test_thirds_sevenths_and_decimals_by_hand() -> None:
    result, row, side = one([1 / 3, 2 / 7, -0.5], 0.2, shrink=False)
    assert (result.kind[0], row, side) == ("exact", [14, 12, -21], 8) and result.scale[0] == 42
    result, row, side = one([0.5, 0.5], 0.7)
    assert (result.kind[0], row, side, result.scale[0]) == ("exact", [1, 1], 1, 2)
    result, row, side = one([30.0, 70.0], 80.0)
    assert (result.kind[0], row, side) == ("equivalent", [1, 2], 2)


def test_rows_the_box_decides() -> None:
    for row, side, sense, kind in (
        ([0.1, 0.2], 0.3, "<=", "always"), ([0.1, 0.2], -0.1, "<=", "never"), ([0.1, 0.2], 0.4, "==", "never"),
        ([2.0, 4.0], 3.0, "==", "never"), ([0.1, 0.2], 0.25, "==", "never"), ([], 0.0, "<=", "always"),
        ([], -5e-324, "<=", "never"), ([], 0.0, "==", "always"), ([], 1e300, "==", "never"),
        ([0.0, 0.0], -1.0, "<=", "never"), ([2**0.5, 3**0.5], 3.2, "<=", "always"),
        ([2**0.5, 3**0.5], 3.2, "==", "never"), ([1e300, 1e300], 1e299, "<=", "exact"),
    ):
        result, _, _ = one(row, side, sense)
        assert result.kind[0] == kind, (row, side, sense)
    fixed, _, _ = one([0.1, 0.2], 0.3, "==", lower=1)
    assert fixed.kind[0] == "always"


def test_equality_by_other_coefficients() -> None:
    result, row, side = one([1001.0, 2999.0, 5003.0], 4000.0, "==", largest=100)
    assert (result.kind[0], row, side) == ("equivalent", [1, 2, 4], 3)
    # sqrt 2 (x + y) is never 1.5 sqrt 2, for the scale 1/sqrt 2 leaves no integer between the two rounding bounds
    assert one([2**0.5, 2**0.5], 1.5 * 2**0.5, "==")[0].kind[0] == "never"


def test_equalities_are_not_rounded() -> None:
    for mode in ("exact", "outward", "inward"):
        result, row, _ = one([2**0.5, 3**0.5, 5**0.5], 3**0.5 + 5**0.5, "==", mode)
        assert result.kind[0] == "refused" and row == [2**0.5, 3**0.5, 5**0.5]
        assert "an equality is never rounded" in result.reasons[0]


def test_unbounded_variables() -> None:
    result, row, side = one([0.5, 1.5], 3.7, upper=np.inf)
    assert (result.kind[0], row, side) == ("exact", [1, 3], 7)
    assert one([0.5, 1.5], -0.1, upper=np.inf)[0].kind[0] == "never"
    assert one([-0.5, -1.5], 0.0, upper=np.inf)[0].kind[0] == "always"
    result, _, _ = one([2**0.5, 3**0.5, 1.5], 3.7, upper=np.inf, mode="outward")
    assert result.kind[0] == "refused" and "variable 0 has no finite bound" in result.reasons[0]


def test_reasons_name_the_limit() -> None:
    result, _, _ = one([1000003.0] + [999.0 + k for k in range(30)], 1004000.0, largest=5)
    assert result.kind[0] == "refused" and "go up to 1000003, above the limit 5" in result.reasons[0]
    result, _, _ = one([1.0, 2.0], 3.0, upper=2.0**53, largest=1)
    assert "above the limit 1" in result.reasons[0]
    result, _, _ = one([1.0, 1.0], 3.0, upper=2.0**53)
    assert "exceed 2^53" in result.reasons[0]


def test_bounds_are_those_of_the_integers_inside() -> None:
    lower, upper = np.array([-0.5, 0.2]), np.array([1.7, 1.9])
    result = normalize(csr_array(np.array([[1.0, 1.0]])), np.array([2.0]), "<=", lower, upper, np.ones(2, np.bool_),
                       "simplest", "exact")
    assert result.kind[0] == "always"


@pytest.mark.parametrize(("lower", "upper"), [(0.2, 0.8), (2.0, 1.0), (np.nan, 1.0), (np.inf, np.inf)])
def test_a_variable_without_a_value(lower: float, upper: float) -> None:
    with pytest.raises(InputError, match="variable 0 has no value"):
        one([1.0], 1.0, lower=lower, upper=upper)


def test_names() -> None:
    with pytest.raises(UsageError, match="'outwards'"):
        one([1.0], 1.0, mode="outwards")
    with pytest.raises(UsageError, match="'>='"):
        one([1.0], 1.0, ">=")
    with pytest.raises(InputError, match="entry 0 is nan"):
        one([np.nan], 1.0)


def test_continuous_variables_keep_their_side() -> None:
    result, row, side = one([0.5, 0.25], 0.3, integer=False)
    assert (result.kind[0], row, side, result.scale[0]) == ("exact", [10, 5], 6, 20)
    result, row, side = one([1.0, -1.0], 0.5 + 2.0**-40, integer=False, reading="dyadic")
    assert (result.kind[0], row, side) == ("exact", [1, -1], 0.5 + 2.0**-40)
    # one factor for both sides would need a 4, so the side stays a quarter
    result, row, side = one([1.0, -1.0], 0.25, integer=False, largest=3)
    assert (result.kind[0], row, side) == ("exact", [1, -1], 0.25)
    assert one([1.0, -1.0], 0.1234567890123, integer=False, reading="decimal")[0].kind[0] == "refused"
    for mode, sign in (("outward", 1), ("inward", -1)):
        result, row, side = one([1.0, -1.0], 0.1234567890123, mode=mode, reading="decimal", integer=False)
        gap = (Fraction(side) - Fraction("0.1234567890123")) * sign
        assert result.kind[0] == mode and row == [1, -1] and 0 < gap <= Fraction(result.error[0]) < Fraction(1, 10**12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.floats(-4, 4), min_size=3, max_size=3), st.floats(-4, 4), st.sampled_from(["outward", "inward"]),
       st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=5, max_size=5),
       st.lists(st.booleans(), min_size=3, max_size=3))
def test_continuous_rounding_at_points(row: list[float], side: float, mode: str, points: list[list[float]],
                                       integer: list[bool]) -> None:
    result = normalize(csr_array(np.array([row])), np.array([side]), "<=", np.zeros(3), np.ones(3), np.array(integer),
                       "simplest", mode, 50.0)
    kind, matrix = result.kind[0], result.matrix.toarray()[0]
    meant, right = [read_fraction(a, "simplest") for a in row], read_fraction(side, "simplest")
    for x in [*points, *product((0.0, 1.0), repeat=3)]:
        point = [Fraction(round(v) if whole else v) for v, whole in zip(x, integer, strict=True)]
        over = sum((a * v for a, v in zip(meant, point, strict=True)), Fraction(0)) - right
        wanted = over <= 0
        got = sum((Fraction(p) * v for p, v in zip(matrix.tolist(), point, strict=True)), Fraction(0)) <= result.rhs[0]
        if kind in ("exact", "equivalent"):
            assert got == wanted
        elif kind in ("always", "never"):
            assert wanted == (kind == "always")
        elif kind in ("outward", "inward"):
            assert (got if wanted else True) if kind == "outward" else (wanted if got else True)
            assert got == wanted or abs(over) <= Fraction(result.error[0])


def test_many_rows_at_once_agree_with_one_at_a_time() -> None:
    rows, rhs = family("fraction", 40, 5, 8)
    rows[3], rows[7, 1:] = 0.0, 0.0
    box = np.zeros(5), np.full(5, 2.0), np.ones(5, np.bool_)
    together = normalize(csr_array(rows), rhs, "<=", *box, "simplest", "outward", 30.0)
    for i in range(40):
        alone = normalize(csr_array(rows[[i]]), rhs[[i]], "<=", *box, "simplest", "outward", 30.0)
        assert alone.kind[0] == together.kind[i] and alone.error[0] == together.error[i]
        assert (alone.matrix.toarray()[0] == together.matrix.toarray()[i]).all() and alone.rhs[0] == together.rhs[i]
