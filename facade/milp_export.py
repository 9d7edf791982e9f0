"""Claims about networks as MILP files: compiled, saved as a bundle, and what an outside solver found turned into a
verdict. Part of the facade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePath
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..api import Compiled, Progress, lp_tool
from ..ir.answers import Answer
from ..ir.errors import InputError, Refused, UsageError
from ..ir.tasks import Prove
from .export import Bundle

if TYPE_CHECKING:
    from ..ir.samples import Samples

TARGET = "lp"
"""Unless another is stated."""
TASK, NETWORK = "task", "network"
"""What a bundle of a claim holds besides: the task, and a folder with the network's files."""
OPTIONS = ("goal", "bounds")


def compile_claim(
    task: Prove,
    target: str | None = None,
    pipeline: str | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> CompiledClaim:
    """The negated claim for a target of level MIP: ``lp`` (unless stated), ``mps``, ``npz`` or ``cqm``.

    ``options``: ``goal`` feasible (any counterexample) or margin (the clearest one); ``bounds`` crown, optimised or
    interval, from which the big-M numbers come. Raises :class:`Refused` for other targets, :class:`Infeasible` where
    bounds alone exclude every case, :class:`UsageError` for unknown options.
    """
    from ..backends.target import make_target
    from ..compiler.compile import compile_problem
    from ..compiler.defaults import RELAXED, pipeline_parts
    from ..compiler.negate_claim import negate_claim
    from ..compiler.pipeline import Ran

    given = {key: task.options[key] for key in OPTIONS if key in task.options} | dict(options or {})
    stated = {key: str(value) for key, value in given.items() if value is not None}
    wrong = [key for key in stated if key not in OPTIONS]
    if wrong:
        raise UsageError(f"option {wrong[0]!r} is not for claims about networks", hint=f"known: {', '.join(OPTIONS)}")
    chosen = target or str(task.options.get("target", TARGET))
    made, key = make_target("npz{form=mip}" if chosen == "npz" else chosen)
    if made.level != "MIP":
        hint = "lp, mps, npz and cqm take claims about networks"
        raise Refused(f"target {key} does not take claims about networks in this version", code="not-yet", hint=hint)
    start = perf_counter()
    step = negate_claim(task, **stated)
    text = ",".join(f"{name}={value}" for name, value in stated.items())
    negated = Ran("negate-claim" + (f"{{{text}}}" if text else ""), step, perf_counter() - start)
    if pipeline is None and isinstance(task.options.get("pipeline"), str):
        pipeline = str(task.options["pipeline"])
    rest = f"{RELAXED},{pipeline_parts(made.level, {})[0]}" if pipeline is None else pipeline
    trace = compile_problem(step.problem, made.level, {}, rest, {}, lp_tool, progress)
    return CompiledClaim(replace(trace, ran=(negated, *trace.ran)), made, key, stated, task=task)


@dataclass(frozen=True, eq=False, kw_only=True)
class CompiledClaim(Compiled):
    """A claim compiled for a MILP solver; ``source`` is the negated claim, whose points are the counterexamples."""

    task: Prove

    def answer(self, samples: Any, solver: str = "") -> Answer:
        """The verdict on what a solver returned: ``sat`` with a checked witness, ``unsat`` on the solver's word, or
        ``unknown``."""
        from ..backends.network_runner import NetworkRunner
        from ..compiler.claim_answer import claim_answer

        found, promised = self.samples(samples), (self.guarantee, self.ledger)
        runner = NetworkRunner.of(self.task) if self.task.network else None
        return claim_answer(self.task, self.lift.up(found.values), found, promised, runner, solver)

    def save(self, directory: str | Path, sources: Mapping[str, str] | None = None) -> Path:
        """Write a bundle that holds the task and the network's files too."""
        from ..backends.ir_files import packed
        from ..ir.text import print_value
        from .export import save

        network, files = network_copy(self.task.network) if self.task.network else ("", {})
        task = packed(TASK, *print_value(replace(self.task, network=network)))
        return save(self, directory, sources, {**files, **task})


def network_copy(path: str) -> tuple[str, dict[str, bytes]]:
    """The network's files under names inside a bundle: that of the model, and all contents."""
    from ..backends.files import read_bytes
    from ..frontends.networks.model_file import network_files

    folder = Path(path).parent
    names = {name: PurePath(NETWORK, Path(name).relative_to(folder)).as_posix() for name in network_files(path)}
    return names[str(path)], {inside: read_bytes(name) for name, inside in names.items()}


@dataclass(frozen=True, eq=False)
class ClaimBundle(Bundle):
    """A bundle of a claim."""

    @cached_property
    def task(self) -> Prove:
        """The claim, its network being the copy in the bundle."""
        from ..backends.ir_files import unpacked
        from ..ir.text import parse_value

        place = self.stored.directory / TASK
        task = parse_value(*unpacked(place), str(place))
        if not isinstance(task, Prove):
            raise InputError(f"{place}: not a claim about a network", code="bundle")
        return replace(task, network=str(self.stored.file(task.network))) if task.network else task

    def answer(self, samples: Any, solver: str = "") -> Answer:
        """The verdict on what a solver returned, as :meth:`CompiledClaim.answer`."""
        from ..backends.network_runner import NetworkRunner
        from ..compiler.claim_answer import claim_answer

        stored = self.stored
        found: Samples = self.read(samples)
        runner = NetworkRunner.of(self.task) if self.task.network else None
        promised = (stored.guarantee, stored.ledger)
        answer = claim_answer(self.task, stored.lift.up(found.values), found, promised, runner, solver)
        return answer.with_fields(options={"bundle": str(stored.directory)})
