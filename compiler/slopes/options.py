"""Options of the search for upper bounds on slope forms, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.slope_tree import SlopeTree
from ...ir.types import FloatArray


@dataclass(frozen=True)
class SlopeOptions:
    """``gap``: the relative distance at which a bracket is closed; ``nodes``: most nodes; ``seed`` of all that is
    drawn.

    ``rank``: length of the vectors, ``root_rank`` and ``root_sweeps`` for the root. Each step splits ``batch`` nodes:
    on each, ``candidates`` units are tried for ``probe`` sweeps; children get ``sweeps`` more, doubled up to
    ``rounds`` times while their bound is further than ``slack``, relatively, from their vectors' value. ``noise``:
    disturbance of vectors taken over from the parent, which lets them leave saddles.
    """

    seed: int = 0
    gap: float = 1e-7
    nodes: int = 100_000
    rank: int = 8
    root_rank: int = 12
    root_sweeps: int = 400
    batch: int = 4
    candidates: int = 3
    probe: int = 4
    sweeps: int = 12
    rounds: int = 3
    slack: float = 6e-3
    noise: float = 0.1


@dataclass(frozen=True, eq=False)
class SlopeResult:
    """``tree`` proves ``upper``, as the checker's own arithmetic says; ``pattern`` [F] has at least ``value``.

    ``nodes`` were bounded; ``exact``: upper and value agree to the gap that was asked for.
    """

    tree: SlopeTree
    upper: float
    pattern: FloatArray
    value: float
    nodes: int
    exact: bool
