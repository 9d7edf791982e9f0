"""Bounds of all blocks of a network over batches of boxes: intervals forth, linear bounds back for what is undecided.

For ``z = A y + c`` with |y| <= R, ``gamma |z's weights| . (|A| R + |c|)`` bounds the rounding of a step back through
it, so a vector ``toll = gamma (|A| R + |c|)`` per block is all that a pass has to carry; see ``backward.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..blocks import Fn
from ..types import BoolArray, FloatArray, IntArray
from .backward import Pass, State
from .network import Network, Sum, name_of
from .numbers import SLACK, TINY, UNIT, Bounds, ball, gamma, reach
from .relaxation import function_bounds, function_undecided, relax

ENTRIES = 1 << 17
"""About as many coefficients are carried at once: they should stay in the cache."""
ROWS = 256
"""Rows that are carried at once, however wide they are."""


def fresh(network: Network, known: Mapping[str, Bounds], improve: bool = True) -> State:
    """Bounds of all blocks from those in ``known`` (of the inputs, and of others to be met), each [B, n].

    With ``improve``, arguments of functions that are undecided get linear bounds.
    """
    lower, upper = known[network.inputs]
    state = State({network.inputs: (lower, upper)}, tiny=tiny(network, (lower, upper)))
    for step in network.steps:
        name = name_of(step)
        if isinstance(step, Fn):
            if improve:
                refine_arguments(network, state, step)
            state.bounds[name] = met(function_bounds(step, state.bounds), known.get(name))
            state.relaxed[name] = relax(step, state.bounds, state.toll, None)
        else:
            found = interval(step, state)
            state.bounds[name] = met(found, known.get(name))
        state.tiny = state.tiny + tiny(network, state.bounds[name])
    return state


def met(found: Bounds, known: Bounds | None) -> Bounds:
    """The bounds that both say; what is no number says nothing."""
    low = np.where(np.isnan(found[0]), -np.inf, found[0])
    high = np.where(np.isnan(found[1]), np.inf, found[1])
    return (low, high) if known is None else (np.maximum(low, known[0]), np.minimum(high, known[1]))


def interval(step: Sum, state: State) -> Bounds:
    """Bounds of a sum, rounded outward; notes its toll.

    A m for the centres and |A| r for the radii are together off by gamma (|A| (|m| + r) + |c|) at the most, which is
    gamma S with S = |A| R + |c|, since |m| + r = R but for an ulp; the quotient is off by two units.
    """
    batch = max(len(state.bounds[name][0]) for name in step.parts) if step.parts else len(state.tiny)
    middle = np.tile(step.offset, (batch, 1))
    spread, size = np.zeros_like(middle), np.tile(np.abs(step.offset), (batch, 1))
    factor = gamma(step.terms) * SLACK
    with np.errstate(over="ignore", invalid="ignore"):
        for name, matrix in step.parts.items():
            centre, radius = ball(state.bounds[name])
            middle += matrix.forward(centre)
            both = matrix.magnitude(np.concatenate([radius, reach(state.bounds[name])]))
            spread += both[: len(radius)]
            size += both[len(radius) :]
        error = np.nextafter(factor * size + 2 * state.tiny[:, None], np.inf)
        radius = np.nextafter(spread + error, np.inf)
        low, high = np.nextafter(middle - radius, -np.inf), np.nextafter(middle + radius, np.inf)
        if step.divisor is not None:
            size = size / np.abs(step.divisor)
            ends = low / step.divisor, high / step.divisor
            slack = 4 * UNIT * np.maximum(np.abs(ends[0]), np.abs(ends[1])) + TINY
            low, high = np.minimum(*ends) - slack, np.maximum(*ends) + slack
            low, high = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
        state.toll[step.name] = factor * size
    return low, high


def tiny(network: Network, bounds: Bounds) -> FloatArray:
    """What underflow may add to a pass by products with coefficients of one block: [B]."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray((network.width + 4096) * TINY * (1 + reach(bounds).sum(axis=1)))


def refine_arguments(network: Network, state: State, fn: Fn) -> None:
    """Linear bounds of the arguments of a function, where it is undecided."""
    names = [name for name in dict.fromkeys(arg.variable for arg in fn.args) if name in network.improvable]
    if not names:
        return
    box, place = np.nonzero(function_undecided(fn, state.bounds))
    for name in names:
        wanted = np.zeros(state.bounds[name][0].shape, dtype=np.bool_)
        for arg in fn.args:
            if arg.variable == name:
                wanted[box, place if arg.index is None else arg.index[place]] = True
        refine(network, state, name, wanted)


def refine(network: Network, state: State, name: str, wanted: BoolArray) -> None:
    """Linear bounds of the ``wanted`` elements [B, n] of a block, met with what is known."""
    lower, upper = state.bounds[name]
    wanted &= lower < upper
    counts = wanted.sum(axis=1)
    order = np.argsort(counts, kind="stable")
    order = order[np.searchsorted(counts[order], 1) :]  # boxes with something to do, the few first
    for group in groups(counts[order], network):
        boxes = order[group]
        most = int(counts[boxes[-1]])
        index = np.argsort(~wanted[boxes], axis=1, kind="stable")[:, :most]
        low, high = two_sided(network, state.pick(boxes), name, index)
        at = boxes[:, None], index
        lower[at], upper[at] = np.maximum(lower[at], low), np.minimum(upper[at], high)


def entries(network: Network) -> int:
    """How many coefficients are carried at once."""
    return max(ENTRIES, ROWS * network.width)


def groups(counts: IntArray, network: Network) -> list[slice]:
    """Cuts of boxes with rising numbers of rows, two for each element."""
    found, begin = [], 0
    while begin < len(counts):
        cost = np.arange(1, len(counts) - begin + 1) * counts[begin:] * 2 * network.width
        end = begin + max(1, int(np.searchsorted(cost, entries(network), side="right")))
        found.append(slice(begin, end))
        begin = end
    return found


def two_sided(network: Network, state: State, name: str, index: IntArray) -> Bounds:
    """Linear bounds of elements ``index`` [B, M] of a block, each [B, M]; rows are cut where they are many."""
    size = max(1, entries(network) // (2 * network.width * len(index)))
    parts = [one_cut(network, state, name, index[:, k : k + size]) for k in range(0, index.shape[1], size)]
    return np.concatenate([low for low, _ in parts], axis=1), np.concatenate([high for _, high in parts], axis=1)


def one_cut(network: Network, state: State, name: str, index: IntArray) -> Bounds:
    run = Pass(network, state, network.place[name])
    ones = np.ones(index.shape)
    run.unit_rows(name, np.concatenate([index, index], axis=1), np.concatenate([ones, -ones], axis=1))
    most = run.most()
    return -most[:, index.shape[1] :], most[:, : index.shape[1]]
