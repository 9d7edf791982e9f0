"""How tight proved bounds of Ising problems are, and how long they take: one run, one thread.

    python benchmarks/ising_bounds.py [sparse|dense ...] [--seconds S] [--seeds K]

Random couplings +-1 (normal ones where it says so), no field. ``known`` is the best energy met (simulated annealing for
half a second, roundings on the way), ``bound`` the proved lower bound, ``gap`` what lies between them in percent of
|known|, and ``check`` what the checker takes to find the bound again from the certificate's JSON. Columns under
*vectors alone* are the semidefinite bound before cuts and branching, in seconds and percent. ``cpu`` leaves out what
other programs on the machine take.
"""

from __future__ import annotations

import argparse
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import time  # noqa: E402 - threads are counted when numpy is loaded

import numpy as np  # noqa: E402

import isinglass  # noqa: E402
from isinglass.api import lp_tool, make_solver  # noqa: E402
from isinglass.compiler.drivers.certify_ising import certify  # noqa: E402
from isinglass.compiler.search.clock import Clock  # noqa: E402
from isinglass.compiler.spins.search import Search, SpinOptions  # noqa: E402
from isinglass.ir.answers import Answer  # noqa: E402
from isinglass.ir.blocks import Poly, Var  # noqa: E402
from isinglass.ir.checking import check_optimize  # noqa: E402
from isinglass.ir.operators.csr import Csr  # noqa: E402
from isinglass.ir.operators.dense import Dense  # noqa: E402
from isinglass.ir.problem import Problem  # noqa: E402
from isinglass.ir.protocols import Limits  # noqa: E402
from isinglass.ir.quadratic.spins import spin_form  # noqa: E402
from isinglass.ir.terms.bilinear import Bilinear  # noqa: E402
from isinglass.ir.types import FloatArray  # noqa: E402


def torus(side: int, seed: int, normal: bool = False) -> FloatArray:
    """Couplings [n, n] of a side x side torus."""
    rng, at = np.random.default_rng(seed), np.arange(side * side).reshape(side, side)
    couplings = np.zeros((side * side, side * side))
    for there in (np.roll(at, -1, 1), np.roll(at, -1, 0)):
        weight = rng.normal(size=side * side) if normal else rng.choice([-1.0, 1.0], side * side)
        couplings[np.minimum(at, there).ravel(), np.maximum(at, there).ravel()] = weight
    return couplings


def regular(size: int, degree: int, seed: int) -> FloatArray:
    """A random graph with the same number of neighbours everywhere: pairs of half edges drawn until none is double."""
    rng = np.random.default_rng(seed)
    while True:
        ends = rng.permutation(np.repeat(np.arange(size), degree)).reshape(-1, 2)
        for _ in range(1000):  # wrong pairs are swapped with others
            low, high = ends.min(axis=1), ends.max(axis=1)
            _, first = np.unique(low * size + high, return_index=True)
            wrong = np.setdiff1d(np.arange(len(ends)), first)
            wrong = np.union1d(wrong, np.flatnonzero(low == high))
            if not wrong.size:
                couplings = np.zeros((size, size))
                couplings[low, high] = rng.choice([-1.0, 1.0], len(low))
                return couplings
            other = rng.integers(0, len(ends), len(wrong))
            ends[wrong, 1], ends[other, 1] = ends[other, 1].copy(), ends[wrong, 1].copy()


def dense(size: int, seed: int) -> FloatArray:
    """The Sherrington-Kirkpatrick model."""
    return np.triu(np.random.default_rng(seed).choice([-1.0, 1.0], (size, size)), 1)


SPARSE = {
    "torus 10 x 10": lambda seed: torus(10, seed),
    "torus 20 x 20": lambda seed: torus(20, seed),
    "torus 20 x 20, normal": lambda seed: torus(20, seed, True),
    "torus 45 x 45": lambda seed: torus(45, seed),
    "torus 45 x 45, normal": lambda seed: torus(45, seed, True),
    "3 neighbours, n = 100": lambda seed: regular(100, 3, seed),
    "3 neighbours, n = 300": lambda seed: regular(300, 3, seed),
    "3 neighbours, n = 1000": lambda seed: regular(1000, 3, seed),
    "5 neighbours, n = 100": lambda seed: regular(100, 5, seed),
    "6 neighbours, n = 400": lambda seed: regular(400, 6, seed),
    "10 neighbours, n = 100": lambda seed: regular(100, 10, seed),
}
SIZES = (30, 60, 100, 200, 500, 1000, 2000)
DENSE = {f"dense, n = {size}": (lambda seed, size=size: dense(size, seed)) for size in SIZES}


def problem_of(couplings: FloatArray) -> Problem:
    size = len(couplings)
    sparse = np.count_nonzero(couplings) * 10 < size * size
    operator = Csr.of(couplings) if sparse else Dense(couplings)
    goal = Poly("energy", "objective", (Bilinear("s", "s", operator),), np.zeros(1))
    return Problem("ising", (Var.of("s", "spin", (size,)), goal))


def line(name: str, problem: Problem, seconds: float, vectors: bool) -> str:
    """One row of the table."""
    start, cpu = time.perf_counter(), time.process_time()
    loop = certify(problem, Answer("unknown"), lp_tool(), Limits(seconds), make_solver("neal")[0])
    while True:
        try:
            next(loop)
        except StopIteration as end:
            answer: Answer = end.value
            break
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    answer = Answer.from_json(answer.to_json())
    start = time.perf_counter()
    verdict = check_optimize(problem, answer).verdict
    checked = time.perf_counter() - start
    assert answer.value is not None and answer.lower is not None and verdict == "accepted"
    kind = str((answer.certificate or {}).get("kind"))
    gap = 100 * (answer.value - answer.lower) / abs(answer.value)
    alone = root(problem, answer.value, seconds) if vectors else f"{'':>8} {'':>8}"
    numbers = f"{answer.value:>10.2f} {answer.lower:>10.2f} {gap:>7.2f} {wall:>7.2f} {cpu:>7.2f} {checked:>6.2f}"
    return f"{name:<24} {numbers} {alone}  {kind}"


def root(problem: Problem, known: float, seconds: float) -> str:
    """Seconds and gap of the semidefinite bound alone."""
    cpu = time.process_time()
    form = spin_form(problem)
    search = Search(form, np.ones((1, form.spins)), Clock(Limits(seconds)), SpinOptions(branch=False, cuts=False))
    return f"{time.process_time() - cpu:>8.2f} {100 * (search.first + known) / abs(known):>8.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["sparse", "dense"])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, default=1)
    chosen = parser.parse_args()
    line("warm", problem_of(torus(24, 0)), 60.0, False)  # kernels are compiled once
    print(f"isinglass {isinglass.__version__}, {chosen.seconds:g} s for each")
    heads = f"{'known':>10} {'bound':>10} {'gap %':>7} {'s':>7} {'cpu':>7} {'check':>6}"
    print(f"{'':<24} {heads}   vectors alone: cpu, gap %")
    for part in chosen.parts:
        for name, make in {"sparse": SPARSE, "dense": DENSE}[part].items():
            for seed in range(chosen.seeds):
                print(line(name, problem_of(make(seed)), chosen.seconds, True), flush=True)


if __name__ == "__main__":
    main()
