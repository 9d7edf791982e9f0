"""Local re-solves: the device gets blocks of spins, its answer is taken where the energy is no worse.

Blocks begin where flipping pays most: gain_i = s_i (h + J s)_i, half of what flipping spin i alone lowers the energy by
(HiQ-Lip's gain lacks the sign of the couplings). In a local minimum all gains are <= 0 and the greatest ones mark the
spins that are held least. Noise on the gains makes blocks differ from pass to pass.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from ...ir.protocols import Event
from ...ir.types import FloatArray, IntArray
from .device import Device
from .state import State, energies

HOT, COLD = 3.0, 8.0
"""Inverse temperatures of a re-solve times the median and the low step of the energy."""
LOW = 0.1
"""Which quantile of the steps is low."""
NOISE = 1.0
"""Noise on gains, in median local fields."""


def steps(state: State) -> FloatArray:
    """What single flips change the energy by, in size, ascending; flips that change nothing are left out."""
    size = np.abs(2 * state.local)
    top = float(size.max(initial=0.0))
    size = np.sort(size[size > 1e-9 * top])
    return size if size.size else np.ones(1)


def window(state: State, sweeps: int, hot: float = HOT, cold: float = COLD) -> FloatArray:
    """Inverse temperatures [sweeps] from where spins move to where they stand still, by the steps at hand."""
    size = steps(state)
    first, last = hot / float(np.quantile(size, 0.5)), cold / float(np.quantile(size, LOW))
    return np.geomspace(first, max(first, last), sweeps)


def by_gain(state: State, rng: np.random.Generator) -> IntArray:
    """All spins, those of greatest gain first, with noise."""
    gain = state.spins * state.local
    scale = float(np.median(np.abs(state.local))) if gain.size else 0.0
    return np.argsort(-(gain + NOISE * scale * rng.normal(size=gain.size)), kind="stable")


def refine(
    state: State, device: Device, rng: np.random.Generator, sweeps: int, reads: int
) -> Generator[Event, None, bool]:
    """One pass over all blocks; whether the energy fell. It never rises."""
    before = state.energy
    betas = window(state, sweeps) if device.anneals else None
    for block in state.blocks(by_gain(state, rng)):
        if device.over:
            break
        form, old = state.cut(block), state.spins[block]
        found = device.sample(form, reads, old, betas)
        if not len(found):
            continue
        energy = energies(form, np.concatenate([found, old[None]]))
        best = int(energy[:-1].argmin())
        if energy[best] <= energy[-1]:
            state.put(block, found[best])
            yield Event(f"{device.calls} calls, energy {state.energy:.6g}")
    return state.energy < before - 1e-9 * abs(before)
