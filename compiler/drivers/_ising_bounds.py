"""Two ways to bound an Ising problem: odd cycles (sparse graphs) and semidefinite programs (any), with one face."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from ...ir.protocols import Event, Limits, OpenLp
from ...ir.quadratic.grid import grid
from ...ir.spin_form import SpinForm
from ...ir.spin_proof.grids import lowered
from ...ir.types import FloatArray
from ..search.clock import Clock
from ..spins.odd_cycles import CycleSearch
from ..spins.search import Search, SpinOptions

FINISH = 0.08
"""Part of the time that a semidefinite search keeps for its last node and for putting its proof together."""


@dataclass(frozen=True, eq=False)
class Found:
    """``certificate`` of F <= ``upper``; ``spins`` [N] with F = ``value``. ``exact``: no spins are better."""

    certificate: dict[str, Any]
    upper: Fraction
    spins: FloatArray
    value: float
    exact: bool
    told: str
    history: tuple[tuple[float, float, float], ...] = ()


class Way(Protocol):
    """A search that can be paused: ``run`` yields now and then, ``upper`` and ``spins`` are what it has so far."""

    @property
    def upper(self) -> float:
        """A bound that is near what ``found`` would prove now; inf before there is one."""

    @property
    def spins(self) -> FloatArray:
        """The best spins [N]."""

    def run(self) -> Generator[Event, None, None]:
        """The search."""

    def found(self) -> Found:
        """What is proved now."""


@dataclass(eq=False)
class ByCycles:
    """Odd cycles: ``compiler/spins/odd_cycles.py``."""

    form: SpinForm
    start: FloatArray
    open_lp: OpenLp
    limits: Limits
    search: CycleSearch = field(init=False)

    def __post_init__(self) -> None:
        self.search = CycleSearch.of(self.form, self.start, self.open_lp, self.limits)

    @property
    def upper(self) -> float:
        return self.search.upper

    @property
    def spins(self) -> FloatArray:
        return self.search.spins

    def run(self) -> Generator[Event, None, None]:
        yield from self.search.run()

    def found(self) -> Found:
        result = self.search.result()
        walks, nodes = len(result.proof.multiplier), result.nodes
        tree = f" on a tree of {nodes} nodes" if nodes > 1 else ""
        return Found(result.proof.to_plain(), result.upper, result.spins, result.value, result.exact,
                     f"{walks} odd cycles{tree}", result.history)  # fmt: skip


@dataclass(eq=False)
class ByVectors:
    """Low-rank semidefinite programs, triangle cuts, branch and bound: ``compiler/spins/search.py``."""

    form: SpinForm
    start: FloatArray
    limits: Limits
    search: Search | None = None

    @property
    def upper(self) -> float:
        if self.search is None:
            return np.inf
        found, open_ = -np.inf, [self.search.root]
        while open_:
            node = open_.pop()
            open_ += node.children
            if node.spin < 0:
                found = max(found, node.upper)
        return min(float(found), float(self.search.relaxed.upper))

    @property
    def spins(self) -> FloatArray:
        return self.start[0] if self.search is None else self.search.spins

    def run(self) -> Generator[Event, None, None]:
        yield Event(f"semidefinite bound of {self.form.spins} spins")
        values = grid(self.form)
        left = self.limits.left()
        clock = Clock(self.limits, None if left is None else (1 - FINISH) * left)
        options = SpinOptions(grid=0.0 if values is None else float(values.step), seed=self.limits.seed)
        self.search = Search(self.form, self.start, clock, options)
        yield from self.search.run()

    def found(self) -> Found:
        assert self.search is not None
        result = self.search.result()
        told = "a semidefinite program" if result.nodes == 1 else f"a tree of {result.nodes} semidefinite programs"
        upper = lowered(self.form, result.upper)
        exact = result.exact or upper <= result.value
        return Found(result.tree.to_plain(), upper, result.spins, result.value, exact, told)
