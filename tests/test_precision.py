"""What float64 leaves of a QUBO's energies: a kept optimum is one that the rounded coefficients still show."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

import isinglass
from isinglass.backends.enumeration import exact_energies
from isinglass.ir.decoding import Solved, answer
from isinglass.ir.samples import Samples


def knapsack(rng: np.random.Generator, size: float, digits: int = 0) -> tuple[isinglass.Problem, Any, Any]:
    """Two integers of wide range under one row; the best points that fit, and their values."""
    high = int(rng.integers(60, 200))
    weight = rng.integers(1000, 4000, 2).astype(float)
    value = (size + rng.integers(0, 30, 2)) / 10.0**digits
    side = float(int(weight.sum() * high * 0.6))
    b = isinglass.Builder("wide")
    x = b.integer("x", (2,), 0, high)
    b.add("cap", weight @ x <= side)
    b.maximize(value @ x)
    table = np.array(list(product(range(high + 1), repeat=2)), dtype=float)
    table = table[table @ weight <= side]
    table = table[np.argsort(-table @ value)[:200]]
    exact = [sum((Fraction(v) * int(n) for v, n in zip(value, point, strict=True)), Fraction(0)) for point in table]
    return b.build(), table, exact


@pytest.mark.parametrize("size, digits", [(1e2, 0), (1e4, 0), (1e4, 1), (1e6, 0), (1e8, 0), (1e8, 3), (1e10, 0)])
def test_energies_are_off_by_no_more_than_is_told(size: float, digits: int) -> None:
    """Coefficients in exact arithmetic against the objective, at the points that pay no penalty."""
    told = []
    for seed in range(4):
        problem, table, exact = knapsack(np.random.default_rng(seed), size, digits)
        compiled = isinglass.compile(problem, "bqm")
        down, _ = compiled.lift.down(problem.unstack(table))
        energy = exact_energies(compiled.form, compiled.problem.stack(down))
        off = max(abs(e + value) for e, value in zip(energy, exact, strict=True))
        guarantee = compiled.guarantee
        best = min(range(len(energy)), key=energy.__getitem__)
        allowed = guarantee.objective_error if guarantee.optimum == "bounded" else 1e-9 * float(max(exact))
        assert float(max(exact) - exact[best]) <= allowed
        assert guarantee.optimum == "bounded" or off < Fraction(1, 2 * 10**digits)
        assert guarantee.optimum == "kept" or off <= Fraction(guarantee.objective_error)
        told.append(guarantee.optimum)
    assert set(told) == {"kept"} if size <= 1e4 else "bounded" in told or size < 1e8


def test_values_on_no_grid_are_told_apart_up_to_noise() -> None:
    rng = np.random.default_rng(3)
    b = isinglass.Builder("noise")
    x = b.binary("x", (12,))
    b.add("cap", rng.integers(1, 1000, 12).astype(float) @ x <= 3000)
    b.minimize(rng.normal(size=12) @ x)
    problem = b.build()
    assert isinglass.compile(problem, "bqm").guarantee.optimum == "kept"
    assert isinglass.solve(problem, solver="exact").status == "optimal"


def test_a_bounded_optimum_is_not_called_optimal() -> None:
    b = isinglass.Builder("wide")
    x = b.integer("x", (2,), 0, 127)
    b.add("cap", np.array([3001.0, 1999.0]) @ x <= 400000.0)
    b.maximize(np.array([1e12 + 1, 1e12 + 3]) @ x)
    problem = b.build()
    compiled = isinglass.compile(problem, "bqm")
    assert compiled.guarantee.optimum == "bounded" and compiled.guarantee.objective_error > 1
    assert any(note.loss and "rounded" in note.what for note in compiled.ledger)
    down, _ = compiled.lift.down(problem.unstack(np.array([[60.0, 60.0]])))
    decoded = compiled.decode(Samples(down))
    answered = answer(decoded, compiled.guarantee, compiled.ledger, Solved("exact", True, "optimal"))
    assert answered.status == "witnessed" and answered.upper is None
