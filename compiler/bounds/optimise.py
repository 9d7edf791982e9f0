"""Bounds of combinations of rows, improved by choosing lines, multiples of splits and weights.

needs: bounds of all blocks
guarantee: ``most`` is computed anew from the float32 parameters that are returned, rounded outward
source: Xu et al., Fast and Complete (alpha-CROWN), ICLR 2021; Wang et al., Beta-CROWN, NeurIPS 2021

A case holds where all of its rows are >= 0, so it is refuted where any combination with weights >= 0, not all zero, is
below 0 on the whole box. Steps follow Adam; tilts stay in 0..1, multipliers >= 0, weights are a softmax. A problem
whose bound has fallen below ``goal`` takes no further steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ...ir.affine import Affine
from ...ir.blocks import Fn
from ...ir.types import BoolArray, FloatArray, IntArray
from ..networks.view import NetView
from .backward import Rows, carry_back, maximum
from .crown import empty
from .interval import TINY, Bounds
from .relaxation import Relaxation, g
from .relaxed import Parameters, Problems, Relaxed
from .splits import Splits

FIRST, SECOND, SMALL = 0.9, 0.99, 1e-12
"""Adam's decay rates and the least denominator."""


@dataclass(frozen=True)
class Schedule:
    """``steps`` of Adam; rates of tilts, multipliers (relative to the coefficients of the block) and the logarithms of
    weights, each times ``decay`` after every step."""

    steps: int = 20
    tilt: float = 0.25
    multiplier: float = 0.2
    weight: float = 0.5
    decay: float = 0.95


USUAL = Schedule()


@dataclass(frozen=True, eq=False)
class Optimised:
    """``most`` [N]: outward-rounded upper bounds of the combinations, -inf where a box has no point; ``parameters``
    that give them, numbers of float32; ``slopes`` [N, n] of each free block, of the linear bounds; ``kept``:
    coefficients [N, k] on the outputs of functions."""

    most: FloatArray
    parameters: Parameters
    slopes: Mapping[str, FloatArray]
    kept: Mapping[str, FloatArray]


def case_problems(
    view: NetView, forms: Affine, pick: IntArray, box: Mapping[str, Bounds], splits: Splits | None = None
) -> Problems:
    """Problem n bounds a combination of rows ``pick[n]`` [N, R] of ``forms`` (-1: none) over box n, or the only one."""
    rows = {name: operator.to_dense()[pick] for name, operator in forms.parts.items()}
    constant = np.where(pick < 0, -np.inf, forms.offset[pick])
    for array in rows.values():
        array[pick < 0] = 0.0
    return Problems(view, box, rows, constant, splits or Splits.none(len(pick)))


def default_parameters(problems: Problems) -> Parameters:
    """The functions' own tilts, no multipliers, equal weights."""
    tilts = {}
    for step in problems.view.steps:
        if isinstance(step, Fn):
            low, high = ([arg.pick(problems.box[arg.variable][side]) for arg in step.args] for side in (0, 1))
            tilt = step.function.tilt(low, high)
            tilts[step.output] = np.array(np.broadcast_to(tilt, (problems.count, tilt.shape[1])))
    present = np.isfinite(problems.constant).astype(np.float64)
    weights = present / np.maximum(present.sum(axis=1, keepdims=True), 1.0)
    return Parameters(tilts, np.zeros(problems.splits.block.shape), weights)


def optimise(
    problems: Problems,
    schedule: Schedule = USUAL,
    start: Parameters | None = None,
    goal: float = -1e-9,
    over: Callable[[], bool] = lambda: False,
    reading: str = "dyadic",
    grid: int = 0,
) -> Optimised:
    """Improve the bounds of all problems from ``start`` (left as it is); stops early where ``over()``.

    ``grid``: round tilts to multiples of 1 / grid. Up to 1024 they are numbers of float16, and pack well.
    """
    best = (start or default_parameters(problems)).pick(np.arange(problems.count))
    descend(problems, best, schedule, goal, over)
    return rigorous(problems, rounded(best, grid), reading)


def descend(
    problems: Problems, best: Parameters, schedule: Schedule, goal: float, over: Callable[[], bool]
) -> FloatArray:
    """Put the best parameters found into ``best``; returns their bounds [N], not rounded outward."""
    least = np.full(problems.count, np.inf)
    live = np.arange(problems.count)
    here, relaxed = best.pick(live), Relaxed(problems)
    adam = Adam(here, relaxed.scale(here))
    for step in range(schedule.steps + 1):
        value, slope = relaxed.evaluate(here)
        better = value < least[live]
        least[live[better]] = value[better]
        best.store(live[better], here.pick(better))
        if step == schedule.steps or over():
            break
        unfinished = least[live] >= goal
        if not unfinished.any():
            break
        adam.move(here, slope, schedule, schedule.decay**step)
        if unfinished.mean() < 0.75:
            live, here, adam = live[unfinished], here.pick(unfinished), adam.pick(unfinished)
            relaxed = Relaxed(problems.pick(live))
    return least


class Adam:
    """Moments of the derivatives, kept apart for each problem and parameter; ``scale`` [N, D] of the multipliers."""

    def __init__(self, like: Parameters, scale: FloatArray) -> None:
        self.count, self.scale = 0, scale
        self.first = {key: np.zeros_like(array) for key, array in like.arrays().items()}
        self.second = {key: np.zeros_like(array) for key, array in like.arrays().items()}

    def pick(self, index: BoolArray) -> Adam:
        found = Adam.__new__(Adam)
        found.count, found.scale = self.count, self.scale[index]
        found.first = {key: array[index] for key, array in self.first.items()}
        found.second = {key: array[index] for key, array in self.second.items()}
        return found

    def move(self, here: Parameters, slope: Parameters, schedule: Schedule, decay: float) -> None:
        """One step down, in place."""
        self.count += 1
        for name, tilt in here.tilts.items():
            tilt -= schedule.tilt * decay * self.direction(name, slope.tilts[name])
            np.clip(tilt, 0.0, 1.0, out=tilt)
        if here.multipliers.size:
            move = schedule.multiplier * decay * self.scale * self.direction("*", slope.multipliers)
            here.multipliers = np.maximum(here.multipliers - move, 0.0)
        if here.weights.shape[1] > 1:
            mean = (here.weights * slope.weights).sum(axis=1, keepdims=True)
            move = self.direction("+", here.weights * (slope.weights - mean))
            logs = np.log(np.maximum(here.weights, 1e-6)) - schedule.weight * decay * move
            raised = np.where(here.weights > 0, np.exp(logs - logs.max(axis=1, keepdims=True)), 0.0)
            here.weights = raised / raised.sum(axis=1, keepdims=True)

    def direction(self, key: str, slope: FloatArray) -> FloatArray:
        first, second = self.first[key], self.second[key]
        first *= FIRST
        first += (1 - FIRST) * slope
        second *= SECOND
        second += (1 - SECOND) * slope**2
        size = np.sqrt(second / (1 - SECOND**self.count))
        return np.asarray(first / (1 - FIRST**self.count) / (size + SMALL))


def rounded(parameters: Parameters, grid: int = 0) -> Parameters:
    """The same as numbers of float32, still in their ranges; tilts as multiples of 1 / grid, where there is one."""

    def single(array: FloatArray) -> FloatArray:
        return array.astype(np.float32).astype(np.float64)

    tilts = {name: np.rint(array * grid) / grid if grid else array for name, array in parameters.tilts.items()}
    tilts = {name: np.clip(single(array), 0.0, 1.0) for name, array in tilts.items()}
    return Parameters(tilts, np.maximum(single(parameters.multipliers), 0.0), single(parameters.weights))


def rigorous(problems: Problems, at: Parameters, reading: str = "dyadic") -> Optimised:
    """The bounds of given parameters, rounded outward."""
    count, box = problems.count, problems.box
    relaxation = Relaxation.of(problems.view, box, at.tilts)
    weights = np.where(np.isfinite(problems.constant), at.weights, 0.0)
    constant = np.where(np.isfinite(problems.constant), problems.constant, 0.0)
    rows = Rows.start(
        relaxation,
        {name: np.einsum("nr,nrk->nk", weights, part)[:, None] for name, part in problems.rows.items()},
        (weights * constant).sum(axis=1)[:, None],
    )
    terms = g(weights.shape[1] + (4 if reading == "dyadic" else 6))
    with np.errstate(over="ignore", invalid="ignore"):
        for name, part in problems.rows.items():
            reach = relaxation.reach(name)
            size = np.einsum("nr,nrk->nk", weights, np.abs(part))
            loss = (size * (terms * reach + relaxation.slack[name] * terms)).sum(axis=1)
            tiny = 0.0 if reading == "dyadic" else TINY * weights.sum(axis=1) * (reach.sum(axis=1) + 1)
            rows.error = rows.error + (loss + tiny)[:, None]
        rows.error = rows.error + terms * (weights * np.abs(constant)).sum(axis=1)[:, None]
    sizes = {name: low.shape[1] for name, (low, _) in box.items()}
    rows = carry_back(relaxation, rows, problems.splits.pulls(at.multipliers, sizes), keep=True)
    most = np.where(np.broadcast_to(empty(box), (count,)), -np.inf, maximum(relaxation, rows)[:, 0])
    slopes = {name: array[:, 0] for name, array in rows.coef.items()}
    return Optimised(most, at, slopes, {name: array[:, 0] for name, array in rows.kept.items()})


