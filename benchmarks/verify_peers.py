"""Verifiers side by side on VNN-COMP instances: ours, Marabou, and OMLT with HiGHS; instances and tools interleaved.

Two boundaries, the same for every tool. `fresh`: one process per instance, from its start to its end, as a script
would call the tool. `warm`: one process per tool that has its libraries loaded; reading both files is included. CPU
time is shown beside the wall time, for machines that are busy otherwise.
Peers live in environments of their own (--python marabou=/path/to/python with maraboupy, numpy < 2, onnx < 1.17).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CELLS = HERE / "verify_peer_cells.py"
TOOLS = ("ours", "marabou", "omlt")
MODES = ("fresh", "warm")
SETS = ("acasxu", "rl_benchmarks")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ENVIRONMENT = {**os.environ, **dict.fromkeys(THREADS, "1")}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages are compiled

Line = dict[str, Any]


def commands(tool: str, python: str, network: str, property: str, seconds: float) -> list[str]:
    """What a user types."""
    if tool == "ours":
        return [python, "-P", "-m", "isinglass", "verify", network, property, "--timeout", str(seconds)]
    if tool == "marabou":
        start = "from maraboupy.MarabouMain import main; main()"
        return [python, "-c", start, network, property, f"--timeout={int(seconds)}", "--verbosity=0"]
    return [python, str(CELLS), tool, network, property, str(seconds)]


def fresh(tool: str, python: str, network: str, property: str, seconds: float) -> Line:
    """One process for one instance."""
    command = commands(tool, python, network, property, seconds)
    start, used = time.perf_counter(), children_seconds()
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=2 * seconds + 30)
        verdict = verdict_in(done.stdout)
    except subprocess.TimeoutExpired:
        verdict = "timeout"
    return {"verdict": verdict, "seconds": time.perf_counter() - start, "cpu": children_seconds() - used}


def children_seconds() -> float:
    """CPU time of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def verdict_in(text: str) -> str:
    """The verdict among what a tool printed."""
    names = {"sat": "sat", "unsat": "unsat", "timeout": "timeout", "unknown": "unknown"}
    for line in text.splitlines():
        if line.startswith("{"):
            return str(json.loads(line)["verdict"])
        word = line.replace(":", " ").replace("(", " ").split()[:1]
        if word and word[0].lower() in names:
            return names[word[0].lower()]
    return "error"


class Warm:
    """A process that has a tool loaded."""

    def __init__(self, tool: str, python: str) -> None:
        self.process = subprocess.Popen(
            [python, str(CELLS), tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env=ENVIRONMENT,
        )  # fmt: skip

    def ask(self, network: str, property: str, seconds: float) -> Line:
        assert self.process.stdin is not None and self.process.stdout is not None
        start, used = time.perf_counter(), self.cpu_seconds()
        print(network, property, seconds, sep="\t", file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        spent = {"seconds": time.perf_counter() - start, "cpu": self.cpu_seconds() - used}
        return {**(json.loads(line) if line else {"verdict": "error"}), **spent}

    def cpu_seconds(self) -> float:
        """CPU time of the process and of those that it waited for (Linux; ticks of 10 ms)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def unpacked(path: Path, folder: Path) -> str:
    """The file itself, or its content without gzip in ``folder``."""
    if path.suffix != ".gz":
        return str(path)
    plain = folder / path.stem
    if not plain.exists():
        with gzip.open(path) as source, plain.open("wb") as target:
            shutil.copyfileobj(source, target)
    return str(plain)


def read_instances(data: Path, sets: list[str]) -> list[dict[str, str]]:
    with (data / "instances.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["set"] in sets]


def measure(options: argparse.Namespace) -> list[Line]:
    """Every instance by every tool in every mode."""
    pairs = [(tool, mode) for tool in options.tools for mode in options.modes]
    pairs = [pair for pair in pairs if pair != ("omlt", "warm")]  # it times out on most of acasxu: once is enough
    servers = {tool: Warm(tool, options.python[tool]) for tool, mode in pairs if mode == "warm"}
    found: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        example = files(read_instances(options.data, options.set)[0], options.data, Path(folder))
        for tool, mode in pairs:  # the first call loads the libraries, and compiles them
            if mode == "warm":
                servers[tool].ask(*example, 1.0)
            else:
                fresh(tool, options.python[tool], *example, 1.0)
        for row in read_instances(options.data, options.set):
            network, property = files(row, options.data, Path(folder))
            for tool, mode in pairs:
                python = options.python[tool]
                if mode == "warm":
                    run = servers[tool].ask(network, property, options.timeout)
                else:
                    run = fresh(tool, python, network, property, options.timeout)
                known = {key: row[key] for key in ("set", "onnx", "vnnlib", "expected")}
                found.append({**known, "tool": tool, "mode": mode, **run})
                if options.output:
                    with options.output.open("a") as lines:
                        print(json.dumps(found[-1]), file=lines)
            show_instance(row, found[-len(pairs) :])
    for server in servers.values():
        server.close()
    return found


def files(row: dict[str, str], data: Path, folder: Path) -> tuple[str, str]:
    return unpacked(data / row["onnx"], folder), unpacked(data / row["vnnlib"], folder)


def show_instance(row: dict[str, str], runs: list[Line]) -> None:
    cells = "  ".join(f"{run['tool']}/{run['mode']} {run['verdict']:<8}{run['seconds']:7.3f}" for run in runs)
    names = (Path(row[key]).name[:28] for key in ("onnx", "vnnlib"))
    print(*(f"{name:<28}" for name in names), f"{row['expected']:<6}", cells, flush=True)


# -- tables ----------------------------------------------------------------------------------------------------------


def summary(lines: list[Line]) -> bool:
    """Counts, medians on what ours and the peer both decide, disagreements; whether nothing is violated."""
    fine = True
    for name in dict.fromkeys(line["set"] for line in lines):
        for mode in MODES:
            here = [run for run in lines if (run["set"], run["mode"]) == (name, mode)]
            runs = {tool: {(r["onnx"], r["vnnlib"]): r for r in here if r["tool"] == tool} for tool in TOOLS}
            fine &= table(name, mode, {tool: own for tool, own in runs.items() if own})
    return fine


def table(name: str, mode: str, runs: dict[str, dict[Any, Line]]) -> bool:
    """One set in one mode."""
    fine = True
    if not runs:
        return True
    print(f"\n{name}, {mode}\n{'tool':<10}{'decided':>9}{'wrong':>7}{'median':>9}", end="")
    print(f"{'common':>8}{'median':>9}{'ours':>9}{'x':>8}{'CPU':>9}{'ours':>9}{'x':>8}")
    for tool, own in runs.items():
        decided = {key for key, run in own.items() if run["verdict"] in ("sat", "unsat")}
        wrong = [key for key in decided if own[key]["expected"] not in ("", own[key]["verdict"])]
        ours = runs.get("ours", {})
        common = [key for key in decided if ours.get(key, {}).get("verdict") in ("sat", "unsat")]
        line = f"{tool:<10}{f'{len(decided)}/{len(own)}':>9}{len(wrong):>7}{middle(own, decided):>9.3f}"
        if tool != "ours" and common:
            line += f"{len(common):>8}"
            for key in ("seconds", "cpu"):
                theirs, mine = middle(own, common, key), middle(ours, common, key)
                line += f"{theirs:>9.3f}{mine:>9.3f}{theirs / max(mine, 1e-9):>8.2f}"
        print(line)
        for key in wrong:
            print(f"  {tool} says {own[key]['verdict']} where {own[key]['expected']} is expected: {key}")
        for key in common:
            if own[key]["verdict"] != ours[key]["verdict"]:
                print(f"  {tool} says {own[key]['verdict']}, ours {ours[key]['verdict']}: {key}")
        fine &= tool != "ours" or not wrong
    return fine


def middle(runs: dict[Any, Line], keys: Any, field: str = "seconds") -> float:
    return statistics.median([runs[key].get(field, float("nan")) for key in keys]) if keys else float("nan")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=HERE.parent.parent / "shared" / "data" / "vnncomp")
    parser.add_argument("--timeout", type=float, default=20.0)
    parser.add_argument("--set", action="append", help=f"sets of instances; {' and '.join(SETS)} unless stated")
    parser.add_argument("--tools", default="", help="comma-separated; ours and those named with --python unless stated")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--python", action="append", default=[], metavar="TOOL=PATH", help="interpreter of one tool")
    parser.add_argument("--output", type=Path, help="append every run as a JSON line")
    parser.add_argument("--tables", type=Path, metavar="LINES", help="run nothing: print the tables of such a file")
    options = parser.parse_args()
    options.python = {"ours": sys.executable, **dict(pair.split("=", 1) for pair in options.python)}
    options.tools = options.tools.split(",") if options.tools else [t for t in TOOLS if t in options.python]
    options.modes = options.modes.split(",")
    options.set = options.set or list(SETS)
    unknown = [tool for tool in (*options.tools, *options.python) if tool not in TOOLS]
    if unknown or set(options.tools) - options.python.keys():
        parser.error(f"tools are {', '.join(TOOLS)}, each peer with --python TOOL=PATH")
    if not options.tables and not (options.data / "instances.csv").is_file():
        parser.error(f"no instances.csv in {options.data}")
    return options


def main() -> None:
    options = arguments()
    if options.tables:
        lines = [json.loads(text) for text in options.tables.read_text().splitlines()]
    else:
        lines = measure(options)
    sys.exit(not summary(lines))


if __name__ == "__main__":
    main()
