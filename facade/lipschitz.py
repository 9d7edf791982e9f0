"""Lipschitz constants of networks as brackets: ``isinglass.lipschitz``, and the answers to ``bound`` goals. Part of the
facade.

``docs/lipschitz.md`` says what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..ir.answers import Answer, plain
from ..ir.errors import InputError, Refused, UsageError
from ..ir.protocols import Event, Limits
from ..ir.tasks import Bound
from ..ir.types import AnyArray, FloatArray

if TYPE_CHECKING:
    from ..api import Progress
    from ..frontends.networks.box import Box

SEARCH = ("exact", "tolerance", "budget")
"""Options of the search, which the driver finds in the task: run until the bracket is closed; stop where it is
relatively this narrow; most spins of one sampler call."""
ASKED = ("output", "difference", "norm", "quantity", "box")
"""What states the question, kept in the answer for ``check``."""


@dataclass(frozen=True)
class Ball:
    """Inputs within ``eps`` of a point in the maximum norm, and within ``clip`` (low, high).

    ``centre``: ``point.npy``, ``point.csv``, ``data.npz:x_test[3]`` (an array, a row of it).
    """

    centre: str
    eps: float
    clip: tuple[float, float] | None = None


Where = str | Path | Ball | Sequence[AnyArray] | None
"""All inputs, or a box: a file (VNN-LIB, .npz with lower and upper, .npy [2, n]), a ball, or both sides."""


def lipschitz(
    network: str | Path,
    *,
    output: Any = None,
    difference: Any = None,
    norm: str = "linf",
    quantity: str = "lipschitz",
    box: Where = None,
    timeout: float | None = None,
    exact: bool = False,
    seed: int = 0,
    solver: Any = None,
    budget: int | None = None,
    tolerance: float | None = None,
    progress: Progress | None = None,
) -> Answer:
    """How much outputs of an ONNX network can change per unit of change of its inputs, from below and from above.

    ``output``: a number, several, or ``"all"``; ``difference``: a pair (8, 3), several pairs, or ``"all"`` pairs; all
    outputs where neither is stated. ``norm`` of the inputs: linf or l2. ``box``: constants for inputs in a box only.
    ``quantity``: lipschitz, or inf-to-one (the norm that HiQ-Lip's Hamiltonian stands for; one hidden layer).

    ``timeout``: seconds, reading included. ``exact``: go on until the bracket is closed, or until ``tolerance``
    (relative) is reached. ``solver``: a sampler that looks for lower bounds besides, at most ``budget`` spins a call.

    Of several functionals, ``answer.parts`` has one answer each, and the answer itself is about the greatest. It
    remembers files and digests, for :func:`isinglass.check`. Raises :class:`InputError` for what is wrong with a file
    or with the question, :class:`Refused` for networks with functions that have no slopes.
    """
    start = perf_counter()
    limits = Limits(timeout, seed)
    asked = {
        "network": str(network), "output": output, "difference": difference, "norm": norm, "quantity": quantity,
        "box": settings(box),
    }  # fmt: skip
    asked = {key: value for key, value in plain(asked).items() if value is not None}
    task = question(asked, box)
    sources = digests(task, asked)
    read = perf_counter() - start
    stated = {"exact": exact or None, "tolerance": tolerance, "budget": budget, "solver": solver}
    options = {key: value for key, value in stated.items() if value is not None}
    answer = answer_bound(task, options, limits, progress)
    return answer.with_fields(
        sources=sources,
        options={**answer.options, "lipschitz": asked},
        timings={"read": read, **answer.timings, "all": perf_counter() - start},
    )


def question(asked: Mapping[str, Any], box: Where = None) -> Bound:
    """The task that settings state (as :func:`lipschitz` keeps them in its answer); ``box`` where it is at hand."""
    from ..frontends.networks.lipschitz import bound
    from ..frontends.networks.reader import read_network

    if not isinstance(asked, Mapping) or "network" not in asked:
        raise InputError("the answer does not say what was asked")
    network = read_network(str(asked["network"]))
    where = box if box is not None else restored(asked.get("box"))
    stated = {key: asked[key] for key in ASKED[:-1] if asked.get(key) is not None}
    return with_relus(bound(network, **stated, box=None if where is None else read_where(where)))


def with_relus(task: Bound) -> Bound:
    """The same question, the greatest of several numbers written as relus (exactly); what :func:`answer_bound` and
    ``check`` look at."""
    from ..ir.functions.max import Max
    from ..ir.relu_rows import as_relu

    written = as_relu(task.problem, (Max,))
    if not written.notes:
        return task
    return replace(task, problem=replace(written.problem, ledger=(*task.problem.ledger, *written.notes)))


def estimates(network: str | Path, *, box: Where = None, seed: int = 0, **asked: Any) -> list[str]:
    """Published estimates of the same constants as lines of text, by name. None of them is part of a bracket."""
    from ..compiler.lipschitz.estimates import KINDS, sampled_gradient
    from ..compiler.lipschitz.estimates import estimates as of_form
    from ..ir.bracket_text import table
    from ..ir.slope_reader import slope_form

    task = question({"network": str(network), **asked}, box)
    found = {label: [sampled_gradient(task, k, seed=seed)] for k, label in enumerate(task.labels)}
    refusal = ""
    try:
        form = slope_form(task)
        for k, label in enumerate(task.labels):
            found[label] += of_form(form, k, seed) if task.norm == "linf" else ()
    except Refused as error:
        refusal = error.diagnostics[0].message
    names = [one.name for one in next(iter(found.values()))]
    rows = [(label, *(f"{one.value:.6g}" for one in each)) for label, each in found.items()]
    lines = ["estimates: no bounds, and not part of the answer", *table([("constant", *names), *rows], (0,))]
    return [*lines, *(f"  {name}: {KINDS[name]}" for name in names), *([f"  {refusal}"] if refusal else [])]


# -- boxes -----------------------------------------------------------------------------------------------------------


def settings(box: Where) -> Any:
    """A box as plain data."""
    if box is None or isinstance(box, (str, Path)):
        return None if box is None else {"file": str(box)}
    if isinstance(box, Ball):
        clip = None if box.clip is None else list(box.clip)
        return {"centre": box.centre, "eps": box.eps, **({} if clip is None else {"clip": clip})}
    if not hasattr(box, "__len__") or len(box) != 2:
        raise InputError(f"box = {box!r} has no two sides", code="box", hint="box = (lower, upper), or a file")
    return {name: side_of(side).tolist() for name, side in zip(("lower", "upper"), box, strict=True)}


def side_of(given: Any) -> FloatArray:
    """One side of a box. Raises :class:`InputError` for what holds no numbers."""
    import numpy as np

    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"a side of the box holds no numbers ({error})", code="box") from error


def restored(kept: Any) -> Where:
    """The inverse of :func:`settings`. Raises :class:`InputError` for anything else."""
    if kept is None:
        return None
    keys = set(kept) if isinstance(kept, dict) else set()
    if keys == {"file"}:
        return str(kept["file"])
    if keys in ({"centre", "eps"}, {"centre", "eps", "clip"}):
        clip = None if "clip" not in kept else (float(kept["clip"][0]), float(kept["clip"][1]))
        return Ball(str(kept["centre"]), float(kept["eps"]), clip)
    if keys == {"lower", "upper"}:
        return (kept["lower"], kept["upper"])
    raise InputError("the answer does not say which box it is about")


def read_where(where: str | Path | Ball | Sequence[AnyArray]) -> Box:
    """The box that is meant."""
    import numpy as np

    from ..frontends.networks.box import Box
    from ..frontends.networks.box_files import read_box, read_point

    if isinstance(where, (str, Path)):
        return read_box(where)
    if not isinstance(where, Ball):
        lower, upper = map(side_of, where)
        return Box.between(lower, upper, "simplest")
    found = Box.ball(read_point(where.centre), where.eps)
    if where.clip is None:
        return found
    low, high = (np.full(len(found.lower), end, dtype=np.float64) for end in where.clip)
    return found.meet(Box.between(low, high))


def digests(task: Bound, asked: Mapping[str, Any]) -> dict[str, str]:
    """All files that the question was read from."""
    from ..backends.files import read_bytes, sha256
    from ..frontends.networks.box_files import point_file
    from ..frontends.networks.model_file import network_files

    box = asked.get("box", {})
    beside = [box["file"]] if "file" in box else [point_file(box["centre"])] if "centre" in box else []
    return {str(name): sha256(read_bytes(name)) for name in (*network_files(task.network), *beside)}


# -- answers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BoundTools:
    """What the driver of ``Bound`` tasks may use; each is loaded when it is first asked for."""

    solver: Any = None

    @cached_property
    def sampler(self) -> Any:
        """A solver of QUBO or Ising problems that looks for lower bounds; None where none was asked for."""
        from ..api import make_solver

        if self.solver is None:
            return None
        found, name = make_solver(self.solver)
        if found.level not in ("BQM", "SPIN"):
            raise Refused(f"{name} takes no Ising problems", hint="a sampler: neal, tabu, greedy, exact or cmd:...")
        return found

    @cached_property
    def open_lp(self) -> Any:
        from ..api import lp_tool

        return lp_tool()


def answer_bound(task: Bound, options: Mapping[str, Any], limits: Limits, progress: Progress | None) -> Answer:
    """The bracket, through the driver ``lipschitz``. ``options``: ``exact``, ``tolerance``, ``budget``, ``solver``."""
    tools = BoundTools(options.get("solver"))
    if tools.solver is not None:
        _ = tools.sampler  # wrong names are told before anything runs
    check_search(options)
    if {"method", "master", "via"} & set(options):
        raise Refused("method, master and via are not for bound goals", hint="exact, tolerance, solver and budget are")
    from ..compiler.drivers.lipschitz import Lipschitz

    asked = {**task.options, **{key: options[key] for key in SEARCH if key in options}}
    task = with_relus(task)
    loop = Lipschitz(replace(task, options=asked), tools, limits).run()
    answer = finished(loop, progress)
    told = {"quantity": task.quantity, "norm": task.norm, "labels": list(task.labels)}
    notes = (*task.problem.ledger, *answer.ledger)
    return answer.with_fields(seed=limits.seed, claim=claim(task), ledger=notes, options={"bound": told})


def finished(loop: Generator[Event, None, Answer], progress: Progress | None) -> Answer:
    """What a driver returns."""
    while True:
        try:
            event = next(loop)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
        if progress:
            progress(event)


def check_search(options: Mapping[str, Any]) -> None:
    """Raises :class:`UsageError` for numbers that make no sense."""
    tolerance, budget = options.get("tolerance"), options.get("budget")
    if tolerance is not None and not 0 <= tolerance < float("inf"):
        raise UsageError(f"tolerance = {tolerance}: a relative gap, 0 or more")
    if budget is not None and not budget >= 2:
        raise UsageError(f"budget = {budget}: at least 2 spins")
    if budget is not None and options.get("solver") is None:
        raise UsageError("a budget is that of a sampler's calls", hint="name one too: --solver neal")


def claim(task: Bound) -> str:
    """What an answer is about, in words."""
    import numpy as np

    words = {"lipschitz": f"formal {task.norm} Lipschitz constant", "inf-to-one": "inf-to-one norm"}[task.quantity]
    var = task.problem.var(task.inputs)
    where = "inputs in a box" if np.isfinite(var.lower).all() and np.isfinite(var.upper).all() else "all inputs"
    what = task.labels[0] if len(task.labels) == 1 else f"{len(task.labels)} functionals"
    name = Path(task.network).name
    return f"{words} of {what}{f' of {name}' if name else ''}, {where}"
