"""From points that an outside MILP solver returned for a negated claim to a verdict.

A point is a witness where it breaks the claim, checked without tolerance in onnxruntime's float32 and in real
arithmetic. What the solver says besides ("infeasible", an optimum of the margin) is its word and never a proof.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir.answers import Answer
from ..ir.guarantee import Guarantee
from ..ir.ledger import Ledger
from ..ir.protocols import Runner
from ..ir.samples import Samples
from ..ir.tasks import Prove
from ..ir.types import FloatArray, IntArray, Values
from .networks.attack import Attack, Candidates
from .networks.view import NetView
from .networks.witness import Checker, Witness, better

CLEAR = 1e-6
"""A margin that a solver calls greatest has to be at least this far below 0 to count: the size of its tolerances."""
CHECKED = 64
"""Most points that are checked, the first ones."""


def claim_answer(
    task: Prove,
    values: Values,
    samples: Samples,
    promised: tuple[Guarantee, Ledger],
    runner: Runner | None,
    solver: str = "",
) -> Answer:
    """The verdict. ``values``: blocks of the negated claim's problem at the solver's points, ``samples`` as returned;
    ``promised``: guarantee and ledger of the whole compilation. Without a ``runner`` real arithmetic alone decides."""
    guarantee, ledger = promised
    base = Answer("unknown", claim=task.claim, guarantee=guarantee, ledger=ledger, solver=solver)
    view = NetView.of(task.problem)
    points = values[task.inputs][:CHECKED] if samples.count else np.zeros((0, 0))
    points = points[np.isfinite(points).all(axis=1)]
    found = witness_near(task, view, points, runner) if len(points) else None
    if found is not None:
        return base.with_fields(**witness_fields(task, found))
    status = str(samples.info.get("status", ""))
    if status == "infeasible" and guarantee.proves_infeasible:
        words = "the solver says that the problem is infeasible: that no counterexample exists"
        return base.with_fields(status="unsat", basis="solver-word", detail=(words,))
    margin = values.get(margin_name(task))
    if status == "optimal" and margin is not None and samples.count and guarantee.feasible in ("same", "grows"):
        most = float(margin[0].max())
        if most < -CLEAR:
            words = f"the solver says that the greatest margin is {most:.6g}: that no counterexample exists"
            return base.with_fields(status="unsat", basis="solver-word", detail=(words,), claimed_bound=most)
    return base.with_fields(detail=(shortfall(task, view, points, status),))


def margin_name(task: Prove) -> str:
    """The block that a negated claim with goal ``margin`` maximises."""
    return task.problem.fresh("margin")


def witness_near(task: Prove, view: NetView, points: FloatArray, runner: Runner | None) -> Witness | None:
    """A witness among points [P, n], else near them: each in the box of the case that it is nearest to, then for every
    case."""
    checker, case = Checker(view, task, runner), best_cases(task, view, points)[1]
    attack = Attack(view, task.inputs, task.unsafe)
    found = checker.best(points, case)
    near: list[Callable[[], Candidates]] = [lambda: attack.push(points, case), lambda: attack.improve(points)]
    for look in near:
        if found is not None and not found.rank:
            break
        tried = look().first(CHECKED)
        found = better(found, checker.best(tried.points, tried.case))
    return found


def best_cases(task: Prove, view: NetView, points: FloatArray) -> tuple[FloatArray, IntArray]:
    """The greatest margin [P] that each point has after it is moved into a case's box, and that case [P]."""
    unsafe = task.unsafe
    margin, case = np.full(len(points), -np.inf), np.zeros(len(points), np.int64)
    for region in np.unique(unsafe.region).tolist():
        cases = np.flatnonzero(unsafe.region == region)
        moved = np.clip(points, unsafe.lower[region], unsafe.upper[region])
        margins = unsafe.pick(cases).margins(view.forward({task.inputs: moved}))
        distance = np.abs(points - moved).max(axis=1, initial=0.0)
        found = np.broadcast_to(margins, (len(points), len(cases))) - distance[:, None]
        best = found.max(axis=1)
        case = np.where(best > margin, cases[found.argmax(axis=1)], case)
        margin = np.maximum(margin, best)
    return margin, case


def witness_fields(task: Prove, found: Witness) -> dict[str, object]:
    """What an answer says of a witness."""
    shapes = {name: task.problem.vars[name].shape for name in (task.inputs, task.outputs)}
    values = {task.inputs: found.x, task.outputs: found.y}
    return {
        "status": "sat",
        "witness": {name: array.reshape(shapes[name]).tolist() for name, array in values.items()},
        "arithmetic": found.arithmetic,
        "detail": (f"{found.case}: holds at the witness ({found.arithmetic})",),
    }


def shortfall(task: Prove, view: NetView, points: FloatArray, status: str) -> str:
    """Why there is no verdict."""
    if not len(points) or not task.unsafe.count:
        return "no point came back, and no word that there is none" + (f" (status: {status})" if status else "")
    margin, case = best_cases(task, view, points)
    best = int(margin.argmax())
    return f"no point breaks the claim; nearest: {task.unsafe.texts[case[best]]}, short by {-margin[best]:.3g}"
