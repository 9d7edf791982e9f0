"""All blocks on one cooling schedule: each call moves its block at the temperature of the whole.

Blocks of a dense problem that are solved to their optimum one after another freeze what the others could still change;
at a common temperature all of them stay free until the end. An annealer gets the present spins and a few sweeps at its
slice of the schedule. Any other device gets its block with random fields of the size of the temperature: for
h_i + e_i, e_i logistic of scale T/2, the optimum of a spin without couplings is distributed as at temperature T
(perturb and optimise: Papandreou and Yuille, ICCV 2011), and with couplings nearly so.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from ...ir.protocols import Event
from ...ir.quadratic.ising_form import IsingForm
from ...ir.types import FloatArray, IntArray, SpinArray
from .device import Device
from .refine import LOW, steps
from .state import State

HOT, COLD = 3.0, 8.0
"""First and last inverse temperature times the median and the low step of a local minimum."""
FIRST, AGAIN = 300, 150
"""Passes of the first cooling, where there are as many, and of every further one."""
REHEATED = 0.15
"""Where in the schedule further coolings begin: what is settled at higher temperatures stays."""
SPARSE, DENSE = 6, 4
"""Sweeps of a call on the schedule."""
DENSE_BLOCK = 50
"""Spins of a call on the schedule of a dense system: its couplings cost an annealer more than its sweeps."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """``betas`` [passes, sweeps], from hot to cold; ``begin`` and ``end``: shares of the time limit that it lies
    between."""

    betas: FloatArray
    begin: float = 0.0
    end: float = 1.0

    @classmethod
    def of(cls, state: State, passes: int, warm: float = 0.0) -> Schedule:
        """By the steps of the energy at a local minimum: below the lowest ones nothing moves any more. ``warm``: which
        share of the way from hot to cold is left out."""
        size = steps(state)
        first, last = HOT / float(np.quantile(size, 0.5)), COLD / float(np.quantile(size, LOW))
        last = max(first, last)
        sweeps = DENSE if state.system.dense else SPARSE
        first *= (last / first) ** warm
        return cls(np.geomspace(first, last, passes * sweeps).reshape(passes, sweeps))

    def parts(self, passes: int, share: float) -> list[Schedule]:
        """The schedule in coolings that make up ``passes`` and ``share`` of the time: itself, then warm ones."""
        sweeps, first = self.betas.shape[1], len(self.betas)
        counts = [first, *[AGAIN] * ((passes - first) // AGAIN)]
        ends = share * np.cumsum([0, *counts]) / sum(counts)
        flat = self.betas.ravel()
        warm = float(flat[0] * (flat[-1] / flat[0]) ** REHEATED)
        again = np.geomspace(warm, flat[-1], AGAIN * sweeps).reshape(AGAIN, sweeps)
        return [Schedule(again if k else self.betas, float(ends[k]), float(ends[k + 1])) for k in range(len(counts))]

    def next(self, done: int, device: Device) -> int:
        """The pass that comes after ``done`` of them: a later one where the clock is ahead."""
        limits, passes = device.limits, len(self.betas)
        if not limits.timeout:
            return done if limits.timeout is None else passes
        used = 1 - (limits.left() or 0.0) / limits.timeout
        return max(done, int(passes * (used - self.begin) / (self.end - self.begin)))


def cooled(
    state: State, schedule: Schedule, device: Device, rng: np.random.Generator
) -> Generator[Event, None, tuple[SpinArray, bool]]:
    """The best spins at the end of any pass, and whether the clock cut passes out. ``state`` keeps the last ones."""
    best, least, done, hurried = state.spins.copy(), state.energy, 0, False
    passes = len(schedule.betas)
    while True:
        chosen = schedule.next(done, device)
        hurried |= chosen > done
        if chosen >= passes or device.over:
            return best, hurried or device.limits.over
        for block in state.blocks(state.shuffled(rng)):
            move(state, block, schedule.betas[chosen], device, rng)
        done = chosen + 1
        if done % 16 == 0:
            state.settle()
        if state.energy < least:
            best, least = state.spins.copy(), state.energy
        yield Event(f"{device.calls} calls, energy {least:.6g}", done, passes)


def move(state: State, block: IntArray, betas: FloatArray, device: Device, rng: np.random.Generator) -> None:
    """One call; its first sample is taken."""
    if device.over:
        return
    form = state.cut(block)
    if device.anneals:
        found = device.sample(form, 1, state.spins[block], betas)
    else:
        found = device.sample(perturbed(form, 1 / float(betas[len(betas) // 2]), rng), 1)
    if len(found):
        state.put(block, found[0])


def perturbed(form: IsingForm, temperature: float, rng: np.random.Generator) -> IsingForm:
    """With random fields, logistic of scale T/2."""
    return replace(form, h=form.h + rng.logistic(0.0, temperature / 2, form.size))
