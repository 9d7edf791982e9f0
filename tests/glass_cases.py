"""What a spec means, point by point: the helper of the spec language's tests."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from isinglass.frontends.glass.reader import parse_spec
from isinglass.ir.errors import IsinglassError
from isinglass.ir.evaluate import evaluate
from isinglass.ir.problem import Problem
from isinglass.ir.tasks import Optimize

Point = dict[str, Any]


def problem_of(text: str, **options: Any) -> Problem:
    """The problem of a spec with an objective."""
    task = parse_spec(text, **options)
    assert isinstance(task, Optimize)
    return task.problem


def points(problem: Problem) -> dict[str, np.ndarray]:
    """All points of a problem of few discrete variables."""
    ranges = []
    for var in problem.vars.values():
        for low, high in zip(var.lower.tolist(), var.upper.tolist(), strict=True):
            ranges.append([-1.0, 1.0] if var.domain == "spin" else np.arange(low, high + 1).tolist())
    table = np.array(list(product(*ranges)))
    assert len(table) <= 1 << 18
    return problem.unstack(table)


def meaning(text: str, **options: Any) -> dict[tuple[float, ...], float]:
    """Objective of every feasible point of the declared variables; invented binaries are at their best."""
    problem = problem_of(text, **options)
    values = points(problem)
    found = evaluate(problem, values)
    declared = [name for name, var in problem.vars.items() if var.origin.split(":")[0] not in ("soft", "or")]
    table = np.concatenate([values[name] for name in declared], axis=1)
    best: dict[tuple[float, ...], float] = {}
    better = max if problem.source.maximize else min
    keys = map(tuple, table.tolist())
    for point, value, feasible in zip(keys, found.objective.tolist(), found.feasible, strict=True):
        if feasible:
            best[point] = better(best.get(point, value), value)
    return best


def check(text: str, value: Callable[..., float | None], **options: Any) -> None:
    """The spec's meaning against a Python function of the flattened variables; None where a point is not feasible."""
    problem = problem_of(text, **options)
    found = meaning(text, **options)
    declared = [var for var in problem.vars.values() if var.origin.split(":")[0] not in ("soft", "or")]
    only = problem.with_blocks(declared)
    assert only.size <= 12
    table = only.stack(points(only))
    expected = {}
    for point in table.tolist():
        args, start = [], 0
        for var in declared:
            args.append(np.array(point[start : start + var.size]).reshape(var.shape))
            start += var.size
        result = value(*args)
        if result is not None:
            expected[tuple(point)] = float(result)
    assert found.keys() == expected.keys()
    assert all(abs(found[point] - expected[point]) <= 1e-9 for point in expected), (found, expected)


def errors_of(text: str, **options: Any) -> str:
    """The message of a spec that must be refused, without a traceback's worth of anything else."""
    try:
        parse_spec(text, **options)
    except IsinglassError as error:
        return str(error)
    raise AssertionError("the spec was accepted")


def codes_of(text: str, **options: Any) -> list[str]:
    """The codes of all mistakes of a spec."""
    try:
        parse_spec(text, **options)
    except IsinglassError as error:
        return [item.code for item in error.diagnostics]
    return []


def folder(path: Path, **arrays: np.ndarray) -> Path:
    """A folder with each array as an .npy file."""
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    return path
