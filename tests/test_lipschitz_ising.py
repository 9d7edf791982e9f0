"""One hidden layer as an Ising problem: optima, patterns and files agree with enumeration."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import isinglass
from isinglass.backends.target import TARGETS
from isinglass.compiler.lipschitz.ising import IsingForm
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.evaluate import evaluate
from isinglass.ir.slope_form import SlopeForm
from isinglass.ir.verify import verify


def one_layer(seed: int, units: int = 5, inputs: int = 3, direct: bool = True) -> SlopeForm:
    rng = np.random.default_rng(seed)
    outer, weights = rng.integers(-8, 9, (units, inputs)) / 4, rng.integers(-8, 9, (2, units)) / 4
    past = rng.integers(-8, 9, (2, inputs)) / 4 * direct
    zero = np.zeros(units)
    return SlopeForm(np.zeros((units, units)), outer, weights, past, zero, zero + 1, (("h", 0, units),),
                     np.zeros(units, np.int64))  # fmt: skip


def table(size: int, low: float = -1.0) -> np.ndarray:
    return np.array(list(product((low, 1.0), repeat=size)))


def constant(form: SlopeForm) -> float:
    return max(float(np.abs(form.gradient(pattern, 1)).sum()) for pattern in table(form.units, 0.0))


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_optimum_is_the_constant(seed: int, pinned: bool) -> None:
    form = one_layer(seed)
    ising = IsingForm.of(form, 1, pinned=pinned)
    problem = ising.problem()
    verify(problem)
    assert problem.size == 3 + 5 + (not pinned)
    assert not problem.penalties and not problem.lins
    states = problem.unstack(table(problem.size))
    values = evaluate(problem, states).objective
    decoded = ising.decode(states)
    assert values.max() == constant(form) == decoded.value.max()
    np.testing.assert_allclose(decoded.given, values)
    assert (decoded.value >= values).all()
    told = [np.abs(form.gradient(pattern, 1)).sum() for pattern in decoded.patterns]
    np.testing.assert_allclose(decoded.value, told, rtol=1e-12)
    np.testing.assert_allclose(evaluate(problem, decoded.values).objective, told, rtol=1e-12)


def test_the_norm_of_hiq_lip_is_another_quantity() -> None:
    excess = []
    for seed in range(6):
        form = one_layer(seed, direct=False)
        ising = IsingForm.of(form, 1, "inf-to-one")
        matrix = form.inputs.T * form.unit_weights[1]
        states = ising.problem().unstack(table(8))
        found = ising.decode(states)
        norm = max(float(np.abs(matrix @ t).sum()) for t in table(5))
        assert found.value.max() == norm
        np.testing.assert_array_equal(2 * found.patterns - 1, states["t"])
        excess.append(norm / constant(form))
    assert min(excess) >= 1 and max(excess) <= 2
    assert max(excess) > 1.05, "were they equal, one name would do"


def test_what_dimod_sees() -> None:
    form = one_layer(3)
    ising = IsingForm.of(form, 0)
    problem = ising.problem()
    bqm = isinglass.compile(problem, "bqm").bqm
    rng = np.random.default_rng(0)
    for _ in range(20):
        states = problem.unstack(rng.choice([-1.0, 1.0], (1, problem.size)))
        stacked = problem.stack(states)[0]
        energy = bqm.energy({name: (1 + s) / 2 for name, s in zip(problem.labels(), stacked, strict=True)})
        assert -energy == pytest.approx(ising.decode(states).given[0], abs=1e-12)
    spin = isinglass.compile(problem, "ising")
    assert spin.problem.size == problem.size and not spin.problem.penalties


def test_solving_gives_the_constant_in_its_own_sense() -> None:
    form = one_layer(4)
    answer = isinglass.solve(IsingForm.of(form, 1).problem(), solver="exact")
    assert answer.value == answer.upper == constant(form)
    assert answer.status == "optimal"
    assert isinglass.solve(IsingForm.of(form, 1, pinned=True).problem(), solver="exact").value == constant(form)


@pytest.mark.parametrize("quantity", ["lipschitz", "inf-to-one"])
def test_states_of_patterns_come_back(quantity: str) -> None:
    form = one_layer(5, direct=False)
    for pinned in (False, True):
        ising = IsingForm.of(form, 0, quantity, pinned)
        patterns = table(5, 0.0)
        states = ising.samples_of(patterns)
        decoded = ising.decode(states)
        np.testing.assert_array_equal(decoded.patterns, patterns)
        np.testing.assert_array_equal(decoded.given, decoded.value)
        flipped = {name: -spins for name, spins in states.items()}
        if ising.ghost:
            np.testing.assert_array_equal(ising.decode(flipped).patterns, patterns)


def test_refusals() -> None:
    deep = replace(one_layer(0), within=np.tril(np.ones((5, 5)), -1), layer=np.arange(5))
    with pytest.raises(Refused, match="5 hidden layers is no Ising problem"):
        IsingForm.of(deep)
    with pytest.raises(Refused, match="norm of one matrix"):
        IsingForm.of(one_layer(1), 0, "inf-to-one")
    ising = IsingForm.of(one_layer(1))
    for bad in (np.ones((2, 5)), np.zeros((1, 6))):
        with pytest.raises(InputError, match="6 spins"):
            ising.decode({"t": bad})


def test_every_target_of_spins_writes_it() -> None:
    problem = IsingForm.of(one_layer(2)).problem()
    written = [key for key in TARGETS if TARGETS[key]().level in ("BQM", "SPIN")]
    assert len(written) >= 4
    for key in written:
        assert isinglass.compile(problem, key).artifact is not None
