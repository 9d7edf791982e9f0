"""Brackets of Lipschitz constants against the goals, one thread, in one process; every answer goes through the checker.

    python benchmarks/lipschitz.py ../shared/data/lipschitz [--only NAME ...] [--long]

root      one hidden layer, 8 to 256 units: the best pattern, the semidefinite bound and its proof
exact     8, 16 and 64 units run to the end
anytime   256 units in 10 s and 60 s (--long: 10 minutes)
deep      net3 and net5 (2 and 4 hidden layers) in 2, 10 and 60 s
many      all 10 outputs and 45 differences of the network of 256 units
vnncomp   mnist_fc of VNN-COMP, where ../vnncomp lies beside the folder
local     boxes around the first test image of ../images/mnist.npz (no goals)

Times are wall times of the call without reading the file, beside the CPU time, which counts against a goal instead
where the machine is busy otherwise. The exit code is 1 where a goal is missed or an answer is not accepted; what is
marked * is a stretch goal.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # before numpy loads its libraries

import numpy as np  # noqa: E402

import isinglass  # noqa: E402

CLASS = 8
BEST = {8: 88.076975720, 16: 113.709164033, 64: 141.214155573, 256: 233.268835756}
RELAXED = {8: 93.6724, 16: 118.9854, 64: 149.0721, 256: 248.6923}
"""Best known patterns, and values of the semidefinite relaxation, of ``net2_<units>``."""
DEEP = {"net3": {2: (1.138, None), 10: (1.09, None), 60: (1.06, 1.035)},
        "net5": {2: (1.289, None), 10: (1.22, None), 60: (1.20, 1.17)}}  # fmt: skip
"""Seconds -> goal and stretch goal of upper / lower."""
ANYTIME: dict[float, tuple[float, float | None]] = {10: (0.04, None), 60: (0.03, 0.02), 600: (0.015, 0.007)}
VNNCOMP = {"256x2": (10.0, 1e-6), "256x4": (20.0, 0.05)}


@dataclass
class Report:
    """Lines of all tables, and what failed."""

    folder: Path
    lines: list[dict[str, Any]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def ask(self, name: str, path: Path, repeats: int = 1, **asked: Any) -> tuple[Any, float]:
        """The answer of the fastest call and its seconds without reading; the answer is put to the checker."""
        best: tuple[float, float, Any] | None = None
        for _ in range(repeats):
            start, used = time.perf_counter(), time.process_time()
            answer = isinglass.lipschitz(path, **asked)
            seconds = time.perf_counter() - start - float(answer.timings.get("read", 0.0))
            used = time.process_time() - used
            if best is None or seconds < best[0]:
                best = seconds, used, answer
        assert best is not None
        seconds, used, answer = best
        saved = self.folder / "answer.json"
        saved.write_text(answer.to_json())
        start = time.perf_counter()
        verdict = isinglass.check(saved)
        checked = time.perf_counter() - start
        gap = answer.upper / answer.lower - 1 if answer.lower else float("inf")
        print(f"  {name:<26} {answer.lower:>14.8g} {answer.upper:>14.8g} {100 * gap:>9.5f} % {seconds:>8.3f} s "
              f"{used:>8.3f} s CPU  check {verdict.verdict} {checked:.3f} s  {answer.status}", flush=True)  # fmt: skip
        if verdict.verdict != "accepted":
            self.failed.append(f"{name}: check says {verdict.verdict}: {'; '.join(verdict.reasons)}")
        self.lines.append({"name": name, "lower": answer.lower, "upper": answer.upper, "seconds": seconds, "cpu": used,
                           "check": verdict.verdict, "check_seconds": checked, "status": answer.status})  # fmt: skip
        return answer, seconds

    def time(self, what: str, seconds: float, wanted: float) -> None:
        """The wall time of the last call, or its CPU time where the machine had more to do than this."""
        used = float(self.lines[-1]["cpu"])
        busy = seconds > wanted and seconds > 1.2 * used
        self.goal(f"{what}: {'CPU ' if busy else ''}seconds", used if busy else seconds, wanted)

    def goal(self, what: str, value: float, wanted: float, stretch: float | None = None) -> None:
        """``value`` has to be at most ``wanted``."""
        ratio = value / wanted
        verdict = "met" if value <= wanted else "MISSED"
        more = "" if stretch is None else f"; * {stretch:g}: {'met' if value <= stretch else 'missed'}"
        print(f"    {what:<50} {value:>12.6g} <= {wanted:<10g} ({ratio:.2f} of the goal) {verdict}{more}", flush=True)
        self.lines.append({"goal": what, "value": value, "wanted": wanted, "stretch": stretch})
        if value > wanted:
            self.failed.append(f"{what}: {value:.6g}, wanted at most {wanted:g}")


Table = Callable[[Report, argparse.Namespace], None]


def root(report: Report, options: argparse.Namespace) -> None:
    warm(options)
    for units, best in BEST.items():
        answer, seconds = report.ask(f"net2_{units} root", net(options, f"net2_{units}"), 5, output=CLASS)
        report.time(str(units), seconds, 0.1)
        report.goal(f"{units}: best known less lower, relatively", 1 - answer.lower / best, 1e-8)
        report.goal(f"{units}: upper over the relaxation", answer.upper / RELAXED[units] - 1, 1e-5)


def warm(options: argparse.Namespace) -> None:
    """Load what is loaded on first use (and compiled once): the goals are for a process that has been used."""
    isinglass.lipschitz(net(options, "net2_8"), output=CLASS, exact=True)


def exact(report: Report, options: argparse.Namespace) -> None:
    warm(options)
    for units, wanted in ((8, 0.1), (16, 0.1), (64, 1.0)):
        answer, seconds = report.ask(f"net2_{units} exact", net(options, f"net2_{units}"), 3, output=CLASS, exact=True)
        report.time(str(units), seconds, wanted)
        report.goal(f"{units}: gap", answer.upper / answer.lower - 1, 1e-6)


def anytime(report: Report, options: argparse.Namespace) -> None:
    for limit, (wanted, stretch) in ANYTIME.items():
        if limit > 60 and not options.long:
            continue
        answer, seconds = report.ask(f"net2_256 in {limit:g} s", net(options, "net2_256"), output=CLASS, timeout=limit)
        report.goal(f"256: gap in {limit:g} s", answer.upper / answer.lower - 1, wanted, stretch)
        report.goal(f"256: seconds of {limit:g}", seconds, late(limit))


def deep(report: Report, options: argparse.Namespace) -> None:
    for name, goals in DEEP.items():
        for limit, (wanted, stretch) in goals.items():
            answer, seconds = report.ask(f"{name} in {limit} s", net(options, name), output=CLASS, timeout=limit)
            report.goal(f"{name}: upper / lower in {limit} s", answer.upper / answer.lower, wanted, stretch)
            report.goal(f"{name}: seconds of {limit}", seconds, late(limit))


def many(report: Report, options: argparse.Namespace) -> None:
    path = net(options, "net2_256")
    answer, seconds = report.ask("net2_256, 55 functionals", path, output="all", difference="all")
    gaps = [part.upper / part.lower - 1 for part in answer.parts.values()]
    print(f"    gaps {100 * min(gaps):.2f} to {100 * max(gaps):.2f} %, mean {100 * np.mean(gaps):.2f} %")
    report.time("all outputs and differences", seconds, 10.0)
    report.goal("functionals left out", 55 - len(answer.parts), 0.5)


def vnncomp(report: Report, options: argparse.Namespace) -> None:
    folder = options.data.parent / "vnncomp" / "mnist_fc"
    if not folder.is_dir():
        print(f"  skipped: no {folder}")
        return
    for size, (limit, wanted) in VNNCOMP.items():
        path = folder / f"mnist-net_{size}.onnx"
        answer, seconds = report.ask(f"{size} in {limit:g} s", path, output=CLASS, timeout=limit)
        report.goal(f"{size}: gap", answer.upper / answer.lower - 1, wanted)
        report.goal(f"{size}: seconds of {limit:g}", seconds, late(limit))


def local(report: Report, options: argparse.Namespace) -> None:
    images = options.data.parent / "images" / "mnist.npz"
    if not images.is_file():
        print(f"  skipped: no {images}")
        return
    with np.load(images) as stored:
        point = stored["x_test"][0].reshape(-1).astype(np.float64) / 255
    for units in (64, 256):
        for eps in (0.005, 0.02, 0.05, 0.1, 0.2):
            box = np.clip(point - eps, 0, 1), np.clip(point + eps, 0, 1)
            report.ask(f"net2_{units}, eps {eps:g}", net(options, f"net2_{units}"), output=CLASS, box=box, timeout=2.0)


TABLES: dict[str, Table] = {
    "root": root, "exact": exact, "anytime": anytime, "deep": deep, "many": many, "vnncomp": vnncomp, "local": local,
}  # fmt: skip


def late(limit: float) -> float:
    """When a call with a time limit has to be back: a few percent later, and a tenth of a second for a busy machine."""
    return 1.05 * limit + 0.1


def net(options: argparse.Namespace, name: str) -> Path:
    return Path(options.data / f"{name}.onnx")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data/lipschitz"))
    parser.add_argument("--only", nargs="*", choices=list(TABLES), default=list(TABLES), metavar="NAME")
    parser.add_argument("--long", action="store_true", help="the goal of ten minutes too")
    parser.add_argument("--json", type=Path, help="where to write all lines")
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"{options.data}: no such folder")
    with tempfile.TemporaryDirectory() as folder:
        report = Report(Path(folder))
        for name in options.only:
            print(f"{name}: lower, upper, gap, seconds", flush=True)
            TABLES[name](report, options)
    if options.json:
        options.json.write_text(json.dumps(report.lines, indent=1))
    print("MISSED:\n  " + "\n  ".join(report.failed) if report.failed else "all goals met")
    sys.exit(bool(report.failed))


if __name__ == "__main__":
    main()
