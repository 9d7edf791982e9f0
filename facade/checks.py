"""``isinglass check``: a saved answer against its source files, read again. Part of the facade.

Nothing that found the answer is trusted or used: the readers, the IR's evaluation, the certificate checkers, and for
networks the reference runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..ir.answers import Answer
from ..ir.checking import CERTIFICATES, Verdict, check_optimize, rejected
from ..ir.errors import InputError
from ..ir.tasks import Bound, Optimize, Prove, Task


def check(path: str | Path) -> Verdict:
    """Re-check an answer that ``run --json`` or ``decode --json`` wrote. Raises :class:`InputError` for an unreadable
    file."""
    from ..backends.files import read_text

    answer = Answer.from_json(read_text(path), str(path))
    wrong = changed_sources(answer.sources)
    if wrong:
        return rejected(*wrong)
    return judged(task_asked(answer, path), answer)


def task_asked(answer: Answer, path: str | Path) -> Task:
    """The question that an answer says it answers, read again. Raises :class:`InputError` where it says none."""
    from ..frontends.files import read

    options = answer.options
    if "bundle" in options:
        from .export import load

        bundle = load(str(options["bundle"]))
        task = getattr(bundle, "task", None)
        return task if isinstance(task, (Prove, Bound)) else Optimize(bundle.stored.source)
    if "lipschitz" in options:
        from .lipschitz import question

        try:
            return question(options["lipschitz"])
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise InputError(f"{path}: what was asked is damaged ({error})") from error
    if "network" in options:
        from .verification import read_task

        return read_task(str(options["network"]), str(options["property"]), bool(options.get("reals")))
    if "file" not in options:
        raise InputError(f"{path}: the answer does not say which file it answers", hint="answers of run and verify do")
    defines = options.get("defines", {})
    if not isinstance(defines, Mapping):
        raise InputError(f"{path}: what was asked is damaged (defines are no object)")
    return read(str(options["file"]), defines)


def judged(task: Task, answer: Answer) -> Verdict:
    """The verdict on an answer to a task."""
    if isinstance(task, Optimize):
        return check_optimize(task.problem, answer)
    if isinstance(task, Prove):
        return check_prove(task, answer)
    if isinstance(task, Bound):
        from .bound_checks import check_bound_task
        from .lipschitz import with_relus

        return check_bound_task(with_relus(task), answer)
    return rejected(f"a {type(task).__name__.lower()} goal has no such answer")


def changed_sources(sources: Mapping[str, str]) -> list[str]:
    """Source files that are not those the answer was given for."""
    from ..backends.files import read_bytes, sha256

    found = []
    for name, digest in sources.items():
        try:
            now = sha256(read_bytes(name))
        except InputError as error:
            found.append(str(error.diagnostics[0].message))
            continue
        if now != digest:
            found.append(f"{name} is not the file that was answered")
    return found


def check_prove(task: Prove, answer: Answer) -> Verdict:
    """A verdict on a network: a counterexample is run again, in onnxruntime and in exact rationals."""
    if answer.status == "sat":
        return check_counterexample(task, answer)
    if answer.status == "unsat":
        return check_unsat(task, answer)
    if answer.status in ("unknown", "timeout"):
        return Verdict("witness-only", (f"status {answer.status} claims nothing that could be checked",))
    return rejected(f"status {answer.status} answers no question about a network")


def check_unsat(task: Prove, answer: Answer) -> Verdict:
    """A claim that no input is unsafe: the certificate has to refute every case, on the files as they are now."""
    if answer.witness is not None:
        return rejected("the answer says unsat and brings a witness")
    if answer.basis != "certificate":
        words = "rests on the solver's word" if answer.basis == "solver-word" else "has no certificate to check"
        return Verdict("solver-word", (f"unsat {words}",))
    given = answer.certificate
    kind = str(given.get("kind", "")) if isinstance(given, Mapping) else ""
    module = CERTIFICATES.module(kind) if kind in CERTIFICATES else None
    if given is None or module is None or not hasattr(module, "refuted"):
        return rejected(f"no certificate of kind {kind!r} proves claims about networks")
    try:
        left = np.flatnonzero(~module.refuted(task, given))
    except InputError as error:
        return rejected(*(diagnostic.message for diagnostic in error.diagnostics))
    if not len(left):
        return Verdict("accepted", (f"the {kind} certificate proves that no input is unsafe",))
    first = task.unsafe.texts[int(left[0])]
    return rejected(f"the certificate leaves {len(left)} of {task.unsafe.count} cases open, the first: {first}")


def check_counterexample(task: Prove, answer: Answer) -> Verdict:
    """Whether the witness lies in the box and is unsafe, in the arithmetic that the answer claims."""
    from ..backends.network_runner import NetworkRunner
    from ..ir.counterexample import unsafe_arithmetic

    given = (answer.witness or {}).get(task.inputs)
    var = task.problem.var(task.inputs)
    try:
        x = np.asarray(given, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        return rejected(f"the witness holds no numbers for {task.inputs}")
    if x.shape != (var.size,) or not np.isfinite(x).all():
        return rejected(f"the witness's {task.inputs} has {x.size} numbers, the network reads {var.size}")
    found = unsafe_arithmetic(task, x, NetworkRunner.of(task))
    if found is None:
        return rejected("the witness is no counterexample")
    if answer.arithmetic not in (found, None) and found != "both":
        return rejected(f"the witness is unsafe in {found} arithmetic, the answer says {answer.arithmetic}")
    return Verdict("witness-only", (f"the counterexample was run again and is unsafe ({found} arithmetic)",))
