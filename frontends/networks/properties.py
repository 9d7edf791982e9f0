"""Claims about a network's outputs, and the task that asks for their proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir.affine import Affine
from ...ir.blocks import Var
from ...ir.errors import InputError
from ...ir.operator import Operator
from ...ir.operators.csr import Csr
from ...ir.operators.gather import Gather
from ...ir.problem import Problem
from ...ir.tasks import Prove
from ...ir.types import BoolArray, FloatArray, IntArray
from ...ir.unsafe import UnsafeSet
from .box import Box
from .network import Network, network_blocks, output_name
from .through_ending import through_ending


@dataclass(frozen=True, eq=False)
class Property:
    """``claim`` in the user's words; it is broken where all rows of a case hold.

    Row r: ``matrix`` [M, outputs] y + ``constant`` [M] >= 0, > 0 where ``strict`` [M]; ``reading`` says what the floats
    mean. Case c of those in ``texts`` [C] has the rows ``start[c]`` to ``start[c + 1] - 1`` (``start`` [C + 1]).
    """

    claim: str
    matrix: Operator
    constant: FloatArray
    strict: BoolArray
    start: IntArray
    texts: tuple[str, ...]
    reading: str = "simplest"

    @property
    def outputs(self) -> int:
        return self.matrix.shape[1]


def argmax_is(outputs: int, label: int, name: str = "y") -> Property:
    """``argmax(y) == label``, where argmax gives the lowest index of the greatest outputs.

    An earlier output breaks the claim when it is as great, a later one only when it is greater.
    """
    if not 0 <= label < outputs:
        raise InputError(f"label {label} of {outputs} outputs", code="property", hint=f"labels are 0 to {outputs - 1}")
    other = np.delete(np.arange(outputs), label)
    ones = np.ones(len(other))
    rows = Gather(other, ones, outputs).plus(Gather(np.full(len(other), label), -ones, outputs))
    strict = other > label
    texts = [f"{name}[{k}] {'>' if k > label else '>='} {name}[{label}]" for k in other.tolist()]
    start = np.arange(len(other) + 1)
    return Property(
        f"argmax({name}) == {label}", Csr.of(rows.to_csr()), np.zeros(len(other)), strict, start, tuple(texts)
    )


def prove(
    network: Network,
    box: Box,
    claim: Property,
    *,
    x_name: str = "x",
    prefix: str = "",
    options: Mapping[str, Any] | None = None,
) -> Prove:
    """The question whether a claim holds on one box of inputs. Raises InputError where sizes do not fit."""
    if len(box.lower) not in (1, network.input_size):
        message = f"the box has {len(box.lower)} sides, {network.path} has {network.input_size} inputs"
        raise InputError(message, code="property", hint="give one pair of bounds for each input")
    if claim.outputs != network.output_size:
        message = f"the claim is about {claim.outputs} outputs, {network.path} has {network.output_size}"
        raise InputError(message, code="property", hint="check the network")
    low, high, inner_low, inner_high = (
        np.array(np.broadcast_to(side, (1, network.input_size)))
        for side in (box.lower, box.upper, box.inner_lower, box.inner_upper)
    )
    region = np.zeros(len(claim.texts), np.int64)
    forms = Affine(claim.constant, {output_name(prefix): claim.matrix})
    unsafe = UnsafeSet(
        forms, claim.strict, claim.start, region, low, high, inner_low, inner_high, claim.reading, claim.texts
    )
    return question(network, unsafe, claim.claim, x_name=x_name, prefix=prefix, options=options)


def question(
    network: Network,
    unsafe: UnsafeSet,
    claim: str,
    *,
    x_name: str = "x",
    prefix: str = "",
    options: Mapping[str, Any] | None = None,
) -> Prove:
    """The question whether an unsafe set is empty: the network on the hull of its boxes.

    ``unsafe.forms`` may read the inputs ``x_name`` and the outputs, block ``output_name(prefix)``.
    Raises InputError where sizes do not fit, Refused for rows that say nothing about the scores of a last Softmax.
    """
    outputs = output_name(prefix)
    faults = unsafe.faults({x_name: network.input_size, outputs: network.output_size}, x_name)
    if faults:
        raise InputError(f"a property of {network.path}: {faults[0]}", code="property", hint="check the network")
    unsafe = through_ending(network, unsafe, outputs)
    x = Var.of(x_name, "real", network.input_shape, *unsafe.hull)
    problem = Problem(claim, (x, *network_blocks(network, prefix, x_name)), ledger=network.notes)
    return Prove(problem, unsafe, claim, x_name, outputs, network.path, dict(options or {}))
