"""Derivatives through function blocks and defining rows, from outputs back to inputs (reverse mode)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .affine import batch_of
from .blocks import Fn
from .order import computed
from .problem import Problem
from .sums import sum_rows
from .types import FloatArray, Values


def gradient(problem: Problem, values: Values) -> dict[str, FloatArray]:
    """Derivatives [B, n] of the minimised objective by every variable block, at complete samples ``values``.

    For a block that others compute: by its own value, with all that is computed from it following. For the others:
    with every computed block following, so these are the gradient on the free variables. Penalties do not count.
    At kinks a subgradient. Raises :class:`InputError` where blocks are computed from themselves.
    """
    seeds: dict[str, FloatArray] = {}
    ones = np.ones((batch_of(values), 1))
    for term in problem.objective.terms:
        add(seeds, term.gradient(values, ones))
    return pullback(problem, values, seeds)


def pullback(problem: Problem, values: Values, seeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """sum over blocks of seed * d block, carried back to every block: ``seeds`` maps blocks to weights [B, n]."""
    found = {name: np.zeros((batch_of(values), var.size)) for name, var in problem.vars.items()}
    add(found, seeds)
    for step in reversed(computed(problem)):
        if isinstance(step, Fn):
            arguments = [arg.pick(values[arg.variable]) for arg in step.args]
            for arg, part in zip(step.args, step.function.vjp(arguments, found[step.output]), strict=True):
                size = problem.vars[arg.variable].size
                add(found, {arg.variable: part if arg.index is None else sum_rows(part, arg.index, size)})
        else:
            seed = found[step.name] / step.divisor
            add(found, {name: operator.adjoint(seed) for name, operator in step.affine.parts.items()})
    return found


def add(total: dict[str, FloatArray], more: Mapping[str, FloatArray]) -> None:
    """Add arrays by name."""
    for name, array in more.items():
        total[name] = total[name] + array if name in total else array
