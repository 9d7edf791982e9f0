"""``isinglass verify --instances``: many questions, each answered by one of several worker processes.

Part of the facade. A worker that crashes, or does not stop in time, costs its own instance and is replaced.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import TIMEOUT_MAX, Lock, Timer
from time import monotonic
from typing import Any

from ..backends.result_lines import Line, ResultLines
from ..frontends.instances import Instance, read_instances
from ..ir.errors import InputError
from .verification import check_limits

VERDICTS = ("sat", "unsat", "unknown", "timeout", "error")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
GRACE = 10.0
"""Seconds beyond 1.5 times an instance's limit after which its worker is ended."""
TAIL = 400
"""Characters of a crashed worker's messages that are kept."""


@dataclass(frozen=True)
class Settings:
    """How each instance is answered; ``timeout`` (seconds) replaces the list's. ``memory``: GB per worker."""

    timeout: float | None = None
    seed: int = 0
    method: str | None = None
    memory: float | None = None
    certificates: Path | None = None
    jobs: int | None = None

    def __post_init__(self) -> None:
        check_limits(self.timeout, self.seed, self.memory)  # a mistake here is one of the batch, not of its instances

    @property
    def workers(self) -> int:
        """Number of processes; every core that this process may use unless stated."""
        if self.jobs is not None:
            return max(1, self.jobs)
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Batch:
    """The instances of a list and what is known of them. ``done``: lines of an earlier run, ``todo``: the rest."""

    instances: tuple[Instance, ...]
    settings: Settings
    done: list[Line] = field(default_factory=list)
    todo: list[int] = field(default_factory=list)
    digests: Digests = field(default_factory=lambda: Digests())

    @classmethod
    def read(cls, path: str | Path, settings: Settings, before: Iterable[Line] = ()) -> Batch:
        """``before``: the lines of a result file. A line stands for a row with the same files (by digest), limit, seed
        and method; everything else is run (again)."""
        batch = cls(read_instances(path), settings)
        known: dict[str, list[Line]] = {}
        for line in before:
            known.setdefault(line_key(line), []).append(line)
        for number, instance in enumerate(batch.instances):
            lines = known.get(line_key(batch.request(number)), [])
            now = batch.digests.of(instance) if lines else None
            fits = next((i for i, line in enumerate(lines) if line.get("digests") == now), None)
            if fits is None:
                batch.todo.append(number)
            else:
                batch.done.append(lines.pop(fits))
        return batch

    def request(self, number: int) -> dict[str, Any]:
        """What a worker is told about row ``number``, and what its line repeats."""
        instance, settings = self.instances[number], self.settings
        timeout = instance.timeout if settings.timeout is None else settings.timeout
        return {
            "row": number + 1, "set": instance.set, "network": instance.network, "property": instance.property,
            "timeout": timeout, "seed": settings.seed, "method": settings.method, "columns": dict(instance.columns),
        }  # fmt: skip

    def run(self) -> Generator[Line, None, None]:
        """The lines of the instances that are left, as they are answered. Closing the iterator ends the workers."""
        pool = Pool(self.settings.memory)
        threads = ThreadPoolExecutor(max(1, min(self.settings.workers, len(self.todo))))
        try:
            futures: list[Future[Line]] = [threads.submit(self._one, number, pool) for number in self.todo]
            for future in as_completed(futures):
                yield future.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            pool.close()

    def _one(self, number: int, pool: Pool) -> Line:
        instance, request = self.instances[number], self.request(number)
        files = {"network": str(instance.path(instance.network)), "property": str(instance.path(instance.property))}
        order = {"files": files, "certificate": None, **{key: request[key] for key in ("timeout", "seed", "method")}}
        if self.settings.certificates is not None:
            order["certificate"] = str(self.settings.certificates / f"{number + 1:05d}.json")
        limit = None if request["timeout"] is None else 1.5 * request["timeout"] + GRACE
        digests = self.digests.of(instance)  # as the files are before they are read
        return {**request, "digests": digests, **pool.ask(order, limit)}


def line_key(line: Mapping[str, Any]) -> str:
    """What two lines about the same question have in common."""
    return json.dumps([line.get(key) for key in ("network", "property", "timeout", "seed", "method")])


class Digests:
    """sha256 of files, each read once; None for a file that can't be read."""

    def __init__(self) -> None:
        self._known: dict[Path, str | None] = {}

    def of(self, instance: Instance) -> list[str | None]:
        """Of the network, with its data in other files, and of the property."""
        return [self._one(instance.path(name)) for name in (instance.network, instance.property)]

    def _one(self, path: Path) -> str | None:
        if path not in self._known:
            self._known[path] = digest(path)
        return self._known[path]


def digest(path: Path) -> str | None:
    """sha256 of a file; of a network in several files, that of their digests."""
    from ..backends.files import file_sha256, sha256
    from ..frontends.networks.model_file import network_files

    try:
        own = file_sha256(path)
    except InputError:
        return None
    try:
        others = [file_sha256(name) for name in network_files(path)[1:]] if ".onnx" in path.suffixes else []
    except InputError:  # of a network that can't be read, which its line says
        others = []
    return sha256("".join([own, *others]).encode()) if others else own


# -- processes -------------------------------------------------------------------------------------------------------


def worker_command(memory: float | None) -> list[str]:
    """What starts a worker."""
    return [sys.executable, "-P", "-m", f"{__package__}.batch_worker", str(memory or 0)]


class Worker:
    """One process of ``batch_worker``, which answers one order after the other."""

    def __init__(self, memory: float | None) -> None:
        self._late = False
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
        # a session of its own, so that Ctrl-C reaches only the parent, which ends its workers
        self._process = subprocess.Popen(
            worker_command(memory), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._messages,
            env=environment, start_new_session=True,
        )  # fmt: skip

    def ask(self, order: Mapping[str, Any], limit: float | None) -> Line | None:
        """The answer; None when the process ended without one, by itself or after ``limit`` seconds."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        timer = Timer(TIMEOUT_MAX if limit is None else min(limit, TIMEOUT_MAX), self._stop)
        timer.start()
        try:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except (OSError, ValueError):  # gone, or its pipes closed by close()
            line = b""
        finally:
            timer.cancel()
        found: Line | None = json.loads(line) if line.endswith(b"\n") else None
        return found

    def _stop(self) -> None:
        self._late = True
        self._process.kill()

    def last_words(self) -> Line:
        """The result of an instance during which the process ended."""
        code = self._process.wait()
        if self._late:
            return {"verdict": "timeout", "detail": ["the process did not stop in time and was ended"]}
        self._messages.seek(0)
        text = self._messages.read().decode(errors="replace").strip()
        how = f"signal {-code}" if code < 0 else f"code {code}"
        return {"verdict": "error", "error": f"the process ended with {how}" + (f": {text[-TAIL:]}" if text else "")}

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._messages):
            with suppress(OSError):
                if stream is not None:
                    stream.close()


class Pool:
    """Workers that are free; one that ended is not given back, another takes its place."""

    def __init__(self, memory: float | None) -> None:
        self._memory = memory
        self._lock = Lock()
        self._free: list[Worker] = []
        self._all: list[Worker] = []
        self._closed = False

    def ask(self, order: Mapping[str, Any], limit: float | None) -> Line:
        """Let a worker answer."""
        with self._lock:
            if self._closed:
                raise CancelledError
            if not self._free:
                self._all.append(Worker(self._memory))
                self._free.append(self._all[-1])
            worker = self._free.pop()
        start = monotonic()
        found = worker.ask(order, limit)
        if found is None:
            return {**worker.last_words(), "seconds": monotonic() - start}
        with self._lock:
            self._free.append(worker)
        return found

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            self._closed = True
        for worker in self._all:
            worker.close()


# -- the table at the end --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """Counts of one set; ``median``: seconds of the decided instances; ``wrong``: against a column ``expected``."""

    name: str
    total: int
    counts: Mapping[str, int]
    certified: int
    wrong: int
    median: float | None

    @property
    def decided(self) -> int:
        return self.counts["sat"] + self.counts["unsat"]


def summary(lines: Iterable[Line]) -> list[Row]:
    """One row per set in the order of their names, and one for all of them where there are several."""
    found = list(lines)
    names = sorted({line.get("set", "") for line in found})
    rows = [row_of(name, [line for line in found if line.get("set", "") == name]) for name in names]
    return [*rows, row_of("all", found)] if len(rows) > 1 else rows


def row_of(name: str, lines: list[Line]) -> Row:
    """The counts of some lines."""
    counts = {verdict: sum(line["verdict"] == verdict for line in lines) for verdict in VERDICTS}
    decided = [line for line in lines if line["verdict"] in ("sat", "unsat")]
    expected = [(line["verdict"], line.get("columns", {}).get("expected")) for line in decided]
    wrong = sum(found != told for found, told in expected if told in ("sat", "unsat"))
    certified = sum(line.get("basis") == "certificate" for line in decided)
    seconds = [line["seconds"] for line in decided if line.get("seconds") is not None]
    return Row(name, len(lines), counts, certified, wrong, median(seconds) if seconds else None)


def exit_code(lines: Iterable[Line]) -> int:
    """0 when every instance is decided, 1 when one ended in an error, else 3."""
    verdicts = {line["verdict"] for line in lines}
    return 1 if "error" in verdicts else 3 if verdicts & {"unknown", "timeout"} else 0


def open_results(path: str | Path) -> ResultLines:
    """The file that a batch adds its lines to."""
    return ResultLines(path)
