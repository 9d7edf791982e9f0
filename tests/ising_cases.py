"""Ising problems for tests: tori, random graphs, dense ones, and what enumeration says about them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from isinglass.api import lp_tool
from isinglass.compiler.drivers.certify_ising import Race
from isinglass.ir.answers import Answer
from isinglass.ir.blocks import Poly, Var
from isinglass.ir.checking import check_optimize
from isinglass.ir.lift.objective import Objective
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.quadratic.spins import spin_form, spin_form_and_values
from isinglass.ir.spin_form import SpinForm
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear


def torus(side: int, seed: int, normal: bool = False) -> Any:
    """Couplings [n, n], upper triangle, of a side x side torus: +-1, or normal ones."""
    rng, at = np.random.default_rng(seed), np.arange(side * side).reshape(side, side)
    here = np.concatenate([at.ravel(), at.ravel()])
    there = np.concatenate([np.roll(at, -1, 1).ravel(), np.roll(at, -1, 0).ravel()])
    weight = rng.normal(size=len(here)) if normal else rng.choice([-1.0, 1.0], len(here))
    ends = np.minimum(here, there), np.maximum(here, there)
    return sparse.csr_array(sparse.coo_array((weight, ends), shape=(side * side, side * side)))


def graph(size: int, share: float, seed: int, normal: bool = False) -> Any:
    """Couplings [n, n] between a share of all pairs: whole numbers from -3 to 3, or normal ones."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(size, size)) if normal else rng.integers(-3, 4, (size, size)).astype(float)
    return np.triu(weight * (rng.random((size, size)) < share), 1)


def ising(couplings: Any, field: Any = None, domain: str = "spin", sign: float = 1.0) -> Problem:
    """min sign * (s.J s + h.s) over spins or binaries."""
    size = couplings.shape[0]
    operator = Csr.of(sign * couplings) if sparse.issparse(couplings) else Dense(sign * couplings)
    terms: tuple[Any, ...] = (Bilinear("s", "s", operator),)
    if field is not None:
        terms += (Linear("s", Dense(sign * np.asarray(field, dtype=float)[None])),)
    return Problem("ising", (Var.of("s", domain, (size,)), Poly("energy", "objective", terms, np.zeros(1))))


def all_spins(size: int) -> Any:
    """All spins [2^size, 1 + size] with t_0 = 1."""
    bits = np.arange(1 << size)[:, None] >> np.arange(size) & 1
    return np.concatenate([np.ones((1 << size, 1)), 2.0 * bits - 1], axis=1)


def maximum(problem: Problem) -> tuple[SpinForm, float]:
    """The spin form of a small problem, and its maximum by enumeration."""
    form = spin_form(problem)
    return form, float(form.value(all_spins(form.spins - 1)).max())


def ended(loop: Generator[Any, None, Any]) -> Any:
    """What a loop returns."""
    while True:
        try:
            next(loop)
        except StopIteration as end:
            return end.value


def swept(seed: int, seconds: float = 5.0) -> tuple[str, list[str]]:
    """The status of one random problem's certified answer, and what is wrong with it by enumeration and the checker.

    Up to 13 spins or binaries, whole, decimal and normal couplings of all sizes, fields, both senses, both ways, some
    with next to no time."""
    rng = np.random.default_rng([seed, 77])
    size, kind = int(rng.integers(1, 14)), int(rng.integers(0, 4))
    couplings = graph(size, float(rng.choice([0.2, 0.5, 1.0])), seed, kind == 0)
    couplings *= [1.0, 1.0, 0.1, float(rng.choice([1e-6, 1e6, 0.37]))][kind]
    fields = [None, rng.integers(-2, 3, size) * float(rng.choice([1, 0.1, 0.37])), rng.normal(size=size)]
    problem = ising(couplings, fields[int(rng.integers(0, 3))], str(rng.choice(["spin", "bin"])))
    if rng.random() < 0.5:
        source = Objective(-float(rng.choice([1, 0.3])), float(rng.choice([0, 0.7])))
        problem = replace(problem, source=source)
    form, best = maximum(problem)
    names = [["cycles"], ["vectors"], ["cycles", "vectors"]][int(rng.integers(0, 3))]
    limits = Limits(seconds if rng.random() < 0.7 else 0.03)
    race = Race.of(problem, Answer("unknown"), form, spin_form_and_values(problem)[1], lp_tool(), limits)
    race.queue = names
    ended(race.run())
    answer = race.answer()
    return answer.status, faults(problem, answer, best, form.error)


def faults(problem: Problem, answer: Answer, best: float, error: float) -> list[str]:
    """What contradicts the maximum ``best`` of the spin form, known up to ``error``."""
    if answer.basis != "certificate":
        return [] if answer.status == "unknown" else [f"status {answer.status} by {answer.basis}"]
    true = float(problem.source.value(np.array(-best)))
    slack = 1e-13 * max(1.0, abs(true)) + 2 * error * abs(problem.source.scale)
    found = []
    if answer.lower is None or answer.upper is None or not answer.lower - slack <= true <= answer.upper + slack:
        found.append(f"{true!r} lies outside {answer.lower!r}..{answer.upper!r}")
    if answer.status == "optimal" and (answer.value is None or abs(answer.value - true) > 1e-9 * max(1.0, abs(true))):
        found.append(f"the value {answer.value!r} is not {true!r}")
    verdict = check_optimize(problem, Answer.from_json(answer.to_json()))
    return found + ([] if verdict.verdict == "accepted" else [str(verdict)])
