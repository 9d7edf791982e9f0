"""Every operator in the registry does what its dense matrix does, alone and in every pair."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import sparse

from isinglass.ir.errors import Refused
from isinglass.ir.operator import Operator, as_operator
from isinglass.ir.operators.code import Code
from isinglass.ir.operators.conv import Conv
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.gather import Gather
from isinglass.ir.operators.gram_code import GramCode, sandwich
from isinglass.ir.operators.identity import Identity
from isinglass.ir.registry import key_of
from isinglass.ir.rules import OPERATORS
from isinglass.ir.types import FloatArray

rng = np.random.default_rng(7)


def whole(*shape: int) -> FloatArray:
    """Small whole numbers, some of them zero: sums of their products are exact."""
    return rng.integers(-3, 4, shape).astype(np.float64)


def code(height: int, width: int) -> Code:
    return Code(rng.integers(0, max(height, 1), width), whole(width), height)


def gather(height: int, width: int) -> Gather:
    return Gather(rng.integers(0, max(width, 1), height), whole(height), width)


def csr(height: int, width: int) -> Csr:
    return Csr.of(sparse.csr_array(whole(height, width) * (rng.random((height, width)) < 0.5)))


def gram(base: Operator, width: int) -> GramCode:
    return GramCode(base, code(base.shape[0], width), code(base.shape[1], width))


ONE = (1, 1)
SAMPLES: dict[str, list[Operator]] = {
    "code": [code(4, 4), code(4, 6), code(3, 4), code(2, 0), Code(np.arange(4), np.ones(4), 4)],
    "conv": [
        Conv(whole(1, 1, 2, 3), (1, 2, 2), ONE, ONE, (1, 1, 0, 1)),
        Conv(whole(2, 1, 1, 2), (1, 1, 4), (1, 2), ONE, (0,) * 4),
        Conv(whole(6, 1, 1, 1), (2, 1, 2), (1, 2), ONE, (0,) * 4),
        Conv(whole(4, 2, 1, 1), (4, 1, 1), ONE, ONE, (0,) * 4),
        Conv(whole(2, 1, 2, 2), (1, 2, 2), ONE, (1, 3), (0, 1, 0, 3)),
        Conv(whole(1, 4, 2, 1), (4, 1, 1), ONE, ONE, (1, 0, 2, 0)),
    ],
    "csr": [csr(4, 4), csr(4, 6), csr(3, 4), csr(0, 4), csr(4, 0), csr(0, 0)],
    "dense": [Dense(whole(4, 4)), Dense(whole(4, 6)), Dense(whole(3, 4)), Dense(whole(0, 4)), Dense(whole(4, 0))],
    "gather": [gather(4, 4), gather(6, 4), gather(4, 3), gather(0, 4)],
    "gram-code": [
        gram(Dense(whole(3, 2)), 4), gram(csr(3, 2), 4), gram(Identity(3, 2.0), 4),
        gram(gram(csr(3, 2), 5), 4), gram(csr(2, 2), 0),
    ],
    "identity": [Identity(4), Identity(4, -2.0), Identity(4, 0.0), Identity(0)],
}  # fmt: skip
ALL = [operator for found in SAMPLES.values() for operator in found]


def name(operator: Operator) -> str:
    return operator.describe().replace(" ", "-")


def same(found: Operator, expected: FloatArray) -> None:
    """Every view of ``found`` shows the matrix ``expected``."""
    assert found.shape == expected.shape
    assert not found.faults()
    assert np.array_equal(found.to_dense(), expected)
    entries = found.to_csr()
    assert entries.dtype == np.float64
    assert np.array_equal(entries.toarray(), expected)
    assert entries.has_canonical_format
    assert entries.nnz == np.count_nonzero(expected) <= found.nnz


def test_every_operator_has_samples() -> None:
    assert list(OPERATORS) == sorted(SAMPLES)
    assert all(type(operator) is OPERATORS[key] for key, found in SAMPLES.items() for operator in found)
    assert all(key_of(OPERATORS[key]) == key for key in OPERATORS)


@pytest.mark.parametrize("operator", ALL, ids=name)
def test_maps_agree_with_the_dense_matrix(operator: Operator) -> None:
    matrix = operator.to_dense()
    same(operator, matrix)
    m, n = matrix.shape
    for batch in (0, 1, 5):
        x, y = whole(batch, n), whole(batch, m)
        assert np.array_equal(operator.apply(x), x @ matrix.T)
        assert operator.apply(x).shape == (batch, m)
        assert np.array_equal(operator.adjoint(y), y @ matrix)
        assert operator.adjoint(y).shape == (batch, n)
        assert np.array_equal(operator.absolute(np.abs(x)), np.abs(x) @ np.abs(matrix).T)
    whole_rows = (matrix == np.rint(matrix)).all(axis=1)
    assert not (operator.whole_rows() & ~whole_rows).any()
    assert operator.whole_rows().shape == (m,)
    assert operator.roundings >= max((np.count_nonzero(row) for row in matrix), default=0)


@pytest.mark.parametrize("operator", ALL, ids=name)
def test_derived_operators_agree_with_the_dense_matrix(operator: Operator) -> None:
    matrix = operator.to_dense()
    m = len(matrix)
    same(operator.transpose(), matrix.T)
    same(operator.scaled(-2.0), matrix * -2.0)
    same(operator.scaled(0.0), matrix * 0.0)
    factors = whole(m)
    same(operator.scaled(factors), matrix * factors[:, None])
    picks = [np.arange(m)[::-1], np.zeros(0, np.int64)] + ([np.array([m - 1, 0, 0, m - 1])] if m else [])
    for index in picks:
        same(operator.rows(index), matrix[index])
    same(operator, matrix)  # nothing above changed it


@pytest.mark.parametrize(("left", "right"), list(product(ALL, repeat=2)), ids=name)
def test_pairs_agree_with_the_dense_matrices(left: Operator, right: Operator) -> None:
    first, second = left.to_dense(), right.to_dense()
    if first.shape == second.shape:
        same(left.plus(right), first + second)
    if first.shape[1] == second.shape[0]:
        same(left.after(right), first @ second)
    for base in (csr(first.shape[0], second.shape[0]), Dense(whole(first.shape[0], second.shape[0])),
                 gram(csr(2, 2), first.shape[0])):  # fmt: skip
        if base.shape == (first.shape[0], second.shape[0]):
            same(sandwich(left, base, right), first.T @ base.to_dense() @ second)


def test_adding_an_operator_to_its_negative_leaves_no_entry() -> None:
    for operator in ALL:
        same(operator.plus(operator.scaled(-1.0)), np.zeros(operator.shape))


def test_rows_of_random_numbers_stay_within_the_stated_rounding() -> None:
    """|fl(A x) - A x| <= gamma_n |A| |x| against longer arithmetic."""
    base = rng.normal(size=(20, 300))
    left = Code(np.arange(300), rng.normal(size=300), 300)
    right = Code(rng.integers(0, 300, 400), rng.normal(size=400), 300)
    for operator in (Dense(base), Csr.of(base), GramCode(Dense(base.T @ base), left, right)):
        x = rng.normal(size=(3, operator.shape[1]))
        exact = x.astype(np.longdouble) @ operator.to_dense().astype(np.longdouble).T
        unit = operator.roundings * 2.0**-53
        bound = unit / (1 - unit) * operator.absolute(np.abs(x))
        assert (np.abs(operator.apply(x) - exact) <= bound).all()


def test_rows_of_whole_numbers_are_found() -> None:
    matrix = np.array([[1.0, 0, 2], [0.5, 0, 1], [0, 0, 0], [0, 1, 0.1]])
    for operator in (Dense(matrix), Csr.of(matrix)):
        assert operator.whole_rows().tolist() == [True, False, True, False]
    assert Gather(np.array([0, 0]), np.array([2.0, 0.5]), 1).whole_rows().tolist() == [True, False]
    assert Code(np.array([0, 0, 1]), np.array([2.0, 0.5, 1.0]), 3).whole_rows().tolist() == [False, True, True]
    assert Identity(2, 3.0).whole_rows().all()
    assert not Identity(2, 0.1).whole_rows().any()
    assert not GramCode(Dense(np.ones((1, 1))), Code(np.zeros(1, np.int64), np.array([0.5]), 1),
                        Code(np.zeros(1, np.int64), np.array([2.0]), 1)).whole_rows().any()  # fmt: skip


def test_csr_is_canonical_whatever_it_is_made_from() -> None:
    data, columns, ends = [1.0, 2.0, 0.0, 3.0, -3.0], [2, 0, 1, 1, 1], [0, 2, 5]
    messy = sparse.csr_array((np.array(data), np.array(columns, np.int32), np.array(ends, np.int32)), shape=(2, 3))
    found = Csr.of(messy)
    same(found, np.array([[2.0, 0, 1], [0, 0, 0]]))
    assert messy.nnz == 5  # the caller's matrix is left as it was
    for index in (np.int32, np.int64):
        made = Csr(np.array([4.0]), np.array([1], index), np.array([0, 1], index), 3)
        same(made, np.array([[0.0, 4, 0]]))


def test_gather_with_zero_weights_keeps_its_arrays() -> None:
    operator = Gather(np.array([0, 1, 2]), np.array([0.0, 5.0, 7.0]), 3)
    operator.to_csr()
    assert operator.weight.tolist() == [0.0, 5.0, 7.0]
    assert operator.index.tolist() == [0, 1, 2]


def test_structure_survives_where_it_can() -> None:
    codes = Code(np.repeat(np.arange(3), 2), np.tile([1.0, 2.0], 3), 3)
    assert isinstance(sandwich(codes, Dense(np.ones((3, 3))), codes), GramCode)
    assert isinstance(GramCode(Dense(np.ones((3, 3))), codes, codes).rows(np.array([1])), GramCode)
    assert isinstance(Dense(np.ones((2, 3))).after(codes), Dense)
    assert isinstance(Identity(3).rows(np.array([1])), Gather)
    assert isinstance(codes.after(Code(np.arange(6), np.ones(6), 6)), Code)
    assert isinstance(codes.transpose().transpose(), Code)


def test_as_operator_takes_arrays_and_sparse_matrices() -> None:
    assert isinstance(as_operator([[1, 2]]), Dense)
    assert isinstance(as_operator(sparse.coo_array(np.eye(2))), Csr)
    with pytest.raises(Refused, match=r"needs a matrix, got an array of shape \(3,\)"):
        as_operator(np.ones(3))


def test_materialising_beyond_the_limit_is_refused() -> None:
    big = GramCode(Dense(np.ones((10, 10))), code(10, 100), code(10, 100))
    with pytest.raises(Refused, match="would create 10,000 entries, more than the limit of 9,999"):
        big.to_csr(9_999)
    with pytest.raises(Refused, match="more than the limit"):
        Identity(1000).to_dense(1000)


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        (Csr(np.ones(1), np.array([3]), np.array([0, 1]), 3), "column 3 is not in 0..2"),
        (Csr(np.ones(1), np.array([0]), np.array([0, 2]), 3), "indptr does not count up"),
        (Csr(np.ones(2), np.array([0]), np.array([0, 2]), 3), "2 entries with 1 columns"),
        (Csr(np.array([np.nan]), np.array([0]), np.array([0, 1]), 3), "data has numbers that are not finite"),
        (Dense(np.ones(3)), "no matrix"),
        (Dense(np.array([[np.inf]])), "matrix has numbers that are not finite"),
        (Identity(2, np.nan), "factor has numbers that are not finite"),
        (Identity(-1), "size -1 is negative"),
        (Gather(np.array([-1]), np.ones(1), 3), "index -1 is not in 0..2"),
        (Gather(np.array([0]), np.ones(2), 3), "1 indices with 2 weights"),
        (Code(np.array([2]), np.ones(1), 2), "owner 2 is not in 0..1"),
        (Code(np.array([0.0]), np.ones(1), 2), "owner is no vector of whole numbers"),  # type: ignore[arg-type]
        (Code(np.array([0]), np.ones(2), 2), "1 owners with 2 weights"),
        (GramCode(Dense(np.ones((2, 2))), code(3, 4), code(2, 4)), "codes of heights 3 and 2 for a base (2, 2)"),
        (GramCode(Dense(np.array([[np.nan]])), code(1, 4), code(1, 4)), "matrix has numbers that are not finite"),
    ],
)  # fmt: skip
def test_faults_are_told(operator: Operator, words: str) -> None:
    assert any(words in fault for fault in operator.faults()), operator.faults()
