"""V-cycles: the system is coarsened so that its present spins survive, and every level re-solves blocks on the way up.

Spins are merged only as they stand to each other now (s_i = s_i s_j s_j), so each coarse system holds the present state
at the present energy, and a level can only lower it. A block of coarse spins is a cluster move of many fine ones. The
embedding starts at random, so that clusters differ from cycle to cycle (iterated multilevel refinement: Walshaw, Annals
of Operations Research 131, 2004, there for graph partitioning).
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ...ir.protocols import Event
from ...ir.types import SpinArray
from .device import Device
from .levels import Level, contract
from .matching import Merge, agreeing, embedding, inherited
from .refine import refine
from .state import State
from .system import System

RANK, SWEEPS = 4, 10
"""Dimensions and steps of the embedding in cycles; coarser levels inherit it."""
STALE = 0.95
"""A cycle goes no deeper where a level keeps more than this share of its spins."""


def regauged(system: System, spins: SpinArray) -> System:
    """The system over s_i' = s_i * spins_i, in which the present state is all ones."""
    s = spins.astype(np.float64)
    if system.dense:
        return System(system.offset, system.fields * s, system.matrix * s[:, None] * s)
    csr = system.csr.copy()
    row = np.repeat(np.arange(system.size), np.diff(csr.indptr))
    csr.data = csr.data * s[row] * s[csr.indices]
    return System(system.offset, system.fields * s, csr)


def upward(
    levels: list[Level], state: State, device: Device, rng: np.random.Generator, sweeps: int, reads: int
) -> Generator[Event, None, SpinArray]:
    """From the coarsest state up: a pass of block re-solves on each level. Spins of the finest system."""
    yield from refine(state, device, rng, sweeps, reads)
    for level in reversed(levels):
        state = State(level.fine, level.lift(state.spins), device.budget, device.fast)
        yield from refine(state, device, rng, sweeps, reads)
    return state.spins


def cycle(
    system: System, spins: SpinArray, device: Device, rng: np.random.Generator, sweeps: int, reads: int
) -> Generator[Event, None, SpinArray]:
    """Spins that are no worse, up to rounding."""
    gauged = regauged(system, spins)
    levels: list[Level] = []
    coarse, vectors = gauged, embedding(gauged, rng, RANK, SWEEPS)
    while coarse.size > device.budget:
        merge = agreeing(coarse, vectors, rng)
        if merge.count > STALE * coarse.size:
            break
        levels.append(contract(coarse, merge))
        coarse = levels[-1].coarse
        vectors = inherited(vectors, merge)
    state = State(coarse, np.ones(coarse.size, np.int8), device.budget, device.fast)
    found = yield from upward(levels, state, device, rng, sweeps, reads)
    return np.asarray(found * spins, dtype=np.int8)


def combined(
    system: System, spins: SpinArray, other: SpinArray, device: Device, rng: np.random.Generator, sweeps: int,
    reads: int,
) -> Generator[Event, None, SpinArray]:  # fmt: skip
    """The best of two states and of what lies between: spins that are coupled and stand to each other alike in both are
    merged, and a cycle runs over these clusters (Houdayer and Martin, Physical Review Letters 83, 1999). Never worse
    than ``spins``."""
    alike = spins * other
    indptr, column, _ = system.rows
    row = np.repeat(np.arange(system.size), np.diff(indptr))
    same = alike[row] == alike[column]
    graph = sparse.csr_array((same[same], (row[same], column[same])), shape=(system.size, system.size))
    count, parent = connected_components(graph, directed=False)
    level = contract(system, Merge(parent.astype(np.int64), spins, count))
    found = yield from cycle(level.coarse, np.ones(count, np.int8), device, rng, sweeps, reads)
    return level.lift(found)
