"""Blocks cut out of a system and put back, compiled and plain; refinement, cycles and cooling never lose the best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from coarsen_cases import all_spins, random_spins, system, systems, torus
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.backends.solver import make_solver
from isinglass.compiler.coarsen import kernels, refine
from isinglass.compiler.coarsen import state as states
from isinglass.compiler.coarsen.cooling import Schedule, cooled, perturbed
from isinglass.compiler.coarsen.cycles import combined, cycle
from isinglass.compiler.coarsen.device import Device
from isinglass.compiler.coarsen.state import State, energies
from isinglass.compiler.coarsen.system import System
from isinglass.ir.errors import Refused
from isinglass.ir.protocols import Limits
from isinglass.ir.quadratic.ising_form import IsingForm
from isinglass.ir.quadratic.triplets import Triplets

LAWS = settings(derandomize=True, deadline=None, max_examples=60)


def outcome(loop: Any) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(loop)
        except StopIteration as end:
            return end.value


def device(budget: int, text: str = "neal", **limits: Any) -> Device:
    return Device(make_solver(text)[0], budget, Limits(**limits))


def walk(fine: System, seed: int) -> tuple[Any, ...]:
    """Everything that cutting, putting and growing returns on the way of some random changes."""
    rng = np.random.default_rng(seed)
    state = State(fine, random_spins(fine.size, seed), 8)
    told: list[Any] = []
    for block in state.blocks(rng.permutation(fine.size)):
        form = state.cut(block)
        told += [block, form.h, form.couplers.row, form.couplers.column, form.couplers.value]  # type: ignore[union-attr]
        told += [state.put(block, random_spins(len(block), seed + len(told)))]
    return tuple(np.asarray(part).tolist() for part in (*told, state.spins, state.local))


@pytest.mark.skipif(not kernels.available(), reason="numba is not installed")
@pytest.mark.parametrize("dense", [True, False])
def test_compiled_kernels_do_what_the_plain_ones_do(dense: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole numbers, so that the order of sums says nothing."""
    found = []
    for least in (0, 10**9):
        monkeypatch.setattr(states, "FAST", least)
        found.append([walk(system(30, 0.6 if dense else 0.1, seed, dense=dense), seed) for seed in range(5)])
    assert found[0] == found[1]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("dense", [True, False])
def test_blocks_are_the_energy_of_their_spins(dense: bool, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "FAST", 0 if fast else 10**9)
    for seed in range(10):
        fine = system(14, 0.4, seed, dense=dense)
        state = State(fine, random_spins(14, seed), 5)
        before = state.energy
        assert before == fine.energy(state.spins)
        block = np.sort(np.random.default_rng(seed).permutation(14)[:5])
        form = state.cut(block)
        row, column = form.triplets().row, form.triplets().column
        assert (row < column).all() and (np.diff(row * 5 + column) > 0).all()
        points = all_spins(5)
        full = np.repeat(state.spins[None], len(points), axis=0)
        full[:, block] = points
        wanted = np.array([fine.energy(spins) for spins in full])
        found = energies(form, points)
        assert np.array_equal(found - found[0], wanted - wanted[0])
        assert state.put(block, points[11]) == wanted[11] - before
        assert np.array_equal(state.spins, full[11]) and np.array_equal(state.local, fine.local(full[11]))
        assert state.energy == wanted[11] == state.settle()


@LAWS
@given(systems, st.integers(1, 50), st.integers(0, 99))
def test_blocks_are_a_partition_within_the_budget(fine: System, budget: int, seed: int) -> None:
    state = State(fine, random_spins(fine.size, seed), budget)
    for order in (np.random.default_rng(seed).permutation(fine.size), state.shuffled(np.random.default_rng(seed))):
        blocks = state.blocks(order)
        assert sorted(np.concatenate(blocks).tolist()) == list(range(fine.size))
        assert max(len(block) for block in blocks) <= budget
        assert len(blocks) <= 2 * -(-fine.size // min(budget, fine.size))


def test_sparse_blocks_hang_together() -> None:
    fine = torus(20, 0)
    state = State(fine, random_spins(400, 0), 50)
    first = state.blocks(np.arange(400))[0]
    inside = fine.csr[first][:, first]
    assert len(first) == 50 and inside.nnz >= 2 * 70  # a ball; 50 scattered spins have about 12 couplings


def test_the_device_counts_and_keeps_its_budget() -> None:
    hand = device(4)
    form = IsingForm(0.0, np.array([1.0, -1.0]), Triplets.of_dense(np.array([[0.0, 3.0], [0.0, 0.0]])))
    assert hand.sample(form, 3).shape == (3, 2)
    assert (hand.calls, hand.largest) == (1, 2) and hand.seconds > 0
    with pytest.raises(Refused, match="5 spins for a device of 4"):
        hand.sample(IsingForm(0.0, np.zeros(5), form.couplers), 1)
    assert hand.calls == 1

    class Wrong:
        def sample_ising(self, *_: Any) -> Any:
            return np.ones((1, 3), np.int8)

    with pytest.raises(Refused, match="2 spins asked for"):
        Device(Wrong(), 4, Limits()).sample(form, 1)


@pytest.mark.parametrize("text", ["neal", "tabu", "greedy", "exact{most=12}"])
def test_refinement_never_rises(text: str) -> None:
    for seed, share in enumerate((0.1, 0.8)):
        fine = system(40, share, seed)
        state, hand = State(fine, random_spins(40, seed), 10), device(10, text)
        rng = np.random.default_rng(seed)
        energy = [state.energy]
        for _ in range(3):
            outcome(refine.refine(state, hand, rng, 20, 2))
            energy.append(state.energy)
            assert state.energy == fine.energy(state.spins)
        assert energy == sorted(energy, reverse=True) and energy[-1] < energy[0]
        assert hand.largest <= 10


def test_gains_come_first() -> None:
    """The one spin that is wrong is in the first block."""
    fine = System.packed(0.0, np.full(60, -5.0), np.zeros((60, 60)))
    spins = np.ones(60, np.int8)
    spins[33] = -1
    assert refine.by_gain(State(fine, spins, 10), np.random.default_rng(0))[0] == 33


@LAWS
@given(systems, st.integers(0, 99))
def test_cycles_and_combinations_never_rise(fine: System, seed: int) -> None:
    one, two = random_spins(fine.size, seed), random_spins(fine.size, seed + 100)
    hand, rng = device(10), np.random.default_rng(seed)
    assert fine.energy(outcome(cycle(fine, one, hand, rng, 5, 1))) <= fine.energy(one)
    assert fine.energy(outcome(combined(fine, one, two, hand, rng, 5, 1))) <= fine.energy(one)
    assert hand.largest <= 10


def test_combinations_take_the_better_of_each_piece() -> None:
    """Ten separate rings, each state having half of them right."""
    pieces = 10
    matrix = np.kron(np.eye(pieces), np.roll(np.eye(8), 1, axis=1) + np.roll(np.eye(8), -1, axis=1)) * -1.0
    fine = System.packed(0.0, np.full(80, -0.5), matrix)
    good = np.ones((pieces, 8), np.int8)
    one, two = good.copy(), good.copy()
    one[:5, 2:6] = -1
    two[5:, 1:5] = -1
    hand = device(20, "exact")
    found = outcome(combined(fine, one.ravel(), two.ravel(), hand, np.random.default_rng(0), 5, 1))
    assert found.tolist() == good.ravel().tolist()


@pytest.mark.parametrize("text", ["neal", "exact"])
def test_cooling_reaches_good_states_with_any_device(text: str) -> None:
    fine = system(60, 0.1, 1)
    rng = np.random.default_rng(0)
    least = min(fine.energy(random_spins(60, seed)) for seed in range(200))
    state, hand = State(fine, random_spins(60, 0), 12), device(12, text)
    spins, hurried = outcome(cooled(state, Schedule.of(state, 30), hand, rng))
    assert fine.energy(spins) < 1.5 * least < 0
    assert not hurried and 30 * 5 <= hand.calls <= 30 * 10 and hand.largest <= 12


def test_random_fields_make_optima_thermal() -> None:
    """One spin in a field h at temperature T is up with probability 1 / (1 + exp(2 h / T))."""
    rng = np.random.default_rng(0)
    form = IsingForm(0.0, np.full(20_000, 0.7), Triplets.of_dense(np.zeros((1, 1))))
    up = (perturbed(form, 2.0, rng).h < 0).mean()
    assert abs(up - 1 / (1 + np.exp(0.7))) < 0.01


def test_schedules_cool_and_go_on_warm() -> None:
    state = State(system(50, 0.2, 0), random_spins(50, 0), 10)
    whole = Schedule.of(state, 300)
    parts = whole.parts(700, 0.8)
    assert [len(part.betas) for part in parts] == [300, 150, 150]
    assert [round(part.begin, 6) for part in parts] == [0.0, 0.4, 0.6] and parts[-1].end == 0.8
    for part in parts:
        assert (np.diff(part.betas.ravel()) > 0).all()
        assert part.betas[-1, -1] == pytest.approx(whole.betas[-1, -1])
    assert parts[1].betas[0, 0] > whole.betas[0, 0]
    assert parts[0].next(5, device(10)) == 5
    assert parts[0].next(5, device(10, timeout=0.0)) == 300
