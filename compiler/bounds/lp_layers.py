"""Bounds of undecided arguments of functions, tightened by linear programs that keep their basis from one to the next.

needs: bounds of all blocks of one box; functions whose undecided lines are affine in the tilt; a solver of LPs
guarantee: bounds are computed anew from the duals, rounded outward; the solver's word counts for nothing
source: Tjeng, Xiao, Tedrake, Evaluating Robustness of Neural Networks with Mixed Integer Programming, ICLR 2019

Layer by layer: one program holds everything before a layer, and each of its elements is maximised and minimised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ...ir.blocks import Fn
from ...ir.protocols import LpSession, OpenLp
from ...ir.types import FloatArray, IntArray
from ..networks.view import NetView
from .crown import crown_bounds, exact_blocks, wanted_elements
from .interval import Bounds
from .layers import element_problems
from .lp import Model
from .optimise import default_parameters, rigorous, rounded
from .relaxed import Parameters, Problems


def lp_layers(
    view: NetView, box: Mapping[str, Bounds], open_lp: OpenLp, over: Callable[[], bool] = lambda: False
) -> dict[str, Bounds]:
    """Better bounds of all blocks of one box ([1, n] each, from ``crown_bounds``). Stops where ``over()``."""
    free = {name: box[name] for name in view.free}
    found, exact = dict(box), exact_blocks(view)
    for place, fn in enumerate(view.steps):
        if not isinstance(fn, Fn) or over():
            continue
        for name, mask in wanted_elements(fn, found, exact).items():
            rows = np.flatnonzero(mask[0])
            before = NetView(view.problem, view.steps[:place], view.free)
            known = {key: found[key] for key in (*view.free, *(output(step) for step in before.steps))}
            model = Model.of_layers(before, known)
            if model is None or not rows.size:
                continue
            problems = element_problems(before, known, name, rows)
            at = chosen(problems, model, open_lp(*model.arrays()), name, rows, over)
            most = rigorous(problems, rounded(at)).most
            low, high = (np.array(side) for side in found[name])
            high[0, rows] = np.minimum(high[0, rows], most[: len(rows)])
            low[0, rows] = np.maximum(low[0, rows], -most[len(rows) :])
            found[name] = low, high
            found = crown_bounds(view, free, found)
    return found


def chosen(
    problems: Problems, model: Model, session: LpSession, name: str, rows: IntArray, over: Callable[[], bool]
) -> Parameters:
    """Parameters of all problems (elements, then their negatives) from duals; the usual ones where there is none."""
    found = default_parameters(problems)
    for number, (element, sign) in enumerate([(e, s) for s in (1.0, -1.0) for e in rows.tolist()]):
        if over():
            break
        cost: FloatArray = np.zeros(model.columns)
        cost[model.starts[name] + element] = -sign
        session.set_cost(cost)
        solved = session.solve()
        if solved.status == "optimal" and solved.dual is not None:
            best = model.parameters(problems.pick(np.array([number])), np.abs(solved.dual))
            found.store(np.array([number]), best)
    return found


def output(step: object) -> str:
    """The block that a step computes."""
    return step.output if isinstance(step, Fn) else step.name  # type: ignore[attr-defined]
