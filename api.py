"""The Python front: compile, solve, decode, run. With ``cli`` the only module that sees all four packages.

Everything heavy is imported inside the functions that need it, so that importing isinglass stays cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .ir.answers import Answer
from .ir.errors import Infeasible, Refused
from .ir.guarantee import Guarantee
from .ir.ledger import Ledger
from .ir.lifting import Lift
from .ir.problem import Problem
from .ir.protocols import Event, Limits
from .ir.samples import Samples
from .ir.tasks import Bound, Optimize, Prove, Task
from .ir.types import AnyArray

if TYPE_CHECKING:
    from .backends.reweighting import Reweightable
    from .compiler.pipeline import Trace
    from .ir.decoding import Decoded
    from .ir.quadratic.form import QuadraticForm

Progress = Callable[[Event], None]


def read(path: str | Path, defines: Mapping[str, str] | None = None) -> Task:
    """The task stated in a file: ``.glass``, ``.lp``, ``.mps``, ``.igir``. Raises :class:`InputError`."""
    from .frontends.files import read as read_file

    return read_file(path, defines or {})


def as_task(source: Problem | Task | str | Path) -> Task:
    """A task from whatever a user may hand over."""
    if isinstance(source, Problem):
        return Optimize(source)
    return read(source) if isinstance(source, (str, Path)) else source


# -- compiling -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Compiled:
    """A problem compiled for a target: ``trace`` holds every step, ``target`` what to emit, ``options`` what was
    asked."""

    trace: Trace
    target: Any
    key: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> Problem:
        return self.trace.source

    @property
    def problem(self) -> Problem:
        """The compiled problem, at the target's level."""
        return self.trace.problem

    @property
    def lift(self) -> Lift:
        return self.trace.lift

    @property
    def guarantee(self) -> Guarantee:
        return self.trace.guarantee

    @property
    def ledger(self) -> Ledger:
        return self.trace.ledger

    @property
    def artifact(self) -> Any:
        """What the target emits: an object, or the bytes of its file."""
        return self.target.emit(self.problem)

    @cached_property
    def form(self) -> QuadraticForm:
        """The QUBO's arrays (targets of binaries only)."""
        from .ir.quadratic.assembly import assemble

        return assemble(self.problem)

    @cached_property
    def bqm(self) -> Any:
        """dimod's BinaryQuadraticModel, variables named as in ``problem.labels()``."""
        from .backends.target import TARGETS

        return TARGETS["bqm"]().emit(self.problem)

    @cached_property
    def reweightable(self) -> Reweightable:
        """The penalties over one sparsity pattern: new weights without recompiling."""
        from .backends.reweighting import Reweightable

        return Reweightable.of(self.problem)

    def reweighted(self, weights: Any) -> Compiled:
        """The same with other penalty weights [one per penalised row], the proof kept only where it covers them."""
        from .compiler.penalties.reweigh import reweighted

        return replace(self, trace=reweighted(self.trace, self.reweightable.check(weights)))

    def decode(self, samples: Any) -> Decoded:
        """Any dimod SampleSet, :class:`Samples`, or array of 0/1 rows, decoded and evaluated on the source."""
        from .ir.decoding import decode

        return decode(self.source, self.lift, self.samples(samples))

    def samples(self, samples: Any) -> Samples:
        """Samples of the compiled problem from whatever a solver returned."""
        from .backends.sample_files import from_table

        return samples if isinstance(samples, Samples) else from_table(self.problem, samples)

    def answer(self, samples: Any, solver: str = "") -> Answer:
        """The best decoded sample as an answer; samples prove nothing beyond their witness."""
        from .ir.decoding import Solved, answer

        return answer(self.decode(samples), self.guarantee, self.ledger, Solved(solver))

    def explain(self) -> str:
        """Variables by origin, couplers, guarantee, weights and their proofs, dynamic range, hardware fit."""
        from .backends.explain import form_lines
        from .compiler.report import counts, guarantee_lines, ledger_lines, penalty_lines

        lines = [
            f"{self.source.name}: {self.source.size} source variables -> {self.problem.size} for target {self.key}"
        ]
        lines += [f"  {count:>8,} {origin}" for origin, count in counts(self.problem).items()]
        lines += guarantee_lines(self.trace)
        lines += penalty_lines(self.problem)
        lines += form_lines(self.problem)
        lines += ledger_lines(self.trace)
        return "\n".join(lines)

    def save(self, directory: str | Path, sources: Mapping[str, str] | None = None) -> Path:
        """Write a bundle: source, compiled problem, lift, target file, manifest. Appears complete or not at all."""
        from .facade.export import save

        return save(self, directory, sources)


def compile(
    source: Problem | Task | str | Path,
    target: str | None = None,
    *,
    pipeline: str | None = None,
    arrays: Mapping[str, AnyArray] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Compiled:
    """Compile a problem (or the file that states it) for a target.

    ``target``: a name with options, ``"bqm"``, ``"ising{bits=8}"`` (``bqm`` unless the spec states
    another). ``pipeline``: passes instead of the default ones;
    ``arrays`` it may name as ``@name``. Options: ``code`` (log, unary, one-hot, domain-wall, bounded with ``limit``),
    ``rounding`` (exact, outward, inward), ``slack`` (half-step, unit), ``weight`` (stated instead of proved),
    ``quadratize`` (pairs, terms), ``bits`` (lattice of real variables), ``tight`` (an incumbent and LP multipliers
    sharpen the proved weights), ``cutoff`` (cut what is worse than the incumbent: optimum-preserving only).
    Claims about networks have options ``goal`` and ``bounds`` (``facade/milp_export.py``), Lipschitz constants
    ``pinned`` and ``monomials`` (``facade/ising_export.py``).

    Raises :class:`Refused` where no sound compilation is known, :class:`Infeasible` where a row is contradictory,
    :class:`UsageError` for an option that does not exist.
    """
    from .backends.target import make_target
    from .compiler.compile import compile_problem
    from .compiler.defaults import known_options

    task = as_task(source)
    if isinstance(task, Prove):
        from .facade.milp_export import compile_claim

        return compile_claim(task, target, pipeline, options, progress)
    if isinstance(task, Bound):
        from .facade.ising_export import compile_bound

        return compile_bound(task, target, pipeline, options, progress)
    if not isinstance(task, Optimize):
        raise Refused(f"a {type(task).__name__.lower()} goal is answered by run, not compiled")
    merged = {**task.options, **known_options(options)}
    made, key = make_target(target or str(merged.get("target", "bqm")))
    if pipeline is None and isinstance(merged.get("pipeline"), str):
        pipeline = merged["pipeline"]
    trace = compile_problem(task.problem, made.level, merged, pipeline, arrays or {}, lp_tool, progress)
    return Compiled(trace, made, key, merged)


def lp_tool() -> Any:
    """The warm-started linear program that drivers use."""
    from .backends.solvers.highs import open_lp

    return open_lp


# -- solving ---------------------------------------------------------------------------------------------------------


def make_solver(solver: Any) -> tuple[Any, str]:
    """A solver from its name with options, or from any object with dimod's ``sample(bqm)``."""
    from .backends.solver import make_solver as make

    return make(solver)


def solve(
    source: Problem | Task | str | Path,
    solver: Any = None,
    *,
    timeout: float | None = None,
    seed: int | None = None,
    reads: int | None = None,
    certify: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Answer:
    """Compile for the solver, run it, decode, re-check on the source; or drive a network question.

    ``solver``: ``highs`` (default), ``exact``, ``neal``, ``tabu``, ``greedy``, ``cmd:program {input} {output}``, or
    an object with ``sample(bqm)``. ``seed`` 0 and ``reads`` 100 unless stated. ``certify``: prove what the solver found
    (it gets half of the time then). ``method="coarsen"``: problems larger than what the sampler takes, which is
    ``budget`` spins (100), in at most ``calls`` calls (:func:`isinglass.coarsened`). ``exact``, ``tolerance`` and
    ``budget`` are for Lipschitz constants, which need no solver (:func:`isinglass.lipschitz`). Further options as in
    :func:`compile`; what is not stated here is taken from the spec's ``compile { }``.
    """
    from .compiler.defaults import known_options

    task = as_task(source)
    stated = {"timeout": timeout, "seed": seed, "reads": reads, "solver": solver}
    options = known_options(options, "pipeline", "method", "master", "via", "exact", "tolerance", "budget", "calls")
    options = {**task.options, **options, **{key: value for key, value in stated.items() if value is not None}}
    limits = Limits(options.get("timeout"), options.get("seed", 0), options.get("reads", 100))
    if isinstance(task, Prove):
        return prove(task, options, limits, progress)
    if isinstance(task, Bound):
        from .facade.lipschitz import answer_bound

        return answer_bound(task, options, limits, progress)
    if not isinstance(task, Optimize):
        raise Refused(f"goal {type(task).__name__.lower()} is not available in this version", code="not-yet")
    if {"master", "via", "exact", "tolerance"} & set(options) or options.get("method", "coarsen") != "coarsen":
        message = "master, via and other methods are for prove goals, exact and tolerance for bound goals"
        raise Refused(message, hint="choose a solver instead, or method = coarsen for samplers of few spins")
    from .facade.coarsening import chosen_solver

    chosen, name = chosen_solver(options)
    if not certify:
        return solve_problem(task, chosen, name, limits, options, progress)
    from .facade.certification import certified

    first = limits if limits.timeout is None else replace(limits, timeout=limits.timeout / 2)
    answer = solve_problem(task, chosen, name, first, options, progress)
    return certified(task.problem, answer, limits, progress)


def solve_problem(
    task: Optimize, solver: Any, name: str, limits: Limits, options: Mapping[str, Any], progress: Progress | None
) -> Answer:
    """The loop of one solver call: compile, solve, decode, answer."""
    from .compiler.compile import compile_problem
    from .facade.coarsening import sample
    from .ir.decoding import Solved, answer, decode

    start = perf_counter()
    try:
        trace = compile_problem(task.problem, solver.level, options, options.get("pipeline"), {}, lp_tool, progress)
    except Infeasible as error:
        from .facade.certification import infeasible

        return infeasible(task.problem, error, perf_counter() - start)
    compiled = perf_counter()
    if progress:
        progress(Event(f"{name}: {trace.problem.size} variables"))
    samples = sample(solver, trace.problem, limits, progress)
    solved = perf_counter()
    decoded = decode(task.problem, trace.lift, samples)
    known = Solved(
        name, solver.complete, str(samples.info.get("status", "")), samples.claimed_bound, limits.seed,
        bool(samples.info.get("time_limited", False)),
    )  # fmt: skip
    timings = {"compile": compiled - start, "solve": solved - compiled, "decode": perf_counter() - solved}
    found = answer(decoded, trace.guarantee, trace.ledger, replace(known, timings=timings))
    if "device_seconds" not in samples.info:
        return found
    told = "{calls:,} calls with at most {largest} spins each".format(**samples.info)
    timings["device"] = samples.info["device_seconds"]
    return found.with_fields(detail=(*found.detail, told), timings=timings)


@dataclass(frozen=True)
class Tools:
    """What drivers may use (``ir/protocols.py``); each is loaded when a driver first asks for it."""

    solver: Any
    task: Prove

    @cached_property
    def milp(self) -> Any:
        return make_solver(self.solver)[0]

    @cached_property
    def open_lp(self) -> Any:
        return lp_tool()

    @cached_property
    def runner(self) -> Any:
        from .backends.network_runner import NetworkRunner

        return NetworkRunner.of(self.task)


def prove(task: Prove, options: Mapping[str, Any], limits: Limits, progress: Progress | None) -> Answer:
    """A question about a network, through the driver that its ``compile { method = ... }`` names (default: verify)."""
    from .compiler.driver import DRIVERS

    asked = str(options.get("method", "verify"))
    method = {"milp": "milp-prove", "lipschitz": "lipschitz-prove"}.get(asked, asked)
    driver: Any = None
    if method in DRIVERS:
        with suppress(AttributeError):  # a set of functions, which other loops use
            driver = DRIVERS[method]
    if not hasattr(driver, "search") or {"master", "via"} & set(options):
        what = ", ".join(f"{key} = {options[key]}" for key in ("method", "master", "via") if key in options)
        hint = "leave it out, or choose one of verify, bisect, branch, lipschitz, milp"
        raise Refused(f"{what} is not available in this version", code="not-yet", hint=hint)
    tools, name = Tools(options.get("solver", "highs"), task), "highs"
    if "solver" in options:
        name = make_solver(options["solver"])[1]
        if tools.milp.level != "MIP":
            raise Refused(f"{name} can't answer a network question: it needs a MILP solver", hint="use --solver highs")
    loop = driver(task, tools, limits).run()
    while True:
        try:
            event = next(loop)
        except StopIteration as end:
            answer: Answer = end.value
            return answer.with_fields(solver=answer.solver or name, seed=limits.seed)
        if progress:
            progress(event)


def from_sympy(expression: Any, symbols: Mapping[Any, Any]) -> Any:
    """A sympy polynomial (or comparison) over the builder's variables."""
    from .frontends.sympy_expressions import from_sympy as convert

    return convert(expression, symbols)


# -- files -----------------------------------------------------------------------------------------------------------


def run(path: str | Path, defines: Mapping[str, str] | None = None, solver: Any = None, **options: Any) -> Answer:
    """Answer the question that a file states; the answer remembers the file and its digest for ``check``."""
    from .backends.files import read_bytes, sha256

    task = read(path, defines)
    answer = solve(task, solver, **options)
    sources = {str(path): sha256(read_bytes(path))}
    if isinstance(task, (Prove, Bound)):
        from .frontends.networks.model_file import network_files

        sources.update((name, sha256(read_bytes(name))) for name in network_files(task.network))
    kept = {**answer.options, "file": str(path), "defines": dict(defines or {})}
    return answer.with_fields(sources=sources, options=kept)
