"""Evaluation of many samples, judged by brute force in rationals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Arg, Fn, Guard, Lin, Poly, Var
from isinglass.ir.evaluate import evaluate
from isinglass.ir.functions.product import Product
from isinglass.ir.functions.tanh import Tanh
from isinglass.ir.operator import Operator, as_operator
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.rational import read_fraction
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear
from isinglass.ir.terms.monomials import Monomials
from isinglass.ir.terms.square import Square
from isinglass.ir.types import FloatArray

Sample = dict[str, list[Fraction]]


# -- the judge: Python fractions, one sample at a time ----------------------------------------------------------------


def read(value: float, reading: str) -> Fraction:
    return Fraction(repr(float(value))) if reading == "decimal" else read_fraction(float(value), reading)


def form(parts: dict[str, Operator], row: int, x: Sample, reading: str) -> Fraction:
    dense = {name: operator.to_dense() for name, operator in parts.items()}
    return sum(
        (read(a, reading) * v for name, table in dense.items() for a, v in zip(table[row], x[name], strict=True)),
        Fraction(0),
    )


def polynomial(poly: Poly, row: int, x: Sample) -> Fraction:
    total = read(poly.constant[row], poly.reading)
    for term in poly.terms:
        match term:
            case Linear():
                total += form({term.variable: term.operator}, row, x, poly.reading)
            case Square():
                inner = form(dict(term.inner.parts), row, x, poly.reading) + read(term.inner.offset[row], poly.reading)
                total += inner * inner
            case Bilinear():
                table = term.operator.to_dense()
                total += sum(
                    (
                        read(table[i, j], poly.reading) * a * b
                        for i, a in enumerate(x[term.left])
                        for j, b in enumerate(x[term.right])
                    ),
                    Fraction(0),
                )
            case Monomials():
                for k in np.flatnonzero(term.row == row):
                    product = read(term.coefficient[k], poly.reading)
                    for which, index in zip(term.which[k], term.index[k], strict=True):
                        product *= x[term.names[which]][index] if which >= 0 else 1
                    total += product
    return total


def judged(block: Lin | Poly, row: int, x: Sample) -> Fraction:
    """Exact violation of one row at one point."""
    guard = block.guard
    if (
        guard is not None
        and guard.index[row] >= 0
        and x[guard.variable][guard.index[row]] != Fraction(guard.value[row])
    ):
        return Fraction(0)
    assert block.rhs is not None
    side = read(block.rhs[row], block.reading)
    if isinstance(block, Poly):
        activity, least = polynomial(block, row, x), None
    else:
        activity, least = form(dict(block.parts), row, x, block.reading), block.least
    worst = max(activity - side, Fraction(0))
    if block.sense == "==":
        worst = abs(activity - side)
    if least is not None and np.isfinite(least[row]):
        worst = max(worst, read(least[row], block.reading) - activity)
    return worst


def agree(problem: Problem, values: dict[str, FloatArray], tolerance: float = 0.0) -> FloatArray:
    """Compare every row at every sample; returns which samples are feasible."""
    found = evaluate(problem, values, tolerance)
    batch = len(next(iter(values.values())))
    real = {name for name, var in problem.vars.items() if var.domain == "real"}
    held = np.ones(batch, dtype=bool)
    for b in range(batch):
        x = {name: [Fraction(v) for v in array[b].tolist()] for name, array in values.items()}
        for block in (*problem.lins.values(), *problem.constraints):
            allowed = Fraction(tolerance) if real.intersection(block.variables) else Fraction(0)
            for row in range(block.size):
                exact = judged(block, row, x)
                told = found.violation[block.name][b, row]
                held[b] &= exact <= allowed
                if allowed == 0:  # whether it holds is exact, by how much not quite
                    assert (told > 0) == (exact > 0), (block.name, row, told, exact)
                assert told == pytest.approx(float(exact), rel=1e-9, abs=1e-12)
    inside = np.ones(batch, dtype=bool)
    for name, var in problem.vars.items():
        array = values[name]
        ok = (array >= var.lower) & (array <= var.upper)
        ok |= (array >= var.lower - tolerance) & (array <= var.upper + tolerance) & (var.domain == "real")
        if var.domain != "real":
            ok &= array == np.rint(array)
        if var.domain == "spin":
            ok &= array != 0
        inside &= ok.all(axis=1)
    assert found.feasible.tolist() == (held & inside).tolist()
    return found.feasible


# -- rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coefficients", "rhs", "sense"),
    [
        ([0.1, 0.2], 0.3, "<="),
        ([0.1, 0.2], 0.3, "=="),
        ([0.1, 0.7], 0.8, "<="),
        ([1.1, 2.2], 3.3, "=="),
        ([0.15, 0.15], 0.3, "=="),
    ],
)
@pytest.mark.parametrize("reading", ["decimal", "simplest"])
def test_tight_decimal_rows_hold(coefficients: list[float], rhs: float, sense: str, reading: str) -> None:
    row = Lin("cap", {"x": as_operator([coefficients])}, sense, np.array([rhs]), reading)
    found = evaluate(Problem("p", (Var.of("x", "bin", (2,)), row)), {"x": np.ones((1, 2))})
    assert found.feasible.tolist() == [True]
    assert found.violation["cap"].tolist() == [[0.0]]


def test_a_dyadic_row_means_its_floats() -> None:
    row = Lin("cap", {"x": as_operator([[0.1, 0.2]])}, "<=", np.array([0.3]), "dyadic")
    found = evaluate(Problem("p", (Var.of("x", "bin", (2,)), row)), {"x": np.ones((1, 2))})
    assert not found.feasible[0]
    assert 0 < found.violation["cap"][0, 0] < 1e-16


def test_rows_divided_by_their_capacity_keep_their_feasible_set() -> None:
    rng = np.random.default_rng(3)
    points = np.array(np.meshgrid(*[[0.0, 1.0]] * 10)).reshape(10, -1).T
    for _ in range(20):
        weights, capacity = rng.integers(1, 100, 10), int(rng.integers(50, 400))
        row = Lin("cap", {"x": as_operator((weights / capacity)[None])}, "<=", np.ones(1))
        problem = Problem("p", (Var.of("x", "bin", (10,)), row))
        assert np.array_equal(evaluate(problem, {"x": points}).feasible, points @ weights <= capacity)


numbers = {
    "decimal": st.sampled_from([0.1, -0.2, 0.3, 0.7, 1.0, -3.0, 2.5, 0.05, 1e-7, 123.456, 0.0]),
    "simplest": st.sampled_from([1 / 3, -2 / 7, 0.1, 5 / 49, 3.0, -1.0, 22 / 7, 0.25, 0.0]),
    "dyadic": st.floats(-8, 8).map(lambda v: float(np.float32(v))),
}


@st.composite
def row_blocks(draw: st.DrawFn, reading: str) -> tuple[Problem, dict[str, FloatArray]]:
    """Rows over two blocks, guarded and ranged now and then, with points on and beside their sides."""
    m, batch = draw(st.integers(1, 3)), 4
    domain = draw(st.sampled_from(["int", "real"]))
    coefficient = numbers[reading]
    first = np.array(draw(st.lists(coefficient, min_size=3 * m, max_size=3 * m))).reshape(m, 3)
    second = np.array(draw(st.lists(coefficient, min_size=2 * m, max_size=2 * m))).reshape(m, 2)
    point = st.integers(-4, 4).map(float) if domain == "int" else st.sampled_from([0.0, 0.1, -1.5, 1 / 3, 2.0, 1e-9])
    x = np.array(draw(st.lists(point, min_size=3 * batch, max_size=3 * batch))).reshape(batch, 3)
    y = np.array(draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=2 * batch, max_size=2 * batch))).reshape(batch, 2)
    near = (x @ first.T + y @ second.T)[draw(st.integers(0, batch - 1))]  # the float activity of one of the points
    rhs = np.array([v if draw(st.booleans()) else draw(coefficient) for v in near])
    sense = draw(st.sampled_from(["<=", "=="]))
    guard = least = None
    if draw(st.booleans()):
        guard = Guard("y", np.array(draw(st.lists(st.integers(-1, 1), min_size=m, max_size=m))), np.ones(m))
    if sense == "<=" and draw(st.booleans()):
        least = np.where([draw(st.booleans()) for _ in range(m)], rhs - 0.1, -np.inf)
    operators = {"x": draw(st.sampled_from([as_operator, Csr.of]))(first), "y": as_operator(second)}
    row = Lin("row", operators, sense, rhs, reading, guard, least)
    return Problem("p", (Var.of("x", domain, (3,)), Var.of("y", "bin", (2,)), row)), {"x": x, "y": y}


@pytest.mark.parametrize("reading", ["decimal", "simplest", "dyadic"])
@given(data=st.data())
def test_rows_are_decided_as_fractions_decide_them(reading: str, data: st.DataObject) -> None:
    agree(*data.draw(row_blocks(reading)))


@pytest.mark.parametrize("reading", ["decimal", "simplest", "dyadic"])
@given(data=st.data())
def test_polynomial_rows_are_decided_as_fractions_decide_them(reading: str, data: st.DataObject) -> None:
    coefficient = numbers[reading]

    def array(*shape: int) -> FloatArray:
        size = int(np.prod(shape))
        return np.array(data.draw(st.lists(coefficient, min_size=size, max_size=size))).reshape(shape)

    which = np.array([[0, 0, 1], [0, 1, -1], [1, -1, -1], [-1, -1, -1]])
    monomials = Monomials(1, ("x", "y"), np.zeros(4, np.int64), which, np.abs(which), array(4))
    choices = [
        monomials,
        Linear("x", as_operator(array(1, 3))),
        Bilinear("x", "y", as_operator(array(3, 2))),
        Bilinear("x", "x", Csr.of(array(3, 3))),
        Square(Affine(array(1), {"x": as_operator(array(1, 3)), "y": Csr.of(array(1, 2))})),
    ]
    terms = tuple(data.draw(st.lists(st.sampled_from(choices), max_size=3)))
    batch = 3
    point = data.draw(st.sampled_from([st.integers(-3, 3).map(float), st.sampled_from([0.0, 0.1, 0.5, -1.25])]))
    values = {
        name: np.array(data.draw(st.lists(point, min_size=batch * n, max_size=batch * n))).reshape(batch, n)
        for name, n in (("x", 3), ("y", 2))
    }
    poly = Poly("q", "constraint", terms, array(1), "<=", np.zeros(1), reading)
    rhs = poly.value(values)[0] if data.draw(st.booleans()) else array(1)
    poly = Poly("q", "constraint", terms, poly.constant, data.draw(st.sampled_from(["<=", "=="])), rhs, reading)
    agree(Problem("p", (Var.of("x", "real", (3,)), Var.of("y", "real", (2,)), poly)), values)


def test_big_numbers_are_decided_exactly() -> None:
    """Where float64 products or sums round, overflow or underflow."""
    cases = [
        ([2.0**53, 1.0, -(2.0**53)], 0.0, [1, 1, 1]),
        ([2.0**60, 1.0, -(2.0**60)], 1.0, [1, 1, 1]),
        ([1e300, -1e300, 1.0], 0.0, [1e10, 1e10, 0]),
        ([1e300, -1e300, 1.0], 0.0, [1e10, 1e10, 5e-324]),
        ([5e-324, 5e-324, 0.0], 5e-324, [0.5, 0.5, 1]),
        ([5e-324, 5e-324, 0.0], 5e-324, [0.5, 0.75, 1]),
        ([1e-200, 1e-200, 0.0], 0.0, [1e-200, 0, 0]),
        ([2.0**53 - 1, 0.0, 0.0], 2.0**53, [1, 0, 0]),
        ([1.0, 1.0, -1.0], 0.0, [0.1, 0.2, 0.1 + 0.2]),  # the sum of the floats is no float
    ]
    for coefficients, rhs, point in cases:
        for sense in ("<=", "=="):
            row = Lin("r", {"x": as_operator([coefficients])}, sense, np.array([rhs]), "dyadic")
            agree(Problem("p", (Var.of("x", "real", (3,)), row)), {"x": np.array([point], dtype=np.float64)})


def test_points_that_are_not_whole_beside_points_that_are() -> None:
    row = Lin("r", {"x": as_operator([[0.1, 0.1, -0.1]])}, "==", np.zeros(1), "decimal")
    points = np.array([[0.1, 0.2, 0.1 + 0.2], [1.0, 2.0, 3.0], [0.5, 0.25, 0.75]])
    assert agree(Problem("p", (Var.of("x", "real", (3,)), row)), {"x": points}).tolist() == [False, True, True]


def test_the_lower_end_of_a_ranged_row_is_exact_too() -> None:
    operator, most, least = as_operator([[0.1, 0.2]]), np.array([9.0]), np.array([0.3])
    for reading in ("decimal", "dyadic"):
        row = Lin("r", {"x": operator}, "<=", most, reading, least=least)
        assert agree(Problem("p", (Var.of("x", "int", (2,), 0, 9), row)), {"x": np.ones((1, 2))})[0]
    row = Lin("r", {"x": as_operator([[-0.1, -0.2]])}, "<=", most, "decimal", least=np.array([-0.3]))
    assert agree(Problem("p", (Var.of("x", "int", (2,), 0, 9), row)), {"x": np.ones((1, 2))})[0]
    row = Lin("r", {"x": as_operator([[-0.1, -0.2]])}, "<=", most, "dyadic", least=np.array([-0.3]))
    assert not agree(Problem("p", (Var.of("x", "int", (2,), 0, 9), row)), {"x": np.ones((1, 2))})[0]


def test_long_random_rows_are_decided_exactly() -> None:
    """Affine layers: float64 alone can't tell whether they hold."""
    rng = np.random.default_rng(0)
    weights, x = rng.normal(size=(5, 40)), rng.normal(size=(3, 40))
    z = x @ weights.T
    parts = {"x": as_operator(weights), "z": Identity(5, -1.0)}
    problem = Problem(
        "p", (Var.of("x", "real", (40,)), Var.of("z", "real", (5,)), Lin("l", parts, "==", np.zeros(5), "dyadic"))
    )
    assert not agree(problem, {"x": x, "z": z}).any()
    assert agree(problem, {"x": x, "z": z}, tolerance=1e-9).all()
    whole = np.rint(x * 2**20) / 2**20
    exact = Problem(
        "p",
        (
            *problem.blocks[:2],
            Lin("l", {"x": as_operator(np.rint(weights)), "z": Identity(5, -1.0)}, "==", np.zeros(5), "dyadic"),
        ),
    )
    assert agree(exact, {"x": whole, "z": whole @ np.rint(weights).T}).all()


def test_tolerance_is_for_rows_with_real_variables_only() -> None:
    blocks = (
        Var.of("x", "int", (), 0, 3),
        Var.of("r", "real", (), 0.0, 3.0),
        Lin("whole", {"x": as_operator([[0.5]])}, "<=", np.array([1.0])),
        Lin("mixed", {"x": as_operator([[0.5]]), "r": as_operator([[1.0]])}, "<=", np.array([1.0])),
    )
    problem = Problem("p", blocks)
    values = {
        "x": np.array([[2.0], [2.0], [3.0], [2.0 + 1e-9], [2.0]]),
        "r": np.array([[0.0], [1e-7], [0.0], [0.0], [-1e-7]]),
    }
    assert evaluate(problem, values).feasible.tolist() == [True, False, False, False, False]
    found = evaluate(problem, values, tolerance=1e-6)
    assert found.feasible.tolist() == [True, True, False, False, True]
    small = Problem("p", (*blocks[:2], Lin("small", {"x": as_operator([[1e-9]])}, "<=", np.zeros(1))))
    assert evaluate(small, values, tolerance=1e-6).feasible.tolist() == [False] * 5
    assert found.violation["mixed"][1, 0] == pytest.approx(1e-7)
    assert found.violation["r"][4, 0] == 1e-7


def test_guarded_rows_bind_only_where_the_guard_has_its_value() -> None:
    guard = Guard("g", np.array([0, 1, -1]), np.array([1.0, 0.0, 0.0]))
    row = Lin("row", {"x": as_operator(np.ones((3, 1)))}, "<=", np.zeros(3), guard=guard)
    problem = Problem("p", (Var.of("x", "int", (1,), 0, 5), Var.of("g", "bin", (2,)), row))
    x, g = np.ones((4, 1)), np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
    expected = [[0, 1, 1], [0, 0, 1], [1, 1, 1], [1, 0, 1]]
    assert evaluate(problem, {"x": x, "g": g}).violation["row"].tolist() == expected
    assert evaluate(problem, {"x": 0 * x, "g": g}).feasible.all()


# -- variables and functions ------------------------------------------------------------------------------------------


def test_bounds_and_whole_numbers_count() -> None:
    blocks = (Var.of("b", "bin"), Var.of("s", "spin"), Var.of("i", "int", (), -2, 2), Var.of("r", "real", (), 0, 1))
    good = {"b": 1.0, "s": -1.0, "i": -2.0, "r": 0.5}
    wrong = [
        ("b", 0.25, 0.25),
        ("b", 2.0, 1.0),
        ("s", 0.0, 1.0),
        ("s", 0.5, 0.5),
        ("i", 3.0, 1.0),
        ("i", 0.5, 0.5),
        ("r", 1.5, 0.5),
        ("r", np.nan, np.inf),
        ("i", np.inf, np.inf),
    ]
    for name, value, amount in wrong:
        values = {key: np.array([[good[key]], [value if key == name else good[key]]]) for key in good}
        found = evaluate(Problem("p", blocks), values)
        assert found.feasible.tolist() == [True, False]
        assert found.violation[name][:, 0].tolist() == [0.0, amount]
        assert np.isnan(found.minimised[1]) == (not np.isfinite(value))


def test_residuals_are_exact_for_whole_functions_and_tolerant_for_real_ones() -> None:
    blocks = (
        Var.of("x", "int", (2,), -5, 5),
        Var.of("p", "int", (2,), -25, 25),
        Var.of("a", "real", (2,)),
        Var.of("s", "real", (2,)),
        Fn("prod", "p", Product(), (Arg("x"), Arg("x", np.array([1, 0])))),
        Fn("act", "s", Tanh(), (Arg("a"),)),
    )
    problem = Problem("p", blocks)
    x, a = np.array([[2.0, 3], [2, 3], [2, 3]]), np.array([[0.5, 1], [0.5, 1], [0.5, 1]])
    p, s = np.array([[6.0, 6], [6, 5], [6, 6]]), np.tanh(a)
    s[2, 0] += 1e-7
    found = evaluate(problem, {"x": x, "p": p, "a": a, "s": s})
    assert found.residual["prod"].tolist() == [[0, 0], [0, 1], [0, 0]]
    assert found.residual["act"][2, 0] == pytest.approx(1e-7)
    assert found.feasible.tolist() == [True, False, False]
    assert evaluate(problem, {"x": x, "p": p, "a": a, "s": s}, tolerance=1e-6).feasible.tolist() == [True, False, True]
