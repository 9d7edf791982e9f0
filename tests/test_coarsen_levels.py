"""Coarse energies are those of the lifted spins, exactly; reductions keep the optimum."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from coarsen_cases import all_spins, random_spins, system, systems, torus
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from isinglass.compiler.coarsen.cycles import regauged
from isinglass.compiler.coarsen.levels import coarsened, contract
from isinglass.compiler.coarsen.matching import MATCHINGS, Merge, embedding, inherited
from isinglass.compiler.coarsen.reduction import reduced
from isinglass.compiler.coarsen.system import System
from isinglass.ir.quadratic.ising_form import IsingForm
from isinglass.ir.quadratic.triplets import Triplets

LAWS = settings(derandomize=True, deadline=None, max_examples=80)


@LAWS
@given(systems, st.sampled_from(sorted(MATCHINGS)), st.integers(2, 12), st.integers(0, 99))
def test_coarse_energies_are_those_of_the_lifted_spins(fine: System, matching: str, budget: int, seed: int) -> None:
    levels = coarsened(fine, budget, MATCHINGS[matching], np.random.default_rng(seed))
    if fine.size <= budget:
        assert not levels
        return
    assert levels[-1].coarse.size <= budget
    for above, below in pairwise(levels):
        assert above.coarse is below.fine
    spins = random_spins(levels[-1].coarse.size, seed)
    energy = levels[-1].coarse.energy(spins)
    for level in reversed(levels):
        spins = level.lift(spins)
        assert level.fine.energy(spins) == energy


@pytest.mark.parametrize("dense", [True, False])
def test_merged_pairs_leave_their_coupling_in_the_constant(dense: bool) -> None:
    matrix = np.array([[0.0, 5, 1], [5, 0, -2], [1, -2, 0]])
    fine = System(0.25, np.array([1.0, 2, 4]), matrix if dense else sparse.csr_array(matrix))
    level = contract(fine, Merge.of_pairs(np.array([0]), np.array([1]), np.array([-1.0]), 3))
    assert level.coarse.offset == 0.25 - 5
    assert level.coarse.fields.tolist() == [1.0 - 2, 4.0]
    assert level.coarse.csr.toarray().tolist() == [[0, 3], [3, 0]]


@LAWS
@given(systems, st.sampled_from(sorted(MATCHINGS)), st.integers(0, 99))
def test_matchings_merge_pairs(fine: System, matching: str, seed: int) -> None:
    merge = MATCHINGS[matching](fine, np.random.default_rng(seed))
    sizes = np.bincount(merge.parent, minlength=merge.count)
    assert len(merge.parent) == fine.size and set(np.abs(merge.sign)) == {1}
    assert sizes.min() >= 1 and sizes.max() <= 2
    forced = merge.forced(embedding(fine, np.random.default_rng(seed)))
    assert forced.count == -(-fine.size // 2)
    together = merge.parent[:, None] == merge.parent
    assert not (together & (forced.parent[:, None] != forced.parent)).any()
    sign = merge.sign[:, None] * merge.sign
    assert not (together & (sign != forced.sign[:, None] * forced.sign)).any()


@pytest.mark.parametrize("matching", sorted(MATCHINGS))
def test_strong_couplings_are_merged_with_their_sign(matching: str) -> None:
    """Pairs with couplings of 9 and -9, and weak ones of 1 between the pairs."""
    n = 20
    upper = np.zeros((n, n))
    strong = np.where(np.arange(n // 2) % 2, 9.0, -9.0)
    upper[np.arange(0, n, 2), np.arange(1, n, 2)] = strong
    upper[np.arange(1, n - 1, 2), np.arange(2, n, 2)] = 1.0
    merge = MATCHINGS[matching](System.packed(0.0, np.zeros(n), upper + upper.T), np.random.default_rng(0))
    assert merge.count == n // 2
    assert (merge.parent[::2] == merge.parent[1::2]).all()
    assert (merge.sign[::2] * merge.sign[1::2] == -np.sign(strong)).all()


def test_the_embedding_follows_fields() -> None:
    fine = system(30, 0.1, 0, fields=0.0)
    strong = System(0.0, 50.0 * random_spins(30, 1), fine.matrix)
    vectors = embedding(strong, np.random.default_rng(0))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert (np.sign(vectors[:, 0]) == -np.sign(strong.fields)).all()


def test_vectors_of_merged_spins_keep_their_direction() -> None:
    vectors = np.array([[1.0, 0], [-1, 0], [0, 1]])
    merge = Merge.of_pairs(np.array([0]), np.array([1]), np.array([-1.0]), 3)
    assert inherited(vectors, merge).tolist() == [[1, 0], [0, 1]]


def test_embedding_beats_weights_on_a_dense_system() -> None:
    rng = np.random.default_rng(3)
    upper = np.triu(rng.choice([-1.0, 1.0], (400, 400)), 1)
    fine = System.packed(0.0, np.zeros(400), upper + upper.T)
    least = {}
    for name, matching in MATCHINGS.items():
        levels = coarsened(fine, 12, matching, np.random.default_rng(0))
        coarse = levels[-1].coarse
        least[name] = min(coarse.energy(spins) for spins in all_spins(coarse.size))
    assert least["embedding"] < 1.5 * least["weight"] < 0


@LAWS
@given(systems, st.integers(0, 99))
def test_a_regauged_system_has_the_present_state_at_all_ones(fine: System, seed: int) -> None:
    spins, other = random_spins(fine.size, seed), random_spins(fine.size, seed + 100)
    gauged = regauged(fine, spins)
    assert gauged.energy(np.ones(fine.size, np.int8)) == fine.energy(spins)
    assert gauged.energy(other) == fine.energy(np.asarray(other * spins, dtype=np.int8))


@LAWS
@given(
    st.integers(1, 11), st.sampled_from([0.1, 0.2, 0.4, 0.7]), st.integers(0, 10**6), st.sampled_from([0.0, 0.4, 1.0])
)
def test_reductions_are_exact(n: int, share: float, seed: int, fields: float) -> None:
    fine = system(n, share, seed, fields, dense=False)
    smaller = reduced(fine)
    rest = all_spins(smaller.system.size)
    energy = [smaller.system.energy(spins) for spins in rest]
    lifted = smaller.lift(rest)
    assert [fine.energy(spins) for spins in lifted] == energy
    points = all_spins(n)
    best = np.full(len(rest), np.inf)
    for spins in points:  # the least over everything that went, for every state of what stays
        place = np.flatnonzero((rest == spins[smaller.kept]).all(axis=1))
        best[place] = np.minimum(best[place], fine.energy(spins))
    assert best.tolist() == energy


def test_trees_vanish() -> None:
    n = 50
    upper = sparse.coo_array((np.arange(1.0, n), (np.arange(n - 1) // 2, np.arange(1, n))), shape=(n, n))
    fine = System.packed(0.0, np.zeros(n), sparse.csr_array(upper + upper.T))
    smaller = reduced(fine)
    assert smaller.system.size == 0
    assert smaller.lift(np.zeros((1, 0), np.int8)).shape == (1, n)
    assert smaller.system.offset == -upper.sum() == fine.energy(smaller.lift(np.zeros(0, np.int8)))


def test_dense_systems_and_tori_stay() -> None:
    for fine in (system(30, 1.0, 0), torus(6, 0)):
        assert reduced(fine).system is fine


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_systems_of_forms(scale: float) -> None:
    upper = np.triu(np.random.default_rng(0).integers(-3, 4, (9, 9)), 1).astype(float)
    h = np.arange(9.0) - 4
    points = all_spins(9)
    for couplers in (upper, Triplets.of_dense(upper)):
        form = IsingForm(2.5, h, couplers, scale)
        made = System.of(form)
        wanted = form.energies(points)
        assert [made.energy(spins) for spins in points] == wanted.tolist()
        assert made.form().energies(points).tolist() == wanted.tolist()
    flips = np.array([made.energy(points[5] * (1 - 2 * np.eye(9, dtype=np.int8)[i])) for i in range(9)])
    assert np.allclose(flips - made.energy(points[5]), -2 * points[5] * made.local(points[5]))
