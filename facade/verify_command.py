"""The commands ``verify`` and ``supports``: a network and a property, VNN-LIB 2.0's form, and batches of instances."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .terminal import progress, show

if TYPE_CHECKING:
    from .batch import Batch

BATCH_ONLY = ("jobs", "output", "certificates")
QUERY_ONLY = ("network", "serialise_assignments")
SINGLE_ONLY = ("results", "as_json", "reals", *QUERY_ONLY)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="NET.onnx PROP.vnnlib")
@click.option("--timeout", type=float, help="Seconds (per instance).")
@click.option("--method", help="verify (all in turn, unless stated), bisect, branch, lipschitz or milp.")
@click.option("--memory", type=float, metavar="GB", help="Memory that the search may take (per worker).")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--reals", is_flag=True, help="An answer about real arithmetic will do where a query says float32.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer, for `isinglass check`.")
@click.option("-o", "--results", type=click.Path(path_type=Path), help="Write the verdict as VNN-COMP wants it.")
@click.option("--instances", type=click.Path(path_type=Path), help="Answer every row `onnx,vnnlib,timeout_s` of a CSV.")
@click.option("--output", type=click.Path(path_type=Path), help="One JSON line per instance; taken up where it ends.")
@click.option("--jobs", type=click.IntRange(min=1), help="Instances at a time; one per core unless stated.")
@click.option("--certificates", type=click.Path(path_type=Path), help="Directory for one answer file per instance.")
@click.option("--network", multiple=True, metavar="NAME=NET.onnx", help="The network of a VNN-LIB 2.0 query.")
@click.option("--serialise-assignments", type=click.Path(path_type=Path), metavar="DIR",
              help="Write the assignment of a 2.0 query as DIR/<variable>.pb.")  # fmt: skip
def verify(files: tuple[Path, ...], **options: Any) -> None:
    """Is there an input of NET for which everything in PROP holds? `sat` with such an input, or `unsat`.

    Also as VNN-LIB 2.0 wants it, `verify QUERY.vnnlib --network NAME=NET.onnx`, and as a batch, `verify --instances
    LIST.csv --output RESULTS.jsonl`. Files may be gzipped.
    """
    form = form_of(files, options)
    if form == "batch":
        verify_batch(options)
    elif form == "query":
        verify_query(files[0], options)
    else:
        verify_pair(files[0], files[1], options)


def form_of(files: tuple[Path, ...], options: dict[str, Any]) -> str:
    """Which of the three forms is meant; options of another one are an error."""
    from ..ir.errors import UsageError

    form = "batch" if options["instances"] is not None else "query" if options["network"] else "pair"
    wrong: tuple[str, ...] = {"batch": SINGLE_ONLY, "query": BATCH_ONLY, "pair": (*BATCH_ONLY, *QUERY_ONLY)}[form]
    wanted = {"batch": 0, "query": 1, "pair": 2}[form]
    if len(files) != wanted:
        names = {"batch": "no file beside --instances", "query": "one query", "pair": "a network and a property"}
        hint = "verify NET.onnx PROP.vnnlib, or QUERY.vnnlib --network NAME=NET.onnx, or --instances LIST.csv"
        raise UsageError(f"verify needs {names[form]}, not {len(files)} files", hint=hint)
    for name in wrong:
        if options[name] not in (None, (), False):
            option = "json" if name == "as_json" else name.replace("_", "-")
            words = {"batch": "with --instances", "query": "with --network", "pair": "for one network and property"}
            raise UsageError(f"--{option} is not available {words[form]}")
    return form


def verify_pair(network: Path, property: Path, options: dict[str, Any]) -> None:
    """``verify NET.onnx PROP.vnnlib``."""
    from ..ir.answer_text import verdict_text
    from . import verification

    with progress(options["as_json"]) as tell:
        answer = verification.verify(network, property, **chosen(options), progress=tell)
    if options["results"] is not None:
        verification.write_results(answer, options["results"])
    if options["as_json"]:
        show(answer, True)
    click.echo(verdict_text(answer))
    click.get_current_context().exit(answer.exit_code)


def chosen(options: dict[str, Any]) -> dict[str, Any]:
    """What the search is told. A limit of memory also holds for this process as a whole."""
    if options["memory"] is not None and options["memory"] > 0:
        from .verification import limit_memory

        limit_memory(options["memory"])
    return {name: options[name] for name in ("timeout", "method", "memory", "seed", "reals")}


# -- VNN-LIB 2.0 -----------------------------------------------------------------------------------------------------


def verify_query(query: Path, options: dict[str, Any]) -> None:
    """``verify QUERY.vnnlib --network NAME=NET.onnx``: one word on stdout, then the assignment."""
    from ..ir.errors import UsageError
    from . import verification

    wrong = [text for text in options["network"] if not all(text.partition("=")[::2])]
    if wrong:
        raise UsageError(f"--network {wrong[0]}: write --network NAME=NET.onnx")
    network = verification.network_of(query, [tuple(text.split("=", 1)) for text in options["network"]])
    with progress(options["as_json"]) as tell:
        answer = verification.verify(network, query, **chosen(options), progress=tell)
    if options["results"] is not None:
        verification.write_results(answer, options["results"])
    if options["as_json"]:
        show(answer, True)
    click.echo({"timeout": "timed-out"}.get(answer.status, answer.status))
    if answer.status == "sat":
        from ..backends.assignments import assignment_text, save_assignment

        variables = verification.assignment(answer, query)
        if options["serialise_assignments"] is not None:
            save_assignment(variables, options["serialise_assignments"])
        else:
            click.echo(assignment_text(variables))
    click.get_current_context().exit(answer.exit_code)


CAPABILITIES = (
    "vnnlib-versions", "onnx-opset-versions", "onnx-element-types", "onnx-operators", "hidden-node-theories",
    "multiple-input-output-theories", "multiple-network-theories", "multiple-node-comparison-theories",
    "arithmetic-complexity-theories", "optimised-disjunctive-reasoning", "serialise-assignments", "unsat-proofs",
)  # fmt: skip


def capability_options(command: Any) -> Any:
    """One flag per capability."""
    for name in reversed(CAPABILITIES):
        command = click.option(f"--{name}", name.replace("-", "_"), is_flag=True)(command)
    return command


@click.command()
@capability_options
def supports(**wanted: bool) -> None:
    """Say which VNN-LIB 2.0 queries and which networks `verify` takes: one capability a call, one item a line."""
    from ..frontends.vnnlib.capabilities import capability
    from ..ir.errors import UsageError

    asked = [name for name in CAPABILITIES if wanted[name.replace("-", "_")]]
    if len(asked) != 1:
        raise UsageError("name one capability", hint=f"known: {', '.join(f'--{name}' for name in CAPABILITIES)}")
    click.echo("\n".join(capability(asked[0])))


# -- batches ---------------------------------------------------------------------------------------------------------


def verify_batch(options: dict[str, Any]) -> None:
    """``verify --instances LIST.csv``: lines to a file (or stdout), a table at the end."""
    from . import batch

    if options["certificates"] is not None:
        options["certificates"].mkdir(parents=True, exist_ok=True)
    settings = batch.Settings(
        options["timeout"], options["seed"], options["method"], options["memory"], options["certificates"],
        options["jobs"],
    )  # fmt: skip
    to_file = options["output"] is not None
    with batch.open_results(options["output"]) if to_file else nullcontext() as results:
        work = batch.Batch.read(options["instances"], settings, results.lines if results else ())
        found = list(work.done)
        try:
            with closing(work.run()) as running, batch_progress(work) as tell:
                for line in running:
                    if results:
                        results.add(line)
                    else:
                        click.echo(json.dumps(line))
                    found.append(line)
                    tell(line)
        except KeyboardInterrupt:
            count = len(work.done) + results.added if results else len(found)
            left = len(work.instances) - count
            kept = f"; the same command goes on with the {left} that are left" if to_file else ""
            click.echo(f"interrupted after {count} of {len(work.instances)} instances{kept}", err=True)
            click.get_current_context().exit(3)
    print_table(found, len(work.done), not to_file)
    click.get_current_context().exit(batch.exit_code(found))


@contextmanager
def batch_progress(work: Batch) -> Iterator[Any]:
    """A bar over all instances on stderr when that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda line: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=len(work.instances), completed=len(work.done))

        def tell(line: dict[str, Any]) -> None:
            words = f"{line['verdict']:<8}{line['network'].rpartition('/')[2]} {line['property'].rpartition('/')[2]}"
            bar.update(task, advance=1, description=words[:60])

        yield tell


def print_table(lines: list[dict[str, Any]], before: int, to_stderr: bool) -> None:
    """Verdicts and times by set."""
    from rich.console import Console
    from rich.table import Table

    from . import batch

    rows = batch.summary(lines)
    told = any("expected" in line.get("columns", {}) for line in lines)
    known = f" ({before} known before)" if before else ""
    table = Table(title=f"{len(lines)} instances{known}", title_justify="left", box=None, pad_edge=False)
    heads = ("decided", *batch.VERDICTS, "certified", *(["wrong"] if told else []), "seconds")
    table.add_column("set")
    for head in heads:
        table.add_column(head, justify="right")
    for row in rows:
        counts = [str(row.counts[verdict]) for verdict in batch.VERDICTS]
        wrong = [str(row.wrong)] if told else []
        time = "-" if row.median is None else f"{row.median:.3f}"
        table.add_row(row.name, f"{row.decided}/{row.total}", *counts, str(row.certified), *wrong, time)
    Console(stderr=to_stderr, width=100).print(table)  # not cut to the width of the terminal

