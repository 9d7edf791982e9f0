"""Rows over one input as sides of boxes: the same points, to the last float, and nothing that is meant is lost."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import save

from isinglass.frontends.glass.reader import parse_spec
from isinglass.frontends.networks.regions import into_boxes
from isinglass.ir.affine import Affine
from isinglass.ir.exact import Exact
from isinglass.ir.operators.csr import Csr
from isinglass.ir.rational import read_fraction
from isinglass.ir.tasks import Prove
from isinglass.ir.unsafe import UnsafeSet


def random_set(seed: int, reading: str) -> UnsafeSet:
    """Up to six cases in two boxes of two inputs: rows over one input, both, the output, or nothing."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, int(rng.integers(1, 7)))
    rows = int(sizes.sum())
    kind = rng.integers(0, 5, rows)
    on_x = rng.choice([-3.0, -0.1, 0.1, 0.3, 1.0, 7.0], (rows, 2))
    on_x[kind == 0, 1] = 0.0
    on_x[kind == 1, 0] = 0.0
    on_x[kind >= 3] = 0.0
    on_y = np.where(kind == 3, 1.0, 0.0)[:, None]
    offset = rng.choice([0.0, 0.1, -0.1, 0.3, -0.3, 1.0, -0.7, 0.07], rows)
    parts = {"x": Csr.of(on_x), "y": Csr.of(on_y)}
    low, high = np.array([[-1.0, 0.0], [0.1, 0.1]]), np.array([[1.0, 1.0], [0.3, 3.0]])
    return UnsafeSet(
        Affine(offset, parts), rng.random(rows) < 0.4, np.concatenate([[0], np.cumsum(sizes)]),
        rng.integers(0, 2, len(sizes)), low, high, low, high, reading, tuple(f"case {k}" for k in range(len(sizes))),
    )  # fmt: skip


def near(values: list[float]) -> list[float]:
    """Numbers and their neighbours."""
    return sorted({f for v in values for f in (v, np.nextafter(v, -9), np.nextafter(v, 9))})


NUMBERS = near([-1.0, 0.0, 0.1, 0.3, 1.0, 1 / 3, 0.1 / 0.3, 0.7, 0.07 / 0.3, 0.1 / 7, 0.01, 1 / 30, 3.0])


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["dyadic", "decimal", "simplest"]))
def test_every_float_is_judged_alike(seed: int, reading: str) -> None:
    unsafe = random_set(seed, reading)
    boxed = into_boxes(unsafe, "x")
    assert not boxed.faults({"x": 2, "y": 1}, "x")
    rng = np.random.default_rng(seed)
    x, y = rng.choice(NUMBERS, (150, 2)), rng.choice([-0.3, 0.0, 0.1, 2.0], (150, 1))
    values = {"x": Exact.of(x), "y": Exact.of(y)}
    before, after = unsafe.holds(values, x), boxed.holds(values, x)
    place = [unsafe.texts.index(text) for text in boxed.texts]
    assert (before[:, place] == after).all()
    assert not np.delete(before, place, axis=1).any()
    left = boxed.forms.parts.get("x")
    counts = np.zeros(boxed.forms.size) if left is None else np.diff(left.to_csr().indptr)
    assert not (counts == 1).any() or (np.diff(boxed.forms.parts["y"].to_csr().indptr)[counts == 1] > 0).all()


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["decimal", "simplest"]))
def test_outer_boxes_hold_every_real_number_that_is_meant(seed: int, reading: str) -> None:
    """Rationals between floats too: those next to a row's own end, 10^-30 to either side."""
    unsafe = random_set(seed, reading)
    boxed = into_boxes(unsafe, "x")
    matrix = unsafe.forms.parts["x"].to_dense()
    for case in range(unsafe.count):
        rows = np.arange(unsafe.start[case], unsafe.start[case + 1])
        region = unsafe.region[case]
        for row in rows:
            for j in np.flatnonzero(matrix[row]):
                a, c = (read_fraction(float(v), reading) for v in (matrix[row, j], unsafe.forms.offset[row]))
                for shift in (-1, 0, 1):
                    x = -c / a + Fraction(shift, 10**30)
                    if np.count_nonzero(matrix[row]) == 1 and meant(unsafe, rows, int(j), x, reading, region):
                        at = boxed.texts.index(f"case {case}")
                        box = boxed.region[at]
                        assert Fraction(float(boxed.lower[box, j])) <= x <= Fraction(float(boxed.upper[box, j]))


def meant(unsafe: UnsafeSet, rows: np.ndarray, j: int, x: Fraction, reading: str, region: int) -> bool:
    """Whether element j of the inputs may be x for all that single rows say, and the other element has a value left."""
    if not Fraction(float(unsafe.lower[region, j])) <= x <= Fraction(float(unsafe.upper[region, j])):
        return False
    matrix, on_y = unsafe.forms.parts["x"].to_dense(), unsafe.forms.parts["y"].to_dense()
    low, high = (Fraction(float(side[region, 1 - j])) for side in (unsafe.lower, unsafe.upper))
    open_low = open_high = False
    for row in rows:
        if np.count_nonzero(matrix[row]) != 1 or on_y[row].any():
            continue
        k = int(np.flatnonzero(matrix[row])[0])
        a, c = (read_fraction(float(v), reading) for v in (matrix[row, k], unsafe.forms.offset[row]))
        if k == j:
            if a * x + c < 0 or (unsafe.strict[row] and a * x + c == 0):
                return False
            continue
        if a > 0 and -c / a >= low:
            open_low = bool(unsafe.strict[row]) or (open_low and -c / a == low)
            low = -c / a
        elif a < 0 and -c / a <= high:
            open_high = bool(unsafe.strict[row]) or (open_high and -c / a == high)
            high = -c / a
    return low < high or (low == high and not open_low and not open_high)


def test_a_spec_with_conditions_on_inputs(tmp_path: Path) -> None:
    """Two ways to break it, each in the box that the condition leaves; exact decimals stay exact."""
    save(tmp_path / "net.onnx", [(np.ones((2, 2)), np.zeros(2))])
    head = 'network f = onnx("net.onnx")\nvar x : real[2] in 0..1\nlet y = f(x)\n'
    claim = "prove not (0.1 <= x[0] < 0.3 and x[1] >= 1/3) or y[0] <= 1 and y[1] < 2"
    task = parse_spec(head + claim, base_dir=tmp_path)
    assert isinstance(task, Prove)
    unsafe = task.unsafe
    assert unsafe.count == 2 and len(unsafe.lower) == 1 and "x" not in unsafe.forms.parts
    assert Fraction(unsafe.lower[0, 0]) <= Fraction(1, 10) <= Fraction(unsafe.inner_lower[0, 0])
    assert Fraction(unsafe.lower[0, 1]) <= Fraction(1, 3) <= Fraction(unsafe.inner_lower[0, 1])
    assert Fraction(unsafe.inner_upper[0, 0]) < Fraction(3, 10) <= Fraction(unsafe.upper[0, 0])


@pytest.mark.parametrize(("condition", "cases"), [("x[0] > 1", 0), ("x[0] >= 1", 1), ("x[0] < 0", 0), ("x[0] <= 0", 1)])
def test_boxes_without_a_point_are_dropped(condition: str, cases: int, tmp_path: Path) -> None:
    save(tmp_path / "net.onnx", [(np.ones((2, 2)), np.zeros(2))])
    head = 'network f = onnx("net.onnx")\nvar x : real[2] in 0..1\nlet y = f(x)\n'
    task = parse_spec(head + f"prove not ({condition}) or y[0] <= 1", base_dir=tmp_path)
    assert isinstance(task, Prove) and task.unsafe.count == cases


def test_a_case_without_a_row_left(tmp_path: Path) -> None:
    """x[0] <= 1/2 is broken by every x in half of the box, whatever the network says."""
    save(tmp_path / "net.onnx", [(np.ones((2, 2)), np.zeros(2))])
    head = 'network f = onnx("net.onnx")\nvar x : real[2] in 0..1\nlet y = f(x)\n'
    task = parse_spec(head + "prove x[0] <= 1/2", base_dir=tmp_path)
    assert isinstance(task, Prove)
    assert task.unsafe.forms.size == 1 and not task.unsafe.faults({"x": 2, "f.y": 2}, "x")
