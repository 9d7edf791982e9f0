"""Claims about a network's outputs, and the task that asks for their proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir.blocks import Poly, Var
from ...ir.errors import InputError
from ...ir.operators.csr import Csr
from ...ir.operators.gather import Gather
from ...ir.problem import Problem
from ...ir.tasks import Prove
from ...ir.terms.linear import Linear
from ...ir.types import FloatArray
from .box import Box
from .network import Network, network_blocks, output_name


@dataclass(frozen=True, eq=False)
class Unsafe:
    """One way to break a claim: ``matrix`` [m, outputs] y + ``constant`` [m] >= 0 in all rows.

    Rows marked in ``strict`` [m] need > 0. ``text`` names the case; ``reading`` says what the floats mean.
    """

    matrix: Csr
    constant: FloatArray
    strict: tuple[bool, ...]
    text: str
    reading: str = "simplest"


@dataclass(frozen=True, eq=False)
class Property:
    """``claim`` in the user's words; it is broken where any of ``unsafe`` holds."""

    claim: str
    unsafe: tuple[Unsafe, ...]
    outputs: int


def argmax_is(outputs: int, label: int, name: str = "y") -> Property:
    """``argmax(y) == label``, where argmax gives the lowest index of the greatest outputs.

    An earlier output breaks the claim when it is as great, a later one only when it is greater.
    """
    if not 0 <= label < outputs:
        raise InputError(f"label {label} of {outputs} outputs", code="property", hint=f"labels are 0 to {outputs - 1}")
    cases = []
    for other in (k for k in range(outputs) if k != label):
        row = Gather(np.array([other]), np.ones(1), outputs).plus(Gather(np.array([label]), -np.ones(1), outputs))
        strict = other > label
        text = f"{name}[{other}] {'>' if strict else '>='} {name}[{label}]"
        cases.append(Unsafe(Csr.of(row.to_csr()), np.zeros(1), (strict,), text))
    return Property(f"argmax({name}) == {label}", tuple(cases), outputs)


def prove(
    network: Network,
    box: Box,
    claim: Property,
    *,
    x_name: str = "x",
    prefix: str = "",
    options: Mapping[str, Any] | None = None,
) -> Prove:
    """The question whether a claim holds on a box of inputs. Raises InputError where sizes do not fit.

    The task's options carry the inner box as ``inner-lower`` and ``inner-upper``: a counterexample has to lie in it.
    """
    if len(box.lower) not in (1, network.input_size):
        message = f"the box has {len(box.lower)} sides, {network.path} has {network.input_size} inputs"
        raise InputError(message, code="property", hint="give one pair of bounds for each input")
    if claim.outputs != network.output_size:
        message = f"the claim is about {claim.outputs} outputs, {network.path} has {network.output_size}"
        raise InputError(message, code="property", hint="check the network")
    outputs = output_name(prefix)
    x = Var.of(x_name, "real", network.input_shape, spread(network, box.lower), spread(network, box.upper))
    blocks = (x, *network_blocks(network, prefix, x_name))
    inner = {"inner-lower": spread(network, box.inner_lower), "inner-upper": spread(network, box.inner_upper)}
    unsafe = tuple(
        Poly(case.text, "constraint", (Linear(outputs, case.matrix),), case.constant, reading=case.reading)
        for case in claim.unsafe
    )
    return Prove(
        Problem(claim.claim, blocks), unsafe, tuple(case.strict for case in claim.unsafe), claim.claim, x_name, outputs,
        network.path, {**inner, **(options or {})},
    )  # fmt: skip


def spread(network: Network, side: FloatArray) -> FloatArray:
    """One side for all inputs, or one each."""
    return np.array(np.broadcast_to(side, (network.input_size,)))
