"""Every lift record: up after down is the identity where the mask says so, and the mask says so exactly there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass.ir.affine import Affine as AffineMap
from isinglass.ir.blocks import Arg
from isinglass.ir.definition import Apply, Conjunction, Quotient, Sum
from isinglass.ir.functions.product import Product
from isinglass.ir.lift.affine import Affine
from isinglass.ir.lift.code import Code
from isinglass.ir.lift.complete import Complete
from isinglass.ir.lift.fix import Fix
from isinglass.ir.lift.objective import Objective
from isinglass.ir.lift.recover import Recover
from isinglass.ir.lift.slice import Slice
from isinglass.ir.lifting import Lift, Record
from isinglass.ir.operator import as_operator
from isinglass.ir.operators.code import Code as CodeOperator
from isinglass.ir.rules import LIFTS
from isinglass.ir.types import BoolArray, FloatArray

BATCH = 6


def codes(weights: list[list[float]]) -> CodeOperator:
    owner = np.repeat(np.arange(len(weights)), [len(w) for w in weights])
    return CodeOperator(owner, np.concatenate([np.array(w) for w in weights]), len(weights))


log = codes([[1, 2, 4], [1, 2, 4, 3], [1]])  # bounds 7, 10 (bounded: the last weight is the rest), 1
unary = codes([[1, 1, 1], [1, 1]])
choice = codes([[0, 1, 2, 3], [0, 5, 7]])
whole = AffineMap(np.array([9.0, 4.0]), {"y": as_operator([[-1.0, -2.0], [0.0, -1.0]])})

Case = tuple[Record, list[str], Callable[[dict[str, FloatArray]], BoolArray]]


def reachable(values: FloatArray, sets: list[set[float]]) -> BoolArray:
    return np.array([all(v in s for v, s in zip(row, sets, strict=True)) for row in values.tolist()], dtype=bool)


def always(values: dict[str, FloatArray]) -> BoolArray:
    return np.ones(BATCH, dtype=bool)


CASES: dict[str, list[Case]] = {
    "affine": [
        (Affine("x", "s", np.full(3, 0.5), np.full(3, 0.5)), ["s"], always),
        (Affine("x", "x", np.array([1.0, -1.0, 2.0]), np.array([3.0, 0.0, -1.0])), ["x"], always),
        (Affine("x", "z", np.array([1.0, 0.0, 1.0]), np.zeros(3)), ["z"], lambda v: v["x"][:, 1] == 0),
    ],
    "code": [
        (
            Code("x", "b", log, np.array([0.0, -3.0, 1.0])),
            ["b"],
            lambda v: reachable(v["x"], [set(range(8)), set(range(-3, 8)), {1, 2}]),
        ),
        (
            Code("x", "b", choice, np.array([0.0, 1.0]), "choice"),
            ["b"],
            lambda v: reachable(v["x"], [{0, 1, 2, 3}, {1, 6, 8}]),
        ),
        (Code("x", "b", unary, np.array([-1.0, 0.0])), ["b"], lambda v: reachable(v["x"], [{-1, 0, 1, 2}, {0, 1, 2}])),
    ],
    "complete": [
        (Complete("s", Sum(whole)), ["x", "y", "s"], always),
        (Complete("s", Quotient(whole, 2.0, np.zeros(2), np.full(2, 3.0))), ["x", "y", "s"], always),
        (Complete("s", Apply(Product(), (Arg("y", np.array([0])), Arg("y", np.array([1]))))), ["x", "y", "s"], always),
        (
            Complete("s", Conjunction(("y",), np.array([[0, 0], [0, -1]]), np.array([[0, 1], [1, 0]]))),
            ["x", "y", "s"],
            always,
        ),
    ],
    "fix": [
        (Fix("x", "f", np.array([0, 2]), np.array([9.0, 1.0, 9.0])), ["f", "y"], lambda v: v["x"][:, 1] == 1.0),
        (
            Fix("x", "x", np.array([1]), np.array([1.0, 9.0, 1.0])),
            ["x", "y"],
            lambda v: (v["x"][:, ::2] == 1.0).all(axis=1),
        ),
        (Fix("x", "f", np.zeros(0, np.int64), np.array([1.0, 1.0, 1.0])), ["y"], lambda v: (v["x"] == 1.0).all(axis=1)),
    ],
    "objective": [(Objective(-2.0, 1.0), ["x", "y"], always)],
    "recover": [
        (
            Recover("x", Sum(whole)),
            ["y"],
            lambda v: (v["x"] == np.stack([9 - v["y"][:, 0] - 2 * v["y"][:, 1], 4 - v["y"][:, 1]], axis=1)).all(axis=1),
        )
    ],
    "slice": [(Slice("x", 3, {"a": np.array([2]), "b": np.array([1, 0])}), ["a", "b", "y"], always)],
}
FLAT = [case for found in CASES.values() for case in found]


def width(record: Record) -> int:
    """Elements of block x that a record expects."""
    match record:
        case Code():
            return record.code.height
        case Affine():
            return len(record.factor)
        case Fix():
            return len(record.value)
        case Slice():
            return record.size
        case Recover():
            return 2
    return 3


def test_every_record_has_cases() -> None:
    assert sorted(LIFTS) == sorted(CASES)
    assert all(type(record) is LIFTS[key] for key, found in CASES.items() for record, _, _ in found)


@pytest.mark.parametrize(("record", "blocks", "expected"), FLAT)
@given(data=st.data())
def test_up_after_down_is_the_identity_where_the_mask_is_true(
    record: Record, blocks: list[str], expected: Callable[[dict[str, FloatArray]], BoolArray], data: st.DataObject
) -> None:
    def table(n: int, low: int, high: int) -> FloatArray:
        drawn = data.draw(st.lists(st.integers(low, high), min_size=BATCH * n, max_size=BATCH * n))
        return np.array(drawn, dtype=np.float64).reshape(BATCH, n)

    values = {"x": table(width(record), *data.draw(st.sampled_from([(0, 2), (1, 1), (-3, 9)]))), "y": table(2, 0, 3)}
    kept = {name: array.copy() for name, array in values.items()}
    lift = Lift((record,))
    down, mask = lift.down(values)
    assert set(down) == {*blocks, "y"}
    assert mask.dtype == np.bool_
    assert mask.tolist() == expected(values).tolist()
    back = lift.up(down)
    assert set(back) == {"x", "y"}
    for name, array in values.items():
        assert np.array_equal(array, kept[name])  # the caller's arrays are left as they were
        assert np.array_equal(np.broadcast_to(back[name], array.shape)[mask], array[mask])


def test_codes_have_a_canonical_inverse() -> None:
    record = Code("x", "b", unary, np.zeros(2))
    down, _ = record.down({"x": np.array([[2.0, 1.0], [0.0, 2.0]])})
    assert down["b"].tolist() == [[1, 1, 0, 1, 0], [0, 0, 0, 1, 1]]  # domain walls: ones first
    record = Code("x", "b", log, np.zeros(3))
    down, _ = record.down({"x": np.array([[5.0, 10.0, 0.0], [7.0, 4.0, 1.0]])})
    assert down["b"].tolist() == [[1, 0, 1, 1, 1 * 1, 1, 1, 0], [1, 1, 1, 0, 0, 1, 0, 1]]


def test_masks_say_which_values_a_code_can_hold() -> None:
    record = Code("x", "b", log, np.zeros(3))
    x = np.array([[8.0, 0, 0], [0, 11, 0], [0, 0, 2], [-1, 0, 0], [0.5, 0, 0], [7, 10, 1]])
    assert record.down({"x": x})[1].tolist() == [False] * 5 + [True]


def test_up_decodes_any_bits() -> None:
    record = Code("x", "b", choice, np.array([0.0, 1.0]), "choice")
    bits = np.array([[0, 0, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 1, 1.0]])  # none chosen, two chosen
    assert record.up({"b": bits})["x"].tolist() == [[0, 1], [3, 13]]


def test_slack_is_the_least_distance_in_steps() -> None:
    rule = Quotient(whole, 2.0, np.zeros(2), np.full(2, 3.0))
    assert rule.value({"y": np.array([[0.0, 0], [3, 1], [9, 9]])}).tolist() == [[3, 2], [2, 1], [0, 0]]


def test_recovered_values_may_differ_by_the_tolerance() -> None:
    record = Recover("x", Sum(whole), tolerance=1e-6)
    _, mask = record.down({"x": np.array([[9.0 + 1e-7, 4.0], [9.0 + 1e-5, 4.0]]), "y": np.zeros((2, 2))})
    assert mask.tolist() == [True, False]


def test_records_compose_in_the_order_of_the_passes() -> None:
    """int x in 2..5 -> shifted -> bits -> spins, and one bit fixed."""
    lift = Lift(
        (
            Affine("x", "n", np.ones(1), np.array([2.0])),
            Code("n", "b", codes([[1, 2]]), np.zeros(1)),
            Fix("b", "f", np.array([0]), np.array([0.0, 1.0])),
            Affine("f", "s", np.array([0.5]), np.array([0.5])),
        )
    )
    down, mask = lift.down({"x": np.array([[2.0], [3.0], [4.0], [5.0], [6.0]])})
    assert mask.tolist() == [False, False, True, True, False]
    assert down["s"][mask].tolist() == [[-1.0], [1.0]]
    assert lift.up(down)["x"][mask].tolist() == [[4.0], [5.0]]
    joined = Lift(lift.records[:2]).then(Lift(lift.records[2:]))
    assert joined.records == lift.records


def test_a_shift_that_float64_cannot_undo_is_masked_out() -> None:
    record = Affine("x", "n", np.ones(1), np.array([1e17]))
    _, mask = record.down({"x": np.array([[0.1], [1e17]])})
    assert mask.tolist() == [False, True]


def test_objective_restores_the_source() -> None:
    maximum = Objective(-1.0, 0.0)
    assert maximum.maximize
    assert not Objective().maximize
    assert maximum.value(np.array([-3.0, 0.0])).tolist() == [3.0, 0.0]
    assert not np.signbit(maximum.value(np.array([0.0]))).any()
