"""Whether a point is a counterexample to a claim about a network: no tolerance, in float32 and in real arithmetic.

In real arithmetic intervals around the outputs decide, and exact rationals where they do not. Networks with functions
that have no exact value (sigmoid, tanh) may stay undecided at points within rounding errors of the boundary.
"""

from __future__ import annotations

import numpy as np

from .enclosure import enclose
from .errors import Refused
from .exact import Exact
from .exact_evaluation import exact_values
from .protocols import Runner
from .tasks import Prove
from .types import FloatArray, IntArray

PRODUCTS = 3_000_000
"""Most products of exact numbers (about a microsecond each) that settling a few points may cost."""


def unsafe_arithmetic(task: Prove, x: FloatArray, runner: Runner) -> str | None:
    """``both``, ``float32-only``, ``real-only``, or None when ``x`` [n] is shown to be a counterexample in neither.

    ``x`` must lie in the box that the case states: in its inner box, where the sides are no float64 numbers.
    ``float32-only`` where real arithmetic says no, or stays undecided.
    """
    points = x[None]
    if not task.unsafe.inside(points)[0][task.unsafe.region].any():
        return None
    real = bool((unsafe_in_reals(task, points) > 0).any())
    single = False
    if (x.astype(np.float32).astype(np.float64) == x).all():
        outputs = np.asarray(runner(points), dtype=np.float64)
        if np.isfinite(outputs).all():
            values = {task.inputs: Exact.of(points), task.outputs: Exact.of(outputs)}
            single = bool(task.unsafe.holds(values, points).any())
    names = {(True, True): "both", (True, False): "float32-only", (False, True): "real-only"}
    return names.get((single, real))


def unsafe_in_reals(task: Prove, points: FloatArray) -> IntArray:
    """Which cases hold at points [B, n] in real arithmetic: [B, C], 1 proved, -1 disproved, 0 undecided.

    A point that intervals prove unsafe is not looked at any further: its other cases may stay 0. So do all of a point
    that they leave open where a function has no exact value, or the network is too large for rationals.
    """
    found = task.unsafe.decided(enclose(task.problem, {task.inputs: points}), points)
    left = np.flatnonzero((found < 1).all(axis=1) & (found == 0).any(axis=1))
    if left.size and products(task) * left.size <= PRODUCTS:
        try:
            values = exact_values(task.problem, {task.inputs: Exact.of(points[left])})
        except Refused as refused:
            if "no-exact-value" not in {diagnostic.code for diagnostic in refused.diagnostics}:
                raise
        else:
            found[left] = np.where(task.unsafe.holds(values, points[left]), 1, -1)
    return found


def products(task: Prove) -> int:
    """Products of numbers that one evaluation of the network takes."""
    return sum(operator.nnz for lin in task.problem.lins.values() for operator in lin.parts.values())
