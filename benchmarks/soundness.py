"""Large sweeps of what must never be wrong; the suite runs the same generators with moderate counts.

    python benchmarks/soundness.py [families|models|rows|laws|weights|answers|networks ...] [--count N] [--seed S]

families  the default QUBO of every family: all ground states decode to the source's optimum (enumeration)
models    random models of everything the builder can say, every way to a QUBO and through HiGHS (tests/fuzz_models.py)
rows      decimal and capacity-divided rows: how many are normalised exactly, and their feasible sets
laws      guarantee and lift of every pass (tests/laws.py)
passes    the MILP-side passes against enumeration in integers (tests/sweeps.py)
weights   the weight rules on random models (tests/weights_cases.py)
answers   certified answers of random mixed-integer programs, and changed certificates (tests/certify_cases.py)
squares   no coupler dropped from a 20-bit least-squares model
networks  claims about random networks (up to 12 units, all activations) by every method, against phase enumeration with
          LPs or sampling; certificates checked; bounds against 10^6 points per activation (tests/verification_sweep.py)
ising     brackets of random Ising problems and QUBOs (up to 13 spins, whole, decimal and normal couplings, fields, both
          senses) by odd cycles and semidefinite bounds, against enumeration and check (tests/ising_cases.py)
lipschitz brackets of random networks (1 to 3 hidden layers, residual, both norms, boxes) against enumeration of all
          patterns; run to the end they close, and check accepts them (tests/lipschitz_cases.py)
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np

import isinglass
from isinglass.backends.solvers.exact import Exact
from isinglass.compiler.pipeline import Pipeline
from isinglass.ir.decoding import decode
from isinglass.ir.errors import Infeasible
from isinglass.ir.evaluate import evaluate
from isinglass.ir.protocols import Limits

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tests")]
from families import FAMILIES, Model  # noqa: E402 - beside this file, and tests/ for the generators


def families(count: int, seed: int) -> bool:
    """Every ground state of every default QUBO."""
    good = True
    for name, make in FAMILIES.items():
        wrong, bits, none = 0, 0, 0
        for number in range(count):
            model = make(np.random.default_rng([seed, number]), number)
            outcome, size = ground_states_right(model)
            wrong += not outcome
            bits = max(bits, size)
            none += model.optimum is None
        good &= wrong == 0
        print(f"  {name:<20} {count} models, {wrong} wrong, {none} infeasible, at most {bits} bits")
    return good


def ground_states_right(model: Model) -> tuple[bool, int]:
    """Whether all ground states decode to the brute-force optimum (or infeasibility is found), and the bits."""
    try:
        compiled = isinglass.compile(model.problem, "bqm")
    except Infeasible:
        return model.optimum is None, 0
    samples = Exact().solve(compiled.problem, Limits())
    decoded = decode(model.problem, compiled.lift, samples)
    answer = isinglass.solve(model.problem, solver="exact")
    if model.optimum is None:
        return answer.status == "infeasible" and not decoded.feasible.any(), compiled.problem.size
    right = bool(decoded.feasible.all()) and bool((decoded.objective == model.optimum).all())
    return right and answer.status == "optimal" and answer.value == model.optimum, compiled.problem.size


def models(count: int, seed: int) -> bool:
    """Random models, compiled and solved every way, against all their points."""
    from test_end_to_end import sweep

    for what, number in sorted(sweep(count, seed, bits=18).items()):
        print(f"  {what:<60} {number:>5}", flush=True)
    return True


def rows(count: int, seed: int) -> bool:
    """Rows of one decimal and rows divided by their capacity, 4 to 12 terms."""
    kinds: Counter[str] = Counter()
    wrong = 0
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        n = int(rng.integers(4, 13))
        for kind in ("decimal", "divided"):
            tops = rng.integers(10, 100, n)
            side = int(tops.sum() // 2)
            b = isinglass.Builder(kind)
            x = b.binary("x", (n,))
            b.add("cap", (tops / 10) @ x <= side / 10 if kind == "decimal" else (tops / side) @ x <= 1.0)
            problem = b.build()
            table = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(float)
            truth = np.array([Fraction(int(v), side) <= 1 for v in table @ tops])
            try:
                after = Pipeline.parse("normalize-rows").run(problem).problem
            except isinglass.ir.errors.Refused:
                kinds[f"{kind} refused"] += 1
                continue
            kinds[f"{kind} exact"] += 1
            wrong += int((evaluate(after, {"x": table}).feasible != truth).any())
            wrong += int((evaluate(problem, {"x": table}).feasible != truth).any())
    exact = sum(n for key, n in kinds.items() if key.endswith("exact"))
    print(f"  {dict(kinds)}: {100 * exact / (2 * count):.2f} % exact, {wrong} feasible sets wrong")
    return wrong == 0 and exact >= 0.99 * 2 * count


def laws(count: int, seed: int) -> bool:
    """Guarantee and lift of every pass."""
    from laws import CASES, sweep

    for text in CASES:
        start = time.perf_counter()
        print(f"  {text:<45} {sweep(text, count, seed):>5} checked, {time.perf_counter() - start:.0f} s", flush=True)
    return True


def passes(count: int, seed: int) -> bool:
    """The MILP-side passes against integer enumeration."""
    import sweeps as cases

    for name in cases.CASES:
        print(f"  {name:<45} {dict(cases.sweep(name, count, seed))}", flush=True)
    return True


def weights(count: int, seed: int) -> bool:
    """The weight rules on random models."""
    import weights_cases

    for name in weights_cases.FAMILIES:
        print(f"  {name:<45} {weights_cases.sweep(name, count, seed)}", flush=True)
    return True


def answers(count: int, seed: int) -> bool:
    """Certified answers against enumeration; certificates that were changed."""
    import certify_cases

    for name in certify_cases.MAKERS:
        print(f"  {name:<45} {dict(certify_cases.sweep(name, count, seed))}", flush=True)
    return True


def squares(count: int, seed: int) -> bool:
    """min |A x - b|^2, d = 16, 20 bits each: 57,630 couplers, energies equal to the residual in rationals."""
    from build_models import ours_squares, squares_data

    data = squares_data(16, 20)
    bqm = ours_squares(**data)
    rng = np.random.default_rng(seed)
    worst = 0.0
    e = np.kron(np.eye(17), 2.0 ** np.arange(20))
    for _ in range(20):
        bits = rng.integers(0, 2, 340)
        number = e @ bits
        wanted = float(number @ data["G"] @ number + data["g"] @ number + data["constant"])
        found = bqm.energy(dict(zip(bqm.variables, bits.tolist(), strict=True)))
        worst = max(worst, abs(found - wanted) / max(1.0, abs(wanted)))
    print(f"  {bqm.num_interactions:,} couplers, energies within {worst:.1e}")
    return bqm.num_interactions == 57_630 and worst <= 1e-12


def networks(count: int, seed: int) -> bool:
    """Verdicts about random networks by every method, certificates, and bounds at sampled points."""
    import verification_cases as cases
    from verification_sweep import sampled_bounds, sweep

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = sweep(count, seed, Path(folder))
        for name, outcomes in found.items():
            print(f"  {name:<12} {dict(sorted(outcomes.items()))}", flush=True)
        good = not any("WRONG" in outcome for outcomes in found.values() for outcome in outcomes)
        good &= not any(outcomes["unsat, certificate not accepted"] for outcomes in found.values())
        for kind in (*cases.LINEAR, *cases.JUMPS, *cases.SMOOTH):
            compared, outside = sampled_bounds(kind, 1_000_000, seed, Path(folder))
            print(f"  {kind:<12} {compared:,} points, {outside} outside the bounds", flush=True)
            good &= outside == 0
    print(f"  {time.perf_counter() - start:.0f} s")
    return good


def ising(count: int, seed: int) -> bool:
    """Certified brackets of Ising problems against enumeration."""
    import ising_cases

    found: Counter[str] = Counter()
    for number in range(count):
        status, wrong = ising_cases.swept(1_000_000 * seed + number)
        found[f"WRONG, case {number}: {wrong[0]}" if wrong else status] += 1
    for outcome, number in sorted(found.items()):
        print(f"  {outcome:<45} {number}", flush=True)
    return not any("WRONG" in outcome for outcome in found)


def lipschitz(count: int, seed: int) -> bool:
    """Brackets of formal Lipschitz constants of random networks against enumeration."""
    import lipschitz_cases

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = lipschitz_cases.sweep(count, seed, Path(folder))
    for outcome, number in sorted(found.items()):
        print(f"  {outcome:<45} {number}", flush=True)
    print(f"  {time.perf_counter() - start:.0f} s")
    return not any("WRONG" in outcome for outcome in found)


SWEEPS = {
    "families": families, "models": models, "rows": rows, "laws": laws, "passes": passes, "weights": weights,
    "squares": squares, "answers": answers, "networks": networks,
    "ising": ising, "lipschitz": lipschitz,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", nargs="*", default=list(SWEEPS), choices=[*SWEEPS, []], metavar="SWEEP")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failed = []
    for name in options.what:
        print(f"{name}: {(SWEEPS[name].__doc__ or '').strip().splitlines()[0]}", flush=True)
        if not SWEEPS[name](options.count, options.seed):
            failed.append(name)
    sys.exit(f"FAILED: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
