"""The command line (DESIGN section 8). Commands only parse, call ``api`` and print; exit codes come from the answer."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .facade.lipschitz_command import lipschitz
from .facade.terminal import listing, progress, show
from .facade.verify_command import supports, verify

OPTION_NAMES = (
    "code",
    "limit",
    "rounding",
    "largest",
    "slack",
    "weight",
    "quadratize",
    "bits",
    "tight",
    "cutoff",
    "pipeline",
)


class Group(click.Group):
    """Turns every expected error into text on stderr and its exit code; no traceback reaches a user."""

    def invoke(self, ctx: click.Context) -> Any:
        from .ir.errors import IsinglassError

        try:
            return super().invoke(ctx)
        except IsinglassError as error:
            click.echo(str(error), err=True)
            for note in getattr(error, "__notes__", ()):
                click.echo(f"  {note}", err=True)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, BrokenPipeError):
            ctx.exit(3)
        except MemoryError:
            click.echo(
                "error[memory]: not enough memory for this problem\n  help: use fewer bits, or decompose it", err=True
            )
            ctx.exit(1)
        except OSError as error:
            click.echo(f"error[file]: {error.filename or ''}: {error.strerror or error}", err=True)
            ctx.exit(1)


def print_name(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    """``--name``, which VNN-LIB wants of every solver."""
    if wanted:
        click.echo("isinglass")
        ctx.exit()


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="isinglass", message="%(version)s")
@click.option("--name", is_flag=True, expose_value=False, is_eager=True, callback=print_name, help="Print the name.")
def cli() -> None:
    """Compile questions about neural networks and discrete problems; get answers that say what they rest on."""


cli.add_command(lipschitz)
cli.add_command(verify)
cli.add_command(supports)


def spec_options(command: Callable[..., None]) -> Callable[..., None]:
    """What every command that reads and compiles a model accepts."""
    for option in reversed(
        [
            click.option(
                "-D", "defines", multiple=True, metavar="NAME=VALUE", help="Override a parameter of the spec."
            ),
            click.option("--code", help="Bit encoding: log, unary, one-hot, domain-wall, bounded."),
            click.option("--limit", type=int, help="Greatest bit weight of code bounded."),
            click.option(
                "--rounding", type=click.Choice(["exact", "outward", "inward"]), help="Rows that no integer row equals."
            ),
            click.option("--largest", type=float, help="Greatest coefficient of a rounded row."),
            click.option("--slack", type=click.Choice(["half-step", "unit"]), help="Slack of inequalities."),
            click.option("--weight", type=float, help="State one penalty weight instead of proving weights."),
            click.option(
                "--quadratize", type=click.Choice(["pairs", "terms"]), help="How cubic and higher terms are reduced."
            ),
            click.option("--bits", type=int, help="Restrict real variables to a lattice of that many bits."),
            click.option("--tight", is_flag=True, help="Sharpen proved weights by an incumbent and LP multipliers."),
            click.option(
                "--cutoff", is_flag=True, help="Cut what is worse than an incumbent (optimum-preserving only)."
            ),
            click.option("-p", "--pipeline", help="Passes to run instead of the default ones."),
        ]
    ):
        command = option(command)
    return command


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The compile options that were stated."""
    return {name: options[name] for name in OPTION_NAMES if options.get(name) not in (None, False)}


def parse_defines(defines: tuple[str, ...]) -> dict[str, str]:
    """``-D name=value`` pairs."""
    from .ir.errors import UsageError

    wrong = [text for text in defines if "=" not in text]
    if wrong:
        raise UsageError(f"-D {wrong[0]} has no value", hint="write -D name=value")
    return dict(text.split("=", 1) for text in defines)


@cli.command()
@click.argument("spec", type=click.Path(path_type=Path))
@spec_options
@click.option("--solver", help="highs, exact, neal, tabu, greedy, or 'cmd:program {input} {output}'.")
@click.option("--timeout", type=float, help="Seconds.")
@click.option("--seed", type=int, help="0 unless stated.")
@click.option("--reads", type=int, help="Samples wanted from a sampler; 100 unless stated.")
@click.option("--certify", is_flag=True, help="Prove the answer, or how far it is from the optimum at the most.")
@click.option("--method", help="coarsen: a sampler of few spins on a larger problem. Of claims: verify, bisect, ...")
@click.option("--budget", type=int, help="Spins that a call of the sampler gets at the most (coarsen); 100.")
@click.option("--calls", type=int, help="Calls of the sampler at the most (coarsen); by size unless stated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def run(spec: Path, defines: tuple[str, ...], solver: str | None, timeout: float | None, seed: int | None,
        reads: int | None, certify: bool, as_json: bool, **options: Any) -> None:  # fmt: skip
    """Answer the question that SPEC states."""
    from . import api

    chosen = {name: options[name] for name in ("method", "budget", "calls") if options[name] is not None}
    with progress(as_json) as tell:
        answer = api.run(
            spec,
            parse_defines(defines),
            solver,
            timeout=timeout,
            seed=seed,
            reads=reads,
            certify=certify,
            progress=tell,
            **given(options),
            **chosen,
        )
    show(answer, as_json)


@cli.command("compile")
@click.argument("spec", type=click.Path(path_type=Path))
@click.argument("prop", required=False, type=click.Path(path_type=Path), metavar="[PROPERTY]")
@spec_options
@click.option("--goal", type=click.Choice(["feasible", "margin"]),
              help="Of a claim: any counterexample (default), or the clearest one.")  # fmt: skip
@click.option("--bounds", type=click.Choice(["crown", "optimised", "interval"]),
              help="Of a claim: where big-M numbers come from (default: crown).")  # fmt: skip
@click.option("--reals", is_flag=True, help="Of a PROPERTY: real arithmetic will do where it says float32.")
@click.option("--lipschitz", "constant", metavar="K|A,B",
              help="Of a network: the Lipschitz constant of output K, or of y[A] - y[B].")  # fmt: skip
@click.option("-t", "--target", help="Target with options, e.g. ising{bits=8}; bqm unless stated, lp for a claim, "
              "ising for a constant.")  # fmt: skip
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Directory of the bundle.")
def compile_command(spec: Path, prop: Path | None, defines: tuple[str, ...], target: str | None, output: Path,
                    **options: Any) -> None:  # fmt: skip
    """Compile SPEC into a bundle for an outside solver; or SPEC, a network, and a VNN-LIB PROPERTY or a constant of
    it."""
    from . import api

    chosen = given(options) | {name: options[name] for name in ("goal", "bounds") if options[name]}
    with progress() as tell:
        task = task_to_compile(spec, prop, options["constant"], defines, options["reals"])
        compiled = api.compile(task, target, progress=tell, **chosen)
        path = compiled.save(output)
    click.echo(f"{path}: {compiled.problem.size} variables for {compiled.key}; {compiled.guarantee}")


def task_to_compile(spec: Path, prop: Path | None, constant: str | None, defines: tuple[str, ...], reals: bool) -> Any:
    """The task of a spec, of a network and a property, or of a network and a constant."""
    from . import api
    from .facade import verification
    from .facade.lipschitz_command import constant_of
    from .ir.errors import UsageError

    if prop is not None and constant is not None:
        raise UsageError("a PROPERTY and --lipschitz are two questions", hint="leave one of them out")
    if (prop is not None or constant is not None) and defines:
        raise UsageError("-D is for specs; a network and a property have no parameters")
    if constant is not None:
        return constant_of(spec, constant)
    return api.read(spec, parse_defines(defines)) if prop is None else verification.read_task(spec, prop, reals)


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("samples", type=click.Path(path_type=Path))
@click.option("--table", is_flag=True, help="Print every sample, not only the best.")
@click.option("--certify", is_flag=True, help="Prove how far the best sample may be from the optimum.")
@click.option("--timeout", type=float, help="Seconds for the proof.")
@click.option("--json", "as_json", is_flag=True)
def decode(directory: Path, samples: Path, table: bool, certify: bool, timeout: float | None, as_json: bool) -> None:
    """Decode the SAMPLES (or the solution file) that a solver returned for the bundle in DIRECTORY."""
    from .facade import export
    from .ir.answer_text import table_text

    bundle = export.load(directory)
    read = bundle.read(samples)
    if table:
        click.echo(table_text(bundle.decode(read)))
    answer = bundle.answer(read)
    if certify:
        with progress(as_json) as tell:
            answer = export.certified(bundle, answer, timeout, tell)
    show(answer, as_json)


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--scale", type=float, help="Multiply all weights.")
@click.option("--set", "settings", multiple=True, metavar="ROW=WEIGHT", help="State the weight of one row block.")
@click.option("--feasible", type=float, help="Search the least common scale with this share of feasible pilot reads.")
@click.option("--reads", type=int, default=200, show_default=True, help="Pilot reads per try (with --feasible).")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write a new bundle instead of replacing DIRECTORY."
)
def tune(directory: Path, scale: float | None, settings: tuple[str, ...], feasible: float | None, reads: int, seed: int,
         output: Path | None) -> None:  # fmt: skip
    """Reweigh the penalties of a bundle without recompiling it."""
    from .facade import export

    tuning = export.Tuning(scale, parse_defines(settings), feasible, reads, seed)
    with progress() as tell:
        lines = export.tune(directory, output or directory, tuning, tell)
    click.echo("\n".join(lines))


@cli.command()
@click.argument("answer", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def check(answer: Path, as_json: bool) -> None:
    """Re-check a saved answer (run --json) against its source files."""
    from .facade import checks

    verdict = checks.check(answer)
    click.echo(json.dumps(verdict.to_dict(), indent=2) if as_json else str(verdict))
    click.get_current_context().exit(verdict.exit_code)


@cli.command()
@click.argument("source", type=click.Path(path_type=Path))
@spec_options
@click.option("-t", "--target", help="bqm unless stated.")
def explain(source: Path, defines: tuple[str, ...], target: str | None, **options: Any) -> None:
    """Say what compiling SOURCE (a spec or a bundle) does: sizes, guarantee, weights and proofs, hardware fit."""
    from .facade import inspection

    click.echo(inspection.explain(source, parse_defines(defines), target, given(options)))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-p", "--pipeline", required=True, help="Passes, e.g. 'normalize-rows,penalize{slack=unit}'.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here instead of to stdout.")
@click.option("--timing", is_flag=True, help="Seconds per pass, on stderr.")
def opt(file: Path, pipeline: str, output: Path | None, timing: bool) -> None:
    """Run passes over a problem in the text form (or any readable model) and print the result."""
    from .facade import inspection

    trace = inspection.opt(file, pipeline, output)
    if timing:
        for ran in trace.ran:
            click.echo(f"{ran.seconds:9.4f} s  {ran.text}", err=True)
    if output is None:
        click.echo(inspection.ir_text(trace.problem), nl=False)


@cli.command("list")
@click.argument(
    "what",
    required=False,
    type=click.Choice(["targets", "solvers", "passes", "encodings", "functions", "drivers", "weights"]),
)
def list_command(what: str | None) -> None:
    """List what is available, with one line on each."""
    click.echo(listing(what))


def main() -> None:
    """Entry point of the console script.

    Matrix products here are small: a second thread would only wait for the first. This has to be said before numpy is
    loaded, and who has said otherwise is heard.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    cli()
