"""Bundles: a compilation written to a directory, decoded and reweighed in other processes. Part of the facade."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..ir.answers import Answer
from ..ir.errors import InputError, Refused, UsageError
from ..ir.protocols import Event, Limits

if TYPE_CHECKING:
    from ..api import Compiled
    from ..backends.bundle import Bundle as Stored
    from ..ir.decoding import Decoded
    from ..ir.samples import Samples

Progress = Callable[[Event], None]
LONGEST = 80
"""Characters of a file's name."""


def save(
    compiled: Compiled,
    directory: str | Path,
    sources: Mapping[str, str] | None = None,
    beside: Mapping[str, bytes] | None = None,
) -> Path:
    """Write ``<problem's name><suffix>`` and everything needed to come back; ``beside``: further files by name."""
    from ..backends.bundle import save_bundle
    from ..compiler.report import guarantee_lines

    file = f"{file_name(compiled.source.name)}{compiled.target.suffix}"
    extra = {
        "options": {key: str(value) for key, value in compiled.options.items()},
        "sources": dict(sources or {}),
        "guarantee": list(guarantee_lines(compiled.trace)),
    }
    files: dict[str, Any] = {file: lambda path: compiled.target.write(compiled.problem, path), **(beside or {})}
    return save_bundle(
        directory, compiled.source, compiled.problem, compiled.lift, compiled.guarantee, compiled.ledger,
        compiled.trace.text, files, extra, compiled.key,
    )  # fmt: skip


def file_name(name: str) -> str:
    """A problem's name with what a file system may not like replaced."""
    clean = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[:LONGEST].lstrip(".") or "problem"
    return f"{clean}_model" if clean in ("source", "compiled", "lift", "manifest", "task", "question") else clean


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle read back."""

    stored: Stored

    def read(self, samples: Any) -> Samples:
        """Samples of the compiled problem: a file's path, a dimod SampleSet, 0/1 rows."""
        from ..backends.sample_files import from_table

        if isinstance(samples, (str, Path)):
            return self.stored.read_samples(samples)
        return from_table(self.stored.compiled, samples)

    def decode(self, samples: Any) -> Decoded:
        """Samples (a file's path, a dimod SampleSet, 0/1 rows) decoded and evaluated on the source."""
        from ..ir.decoding import decode

        return decode(self.stored.source, self.stored.lift, self.read(samples))

    def answer(self, samples: Any, solver: str = "") -> Answer:
        """The best sample as an answer. Samples from outside prove nothing beyond their witness; what a solver's file
        says besides (``optimal``, ``infeasible``) is claimed on its word at the most."""
        from ..ir.decoding import Decoded, Solved, answer, decode

        status = ""
        if not isinstance(samples, Decoded):
            read = self.read(samples)
            status = str(read.info.get("status", ""))
            samples = decode(self.stored.source, self.stored.lift, read)
        found = answer(samples, self.stored.guarantee, self.stored.ledger, Solved(solver, status=status))
        return found.with_fields(options={"bundle": str(self.stored.directory)})

    def explain(self) -> str:
        """Sizes, guarantee, weights and their proofs, dynamic range, hardware fit, ledger."""
        from ..backends.explain import form_lines
        from ..compiler.report import counts, penalty_lines

        stored = self.stored
        lines = [
            f"{stored.source.name}: {stored.source.size} source variables -> {stored.compiled.size} for {stored.target}"
        ]
        lines += [f"  {count:>8,} {origin}" for origin, count in counts(stored.compiled).items()]
        lines += stored.extra.get("guarantee", [f"guarantee: {stored.guarantee}"])
        lines += penalty_lines(stored.compiled)
        lines += form_lines(stored.compiled)
        lines += ["ledger:", *(f"  {note}" for note in stored.ledger)] if stored.ledger else []
        return "\n".join(lines)


def load(directory: str | Path) -> Bundle:
    """A bundle that ``save`` wrote. Raises :class:`InputError` when it is damaged."""
    from ..backends.bundle import load_bundle
    from .ising_export import QUESTION, BoundBundle
    from .milp_export import TASK, ClaimBundle

    stored = load_bundle(directory)
    if f"{QUESTION}.igir" in stored.manifest["files"]:
        return BoundBundle(stored)
    return ClaimBundle(stored) if f"{TASK}.igir" in stored.manifest["files"] else Bundle(stored)


def certified(bundle: Any, answer: Answer, timeout: float | None = None, progress: Progress | None = None) -> Answer:
    """An answer of a bundle's ``answer`` with a proof of its own (``certification.py``). Raises :class:`Refused` for
    bundles of questions about networks, which have provers of theirs."""
    from .certification import certified as prove

    if type(bundle) is not Bundle:
        raise Refused("only bundles of optimisation problems are certified",
                      hint="ask verify or lipschitz about networks")  # fmt: skip
    return prove(bundle.stored.source, answer, Limits(timeout), progress)


@dataclass(frozen=True)
class Tuning:
    """What ``tune`` should do; exactly one of ``scale``, ``settings`` (row block -> weight) and ``feasible``."""

    scale: float | None = None
    settings: Mapping[str, str] | None = None
    feasible: float | None = None
    reads: int = 200
    seed: int = 0


def tune(directory: str | Path, output: str | Path, tuning: Tuning, progress: Progress | None = None) -> list[str]:
    """Reweigh a bundle's penalties and write it to ``output``; returns lines that say what changed."""
    from ..api import Compiled
    from ..backends.target import make_target
    from ..compiler.penalties.reweigh import all_proved
    from ..compiler.pipeline import Ran, Trace
    from ..ir.step import Step

    stored = load(directory).stored
    target, key = make_target(stored.target)
    # the passes ran elsewhere; their composition stands for them
    step = Step(stored.compiled, stored.lift, stored.guarantee, stored.ledger)
    compiled = Compiled(Trace(stored.source, (Ran(stored.pipeline, step, 0.0),)), target, key, stored.extra["options"])
    if not compiled.problem.penalties:
        raise InputError(f"{directory}: there are no penalties to reweigh")
    old = compiled.reweightable.weights
    new, lines = new_weights(compiled, tuning, progress)
    changed = compiled.reweighted(new)
    kept = all_proved(changed.problem)
    save(changed, output, stored.extra.get("sources"), files_beside(stored))
    proof = "the proofs still cover all weights" if kept else "no longer proved: samples from it only witness"
    return [*lines, f"largest weight {old.max():g} -> {new.max():g}; {proof}", f"written to {output}"]


def files_beside(stored: Stored) -> dict[str, bytes]:
    """The task of a bundle and its network, which other weights leave as they are."""
    from .ising_export import QUESTION
    from .milp_export import NETWORK, TASK

    kept = [name for name in stored.manifest["files"] if name.split("/")[0].split(".")[0] in (QUESTION, TASK, NETWORK)]
    return {name: stored.file(name).read_bytes() for name in kept}


def new_weights(compiled: Compiled, tuning: Tuning, progress: Progress | None) -> tuple[Any, list[str]]:
    """The weights asked for, and a line on how they were found."""
    apart = compiled.reweightable
    asked = [tuning.scale is not None, bool(tuning.settings), tuning.feasible is not None]
    if sum(asked) != 1:
        raise UsageError("say how to reweigh: --scale, --set or --feasible (one of them)")
    if tuning.scale is not None:
        if not tuning.scale > 0:
            raise UsageError(f"--scale {tuning.scale} is not positive")
        return apart.weights * tuning.scale, [f"all weights times {tuning.scale:g}"]
    if tuning.settings:
        weights = apart.weights
        for row, text in tuning.settings.items():
            weights = apart.with_block(row if row in apart.blocks else f"{row}.penalty", positive(row, text), weights)
        return weights, [f"{row}: weight {text}" for row, text in tuning.settings.items()]
    return searched(compiled, tuning, progress)


def positive(row: str, text: str) -> float:
    """A weight from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UsageError(f"--set {row}={text}: a weight is a positive number")
    return value


def searched(compiled: Compiled, tuning: Tuning, progress: Progress | None) -> tuple[Any, list[str]]:
    """The least common scale at which enough pilot reads of simulated annealing are feasible on the source."""
    from ..backends.solvers.neal import Neal
    from ..compiler.drivers.tune_weights import Tuned, tune_weights

    wanted = tuning.feasible or 0.0
    if not 0 < wanted <= 1:
        raise UsageError(f"--feasible {tuning.feasible}: a share lies between 0 and 1")
    limits = Limits(seed=tuning.seed, reads=tuning.reads)

    def share_of(weights: Any) -> float:
        trial = compiled.reweighted(weights)
        decoded = trial.decode(Neal().solve(trial.problem, limits))
        times = decoded.occurrences
        return float(times[decoded.feasible].sum() / times.sum())

    found = Tuned(1.0, 0.0, 0)
    for event in tune_weights(compiled.reweightable.weights, share_of, wanted):
        if isinstance(event, Tuned):
            found = event
        elif progress:
            progress(event)
    reached = "" if found.share >= wanted else f"; {100 * wanted:.0f} % was not reached"
    line = f"scale {found.scale:.4g}: {100 * found.share:.0f} % of pilot reads feasible, {found.tries} tries{reached}"
    return compiled.reweightable.weights * found.scale, [line]
