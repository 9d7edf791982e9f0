"""SymPy expressions as expressions and rows of a builder, judged by sympy's own numbers."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from sympy.abc import x, y, z

from isinglass.frontends.sympy_expressions import from_sympy
from isinglass.ir.builder import Builder
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.evaluate import evaluate
from isinglass.ir.expression import Constraint, Expression
from isinglass.ir.rational import read_fraction


def model() -> tuple[Builder, dict[Any, Expression]]:
    b = Builder()
    v = b.integer("v", (4,), -2, 2)
    return b, {x: b.integer("x", lower=-2, upper=2), "y": b.binary("y"), z: v[1], "v": v}


TABLE = np.array(list(product([-2.0, 0.0, 1.0], [0.0, 1.0], [-1.0, 2.0], [-2.0, 1.0])))
VALUES = {"x": TABLE[:, :1], "y": TABLE[:, 1:2], "v": TABLE[:, [2, 3, 2, 3]]}


def values_of(expression: Any) -> list[float]:
    v = sympy.IndexedBase("v")
    names = [x, y, *(v[k] for k in range(4)), z]
    function = sympy.lambdify(names, expression.subs(z, v[1]))
    return [float(function(r[0], r[1], r[2], r[3], r[2], r[3], r[3])) for r in TABLE]


EXPRESSIONS = [
    x + 2 * y - 3,
    sympy.Rational(1, 3) * x**2 * y - sympy.Rational(2, 7),
    (x + y) ** 3 - (x - y) * (x + y),
    x * y * z + z**4,
    sympy.sqrt(2) * x + sympy.pi,
    sympy.Float(0.1) * x,
    sympy.IndexedBase("v")[0] * sympy.IndexedBase("v")[3] + x,
    sympy.Sum(sympy.IndexedBase("v")[sympy.Idx("i", 4)] ** 2, (sympy.Idx("i", 4), 0, 3)),
    sympy.Integer(5),
    x - x,
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_objectives(expression: Any) -> None:
    b, symbols = model()
    found = from_sympy(expression, symbols)
    assert isinstance(found, Expression)
    b.minimize(found)
    assert np.allclose(evaluate(b.build(), VALUES).objective, values_of(expression.doit()), rtol=1e-14)


@pytest.mark.parametrize(
    "relation",
    [x + y <= 1, x * y >= z, sympy.Eq(x**2, 4), 3 * x / 7 + y / 3 <= sympy.Rational(1, 7), sympy.Ge(1, x + 2 * y)],
    ids=str,
)
def test_relations(relation: Any) -> None:
    b, symbols = model()
    row = from_sympy(relation, symbols)
    assert isinstance(row, Constraint)
    b.add("row", row)
    amounts = values_of(relation.lhs - relation.rhs)
    sign = {"<=": -1, ">=": 1, "==": 0}[relation.rel_op]
    held = [abs(a) < 1e-12 or a * sign > 0 for a in amounts]
    assert evaluate(b.build(), VALUES).feasible.tolist() == held


def test_numbers_of_rows_are_exact() -> None:
    b, symbols = model()
    third, odd = sympy.Rational(1, 3), sympy.Rational(123456789, 1000000007)
    b.add("plain", from_sympy(third * x + y / 10 <= sympy.Rational(2, 7), symbols))  # type: ignore[arg-type]
    b.add("scaled", from_sympy(odd * x + y <= 1, symbols))  # type: ignore[arg-type]
    rows = b.build().lins

    def numbers(name: str) -> list[Fraction]:
        row = rows[name]
        given = [row.parts["x"].to_dense()[0, 0], row.parts["y"].to_dense()[0, 0], row.rhs[0]]
        return [read_fraction(float(value), row.reading) for value in given]

    assert numbers("plain") == [Fraction(1, 3), Fraction(1, 10), Fraction(2, 7)]
    factor = numbers("scaled")[1]
    assert numbers("scaled") == [factor * Fraction(123456789, 1000000007), factor, factor] and factor > 0
    huge = sympy.Rational(10**20 + 1, 10**19 + 9)
    with pytest.raises(Refused, match=r"100000000000000000001/10000000000000000009 in .* is no float64"):
        from_sympy(huge * x + y <= 1, symbols)
    assert isinstance(from_sympy(huge * x + y, symbols), Expression)


def test_matrix_symbols_and_expressions_for_symbols() -> None:
    b = Builder()
    m, column = b.binary("m", (2, 3)), b.binary("c", (3,))
    big, small = sympy.MatrixSymbol("M", 2, 3), sympy.MatrixSymbol("C", 3, 1)
    s = sympy.Symbol("s")
    b.minimize(from_sympy(big[1, 2] * small[2, 0] + s**2, {big: m, "C": column, s: 2 * m[0, 0] + column[1]}))
    table = np.array(list(product([0.0, 1.0], repeat=9)))
    expected = table[:, 5] * table[:, 8] + (2 * table[:, 0] + table[:, 7]) ** 2
    assert (evaluate(b.build(), {"m": table[:, :6], "c": table[:, 6:]}).objective == expected).all()


REFUSED = {
    "sin(x)": sympy.sin(x) + y,
    "1/x": y / x,
    "sqrt(x)": sympy.sqrt(x) * 2,
    "2**x": 2**x,
    "x**y": x**y,
    "Abs(x)": abs(x),
    "I": sympy.I * x,
    "oo": x + sympy.oo,
    "x < 1": x < 1,
    "Ne(x, 1)": sympy.Ne(x, 1),
    "v[i]": sympy.IndexedBase("v")[sympy.Symbol("i", integer=True)],
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_polynomial_is_named(text: str) -> None:
    _, symbols = model()
    with pytest.raises(Refused) as caught:
        from_sympy(REFUSED[text], symbols)
    (error,) = caught.value.diagnostics
    assert text in error.message and error.code == "not-polynomial" and error.hint


def test_mistakes() -> None:
    _, symbols = model()
    v = sympy.IndexedBase("v")
    with pytest.raises(InputError, match="no variable for the symbol 'w'"):
        from_sympy(sympy.Symbol("w") + x, symbols)
    for wrong in (v[4], v[-1], v[0, 1]):
        with pytest.raises(InputError, match=r"does not fit the variable of shape \[4\]"):
            from_sympy(wrong + x, symbols)
    for constant in (x <= x, x == y):
        with pytest.raises(InputError, match="always"):
            from_sympy(constant, symbols)
    with pytest.raises(InputError, match="beyond the float64 range"):
        from_sympy(sympy.Integer(10) ** 400 * x, symbols)


@given(st.lists(st.tuples(st.fractions(-9, 9, max_denominator=99), *[st.integers(0, 3)] * 3), max_size=6))
def test_random_polynomials(terms: list[tuple[Fraction, int, int, int]]) -> None:
    expression = sympy.Add(*(sympy.Rational(c.numerator, c.denominator) * x**i * y**j * z**k for c, i, j, k in terms))
    b, symbols = model()
    b.minimize(from_sympy(expression, symbols))
    assert np.allclose(evaluate(b.build(), VALUES).objective, values_of(expression), rtol=1e-12, atol=1e-12)
