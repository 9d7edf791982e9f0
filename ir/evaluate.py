"""Many samples at once: objective, violation of every row, residual of every function block, what is feasible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .activity import UNIT, Points
from .blocks import Fn, Lin, Poly, Var
from .errors import InputError
from .feasibility import violation
from .order import Solved, computed
from .problem import Problem
from .terms.monomials import Monomials
from .types import BoolArray, FloatArray, Values

NUMBERS = 1 << 22
"""Numbers held at once for each array of a chunk of samples."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Of B samples. ``objective`` [B] in the source's sense, ``minimised`` [B] as the IR has it.

    ``violation``: name of a row block or variable block -> [B, m], in the row's own units, rounded, and exactly 0 where
    it holds (penalties are no rows and do not count); for variables the distance from bounds and whole numbers.
    ``residual``: name of a function block -> |output - f(args)| [B, k]. ``feasible`` [B]: everything holds, within the
    tolerance where real variables are involved and exactly elsewhere.
    """

    objective: FloatArray
    minimised: FloatArray
    violation: Mapping[str, FloatArray]
    residual: Mapping[str, FloatArray]
    feasible: BoolArray


def evaluate(problem: Problem, values: Values, tolerance: float = 0.0) -> Evaluation:
    """Evaluate samples [B, size] by variable block, on the exact meaning of every row.

    ``tolerance`` is allowed in rows that touch a real variable, in bounds of real variables and in residuals of
    functions with real values; all others must hold exactly. A sample with NaN or infinite values is not feasible and
    has objective NaN. Raises :class:`InputError` where a block is missing or has the wrong shape.
    """
    table = samples_of(problem, values)
    real = {name for name, var in problem.vars.items() if not var.discrete}
    broken = np.zeros(count(table), dtype=np.bool_)
    found: dict[str, FloatArray] = {}
    feasible = np.ones(count(table), dtype=np.bool_)
    for name, var in problem.vars.items():
        found[name] = distance(var, table[name])
        feasible &= (found[name] <= (tolerance if name in real else 0.0)).all(axis=1)
        broken |= ~np.isfinite(table[name]).all(axis=1)
    if broken.any():
        table = {name: np.where(np.isfinite(array), array, 0.0) for name, array in table.items()}
    points = Points.of(table)
    rows: list[Lin | Poly] = [*problem.lins.values(), *problem.constraints]
    for row in rows:
        allowed = tolerance if real.intersection(row.variables) else 0.0
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is decided exactly
            pieces = [violation(row, points.part(piece), allowed) for piece in pieces_of(count(table), row)]
        found[row.name] = np.concatenate([amount for amount, _ in pieces])
        feasible &= np.concatenate([held.all(axis=1) for _, held in pieces])
    residual = {fn.name: residual_of(fn, table) for fn in problem.fns.values()}
    for fn in problem.fns.values():
        feasible &= (residual[fn.name] <= (tolerance if rounding(fn, real) else 0.0)).all(axis=1)
    minimised = np.where(broken, np.nan, polynomial_values(problem.objective, table)[:, 0])
    return Evaluation(problem.source.value(minimised), minimised, found, residual, feasible)


def energy(problem: Problem, values: Values) -> FloatArray:
    """Minimised objective plus weighted penalties [B]: what a sampler sees."""
    table = samples_of(problem, values)
    total = polynomial_values(problem.objective, table)[:, 0]
    for poly in problem.penalties:
        assert poly.penalty is not None
        total = total + polynomial_values(poly, table) @ poly.penalty.weight
    return total


def complete(problem: Problem, values: Values) -> dict[str, FloatArray]:
    """All blocks from the free ones: function outputs and blocks that rows define are computed (again where given).

    A discrete block that a row defines takes the whole number that its float64 value stands for. Raises
    :class:`InputError` where a free block is missing or has the wrong shape.
    """
    steps = computed(problem)
    outputs = {step.output if isinstance(step, Fn) else step.name for step in steps}
    table = samples_of(problem, {name: array for name, array in values.items() if name not in outputs}, outputs)
    for step in steps:
        if isinstance(step, Fn):
            table[step.output] = step.function.value([arg.pick(table[arg.variable]) for arg in step.args])
        else:
            table[step.name] = solved(problem.vars[step.name], step, table)
    return {name: table[name] for name in problem.vars}


def solved(var: Var, step: Solved, table: Values) -> FloatArray:
    """Value of a block that rows define [B, n]."""
    value = step.affine.value(table) / step.divisor
    if not var.discrete:
        return value
    error = 1.01 * (step.affine.roundings + 8) * UNIT * step.affine.magnitude(table) / np.abs(step.divisor)
    near = np.rint(value)
    return np.where(np.abs(value - near) <= error, near, value)


# -- parts ------------------------------------------------------------------------------------------------------------


def samples_of(problem: Problem, values: Values, without: set[str] | None = None) -> dict[str, FloatArray]:
    """The blocks of a problem as float64 [B, size], checked."""
    wanted = [var for name, var in problem.vars.items() if name not in (without or ())]
    missing = [var.name for var in wanted if var.name not in values]
    if missing:
        raise InputError(
            f"samples of problem {problem.name!r} lack the variables {', '.join(map(repr, missing))}",
            hint="were they made for another problem?",
        )
    table = {var.name: np.asarray(values[var.name], dtype=np.float64) for var in wanted}
    batch = {len(array) for array in table.values() if array.ndim == 2}
    for var in wanted:
        shape = table[var.name].shape
        if len(shape) != 2 or shape[1] != var.size or len(batch) > 1:
            raise InputError(
                f"samples of {var.name!r} have shape {shape}, not (samples, {var.size})"
                + (f"; sample counts differ: {sorted(batch)}" if len(batch) > 1 else ""),
                hint="were they made for another problem?",
            )
    return table


def count(values: Values) -> int:
    """Number of samples: 1 where there is no variable at all."""
    return next((len(array) for array in values.values()), 1)


def pieces_of(samples: int, block: Lin | Poly) -> list[slice]:
    """Cuts of the samples, so that an array over a block's rows or monomials has about ``NUMBERS`` numbers."""
    lists = [len(term.row) for term in block.terms if isinstance(term, Monomials)] if isinstance(block, Poly) else []
    step = max(1, NUMBERS // max([1, block.size, *lists]))
    return [slice(begin, begin + step) for begin in range(0, max(1, samples), step)]


def polynomial_values(poly: Poly, values: Values) -> FloatArray:
    """[B, m], in pieces that bound the memory."""
    pieces = pieces_of(count(values), poly)
    return np.concatenate([poly.value({name: array[piece] for name, array in values.items()}) for piece in pieces])


def distance(var: Var, values: FloatArray) -> FloatArray:
    """How far values [B, n] lie outside bounds and domain; infinite for NaN."""
    with np.errstate(invalid="ignore"):
        found = np.maximum(np.maximum(var.lower - values, values - var.upper), 0.0)
        if var.domain == "spin":
            found = np.maximum(found, np.abs(np.abs(values) - 1))
        elif var.discrete:
            found = np.maximum(found, np.abs(values - np.rint(values)))
    return np.where(np.isfinite(values), found, np.inf)


def residual_of(fn: Fn, values: Values) -> FloatArray:
    """|output - f(args)| [B, k]; infinite where that is no number."""
    with np.errstate(invalid="ignore", over="ignore"):
        expected = fn.function.value([arg.pick(values[arg.variable]) for arg in fn.args])
        found = np.abs(values[fn.output] - expected)
    return np.where(np.isnan(found), np.inf, found)


def rounding(fn: Fn, real: set[str]) -> bool:
    """Whether a function block may be off by the tolerance: real output, and not whole by its nature."""
    exact = fn.function.discrete and not real.intersection(arg.variable for arg in fn.args)
    return fn.output in real and not exact
