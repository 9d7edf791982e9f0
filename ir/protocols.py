"""What a driver may be given. The facade builds these tools from ``backends``; drivers see only the protocols."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from .errors import UsageError
from .problem import Problem
from .quadratic.ising_form import IsingForm
from .samples import Samples
from .types import BoolArray, FloatArray, SpinArray


@dataclass(frozen=True)
class Limits:
    """Seconds from the start (None: no limit), seed, and reads wanted from a sampler.

    Raises :class:`UsageError` for a negative time or seed, and for less than one read.
    """

    timeout: float | None = None
    seed: int = 0
    reads: int = 100
    started: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        if self.timeout is not None and not self.timeout >= 0:
            raise UsageError(f"timeout = {self.timeout}: seconds are 0 or more")
        for name, least in (("seed", 0), ("reads", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} = {getattr(self, name)}: at least {least}")

    def left(self) -> float | None:
        """Seconds that remain; 0 when the time is over, None without a limit."""
        return None if self.timeout is None else max(0.0, self.timeout - (monotonic() - self.started))

    @property
    def over(self) -> bool:
        return self.timeout is not None and self.left() == 0.0


class Sampler(Protocol):
    """Returns samples of a problem; proves nothing unless ``complete``."""

    complete: bool

    def solve(self, problem: Problem, limits: Limits) -> Samples:
        """Samples of all variables of ``problem``."""


class IsingSampler(Protocol):
    """Samples an Ising energy that is given as arrays; proves nothing."""

    def sample_ising(
        self, form: IsingForm, limits: Limits, start: SpinArray | None = None, betas: FloatArray | None = None
    ) -> SpinArray:
        """Spins [B, n], best first; ``start`` [n] and inverse temperatures ``betas`` may be ignored."""


@dataclass(frozen=True, eq=False)
class LpResult:
    """``status``: optimal, infeasible, unbounded or limit. ``x`` [n], ``dual`` [m] row multipliers (sign of the row's
    shadow price for a minimum), ``ray`` [m] Farkas multipliers of an infeasible system; None where not available."""

    status: str
    value: float
    x: FloatArray | None = None
    dual: FloatArray | None = None
    ray: FloatArray | None = None


class LpSession(Protocol):
    """A linear program that keeps its basis between solves. Its numbers are hints until re-checked."""

    def set_cost(self, cost: FloatArray) -> None:
        """New objective [n], minimised."""

    def set_bounds(self, lower: FloatArray, upper: FloatArray) -> None:
        """New variable bounds [n]."""

    def add_rows(self, matrix: Any, row_lower: FloatArray, row_upper: FloatArray) -> None:
        """Further rows [k, n] (csr) below the others; the basis is kept."""

    def remove_rows(self, gone: BoolArray) -> None:
        """Without the rows of a mask [m]; those that follow move up, the basis is kept."""

    def solve(self, seconds: float | None = None) -> LpResult:
        """Solve from the last basis."""


OpenLp = Callable[[Any, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray], LpSession]
"""``open_lp(matrix csr, row_lower, row_upper, lower, upper, cost)``."""


class Runner(Protocol):
    """A network in the reference runtime: inputs float32 [B, n] to outputs float32 [B, k]."""

    def __call__(self, x: FloatArray) -> FloatArray:
        """Outputs for a batch of flattened inputs."""


@dataclass(frozen=True)
class Event:
    """Progress of a driver: ``done`` of ``total`` (None: unknown), and a few words; ``bracket``: what is proved so far
    of a quantity, from below and from above."""

    text: str
    done: float = 0.0
    total: float | None = None
    bracket: tuple[float, float] | None = None
