"""Ising systems for the tests of coarsening."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import sparse

from isinglass.compiler.coarsen.system import System


def system(n: int, share: float, seed: int, fields: float = 0.5, dense: bool | None = None) -> System:
    """Whole couplings -3..3, one pair in 1 / ``share`` coupled, a ``fields`` share of the spins with a field."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.integers(-3, 4, (n, n)) * (rng.random((n, n)) < share), 1).astype(float)
    h = rng.integers(-2, 3, n) * (rng.random(n) < fields) * 1.0
    matrix = upper + upper.T
    if dense is None:
        return System.packed(1.5, h, matrix)
    return System(1.5, h, matrix if dense else sparse.csr_array(matrix))


def all_spins(n: int) -> Any:
    return np.array(list(itertools.product((-1, 1), repeat=n)), np.int8).reshape(2**n, n)


def random_spins(n: int, seed: int) -> Any:
    return np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), n)


def torus(side: int, seed: int) -> System:
    """Couplings of +-1 on a square lattice without ends."""
    rng = np.random.default_rng(seed)
    i = np.arange(side * side)
    x, y = i // side, i % side
    row = np.concatenate([i, i])
    column = np.concatenate([(x + 1) % side * side + y, x * side + (y + 1) % side])
    upper = sparse.coo_array((rng.choice([-1.0, 1.0], len(row)), (row, column)), shape=(side**2, side**2))
    return System.packed(0.0, np.zeros(side**2), sparse.csr_array(upper + upper.T))


systems = st.builds(
    system,
    st.integers(1, 40),
    st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.7, 1.0]),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.3, 1.0]),
)
"""Sparse and dense ones, in pieces, without couplings, with and without fields."""
