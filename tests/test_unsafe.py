"""The unsafe set of a claim: zero and strictness, boxes and rows of single cases, picking cases."""

from __future__ import annotations

import numpy as np

from isinglass.ir.affine import Affine
from isinglass.ir.exact import Exact
from isinglass.ir.operators.csr import Csr
from isinglass.ir.unsafe import UnsafeSet


def one_input(forms: Affine, strict: list[bool], start: list[int], boxes: list[tuple[float, float]]) -> UnsafeSet:
    """Cases over inputs of one number, each in a box of its own."""
    lower, upper = np.array(boxes).T[..., None]
    region = np.arange(len(boxes))
    texts = tuple(f"case {k}" for k in region)
    return UnsafeSet(forms, np.array(strict), np.array(start), region, lower, upper, lower, upper, "dyadic", texts)


def test_zero_is_unsafe_unless_strict() -> None:
    points = np.zeros((3, 1))
    for strict, excluded, holds in [(False, False, True), (True, True, False)]:
        case = one_input(Affine.of_variable("y", 1), [strict], [0, 1], [(0.0, 1.0)])
        assert case.excluded(np.array([[0.0], [-5e-324], [5e-324]])).ravel().tolist() == [excluded, True, False]
        values = {"y": Exact.of(np.array([[0.0], [-5e-324], [5e-324]]))}
        assert case.holds(values, points).ravel().tolist() == [holds, False, True]
    pair = one_input(Affine.of_variable("y", 2), [False, False], [0, 2], [(0.0, 1.0)])
    assert pair.excluded(np.array([1.0, -1.0])) and not pair.excluded(np.array([1.0, 0.0]))
    values = {"y": Exact.of(np.array([[1.0, -1.0], [0.0, 2.0]]))}
    assert pair.holds(values, points[:2]).ravel().tolist() == [False, True]


def test_each_case_has_its_own_box_and_rows() -> None:
    """Three cases of 1, 2 and 1 rows over y = x: the least rows and their numbers, boxes, and picking some cases."""
    forms = Affine(np.array([0.0, -1.0, 2.0, -3.0]), {"x": Csr.of(np.array([[1.0], [1.0], [-1.0], [0.0]]))})
    unsafe = one_input(forms, [False] * 4, [0, 1, 3, 4], [(0.0, 1.0), (1.0, 4.0), (0.0, 9.0)])
    x = np.array([[-1.0], [0.0], [1.0], [1.5], [3.0]])
    table = [[-1, -2, -3], [0, -1, -3], [1, 0, -3], [1.5, 0.5, -3], [3, -1, -3]]
    assert unsafe.margins({"x": x}).tolist() == table
    holds = [[False] * 3, [True, False, False], [True, True, False], [False, True, False], [False] * 3]
    assert unsafe.holds({"x": Exact.of(x)}, x).tolist() == holds
    case = np.array([2, 1, 1, 1, 0])
    value, row = unsafe.own_least({"x": x}, case)
    assert value.tolist() == [-3.0, -1.0, 0.0, 0.5, 3.0] and row.tolist() == [3, 1, 1, 1, 0]
    assert unsafe.own_least({"x": x}, np.full(5, 1))[1].tolist() == [1, 1, 1, 1, 2]
    some = unsafe.pick(np.array([2, 1]))
    assert some.holds({"x": Exact.of(x)}, x).tolist() == [[row[2], row[1]] for row in holds]
    assert some.texts == ("case 2", "case 1") and some.case.tolist() == [0, 1, 1]
    assert not unsafe.faults({"x": 1}, "x") and [side.tolist() for side in unsafe.hull] == [[0.0], [9.0]]
