"""The computed blocks of a problem in exact rationals: what a stored network does in real arithmetic."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .affine import Affine
from .blocks import Fn
from .exact import Exact
from .order import computed
from .problem import Problem


def exact_values(problem: Problem, free: Mapping[str, Exact]) -> dict[str, Exact]:
    """All computed blocks from values [B, n] of the free ones, which are returned too.

    Raises :class:`Refused` where a function has no exact value (transcendental ones).
    """
    values = dict(free)
    for step in computed(problem):
        if isinstance(step, Fn):
            values[step.output] = step.function.exact([values[arg.variable].pick(arg.index) for arg in step.args])
        else:
            quotient = exact_affine(step.affine, values, step.reading)
            values[step.name] = quotient if step.plain else quotient.divided(Exact.of(step.divisor, step.reading))
    return values


def exact_affine(affine: Affine, values: Mapping[str, Exact], reading: str = "dyadic") -> Exact:
    """sum_k A_k x_k + c with the numbers of A_k and c under ``reading``; [B, m]."""
    batch = max((len(values[name].top) for name in affine.parts), default=1)
    offset = Exact.of(affine.offset, reading)
    total = Exact(np.tile(offset.top, (batch, 1)), offset.bottom)
    for name, operator in affine.parts.items():
        total = total.plus(values[name].through(operator, reading))
    return total
