"""Lines of functions: they bound the function everywhere on the box, in exact or 40-digit arithmetic."""

from __future__ import annotations

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from bound_cases import Array
from hypothesis import given
from hypothesis import strategies as st

from isinglass.ir.function import Function
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.max import Max
from isinglass.ir.functions.product import Product
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid
from isinglass.ir.functions.step import Step
from isinglass.ir.functions.tanh import Tanh
from isinglass.ir.lines import Lines
from isinglass.ir.rules import FUNCTIONS

VARIANTS = [
    *(FUNCTIONS[key]() for key in FUNCTIONS),
    Hardtanh(0.0, 6.0),
    Hardtanh(-np.inf, 0.1),
    Hardtanh(0.5, 0.5),
    LeakyRelu(0.0),
    LeakyRelu(1.0),
    LeakyRelu(0.25),
]
HUGE = 1e308
SPECIAL = [0.0, 5e-324, -5e-324, 1e-300, 1e-16, -1e-16, 0.1, -1.0, 1.0, 6.0, 30.0, -750.0, 1e18, HUGE, -HUGE]
number = st.sampled_from(SPECIAL) | st.floats(-10, 10) | st.floats(-1e-6, 1e-6) | st.floats(-HUGE, HUGE)
ends = st.tuples(number, number).map(lambda pair: (min(pair), max(pair)))
ends |= number.map(lambda a: (a, float(np.nextafter(a, np.inf)) if a < HUGE else a)) | number.map(lambda a: (a, a))
ends |= number.map(lambda a: (a, np.inf)) | number.map(lambda a: (-np.inf, a)) | st.just((-np.inf, np.inf))
tilts = st.none() | st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1)


def exactly(function: Function, args: list[float]) -> tuple[Fraction, Fraction]:
    """Bounds of the value that are 1e-30 apart at most."""
    if isinstance(function, (Sigmoid, Tanh)):
        with mpmath.workdps(40):
            x = mpmath.mpf(args[0])
            value = mpmath.tanh(x) if isinstance(function, Tanh) else 1 / (1 + mpmath.exp(-x))
            middle = Fraction(int(mpmath.floor(value * 10**36)), 10**36)
        return middle - Fraction(1, 10**30), middle + Fraction(1, 10**30)
    numbers = [Fraction(x) for x in args]
    if isinstance(function, Product):
        found = numbers[0]
        for other in numbers[1:]:
            found *= other
    elif isinstance(function, LeakyRelu):
        found = numbers[0] if args[0] >= 0 else numbers[0] * Fraction(function.alpha)
    elif isinstance(function, Max):
        found = max(numbers)
    else:  # a selection, exact in float64
        found = Fraction(float(function.value([np.array([[x]]) for x in args])[0, 0]))
    return found, found


def line(slopes: list[Array], offset: Array, args: list[float]) -> Fraction | float:
    if not np.isfinite(offset.item()):
        return offset.item()
    pairs = zip(slopes, args, strict=True)
    return sum((Fraction(slope.item()) * Fraction(x) for slope, x in pairs), Fraction(offset.item()))


def candidates(low: float, high: float) -> list[float]:
    """The ends, what lies between, and where functions bend."""
    low, high = max(low, -1.7e308), min(high, 1.7e308)
    inside = [low / 2 + high / 2, 0.0, 0.1, -1.0, 1.0, 6.0, 5e-324, -5e-324, low * 0.9 + high * 0.1, low + 1, high - 1]
    return sorted({low, high, *(x for x in inside if low <= x <= high)})


@pytest.mark.parametrize("function", VARIANTS, ids=repr)
@given(data=st.data())
def test_lines_bound_the_function_on_any_box(function: Function, data: st.DataObject) -> None:
    count = data.draw(st.sampled_from([n for n in (1, 2, 3) if function.arity(n)]))
    box = [data.draw(ends) for _ in range(count)]
    tilt = data.draw(tilts)
    lower, upper = ([np.array([[pair[side]]]) for pair in box] for side in (0, 1))
    found = function.lines(lower, upper, None if tilt is None else np.array([[tilt]]))
    assert not any(np.isnan(array).any() for array in arrays(found))
    assert not any(np.isinf(slope).any() for slope in [*found.lower_slopes, *found.upper_slopes])
    for args in itertools.islice(itertools.product(*(candidates(*pair) for pair in box)), 300):
        least, most = exactly(function, list(args))
        assert line(found.lower_slopes, found.lower_offset, list(args)) <= most
        assert line(found.upper_slopes, found.upper_offset, list(args)) >= least


@pytest.mark.parametrize("function", [Sigmoid(), Tanh(), Hardtanh(), LeakyRelu()], ids=repr)
def test_lines_bound_the_function_at_many_points(function: Function) -> None:
    """In extended precision; boxes of all sizes, with touching points all over them."""
    rng = np.random.default_rng(4)
    pair = np.sort(rng.normal(size=(2, 4000)) * 10.0 ** rng.uniform(-6, 3, 4000), axis=0)
    for tilt in (None, rng.random(4000)):
        found = function.lines([pair[0]], [pair[1]], tilt)
        for share in np.linspace(0, 1, 33):
            x = np.clip(pair[0] + share * (pair[1] - pair[0]), *pair).astype(np.longdouble)
            value = function.value([x]) if not isinstance(function, Sigmoid) else 1 / (1 + np.exp(-x))
            assert (found.lower_slopes[0] * x + found.lower_offset <= value).all()
            assert (found.upper_slopes[0] * x + found.upper_offset >= value).all()


@pytest.mark.parametrize("function", VARIANTS, ids=repr)
def test_decided_boxes_have_one_line(function: Function) -> None:
    """Where a function is linear on a box, no looseness comes from its lines."""
    (count, *_) = [n for n in (1, 2) if function.arity(n)]
    low, high = [np.array([[2.0]])] * count, [np.array([[2.0]])] * count
    found = function.lines(low, high)
    value = function.value(low)
    for slopes, offset in ((found.lower_slopes, found.lower_offset), (found.upper_slopes, found.upper_offset)):
        here = sum(slope * x for slope, x in zip(slopes, low, strict=True)) + offset
        assert here == pytest.approx(value, abs=1e-13)


def test_decided_lines_are_the_function() -> None:
    for function in (Relu(), LeakyRelu(0.5), Hardtanh(-3.0, 3.0), Max()):
        args = [np.array([[1.0, 1.0]])] + [np.array([[-2.0, 0.5]])] * isinstance(function, Max)
        tops = [np.array([[2.0, 2.5]])] + [np.array([[-1.0, 0.9]])] * isinstance(function, Max)
        found = function.lines(args, tops)
        assert all(np.array_equal(a, b) for a, b in zip(found.lower_slopes, found.upper_slopes, strict=True))
        assert (found.lower_slopes[0] == 1).all() and not found.lower_offset.any() and not found.upper_offset.any()


def test_relu_lines_are_the_published_ones() -> None:
    found = Relu().lines([np.array([[-1.0, -3.0]])], [np.array([[3.0, 1.0]])])
    assert found.upper_slopes[0].tolist() == [[0.75, 0.25]]
    assert found.upper_offset == pytest.approx(np.array([[0.75, 0.75]]))
    assert found.lower_slopes[0].tolist() == [[1.0, 0.0]]
    tilted = Relu().lines([np.array([[-1.0, -3.0]])], [np.array([[3.0, 1.0]])], np.array([[0.3, 0.6]]))
    assert tilted.lower_slopes[0].tolist() == [[0.3, 0.6]]


@pytest.mark.parametrize("function", [Sigmoid(), Tanh()], ids=repr)
def test_s_shaped_lines_touch_the_curve(function: Function) -> None:
    """Chord where that is sound, else a tangent: somewhere on the box the distance is nothing but the margin."""
    rng = np.random.default_rng(5)
    pair = np.sort(rng.normal(size=(2, 500)) * 10.0 ** rng.uniform(-2, 1, 500), axis=0)
    found = function.lines([pair[0]], [pair[1]])
    x = pair[0] + np.linspace(0, 1, 20001)[:, None] * (pair[1] - pair[0])
    value = function.value([x])
    assert (found.upper_slopes[0] * x + found.upper_offset - value).min(axis=0).max() < 1e-5
    assert (value - found.lower_slopes[0] * x - found.lower_offset).min(axis=0).max() < 1e-5
    wide = function.lines([np.array([[-5.0]])], [np.array([[5.0]])])
    steep = 5 * (0.25 if isinstance(function, Sigmoid) else 1.0)  # a tangent beyond 0, not the one at 0
    assert wide.upper_offset + 5 * wide.upper_slopes[0] < function.value([np.zeros(1)]) + 0.8 * steep


def test_tilts_choose_the_line_and_are_moved_into_their_range() -> None:
    low, high = [np.array([[-1.0]])], [np.array([[2.0]])]
    for wrong, right in ((-1.0, 0.0), (7.0, 1.0), (np.nan, 0.0)):
        one, two = (Relu().lines(low, high, np.array([[tilt]])) for tilt in (wrong, right))
        assert one.lower_slopes[0] == two.lower_slopes[0]
    rows = Relu().lines([low[0][:, None]], [high[0][:, None]], np.linspace(0, 1, 4)[None, :, None])
    assert rows.lower_slopes[0].shape == (1, 4, 1)
    assert Step().lines(low, high, np.array([[0.0]])).upper_slopes[0] == 0


@pytest.mark.parametrize("function", VARIANTS, ids=repr)
def test_straight_functions_have_lines_affine_in_the_tilt(function: Function) -> None:
    if not function.straight:
        return
    rng = np.random.default_rng(6)
    for count in [n for n in (1, 2, 3) if function.arity(n)]:
        pair = np.sort(rng.normal(size=(2, count, 200)) * 3, axis=0)
        start, middle, end = (
            function.lines(list(pair[0]), list(pair[1]), np.full(200, tilt)) for tilt in (0.0, 0.25, 1.0)
        )
        for a, b, c in zip(arrays(start), arrays(middle), arrays(end), strict=True):
            assert b == pytest.approx(0.75 * a + 0.25 * c, abs=1e-9)


def arrays(lines: Lines) -> list[Array]:
    return [*lines.lower_slopes, lines.lower_offset, *lines.upper_slopes, lines.upper_offset]
