"""A network and a property, each in its own file: ``isinglass verify``. Part of the facade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..ir.answers import Answer
from ..ir.errors import InputError, UsageError
from ..ir.protocols import Limits
from ..ir.types import FloatArray

if TYPE_CHECKING:
    from ..api import Progress
    from ..backends.assignments import Assigned
    from ..ir.tasks import Prove


def read_task(network: str | Path, property: str | Path, reals: bool = False) -> Prove:
    """The question whether the network in an ONNX file has an input as the VNN-LIB file ``property`` describes.

    Either may be gzipped. ``reals``: an answer about real arithmetic will do where the file says float32. Raises
    :class:`InputError` that names file, place and remedy, :class:`Refused` for what is not supported.
    """
    from ..frontends.networks.reader import read_network
    from ..frontends.vnnlib.property import prove_vnnlib
    from ..frontends.vnnlib.reader import read_vnnlib

    query = read_vnnlib(property)  # the cheaper one to be wrong
    return prove_vnnlib(read_network(network), query, reals=reals)


def verify(
    network: str | Path,
    property: str | Path,
    *,
    timeout: float | None = None,
    method: str | None = None,
    memory: float | None = None,
    seed: int = 0,
    solver: Any = None,
    reals: bool = False,
    progress: Progress | None = None,
) -> Answer:
    """Whether the network has an input for which all that the VNN-LIB file asserts holds: ``sat`` with such an input,
    ``unsat``, ``unknown`` or ``timeout``.

    ``timeout``: seconds, reading the files included. ``memory``: GB that the search may take. ``method``: verify (a
    portfolio, the default), bisect, branch, lipschitz or milp. ``reals``: see :func:`read_task`. The answer remembers
    both files with their digests, for :func:`isinglass.check`.
    """
    from ..api import prove
    from ..backends.files import read_bytes, sha256
    from ..frontends.networks.model_file import network_files

    start = perf_counter()
    limits = check_limits(timeout, seed, memory)
    stated = {"method": method, "solver": solver, "memory": memory}
    sources = {str(path): sha256(read_bytes(path)) for path in (*network_files(network), property)}
    try:
        task = read_task(network, property, reals)
        read = perf_counter() - start
        options = {**task.options, **{key: value for key, value in stated.items() if value is not None}}
        answer = prove(replace(task, options=options), options, limits, progress)
    except MemoryError:
        read = perf_counter() - start
        answer = Answer("unknown", detail=("the memory that is available was not enough",), seed=seed)
    return answer.with_fields(
        sources=sources,
        options={"network": str(network), "property": str(property), "reals": reals},
        timings={"read": read, **answer.timings, "all": perf_counter() - start},
    )


def check_limits(timeout: float | None, seed: int, memory: float | None) -> Limits:
    """The limits of a search that starts now. Raises :class:`UsageError` for numbers that make no sense."""
    if memory is not None and not memory > 0:
        raise UsageError(f"memory = {memory}: a positive number of GB")
    return Limits(timeout, seed)


def limit_memory(gigabytes: float) -> None:
    """Let this process fail to get more memory than that, where the system can do it."""
    try:
        import resource
    except ImportError:
        return
    most = int(gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))


# -- VNN-LIB 2.0 and VNN-COMP ----------------------------------------------------------------------------------------


def network_of(query: str | Path, networks: Sequence[tuple[str, str]]) -> str:
    """The file of the network that a 2.0 query declares, among those stated as (name, file).

    Raises :class:`InputError` where there are too few or too many of them.
    """
    from ..frontends.vnnlib.reader import read_vnnlib

    name = read_vnnlib(query).network
    if not name:
        raise InputError(f"{query}: declares no network", hint="for VNN-LIB 1.0: verify NET.onnx PROP.vnnlib")
    found = [file for key, file in networks if key == name]
    if len(found) != 1 or len(networks) != 1:
        given = ", ".join(key for key, _ in networks)
        message = f"{query}: declares the network {name!r}, stated are: {given}"
        raise InputError(message, hint=f"state --network {name}=NET.onnx, once")
    return found[0]


def assignment(answer: Answer, query: str | Path) -> list[Assigned]:
    """The declared variables of a 2.0 query at the witness: what onnxruntime computes where it holds in float32."""
    from ..backends.assignments import Assigned
    from ..frontends.vnnlib.reader import read_vnnlib

    read = read_vnnlib(query)
    x, y = witness_of(answer)
    return [Assigned(one.name, one.element, one.shape, at) for one, at in ((read.inputs, x), (read.outputs, y))]


def witness_of(answer: Answer) -> tuple[FloatArray, FloatArray]:
    """Inputs [n] of a ``sat`` answer, and the outputs [k] there: onnxruntime's, or real ones in float64 where the
    witness holds in real arithmetic only."""
    import numpy as np

    from ..backends.network_runner import NetworkRunner
    from ..compiler.networks.view import NetView
    from ..frontends.networks.reader import read_network
    from ..frontends.networks.through_ending import file_outputs
    from ..ir.errors import Refused
    from ..ir.exact import Exact
    from ..ir.exact_evaluation import exact_values

    network, property = str(answer.options["network"]), str(answer.options["property"])
    task = read_task(network, property, reals=True)
    x = np.asarray((answer.witness or {})[task.inputs], dtype=np.float64).ravel()
    if answer.arithmetic != "real-only":
        return x, NetworkRunner(network)(x[None])[0]
    try:
        y = exact_values(task.problem, {task.inputs: Exact.of(x[None])})[task.outputs].to_float()[0]
    except Refused:  # a function without exact values
        y = NetView.of(task.problem).forward({task.inputs: x[None]})[task.outputs][0]
    return x, file_outputs(read_network(network), y)


def write_results(answer: Answer, path: str | Path) -> None:
    """The verdict, and the counterexample of a ``sat``, in the format of VNN-COMP."""
    from ..backends.vnncomp_results import write_vnncomp

    x, y = witness_of(answer) if answer.status == "sat" else (None, None)
    write_vnncomp(path, answer.status, x, y)
