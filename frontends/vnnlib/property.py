"""The question whether a network has an input in the unsafe set of a VNN-LIB file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from ...ir.affine import Affine
from ...ir.blocks import Var
from ...ir.errors import Diagnostic, InputError, Refused, Span
from ...ir.ledger import Ledger, Note
from ...ir.operators.csr import Csr
from ...ir.problem import Problem
from ...ir.tasks import Prove
from ...ir.unsafe import UnsafeSet
from ..networks.network import Network, network_blocks, output_name
from ..networks.through_ending import through_ending
from .declarations import Tensor
from .query import Query


def prove_vnnlib(
    network: Network,
    query: Query,
    *,
    reals: bool = False,
    x_name: str = "x",
    prefix: str = "",
    options: Mapping[str, Any] | None = None,
) -> Prove:
    """The question as a task: ``sat`` means that an input in the unsafe set exists.

    Version 2.0 declares element types. ``Real`` asks about real arithmetic on the stored weights, which is what an
    ``unsat`` here is about. ``float32`` asks about float32 arithmetic: such a query is refused unless ``reals`` says
    that an answer about real arithmetic will do, as the standard demands. Other types fit no network that is read.

    Raises :class:`InputError` where sizes or shapes do not fit the network, :class:`Refused` for element types and
    for rows that say nothing about the scores of a last Softmax.
    """
    faults = [
        *fit(query.path, "input", query.inputs, network.input_shape, network.path),
        *fit(query.path, "output", query.outputs, network.output_shape, network.path),
    ]
    if faults:
        raise InputError(faults)
    check_elements(query, network, reals)
    unsafe = through_ending(network, unsafe_set(query, x_name, output_name(prefix)), output_name(prefix))
    claim = f"no input satisfies {Path(query.path).name}"
    x = Var.of(x_name, "real", network.input_shape, *unsafe.hull)
    problem = Problem(claim, (x, *network_blocks(network, prefix, x_name)), ledger=(*network.notes, *notes(query)))
    return Prove(problem, unsafe, claim, x_name, output_name(prefix), network.path, dict(options or {}))


def notes(query: Query) -> Ledger:
    """What was rounded in the property."""
    if not query.rounded:
        return ()
    text = "constants of rows with more digits than a float64 tells, rounded so that the unsafe set grows"
    return (Note("vnnlib", text, Path(query.path).name, query.rounded, 2.0**-52, "of the number", loss=True),)


def unsafe_set(query: Query, inputs: str, outputs: str) -> UnsafeSet:
    """The query's cases over blocks of those names."""
    n = query.inputs.size
    rows = query.matrix.shape[0]
    padded = sparse.vstack([query.matrix, sparse.csr_array((1, query.matrix.shape[1]))], format="csr")
    matrix = sparse.csr_array(padded[np.where(query.row < 0, rows, query.row)])
    parts = {outputs: Csr.of(matrix[:, n:])}
    if (mixed := Csr.of(matrix[:, :n])).nnz:
        parts[inputs] = mixed
    return UnsafeSet(
        Affine(query.constant, parts), query.strict, query.start, query.region, query.lower, query.upper,
        query.inner_lower, query.inner_upper, "decimal", query.texts,
    )  # fmt: skip


def fit(path: str, role: str, tensor: Tensor, shape: tuple[int, ...], network: str) -> list[Diagnostic]:
    """What does not fit: the number of elements, or, in 2.0, the shape up to dimensions of 1."""
    size = int(np.prod(shape, dtype=np.int64))
    if tensor.scalars and tensor.size != size:
        message = f"{tensor.size} {role}s are declared, {network} has {size}"
    elif not tensor.scalars and [k for k in tensor.shape if k != 1] != [k for k in shape if k != 1]:
        message = f"{role} {tensor.name} has shape {list(tensor.shape)}, that of {network} has {list(shape)}"
    else:
        return []
    return [Diagnostic("vnnlib", message, Span(path), "check that the property belongs to this network")]


def check_elements(query: Query, network: Network, reals: bool) -> None:
    """Raise :class:`Refused` for declared element types that the answer would not be about."""
    for tensor in (query.inputs, query.outputs):
        if tensor.element == "Real" or (tensor.element == "float32" and reals):
            continue
        if tensor.element == "float32":
            message = f"{tensor.name} is declared float32, and unsat is about real arithmetic here"
            hint = "declare it Real, or state that real arithmetic will do (--reals)"
        else:
            message = f"{tensor.name} is declared {tensor.element}, {network.path} computes in float32"
            hint = "declare it Real"
        raise Refused(Diagnostic("vnnlib-element", message, Span(query.path), hint))
