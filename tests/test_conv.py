"""The convolution operator against sums written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from isinglass.ir.blocks import Lin, Var
from isinglass.ir.errors import Refused
from isinglass.ir.operator import ENTRY_LIMIT
from isinglass.ir.operators import conv
from isinglass.ir.operators.conv import Conv
from isinglass.ir.operators.csr import Csr
from isinglass.ir.problem import Problem
from isinglass.ir.text import parse_ir, print_ir
from isinglass.ir.types import FloatArray
from isinglass.ir.verify import verify

rng = np.random.default_rng(3)


@st.composite
def convs(draw: st.DrawFn) -> Conv:
    """Small convolutions with whole weights and every option."""
    groups, each, made = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel = draw(pair)
    weight = rng.integers(-3, 4, (groups * made, each, *kernel)).astype(np.float64)
    image = (groups * each, *draw(st.tuples(st.integers(1, 5), st.integers(1, 5))))
    operator = Conv(weight, image, draw(pair), draw(pair), draw(st.tuples(*[st.integers(0, 2)] * 4)))
    assume(min(operator.out) > 0)
    return operator


def by_hand(operator: Conv, x: FloatArray) -> FloatArray:
    """One image [C, H, W], one sum at a time."""
    m, each, tall, broad = operator.weight.shape
    y = np.zeros((m, *operator.out))
    for o, i, j, c, k, n in np.ndindex(m, *operator.out, each, tall, broad):
        channel = o // (m // operator.groups) * each + c
        row = i * operator.strides[0] - operator.pads[0] + k * operator.dilations[0]
        column = j * operator.strides[1] - operator.pads[1] + n * operator.dilations[1]
        if 0 <= row < operator.image[1] and 0 <= column < operator.image[2]:
            y[o, i, j] += operator.weight[o, c, k, n] * x[channel, row, column]
    return y


@given(convs())
@settings(derandomize=True, max_examples=120, deadline=None)
def test_sums_written_out_by_hand(operator: Conv) -> None:
    assert not operator.faults()
    unit = np.eye(operator.shape[1])
    matrix = np.array([by_hand(operator, row.reshape(operator.image)).ravel() for row in unit]).T
    assert np.array_equal(operator.to_dense(), matrix)
    assert np.array_equal(operator.apply(unit), matrix.T)
    assert np.array_equal(operator.adjoint(np.eye(len(matrix))), matrix)
    assert np.array_equal(operator.absolute(unit), np.abs(matrix).T)
    last = np.arange(len(matrix))[::-2]
    assert np.array_equal(operator.rows(last).to_dense(), matrix[last])
    assert np.array_equal(operator.whole_rows(), np.ones(len(matrix), bool))
    blocks = (
        Var.of("x", "real", operator.image),
        Lin("r", {"x": operator}, "==", np.zeros(len(matrix)), "dyadic"),
    )
    again = parse_ir(*print_ir(Problem("p", blocks)))
    assert not verify(again)
    assert np.array_equal(again.lins["r"].parts["x"].to_dense(), matrix)
    assert isinstance(again.lins["r"].parts["x"], Conv)


def test_large_batches_go_through_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Conv(rng.normal(size=(4, 1, 3, 2)), (2, 5, 4), (2, 1), (1, 1), (1, 0, 1, 1))
    x, y = rng.normal(size=(7, operator.shape[1])), rng.normal(size=(7, operator.shape[0]))
    monkeypatch.setattr(conv, "PIECE", 3 * 2 * 3 * 2 * 3 * 4)
    assert [part.stop - part.start for part in operator.pieces(7)] == [3, 3, 3]
    np.testing.assert_allclose(operator.apply(x), x @ operator.to_dense().T, atol=1e-12)
    np.testing.assert_allclose(operator.adjoint(y), y @ operator.to_dense(), atol=1e-12)


def test_random_numbers_stay_within_the_stated_rounding() -> None:
    operator = Conv(rng.normal(size=(8, 8, 3, 3)), (8, 6, 6), (1, 1), (1, 1), (1, 1, 1, 1))
    assert operator.roundings == 72
    x = rng.normal(size=(5, operator.shape[1]))
    exact = x.astype(np.longdouble) @ operator.to_dense().astype(np.longdouble).T
    unit = operator.roundings * 2.0**-53
    assert (np.abs(operator.apply(x) - exact) <= unit / (1 - unit) * operator.absolute(np.abs(x))).all()


def test_it_stays_a_convolution_where_only_numbers_change() -> None:
    operator = Conv(np.ones((1, 1, 2, 2)), (1, 9, 9), (1, 1), (1, 1), (0, 0, 0, 0))
    assert isinstance(operator.scaled(-1.0), Conv)
    assert isinstance(operator.rows(np.arange(3)), Csr)
    assert not operator.scaled(0.5).whole_rows().any()


def test_a_matrix_that_would_be_too_large_is_refused() -> None:
    operator = Conv(np.ones((1000, 1000, 3, 3)), (1000, 100, 100), (1, 1), (1, 1), (1, 1, 1, 1))
    assert operator.nnz > ENTRY_LIMIT
    with pytest.raises(Refused, match="more than the limit"):
        operator.to_csr()


BROKEN = [
    (Conv(np.ones((1, 1, 2)), (1, 2, 2), (1, 1), (1, 1), (0, 0, 0, 0)), "is no convolution"),
    (Conv(np.ones((1, 0, 2, 2)), (1, 2, 2), (1, 1), (1, 1), (0, 0, 0, 0)), "is no convolution"),
    (Conv(np.ones((1, 1, 2, 2)), (1, 2, 2), (0, 1), (1, 1), (0, 0, 0, 0)), "are at least 1"),
    (Conv(np.ones((1, 1, 2, 2)), (1, 2, 2), (1, 1), (1, 1), (0, -1, 0, 0)), "pads at least 0"),
    (Conv(np.ones((1, 2, 2, 2)), (3, 2, 2), (1, 1), (1, 1), (0, 0, 0, 0)), "3 channels do not fit"),
    (Conv(np.ones((3, 1, 2, 2)), (2, 2, 2), (1, 1), (1, 1), (0, 0, 0, 0)), "2 channels do not fit"),
    (Conv(np.ones((1, 1, 3, 1)), (1, 2, 2), (1, 1), (1, 1), (0, 0, 0, 0)), "smaller than one window"),
    (Conv(np.full((1, 1, 1, 1), np.nan), (1, 2, 2), (1, 1), (1, 1), (0, 0, 0, 0)), "not finite"),
]


@pytest.mark.parametrize(("operator", "fault"), BROKEN)
def test_faults_are_named(operator: Conv, fault: str) -> None:
    assert fault in operator.faults()[0]
