"""Random questions about small networks put to every method: verdicts, witnesses, certificates and bounds compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import verification_cases as cases

from isinglass.api import prove
from isinglass.compiler.bounds.crown import crown_bounds
from isinglass.compiler.bounds.interval import Interval
from isinglass.compiler.bounds.rows import row_bounds
from isinglass.compiler.driver import DRIVERS
from isinglass.compiler.networks.view import NetView
from isinglass.facade.checks import check_prove
from isinglass.ir.answers import Answer
from isinglass.ir.errors import Refused
from isinglass.ir.linear_proof.bounds import fresh
from isinglass.ir.linear_proof.network import Network
from isinglass.ir.protocols import Limits
from isinglass.ir.tasks import Prove

Array = Any
Method = Callable[[Prove, float], Answer]
FAMILIES: dict[str, Sequence[str]] = {
    "relu": ("relu",), "linear pieces": cases.LINEAR, "jumps": cases.LINEAR + cases.JUMPS, "smooth": cases.SMOOTH,
    "mixed": cases.LINEAR + cases.SMOOTH,
}  # fmt: skip


def by_bounds(task: Prove, crown: bool) -> Answer:
    """``unsat`` where bounds of whole regions alone exclude every case."""
    unsafe, view = task.unsafe, NetView.of(task.problem)
    box = {task.inputs: (unsafe.lower, unsafe.upper)}
    known = crown_bounds(view, box) if crown else Interval().bounds(view, box)
    most = row_bounds(view, unsafe.forms, unsafe.reading, known).most
    mine = unsafe.excluded(most)[unsafe.region, np.arange(unsafe.count)]
    return Answer("unsat" if mine.all() else "unknown")


def by_driver(key: str) -> Method:
    """A driver of the registry, by its name."""

    def run(task: Prove, seconds: float) -> Answer:
        return prove(task, {"method": key}, Limits(timeout=seconds, seed=0), None)

    return run


def methods() -> dict[str, Method]:
    """Every way to a verdict that there is."""
    found: dict[str, Method] = {
        "interval": lambda task, seconds: by_bounds(task, False),
        "crown": lambda task, seconds: by_bounds(task, True),
    }
    known = ("verify", "bisect", "branch", "lipschitz-prove", "milp-prove", "alpha")
    return found | {key: by_driver(key) for key in DRIVERS if key in known}


def judged(asked: cases.Question, answer: Answer, wrong: Array) -> str:
    """What an answer is worth; ``WRONG`` where it is contradicted by a point or by its own certificate's checker."""
    if answer.status == "unsat" and wrong.any():
        return "WRONG unsat"
    if answer.status not in ("sat", "unsat"):
        return answer.status
    verdict = check_prove(asked.task, answer)
    if answer.status == "sat":  # what holds in float32 only contradicts no proof about real arithmetic
        kind = "float32-only" if answer.arithmetic == "float32-only" else "sat"
        return kind if verdict.verdict == "witness-only" else "WRONG sat"
    if answer.basis == "certificate":
        return "unsat, accepted" if verdict.verdict == "accepted" else "unsat, certificate not accepted"
    return f"unsat, {answer.basis}"


def sweep(
    count: int, seed: int, folder: Path, seconds: float = 2.0, units: int = 12, only: Sequence[str] = ()
) -> dict[str, Counter[str]]:
    """Outcomes by method; ``count`` questions, a fifth from each family."""
    found: dict[str, Counter[str]] = {}
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        family = list(FAMILIES)[number % len(FAMILIES)]
        asked = cases.random_question(rng, folder, FAMILIES[family], units)
        wrong = cases.unsafe_cases(asked, rng)
        verdicts = set()
        for name, method in methods().items():
            if only and name not in only:
                continue
            outcome = attempt(method, asked, wrong, seconds)
            found.setdefault(name, Counter())[outcome] += 1
            verdicts.add(outcome.partition(",")[0])
            if "WRONG" in outcome or "not accepted" in outcome:
                print(f"    {name} on question {number} of seed {seed} ({family}): {outcome}", flush=True)
        if {"sat", "unsat"} <= verdicts:
            found.setdefault("together", Counter())["WRONG: both sat and unsat"] += 1
            print(f"    question {number} of seed {seed}: {verdicts}", flush=True)
        if not wrong.any() and "sat" in verdicts:
            found.setdefault("together", Counter())["sat where no point was known"] += 1
    return found


def attempt(method: Method, asked: cases.Question, wrong: Array, seconds: float) -> str:
    try:
        return judged(asked, method(asked.task, seconds), wrong)
    except Refused as error:
        return f"refused: {error.diagnostics[0].code}"
    except Exception as error:  # a crash is an outcome of a sweep, and a wrong one
        return f"WRONG: {type(error).__name__} {error}"[:80]


def sampled_bounds(kind: str, points: int, seed: int, folder: Path, nets: int = 100) -> tuple[int, int]:
    """Bounds of all blocks against sampled points: how many were compared, how many lie outside (by 1e-9)."""
    compared = outside = 0
    each = -(-points // nets)
    for number in range(nets):
        rng = np.random.default_rng([seed, number])
        asked = cases.random_question(rng, folder, (kind,), 12)
        unsafe, view = asked.task.unsafe, NetView.of(asked.task.problem)
        lower, upper = unsafe.lower[0], unsafe.upper[0]
        ends = np.sort(rng.uniform(lower, upper, (4, 2, len(lower))), axis=1)
        box = np.vstack([lower, ends[:, 0]]), np.vstack([upper, ends[:, 1]])
        network = Network.of(asked.task.problem, "x")
        assert network is not None
        both = fresh(network, {"x": box}).bounds, crown_bounds(view, {"x": box})
        for place in range(len(box[0])):
            x = rng.uniform(box[0][place], box[1][place], (-(-each // len(box[0])), len(lower)))
            compared += len(x)
            for name, values in view.forward({"x": x}).items():
                for bounds in both:
                    low, high = (side[place] for side in bounds[name])
                    slack = 1e-9 * (1 + np.abs(values))
                    outside += int(((values < low - slack) | (values > high + slack)).any(axis=1).sum())
    return compared, outside
