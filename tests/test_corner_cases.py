"""Models at the edges: nothing to decide, everything decided, names that clash, numbers large and small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import isinglass
from isinglass.ir.answers import Answer
from isinglass.ir.blocks import Var
from isinglass.ir.errors import Refused, UsageError

Build = Callable[[isinglass.Builder], None]
CASES: dict[str, tuple[float | None, Build]] = {}


def case(value: float | None) -> Callable[[Build], Build]:
    """Register a model with its optimum (None: infeasible)."""

    def keep(build: Build) -> Build:
        CASES[build.__name__] = value, build
        return build

    return keep


@case(3.5)
def no_variables(b: isinglass.Builder) -> None:
    b.minimize(3.5)


@case(0.0)
def nothing_at_all(b: isinglass.Builder) -> None:
    pass


@case(0.0)
def empty_blocks(b: isinglass.Builder) -> None:
    x = b.binary("x", (0, 3))
    b.add("none", x <= 1)
    b.maximize(x.sum())


@case(1.0)
def empty_and_full(b: isinglass.Builder) -> None:
    x, y = b.binary("x", (0,)), b.binary("y", (2,))
    b.add("cap", y.sum() <= 1)
    b.maximize(x.sum() + y.sum())


@case(None)
def false_without_variables(b: isinglass.Builder) -> None:
    x = b.binary("x", (3,))
    b.add("never", x[0] * 0 == 1)
    b.minimize(x.sum())


@case(3.0)
def all_fixed(b: isinglass.Builder) -> None:
    n = b.integer("n", (2,), [1, 2], [1, 2])
    b.add("cap", n.sum() <= 3)
    b.maximize(n.sum())


@case(None)
def all_fixed_and_false(b: isinglass.Builder) -> None:
    n = b.integer("n", (2,), [1, 2], [1, 2])
    b.add("cap", n.sum() <= 2)
    b.maximize(n.sum())


@case(None)
def fixed_factors(b: isinglass.Builder) -> None:
    n = b.integer("n", (2,), [1, 2], [1, 2])
    b.add("product", n[0] * n[1] == 3)
    b.maximize(n.sum())


@case(None)
def factors_set_by_rows(b: isinglass.Builder) -> None:
    x = b.binary("x", (2,))
    b.add("first", x[0] == 1)
    b.add("second", x[1] == 1)
    b.add("never", x[0] * x[1] <= 0)


@case(-4.0)
def one_factor_set_by_a_row(b: isinglass.Builder) -> None:
    x = b.binary("x", (4,))
    b.add("first", x[0] == 1)
    b.add("product", x[0] * x[1] + x[2] * x[3] + x[1] * x[3] <= 1)
    b.minimize(-x.sum() - x[2] * x[3])


@case(2.5)
def guards_over_fixed_binaries(b: isinglass.Builder) -> None:
    g = b.variable(Var.of("g", "bin", (2,), np.array([1.0, 0.0]), np.array([1.0, 1.0])))
    n = b.integer("n", (), 0, 5)
    b.add("a", (n <= 2).when(g[0]))
    b.add("c", (n >= 4).when(g[1], 0))
    b.maximize(n + g[1] * 0.5)


@case(1.0)
def guards_in_their_own_rows(b: isinglass.Builder) -> None:
    g, n = b.binary("g"), b.integer("n", (), -3, 5)
    b.add("a", (n + 7 * g <= 4).when(g))
    b.add("c", (n - 2 * g == -1).when(g, 0))
    b.maximize(n + 4 * g)


@case(0.0)
def guarded_products(b: isinglass.Builder) -> None:
    g, x, n = b.binary("g"), b.binary("x", (2,)), b.integer("n", (), -3, 5)
    b.add("a", (n * x[0] >= 3).when(g))
    b.add("c", (x[0] * x[1] == 1).when(g, 0))
    b.minimize(n + 4 * g + x[1] * 3)


@case(-5.0)
def squares_of_integers(b: isinglass.Builder) -> None:
    n = b.integer("n", (2,), -3, 3)
    b.add("circle", n[0] * n[0] + n[1] ** 2 == 5)
    b.minimize(n[0] * 2 + n[1])


@case(-1.0)
def products_of_spins(b: isinglass.Builder) -> None:
    s = b.spin("s", (3,))
    b.add("odd", s[0] * s[1] * s[2] == 1)
    b.add("apart", s[0] * s[1] == -1)
    b.minimize(s.sum())


@case(-5.0)
def names_that_passes_like(b: isinglass.Builder) -> None:
    x, y = b.binary("cap.slack", (3,)), b.binary("product", (2,))
    z, w = b.integer("product.bits", (), 0, 3), b.binary("cap.slack.bits")
    v, u, q = b.integer("term", (), 0, 2), b.binary("term.bits"), b.binary("x.free", (2,))
    f = b.variable(Var.of("x", "bin", (3,), np.array([1.0, 0.0, 0.0]), np.ones(3)))
    b.add("cap", x.sum() + 2 * z + w <= 4)
    b.add("products", y[0] * y[1] * x[0] + z * y[0] >= 1)
    b.add("cap.penalty", x[0] + f[1] == 1)
    b.minimize(x[0] * x[1] * y[0] * -3.0 + z * z * v * u - f.sum() * q[0] + 2 * q[1])


@case(4.0)
def names_of_any_characters(b: isinglass.Builder) -> None:
    x, y, z = b.binary('größe "é" [1,2] {a=b}\n\\x', (2,)), b.integer(" ", (), 0, 3), b.binary("")
    b.add("//;", x.sum() + y <= 3)
    b.add("@a b", (y >= 1).when(z))
    b.maximize(x.sum() + y + z)


@case(4e15)
def large_numbers(b: isinglass.Builder) -> None:
    x, w = b.binary("x", (3,)), np.array([1e15, 2e15, 3e15])
    b.add("cap", w @ x <= 4e15)
    b.maximize(w @ x)


@case(4e-12)
def small_numbers(b: isinglass.Builder) -> None:
    x, w = b.binary("x", (3,)), np.array([1e-12, 2e-12, 3e-12])
    b.add("cap", w @ x <= 4e-12)
    b.maximize(w @ x)


@case(3.0)
def thirds_and_tenths(b: isinglass.Builder) -> None:
    x = b.binary("x", (3,))
    b.add("tenths", x[0] * 0.1 + x[1] * 0.2 == 0.3)
    b.add("thirds", x[0] * (1 / 3) + x[1] * (1 / 3) + x[2] * (1 / 3) >= 1)
    b.minimize(x.sum())


@case(5.0)
def broken_at_no_cost(b: isinglass.Builder) -> None:
    x = b.binary("x", (3,))
    b.add_soft("free", x.sum() >= 2, 0.0)
    b.add_soft("each", x >= 1, [1.0, 2.0, 3.0])
    b.minimize(2 * x.sum())


@case(1.0)
def factors_bounded_by_rows_only(b: isinglass.Builder) -> None:
    n, x = b.integer("n", (), 0), b.binary("x", (2,))
    b.add("few", n <= 5)
    b.add("products", n * x[0] + 2 * x[1] >= 2)
    b.minimize(n + x[0] + x[1])


@case(None)
def no_cases(b: isinglass.Builder) -> None:
    b.add_either("none", [])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("solver", ["exact", "highs"])
def test_corner_cases(name: str, solver: str) -> None:
    value, build = CASES[name]
    b = isinglass.Builder(name)
    build(b)
    answer = isinglass.solve(b.build(), solver=solver)
    assert answer.status == ("infeasible" if value is None else "optimal")
    if value is None:
        assert answer.value is None and answer.witness is None
    else:
        assert answer.value == pytest.approx(value, rel=1e-12)
    assert Answer.from_json(answer.to_json()).status == answer.status


@pytest.mark.parametrize("name", CASES)
def test_corner_cases_are_explained(name: str) -> None:
    value, build = CASES[name]
    b = isinglass.Builder(name)
    build(b)
    if value is not None:
        assert "guarantee" in isinglass.compile(b.build(), "bqm").explain()


def test_numbers_that_float64_energies_cannot_hold_are_refused() -> None:
    b = isinglass.Builder("wide")
    x = b.binary("x", (3,))
    b.add("cap", np.array([1e15 + 1, 2e15 + 3, 3e15 + 7]) @ x <= 4e15 + 9)
    with pytest.raises(Refused, match="above the limit"):
        isinglass.compile(b.build(), "bqm")


def test_a_point_within_a_solvers_tolerance_is_no_witness() -> None:
    """3.14... x + 2.71... y = 5.85...: the float of the sum is not the sum of the floats."""
    b = isinglass.Builder("sharp")
    x = b.binary("x", (2,))
    b.add("sum", np.array([np.pi, np.e]) @ x == np.pi + np.e)
    answer = isinglass.solve(b.build(), solver="highs")
    assert answer.status == "unknown" and answer.value is None
    assert "violates sum" in answer.detail[0]


@pytest.mark.parametrize("options, words", [
    ({"tigth": True}, "did you mean 'tight'"),
    ({"code": "logs"}, "did you mean 'log'"),
    ({"cutoff": "no"}, "True or False"),
    ({"seed": -1}, "at least 0"),
    ({"reads": 0}, "at least 1"),
    ({"timeout": -1.0}, "seconds"),
    ({"timeout": float("nan")}, "seconds"),
])  # fmt: skip
def test_options_that_do_not_exist(options: dict[str, Any], words: str) -> None:
    b = isinglass.Builder("options")
    x = b.binary("x", (2,))
    b.add("one", x.sum() == 1)
    problem = b.build()
    with pytest.raises(UsageError, match=words):
        isinglass.solve(problem, solver="exact", **options)
    if not {"seed", "reads", "timeout"} & set(options):
        with pytest.raises(UsageError, match=words):
            isinglass.compile(problem, **options)


def test_an_unbounded_objective_is_told() -> None:
    b = isinglass.Builder("unbounded")
    n = b.integer("n", (), 0)
    b.maximize(n)
    answer = isinglass.solve(b.build(), solver="highs")
    assert answer.status == "witnessed" and "ever better" in answer.detail[0]
