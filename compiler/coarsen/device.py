"""The device: any sampler, given Ising problems of at most so many spins. Calls and the largest problem are counted."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from ...ir.errors import Refused
from ...ir.protocols import Limits
from ...ir.quadratic.ising_form import IsingForm
from ...ir.types import FloatArray, SpinArray


class Device:
    """``solver``: has ``sample_ising`` (``ir/protocols.py``). ``calls``, ``largest`` (spins) and ``seconds`` count up.

    ``most``: calls that may be made (0: any number). ``fast``: whether states use compiled kernels (None: by size).
    """

    def __init__(self, solver: Any, budget: int, limits: Limits, most: int = 0) -> None:
        self.solver, self.budget, self.limits, self.most = solver, budget, limits, most
        self.anneals = bool(getattr(solver, "anneals", False))
        self.fast: bool | None = None
        self.rng = np.random.default_rng(limits.seed)
        self.calls, self.largest, self.seconds = 0, 0, 0.0

    @property
    def over(self) -> bool:
        """Whether time or calls are used up."""
        return bool(self.most and self.calls >= self.most) or self.limits.over

    def sample(
        self, form: IsingForm, reads: int, start: SpinArray | None = None, betas: FloatArray | None = None
    ) -> SpinArray:
        """Spins [B, k]; B may be 0. Raises :class:`Refused` for what comes back in another shape."""
        if form.size > self.budget:
            raise Refused(f"a block of {form.size} spins for a device of {self.budget}", code="budget")
        begun = perf_counter()
        limits = replace(self.limits, reads=reads, seed=int(self.rng.integers(2**62)))
        found = np.asarray(self.solver.sample_ising(form, limits, start, betas))
        if found.ndim != 2 or found.shape[1] != form.size:
            raise Refused(f"{form.size} spins asked for, samples of shape {found.shape} returned", code="solver")
        self.calls, self.largest = self.calls + 1, max(self.largest, form.size)
        self.seconds += perf_counter() - begun
        return found
