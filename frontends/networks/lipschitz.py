"""How much outputs of a network can change per unit of change of its inputs, as a task: outputs, differences of two
outputs, all of them; everywhere, or for inputs in a box.

A last Softmax, LogSoftmax or ArgMax is left off, as everywhere (``ended.py``): the constants are those of its scores,
and the ledger says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ...ir.affine import Affine
from ...ir.blocks import Var
from ...ir.errors import InputError, Refused
from ...ir.functions.max import Max
from ...ir.ledger import Note
from ...ir.problem import Problem
from ...ir.tasks import Bound
from ...ir.types import FloatArray
from .box import Box
from .network import Network, network_blocks, output_name

ALL = "all"
NORMS = ("linf", "l2")
QUANTITIES = ("lipschitz", "inf-to-one")
MOST = 5_000
"""Functionals in one question."""
Output = int | Sequence[int] | str | None
"""An output, several, or ``all``."""
Difference = Sequence[int] | Sequence[Sequence[int]] | str | None
"""A pair of outputs, several pairs, or ``all`` pairs."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Functionals [R, k] of the outputs, and what to call each."""

    matrix: FloatArray
    labels: tuple[str, ...]

    def join(self, other: Rows) -> Rows:
        """Both, what both have only once."""
        known = [label not in self.labels for label in other.labels]
        more = tuple(label for label, new in zip(other.labels, known, strict=True) if new)
        return Rows(np.concatenate([self.matrix, other.matrix[known]]), self.labels + more)


def scores(network: Network) -> int:
    """Number of outputs that constants are about: of the file, or of the scores of its last operator."""
    return network.layers[-1].size if network.layers else network.input_size


def output_rows(size: int, output: Output) -> Rows:
    """One functional for each output asked for. Raises :class:`InputError` for others than 0 to size - 1."""
    asked = [output] if isinstance(output, (int, np.integer)) else output
    if isinstance(asked, str):
        if asked != ALL:
            raise InputError(f"output = {asked}: a number, or all", code="bound", hint=numbers(size))
        asked = range(size)
    if asked is not None and not isinstance(asked, Iterable):
        raise InputError(f"output = {asked!r}: a number, several, or all", code="bound", hint=numbers(size))
    chosen = list(dict.fromkeys(whole(k, size, "output") for k in asked or ()))
    most(len(chosen))
    return Rows(np.eye(size)[chosen], tuple(f"y[{k}]" for k in chosen))


def difference_rows(size: int, difference: Difference) -> Rows:
    """One functional ``y[a] - y[b]`` for each pair asked for. Raises :class:`InputError` for what is no pair."""
    pairs: list[Any]
    if isinstance(difference, str):
        if difference != ALL:
            raise InputError(f"difference = {difference}: a pair, or all", code="bound", hint="difference = [8, 3]")
        if size < 2:
            raise InputError(f"the network has {size} output, so no differences", code="bound", hint="use output = 0")
        most(size * (size - 1) // 2)
        pairs = list(combinations(range(size), 2))
    else:
        if difference is not None and not isinstance(difference, Iterable):
            raise InputError(f"{difference!r} is no pair of outputs", code="bound", hint="difference = [8, 3]")
        given = list(difference or ())
        pairs = [given] if given and all(isinstance(k, (int, np.integer)) for k in given) else given
    most(len(pairs))
    matrix = np.zeros((len(pairs), size))
    labels = []
    for row, pair in zip(matrix, pairs, strict=True):
        try:
            a, b = (whole(k, size, "difference") for k in pair)
        except (TypeError, ValueError):
            raise InputError(f"{pair!r} is no pair of outputs", code="bound", hint="difference = [8, 3]") from None
        if a == b:
            raise InputError(f"difference of output {a} with itself", code="bound", hint="name two outputs")
        row[a], row[b] = 1.0, -1.0
        labels.append(f"y[{a}] - y[{b}]")
    first = [labels.index(label) for label in dict.fromkeys(labels)]
    return Rows(matrix[first], tuple(labels[k] for k in first))


def whole(value: Any, size: int, what: str) -> int:
    """An output's number."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 <= value < size:
        raise InputError(f"{what} {value!r} of a network with {size} outputs", code="bound", hint=numbers(size))
    return int(value)


def numbers(size: int) -> str:
    return f"outputs are 0 to {size - 1}"


def most(count: int) -> None:
    if count > MOST:
        message = f"{count:,} functionals, more than the limit of {MOST:,}"
        raise InputError(message, code="too-large", hint="ask for some of them")


def bound(
    network: Network,
    *,
    output: Output = None,
    difference: Difference = None,
    norm: str = "linf",
    quantity: str = "lipschitz",
    box: Box | None = None,
    x_name: str = "x",
    prefix: str = "",
    options: Mapping[str, Any] | None = None,
) -> Bound:
    """The question for the outputs and differences asked for (all outputs where nothing is).

    ``norm`` of the inputs: linf or l2. ``quantity``: lipschitz, or inf-to-one, the norm that HiQ-Lip maximises. With a
    ``box`` the constants are local to its outer sides. Raises :class:`InputError` for outputs that the network does not
    have, a box of another size; :class:`Refused` for functions without slopes.
    """
    size = scores(network)
    everything = ALL if output is None and difference is None else output
    rows = output_rows(size, everything).join(difference_rows(size, difference))
    if not rows.labels:
        raise InputError("the question is about no output", code="bound", hint=f"name some; {numbers(size)}")
    most(len(rows.labels))
    if norm not in NORMS:
        raise InputError(f"norm = {norm}: known are {' and '.join(NORMS)}", code="bound")
    if quantity not in QUANTITIES:
        raise InputError(f"quantity = {quantity}: known are {' and '.join(QUANTITIES)}", code="bound")
    if quantity == "inf-to-one" and (norm != "linf" or box is not None):
        hint = "leave out norm and box"
        raise InputError("inf-to-one is about the maximum norm, everywhere", code="bound", hint=hint)
    check_functions(network)
    x = Var.of(x_name, "real", network.input_shape, *sides(network, box))
    ledger = (*network.notes, *ending_notes(network, prefix))
    title = f"{quantity} constants of {network.path}"
    problem = Problem(title, (x, *network_blocks(network, prefix, x_name)), ledger=ledger)
    outputs = output_name(prefix)
    return Bound(problem, rows.matrix, rows.labels, x_name, outputs, norm, quantity, network.path, dict(options or {}))


def sides(network: Network, box: Box | None) -> tuple[FloatArray | None, FloatArray | None]:
    """The outer sides of the box."""
    if box is None:
        return None, None
    if len(box.lower) not in (1, network.input_size):
        message = f"the box has {len(box.lower)} sides, {network.path} has {network.input_size} inputs"
        raise InputError(message, code="bound", hint="give one pair of bounds for each input")
    return tuple(np.array(np.broadcast_to(side, (network.input_size,))) for side in (box.lower, box.upper))  # type: ignore[return-value]


def ending_notes(network: Network, prefix: str) -> tuple[Note, ...]:
    """That a last operator was left off."""
    if not network.ending:
        return ()
    text = f"the network ends with {network.ending}, which is left off: the constants are those of its scores"
    return (Note("lipschitz", text, output_name(prefix), scores(network)),)


def check_functions(network: Network) -> None:
    """Refuse functions that have no slope, or several arguments (but for the greatest of several, which is made of
    relus); names the operator."""
    for layer in network.layers:
        if isinstance(layer.rule, Affine) or isinstance(layer.rule[0], Max):
            continue
        function, args = layer.rule
        name = type(function).__name__.lower()
        hint = "the rest of the network may be asked about on its own"
        if len(args) > 1:
            message = f"{network.path}: node {layer.node}: {name} of {len(args)} arguments has no slopes"
            raise Refused(message, code="no-slope", hint=hint)
        try:
            function.slopes(np.array([-np.inf]), np.array([np.inf]))
        except Refused as error:
            message = f"{network.path}: node {layer.node}: {error.diagnostics[0].message}"
            raise Refused(message, code="no-slope", hint=error.diagnostics[0].hint or hint) from error
