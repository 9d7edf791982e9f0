"""A sampler of 100 spins on larger Ising problems (method coarsen), beside the same sampler on the whole problem.

    python benchmarks/coarsen.py [--budget 100] [--device neal] [--mode auto] [--seeds 3] [--only torus,sk] [--passes 0]

For each family the average over seeds (another instance for each) of: the least energy, divided by what simulated
annealing (``neal``) reaches on the whole problem in the same time of one thread, once as one long anneal and once as
the best of anneals with 1,000 sweeps; both are negative, so more than 1 is better. ``calls`` of the device, the
``largest`` problem that it got, the ``share`` of the time spent in it. Our run comes first, without a limit; neal
gets what it took. ``--passes N`` states calls: N for each block of 100 spins.
"""

from __future__ import annotations

import argparse
import os
import sys
from time import perf_counter, process_time
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from scipy import sparse  # noqa: E402

import isinglass  # noqa: E402
from isinglass.backends.solver import make_solver  # noqa: E402
from isinglass.compiler.coarsen.system import System  # noqa: E402
from isinglass.ir.protocols import Limits  # noqa: E402

FAMILIES = (
    ("3-regular", 1000), ("3-regular", 5000), ("torus", 1024), ("torus", 4900), ("random-6", 1000), ("random-6", 5000),
    ("fields", 3000), ("sk", 1000), ("sk", 2000),
)  # fmt: skip


def symmetric(n: int, row: Any, column: Any, value: Any) -> Any:
    upper = sparse.csr_array(sparse.coo_array((value, (row, column)), shape=(n, n)))
    return sparse.csr_array(upper + upper.T)


def regular(n: int, degree: int, rng: np.random.Generator) -> Any:
    """Random pairing of half-edges; loops and double edges are swapped away."""
    ends = rng.permutation(np.repeat(np.arange(n), degree)).reshape(-1, 2)
    while True:
        ends.sort(axis=1)
        first = np.unique(ends[:, 0] * n + ends[:, 1], return_index=True)[1]
        bad = ends[:, 0] == ends[:, 1]
        bad |= ~np.isin(np.arange(len(ends)), first)
        if not bad.any():
            return ends
        for i in np.flatnonzero(bad):
            j = rng.integers(len(ends))
            ends[i, 1], ends[j, 1] = ends[j, 1], ends[i, 1]


def instance(family: str, n: int, seed: int) -> System:
    """``random-6`` and ``fields``: normal couplings, six at a spin on average; others +-1."""
    rng = np.random.default_rng([seed, n])
    fields = np.zeros(n)
    if family == "sk":
        upper = np.triu(rng.choice([-1.0, 1.0], (n, n)), 1)
        return System.packed(0.0, fields, upper + upper.T)
    if family == "3-regular":
        ends = regular(n, 3, rng)
        matrix = symmetric(n, ends[:, 0], ends[:, 1], rng.choice([-1.0, 1.0], len(ends)))
    elif family == "torus":
        side, i = round(n**0.5), np.arange(n)
        x, y = i // side, i % side
        row, column = np.concatenate([i, i]), np.concatenate([(x + 1) % side * side + y, x * side + (y + 1) % side])
        matrix = symmetric(n, row, column, rng.choice([-1.0, 1.0], 2 * n))
    else:
        pairs = np.unique(np.sort(rng.integers(0, n, (3 * n, 2)), axis=1), axis=0)
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        matrix = symmetric(n, pairs[:, 0], pairs[:, 1], rng.normal(size=len(pairs)))
        fields = rng.normal(size=n) if family == "fields" else fields
    return System.packed(0.0, fields, matrix)


def ours(system: System, seed: int, chosen: argparse.Namespace) -> tuple[Any, float, float]:
    """What was found, the time of our thread, and the device's share of it."""
    calls = -(-system.size // chosen.budget) * chosen.passes
    maker = isinglass.coarsened(chosen.device, budget=chosen.budget, mode=chosen.mode, calls=calls)
    start, wall = process_time(), perf_counter()
    loop = maker.search(system, Limits(seed=seed))
    while True:
        try:
            next(loop)
        except StopIteration as end:
            found = end.value
            return found, process_time() - start, found.seconds / (perf_counter() - wall)


def whole(system: System, form: Any, sweeps: int, reads: int, seed: int) -> tuple[float, float]:
    """Energy and time of neal on the whole problem."""
    start = process_time()
    spins = make_solver(f"neal{{sweeps={sweeps}}}")[0].sample_ising(form, Limits(seed=seed, reads=reads))
    return system.energy(spins[0]), process_time() - start


def compare(family: str, n: int, seed: int, chosen: argparse.Namespace) -> list[float]:
    system = instance(family, n, seed)
    found, seconds, share = ours(system, seed, chosen)
    form = system.form()
    few, many = (whole(system, form, sweeps, 1, 0)[1] for sweeps in (100, 400))
    each = max(many - few, 1e-6) / 300
    left = max(seconds - (few - 100 * each), 0.0)
    long, time_long = whole(system, form, max(100, int(left / each)), 1, seed)
    short, time_short = whole(system, form, 1000, max(1, int(left / each / 1000)), seed)
    best = float(found.energy[0])
    return [best / n, best / long, best / short, seconds, time_long, time_short, found.calls, found.largest, share]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--device", default="neal")
    parser.add_argument("--mode", default="auto")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--passes", type=int, default=0)
    parser.add_argument("--only", default="")
    chosen = parser.parse_args()
    for family in ("torus", "sk"):  # machine code is made before any clock runs
        ours(instance(family, 529, 0), 0, argparse.Namespace(**{**vars(chosen), "passes": 3}))
    print(f"{'family':10} {'n':>5} {'energy/n':>9} {'to long':>8} {'to reads':>8} {'worst':>7} {'s':>6} {'s long':>6} "
          f"{'s reads':>7} {'calls':>7} {'largest':>7} {'share':>6}")  # fmt: skip
    for family, n in FAMILIES:
        if chosen.only and family not in chosen.only.split(","):
            continue
        rows = np.array([compare(family, n, seed, chosen) for seed in range(chosen.seeds)])
        e, long, short, s, t1, t2, calls, largest, share = rows.mean(axis=0)
        print(f"{family:10} {n:5} {e:9.4f} {long:8.4f} {short:8.4f} {rows[:, 1].min():7.4f} {s:6.2f} {t1:6.2f} "
              f"{t2:7.2f} {calls:7.0f} {largest:7.0f} {share:6.2f}", flush=True)  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
