"""Every function in the registry: values, derivatives, bounds and exact values agree."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import isinglass.ir.functions as folder
from isinglass.ir.errors import Refused
from isinglass.ir.exact import Exact
from isinglass.ir.function import Function
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.max import Max
from isinglass.ir.functions.product import Product
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid
from isinglass.ir.functions.sign import Sign
from isinglass.ir.functions.step import Step
from isinglass.ir.functions.tanh import Tanh
from isinglass.ir.registry import key_of
from isinglass.ir.rules import FUNCTIONS
from isinglass.ir.types import FloatArray

VARIANTS = [
    *(FUNCTIONS[key]() for key in FUNCTIONS),
    Hardtanh(0.0, 6.0),
    Hardtanh(-np.inf, 0.1),
    LeakyRelu(0.0),
    LeakyRelu(1.0),
    LeakyRelu(0.25),
]
POINTS = np.array([-750.0, -30.0, -3.0, -1.0, -0.3, -1e-9, 0.0, 5e-324, 1e-9, 0.3, 1.0, 2.0, 7.0, 30.0, 750.0])


def counts(function: Function) -> list[int]:
    """Numbers of arguments to try."""
    return [n for n in (1, 2, 3) if function.arity(n)]


def cases(function: Function, batch: int = 40) -> list[list[FloatArray]]:
    rng = np.random.default_rng(1)
    found = [
        [rng.permutation(np.resize(POINTS, (batch, 3)).ravel()).reshape(batch, 3) for _ in range(n)]
        for n in counts(function)
    ]
    return found + [[rng.normal(size=(batch, 3)) for _ in range(n)] for n in counts(function)]


def test_every_file_is_found_by_its_name() -> None:
    (path,) = folder.__path__
    files = {p.stem.replace("_", "-") for p in Path(path).glob("*.py")} - {"--init--"}
    assert files == set(FUNCTIONS)
    for key in FUNCTIONS:
        assert key_of(FUNCTIONS[key]) == key
        assert issubclass(FUNCTIONS[key], Function)
        assert re.fullmatch(r"[^\n]+[.:]", FUNCTIONS.summary(key)), "the first line of the docstring is for listings"


def test_no_two_functions_claim_an_onnx_operator() -> None:
    claimed = [name for key in FUNCTIONS for name in FUNCTIONS[key].onnx]
    assert len(claimed) == len(set(claimed))


@pytest.mark.parametrize("function", VARIANTS)
def test_values_are_elementwise_and_sound(function: Function) -> None:
    assert not function.faults()
    assert counts(function)
    assert not function.arity(0)
    for args in cases(function):
        kept = [arg.copy() for arg in args]
        value = function.value(args)
        assert value.shape == (40, 3)
        assert value.dtype == np.float64
        assert not np.isnan(value).any()
        single = function.value([arg[7:8, 1:2] for arg in args])
        assert single[0, 0] == value[7, 1]
        assert all(np.array_equal(a, b) for a, b in zip(args, kept, strict=True))


@pytest.mark.parametrize("function", VARIANTS)
def test_derivatives_agree_with_differences(function: Function) -> None:
    rng = np.random.default_rng(2)
    for n in counts(function):
        args = [rng.normal(size=(50, 4)) * 2 for _ in range(n)]  # kinks have probability zero
        seed = rng.normal(size=(50, 4))
        found = function.vjp(args, seed)
        assert len(found) == n
        for place in range(n):
            up, down = ([arg + sign * 1e-6 * (k == place) for k, arg in enumerate(args)] for sign in (1, -1))
            slope = (function.value(up) - function.value(down)) / 2e-6
            assert found[place] == pytest.approx(seed * slope, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("function", VARIANTS)
def test_derivatives_at_kinks_and_far_out_are_finite(function: Function) -> None:
    for args in cases(function):
        for part in function.vjp(args, np.ones((40, 3))):
            assert part.shape == (40, 3)
            assert np.isfinite(part).all()


@pytest.mark.parametrize("function", VARIANTS)
@given(data=st.data())
def test_intervals_hold_every_value(function: Function, data: st.DataObject) -> None:
    n = data.draw(st.sampled_from(counts(function)))
    number = st.sampled_from(POINTS.tolist()) | st.floats(-10, 10)
    boxes = st.tuples(number, number).map(lambda pair: (min(pair), max(pair)))
    boxes |= number.map(lambda a: (a, np.inf)) | number.map(lambda a: (-np.inf, a)) | st.just((-np.inf, np.inf))
    pairs = data.draw(st.lists(boxes, min_size=n, max_size=n))
    lower, upper = ([np.array([pair[side]]) for pair in pairs] for side in (0, 1))
    low, high = function.interval(lower, upper)
    assert low.shape == high.shape == (1,)
    if function.rounds:  # as users do
        low, high = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
    ends = [(max(a, -1e6), min(b, 1e6)) for a, b in pairs]
    axes = np.meshgrid(*[np.clip(np.linspace(a, b, 9), a, b) for a, b in ends])
    points = [axis.ravel()[:, None] for axis in axes]
    values = function.value(points)
    assert (values >= low).all()
    assert (values <= high).all()


@pytest.mark.parametrize("function", VARIANTS)
def test_discrete_functions_keep_whole_numbers_whole(function: Function) -> None:
    rng = np.random.default_rng(3)
    for n in counts(function):
        value = function.value([rng.integers(-4, 5, (100, 2)).astype(np.float64) for _ in range(n)])
        if function.discrete:
            assert (value == np.rint(value)).all()


@pytest.mark.parametrize("function", VARIANTS)
def test_exact_values_agree_with_fractions(function: Function) -> None:
    """Where a function has an exact value, float64 is off by one rounding at the most, and by none if it says so."""
    for args in cases(function, 10)[len(counts(function)) :]:
        try:
            exact = function.exact([Exact.of(arg) for arg in args])
        except Refused as refusal:
            assert function.rounds
            assert "no exact value" in str(refusal)
            return
        value = function.value(args)
        for place in np.ndindex(value.shape):
            found, told = exact.fraction(*place), Fraction(value[place])
            if function.rounds:
                assert abs(found - told) <= 2 * abs(found) * Fraction(1, 2**53)
            else:
                assert found == told


# -- the functions one by one -----------------------------------------------------------------------------------------


def one(function: Function, *args: float) -> float:
    return float(function.value([np.array([[a]]) for a in args])[0, 0])


def test_values_by_hand() -> None:
    assert [one(Relu(), a) for a in (-2, 0, 3)] == [0, 0, 3]
    assert [one(LeakyRelu(0.25), a) for a in (-2, 0, 3)] == [-0.5, 0, 3]
    assert one(LeakyRelu(), -1) == -0.01
    assert [one(Hardtanh(), a) for a in (-2, 0.5, 3)] == [-1, 0.5, 1]
    assert [one(Hardtanh(0.0, 6.0), a) for a in (-2, 0.5, 7)] == [0, 0.5, 6]
    assert [one(Sign(), a) for a in (-2, 0, 3)] == [-1, 0, 1]
    assert [one(Step(), a) for a in (-1e-300, 0, 3)] == [0, 1, 1]
    assert [one(Max(), *args) for args in ((1.0, 2.0, -3.0), (4.0,), (-1.0, -2.0))] == [2, 4, -1]
    assert one(Product(), 2, 3, -4) == -24
    assert one(Tanh(), 0.5) == pytest.approx(0.46211715726000975)
    assert [one(Sigmoid(), a) for a in (0.0, 800.0, -800.0)] == [0.5, 1.0, 0.0]


def test_maximum_passes_its_seed_to_the_first_of_equals() -> None:
    args = [np.array([[1.0, 5.0]]), np.array([[1.0, 6.0]]), np.array([[1.0, 6.0]])]
    assert [part.tolist() for part in Max().vjp(args, np.array([[3.0, 4.0]]))] == [[[3, 0]], [[0, 4]], [[0, 0]]]


def test_products_of_whole_numbers_have_exact_bounds_and_others_round_outward() -> None:
    low, high = Product().interval([np.array([-2.0, 0.1])] * 3, [np.array([3.0, 0.7])] * 3)
    assert (low[0], high[0]) == (-18.0, 27.0)
    assert Fraction(low[1]) <= Fraction(0.1) ** 3
    assert Fraction(high[1]) >= Fraction(0.7) ** 3
    low, high = Product().interval([np.zeros(1), np.array([-np.inf])], [np.zeros(1), np.array([np.inf])])
    assert (low[0], high[0]) == (0.0, 0.0)


def test_saturating_functions_have_rigorous_bounds() -> None:
    """The true value of sigmoid(-720) is about 2e-313, where float64 gives 0."""
    low, high = Sigmoid().interval([np.array([-720.0, 40.0])], [np.array([-720.0, 40.0])])
    assert low[0] == 0 < 2.0e-313 < high[0]
    assert low[1] < 1 == high[1]
    low, high = Tanh().interval([np.array([-1.0])], [np.array([20.0])])
    assert low[0] < -0.7615941559557649 < -0.76
    assert high[0] == 1


def test_attributes_are_checked() -> None:
    assert LeakyRelu(-0.5).faults() == ["alpha -0.5 is not in 0..1"]
    assert LeakyRelu(np.nan).faults() == ["alpha has numbers that are not finite"]
    assert Hardtanh(2.0, 1.0).faults() == ["lo 2.0 is not below hi 1.0"]
    assert Hardtanh(np.nan, 1.0).faults()
    assert Hardtanh(-2.0, np.inf).discrete
    assert not Hardtanh(0.5, 1.0).discrete
