"""What the arguments of a network's units may be over the box of its inputs, for Lipschitz constants local to it.

guarantee: every argument lies in its range, in real arithmetic, for every input in the box; found by intervals forth
and linear bounds back (``ir/linear_proof``), nothing is taken from a certificate
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..linear_proof.bounds import fresh
from ..linear_proof.network import Network
from ..slope_reader import needed, unit_blocks
from ..tasks import Bound
from ..types import FloatArray

Ranges = tuple[FloatArray, FloatArray]


def boxed(task: Bound) -> bool:
    """Whether the constants are local: all bounds of the inputs are finite."""
    var = task.problem.var(task.inputs)
    return bool(np.isfinite(var.lower).all() and np.isfinite(var.upper).all())


def own_ranges(task: Bound) -> Ranges:
    """Ranges [F] of the units' arguments, in the units' order; infinite where nothing is known."""
    blocks = unit_blocks(task, needed(task))
    units = sum(size for _, _, size in blocks)
    low, high = np.full(units, -np.inf), np.full(units, np.inf)
    network = Network.of(task.problem, task.inputs) if boxed(task) else None
    if network is None:
        return low, high
    var = task.problem.var(task.inputs)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        bounds = fresh(network, {task.inputs: (var.lower[None], var.upper[None])}).bounds
    args = {fn.output: fn.args[0] for fn in task.problem.fns.values()}
    for name, first, size in blocks:
        ends = bounds[args[name].variable]
        low[first : first + size], high[first : first + size] = (args[name].pick(side)[0] for side in ends)
    return low, high


def confirmed(task: Bound, claimed: Ranges, own: Ranges | None = None) -> Ranges:
    """The hull of ranges that were claimed and of those found here (``own``, where they are known already).

    Raises :class:`InputError` where they are about another number of units.
    """
    low, high = own_ranges(task) if own is None else own
    if any(side.shape != low.shape for side in claimed):
        raise InputError(f"ranges of {len(claimed[0])} units for a network of {len(low)}", code="certificate")
    return np.minimum(low, claimed[0]), np.maximum(high, claimed[1])
