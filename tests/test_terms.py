"""Every kind of term: values, derivatives, bounds, substitution and monomials agree with each other."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass.ir.affine import Affine, operator_interval
from isinglass.ir.blocks import Poly
from isinglass.ir.errors import Refused
from isinglass.ir.operator import Operator, as_operator
from isinglass.ir.operators.code import Code
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.gather import Gather
from isinglass.ir.operators.gram_code import GramCode
from isinglass.ir.operators.identity import Identity
from isinglass.ir.rules import TERMS
from isinglass.ir.sums import group, sum_by, sum_rows
from isinglass.ir.term import Term
from isinglass.ir.terms import monomials as module
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear
from isinglass.ir.terms.monomials import Monomials
from isinglass.ir.terms.square import Square
from isinglass.ir.types import FloatArray

SIZES = {"x": 3, "y": 2, "u": 4, "v": 2}
rng = np.random.default_rng(2)


def whole(*shape: int) -> FloatArray:
    return rng.integers(-3, 4, shape).astype(np.float64)


def dense(*shape: int) -> Dense:
    return Dense(whole(*shape))


def listed(rows: int, names: tuple[str, ...], count: int, width: int) -> Monomials:
    """Random monomials: constants, repeated variables, equal monomials and zero coefficients among them."""
    which = np.sort(rng.integers(-1, len(names), (count, width)), axis=1)[:, ::-1]
    index = np.where(which >= 0, rng.integers(0, 2, (count, width)), 0)
    return Monomials(rows, names, rng.integers(0, rows, count), which, index, whole(count))


codes = Code(np.array([0, 0, 1, 2, 2]), whole(5), 3)
SAMPLES: dict[str, list[Term]] = {
    "linear": [
        Linear("x", dense(2, 3)),
        Linear("x", Csr.of(whole(4, 3))),
        Linear("x", Identity(3, -2.0)),
        Linear("y", Gather(np.array([1, 1, 0]), whole(3), 2)),
        Linear("x", dense(0, 3)),
    ],
    "bilinear": [
        Bilinear("x", "y", dense(3, 2)),
        Bilinear("x", "x", Csr.of(whole(3, 3))),
        Bilinear("y", "x", Csr.of(np.zeros((2, 3)))),
        Bilinear(
            "x",
            "x",
            GramCode(dense(2, 2), Code(np.array([0, 1, 1]), whole(3), 2), Code(np.array([1, 0, 0]), whole(3), 2)),
        ),
        Bilinear("x", "x", Identity(3)),
    ],
    "square": [
        Square(Affine(whole(2), {"x": dense(2, 3), "y": Csr.of(whole(2, 2))})),
        Square(Affine(np.zeros(3), {"x": Identity(3, 2.0)})),
        Square(Affine(whole(2), {})),
    ],
    "monomials": [
        listed(3, ("x", "y"), 30, 4),
        listed(1, ("x",), 10, 2),
        listed(2, ("y", "x"), 5, 1),
        Monomials.none(2),
        Monomials.none(2).plus_constant(np.array([0.0, 3.0])),
        Monomials(1, (), np.zeros(2, np.int64), np.zeros((2, 0), np.int64), np.zeros((2, 0), np.int64), whole(2)),
    ],
}
ALL = [term for found in SAMPLES.values() for term in found]
MAPS: list[Affine] = [
    Affine(np.zeros(3), {"u": dense(3, 4)}),
    Affine(np.array([1.0, 0.0, -2.0]), {"u": Csr.of(whole(3, 4)), "v": dense(3, 2)}),
    Affine(whole(3), {}),
    Affine(np.ones(3), {"x": Identity(3, -1.0)}),
    Affine(np.zeros(3), {"w": codes}),
    Affine(np.full(3, 0.5), {"x": Identity(3, 0.5)}),
    Affine(whole(3), {"y": dense(3, 2), "x": dense(3, 3)}),
]


def points(batch: int = 4) -> dict[str, FloatArray]:
    return {name: whole(batch, size) for name, size in {**SIZES, "w": 5}.items()}


def total(terms: tuple[Term, ...], constant: FloatArray, values: Mapping[str, FloatArray], rows: int) -> FloatArray:
    """Sum of terms and constants [B, m]."""
    return sum((term.value(values) for term in terms), np.tile(constant, (4, 1)) + np.zeros((4, rows)))


def test_every_term_has_samples() -> None:
    assert list(TERMS) == sorted(SAMPLES)
    assert all(type(term) is TERMS[key] for key, found in SAMPLES.items() for term in found)
    assert not [fault for term in ALL for fault in term.faults(SIZES)]


@pytest.mark.parametrize("term", ALL)
def test_monomials_have_the_same_values(term: Term) -> None:
    values = points()
    found = term.monomials()
    assert isinstance(found, Monomials)
    assert found.size == term.size
    assert found.degree <= term.degree
    assert term.value(values).shape == (4, term.size)
    assert np.array_equal(found.value(values), term.value(values))
    assert np.array_equal(found.tidy().value(values), term.value(values))
    assert not found.faults(SIZES)
    assert not found.tidy().faults(SIZES)


@pytest.mark.parametrize("term", ALL)
def test_magnitude_is_the_value_of_absolute_numbers(term: Term) -> None:
    values = points()
    found = term.monomials()
    assert isinstance(found, Monomials)
    if not isinstance(term, Square):  # its cross terms have their own absolute values
        sizes = {name: np.abs(array) for name, array in values.items()}
        positive = Monomials(found.rows, found.names, found.row, found.which, found.index, np.abs(found.coefficient))
        assert np.array_equal(term.magnitude(values), positive.value(sizes))
    assert (term.magnitude(values) >= np.abs(term.value(values))).all()


@pytest.mark.parametrize("term", ALL)
def test_gradients_agree_with_differences(term: Term) -> None:
    values = {name: array + rng.normal(size=array.shape) for name, array in points().items()}
    seed = whole(4, term.size)
    found = term.gradient(values, seed)
    assert set(found) == set(term.variables)
    for name, table in found.items():
        assert table.shape == values[name].shape
        for column in range(table.shape[1]):
            step = np.zeros(table.shape[1])
            step[column] = 1e-4
            up, down = (term.value({**values, name: values[name] + sign * step}) for sign in (1, -1))
            slope = ((up - down) * seed).sum(axis=1) / 2e-4
            assert table[:, column] == pytest.approx(slope, rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("term", ALL)
def test_intervals_hold_every_value(term: Term) -> None:
    lower = {name: whole(1, n)[0] for name, n in SIZES.items()}
    box = {name: (low, low + rng.integers(0, 4, len(low))) for name, low in lower.items()}
    low, high = term.interval(box)
    assert low.shape == high.shape == (term.size,)
    inside = {name: rng.integers(a, b + 1, (200, len(a))).astype(np.float64) for name, (a, b) in box.items()}
    values = term.value(inside)
    assert (values >= low).all()
    assert (values <= high).all()
    point = {name: (a, a) for name, (a, _) in box.items()}
    single = term.value({name: a[None] for name, (a, _) in box.items()})[0]
    assert np.array_equal(term.interval(point), [single, single])


@pytest.mark.parametrize("term", ALL)
@pytest.mark.parametrize("by", MAPS)
def test_substitution_keeps_values(term: Term, by: Affine) -> None:
    values = points()
    terms, constant = term.substitute("x", by)
    assert constant.shape == (term.size,)
    assert all(new.size == term.size for new in terms)
    left = {name for new in terms for name in new.variables}
    assert left <= (set(term.variables) - {"x"}) | set(by.parts)
    expected = term.value({**values, "x": by.value(values)})
    assert np.array_equal(total(terms, constant, values, term.size), expected)
    for new in terms:
        assert not new.faults({**SIZES, "w": 5})


def test_substitution_leaves_other_terms_alone() -> None:
    for term in ALL:
        if "x" not in term.variables:
            terms, constant = term.substitute("x", MAPS[0])
            assert terms == (term,)
            assert not constant.any()


# -- monomials --------------------------------------------------------------------------------------------------------


def test_tidy_merges_sorts_and_trims() -> None:
    which = np.array([[1, 0, -1], [0, 1, -1], [0, -1, -1], [-1, -1, -1], [0, 0, -1], [0, -1, -1]])
    index = np.array([[1, 0, 0], [0, 1, 0], [2, 0, 0], [0, 0, 0], [2, 1, 0], [2, 0, 0]])
    found = Monomials(1, ("x", "y"), np.zeros(6, np.int64), which, index, np.array([2.0, 3, 4, 5, 6, -4])).tidy()
    assert found.width == 2
    table = {
        tuple((w, i) for w, i in zip(ws, js, strict=True) if w >= 0): c
        for ws, js, c in zip(found.which.tolist(), found.index.tolist(), found.coefficient.tolist(), strict=True)
    }
    assert table == {((0, 0), (1, 1)): 5.0, (): 5.0, ((0, 1), (0, 2)): 6.0}


@given(st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 5), max_size=3), st.integers(-3, 3)), max_size=20))
def test_tidy_agrees_with_a_dictionary(drawn: list[tuple[int, list[int], int]]) -> None:
    """Variables 0..2 are x, 3..5 are y."""
    expected: dict[tuple[int, tuple[int, ...]], int] = {}
    for row, factors, coefficient in drawn:
        key = row, tuple(sorted(factors))
        expected[key] = expected.get(key, 0) + coefficient
    which, index = np.full((len(drawn), 3), -1), np.zeros((len(drawn), 3), np.int64)
    for k, (_, factors, _) in enumerate(drawn):
        which[k, : len(factors)], index[k, : len(factors)] = np.divmod(np.array(factors, np.int64), 3)
    row = np.array([row for row, _, _ in drawn], np.int64)
    found = Monomials(3, ("x", "y"), row, which, index, np.array([float(c) for _, _, c in drawn])).tidy()
    keys = [
        (r, tuple(3 * w + i for w, i in zip(ws, js, strict=True) if w >= 0))
        for r, ws, js in zip(found.row.tolist(), found.which.tolist(), found.index.tolist(), strict=True)
    ]
    assert dict(zip(keys, found.coefficient.tolist(), strict=True)) == {k: c for k, c in expected.items() if c}
    assert keys == sorted(keys, key=lambda key: (key[0], [*key[1], 99]))


def test_indices_too_large_for_one_packed_key() -> None:
    """Three factors of up to 2^40 and rows up to 2^30 do not fit 62 bits together."""
    big = 2**40
    which = np.zeros((3, 3), np.int64)
    index = np.array([[big, 1, big - 1], [big - 1, big, 1], [big, big, big]])
    found = Monomials(2**30, ("x",), np.array([2**29, 2**29, 0]), which, index, np.array([1.0, 2.0, 4.0])).tidy()
    assert found.row.tolist() == [0, 2**29]
    assert found.index.tolist() == [[big, big, big], [1, big - 1, big]]
    assert found.coefficient.tolist() == [4.0, 3.0]


@pytest.mark.parametrize("base", [4, 2**31])
def test_grouping_is_the_same_packed_and_unpacked(base: int) -> None:
    first, rest = rng.integers(0, 3, 50), rng.integers(0, 4, (50, 2))
    order, new = group(first, rest, base)
    table = [tuple(row) for row in np.column_stack([first, rest])[order].tolist()]
    assert table == sorted(table)
    assert new.tolist() == [k == 0 or table[k] != table[k - 1] for k in range(50)]
    assert all(a < b for a, b, fresh in zip(order[:-1], order[1:], new[1:], strict=True) if not fresh)


def test_products_and_sums_of_vectors() -> None:
    values = points()
    left, right = listed(3, ("x", "y"), 20, 2), listed(3, ("y", "v"), 15, 3)
    assert np.array_equal(left.times(right).value(values), left.value(values) * right.value(values))
    assert np.array_equal(Monomials.join([left, right]).value(values), left.value(values) + right.value(values))
    factor = whole(3)
    assert np.array_equal(left.scaled_rows(factor).value(values), left.value(values) * factor)
    assert np.array_equal(left.plus_constant(factor).value(values), left.value(values) + factor)
    nothing = Monomials.none(3)
    assert not nothing.times(left).value(values).any()
    assert len(left.times(nothing).row) == 0


def test_powers_have_tight_intervals() -> None:
    """x^d over -2..1 for d = 1, 2, 3, 4, and x^2 y over y in 0..3."""
    for degree, expected in ((1, (-2, 1)), (2, (0, 4)), (3, (-8, 1)), (4, (0, 16))):
        shape = (1, degree)
        power = Monomials(
            1, ("x",), np.zeros(1, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.ones(1)
        )
        low, high = power.interval({"x": (np.array([-2.0]), np.array([1.0]))})
        assert (low[0], high[0]) == expected
    which = np.array([[0, 0, 1]])
    mixed = Monomials(1, ("x", "y"), np.zeros(1, np.int64), which, np.zeros((1, 3), np.int64), np.array([-2.0]))
    low, high = mixed.interval({"x": (np.array([-2.0]), np.array([1.0])), "y": (np.zeros(1), np.array([3.0]))})
    assert (low[0], high[0]) == (-24, 0)


def test_infinite_bounds_give_infinite_intervals_without_nan() -> None:
    box = {"x": (np.array([-np.inf, 0.0, 1.0]), np.array([np.inf, np.inf, 2.0])), "y": (np.zeros(2), np.full(2, 1e200))}
    one = np.zeros(2, np.int64)
    product = Monomials(
        1, ("x", "y"), one, np.array([[0, 1], [1, 1]]), np.array([[0, 0], [0, 0]]), np.array([1.0, -1e200])
    )
    assert [end.tolist() for end in product.interval(box)] == [[-np.inf], [np.inf]]
    zero = Linear("x", Csr.of(np.array([[0.0, 0, 1], [0, -1, 1], [1, 0, 0]])))
    low, high = zero.interval(box)
    assert low.tolist() == [1, -np.inf, -np.inf]
    assert high.tolist() == [2, 2, np.inf]


def test_interval_of_an_operator_takes_the_right_ends() -> None:
    for operator in (Dense(np.array([[1.0, -2], [0, 3]])), Csr.of(np.array([[1.0, -2], [0, 3]]))):
        low, high = operator_interval(operator, np.array([0.0, 1]), np.array([4.0, 5]))
        assert (low.tolist(), high.tolist()) == ([-10, 3], [2, 15])


def test_expanding_too_far_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRY_LIMIT", 1000)
    many = Monomials.join([Linear("x", Dense(np.ones((1, 100)))).monomials()])
    with pytest.raises(Refused, match="would create 10,000 entries, more than the limit of 1,000"):
        many.times(many)
    with pytest.raises(Refused, match="more than the limit of 1,000"):
        many.substitute("x", Affine(np.zeros(100), {"u": Dense(np.ones((100, 11)))}))


def test_faults_are_told() -> None:
    zero = np.zeros(1, np.int64)
    cases: list[tuple[Term, str]] = [
        (Linear("x", dense(2, 4)), "the operator of x has shape (2, 4), not (2, 3)"),
        (Bilinear("x", "y", dense(2, 3)), "the operator of x and y has shape (2, 3), not (3, 2)"),
        (Square(Affine(np.array([np.nan, 0.0]), {"x": dense(2, 3)})), "an offset is not finite"),
        (Square(Affine(np.zeros(3), {"x": dense(2, 3)})), "the operator of x has shape (2, 3), not (3, 3)"),
        (Monomials(1, ("x",), zero, zero[:, None], zero[:, None] + 3, np.ones(1)), "index into 'x' 3 is not in 0..2"),
        (Monomials(1, ("x",), zero, zero[:, None] + 1, zero[:, None], np.ones(1)), "block number 2 is not in 0..1"),
        (Monomials(1, ("x",), zero + 1, zero[:, None], zero[:, None], np.ones(1)), "row 1 is not in 0..0"),
        (Monomials(1, ("x",), zero, zero[:, None], zero[:, None], np.array([np.inf])), "a coefficient is not finite"),
        (
            Monomials(1, ("x",), zero, np.array([[-1, 0]]), np.zeros((1, 2), np.int64), np.ones(1)),
            "a factor after an empty place",
        ),
        (Monomials(1, ("x",), zero, zero, zero, np.ones(1)), "which has shape (1,)"),
        (
            Monomials(1, ("x",), zero, zero[:, None], zero[:, None], np.ones(2)),
            "1 rows, 1 monomials and 2 coefficients",
        ),
    ]
    for term, words in cases:
        assert any(words in fault for fault in term.faults(SIZES)), (term, term.faults(SIZES))


def test_polynomials_without_terms_have_a_value_for_every_sample() -> None:
    assert Poly("p", "constraint", (), np.array([1.0, 2.0])).value(points()).tolist() == [[1, 2]] * 4


@given(st.integers(0, 3), st.lists(st.integers(0, 4), max_size=8))
def test_sums_by_index(batch: int, index: list[int]) -> None:
    data = whole(batch, len(index))
    expected = np.zeros((batch, 5))
    for column, target in enumerate(index):
        expected[:, target] += data[:, column]
    assert np.array_equal(sum_rows(data, np.array(index, np.int64), 5), expected)
    if batch:
        assert np.array_equal(sum_by(np.array(index, np.int64), data[0], 5), expected[0])


def test_affine_maps_compose() -> None:
    values = points()
    first = Affine(whole(2), {"x": dense(2, 3), "y": dense(2, 2)})
    for by in MAPS:
        composed = first.substitute("x", by)
        assert np.array_equal(composed.value(values), first.value({**values, "x": by.value(values)}))
    assert first.substitute("z", MAPS[0]) is first
    both = first.plus(first.scaled(-1.0))
    assert not both.value(values).any()
    assert np.array_equal(first.rows(np.array([1])).value(values), first.value(values)[:, [1]])


def test_every_pair_of_factors_survives_a_bit_encoding() -> None:
    """(sum of bits)^2 for every pair of integers of a block, against the definition."""
    encoding: Operator = Code(np.repeat(np.arange(3), 2), np.tile([1.0, 2.0], 3), 3)
    by = Affine(np.array([0.0, -1.0, 5.0]), {"b": encoding})
    bits = rng.integers(0, 2, (4, 6)).astype(np.float64)
    for i, j in combinations_with_replacement(range(3), 2):
        pair = Monomials(1, ("x",), np.zeros(1, np.int64), np.zeros((1, 2), np.int64), np.array([[i, j]]), np.ones(1))
        terms, constant = pair.substitute("x", by)
        x = by.value({"b": bits})
        assert np.array_equal(total(terms, constant, {"b": bits}, 1)[:, 0], x[:, i] * x[:, j])
    assert as_operator(encoding) is encoding
