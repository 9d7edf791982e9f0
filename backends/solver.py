"""What every solver (a file in ``backends/solvers/``) offers; solvers from their text or from any sampler object."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..ir.errors import Refused, UsageError
from ..ir.problem import Problem
from ..ir.protocols import Limits
from ..ir.quadratic.ising_form import IsingForm
from ..ir.registry import Registry
from ..ir.rule_text import make, with_options
from ..ir.samples import Samples
from ..ir.types import FloatArray, SpinArray
from .ising_problem import ising_problem

SOLVERS = Registry("isinglass.backends.solvers", "solver")
COMMAND = "cmd:"


class Solver:
    """Base of all solvers: frozen dataclasses whose fields are their options.

    ``level``: what a problem must be (``ir/levels.py``). ``complete``: whether the solver visits every point, so that
    its best sample is the optimum; the others only sample. Same seed, same samples, unless ``info["time_limited"]``.
    ``anneals``: whether :meth:`sample_ising` heeds its start and its temperatures.
    """

    level: str = "BQM"
    complete: bool = False
    anneals: bool = False

    @property
    def target_level(self) -> str:
        """The level again."""
        return self.level

    def solve(self, problem: Problem, limits: Limits) -> Samples:
        """Samples of all variables of ``problem``, best first; none where there is no feasible point.

        ``info``: ``status`` (optimal, infeasible, unbounded, limit, sampled), ``time_limited``, and what else the
        solver tells. Raises :class:`CompileError` for a wrong level, :class:`InputError` for NaN or infinite numbers.
        """
        raise NotImplementedError

    def sample_ising(
        self, form: IsingForm, limits: Limits, start: SpinArray | None = None, betas: FloatArray | None = None
    ) -> SpinArray:
        """Spins [B, n], best first, of a small Ising problem: the light way in for loops that call many times.

        ``start`` [n]: where an annealer may begin; ``betas``: its inverse temperatures, one for each sweep. This
        default goes through :meth:`solve` and knows neither. Raises as :meth:`solve`; :class:`Refused` where the
        solver takes no binaries.
        """
        if self.level != "BQM":
            raise Refused(f"{type(self).__name__.lower()} is no sampler: it takes no QUBO", hint="use neal or tabu")
        samples = self.solve(ising_problem(form), limits)
        return np.asarray(2 * np.rint(samples.values["x"]) - 1, dtype=np.int8)


def make_solver(solver: Any) -> tuple[Any, str]:
    """A solver and its text: from ``name``, ``name{option=value}`` or ``cmd:program {input} {output}``, from a solver
    itself, or from any object with dimod's ``sample(bqm)``. Raises :class:`UsageError` for anything else."""
    if isinstance(solver, str):
        if solver.startswith(COMMAND):
            return with_options(SOLVERS, "cmd", {"command": solver[len(COMMAND) :].strip()}), solver
        return make(SOLVERS, solver)
    if hasattr(solver, "solve") and hasattr(solver, "level"):
        return solver, type(solver).__name__
    if hasattr(solver, "sample"):
        return with_options(SOLVERS, "dimod", {"sampler": solver}), type(solver).__name__
    message = f"{type(solver).__name__} is no solver"
    raise UsageError(message, hint="give a name, or an object with dimod's sample(bqm)")


def best_first(samples: Samples) -> Samples:
    """The samples sorted by energy; equal energies keep their order."""
    if samples.energy is None or not samples.count:
        return samples
    order = samples.energy.argsort(kind="stable")
    values = {name: array[order] for name, array in samples.values.items()}
    occurrences = None if samples.occurrences is None else samples.occurrences[order]
    return replace(samples, values=values, energy=samples.energy[order], occurrences=occurrences)
