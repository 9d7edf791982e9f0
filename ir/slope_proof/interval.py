"""Intervals that hold all gradients of a network, pushed back from outputs to inputs through operators as they stand.

guarantee: at every input (of the box, where there is one) at which the network has a gradient, each derivative lies in
its interval, in real arithmetic; for networks of any size, in the time of a few passes

A block's interval is ``centre +- radius``. Back through ``z = (A y + c) / D`` it is A^T (centre / D) +- |A|^T
(radius / |D|), rounding included: a sum of m products is off by at most ``gamma(m)`` times the sum of magnitudes
(Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1). Back through a function: times the
interval of its slopes over the range of its argument, by intervals forth (``ir/enclosure.py``). The greatest of several
arguments takes a share in 0..1 of each.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..blocks import Fn
from ..enclosure import Ends, enclose_function, enclose_solved
from ..errors import InputError, Refused
from ..functions.max import Max
from ..linear_proof.numbers import SLACK, TINY, UNIT, gamma
from ..order import Solved
from ..slope_reader import needed
from ..sums import sum_rows
from ..tasks import Bound
from ..types import FloatArray
from .ranges import boxed

Ball = tuple[FloatArray, FloatArray]
"""Centre and radius [B, n]."""


def gradient_intervals(task: Bound, rows: FloatArray) -> Ball:
    """Centre and radius [B, n] of the gradients of functionals ``rows`` [B, k] of the outputs by the inputs.

    Raises :class:`InputError` for rows of another size, :class:`Refused` for functions without slopes.
    """
    functionals = np.asarray(rows, dtype=np.float64)
    if functionals.ndim != 2 or functionals.shape[1] != task.problem.var(task.outputs).size:
        raise InputError(f"functionals of shape {functionals.shape} for another number of outputs")
    steps = needed(task)
    ranges = block_ranges(task)
    found: dict[str, Ball] = {task.outputs: (functionals, np.zeros_like(functionals))}
    with np.errstate(over="ignore", invalid="ignore"):
        for step in reversed(steps):
            here = found.pop(step.output if isinstance(step, Fn) else step.name, None)
            if here is None:
                continue
            if isinstance(step, Fn):
                through_function(step, here, ranges, task, found)
            else:
                through_sum(step, here, found)
    n = task.problem.var(task.inputs).size
    return found.get(task.inputs, (np.zeros((len(functionals), n)), np.zeros((len(functionals), n))))


def block_ranges(task: Bound) -> dict[str, Ends]:
    """Intervals [1, n] of all blocks over the box; none where there is no box."""
    if not boxed(task):
        return {}
    var = task.problem.var(task.inputs)
    found: dict[str, Ends] = {task.inputs: (var.lower[None], var.upper[None])}
    for step in needed(task):
        if isinstance(step, Fn):
            found[step.output] = enclose_function(step, found)
        else:
            found[step.name] = enclose_solved(step, found)
    return found


def through_function(fn: Fn, here: Ball, ranges: Mapping[str, Ends], task: Bound, found: dict[str, Ball]) -> None:
    for arg in fn.args:
        size = task.problem.vars[arg.variable].size
        k = here[0].shape[1]
        if isinstance(fn.function, Max) and len(fn.args) > 1:
            low, high = np.zeros(k), np.ones(k)
        elif len(fn.args) > 1:
            kind = type(fn.function).__name__.lower()
            raise Refused(f"{kind} ({fn.name}) has {len(fn.args)} arguments", code="no-slope")
        else:
            ends = ranges.get(arg.variable, (np.full((1, size), -np.inf), np.full((1, size), np.inf)))
            low, high = fn.function.slopes(arg.pick(ends[0])[0], arg.pick(ends[1])[0])
        centre, radius = times(here, low, high)
        if arg.index is not None:
            terms = int(np.bincount(arg.index, minlength=1).max()) if len(arg.index) else 1
            reach = sum_rows(np.abs(centre) + radius, arg.index, size)
            centre, radius = sum_rows(centre, arg.index, size), sum_rows(radius, arg.index, size)
            radius = (radius + (gamma(terms) if terms > 1 else 0.0) * reach) * (SLACK if terms > 1 else 1.0)
        add(found, arg.variable, (centre, radius))


def times(here: Ball, low: FloatArray, high: FloatArray) -> Ball:
    """Intervals times intervals low..high, 0 <= low <= high or not."""
    centre, radius = here
    ends = [end * side for end in (centre - radius, centre + radius) for side in (low, high)]
    most, least = np.maximum.reduce(ends), np.minimum.reduce(ends)
    middle = most / 2 + least / 2
    wide = np.maximum(most - middle, middle - least) + 8 * UNIT * (np.abs(centre) + radius) * np.maximum(
        np.abs(low), np.abs(high)
    )
    same = (radius == 0) & (low == high) & ((low == 0) | (low == 1))
    return np.where(same, centre * low, middle), np.where(same, 0.0, wide * SLACK + 4 * TINY)


def through_sum(step: Solved, here: Ball, found: dict[str, Ball]) -> None:
    centre, radius = here
    exact = step.reading == "dyadic"
    if not step.plain:
        centre, radius = centre / step.divisor, radius / np.abs(step.divisor)
        radius = (radius + 4 * UNIT * (np.abs(centre) + radius)) * SLACK + TINY
    for name, operator in step.affine.parts.items():
        terms = operator.shape[0] + 4
        reach = operator.absolute_adjoint(np.abs(centre) + radius)
        wide = operator.absolute_adjoint(radius) * SLACK + gamma(terms) * SLACK * reach + terms * TINY
        if not exact:  # below the normal range a reading is off by TINY for each coefficient
            wide = wide + TINY * (np.abs(centre) + radius).sum(axis=1, keepdims=True)
        add(found, name, (operator.adjoint(centre), wide))


def add(found: dict[str, Ball], name: str, more: Ball) -> None:
    if name not in found:
        found[name] = more
        return
    centre = found[name][0] + more[0]
    found[name] = centre, (found[name][1] + more[1] + UNIT * np.abs(centre)) * SLACK


def dual_norm(ball: Ball, norm: str) -> FloatArray:
    """Upper bounds [B] of |g|_1 (linf) or |g|_2 (l2) over intervals; inf where float64 overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        most = np.abs(ball[0]) + ball[1]
        n = most.shape[1]
        if norm == "linf":
            total = most.sum(axis=1)
        else:
            top = np.maximum(most.max(axis=1, initial=0.0), TINY)
            total = top * np.sqrt(((most / top[:, None]) ** 2).sum(axis=1))
        total = np.nextafter(total * (1 + 2 * gamma(n + 8)), np.inf)
    return np.where(np.isfinite(total), total, np.inf)
