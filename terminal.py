"""What the commands share: progress on stderr, answers on stdout. Part of the facade."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .ir.answers import Answer
    from .ir.protocols import Event


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
            bar.update(task, description=event.text[:70], completed=event.done, total=event.total)

        yield tell


def show(answer: Answer, as_json: bool) -> None:
    """Print an answer; the exit code says whether it is one."""
    if as_json:
        click.echo(answer.to_json())
    else:
        from .ir.answer_text import answer_text

        click.echo(answer_text(answer))
    click.get_current_context().exit(answer.exit_code)
