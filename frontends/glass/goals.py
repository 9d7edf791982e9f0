"""The goals of a spec as tasks: an objective, or a claim about a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir.blocks import Block, Poly, Var
from ...ir.errors import InputError, IsinglassError, Refused
from ...ir.lift.objective import Objective
from ...ir.problem import Problem
from ...ir.tasks import Optimize, Prove
from ...ir.term import Term
from ...ir.unsafe import UnsafeSet
from ...ir.verify import verify
from ..networks.regions import into_boxes
from ..networks.through_ending import through_ending
from . import ast as ast
from .claims import Claim, stacked
from .domains import full
from .emit import objective_terms
from .forms import Form, total
from .frames import shown

if TYPE_CHECKING:
    from .lower import Lowering


def optimize(lowering: Lowering, goal: ast.Objective, options: dict[str, Any]) -> Optimize | None:
    """The objective, costs of broken soft rows added to what is minimised; None where there are mistakes."""
    work = lowering.work
    for use in lowering.networks.applied:
        if use.network.ending:
            message = f"{use.network.path} ends with {use.network.ending}, which only claims can be about"
            error = Refused(message, code="ending", hint="export it without its last operator")
            work.report(goal.value, error)
    (value,) = lowering.rounded.need(goal.value)
    if value.inner or isinstance(value.data, np.ndarray):
        message = f"the objective is an array {shown(value.inner)}" if value.inner else "the objective is a condition"
        work.report(goal.value, InputError(message, code="shape", hint="sum it up: sum(...)"))
        return None
    form = (value.data if isinstance(value.data, Form) else Form.of(value.data)).reshape(())
    terms: tuple[Term, ...] = ()
    constant = 0.0
    try:
        all_terms = total([-form if goal.maximize else form, *lowering.rows.costs])
        terms, constant = objective_terms(all_terms, work.layout)
    except IsinglassError as error:
        work.report(goal.value, error)
    if lowering.failed:
        return None
    objective = Poly("objective", "objective", terms, np.array([constant]), origin=goal.at.origin)
    return Optimize(problem(lowering, (objective,), -1.0 if goal.maximize else 1.0), options)


def problem(lowering: Lowering, last: tuple[Block, ...], scale: float) -> Problem:
    """All blocks of a spec."""
    blocks = (*lowering.work.layout.vars, *lowering.networks.blocks, *lowering.rows.blocks, *last)
    name = Path(lowering.spec.source.file).stem or "spec"
    found = Problem(name, blocks, Objective(scale), (*lowering.notes, *lowering.networks.notes))
    verify(found)
    return found


def prove(lowering: Lowering, goal: ast.Prove, options: dict[str, Any]) -> Prove | None:
    """The network on the outer box of its inputs; witnesses have to lie in the inner box."""
    work = lowering.work
    try:
        ways = stacked(lowering.exact, Claim(lowering.exact).broken(goal))
    except IsinglassError as error:
        work.report(goal.claim, error)
        return None
    if lowering.rows.blocks:
        row = next(item for item in lowering.spec.statements if isinstance(item, ast.Require))
        hint = "put the condition into the claim: prove not (x[0] + x[1] <= 1) or argmax(y) == 7"
        lowering.errors.append(row.at.error("not-yet", "rows beside prove are not available yet", hint))
    used = lowering.networks.applied
    if len(used) != 1:
        message = "a claim about several networks is not available yet" if used else "a claim needs a network"
        hint = 'network f = onnx("net.onnx"), let y = f(x), prove argmax(y) == 7'
        lowering.errors.append(goal.at.error("not-yet" if used else "goal", message, hint))
        return None
    (use,) = used
    inputs = work.layout.vars[use.inputs]
    check_inputs(lowering, goal, inputs)
    if lowering.failed:
        return None
    sides = lowering.sides[inputs.name]
    outer, inner = full(sides, "out", inputs), full(sides, "in", inputs)
    work.layout.vars[use.inputs] = Var.of(inputs.name, "real", inputs.shape, *outer, inputs.origin)
    low, high, inner_low, inner_high = (side[None] for side in (*outer, *inner))
    region = np.zeros(len(ways.texts), np.int64)
    unsafe = UnsafeSet(
        ways.forms, ways.strict, ways.start, region, low, high, inner_low, inner_high, ways.reading, ways.texts
    )
    try:
        unsafe = into_boxes(through_ending(use.network, unsafe, use.outputs), inputs.name)
    except IsinglassError as error:
        work.report(goal.claim, error)
        return None
    claim = goal.claim.at.text + (f" {goal.over.at.text}" if goal.over else "")
    return Prove(problem(lowering, (), 1.0), unsafe, claim, inputs.name, use.outputs, use.network.path, dict(options))


def check_inputs(lowering: Lowering, goal: ast.Prove, inputs: Var) -> None:
    """The network's input must be the only free variable, real, and bounded."""
    others = [name for name in lowering.sides if name != inputs.name]
    errors, at = lowering.errors, goal.at
    if others:
        errors.append(at.error("type", f"variable {others[0]!r} has no part in the claim", "leave it out"))
    if inputs.domain != "real":
        message = f"the input {inputs.name!r} is {inputs.domain}; claims are about real inputs"
        errors.append(at.error("not-yet", message, "declare it real"))
    elif not (np.isfinite(inputs.lower).all() and np.isfinite(inputs.upper).all()):
        message = f"the input {inputs.name!r} has no finite range"
        errors.append(at.error("value", message, f"var {inputs.name} : real[..] in 0..1"))
