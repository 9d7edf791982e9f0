"""Lipschitz constants of deep networks as polynomial problems: binaries y for units, s for signs of the gradient.

*rewrites* FGL = max of x . g, x = 2 s - 1, g = q + X^T a, a = y b, b = r + Z^T a into function blocks ``product`` (y b
and s g) between defining rows, degree L + 1 for L hidden layers (Chen et al., Semialgebraic optimization for Lipschitz
constants of ReLU networks, NeurIPS 2020). *needs* the maximum norm; *guarantee*: the optimum is FGL, kept by the passes
to MILP files. ``expanded`` multiplies out: one monomial for every path, for small networks; the passes
``spin-to-binary`` and ``quadratize`` make a QUBO of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...ir.blocks import Arg, Block, Fn, Lin, Poly, Var
from ...ir.errors import Refused
from ...ir.functions.product import Product
from ...ir.lift.objective import Objective
from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.operators.dense import Dense
from ...ir.operators.identity import Identity
from ...ir.problem import Problem
from ...ir.slope_form import SlopeForm
from ...ir.slope_value import layers
from ...ir.terms.linear import Linear
from ...ir.terms.monomials import Monomials
from ...ir.types import FloatArray, IntArray
from .quadratisation import path_counts

SIGNS, UNITS = "s", "y"
MONOMIALS = 1_000_000
"""Most monomials that are written out unless told otherwise."""


def polynomial_problem(form: SlopeForm, functional: int = 0, name: str = "lipschitz") -> Problem:
    """Compact: L + 1 blocks of products. Values are in the sense of the constant (a maximum)."""
    n = form.inputs.shape[1]
    weights = form.unit_weights[functional]
    blocks: list[Block] = [Var.of(SIGNS, "bin", (n,), origin="direction")]
    blocks.append(Var.of(UNITS, "bin", (form.units,), origin="pattern"))
    rows = layers(form)
    done: list[tuple[slice, str]] = []
    for level in reversed(range(len(rows))):
        at, a, b = rows[level], f"a.{level}", f"b.{level}"
        above = {key: form.within[there, at].T for there, key in done if form.within[there, at].any()}
        size = at.stop - at.start
        if above:
            blocks += _defined(b, weights[at], {key: Csr.of(matrix) for key, matrix in above.items()})
            blocks += _product(a, Arg(UNITS, np.arange(at.start, at.stop)), b, size)
        else:
            picked = np.zeros((size, form.units))
            picked[np.arange(size), np.arange(at.start, at.stop)] = weights[at]
            # stated, since rounded outward a bound 0 would be the least number beside it, which files carry along
            bounds = np.minimum(weights[at], 0.0), np.maximum(weights[at], 0.0)
            blocks += _defined(a, np.zeros(size), {UNITS: Csr.of(picked)}, bounds)
        done.append((at, a))
    outer = {key: Dense(np.ascontiguousarray(form.inputs[at].T)) for at, key in done if form.inputs[at].any()}
    blocks += _defined("g", form.input_weights[functional], outer)
    blocks += _product("w", Arg(SIGNS), "g", n)
    terms = (Linear("w", Dense(np.full((1, n), -2.0))), Linear("g", Dense(np.ones((1, n)))))
    blocks.append(Poly("objective", "objective", terms, np.zeros(1), origin="bound:lipschitz"))
    return Problem(name, tuple(blocks), Objective(scale=-1.0))


def _defined(
    name: str, offset: FloatArray, parts: Mapping[str, Operator], bounds: tuple[FloatArray, FloatArray] | None = None
) -> list[Block]:
    """``name = offset + sum of parts``."""
    size = len(offset)
    row = Lin(f"{name}.def", {**parts, name: Identity(size, -1.0)}, "==", -offset, "dyadic", defines=name)
    low, high = bounds or (None, None)
    return [Var.of(name, "real", (size,), low, high, origin="gradient"), row]


def _product(name: str, binary: Arg, factor: str, size: int) -> list[Block]:
    return [Var.of(name, "real", (size,), origin="gradient"), Fn(f"{name}.def", name, Product(), (binary, Arg(factor)))]


def expanded(form: SlopeForm, functional: int = 0, limit: int = MONOMIALS, name: str = "lipschitz") -> Problem:
    """All paths multiplied out, over spins x [n] and binaries y [F]: one monomial each.

    Raises :class:`Refused` with the number of monomials, and what making it quadratic would cost, beyond ``limit``.
    """
    cost = path_counts(form, functional)
    if cost.monomials > limit:
        hint = "ask for an LP or MPS file, which stays compact, or for the bracket itself"
        raise Refused(f"{cost.text()}; the limit is {limit:,} monomials", code="too-large", hint=hint)
    which, index, coefficient = _paths(form, functional)
    zero = np.zeros(len(coefficient), np.int64)
    monomials = Monomials(1, (UNITS, "x"), zero, which, index, -coefficient)
    blocks = (
        Var.of("x", "spin", (form.inputs.shape[1],), origin="direction"),
        Var.of(UNITS, "bin", (form.units,), origin="pattern"),
        Poly("objective", "objective", (monomials,), np.zeros(1), origin="bound:lipschitz"),
    )
    return Problem(name, blocks, Objective(scale=-1.0))


def _paths(form: SlopeForm, functional: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Every way from the functional to an input: factors (block number, index) [k, L + 1], first the input; weights."""
    rows, columns = np.nonzero(form.inputs)
    z_rows, z_columns = np.nonzero(form.within)
    first = np.flatnonzero(form.unit_weights[functional])
    path, weight = first[:, None], form.unit_weights[functional][first]
    direct = np.flatnonzero(form.input_weights[functional])
    ends = [(np.zeros((len(direct), 0), np.int64), direct, form.input_weights[functional][direct])]
    while len(path):
        old, new = _joined(path[:, -1], rows)
        ends.append((path[old], columns[new], weight[old] * form.inputs[rows[new], columns[new]]))
        old, new = _joined(path[:, -1], z_rows)
        weight = weight[old] * form.within[z_rows[new], z_columns[new]]
        path = np.column_stack([path[old], z_columns[new]])
    width = 1 + max(units.shape[1] for units, _, _ in ends)
    which = np.concatenate([_padded(np.zeros_like(units), width - 1) for units, _, _ in ends])
    index = np.concatenate([_padded(units, width - 1) for units, _, _ in ends])
    inputs = np.concatenate([inputs for _, inputs, _ in ends])
    both = np.column_stack([np.ones(len(inputs), np.int64), which]), np.column_stack([inputs, np.maximum(index, 0)])
    return *both, np.concatenate([weights for _, _, weights in ends])


def _joined(last: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """All pairs (i, j) with last[i] == rows[j]; ``rows`` is sorted."""
    start, stop = np.searchsorted(rows, last, "left"), np.searchsorted(rows, last, "right")
    count = stop - start
    old = np.repeat(np.arange(len(last)), count)
    return old, np.arange(len(old)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(start, count)


def _padded(table: IntArray, width: int) -> IntArray:
    return np.pad(table, [(0, 0), (0, width - table.shape[1])], constant_values=-1)
