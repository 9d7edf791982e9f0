"""The bound-propagation certificate: never accepted where a point is feasible, found where bounds say enough."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from fuzz_models import random_model
from scipy import sparse

import isinglass
from isinglass.ir.blocks import Lin
from isinglass.ir.certificates.bound_propagation import check
from isinglass.ir.errors import Infeasible
from isinglass.ir.operators.csr import Csr

KIND = {"kind": "bound-propagation"}
Build = Callable[[isinglass.Builder], None]


def model(build: Build) -> isinglass.Problem:
    b = isinglass.Builder("certificate")
    build(b)
    return b.build()


def test_accepted_only_where_nothing_is_feasible() -> None:
    """Every contradiction found while compiling is found again; none is found in a model that has a point."""
    found = 0
    for number in range(150):
        one = random_model(np.random.default_rng([7, number]))
        accepted = check(one.problem, KIND)
        assert not (accepted and one.optimum is not None), number
        try:
            isinglass.compile(one.problem, "bqm")
        except Infeasible:
            assert accepted, number
            found += 1
    assert found >= 20


def test_other_kinds_are_not_accepted() -> None:
    def build(b: isinglass.Builder) -> None:
        b.add("r", b.binary("x") >= 2)

    assert check(model(build), KIND) and not check(model(build), {"kind": "other"}) and not check(model(build), {})


def guards(b: isinglass.Builder) -> None:
    g, n = b.binary("g"), b.integer("n", (), 0, 5)
    b.add("low", (n <= 2).when(g))
    b.add("high", (n >= 4).when(g))
    b.add("on", g == 1)


def either(b: isinglass.Builder) -> None:
    x = b.binary("x", (3,))
    b.add_either("e", [[x.sum() >= 4], [x[0] + x[1] >= 3]])


def products(b: isinglass.Builder) -> None:
    n = b.integer("n", (2,), [-3, 2], [-1, 4])
    b.add("r", n[0] * n[1] >= -1)


def squares(b: isinglass.Builder) -> None:
    n = b.integer("n", (), -3, 3)
    b.add("r", n * n - 1 <= -2)


def spins(b: isinglass.Builder) -> None:
    s = b.spin("s", (2,))
    b.add("r", s[0] * s[0] + s[1] * s[1] <= 1)


def divisor(b: isinglass.Builder) -> None:
    n = b.integer("n", (2,), 0)
    b.add("r", 4 * n[0] - 6 * n[1] == 3)


def thirds(b: isinglass.Builder) -> None:
    n = b.integer("n", (2,), 0, 9)
    b.add("r", n[0] / 3 + n[1] / 3 == 0.5)


def parallel(b: isinglass.Builder) -> None:
    n = b.integer("n", (2,), 0, 5)
    b.add("low", n[0] + n[1] >= 4)
    b.add("high", 2 * n[0] + 2 * n[1] <= 7)


def few_points(b: isinglass.Builder) -> None:
    x = b.binary("x", (3,))
    b.add("r", 3 * x[0] + 5 * x[1] + 7 * x[2] == 11)


def ranged(b: isinglass.Builder) -> None:
    b.binary("x", (2,))
    row = Csr.of(sparse.csr_array(np.ones((1, 2))))
    b.block(Lin("r", {"x": row}, "<=", np.array([9.0]), least=np.array([3.0])))


def guard_in_its_row(b: isinglass.Builder) -> None:
    g, n = b.binary("g"), b.integer("n", (), 2, 5)
    b.add("a", (n + 3 * g <= 4).when(g))
    b.add("b", (n - 7 * g == -1).when(g, 0))


FALSE = [guards, either, products, squares, spins, divisor, thirds, parallel, few_points, ranged, guard_in_its_row]


@pytest.mark.parametrize("build", FALSE)
def test_contradictions(build: Build) -> None:
    assert check(model(build), KIND)


def open_guard(b: isinglass.Builder) -> None:
    g, n = b.binary("g"), b.integer("n", (), 0, 5)
    b.add("never", (n >= 6).when(g))


def real_divisor(b: isinglass.Builder) -> None:
    b.add("r", 4 * b.real("x", (), 0, 9) - 6 * b.integer("n", (), 0) == 3)


def touching(b: isinglass.Builder) -> None:
    n = b.integer("n", (2,), 0, 5)
    b.add("low", n[0] + n[1] >= 4)
    b.add("high", 3 * n[0] + 3 * n[1] <= 12)
    b.add("sharp", n[0] * 0.1 + n[1] * 0.1 == 0.4)


def half_spin(b: isinglass.Builder) -> None:
    s = b.spin("s", (2,))
    b.add("r", s[0] * s[1] + s[0] <= -2.0 / 3)


@pytest.mark.parametrize("build", [open_guard, real_divisor, touching, half_spin])
def test_models_with_points(build: Build) -> None:
    assert not check(model(build), KIND)
