"""Ising problems for tests: tori, random graphs, dense ones, and what enumeration says about them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from scipy import sparse

from isinglass.ir.blocks import Poly, Var
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.quadratic.spins import spin_form
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
