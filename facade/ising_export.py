"""Lipschitz constants as Ising and polynomial problems for outside solvers: compiled, saved as a bundle, and samples
turned into lower bounds. Part of the facade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..api import Compiled, Progress, lp_tool
from ..ir.answers import Answer
from ..ir.errors import InputError, Refused
from ..ir.slope_form import SlopeForm
from ..ir.tasks import Bound
from ..ir.types import FloatArray, Values
from .export import Bundle

if TYPE_CHECKING:
    from ..ir.problem import Problem

QUESTION = "question"
"""The file of a bundle that holds the task."""
OWN = ("pinned", "monomials")
"""Options of the Ising form: without the spin t_0; most monomials of a deep network that are written out."""


def compile_bound(
    task: Bound, target: str | None, pipeline: str | None, options: Mapping[str, Any], progress: Progress | None
) -> CompiledBound:
    """One functional for a target, ``ising`` unless stated.

    One hidden layer: the exact, unconstrained Ising problem. Deeper networks: a polynomial, which stays compact for
    targets of level MIP and is multiplied out for all others. ``options``: those of :func:`isinglass.compile`, and
    ``pinned`` and ``monomials``. Raises :class:`Refused` for several functionals, the l2 norm, and polynomials that are
    too large, with what they would cost.
    """
    from ..backends.target import make_target
    from ..compiler.compile import compile_problem
    from ..compiler.defaults import known_options
    from .lipschitz import SEARCH, with_relus

    task = with_relus(task)
    given = {key: value for key, value in {**task.options, **options}.items() if key not in (*SEARCH, "timeout")}
    own = {key: given.pop(key) for key in OWN if key in given}
    made, key = make_target(target or str(given.get("target", "ising")))
    given = known_options({name: value for name, value in given.items() if name not in ("solver", "seed", "reads")})
    problem = source_problem(task, made.level, own)
    if pipeline is None and isinstance(given.get("pipeline"), str):
        pipeline = str(given["pipeline"])
    trace = compile_problem(problem, made.level, given, pipeline, {}, lp_tool, progress)
    return CompiledBound(trace, made, key, {**given, **own}, task=task)


def source_problem(task: Bound, level: str, options: Mapping[str, Any]) -> Problem:
    """The constant as a maximum over spins, or over binaries."""
    from ..compiler.lipschitz.ising import IsingForm
    from ..compiler.lipschitz.polynomial import MONOMIALS, expanded, polynomial_problem

    if len(task.labels) != 1:
        hint = "state one output, or one difference"
        raise Refused(f"{len(task.labels)} functionals are as many problems", code="several", hint=hint)
    if task.norm != "linf":
        raise Refused(f"with norm {task.norm} the constant is no Ising problem", hint="norm = linf, or run it")
    form, name = slopes(task), f"{task.quantity} {task.labels[0]}"
    if form.single or task.quantity != "lipschitz":
        return IsingForm.of(form, 0, task.quantity, bool(options.get("pinned"))).problem(name)
    if level == "MIP":
        return polynomial_problem(form, 0, name)
    return expanded(form, 0, int(options.get("monomials", MONOMIALS)), name)


def slopes(task: Bound) -> SlopeForm:
    """The slopes of the network, over all inputs or over its box."""
    from ..ir.slope_proof.ranges import boxed, own_ranges
    from ..ir.slope_reader import slope_form

    return slope_form(task, own_ranges(task) if boxed(task) else None)


def patterns(task: Bound, values: Values) -> FloatArray:
    """The patterns [B, F] that samples of :func:`source_problem` stand for; x, or the signs, are not looked at."""
    from ..compiler.lipschitz.ising import PATTERN, IsingForm
    from ..compiler.lipschitz.polynomial import UNITS

    if UNITS in values:
        return np.asarray(np.rint(values[UNITS]), dtype=np.float64)
    form = IsingForm.of(slopes(task), 0, task.quantity)
    spins = np.asarray(np.rint(values[PATTERN]), dtype=np.float64)
    full = form.matrix.shape[1]
    return replace(form, pinned=spins.shape[1] == full - 1 and form.ghost).patterns({**values, PATTERN: spins})


def lower_bound(task: Bound, values: Values, base: Answer) -> Answer:
    """The best pattern among samples as an answer: its value is computed again from the network, with the direction x
    in closed form, and is a lower bound; samples never bound from above."""
    from ..ir.slope_value import form_value, slopes_of
    from ..ir.slope_witness import witness_of
    from .lipschitz import claim

    form = slopes(task)
    told = {"quantity": task.quantity, "norm": task.norm, "labels": list(task.labels)}
    base = base.with_fields(claim=claim(task), options={"bound": told})
    found = np.unique(patterns(task, values), axis=0)
    if not len(found):
        return base.with_fields(status="unknown", detail=("no sample came back",))
    worth = [form_value(form, 0, task.norm, slopes_of(form, task.quantity, pattern)) for pattern in found]
    best = int(np.argmax([low for low, _ in worth]))
    low = worth[best][0]
    words = f"best of {len(found)} patterns; evaluated on the network, the direction computed from the pattern"
    return base.with_fields(
        status="witnessed", value=low, lower=low, witness=witness_of(form, found[best]), detail=(words,)
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class CompiledBound(Compiled):
    """A constant compiled for a solver; ``source`` is the Ising problem or the polynomial, a maximum."""

    task: Bound

    def answer(self, samples: Any, solver: str = "") -> Answer:
        """The lower bound that samples give."""
        base = Answer("unknown", guarantee=self.guarantee, ledger=self.ledger, solver=solver)
        return lower_bound(self.task, self.lift.up(self.samples(samples).values), base)

    def save(self, directory: str | Path, sources: Mapping[str, str] | None = None) -> Path:
        """Write a bundle that holds the task and the network's files too."""
        from ..backends.ir_files import packed
        from ..ir.text import print_value
        from .export import save
        from .milp_export import network_copy

        network, files = network_copy(self.task.network) if self.task.network else ("", {})
        task = packed(QUESTION, *print_value(replace(self.task, network=network)))
        return save(self, directory, sources, {**files, **task})


@dataclass(frozen=True, eq=False)
class BoundBundle(Bundle):
    """A bundle of a constant."""

    @cached_property
    def task(self) -> Bound:
        """The question, its network being the copy in the bundle, read again."""
        from ..backends.ir_files import unpacked
        from ..ir.text import parse_value

        place = self.stored.directory / QUESTION
        task = parse_value(*unpacked(place), str(place))
        if not isinstance(task, Bound):
            raise InputError(f"{place}: not a question about a constant", code="bundle")
        return replace(task, network=str(self.stored.file(task.network))) if task.network else task

    def answer(self, samples: Any, solver: str = "") -> Answer:
        """The lower bound that samples give, as :meth:`CompiledBound.answer`."""
        stored = self.stored
        base = Answer("unknown", guarantee=stored.guarantee, ledger=stored.ledger, solver=solver)
        found = lower_bound(self.task, stored.lift.up(self.read(samples).values), base)
        return found.with_fields(options={**found.options, "bundle": str(stored.directory)})
