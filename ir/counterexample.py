"""Whether a point is a counterexample to a claim about a network: no tolerance, in float32 and in real arithmetic."""

from __future__ import annotations

import numpy as np

from .exact import Exact
from .exact_evaluation import exact_values
from .protocols import Runner
from .tasks import Prove
from .types import FloatArray


def unsafe_arithmetic(task: Prove, x: FloatArray, runner: Runner) -> str | None:
    """``both``, ``float32-only``, ``real-only``, or None when ``x`` [n] is no counterexample in either arithmetic.

    ``x`` must lie in the box that the case states: in its inner box, where the sides are no float64 numbers.
    """
    points = x[None]
    cases = np.flatnonzero(task.unsafe.inside(points)[0][task.unsafe.region])
    if not cases.size:
        return None
    unsafe = task.unsafe.pick(cases)
    real = bool(unsafe.holds(exact_values(task.problem, {task.inputs: Exact.of(points)}), points).any())
    single = False
    if (x.astype(np.float32).astype(np.float64) == x).all():
        outputs = np.asarray(runner(points), dtype=np.float64)
        if np.isfinite(outputs).all():
            values = {task.inputs: Exact.of(points), task.outputs: Exact.of(outputs)}
            single = bool(unsafe.holds(values, points).any())
    names = {(True, True): "both", (True, False): "float32-only", (False, True): "real-only"}
    return names.get((single, real))
