"""What compiling does, as text; passes run one by one. Part of the facade."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..ir.errors import InputError
from ..ir.problem import Problem
from ..ir.tasks import Bound, Optimize, Prove

if TYPE_CHECKING:
    from ..compiler.pipeline import Trace


def explain(
    source: Any,
    defines: Mapping[str, str] | None = None,
    target: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> str:
    """What compiling does, as text: of a bundle, a spec, or a problem."""
    from ..api import as_task, compile, read

    if isinstance(source, (str, Path)) and Path(source).is_dir():
        from .export import load

        return load(source).explain()
    task = read(source, defines) if isinstance(source, (str, Path)) else as_task(source)
    return compile(task, target, **(options or {})).explain()


def opt(path: str | Path, pipeline: str, output: str | Path | None = None) -> Trace:
    """Run passes over the problem that a file states; write the result in the text form where ``output`` says."""
    from ..api import read
    from ..backends.ir_files import write_ir
    from ..compiler.pipeline import Pipeline

    task = read(path)
    if not isinstance(task, (Optimize, Prove, Bound)):
        raise InputError(f"{path}: its goal states no problem that passes could rewrite")
    trace = Pipeline.parse(pipeline).run(task.problem, check=True)
    if output is not None:
        write_ir(trace.problem, output)
    return trace


def ir_text(problem: Problem) -> str:
    """The text form of a problem (large arrays appear as references)."""
    from ..ir.text import print_ir

    return print_ir(problem)[0]
