"""Boxes of inputs: the outer one contains every stated point, the inner one only stated points, an ulp apart."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass.frontends.networks.box import Box
from isinglass.ir.errors import InputError

sides = st.floats(-1e6, 1e6) | st.integers(-5, 5).map(float) | st.decimals(-2, 2, places=3).map(float)
radii = st.floats(0, 1e3) | st.sampled_from([0.0, 0.03, 0.1, 0.25, 5e-324])


def encloses(box: Box, low: Fraction, high: Fraction, size: float) -> None:
    """``size``: the largest number that entered; what lies between the boxes is of the order of its rounding error."""
    assert Fraction(box.lower[0]) <= low <= Fraction(box.inner_lower[0])
    assert Fraction(box.inner_upper[0]) <= high <= Fraction(box.upper[0])
    assert box.inner_lower[0] - box.lower[0] <= 2 * np.spacing(size)
    assert box.upper[0] - box.inner_upper[0] <= 2 * np.spacing(size)


@given(sides, radii)
def test_balls(centre: float, radius: float) -> None:
    exact, size = Fraction(centre), Fraction(repr(radius))
    encloses(Box.ball(np.array([centre]), radius), exact - size, exact + size, max(abs(centre), radius))


@given(sides, sides)
def test_ranges_of_decimals(one: float, other: float) -> None:
    low, high = sorted([one, other])
    box = Box.between(np.array([low]), np.array([high]))
    encloses(box, Fraction(repr(low)), Fraction(repr(high)), max(abs(low), abs(high)))


def test_sides_that_are_floats_are_not_moved() -> None:
    box = Box.ball(np.array([0.5, 0.0, 1.0], np.float32), 0.25).meet(Box.between(0.0, 1.0))
    assert box.lower.tolist() == box.inner_lower.tolist() == [0.25, 0.0, 0.75]
    assert box.upper.tolist() == box.inner_upper.tolist() == [0.75, 0.25, 1.0]
    point = Box.between(np.array([0.1]), np.array([0.1]), "dyadic")
    assert point.lower == point.inner_lower == point.upper == 0.1


def test_centres_mean_themselves() -> None:
    """The float32 nearest to 0.1 is not one tenth."""
    box = Box.ball(np.array([0.1], np.float32), 0.0)
    assert box.lower == box.upper == np.float64(np.float32(0.1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Box.between(np.zeros(2), np.zeros(3)), "shapes"),
        (lambda: Box.between(1.0, 0.0), "element 0 would lie between"),
        (lambda: Box.between(np.nan, 0.0), "NaN"),
        (lambda: Box.between(0.0, np.inf), "infinite"),
        (lambda: Box.ball(np.array([2.0, 0.0]), 0.5).meet(Box.between(0.0, 1.0)), "would lie between 1.5 and 1.0"),
        (lambda: Box.ball(np.zeros(1), -0.1), "not negative"),
        (lambda: Box.ball(np.zeros(1), np.nan), "NaN"),
    ],
)
def test_what_is_refused(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError) as caught:
        make()
    assert message in str(caught.value)
