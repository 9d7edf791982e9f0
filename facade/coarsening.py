"""Samplers of few spins on larger problems: ``method = coarsen``. Part of the facade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..ir.errors import UsageError
from ..ir.problem import Problem
from ..ir.protocols import Limits
from ..ir.samples import Samples

if TYPE_CHECKING:
    from ..api import Progress


def coarsened(solver: Any = "neal", **options: Any) -> Any:
    """A sampler for problems larger than ``solver`` takes, wherever a solver is asked for: signed coarsening, block
    re-solves, blocks on a common cooling schedule. ``options``: ``budget`` (spins of a call, 100), ``calls``, ``mode``,
    ``matching``, ``reads``, as :class:`isinglass.compiler.drivers.coarsen.Coarsen` says."""
    from ..api import make_solver
    from ..compiler.drivers.coarsen import Coarsen

    return Coarsen(make_solver(solver)[0], **options)


def chosen_solver(options: Mapping[str, Any]) -> tuple[Any, str]:
    """The solver that options ask for, and its name. Raises :class:`UsageError` for what does not fit together."""
    from ..api import make_solver

    if options.get("method") == "coarsen":
        chosen, name = make_solver(options.get("solver", "neal"))
        given = {key: options[key] for key in ("budget", "calls", "reads") if key in options}
        return coarsened(chosen, **given), f"coarsen with {name}"
    if {"budget", "calls"} & set(options):
        raise UsageError("budget and calls are for method = coarsen")
    return make_solver(options.get("solver", "highs"))


def sample(solver: Any, problem: Problem, limits: Limits, progress: Progress | None) -> Samples:
    """What a solver finds; solvers that are loops tell how they go on."""
    loop = hasattr(solver, "run")
    found: Samples = played(solver.run(problem, limits), progress) if loop else solver.solve(problem, limits)
    return found


def played(loop: Any, progress: Progress | None) -> Any:
    """What a loop returns, its events told on the way."""
    while True:
        try:
            event = next(loop)
        except StopIteration as end:
            return end.value
        if progress:
            progress(event)
