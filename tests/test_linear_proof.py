"""Linear bounds of rows, as the checker of certificates makes them, against exact values of the network."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import verification_cases as cases
from tree_cases import exact_task

from isinglass.compiler.networks.view import NetView
from isinglass.ir.exact import Exact
from isinglass.ir.exact_evaluation import exact_affine, exact_values
from isinglass.ir.linear_proof.bounds import fresh
from isinglass.ir.linear_proof.claim import Group, Rows
from isinglass.ir.linear_proof.network import Network
from isinglass.ir.tasks import Prove

Array = Any


def excess(task: Prove, lower: Array, upper: Array, points: Array) -> tuple[list[Fraction], list[Fraction]]:
    """How far the rows of case 0 lie below their linear bounds at points of a box, and those below the stated maximum.

    What contraction and refutation rest on: row(x) <= slope . x + (linear - greatest slope . x over the box).
    """
    network = Network.of(task.problem, task.inputs)
    assert network is not None
    state = fresh(network, {task.inputs: (lower[None], upper[None])})
    rows = Rows(network, task.unsafe)
    sizes = np.diff(task.unsafe.start)[:1]
    bounded = Group(rows, np.array([0]), np.array([[0]]), sizes).bounded(state, np.array([0]))
    values = exact_affine(task.unsafe.forms, exact_values(task.problem, {task.inputs: Exact.of(points)}))
    below, under = [], []
    for row in range(int(sizes[0])):
        slope = [Fraction(a) for a in bounded.slope[0, row].tolist()]
        ends = [(Fraction(a), Fraction(b)) for a, b in zip(lower.tolist(), upper.tolist(), strict=True)]
        greatest = sum((max(s * a, s * b) for s, (a, b) in zip(slope, ends, strict=True)), Fraction(0))
        linear = Fraction(float(bounded.linear[0, row]))
        for number, x in enumerate(points.tolist()):
            at = sum((s * Fraction(a) for s, a in zip(slope, x, strict=True)), Fraction(0))
            below.append(at + linear - greatest - values.fraction(number, row))
            under.append(Fraction(float(bounded.most[0, row])) - values.fraction(number, row))
    return below, under


def corners_and_more(rng: np.random.Generator, lower: Array, upper: Array) -> Array:
    sides = np.array(np.meshgrid(*zip(lower, upper, strict=True))).reshape(len(lower), -1).T
    return np.concatenate([sides, rng.uniform(lower, upper, (6, len(lower)))])


@pytest.mark.parametrize("kinds", [("relu",), cases.LINEAR, cases.LINEAR + cases.JUMPS])
def test_rows_lie_below_their_linear_bounds(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    for number in range(12):
        rng = np.random.default_rng([1, number])
        asked = cases.random_question(rng, tmp_path, kinds, 6)
        unsafe = asked.task.unsafe
        lower, upper = (side[unsafe.region[0]] for side in (unsafe.lower, unsafe.upper))
        below, under = excess(asked.task, lower, upper, corners_and_more(rng, lower, upper))
        assert min(below) >= 0
        assert min(under) >= 0


def test_where_nothing_is_relaxed_only_rounding_is_left(tmp_path: Path) -> None:
    """Neurons far from their kinks: rows and bounds are the same but for rounding, which is paid for, not much more."""
    for number in range(40):
        rng = np.random.default_rng([2, number])
        n, width = int(rng.integers(1, 4)), int(rng.integers(1, 12))
        sizes, layers = [n, width, width, 1], []
        for k in range(3):
            weights = rng.normal(size=(sizes[k + 1], sizes[k])) * 10.0 ** rng.integers(-1, 2)
            lift = (k < 2) * 1e3 ** (k + 1) * (1 + np.abs(weights).sum()) * rng.choice([-1.0, 1.0, 1.0], sizes[k + 1])
            layers.append((weights, rng.normal(size=sizes[k + 1]) + lift))
        lower, upper = -rng.random(n), rng.random(n)
        task = exact_task(layers, np.array([[1.0, rng.normal()]]), lower.tolist(), upper.tolist(), tmp_path)
        below, under = excess(task, lower, upper, corners_and_more(rng, lower, upper))
        blocks = NetView.of(task.problem).forward({task.inputs: (lower / 2 + upper / 2)[None]})
        size = max(float(np.abs(values).max()) for values in blocks.values()) * (1 + np.abs(layers[2][0]).sum())
        assert min(below) >= 0
        assert min(under) >= 0
        assert float(min(under)) <= 1e-12 * size
