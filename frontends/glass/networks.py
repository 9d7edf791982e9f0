"""``network f = onnx("file")`` and ``f(x)``: reading networks and applying them to variables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...ir.blocks import Block, Var
from ...ir.errors import InputError, Refused, nearest
from ...ir.ledger import Note
from ..networks.network import Network, network_blocks, output_name
from . import ast as ast
from .forms import Form
from .frames import Poisoned, Value, shown

if TYPE_CHECKING:
    from .eval import Workspace

LATER = ("circuit", "fuse", "chain")


@dataclass(frozen=True)
class Applied:
    """``inputs``: number of the block that the network reads; ``outputs``: name of the block it writes."""

    inputs: int
    outputs: str
    network: Network


class Networks:
    """The networks of a spec; ``blocks`` are the rows and functions of all applications."""

    work: Workspace

    def __init__(self, base_dir: Path) -> None:
        self.base_dir = base_dir
        self.known: dict[str, Network] = {}
        self.applied: list[Applied] = []
        self.blocks: list[Block] = []
        self.notes: list[Note] = []
        self.values: dict[int, Value] = {}

    def read(self, statement: ast.Network) -> None:
        """Read the file of a ``network`` statement. Raises :class:`InputError` or :class:`Refused`."""
        call = statement.value
        if call.function in LATER:
            message = f"{call.function} networks are not available yet"
            raise Refused(message, code="not-yet", hint='this version reads networks with onnx("file.onnx")')
        if call.function != "onnx":
            raise InputError(
                f"unknown kind of network {call.function!r}",
                code="unknown-name",
                hint=nearest(call.function, ("onnx", *LATER)),
            )
        if len(call.args) != 1 or call.keywords or not isinstance(call.args[0], ast.String):
            raise InputError(
                "onnx takes the name of a file in quotes", code="call", hint='network f = onnx("net.onnx")'
            )
        from ..networks.reader import read_network

        self.known[statement.name.name] = read_network(self.base_dir / call.args[0].value)

    def apply(self, node: ast.Call, argument: Value) -> Value:
        """``f(x)`` for a whole block of variables; the same place in the text is applied once."""
        if id(node) not in self.values:
            self.values[id(node)] = self.fresh(node, argument)
        return self.values[id(node)]

    def fresh(self, node: ast.Call, argument: Value) -> Value:
        network = self.known.get(node.function)
        if network is None:
            raise Poisoned  # its declaration has been reported
        which = argument.data.block if isinstance(argument.data, Form) and argument.level == 0 else None
        if which is None:
            hint = (
                "declare a variable for the input, tie it to the expression with require, and apply the network to it"
            )
            raise InputError("a network is applied to a variable as a whole", code="type", hint=hint)
        var = self.work.layout.vars[which]
        if var.size != network.input_size:
            message = f"{var.name!r} {shown(var.shape)} has {var.size} elements, the network reads {network.input_size}"
            raise InputError(message, code="shape", hint=f"declare {var.name} : real[{network.input_size}]")
        if network.ending.startswith("argmax"):
            message = f"{network.path} ends with ArgMax"
            hint = "a spec speaks of its scores: export it without its last operator and prove argmax(y) == 3"
            raise Refused(message, code="ending", hint=hint)
        prefix = f"{node.function}{len(self.applied) + 1 if self.applied else ''}."
        self.notes += [replace(note, block=f"{prefix}{note.block}") for note in network.notes]
        form: Form | None = None
        for block in network_blocks(network, prefix, var.name):
            if isinstance(block, Var):
                form = self.work.layout.add(block)
            else:
                self.blocks.append(block)
        assert form is not None
        self.applied.append(Applied(which, output_name(prefix), network))
        return Value(0, form.reshape((1, form.size)))
