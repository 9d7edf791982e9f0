"""Where every search for a counterexample begins: what the task must be, and a first attack."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from ...ir.errors import Refused
from ...ir.protocols import Limits
from ...ir.tasks import Prove
from ..networks.attack import Attack
from ..networks.view import NetView
from ..passes.bound_intervals import check_finite
from .clock import Clock
from .inquiry import Inquiry, Tools

MEMORY = 4.0
"""GB that the open nodes of a search and its tree may take, unless the task's options say otherwise."""
ATTACK = 5.0
"""Seconds of the first attack at the most."""


def begin(task: Prove, tools: Tools, limits: Limits) -> Inquiry:
    """Nothing is known yet. Raises :class:`Refused` for problems that are more than a network on a box."""
    memory = float(task.options.get("memory", MEMORY)) * 1e9
    return Inquiry.of(task, tools, limits, checked_view(task), memory)


def attack(inquiry: Inquiry, seed: int, clock: Clock, **effort: int) -> None:
    """Look for a witness by points."""
    start = perf_counter()
    search = Attack(inquiry.view, inquiry.task.inputs, inquiry.unsafe)
    found = search.run(seed, clock, **effort)
    inquiry.time("attack", start)
    if len(found.margin):
        inquiry.best = max(inquiry.best, float(found.margin[0]))
    hopeful = found.margin >= (0.0 if clock.over else -np.inf)  # those that miss may still hold in float32
    good = np.flatnonzero(inquiry.open[found.case] & hopeful)
    inquiry.look(found.points[good], found.case[good], found.margin[good])


def checked_view(task: Prove) -> NetView:
    """The network of a task that is nothing but a network on a box."""
    problem = task.problem
    view = NetView.of(problem)
    if view.free != (task.inputs,) or problem.vars[task.inputs].discrete:
        raise Refused(f"the inputs have to be one block of real variables, found {', '.join(view.free) or 'none'}")
    if any(lin.defines is None for lin in problem.lins.values()) or problem.constraints or problem.penalties:
        raise Refused("rows beside the network are not supported here", hint="state the claim over a box")
    for name, var in problem.vars.items():
        if name != task.inputs and (np.isfinite(var.lower).any() or np.isfinite(var.upper).any()):
            raise Refused(f"bounds of computed block {name!r} would be a row", hint="state bounds of inputs only")
    sizes = {name: problem.vars[name].size for name in (task.inputs, task.outputs)}
    if faults := task.unsafe.faults(sizes, task.inputs):
        raise Refused(f"the unsafe set is malformed: {faults[0]}")
    check_finite(view)
    return view
