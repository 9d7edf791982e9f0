"""Every bit encoding: values reached, valid patterns, canonical inverse; judged by enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from isinglass.compiler.encoding import ENCODINGS, Bits
from isinglass.ir.lift.code import Code
from isinglass.ir.operators.code import Code as CodeOperator

RANGES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def patterns(bits: Bits) -> np.ndarray:
    return np.array(list(itertools.product([0.0, 1.0], repeat=len(bits.owner)))).reshape(-1, len(bits.owner))


def valid(bits: Bits, table: np.ndarray) -> np.ndarray:
    if bits.rows is None or bits.rhs is None:
        return np.ones(len(table), dtype=bool)
    activity = (bits.rows @ table.T).T
    held = activity == bits.rhs if bits.sense == "==" else activity <= bits.rhs
    return held.all(axis=1)


@pytest.mark.parametrize("key", list(ENCODINGS))
@pytest.mark.parametrize("top", RANGES)
def test_valid_patterns_reach_exactly_the_range(key: str, top: int) -> None:
    bits = ENCODINGS[key]().encode(np.array([top]))
    table = patterns(bits)
    values = table[valid(bits, table)] @ bits.weight
    assert set(values.tolist()) == set(range(top + 1))
    if bits.inverse == "choice" or bits.pattern == "domain-wall":
        assert len(values) == top + 1  # a bijection


@pytest.mark.parametrize("key", list(ENCODINGS))
def test_canonical_inverse_over_several_integers_at_once(key: str) -> None:
    ranges = np.array([3, 1, 7, 10])
    bits = ENCODINGS[key]().encode(ranges)
    operator = CodeOperator(bits.owner, bits.weight, len(ranges))
    offset = np.array([-2.0, 0.0, 5.0, 1.0])
    record = Code("x", "b", operator, offset, bits.inverse)
    rng = np.random.default_rng(0)
    points = offset + rng.integers(0, ranges + 1, (200, len(ranges)))
    down, kept = record.down({"x": points})
    assert kept.all()
    assert np.isin(down["b"], [0.0, 1.0]).all()
    assert valid(bits, down["b"]).all()
    np.testing.assert_array_equal(record.up(down)["x"], points)


@pytest.mark.parametrize("key", list(ENCODINGS))
def test_values_outside_the_range_are_not_representable(key: str) -> None:
    bits = ENCODINGS[key]().encode(np.array([5]))
    record = Code("x", "b", CodeOperator(bits.owner, bits.weight, 1), np.zeros(1), bits.inverse)
    _, kept = record.down({"x": np.array([[-1.0], [6.0], [2.5], [5.0]])})
    assert kept.tolist() == [False, False, False, True]


def test_numbers_of_bits() -> None:
    ranges = np.array([1, 7, 8, 100])
    count = {key: np.bincount(ENCODINGS[key]().encode(ranges).owner, minlength=4).tolist() for key in ENCODINGS}
    assert count["log"] == [1, 3, 4, 7]
    assert count["unary"] == ranges.tolist()
    assert count["domain-wall"] == ranges.tolist()
    assert count["one-hot"] == (ranges + 1).tolist()


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 8])
def test_bounded_weights_stay_within_the_limit(limit: int) -> None:
    bits = ENCODINGS["bounded"](limit).encode(np.arange(1, 60))
    assert bits.weight.max() <= limit
    np.testing.assert_array_equal(np.bincount(bits.owner, bits.weight), np.arange(1, 60))


def test_log_is_exact_for_huge_ranges() -> None:
    top = 2**52 + 12345
    bits = ENCODINGS["log"]().encode(np.array([top]))
    assert len(bits.owner) == 53
    assert sum(map(int, bits.weight)) == top
