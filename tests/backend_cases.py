"""Random problems built directly from blocks, for the tests of targets, solvers, sample files and bundles."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint
from scipy.optimize import milp as scipy_milp

from isinglass.backends.mixed_integer import mixed_integer
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Lin, Penalty, Poly, Var
from isinglass.ir.lift.objective import Objective
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.term import Term
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear
from isinglass.ir.terms.monomials import Monomials
from isinglass.ir.terms.square import Square

Array = Any


def all_samples(n: int) -> Array:
    """Every 0/1 assignment [2^n, n]."""
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.float64)


def energies_of(problem: Problem, samples: Array) -> Array:
    """Objective plus weighted penalties [B], by the terms' own values."""
    values = problem.unstack(samples)
    energy = problem.objective.value(values)[:, 0]
    for poly in problem.penalties:
        assert poly.penalty is not None
        energy = energy + poly.value(values) @ poly.penalty.weight
    return energy


def penalty(name: str, terms: tuple[Term, ...], constant: Array, weight: Array) -> Poly:
    m = len(constant)
    return Poly(name, "penalty", terms, constant, penalty=Penalty(weight, np.ones(m), np.zeros(m), name, np.arange(m)))


def binary_problem(seed: int = 0, sizes: tuple[int, ...] = (2, 3), whole: bool = True, density: float = 0.7) -> Problem:
    """An objective and three squared rows over blocks a [2 x ...], b, ...; coefficients whole or normal."""
    rng = np.random.default_rng(seed)

    def matrix(m: int, n: int) -> Array:
        entries = rng.integers(-9, 10, (m, n)) if whole else rng.normal(size=(m, n))
        return (entries * (rng.random((m, n)) < density)).astype(np.float64)

    names = [chr(ord("a") + i) for i in range(len(sizes))]
    terms: list[Term] = [Bilinear(p, q, Dense(matrix(m, n))) for p, m in zip(names, sizes, strict=True)
                         for q, n in zip(names, sizes, strict=True) if p <= q]  # fmt: skip
    terms += [Linear(name, Csr.of(sparse.csr_array(matrix(1, n)))) for name, n in zip(names, sizes, strict=True)]
    parts = {name: Csr.of(sparse.csr_array(matrix(3, n))) for name, n in zip(names, sizes, strict=True)}
    rows = Square(Affine(matrix(1, 3)[0], parts))
    variables = [Var.of(name, "bin", (n,)) for name, n in zip(names, sizes, strict=True)]
    objective = Poly("objective", "objective", tuple(terms), matrix(1, 1)[0] + 0.5)
    return Problem(
        "random model", (*variables, objective, penalty("cap", (rows,), np.full(3, -0.25), np.array([2.0, 3, 5])))
    )


def milp(seed: int = 0, maximize: bool = False, reals: bool = True, whole: bool = True) -> Problem:
    """A bounded program over reals, integers and binaries with all kinds of rows, feasible at one point at least."""
    rng = np.random.default_rng(seed)
    variables = [
        Var.of("k[odd]", "int", (3,), np.array([-2.0, 0, 1]), np.array([3.0, 5, 4])),
        Var.of("e1", "bin", (2, 2)),
        Var.of("free", "int", (), -np.inf, 7.0),
    ]
    if reals:
        variables += [Var.of("x", "real", (2,), np.array([0.0, -np.inf]), np.array([4.5, 3.0]))]
    points = {v.name: np.clip(rng.integers(-3, 4, v.size), v.lower, v.upper).astype(np.float64) for v in variables}

    def matrix(m: int, n: int) -> Array:
        entries = rng.integers(-5, 6, (m, n)) if whole or m == 1 else np.round(rng.normal(size=(m, n)), 3)
        return (entries * (rng.random((m, n)) < 0.7)).astype(np.float64)

    def rows(m: int) -> tuple[dict[str, Csr], Array]:
        parts = {v.name: Csr.of(sparse.csr_array(matrix(m, v.size))) for v in variables}
        return parts, sum(op.apply(points[k][None])[0] for k, op in parts.items())

    equal, at = rows(1)
    atmost, most = rows(3)
    between, middle = rows(2)
    least = np.array([middle[0] - 4, -np.inf])
    bound = {v.name: Csr.of(sparse.csr_array(np.eye(v.size))) for v in variables}
    lins = [
        Lin("equal", equal, "==", at),
        Lin("atmost", atmost, "<=", most + 2),
        Lin("between", between, "<=", middle + 3, least=least),
        Lin("low", {"free": bound["free"]}, "<=", np.array([7.0]), least=np.array([-6.0])),
    ]
    if reals:
        lins.append(Lin("floor", {"x": bound["x"]}, "<=", np.array([4.5, 3.0]), least=np.array([-np.inf, -5.5])))
    terms = tuple(Linear(v.name, Csr.of(sparse.csr_array(matrix(1, v.size)))) for v in variables)
    objective = Poly("objective", "objective", terms, np.array([1.25]))
    return Problem("mixed model", (*variables, *lins, objective), Objective(-1.0) if maximize else Objective())


def quadratic_program() -> Problem:
    """Convex, over two reals: min (x - 1)^2 + (x - y)^2 - y + 3 for 0 <= x <= 5, 0 <= y <= 2, x + y <= 3."""
    x = Var.of("x", "real", (2,), 0.0, np.array([5.0, 2.0]))
    entries = np.array([[0, 0], [0, 1], [1, 1]])
    square = Monomials(1, ("x",), np.zeros(3, int), np.zeros((3, 2), int), entries, np.array([2.0, -2.0, 1.0]))
    linear = Linear("x", Dense(np.array([[-2.0, -1.0]])))
    row = Lin("row", {"x": Dense(np.ones((1, 2)))}, "<=", np.array([3.0]))
    return Problem("qp", (x, row, Poly("objective", "objective", (linear, square), np.array([4.0]))))


def optimum_by_scipy(problem: Problem) -> float:
    """The minimised optimum."""
    p = mixed_integer(problem)
    rows = LinearConstraint(p.matrix, p.row_lower, p.row_upper)
    found = scipy_milp(p.cost, integrality=p.integer.astype(int), bounds=Bounds(p.lower, p.upper), constraints=rows)
    assert found.success
    return float(found.fun) + p.offset
