"""A step that any sampler can take: all but two blocks of a network's polynomial held fixed, the rest is quadratic.

*rewrites* the functional, multilinear in the direction x and the patterns y_1 .. y_L of the layers, by fixing all but
two of these blocks, into const + a . u + c . v + u^T M v: a QUBO (or Ising problem) as it is, exact and without a new
variable. *needs* a pattern to start from, the maximum norm where x is one of the two; *guarantee*: the pattern that
comes back is never worse, since every sample is judged by the value of its pattern, with the best x. With a ``budget``
only so many variables are free, drawn with a preference for small coefficients, the least decided ones.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ...ir.blocks import Poly, Var
from ...ir.errors import InputError, Refused
from ...ir.lift.objective import Objective
from ...ir.operators.dense import Dense
from ...ir.problem import Problem
from ...ir.protocols import Event, Limits, OpenLp, Sampler
from ...ir.slope_form import SlopeForm
from ...ir.terms.bilinear import Bilinear
from ...ir.terms.linear import Linear
from ...ir.types import AnyArray, FloatArray, IntArray
from ..compile import compile_problem
from .flips import Flips
from .layers import Layers, pattern_values
from .sweeps import direction

DIRECTION = -1
"""Number of the block x; layers are 0, 1, ..."""
RISE = 1e-12
DRAWS = 8
"""Choices of free variables that are tried for each pair of blocks before the steps end."""
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Bilinearity:
    """``constant + left . u + right . v + u^T matrix v`` over u [p] and v [q]; ``first`` and ``second`` are where the
    point in question stands. ``spin``: whether u are spins (the direction) rather than binaries."""

    constant: float
    left: FloatArray
    right: FloatArray
    matrix: FloatArray
    first: FloatArray
    second: FloatArray
    spin: bool

    def restricted(self, kept_left: IntArray, kept_right: IntArray) -> Bilinearity:
        """The same with all but the chosen elements held where they stand."""
        u, v = self.first.copy(), self.second.copy()
        u[kept_left], v[kept_right] = 0.0, 0.0
        constant = self.constant + self.left @ u + self.right @ v + u @ self.matrix @ v
        left, right = self.left + self.matrix @ v, self.right + u @ self.matrix
        return Bilinearity(
            float(constant), left[kept_left], right[kept_right], self.matrix[np.ix_(kept_left, kept_right)],
            self.first[kept_left], self.second[kept_right], self.spin,
        )  # fmt: skip

    def undecided(self, budget: int | None, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """At most ``budget`` elements of both sides, rather those whose coefficients at the point are small; sorted."""
        sizes = np.concatenate(
            [np.abs(self.left + self.matrix @ self.second), np.abs(self.right + self.first @ self.matrix)]
        )
        if self.spin:
            sizes[: len(self.left)] *= 2  # a flip moves a spin by two
        drawn = (sizes + sizes.mean() / 10) * rng.exponential(size=len(sizes))
        chosen = np.sort(np.argsort(drawn, kind="stable")[: len(sizes) if budget is None else budget])
        return chosen[chosen < len(self.left)], chosen[chosen >= len(self.left)] - len(self.left)

    def problem(self) -> Problem:
        """Maximise it: values are in that sense."""
        blocks = (
            Var.of("u", "spin" if self.spin else "bin", (len(self.left),), origin="block"),
            Var.of("v", "bin", (len(self.right),), origin="block"),
            Poly(
                "objective",
                "objective",
                (
                    Bilinear("u", "v", Dense(-self.matrix)),
                    Linear("u", Dense(-self.left[None])),
                    Linear("v", Dense(-self.right[None])),
                ),
                np.array([-self.constant]),
                origin="bound:lipschitz",
            ),
        )
        return Problem("neighbourhood", blocks, Objective(scale=-1.0))


def bilinear_of(form: SlopeForm, functional: int, norm: str, pattern: FloatArray, pair: Pair) -> Bilinearity:
    """The functional along the best x for ``pattern`` [F], as a function of two blocks (first < second).

    Raises :class:`InputError` for numbers of blocks that there are not, :class:`Refused` for x under the norm l2.
    """
    layers = Layers.of(form, functional)
    low, high = pair
    if not DIRECTION <= low < high < len(layers.layers):
        raise InputError(f"blocks {pair}: two of -1 (the direction) and 0 to {len(layers.layers) - 1}, in order")
    pattern = np.asarray(pattern, dtype=np.float64)
    x = direction(layers.backward(pattern[None])[1], norm)
    top = layers.layers[high].at
    if low == DIRECTION:
        if norm != "linf":
            raise Refused("the direction is discrete in the maximum norm only", hint="choose two layers")
        flips = Flips(layers, pattern, norm)
        part = flips.gradients[top] * flips.b[top, None]
        rest = flips.g - pattern[top] @ part
        return Bilinearity(0.0, rest, np.zeros(len(part)), part.T, x[0], pattern[top], True)
    below = layers.layers[low].at
    empty = pattern.copy()
    empty[below], empty[top] = 0.0, 0.0
    b, g = layers.backward(empty[None])
    z = forward(layers, empty, x)
    between = responses(layers, empty, low, high)
    matrix = z[below, None] * between * b[0, top]
    return Bilinearity(
        float(g[0] @ x[0]), b[0, below] * z[below], b[0, top] * z[top], matrix, pattern[below], pattern[top], False
    )


def forward(layers: Layers, pattern: FloatArray, x: AnyArray) -> FloatArray:
    """Inputs z [F] of all units along x [1, n]."""
    z = np.zeros((1, layers.units))
    units = np.zeros_like(z)
    for layer in layers.layers:
        z[:, layer.at] = layer.inputs(units, x)
        units[:, layer.at] = pattern[layer.at] * z[:, layer.at]
    return np.asarray(z[0])


def responses(layers: Layers, pattern: FloatArray, low: int, high: int) -> FloatArray:
    """Derivatives of the inputs of layer ``high`` by the outputs of layer ``low`` [p, q]."""
    at = layers.layers[low].at
    size = at.stop - at.start
    units = np.zeros((size, layers.units))
    units[:, at] = np.eye(size)
    nothing = np.zeros((size, layers.inputs))
    z = np.zeros((size, 0))
    for layer in layers.layers[low + 1 : high + 1]:
        z = layer.inputs(units, nothing)
        units[:, layer.at] = pattern[layer.at] * z
    return z


def block_step(
    form: SlopeForm,
    functional: int,
    norm: str,
    pattern: FloatArray,
    pair: Pair,
    sampler: Sampler,
    limits: Limits,
    budget: int | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[FloatArray, float]:
    """A pattern at least as good as ``pattern`` [F], and its value; one call of the sampler."""
    whole = bilinear_of(form, functional, norm, pattern, pair)
    kept = whole.undecided(budget, np.random.default_rng(limits.seed) if rng is None else rng)
    problem = whole.restricted(*kept).problem()
    trace = compile_problem(problem, getattr(sampler, "level", "BQM"), {}, None, {}, no_lp)
    samples = trace.lift.up(sampler.solve(trace.problem, limits).values)
    rows = Layers.of(form, functional).layers
    found = np.repeat(np.asarray(pattern, dtype=np.float64)[None], 1 + len(samples["v"]), axis=0)
    found[1:, rows[pair[1]].at.start + kept[1]] = samples["v"]
    if pair[0] != DIRECTION:
        found[1:, rows[pair[0]].at.start + kept[0]] = samples["u"]
    values = pattern_values(form, functional, norm, found)
    best = int(values.argmax())
    return (found[best], float(values[best])) if values[best] > values[0] else (found[0], float(values[0]))


def no_lp() -> OpenLp:
    """Blocks are compiled without an incumbent, so that nothing asks for a linear program."""
    raise Refused("block steps have no linear program")


@dataclass(frozen=True, eq=False)
class Improved:
    """``pattern`` [F] and its ``value``; ``calls`` of the sampler."""

    pattern: FloatArray
    value: float
    calls: int


def improve(
    form: SlopeForm,
    functional: int,
    norm: str,
    pattern: FloatArray,
    sampler: Sampler,
    limits: Limits,
    budget: int | None = None,
) -> Generator[Event, None, Improved]:
    """Steps over all pairs of blocks in turn until none helps or the time is over."""
    count = len(Layers.of(form, functional).layers)
    first = DIRECTION if norm == "linf" else 0
    pairs = list(combinations(range(first, count), 2))
    value = float(pattern_values(form, functional, norm, np.asarray(pattern, dtype=np.float64)[None])[0])
    patience = len(pairs) * (1 if budget is None else DRAWS)
    rng = np.random.default_rng(limits.seed)
    calls, idle = 0, 0
    while idle < patience and not limits.over:
        pair = pairs[calls % len(pairs)]
        pattern, found = block_step(form, functional, norm, pattern, pair, sampler, limits, budget, rng)
        calls += 1
        idle = 0 if found > value * (1 + RISE) else idle + 1
        value = found
        yield Event(f"blocks {pair[0]} and {pair[1]}: {value:.6g}", calls)
    return Improved(np.asarray(pattern, dtype=np.float64), value, calls)
