"""The laws that every pass must keep, checked by enumeration on random small problems.

``sweep(text, count, seed)`` runs one pass (with options) on ``count`` problems of its kind and raises AssertionError
at the first that breaks a law:

* where ``down`` says a point is representable, ``up(down(x)) == x``;
* there the objective is the same (within the guarantee's error), and so are violations, as ``feasible`` says;
* every ground state of the result decodes to an optimum of the input when the guarantee keeps the optimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from isinglass.compiler.pipeline import Pipeline
from isinglass.ir.blocks import Arg, Fn, Var
from isinglass.ir.builder import Builder
from isinglass.ir.errors import Infeasible
from isinglass.ir.evaluate import energy, evaluate
from isinglass.ir.function import Function
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.max import Max
from isinglass.ir.functions.product import Product
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid
from isinglass.ir.functions.sign import Sign
from isinglass.ir.functions.tanh import Tanh
from isinglass.ir.problem import Problem
from isinglass.ir.step import Step
from isinglass.ir.text import parse_ir, parse_value, print_ir, print_value
from isinglass.ir.verify import verify

Rng = np.random.Generator
LIMIT = 1 << 16


def axis(var: Var, place: int) -> np.ndarray:
    low, high = var.lower[place], var.upper[place]
    if var.domain == "spin":
        return np.array([s for s in (-1.0, 1.0) if low <= s <= high])
    if var.domain == "real":
        return np.unique(np.concatenate([np.arange(np.ceil(low * 4), np.floor(high * 4) + 1) / 4, [low, high]]))
    return np.arange(low, high + 1)


def points(problem: Problem) -> dict[str, np.ndarray] | None:
    """All points of the box; None when there are too many."""
    if not all(np.isfinite(side).all() for var in problem.vars.values() for side in (var.lower, var.upper)):
        return None
    axes = [axis(var, place) for var in problem.vars.values() for place in range(var.size)]
    if np.prod([float(len(a)) for a in axes]) > LIMIT:
        return None
    table = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes)) if axes else np.zeros((1, 0))
    return problem.unstack(table)


# -- problems --------------------------------------------------------------------------------------------------------


def quadratic(rng: Rng, domain: str = "bin", count: int = 5, high: int = 3) -> tuple[Builder, object]:
    b = Builder("law")
    if domain == "int":
        low = rng.integers(-2, 2, count).astype(float)
        x = b.integer("x", (count,), low, low + rng.integers(0, high + 1, count))
    else:
        x = b.spin("x", (count,)) if domain == "spin" else b.binary("x", (count,))
    Q = np.triu(rng.integers(-5, 6, (count, count))).astype(float)
    b.minimize(x @ Q @ x + rng.integers(-5, 6, count).astype(float) @ x + 1.5)
    return b, x


def integer_rows(rng: Rng) -> Problem:
    """Bounded integers and binaries, a <= row, an == row and a one-hot row, integer coefficients."""
    b, x = quadratic(rng, "int", 3)
    y = b.binary("y", (3,))
    w = rng.integers(-4, 6, 3).astype(float)
    b.add("cap", w @ x + rng.integers(0, 4, 3).astype(float) @ y <= int(rng.integers(0, 7)), reading="dyadic")
    b.add("pick", y.sum() == 1, reading="dyadic")
    b.add("pair", x[0] + y[0] <= int(rng.integers(0, 3)), reading="dyadic")
    return b.build()


def two_sides(rng: Rng) -> Problem:
    """The same, with a row that has two sides and one that is its own opposite."""
    problem = integer_rows(rng)
    cap, pair = problem.lins["cap"], problem.lins["pair"]
    parts = {name: operator.scaled(-1.0) for name, operator in pair.parts.items()}
    back = replace(pair, name="back", parts=parts, rhs=rng.integers(0, 4, 1) - pair.rhs)
    ranged = replace(cap, least=cap.rhs - rng.integers(0, 6, 1))
    return problem.with_blocks([*(ranged if block is cap else block for block in problem.blocks), back])


def float_rows(rng: Rng) -> Problem:
    """Decimal and capacity-divided rows."""
    b, x = quadratic(rng)
    w = rng.integers(10, 99, 5) / 10
    b.add("cap", w @ x <= round(float(w.sum()) / 2, 1))
    whole = rng.integers(1, 10, 5).astype(float)
    b.add("share", (whole @ x) / float(whole.sum() // 2 + 1) <= 1)
    b.add("even", x[0] * 0.5 + x[1] * 0.5 == 0.5)
    return b.build()


def spins(rng: Rng) -> Problem:
    b, x = quadratic(rng, "spin")
    b.add("balance", x.sum() <= 1, reading="dyadic")
    return b.build()


def binaries(rng: Rng) -> Problem:
    return quadratic(rng)[0].build()


def cubic(rng: Rng) -> Problem:
    """Degree up to five, positive and negative coefficients."""
    b = Builder("law")
    x, y = b.binary("x", (4,)), b.binary("y", (2,))
    total = rng.integers(-5, 6, 4).astype(float) @ x
    for _ in range(4):
        term = x[int(rng.integers(4))] * x[int(rng.integers(4))] * y[int(rng.integers(2))]
        if rng.random() < 0.5:
            term = term * x[int(rng.integers(4))] * y[int(rng.integers(2))]
        total = total + term * float(rng.integers(-9, 10) or 1)
    b.minimize(total)
    return b.build()


def products(rng: Rng) -> Problem:
    """Products of two, three and four binaries as function blocks, their values in the objective and a row."""
    b = Builder("law")
    x = b.binary("x", (4,))
    z, t = b.binary("z", (2,)), b.binary("t", (1,))
    pick = [np.sort(rng.choice(4, 2, replace=False)) for _ in range(3)]
    b.define(Fn("and", "z", Product(), tuple(Arg("x", np.array([pick[0][i], pick[1][i]])) for i in range(2))))
    b.define(
        Fn(
            "all",
            "t",
            Product(),
            tuple(Arg("x", np.array([i])) for i in rng.choice(4, int(rng.integers(2, 5)), replace=False)),
        )
    )
    b.add("cap", x.sum() + 2 * z[0] <= 4, reading="dyadic")
    c = rng.integers(-6, 7, 7).astype(float)
    b.minimize(c[:4] @ x + c[4:6] @ z + c[6] * t[0])
    return b.build()


def guards(rng: Rng) -> Problem:
    b, x = quadratic(rng, "int", 2)
    g = b.binary("g", (2,))
    b.add("gate", (x[0] + 2 * x[1] <= int(rng.integers(-1, 4))).when(g[0]), reading="dyadic")
    b.add("tie", (x[0] == x[1]).when(g[1], int(rng.integers(2))), reading="dyadic")
    return b.build()


def polynomial_rows(rng: Rng) -> Problem:
    b, x = quadratic(rng)
    b.add("edge", x[0] * x[1] + x[2] * x[3] * float(rng.integers(1, 4)) - x[4] <= int(rng.integers(0, 3)))
    b.add("triple", x[0] * x[2] * x[4] == int(rng.integers(2)))
    return b.build()


def reals(rng: Rng) -> Problem:
    b = Builder("law")
    x = b.real("x", (2,), rng.integers(-4, 0, 2) / 2, rng.integers(1, 5, 2) / 2)
    y = b.binary("y", (2,))
    b.minimize(
        x @ np.triu(rng.integers(-3, 4, (2, 2))).astype(float) @ x
        + rng.integers(-3, 4, 2).astype(float) @ x
        + y[0] * 2
        - y[1]
    )
    return b.build()


def network(rng: Rng, functions: tuple[Function, ...] = (Relu(),)) -> Problem:
    """One layer of a function over a box; the pass is judged at points that the network itself defines."""
    b = Builder("law")
    x = b.real("x", (2,), -1.0, 1.0)
    z, h = b.real("z", (2,), -9.0, 9.0), b.real("h", (2,), -9.0, 9.0)
    W = rng.integers(-3, 4, (2, 2)).astype(float)
    b.add("layer", W @ x - z == rng.integers(-2, 3, 2).astype(float), reading="dyadic")
    function = functions[int(rng.integers(len(functions)))]
    args = (Arg("z"), Arg("x"), Arg("z", np.array([1, 0]))) if isinstance(function, Max) else (Arg("z"),)
    b.define(Fn("function", "h", function, args))
    b.minimize(h.sum() - 2 * x[0])
    problem = b.build()
    return problem.with_blocks([replace(k, defines="z") if k.name == "layer" else k for k in problem.blocks])


def piecewise(rng: Rng) -> Problem:
    """Leaky and clipped units, and maxima of three; numbers that rows and functions round alike, that is not at all."""
    ends = np.sort(rng.integers(-4, 5, 2)) / 2
    clips = Hardtanh(*ends), Hardtanh(-np.inf, ends[0]), Hardtanh(ends[0], np.inf)
    return network(rng, (LeakyRelu(0.125), LeakyRelu(0.0), Max(), *clips))


CASES: dict[str, tuple[str, Callable[[Rng], Problem]]] = {
    "normalize-rows": ("", float_rows),
    "normalize-rows{mode=keep}": ("", float_rows),
    "tighten-bounds": ("", integer_rows),
    "drop-rows": ("", integer_rows),
    "range-slacks": ("", two_sides),
    "fix-variables": ("tighten-bounds", integer_rows),
    "encode-integers": ("", integer_rows),
    "encode-integers{code=unary}": ("", integer_rows),
    "encode-integers{code=one-hot}": ("", integer_rows),
    "encode-integers{code=domain-wall}": ("", integer_rows),
    "encode-integers{code=bounded,limit=2}": ("", integer_rows),
    "penalize": ("", integer_rows),
    "penalize{slack=unit}": ("", integer_rows),
    "quadratize": ("", cubic),
    "quadratize{method=terms}": ("", cubic),
    "spin-to-binary": ("", spins),
    "binary-to-spin": ("", binaries),
    "split-products": ("", products),
    "encode-products": ("", products),
    "guards-to-big-m": ("", guards),
    "linearize-constraints": ("normalize-rows", polynomial_rows),
    "linearize-constraints{objective=true}": ("normalize-rows", polynomial_rows),
    "grid-reals{bits=3}": ("", reals),
    "bound-intervals": ("", network),
    "activations-to-relu": ("", piecewise),
    "encode-activations": ("bound-intervals", network),
    "encode-activations{form=jumps}": ("bound-intervals", lambda rng: network(rng, (Sign(),))),
    "encode-activations{form=lines}": (
        "bound-intervals",
        lambda rng: network(rng, (Sigmoid(), Tanh(), Relu(), Max(), Hardtanh())),
    ),
}


def sweep(text: str, count: int, seed: int = 0) -> int:
    """Check ``count`` random problems; returns how many were feasible and not settled before the pass."""
    before, make = CASES[text]
    done = 0
    for number in range(count):
        problem = make(np.random.default_rng([seed, number]))
        try:
            source = Pipeline.parse(before).run(problem).problem
            step = Pipeline.parse(text).passes[0].run(source)
        except Infeasible:
            assert nothing_feasible(problem), f"{text}: problem {number} is feasible, the pass says it is not"
            continue
        verify(step.problem)
        check(source, step, f"{text}, problem {number}")
        done += 1
    return done


def nothing_feasible(problem: Problem) -> bool:
    table = points(problem)
    return table is None or not evaluate(problem, table).feasible.any()


def check(source: Problem, step: Step, where: str) -> None:
    """All laws for one step."""
    layered = any(lin.defines for lin in source.lins.values())
    table = network_points(source) if layered else points(source)
    assert table is not None, where
    before = evaluate(source, table)
    down, mask = step.lift.down(table)
    round_trip(step)
    back = step.lift.up(down)
    for name in source.vars:
        np.testing.assert_array_equal(back[name][mask], table[name][mask], where)
    after = evaluate(step.problem, down)
    promise = step.guarantee
    np.testing.assert_allclose(after.minimised[mask], before.minimised[mask], rtol=1e-9, atol=1e-9, err_msg=where)
    if promise.feasible in ("same", "grows"):
        lost = before.feasible & mask & ~after.feasible
        assert not lost.any(), f"{where}: feasible points became infeasible"
        if promise.feasible == "same":
            assert (mask | ~before.feasible).all(), f"{where}: feasible points have no image"
    if promise.feasible in ("same", "shrinks"):
        assert not (after.feasible & mask & ~before.feasible).any(), f"{where}: infeasible points became feasible"
    if step.problem.penalties:
        paid = energy(step.problem, down) - after.minimised
        assert np.allclose(paid[mask & before.feasible], 0, atol=1e-9), f"{where}: feasible points pay"
    ground_states(source, step, before, where)


def ground_states(source: Problem, step: Step, before: object, where: str) -> None:
    """Every minimum of the result (penalties included) decodes to an optimum of the input, within the stated error."""
    whole = points(step.problem)
    feasible = before.feasible  # type: ignore[attr-defined]
    if whole is None or step.guarantee.optimum == "any" or not feasible.any() or step.problem.fns or source.fns:
        return
    if any(var.domain == "real" for var in step.problem.vars.values()):
        return
    allowed = evaluate(step.problem, whole).feasible
    total = np.where(allowed, energy(step.problem, whole), np.inf)
    best = total.min()
    chosen = {name: array[total <= best + 1e-9] for name, array in whole.items()}
    result = evaluate(source, step.lift.up(chosen))
    assert result.feasible.all(), f"{where}: a ground state is infeasible"
    least = before.minimised[feasible].min()  # type: ignore[attr-defined]
    gap = step.guarantee.objective_error if step.guarantee.optimum == "bounded" else 0.0
    assert (result.minimised <= least + gap + 1e-9).all(), f"{where}: a ground state is not optimal"


def network_points(problem: Problem) -> dict[str, np.ndarray]:
    """Points whose defined blocks are computed."""
    from isinglass.ir.evaluate import complete

    grid = np.arange(-4, 5) / 4
    x = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    return dict(complete(problem, {"x": x}))


def round_trip(step: Step) -> None:
    """Problem and lift survive the text form."""
    text, arrays = print_ir(step.problem)
    assert print_ir(parse_ir(text, arrays))[0] == text
    text, arrays = print_value(step.lift)
    assert print_value(parse_value(text, arrays))[0] == text
