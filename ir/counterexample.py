"""Whether a point is a counterexample to a claim about a network: no tolerance, in float32 and in real arithmetic."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .exact import Exact
from .exact_evaluation import exact_affine, exact_values
from .linear_forms import linear_forms
from .protocols import Runner
from .tasks import Prove
from .types import FloatArray


def unsafe_arithmetic(task: Prove, x: FloatArray, runner: Runner) -> str | None:
    """``both``, ``float32-only``, ``real-only``, or None when ``x`` [n] is no counterexample in either arithmetic.

    ``x`` must lie in the box that the claim states: in its inner box, where the sides are no float64 numbers.
    """
    lower, upper = inner_box(task)
    if ((x < lower) | (x > upper)).any():
        return None
    real = unsafe(task, exact_values(task.problem, {task.inputs: Exact.of(x[None])}))
    single = False
    if (x.astype(np.float32).astype(np.float64) == x).all():
        outputs = np.asarray(runner(x[None]), dtype=np.float64)
        if np.isfinite(outputs).all():
            single = unsafe(task, {task.inputs: Exact.of(x[None]), task.outputs: Exact.of(outputs)})
    names = {(True, True): "both", (True, False): "float32-only", (False, True): "real-only"}
    return names.get((single, real))


def inner_box(task: Prove) -> tuple[FloatArray, FloatArray]:
    """Sides [n] rounded inward where the claim's box was rounded outward; the variable's bounds otherwise."""
    var = task.problem.var(task.inputs)
    lower = np.asarray(task.options.get("inner-lower", var.lower), dtype=np.float64)
    return lower, np.asarray(task.options.get("inner-upper", var.upper), dtype=np.float64)


def unsafe(task: Prove, values: Mapping[str, Exact]) -> bool:
    """Whether any case of the unsafe set holds at one point, exactly."""
    for poly, strict in zip(task.unsafe, task.strict, strict=True):
        sign = exact_affine(linear_forms(task.problem, poly), values, poly.reading).sign()[0]
        if ((sign > 0) | ((sign == 0) & ~np.asarray(strict, dtype=bool))).all():
            return True
    return False
