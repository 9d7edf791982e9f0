"""From a random model to an answer, every way round, against all points of the model judged in whole numbers."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from fuzz_models import Model, random_model

import isinglass
from isinglass.backends.solvers.exact import Exact
from isinglass.compiler.drivers import incumbent
from isinglass.compiler.passes.spin_to_binary import SpinToBinary
from isinglass.ir.decoding import decode
from isinglass.ir.errors import Infeasible, Refused
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.samples import Samples

CLOSE = 1e-9
QUICK = incumbent.Effort(sweeps=30, moves=200, starts=1)
"""A short search for incumbents: any of them will do here."""
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "default": ("bqm", {}),
    "spins": ("ising", {}),
    "unary": ("bqm", {"code": "unary"}),
    "one-hot": ("bqm", {"code": "one-hot"}),
    "domain-wall": ("bqm", {"code": "domain-wall"}),
    "bounded": ("bqm", {"code": "bounded", "limit": 2}),
    "unit slack": ("bqm", {"slack": "unit"}),
    "terms": ("bqm", {"quadratize": "terms"}),
    "tight": ("bqm", {"tight": True}),
    "cutoff": ("bqm", {"cutoff": True}),
    "tight one-hot": ("bqm", {"tight": True, "code": "one-hot"}),
    "cutoff domain-wall": ("bqm", {"cutoff": True, "code": "domain-wall"}),
}
"""Target and options of every way to a QUBO that keeps the optimum."""
LOOSE: dict[str, dict[str, Any]] = {
    "outward": {"rounding": "outward", "largest": 7},
    "inward": {"rounding": "inward", "largest": 7},
    "stated": {"weight": 0.75},
}
"""Options that promise less: what is claimed must still be true."""


EVERY = (*WAYS, *LOOSE, "mixture", "reweighted", "highs")


def sweep(count: int, seed: int = 0, ways: Any = EVERY, bits: int = 22) -> Counter[str]:
    """Check ``count`` models every way, counting what happened; an AssertionError names the first that goes wrong."""
    told: Counter[str] = Counter()
    with patch.object(incumbent, "find_incumbent", partial(incumbent.find_incumbent, effort=QUICK)):
        for number in range(count):
            model = random_model(np.random.default_rng([seed, number]))
            for way in ways:
                try:
                    told[f"{way}: {check(model, way, bits, seed + number)}"] += 1
                except Exception as error:
                    error.add_note(f"model {number} of seed {seed}, {way}")
                    raise
    return told


def check(model: Model, way: str, bits: int = 22, seed: int = 0) -> str:
    """One model one way; returns what became of it."""
    if way == "highs":
        return check_milp(model)
    if way in LOOSE:
        return check_loose(model, LOOSE[way], bits, seed)
    if way == "mixture":
        return check_loose(model, mixture(np.random.default_rng(seed)), bits, seed)
    if way == "reweighted":
        return check_reweighted(model, bits, seed)
    target, options = WAYS[way]
    try:
        compiled = isinglass.compile(model.problem, target, **options)
    except Infeasible:
        assert model.optimum is None, "said to be infeasible while compiling"
        answer = isinglass.solve(model.problem, solver="exact", **options)
        assert (answer.status, answer.basis) in (("infeasible", "certificate"), ("unknown", "none"))
        return f"{answer.status} while compiling"
    except Refused as error:
        return f"refused: {error.diagnostics[0].code}"
    check_samples(model, compiled, seed)
    if compiled.problem.size > bits:
        return "compiled, too large to enumerate"
    check_ground_states(model, compiled)
    if way != "default":
        return "ground states"
    answer = isinglass.solve(model.problem, solver="exact", **options)
    if compiled.guarantee.optimum == "bounded":  # numbers too far apart for float64 energies
        check_claims(model, answer)
        return f"{answer.status}, optimum bounded"
    return check_answer(model, answer)


def check_ground_states(model: Model, compiled: Any) -> None:
    """Every state of least energy decodes to an optimum, or to nothing feasible where there is none."""
    problem: Problem = compiled.problem
    spins = any(var.domain == "spin" for var in problem.vars.values())
    if spins:
        step = SpinToBinary().run(problem)
        samples = Exact().solve(step.problem, Limits())
        samples = Samples(step.lift.up(samples.values), samples.energy, info=samples.info)
    else:
        samples = Exact().solve(problem, Limits())
    decoded = decode(model.problem, compiled.lift, samples)
    if model.optimum is None:
        assert not decoded.feasible.any(), "a feasible sample of an infeasible model"
        return
    above = compiled.guarantee.infeasible_above
    assert samples.energy is not None
    assert above is None or samples.energy.min() <= above + CLOSE * max(1.0, abs(above)), "infeasible_above"
    assert decoded.feasible.all(), "a ground state is not feasible"
    best = float(model.optimum)
    assert np.abs(decoded.objective - best).max() <= CLOSE * max(1.0, abs(best)), "a ground state is not optimal"


def check_answer(model: Model, answer: Any) -> str:
    if model.optimum is None:
        assert answer.status == "infeasible" and answer.basis == "enumeration", answer.status
        assert answer.witness is None
        return "infeasible by enumeration"
    best = float(model.optimum)
    assert answer.status == "optimal" and answer.basis == "enumeration", answer.status
    assert answer.lower == answer.upper == answer.value
    assert answer.value == pytest.approx(best, rel=CLOSE, abs=CLOSE)
    check_witness(model, answer)
    return "optimal"


def check_witness(model: Model, answer: Any) -> None:
    """The witness is a point of the box, feasible, and has the value that is told."""
    point = np.concatenate([np.ravel(answer.witness[name]) for name in model.problem.vars])
    (place,) = np.flatnonzero((model.table == point).all(axis=1))
    assert model.feasible[place]
    assert answer.value == pytest.approx(float(model.objective[place]), rel=CLOSE, abs=CLOSE)


def check_milp(model: Model) -> str:
    """HiGHS finds the same optimum; what it says is its word."""
    try:
        answer = isinglass.solve(model.problem, solver="highs")
    except Refused as error:
        return f"refused: {error.diagnostics[0].code}"
    if model.optimum is None:
        assert answer.status in ("infeasible", "unknown"), answer.status
        return f"{answer.status} by {answer.basis}"
    assert answer.status == "optimal" and answer.basis == "solver-word", answer.status
    assert answer.value == pytest.approx(float(model.optimum), rel=CLOSE, abs=CLOSE)
    check_witness(model, answer)
    side = answer.lower if model.maximize else answer.upper
    assert side == answer.value and None in (answer.lower, answer.upper)
    return "optimal"


def check_loose(model: Model, options: dict[str, Any], bits: int, seed: int) -> str:
    """Whatever an answer claims is true, although the compilation need not keep the optimum."""
    try:
        compiled = isinglass.compile(model.problem, "bqm", **options)
    except Infeasible:
        if options.get("rounding") != "inward":
            assert model.optimum is None, "said to be infeasible while compiling"
        answer = isinglass.solve(model.problem, solver="exact", **options)
        check_claims(model, answer)
        return f"{answer.status} while compiling"
    except Refused as error:
        return f"refused: {error.diagnostics[0].code}"
    check_samples(model, compiled, seed)
    if compiled.problem.size > bits:
        return "compiled, too large to enumerate"
    answer = isinglass.solve(model.problem, solver="exact", **options)
    check_claims(model, answer)
    kept = compiled.guarantee.exact
    if kept:
        check_ground_states(model, compiled)
    assert kept or answer.status not in ("optimal", "infeasible"), "claimed without a guarantee"
    return f"{answer.status}, optimum {compiled.guarantee.optimum}"


def mixture(rng: np.random.Generator) -> dict[str, Any]:
    """Any options together."""
    choices: dict[str, list[Any]] = {
        "code": ["log", "unary", "one-hot", "domain-wall", "bounded"], "limit": [1, 2, 3],
        "slack": ["half-step", "unit"], "quadratize": ["pairs", "terms"],
        "rounding": [None, "exact", "outward", "inward"], "largest": [None, 5, 12, 40],
        "tight": [False, False, True], "cutoff": [False, False, True], "weight": [None, None, None, None, 3.0],
    }  # fmt: skip
    chosen = {key: values[int(rng.integers(len(values)))] for key, values in choices.items()}
    return {key: value for key, value in chosen.items() if value is not None}


def check_claims(model: Model, answer: Any) -> None:
    """Status, bounds and witness say nothing that is false."""
    if answer.witness is not None:
        check_witness(model, answer)
    if answer.status == "infeasible":
        assert model.optimum is None
    if model.optimum is None:
        assert answer.status in ("infeasible", "unknown") and answer.value is None
        return
    best = float(model.optimum)
    slack = CLOSE * max(1.0, abs(best))
    assert answer.status != "optimal" or abs(answer.value - best) <= slack
    assert answer.lower is None or answer.lower <= best + slack
    assert answer.upper is None or answer.upper >= best - slack


def check_reweighted(model: Model, bits: int, seed: int) -> str:
    """Other penalty weights: wherever the guarantee survives them, ground states are still right."""
    try:
        compiled = isinglass.compile(model.problem, "bqm")
    except (Infeasible, Refused):
        return "not compiled"
    weights = np.concatenate([np.zeros(0), *(p.penalty.weight for p in compiled.problem.penalties)])  # type: ignore[union-attr]
    if compiled.problem.size > bits or not len(weights):
        return "too large, or no penalties"
    rng, told = np.random.default_rng(seed), Counter[str]()
    size = len(weights)
    for factors in (rng.uniform(0.5, 1.2, size), rng.uniform(0.9, 4.0, size), np.full(size, 0.9)):
        other = compiled.reweighted(weights * factors)
        told["kept" if other.guarantee.exact else "lost"] += 1
        if other.guarantee.exact:
            check_ground_states(model, other)
    return "proof kept" if told["kept"] else "proof lost"


def check_samples(model: Model, compiled: Any, seed: int, count: int = 64) -> None:
    """Random states: objective, feasibility and violated rows are those of the point that they decode to."""
    problem: Problem = compiled.problem
    rng = np.random.default_rng(seed)
    lower, upper = problem.stack_bounds()
    spin = np.concatenate([np.zeros(0, bool), *(np.full(v.size, v.domain == "spin") for v in problem.vars.values())])
    bit = rng.integers(0, 2, (count, problem.size))
    states = np.where(bit == 1, upper, np.where(spin, -1.0, lower))
    if not problem.size:
        return
    decoded = compiled.decode(Samples(problem.unstack(states)))
    place = {tuple(point): k for k, point in enumerate(model.table.tolist())}
    labels = {label for label in model.broken}
    for sample in range(count):
        point = tuple(float(v) for name in model.problem.vars for v in decoded.values[name][sample])
        found = place.get(point)
        violated = {label for label in decoded.violated(sample) if label in labels}
        if found is None:  # bits that stand for no value (one-hot, domain-wall)
            assert not decoded.feasible[sample], "a point outside the box is called feasible"
            continue
        assert decoded.feasible[sample] == model.feasible[found], "feasibility"
        assert violated == {label for label in labels if model.broken[label][found]}, "violated rows"
        best = float(model.objective[found])
        assert abs(decoded.objective[sample] - best) <= CLOSE * max(1.0, abs(best)), "objective"


@pytest.mark.parametrize("way", EVERY)
def test_random_models(way: str) -> None:
    told = sweep(50, 0, [way], bits=16)
    words = ("optimal", "ground states", "proof kept")
    settled = sum(n for key, n in told.items() if any(word in key for word in words))
    assert settled >= (8 if way == "reweighted" else 20), told
