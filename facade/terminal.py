"""What the commands share: progress on stderr, answers on stdout. Part of the facade."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..ir.answers import Answer
    from ..ir.protocols import Event


@contextmanager
def progress(quiet: bool = False) -> Iterator[Callable[[Event], None] | None]:
    """A progress line on stderr when that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def tell(event: Event) -> None:
            bracket = "" if event.bracket is None else "  {:.6g} to {:.6g}".format(*event.bracket)
            text = event.text[: 70 - len(bracket)] + bracket
            bar.update(task, description=text, completed=event.done, total=event.total)

        yield tell


def show(answer: Answer, as_json: bool, more: Sequence[str] = ()) -> None:
    """Print an answer, and ``more`` lines (on stderr beside JSON); the exit code says whether it is one."""
    if as_json:
        click.echo(answer.to_json())
    else:
        from ..ir.answer_text import answer_text

        click.echo(answer_text(answer))
    for line in more:
        click.echo(line, err=as_json)
    click.get_current_context().exit(answer.exit_code)


def listing(what: str | None = None) -> str:
    """What is available, one line each."""
    from ..backends.solver import SOLVERS
    from ..backends.target import TARGETS
    from ..compiler.driver import DRIVERS
    from ..compiler.encoding import ENCODINGS
    from ..compiler.pipeline import PASSES
    from ..compiler.weights._prove import RULES
    from ..ir.rules import FUNCTIONS

    folders = {"targets": TARGETS, "solvers": SOLVERS, "passes": PASSES, "encodings": ENCODINGS, "functions": FUNCTIONS,
               "drivers": DRIVERS, "weights": RULES}  # fmt: skip
    lines = []
    for name, registry in folders.items():
        if what in (None, name):
            lines += [f"{name}:"] if what is None else []
            lines += [f"  {key:<24} {registry.summary(key)}" for key in registry]
    return "\n".join(lines)
