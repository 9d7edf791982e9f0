"""``bound lipschitz(f, output = 8)``: the goal of a spec as a question about how much outputs can change.

``lipschitz(f, output = 8, difference = [8, 3], norm = linf, over = x)``, all options may be left out, and
``inf_to_one(f, output = 8)``. ``over`` names a variable, whose range is the box that local constants are about.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir.blocks import Var
from ...ir.errors import InputError, IsinglassError, nearest
from ...ir.tasks import Bound
from ..networks.box import Box
from ..networks.lipschitz import ALL, NORMS, bound, difference_rows, output_rows, scores
from ..networks.network import Network
from . import ast as ast
from .ast import Node
from .domains import Sides, full
from .frames import Poisoned
from .signatures import BOUNDS

if TYPE_CHECKING:
    from .lower import Lowering


def bound_goal(lowering: Lowering, goal: ast.Goal, options: dict[str, Any]) -> Bound | None:
    """The task; None where there are mistakes, all of which are reported."""
    return Reader(lowering, goal).task(options)


class Reader:
    """Reads the call of one goal; every mistake is kept with its place."""

    def __init__(self, lowering: Lowering, goal: ast.Goal) -> None:
        self.lowering, self.goal, self.call = lowering, goal, goal.value
        self.evaluator = lowering.exact
        self.given = {key.name: node for key, node in self.call.keywords}

    def task(self, options: dict[str, Any]) -> Bound | None:
        network = self.network()
        norm = self.norm()
        var = self.variable(network)
        asked: dict[str, Any] = {}
        for key, rows in (("output", output_rows), ("difference", difference_rows)):
            if key in self.given:
                asked[key] = self.numbers(self.given[key])
                if network is not None and asked[key] is not None:
                    self.attempt(self.given[key], lambda key=key, rows=rows: rows(scores(network), asked[key]))
        self.nothing_else(var)
        if network is None or self.lowering.failed:
            return None
        box = None if var is None else self.box(var)
        quantity = self.call.function.replace("_", "-")
        name = var.name if var is not None else "x"
        prefix = f"{self.name}."
        named = {"norm": norm, "quantity": quantity, "x_name": name, "prefix": prefix}
        try:
            task = bound(network, **asked, **named, box=box, options=options)
        except IsinglassError as error:
            self.report(self.call, error)
            return None
        notes = (*self.lowering.notes, *task.problem.ledger)
        return replace(task, problem=replace(task.problem, ledger=notes))

    # -- parts of the call ------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The network's name; empty where none stands."""
        first = self.call.args[0] if self.call.args else None
        return first.name if isinstance(first, ast.Name) else ""

    def network(self) -> Network | None:
        """The network that the call names."""
        networks = [item.name.name for item in self.lowering.spec.statements if isinstance(item, ast.Network)]
        if self.name in networks:
            return self.lowering.networks.known.get(self.name)  # None: its declaration has been reported
        if self.name in self.lowering.spec.broken:
            return None
        if not self.call.args:
            return None  # the number of arguments has been reported
        what = f"{self.name!r} is no network" if self.name else f"{self.call.function} takes the name of a network"
        hint = nearest(self.name, networks) if networks else 'declare one: network f = onnx("net.onnx")'
        if not self.name:
            hint = f"write {BOUNDS[self.call.function].usage}"
        self.report(self.call.args[0], InputError(what, code="type", hint=hint))
        return None

    def norm(self) -> str:
        node = self.given.get("norm")
        if node is None:
            return NORMS[0]
        if not isinstance(node, ast.Name) or node.name not in NORMS:
            self.report(node, InputError(f"norm = {node.at.text}", code="value", hint=f"known: {', '.join(NORMS)}"))
            return NORMS[0]
        return node.name

    def variable(self, network: Network | None) -> ast.Name | None:
        """The variable whose range is the box."""
        node = self.given.get("over")
        if node is None:
            return None
        var = self.block(node)
        if var is None or not isinstance(node, ast.Name):
            if not isinstance(node, ast.Name) or node.name in self.constants():
                hint = "var x : real[64] in ball(x0, 0.1, linf) & 0..1, and over = x"
                self.report(node, InputError("over takes the name of a variable", code="type", hint=hint))
            return None
        if var.domain != "real":
            message = f"the input {node.name!r} is {var.domain}; inputs of networks are real"
            self.report(node, InputError(message, code="type", hint="declare it real"))
        elif not (np.isfinite(var.lower).all() and np.isfinite(var.upper).all()):
            hint = f"var {node.name} : real[..] in 0..1; without over, constants are about all inputs"
            self.report(node, InputError(f"the input {node.name!r} has no finite range", code="value", hint=hint))
        if network is not None and var.size != network.input_size:
            message = f"{node.name!r} has {var.size} elements, the network reads {network.input_size}"
            hint = f"declare {node.name} : real[{network.input_size}]"
            self.report(node, InputError(message, code="shape", hint=hint))
        return node

    def block(self, node: Node) -> Var | None:
        """The variable block of a name."""
        name = node.name if isinstance(node, ast.Name) else ""
        return next((var for var in self.lowering.work.layout.vars if var.name == name), None)

    def constants(self) -> set[str]:
        """Names of what is declared and is no variable."""
        kinds = (ast.Param, ast.Let)
        return {item.name.name for item in self.lowering.spec.statements if isinstance(item, kinds)}

    def numbers(self, node: Node) -> Any:
        """Whole numbers of an option as nested lists, or the word ``all``; None where there is a mistake."""
        if isinstance(node, ast.Name) and node.name == ALL:
            return ALL
        try:
            value, found = self.evaluator.numbers(node, "an output")
            values = found.to_integers()
            if values is None:
                hint = "output = 8, output = [3, 8], output = all, difference = [8, 3]"
                raise InputError("outputs are whole numbers", code="type", hint=hint)
        except Poisoned:
            return None
        except IsinglassError as error:
            self.report(node, error)
            return None
        return np.asarray(values).reshape(value.inner).tolist()

    def box(self, var: ast.Name) -> Box:
        sides: Sides = self.lowering.sides[var.name]
        block = self.block(var)
        assert block is not None
        outer, inner = ([*full(sides, towards, block)] for towards in ("out", "in"))
        return Box(outer[0], outer[1], inner[0], inner[1])

    # -- mistakes ---------------------------------------------------------------------------------------------------

    def nothing_else(self, var: ast.Name | None) -> None:
        """Rows and variables beside the goal would say nothing."""
        for item in self.lowering.spec.statements:
            if isinstance(item, ast.Require):
                hint = "state the box as the range of a variable, and over = x"
                self.lowering.errors.append(item.at.error("not-yet", "rows beside bound are not available yet", hint))
                break
        if "over" in self.given and var is None:
            return
        others = [name for name in self.lowering.sides if var is None or name != var.name]
        if others:
            hint = f"over = {others[0]} asks for constants in its range" if var is None else "leave it out"
            message = f"variable {others[0]!r} has no part in the goal"
            self.lowering.errors.append(self.goal.at.error("type", message, hint))

    def attempt(self, node: Node, action: Any) -> None:
        try:
            action()
        except IsinglassError as error:
            self.report(node, error)

    def report(self, node: Node, error: IsinglassError) -> None:
        self.lowering.work.report(node, error)
