"""Model to BQM: ours, the plain numpy/scipy -> dimod floor, and peers, in one run.

    python benchmarks/build.py [--data ../shared/data] [--repeat 5] [--only qap] [--peers] [--python ommx=PATH]...

One fresh process per build, tools interleaved, median of the repeats, one BLAS thread. Time and memory cover
model -> BQM at given weights, after imports and after the data are in memory; memory is the greatest resident set
during the build less the one before it. Ratios are to the floor. The energy at all ones is compared with a closed form.

``--peers`` runs the peers that are installed; ``--python TOOL=PATH`` runs one with another interpreter, which needs
numpy, scipy, dimod and the peer, not isinglass. ``--cap`` stops a build; it may address 10 GiB.
Exit code 1 where ours takes more than 3x the floor's time or 2x its memory, or makes another model.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import math
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import build_models
import build_peers
from build_models import CASES, data_of

HERE = Path(__file__).resolve().parent
ADDRESSES = 10 << 30
TOLERANCE = 1e-12
SHORT = 0.03
"""Seconds. Builds this short get three times the processes: a neighbour's time slice is as long."""

Run = dict[str, Any]

# -- one cell, in a process of its own ------------------------------------------------------------------------------


def builder(tool: str, kind: str) -> Any:
    return (build_models.BUILDERS | build_peers.BUILDERS)[tool].get(kind)


def resident(what: str) -> float:
    """``VmRSS`` (now) or ``VmHWM`` (peak since the reset) in MB; elsewhere than on Linux the peak since the start."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def settle() -> None:
    """Give freed memory back and reset the peak, so that what the data and imports needed does not hide the build."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, AttributeError):
        pass


def cell(tool: str, case: str, folder: Path, cap: float) -> Run:
    kind = CASES[case][0]
    data, make = data_of(case, folder), builder(tool, kind)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    make(**build_models.tiny(kind))
    settle()
    signal.setitimer(signal.ITIMER_REAL, cap)  # ends the process, compiled code included
    before = resident("VmRSS")
    start = time.perf_counter()
    bqm = make(**data)
    seconds, memory = time.perf_counter() - start, resident("VmHWM") - before
    signal.setitimer(signal.ITIMER_REAL, 0)
    energy = float(bqm.energy(dict.fromkeys(bqm.variables, 1)))
    return {"seconds": seconds, "megabytes": memory, "variables": bqm.num_variables, "couplers": bqm.num_interactions,
            "energy": energy, "judged": judged(energy, build_models.energies_at_ones(kind, data))}  # fmt: skip


def judged(energy: float, expected: dict[str, float]) -> str:
    """Which model the energy at all ones belongs to; the slack of peers may be encoded otherwise."""
    for slack, value in expected.items():
        if abs(energy - value) <= TOLERANCE * max(1.0, abs(value)):
            return slack or "equal"
    return "another slack" if len(expected) > 1 else f"differs by {energy - expected['']:.2g}"


# -- all cells ------------------------------------------------------------------------------------------------------


def run_cell(tool: str, case: str, options: argparse.Namespace) -> Run:
    python = options.python.get(tool, sys.executable)
    command = [python, __file__, "--cell", tool, case, "--data", str(options.data), "--cap", str(options.cap)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | threads)
    if done.returncode == -signal.SIGALRM:
        return {"error": f"> {options.cap:.0f} s"}
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        starved = any(word in done.stderr for word in ("MemoryError", "bad_alloc"))
        return {"error": "more than 10 GiB" if starved else lines[-1][:90]}
    found: Run = json.loads(done.stdout.splitlines()[-1])
    return found


def middle(runs: list[Run], key: str) -> float:
    return float(statistics.median(run[key] for run in runs))


def measure(case: str, tools: list[str], options: argparse.Namespace) -> dict[str, list[Run]]:
    """All runs of a case, tools in turn; a tool that failed once is not run again."""
    kind = CASES[case][0]
    runs: dict[str, list[Run]] = {tool: [] for tool in tools if builder(tool, kind)}
    for turn in range(3 * options.repeat):
        for tool, done in runs.items():
            if turn < options.repeat or (tool in ("floor", "ours") and short(runs["floor"])):
                done += [run_cell(tool, case, options)] if not any("error" in run for run in done) else []
    return runs


def short(runs: list[Run]) -> bool:
    return "error" not in runs[-1] and runs[0]["seconds"] < SHORT


HEADER = (
    f"{'case':<16}{'tool':<15}{'seconds':>9}{'MB':>8}{'time x':>8}{'mem x':>7}  {'variables':>9} {'couplers':>11}"
    "  energy at all ones"
)


def print_case(case: str, runs: dict[str, list[Run]]) -> list[float]:
    """The rows of a case; ours over the floor in time and memory, infinite where they are not the same model."""
    floor, ours = runs["floor"], [math.inf, math.inf]
    keys = ("seconds", "megabytes")
    base = [math.nan, math.nan] if "error" in floor[-1] else [middle(floor, key) for key in keys]
    for tool, done in runs.items():
        last = done[-1]
        if "error" in last:
            print(f"{case:<16}{tool:<15}{last['error']:>9}", flush=True)
            continue
        now = [middle(done, key) for key in keys]
        ratio = [value / max(unit, 1e-9) for value, unit in zip(now, base, strict=True)]
        if tool == "ours" and last["judged"] == floor[-1].get("judged"):
            ours = ratio
        print(
            f"{case:<16}{tool:<15}{now[0]:>9.3f}{now[1]:>8.0f}{ratio[0]:>8.2f}{ratio[1]:>7.2f}"
            f"  {last['variables']:>9,} {last['couplers']:>11,}  {last['energy']:.12g} ({last['judged']})",
            flush=True,
        )
    return ours


def reweighing(folder: Path) -> float:
    """Milliseconds from new weights to arrays, 200-row program."""
    import isinglass

    data = build_models.program_data(folder)
    del data["weight"]
    apart = isinglass.compile(build_models.program(**data), "bqm").reweightable
    times = []
    for i in range(50):
        weights = apart.weights * (1 + i / 50)
        start = time.perf_counter()
        apart.coefficients(weights)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--peers", action="store_true", help="run the peers that are installed, too")
    parser.add_argument("--python", action="append", default=[], metavar="TOOL=PATH", help="interpreter of one peer")
    parser.add_argument("--cap", type=float, default=120.0, help="seconds per build")
    parser.add_argument("--cell", nargs=2, metavar=("TOOL", "CASE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.python = dict(pair.split("=", 1) for pair in options.python)
    unknown = set(options.python) - set(build_peers.BUILDERS)
    if unknown:
        parser.error(f"no peer is called {', '.join(sorted(unknown))}: known are {', '.join(build_peers.BUILDERS)}")
    if not options.data.is_dir():
        parser.error(f"no data folder at {options.data}: name it with --data")
    return options


def main() -> None:
    options = arguments()
    if options.cell:
        tool, case = options.cell
        print(json.dumps(cell(tool, case, options.data, options.cap)))
        return
    tools = ["floor", "ours"]
    if options.peers or options.python:
        here = build_peers.installed() if options.peers else []
        tools += [tool for tool in build_peers.BUILDERS if tool in here or tool in options.python]
    worst = [0.0, 0.0]
    print(HEADER)
    for case in (case for case in CASES if options.only in case):
        ratio = print_case(case, measure(case, tools, options))
        worst = [max(pair) for pair in zip(worst, ratio, strict=True)]
    print(f"ours to the floor at worst: time {worst[0]:.2f} (3 allowed), memory {worst[1]:.2f} (2 allowed)")
    again = reweighing(options.data)
    print(f"reweighting all penalties of program-200 to arrays: {again:.2f} ms (2 allowed)")
    sys.exit(worst[0] > 3 or worst[1] > 2 or again > 2)


if __name__ == "__main__":
    main()
