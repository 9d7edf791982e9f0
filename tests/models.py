"""Random small problems, and which of their points are feasible: by enumeration, in whole numbers, on dense matrices.

Plain functions of a numpy Generator, without the package's own evaluation. ``sweeps`` runs passes on them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from isinglass.ir.blocks import Arg, Fn, Guard, Lin, Poly, Var
from isinglass.ir.functions.product import Product
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.terms.linear import Linear
from isinglass.ir.terms.monomials import Monomials

Array = Any
Table = dict[str, Any]
LIMIT = 1 << 17


def axis(var: Var, place: int) -> Array:
    """Values to try for one scalar: all of a discrete one, quarters of a real one."""
    low, high = var.lower[place], var.upper[place]
    if var.domain == "spin":
        return np.array([s for s in (-1.0, 1.0) if low <= s <= high])
    if var.domain == "real":
        return np.unique(np.concatenate([np.arange(np.ceil(low * 4), np.floor(high * 4) + 1) / 4, [low, high]]))
    return np.arange(np.ceil(low), np.floor(high) + 1)


def points(problem: Problem) -> Table:
    """All points of the box, by block; elements that function blocks compute are free here too."""
    axes = [axis(var, place) for var in problem.vars.values() for place in range(var.size)]
    assert np.prod([float(len(a)) for a in axes]) <= LIMIT, "too many points to enumerate"
    table = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes)) if axes else np.zeros((1, 0))
    return problem.unstack(table)


def take(values: Table, chosen: Array) -> Table:
    return {name: array[chosen] for name, array in values.items()}


def admits(problem: Problem, values: Table) -> Array:
    """Which points [B] lie in the box and satisfy every row, guard and function block."""
    good = np.ones(len(next(iter(values.values()))), bool)
    for var in problem.vars.values():
        x = values[var.name]
        good &= ((x >= var.lower) & (x <= var.upper)).all(axis=1)
        if var.domain != "real":
            good &= (x == np.rint(x)).all(axis=1)
    for lin in problem.lins.values():
        unit = millionths if lin.reading == "decimal" else np.asarray
        parts = [values[name] @ unit(operator.to_csr().toarray()).T for name, operator in lin.parts.items()]
        activity = sum(parts, np.zeros((1, lin.size)))
        least = -np.inf if lin.least is None else unit(lin.least)
        good &= holds(activity, lin.sense, unit(lin.rhs), least, lin.guard, values)
    for poly in problem.constraints:
        assert poly.sense is not None and poly.rhs is not None
        good &= holds(poly.value(values), poly.sense, poly.rhs, -np.inf, poly.guard, values)
    for fn in problem.fns.values():
        args = [arg.pick(values[arg.variable]) for arg in fn.args]
        good &= (np.prod(args, axis=0) == values[fn.output]).all(axis=1)
    return good


def millionths(values: Array) -> Array:
    """Decimals of at most six places, times 10^6, as whole numbers."""
    whole = np.where(np.isfinite(values), np.rint(values * 1e6), values)
    assert np.allclose(whole, values * 1e6, rtol=0, atol=1e-4)
    return whole


def holds(activity: Array, sense: str, rhs: Array, least: Any, guard: Guard | None, values: Table) -> Array:
    fine = (activity == rhs) if sense == "==" else (activity <= rhs) & (activity >= least)
    if guard is not None:
        on = values[guard.variable][:, np.maximum(guard.index, 0)] == guard.value
        fine = fine | ((guard.index >= 0) & ~on)
    return fine.all(axis=1)


def objective(problem: Problem, values: Table) -> Array:
    return problem.objective.value(values)[:, 0]


# -- generators --------------------------------------------------------------------------------------------------------


def blocks(rng: np.random.Generator, real: bool = False, spin: bool = False) -> list[Var]:
    """A few binaries and integers, if wished a real and a spin."""
    low = rng.integers(-3, 2, 2).astype(float)
    found = [
        Var.of("x", "bin", (int(rng.integers(2, 5)),)),
        Var.of("y", "int", (2,), low, low + rng.integers(0, 5, 2)),
    ]
    if real:
        found.append(Var.of("r", "real", (1,), -1.5, float(rng.integers(0, 3))))
    if spin:
        found.append(Var.of("s", "spin", (2,)))
    return found


def linear_objective(rng: np.random.Generator, variables: list[Var]) -> Poly:
    parts = tuple(Linear(v.name, Dense(rng.integers(-5, 6, (1, v.size)).astype(float))) for v in variables)
    return Poly("objective", "objective", parts, np.array([float(rng.integers(-3, 4))]))


def rows(rng: np.random.Generator, variables: list[Var], name: str, count: int, sense: str, scale: float = 1.0) -> Lin:
    """Sparse integer rows (times ``scale``) whose sides lie where some points satisfy them and some don't."""
    parts, total = {}, np.zeros(count)
    for var in variables:
        matrix = rng.integers(-4, 5, (count, var.size)) * (rng.random((count, var.size)) < 0.7) * scale
        parts[var.name] = Csr.of(Dense(matrix).to_csr())
        spread = var.upper - var.lower
        inside = var.lower + np.rint(spread * rng.random(var.size))
        inside = np.where(var.domain == "spin", 2 * np.rint(rng.random(var.size)) - 1, inside)
        total += matrix @ np.minimum(inside, var.upper)
    slack = 0.0 if sense == "==" else np.rint(rng.random(count) * 6 - 1) * scale
    return Lin(name, parts, sense, total + slack, "dyadic")


def guarded(rng: np.random.Generator, lin: Lin, variable: str, size: int) -> Lin:
    index = rng.integers(-1, size, lin.size)
    return replace(lin, guard=Guard(variable, index, rng.integers(0, 2, lin.size).astype(float)))


def ranged(rng: np.random.Generator, lin: Lin) -> Lin:
    width = rng.integers(0, 8, lin.size).astype(float)
    return replace(lin, least=np.where(rng.random(lin.size) < 0.7, lin.rhs - width, -np.inf))


def linear_rows(rng: np.random.Generator, real: bool = False, guards: bool = True) -> Problem:
    """Rows of all kinds: ``<=``, ``==``, ranged, guarded; sometimes a fixed guard, sometimes contradictory."""
    variables = blocks(rng, real, bool(rng.random() < 0.3))
    scale = 0.125 if real and rng.random() < 0.5 else 1.0
    lins = [
        rows(rng, variables, "cap", int(rng.integers(1, 4)), "<=", scale),
        ranged(rng, rows(rng, variables, "range", int(rng.integers(1, 3)), "<=", scale)),
    ]
    if rng.random() < 0.5:
        lins.append(rows(rng, variables[:2], "same", 1, "=="))
    if guards:
        size = variables[0].size
        lins = [guarded(rng, lin, "x", size) if rng.random() < 0.6 else lin for lin in lins]
        lins.append(guarded(rng, rows(rng, variables[: 2 + real], "gate", 2, "==", scale), "x", size))
        if rng.random() < 0.3:
            lower = np.zeros(size)
            lower[0] = 1.0
            variables[0] = replace(variables[0], lower=lower)
    return Problem("rows", (*variables, *lins, linear_objective(rng, variables)))


def ranged_rows(rng: np.random.Generator) -> Problem:
    """Rows with two sides, stated as one row or as two, alone or beside others, none guarded."""
    variables = blocks(rng)
    lins = [ranged(rng, rows(rng, variables, "range", 2, "<=")), rows(rng, variables, "cap", 2, "<=")]
    cap = lins[1]
    parts = {name: operator.scaled(-1.0) for name, operator in cap.parts.items()}
    lins.append(Lin("back", parts, "<=", rng.integers(0, 8, 2) - cap.rhs, "dyadic"))
    return Problem("ranges", (*variables, *lins, linear_objective(rng, variables)))


def decimal_rows(rng: np.random.Generator) -> Problem:
    """Rows of one-decimal numbers, which float64 sums get wrong now and then."""
    problem = linear_rows(rng)
    lins = {}
    for lin in problem.lins.values():
        parts = {k: Csr.of(np.round(op.to_csr().toarray() / 10, 1)) for k, op in lin.parts.items()}
        parts = {k: op for k, op in parts.items() if op.nnz}
        least = None if lin.least is None else np.round(lin.least / 10, 1)
        lins[lin.name] = replace(lin, parts=parts, rhs=np.round(lin.rhs / 10, 1), least=least, reading="decimal")
    return problem.with_blocks(lins.get(block.name, block) for block in problem.blocks)


def repeated_rows(rng: np.random.Generator) -> Problem:
    """Rows that occur again, with other sides, signs, guards, and rows that always hold."""
    problem = linear_rows(rng)
    lins = list(problem.lins.values())
    extra: list[Lin] = []
    for number in range(int(rng.integers(1, 5))):
        lin = lins[int(rng.integers(len(lins)))]
        sign = float(rng.choice([-1.0, 1.0]))
        parts = {name: operator.scaled(sign) for name, operator in lin.parts.items()}
        sense = "==" if rng.random() < 0.15 else "<="
        shift = np.rint(rng.random(lin.size) * 6 - 1) * (rng.random() < 0.8)
        guard = lin.guard if rng.random() < 0.7 else None
        if guard is not None and rng.random() < 0.3:
            guard = replace(guard, value=1 - guard.value)
        extra.append(Lin(f"again{number}", parts, sense, sign * lin.rhs + shift, "dyadic", guard=guard))
    return problem.with_blocks([*problem.blocks, *extra])


def monomial_rows(rng: np.random.Generator, mixed: bool = False) -> Problem:
    """Polynomial rows over two blocks of binaries, with squares, repeats and constants; guards; a cubic objective."""
    variables = [Var.of("x", "bin", (3,)), Var.of("z", "bin", (2,)), Var.of("y", "int", (1,), rng.integers(-2, 2), 2)]
    count = int(rng.integers(1, 4))
    line = Linear("y", Dense(rng.integers(-2, 3, (count, 1)) * 1.0))
    constraint = Poly(
        "curve", "constraint", (monomials(rng, count, 4, mixed), line),
        rng.integers(-2, 3, count).astype(float), sense=str(rng.choice(["<=", "=="])),
        rhs=rng.integers(-2, 5, count).astype(float), reading="simplest",
    )  # fmt: skip
    if rng.random() < 0.5:
        guard = Guard("z", rng.integers(-1, 2, count), rng.integers(0, 2, count).astype(float))
        constraint = replace(constraint, guard=guard)
    goal = Poly("objective", "objective", (monomials(rng, 1, 6, mixed),), np.array([2.0]))
    return Problem("curves", (*variables, constraint, goal))


def monomials(rng: np.random.Generator, rows: int, count: int, mixed: bool) -> Monomials:
    """Up to cubic monomials in x [3] and z [2], where ``mixed`` with at most one y."""
    total = rows * count
    which = rng.integers(-1, 2, (total, 3))
    which = -np.sort(-which, axis=1)
    index = np.where(which == 0, rng.integers(0, 3, (total, 3)), rng.integers(0, 2, (total, 3)))
    if mixed:
        which[:, 0] = np.where(rng.random(total) < 0.4, 2, which[:, 0])
    index = np.where(which == 2, 0, np.where(which < 0, 0, index))
    row = np.repeat(np.arange(rows), count)
    return Monomials(rows, ("x", "z", "y"), row, which, index, rng.integers(-3, 4, total).astype(float))


def product_blocks(rng: np.random.Generator) -> Problem:
    """Products of two or three binaries, and of binaries with one number, as function blocks."""
    low = float(rng.integers(-3, 2))
    variables = [Var.of("x", "bin", (3,)), Var.of("y", "int", (1,), low, low + float(rng.integers(0, 4)))]
    if rng.random() < 0.3:
        variables[1] = replace(variables[1], domain="real")
    tight = rng.random() < 0.5
    least, most = min(low, 0.0), max(float(variables[1].upper[0]), 0.0)
    w = Var.of("w", variables[1].domain, (1,), least - 2 * (not tight), most + 2 * (not tight))
    outputs = [Var.of("z", str(rng.choice(["bin", "int"])), (2,), 0 if tight else None, 1 if tight else None), w]
    if outputs[0].domain == "int" and not tight:
        outputs[0] = replace(outputs[0], lower=np.full(2, -1.0), upper=np.full(2, 2.0))

    def pick(n: int, k: int) -> Array:
        return rng.integers(0, n, k)

    degree = int(rng.integers(2, 4))
    fns = [
        Fn("and", "z", Product(), tuple(Arg("x", pick(3, 2)) for _ in range(degree))),
        Fn("gate", "w", Product(), (*(Arg("x", pick(3, 1)) for _ in range(degree - 1)), Arg("y"))),
    ]
    return Problem("products", (*variables, *outputs, *fns, linear_objective(rng, [*variables, *outputs])))


def integer_rows(rng: np.random.Generator) -> Problem:
    """Linear rows without spins, or rows of packing and covering kind."""
    if rng.random() < 0.4:
        return packing_rows(rng)
    problem = linear_rows(rng)
    names = {var.name for var in problem.vars.values() if var.domain == "spin"}
    if not names:
        return problem
    blocks_ = [replace(b, domain="bin", lower=np.zeros(b.size)) if isinstance(b, Var) and b.name in names else b
               for b in problem.blocks]  # fmt: skip
    return problem.with_blocks(blocks_)


def packing_rows(rng: np.random.Generator) -> Problem:
    """max p.x, A x <= b or min p.x, A x >= b, with A and p not negative; some columns turned round."""
    n, m = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    upper = rng.integers(1, 5, n).astype(float)
    matrix = rng.integers(0, 6, (m, n)).astype(float)
    sign, turn = float(rng.choice([1.0, -1.0])), rng.choice([1.0, -1.0], n)
    lower = np.where(turn > 0, 0.0, -upper)
    side = np.floor(matrix @ upper * rng.random(m))
    rows_ = Lin("cap", {"x": Dense(sign * matrix * turn)}, "<=", sign * side, "dyadic")
    goal = Linear("x", Dense(-sign * rng.integers(0, 7, (1, n)) * turn))
    var = Var("x", "int", (n,), lower, lower + upper)
    return Problem("packing", (var, rows_, Poly("objective", "objective", (goal,), np.zeros(1))))
