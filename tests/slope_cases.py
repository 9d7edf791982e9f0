"""Networks, and what their slopes may be by enumeration, for tests of Lipschitz certificates."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import bound_cases as cases
import numpy as np

from isinglass.compiler.passes.activations_to_relu import ActivationsToRelu
from isinglass.ir.blocks import Arg, Block, Var
from isinglass.ir.function import Function
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid
from isinglass.ir.functions.tanh import Tanh
from isinglass.ir.operators.conv import Conv
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.slope_form import SlopeForm
from isinglass.ir.slope_tree import SlopeTree
from isinglass.ir.tasks import Bound

Array = Any
PIECEWISE: Sequence[Function] = (Relu(), LeakyRelu(0.1), Hardtanh(), Hardtanh(0.0, 6.0))
SMOOTH: Sequence[Function] = (Sigmoid(), Tanh())


def task_of(problem: Problem, functionals: Array, norm: str = "linf", free: bool = True) -> Bound:
    """``free``: the bounds of the inputs are dropped, so that the constant is global."""
    if free:
        x = problem.vars["x"]
        blocks = [Var.of("x", "real", x.shape) if block is x else block for block in problem.blocks]
        problem = problem.with_blocks(blocks)
    labels = tuple(f"f{k}" for k in range(len(functionals)))
    return Bound(problem, np.asarray(functionals, dtype=np.float64), labels, "x", "y", norm)


def chain(
    rng: np.random.Generator, widths: Sequence[int], function: Function, single: bool = True, radius: float = 1.0
) -> Problem:
    """Dense layers with a function between; the first width is that of the inputs, the last that of the outputs."""
    blocks: list[Block] = [Var.of("x", "real", (widths[0],), -radius, radius)]
    last = "x"
    for k, (n, m) in enumerate(pairwise(widths)):
        matrix = rng.normal(size=(m, n)) / np.sqrt(n)
        matrix = matrix.astype(np.float32).astype(np.float64) if single else matrix
        name = "y" if k == len(widths) - 2 else f"z{k}"
        blocks += cases.layer(name, {last: Dense(matrix)}, rng.normal(size=m) * 0.3)
        if name != "y":
            blocks += cases.apply(last := f"h{k}", function, Arg(name), size=m)
    return Problem("chain", tuple(blocks))


def residual(rng: np.random.Generator, function: Function, width: int = 3) -> Problem:
    """Two blocks with a way around them, and inputs that reach the output directly."""
    blocks: list[Block] = [Var.of("x", "real", (3,), -1.0, 1.0)]
    blocks += cases.layer("z0", {"x": cases.weights(rng, width, 3)}, rng.normal(size=width))
    blocks += cases.apply("h0", function, Arg("z0"), size=width)
    blocks += cases.layer("z1", {"h0": cases.weights(rng, width, width)}, rng.normal(size=width))
    blocks += cases.apply("h1", function, Arg("z1", rng.permutation(width)), size=width)
    around = {"h0": Identity(width), "h1": Identity(width, -0.5)}
    blocks += cases.layer("s", around, np.zeros(width), np.full(width, 3.0))
    blocks += cases.apply("h2", function, Arg("s"), size=width)
    parts = {"h2": cases.weights(rng, 2, width), "s": cases.weights(rng, 2, width), "x": cases.weights(rng, 2, 3)}
    blocks += cases.layer("y", parts, np.zeros(2))
    return Problem("residual", tuple(blocks))


def convolution(rng: np.random.Generator, function: Function) -> Problem:
    """Two convolutions of a small image."""
    one = Conv(rng.normal(size=(2, 1, 2, 2)), (1, 3, 3), (1, 1), (1, 1), (0, 0, 0, 0))
    two = Conv(rng.normal(size=(1, 2, 2, 2)), (2, 2, 2), (1, 1), (1, 1), (0, 0, 0, 0))
    blocks: list[Block] = [Var.of("x", "real", (9,), -1.0, 1.0)]
    blocks += cases.layer("c0", {"x": one}, np.zeros(8))
    blocks += cases.layer("z0", {"c0": Identity(8, 2.0)}, np.ones(8))
    blocks += cases.apply("h0", function, Arg("z0"), size=8)
    blocks += cases.layer("z1", {"h0": two}, np.zeros(1))
    blocks += cases.apply("h1", function, Arg("z1"), size=1)
    blocks += cases.layer("y", {"h1": Dense(np.ones((1, 1)))}, np.zeros(1))
    return Problem("conv", tuple(blocks))


def written_with_relu(problem: Problem) -> Problem:
    return ActivationsToRelu().run(problem).problem


def size_of(vector: Array, norm: str) -> float:
    """The dual norm: how much a functional can change per unit of change of the inputs."""
    return float(np.abs(vector).sum() if norm == "linf" else np.linalg.norm(vector))


def greatest(form: SlopeForm, functional: int = 0, norm: str = "linf") -> float:
    """The formal Lipschitz constant, over all patterns."""
    patterns = (np.array(pattern, dtype=np.float64) for pattern in product((0.0, 1.0), repeat=form.units))
    return max(size_of(form.gradient(pattern, functional), norm) for pattern in patterns)


def exact_gradient(form: SlopeForm, pattern: Array, functional: int = 0) -> list[Fraction]:
    """q + r . u in rationals, of the stored arrays."""
    units: list[list[Fraction]] = []
    for j in range(form.units):
        z = [Fraction(float(number)) for number in form.inputs[j]]
        for k in range(j):
            weight = Fraction(float(form.within[j, k]))
            if weight:
                z = [a + weight * b for a, b in zip(z, units[k], strict=True)]
        units.append([Fraction(float(pattern[j])) * number for number in z])
    found = [Fraction(float(number)) for number in form.input_weights[functional]]
    for j in range(form.units):
        weight = Fraction(float(form.unit_weights[functional, j]))
        found = [a + weight * b for a, b in zip(found, units[j], strict=True)]
    return found


def multipliers(form: SlopeForm, functional: int = 0, norm: str = "linf", steps: int = 60) -> tuple[Array, Array]:
    """Numbers d and T that prove a fair bound: unit vectors for inputs and units, maximised in turns."""
    z_weights, x_weights, r, q = form.within, form.inputs, form.unit_weights[functional], form.input_weights[functional]
    rng = np.random.default_rng(0)
    rank, runs = 8, [np.flatnonzero(form.layer == k) for k in range(int(form.layer.max(initial=-1)) + 1)]
    first, t, d = np.eye(rank)[0], np.ones(form.units), np.ones(x_weights.shape[1] if norm == "linf" else 1)

    def lengths(rows: Array) -> Array:
        return np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    p, s = rng.normal(size=(x_weights.shape[1], rank)), rng.normal(size=(form.units, rank))
    p, s = p / (lengths(p) if norm == "linf" else np.linalg.norm(p)), s / lengths(s)
    for _ in range(steps):
        u, t, z = np.zeros_like(s), np.zeros(form.units), x_weights @ p
        for run in runs:
            z[run] += z_weights[run] @ u
            u[run] = (z[run] + lengths(z[run]) * s[run]) / 2
        for run in runs[::-1]:
            back = np.outer(r[run], first) + z_weights[:, run].T @ (t[:, None] * u)
            s[run], t[run] = back / lengths(back), (lengths(back) / lengths(z[run]))[:, 0]
        back = x_weights.T @ (t[:, None] * u) + np.outer(q, first)
        d = lengths(back)[:, 0] if norm == "linf" else np.maximum(np.array([np.linalg.norm(back)]), 1e-9)
        p = back / (d[:, None] if norm == "linf" else d[0])
    return d, t


def any_network(rng: np.random.Generator, function: Function) -> Problem:
    """One of all the shapes, with 12 units at the most."""
    pick = int(rng.integers(0, 4))
    if pick == 0:
        return residual(rng, function)
    if pick == 1:
        return convolution(rng, function)
    widths = [(4, 6, 2), (3, 4, 3, 2), (3, 3, 3, 3, 1), (2, 2, 2, 2, 2, 2)][int(rng.integers(0, 4))]
    return chain(rng, widths, function, bool(rng.integers(0, 2)))


def greatest_of(form: SlopeForm, fixed: Array, functional: int = 0, norm: str = "linf") -> float:
    """The formal Lipschitz constant over the patterns that agree with ``fixed``."""
    free = np.flatnonzero(np.isnan(fixed))
    best = 0.0
    for values in product((0.0, 1.0), repeat=len(free)):
        pattern = fixed.copy()
        pattern[free] = values
        best = max(best, size_of(form.gradient(pattern, functional), norm))
    return best


def tree_of(
    form: SlopeForm, units: Sequence[int], functional: int = 0, norm: str = "linf", room: float = 1.02
) -> SlopeTree:
    """A tree that splits the given units one after the other on every way, with fair numbers on each leaf."""
    nodes, outer, inner = [], [], []

    def grow(fixed: Array, left: Sequence[int]) -> None:
        if left:
            nodes.append(left[0])
            for value in (0.0, 1.0):
                child = fixed.copy()
                child[left[0]] = value
                grow(child, left[1:])
            return
        nodes.append(-1)
        d, t = multipliers(form.fixed(fixed), functional, norm, 60 if np.isnan(fixed).any() else 0)
        whole = np.zeros(form.units)
        whole[np.isnan(fixed)] = t
        outer.append(d * room)
        inner.append(whole)

    grow(np.full(form.units, np.nan), units)
    return SlopeTree(*form.inputs.shape, norm, np.array(nodes), np.array(outer), np.array(inner))
