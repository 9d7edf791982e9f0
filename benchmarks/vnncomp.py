"""Every VNN-COMP instance of a folder with ``instances.csv`` in one process: verdicts, witnesses, certificates, times.

Each `sat` witness is run again in onnxruntime and put into the property by code of this file, with no tolerance; each
answer goes through `isinglass check`. Violations are listed at the end, and make the exit code 1.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import isinglass
from isinglass.ir.errors import IsinglassError

HERE = Path(__file__).parent
GOALS = {
    "test": (5, None), "acasxu": (23, 0.5), "rl_benchmarks": (37, 0.1), "reach_prob_density": (17, 1.0),
    "tllverifybench": (2, 2.0), "mnist_fc": (13, 0.3), "safenlp": (28, 0.1), "dist_shift": (6, 0.5),
    "eran_sigmoid": (1, None),
}  # fmt: skip
"""Instances to decide in 60 s, and the median time of all in seconds."""
CERTIFIED = {"bisect": 0.95, "all": 0.80}
"""Shares of `unsat` verdicts whose certificate has to be accepted."""
DECIDED = ("sat", "unsat")

Line = dict[str, Any]


def instances(data: Path, sets: list[str], pick: str) -> list[dict[str, str]]:
    with (data / "instances.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [
        row for row in rows if (not sets or row["set"] in sets) and (pick in row["onnx"] or pick in row["vnnlib"])
    ]


def measure(row: dict[str, str], options: argparse.Namespace, folder: Path) -> Line:
    """One instance: found, checked, and its witness put to the test."""
    network, property = options.data / row["onnx"], options.data / row["vnnlib"]
    line: Line = {key: row[key] for key in ("set", "onnx", "vnnlib", "expected")} | {"timeout": options.timeout}
    start = time.perf_counter()
    try:
        answer = isinglass.verify(network, property, timeout=options.timeout, method=options.method)
    except IsinglassError as error:
        return {**line, "verdict": "error", "seconds": time.perf_counter() - start, "error": str(error)}
    line |= {"verdict": answer.status, "seconds": time.perf_counter() - start, "basis": answer.basis}
    line |= {"arithmetic": answer.arithmetic, "solver": answer.solver, "timings": dict(answer.timings)}
    line |= {"detail": list(answer.detail[:20])}
    saved = folder / "answer.json"
    saved.write_text(answer.to_json())
    line["size"] = saved.stat().st_size
    start = time.perf_counter()
    verdict = isinglass.check(saved)
    line |= {"check": verdict.verdict, "reasons": list(verdict.reasons), "check_seconds": time.perf_counter() - start}
    if answer.status == "sat":
        line["witness"] = witness_holds(network, property, next(iter((answer.witness or {}).values())))
    return line


# -- the witness, again ----------------------------------------------------------------------------------------------


def content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def witness_holds(network: Path, property: Path, witness: Any) -> bool:
    """Whether the point, as float32, and onnxruntime's outputs satisfy the file, compared in fractions."""
    session = onnxruntime.InferenceSession(content(network), providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    shape = [size if isinstance(size, int) and size > 0 else 1 for size in source.shape]
    x = np.asarray(witness, dtype=np.float64).ravel()
    single = x.astype(np.float32)
    if (single.astype(np.float64) != x).any():
        return False
    y = session.run(None, {source.name: single.reshape(shape)})[0].ravel()
    values = {f"X_{i}": Fraction(float(v)) for i, v in enumerate(x)}
    values |= {f"Y_{i}": Fraction(float(v)) for i, v in enumerate(y)}
    return all(holds(item[1], values) for item in parsed(content(property).decode()) if item[0] == "assert")


def parsed(text: str) -> list[Any]:
    """The lists of a VNN-LIB 1.0 file."""
    plain = "\n".join(line.partition(";")[0] for line in text.splitlines())
    return nested(iter(plain.replace("(", " ( ").replace(")", " ) ").split()))


def nested(tokens: Iterator[str]) -> list[Any]:
    found: list[Any] = []
    for token in tokens:
        if token == ")":
            break
        found.append(nested(tokens) if token == "(" else token)
    return found


def holds(item: Any, values: dict[str, Fraction]) -> bool:
    """Whether a formula holds."""
    head, *rest = item
    if head in ("and", "or"):
        return (all if head == "and" else any)(holds(inner, values) for inner in rest)
    left, right = (number(side, values) for side in rest)
    return left <= right if head == "<=" else left >= right


def number(item: Any, values: dict[str, Fraction]) -> Fraction:
    """The value of a term."""
    if isinstance(item, str):
        return values[item] if item in values else Fraction(item)
    head, *rest = item
    parts = [number(inner, values) for inner in rest]
    if head == "+":
        return sum(parts, Fraction(0))
    if head == "*":
        return Fraction(np.prod(parts))
    return -parts[0] if len(parts) == 1 else parts[0] - sum(parts[1:], Fraction(0))


# -- tables ----------------------------------------------------------------------------------------------------------

HEAD = (
    f"{'network':<34}{'property':<34}{'expected':<9}{'verdict':<9}{'seconds':>9}  {'basis':<12}{'arithmetic':<13}"
    f"{'check':<13}{'seconds':>9}{'x':>7}{'kB':>8}  by"
)


def show(line: Line) -> None:
    names = (f"{Path(line[key]).name[:33]:<34}" for key in ("onnx", "vnnlib"))
    text = f"{line['expected']:<9}{line['verdict']:<9}{line['seconds']:>9.3f}  {line.get('basis', '-'):<12}"
    text += f"{line.get('arithmetic') or '-':<13}{line.get('check', '-'):<13}"
    if "check_seconds" in line:
        ratio = line["check_seconds"] / max(line["seconds"], 1e-9)
        text += f"{line['check_seconds']:>9.3f}{ratio:>7.2f}{line['size'] / 1000:>8.1f}  {method(line)}"
    print(*names, text, sep="", flush=True)
    if line["verdict"] not in DECIDED or line["verdict"] != line["expected"]:
        print(*(f"    {text}" for text in [*line.get("detail", [])[:5], line.get("error", "")] if text), sep="\n")


def violations(line: Line) -> list[str]:
    """What must not be."""
    found = []
    if line["verdict"] in DECIDED and line["expected"] in DECIDED and line["verdict"] != line["expected"]:
        found.append(f"verdict {line['verdict']}, expected {line['expected']}")
    if line["verdict"] == "error":
        found.append("error")
    if line["seconds"] > 1.1 * line["timeout"] + 2:
        found.append(f"took {line['seconds']:.0f} s of {line['timeout']:.0f}")
    if line.get("witness") is False:
        found.append("the witness does not hold in onnxruntime without tolerance")
    if line.get("check") == "rejected":
        found.append(f"check rejects the answer: {'; '.join(line['reasons'])}")
    if line.get("basis") == "certificate" and line.get("check") != "accepted":
        found.append("a certificate that is not accepted")
    if line.get("check") == "accepted":
        times = 2 if method(line) == "bisect" else 5
        most = max(2.0, times * line["seconds"]) if times == 2 else times * line["seconds"]
        if line["check_seconds"] > max(most, 0.5):  # below half a second both are mostly reading of files
            found.append(f"checking took {line['check_seconds']:.2f} s, finding {line['seconds']:.2f} s")
    return found


def method(line: Line) -> str:
    """What decided, from the words of the answer: an `unsat` that needed several methods counts as the first here."""
    words = " ".join(line.get("detail", []))
    for name, word in (("milp", "solver's word"), ("bisect", " boxes"), ("branch", "phases"), ("bounds", "bounds")):
        if word in words and line["verdict"] == "unsat":
            return name
    return next((name for name in ("milp", "branch", "bisect") if name in line.get("timings", {})), "attack")


def summary(lines: list[Line]) -> list[str]:
    """The table by set; returns the goals that were missed."""
    print(f"\n{'set':<20}{'decided':>9}{'goal':>6}{'wrong':>7}{'median':>9}{'goal':>7}{'slowest':>9}{'certified':>11}")
    missed = []
    for name in dict.fromkeys(line["set"] for line in lines):
        own = [line for line in lines if line["set"] == name]
        decided = [line for line in own if line["verdict"] in DECIDED]
        wrong = sum(line["expected"] in DECIDED and line["verdict"] != line["expected"] for line in decided)
        median = statistics.median(line["seconds"] for line in own)
        goal, most = GOALS.get(name, (0, None))
        text = f"{name:<20}{f'{len(decided)}/{len(own)}':>9}{goal:>6}{wrong:>7}{median:>9.3f}{most or '-':>7}"
        print(f"{text}{max(line['seconds'] for line in own):>9.2f}{share(own):>11}")
        missed += [f"{name}: {len(decided)} decided, {goal} wanted"] if len(decided) < goal else []
        missed += [f"{name}: median {median:.3f} s, {most} wanted"] if most is not None and median > most else []
    return missed


def share(lines: list[Line]) -> str:
    """Accepted certificates among the `unsat` verdicts."""
    proved = [line for line in lines if line["verdict"] == "unsat"]
    return f"{sum(line.get('check') == 'accepted' for line in proved)}/{len(proved)}"


def shares(lines: list[Line]) -> list[str]:
    """Certified shares by method; returns the goals that were missed."""
    missed = []
    for name, least in CERTIFIED.items():
        own = [line for line in lines if line["verdict"] == "unsat" and name in (method(line), "all")]
        accepted = [line for line in own if line.get("check") == "accepted"]
        if own:
            ratio = statistics.median([x["check_seconds"] / x["seconds"] for x in accepted]) if accepted else 0.0
            part = len(accepted) / len(own)
            print(f"certified, {name}: {len(accepted)}/{len(own)} ({100 * part:.0f} %, {100 * least:.0f} % wanted), "
                  f"median of check to find {ratio:.2f}")  # fmt: skip
            missed += [f"certified, {name}: {100 * part:.0f} %"] if part < least else []
    return missed


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=HERE.parent.parent / "shared" / "data" / "vnncomp")
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("--set", action="append", default=[], help="only these sets")
    parser.add_argument("--only", default="", help="only instances whose file names contain this")
    parser.add_argument("--method", help="a driver instead of the portfolio")
    parser.add_argument("--output", type=Path, help="append every result as a JSON line")
    options = parser.parse_args()
    if not (options.data / "instances.csv").is_file():
        parser.error(f"no instances.csv in {options.data}")
    return options


def main() -> None:
    options = arguments()
    lines, wrong = [], []
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        for row in instances(options.data, options.set, options.only):
            lines.append(measure(row, options, Path(folder)))
            show(lines[-1])
            for text in violations(lines[-1]):
                wrong.append(f"{row['onnx']} {row['vnnlib']}: {text}")
                print(f"    VIOLATION: {text}")
            if options.output:
                with options.output.open("a") as file:
                    print(json.dumps(lines[-1]), file=file)
    missed = [*summary(lines), *shares(lines)]
    print(*(f"missed     {text}" for text in missed), *(f"VIOLATION  {text}" for text in wrong), sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
