"""Bounds at the roots improved by tilts that a certificate brings along."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import numpy as np

from ..case_tree import Layer, fault
from ..types import AnyArray, FloatArray, IntArray
from .backward import Pass, State
from .bounds import entries, fresh
from .network import Network
from .numbers import Bounds
from .relaxation import relax


def improved(network: Network, state: State, layers: tuple[Layer, ...]) -> State:
    """The bounds of B roots after all layers. Raises InputError where a layer does not fit the network."""
    for number, layer in enumerate(layers):
        fitting(network, layer)
        if number:
            state = fresh(network, state.bounds)
        low, high = state.bounds[layer.block]
        low, high = low.copy(), high.copy()
        for root in range(len(low)):
            found = two_sided(network, state.pick(np.array([root])), layer)
            low[root, layer.rows] = np.maximum(low[root, layer.rows], found[0])
            high[root, layer.rows] = np.minimum(high[root, layer.rows], found[1])
        state.bounds[layer.block] = low, high
    return fresh(network, state.bounds)


def digest(layers: tuple[Layer, ...]) -> bytes:
    """The same for the same layers."""
    found = sha256()
    for layer in layers:
        found.update(repr((layer.block, layer.rows.shape)).encode() + layer.rows.tobytes())
        for side in (layer.lower, layer.upper):
            for name, tilts in [("", np.zeros((0, 0))), *side.items()]:
                found.update(repr((name, tilts.shape, tilts.dtype.str)).encode() + tilts.tobytes())
    return found.digest()


def fitting(network: Network, layer: Layer) -> None:
    """Names and sizes against the network."""
    if network.place.get(layer.block, -1) < 0 or not len(layer.rows):
        raise fault("a layer bounds no block that is computed")
    if ((layer.rows < 0) | (layer.rows >= network.sizes[layer.block])).any():
        raise fault("a layer bounds elements that there are not")
    if len(np.unique(layer.rows)) < len(layer.rows):
        raise fault("a layer bounds an element twice")
    functions = {fn.output for fns in network.read_by.values() for fn in fns}
    for side in (layer.lower, layer.upper):
        for name, tilts in side.items():
            shapes = [(count, network.sizes.get(name, -1)) for count in (1, len(layer.rows))]
            if name not in functions or tilts.shape not in shapes:
                raise fault(f"a layer's tilts of {name!r} do not fit")


def two_sided(network: Network, state: State, layer: Layer) -> Bounds:
    """Lower and upper bounds [E] of a layer's elements on one box."""
    return -one_sided(network, state, layer, layer.lower, -1.0), one_sided(network, state, layer, layer.upper, 1.0)


def one_sided(
    network: Network, state: State, layer: Layer, tilts: Mapping[str, AnyArray], sign: float
) -> FloatArray:
    """Upper bounds [E] of ``sign`` times the elements."""
    own = any(len(tilt) > 1 for tilt in tilts.values())
    size = max(1, entries(network) // network.width)
    cuts = [np.arange(k, min(k + size, len(layer.rows))) for k in range(0, len(layer.rows), size)]
    return np.concatenate([one_cut(network, state, layer, tilts, sign, cut, own) for cut in cuts])


def one_cut(
    network: Network, state: State, layer: Layer, tilts: Mapping[str, AnyArray], sign: float, cut: IntArray, own: bool
) -> FloatArray:
    """Where rows have tilts of their own, each is a box of its own, with the bounds that all share."""
    relaxed = dict(state.relaxed)
    for name, tilt in tilts.items():
        mine = np.asarray(tilt if len(tilt) == 1 else tilt[cut], np.float64)
        if name in relaxed:
            relaxed[name] = relax(relaxed[name].fn, state.bounds, state.toll, mine)
    run = Pass(network, State(state.bounds, state.toll, relaxed, state.tiny), network.place[layer.block])
    index = layer.rows[cut][:, None] if own else layer.rows[cut][None]
    run.unit_rows(layer.block, index, np.full(index.shape, sign))
    return np.broadcast_to(run.most(), index.shape).ravel()
