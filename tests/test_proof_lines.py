"""Lines and bounds that certificates are checked with, at many points of many ranges: none is on the wrong side."""

from __future__ import annotations

import ast
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import verification_cases as cases

from isinglass.compiler.networks.view import NetView
from isinglass.ir.blocks import Arg, Fn
from isinglass.ir.case_tree import Layer
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.max import Max
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid
from isinglass.ir.functions.sign import Sign
from isinglass.ir.functions.step import Step
from isinglass.ir.functions.tanh import Tanh
from isinglass.ir.linear_proof.bounds import fresh
from isinglass.ir.linear_proof.layers import improved
from isinglass.ir.linear_proof.network import Network
from isinglass.ir.linear_proof.relaxation import PROOF_LINES, function_bounds, rules_of
from isinglass.ir.registry import key_of

Array = Any
FUNCTIONS = [
    (Relu(), 1), (LeakyRelu(0.1), 1), (LeakyRelu(0.0), 1), (LeakyRelu(1.0), 1),
    (Hardtanh(), 1), (Hardtanh(0.0, 6.0), 1), (Hardtanh(0.0, np.inf), 1), (Hardtanh(-np.inf, 0.5), 1),
    (Sigmoid(), 1), (Tanh(), 1), (Sign(), 1), (Step(), 1), (Max(), 1), (Max(), 2), (Max(), 4),
]  # fmt: skip
TILTS = [None, "any", 0.0, 1.0]


def ranges(rng: np.random.Generator, size: int) -> tuple[Array, Array]:
    """Ends [1, size] of all sizes, on either side of 0, at it, or single points."""
    at = rng.normal(size=size) * 10.0 ** rng.integers(-6, 3, size)
    width = np.abs(rng.normal(size=size)) * 10.0 ** rng.integers(-9, 3, size)
    kind = rng.integers(0, 6, size)
    low = np.select([kind == 0, kind == 1, kind == 2], [-width * rng.random(size), 0.0 * at, -width], at)
    high = np.select([kind == 2, kind == 3], [0.0 * at, low], low + width)
    return low[None], high[None]


def precise(function: Any, args: list[Array]) -> Array:
    """Values in extended precision."""
    wide = [arg.astype(np.longdouble) for arg in args]
    match function:
        case Sigmoid():
            return 1 / (1 + np.exp(np.minimum(-wide[0], 11000)))
        case Tanh():
            return np.tanh(wide[0])
        case LeakyRelu():
            return np.where(wide[0] >= 0, wide[0], np.longdouble(function.alpha) * wide[0])
        case _:
            return function.value(args).astype(np.longdouble)


def test_every_function_with_lines_is_tested_here() -> None:
    assert {key_of(type(function)) for function, _ in FUNCTIONS} == set(PROOF_LINES.keys())


@pytest.mark.parametrize("tilt", TILTS, ids=str)
@pytest.mark.parametrize(("function", "arity"), FUNCTIONS, ids=str)
def test_lines_and_bounds_hold(function: Any, arity: int, tilt: Any) -> None:
    rng = np.random.default_rng([1, arity])
    size = 3000
    lower, upper = (list(side) for side in zip(*[ranges(rng, size) for _ in range(arity)], strict=True))
    rules = rules_of(Fn("f", "y", function, tuple(Arg(f"x{k}") for k in range(arity))))
    given = rng.random((1, size)) if tilt == "any" else None if tilt is None else np.full((1, size), tilt)
    lines, (low, high) = rules.lines(function, lower, upper, given), rules.bounds(function, lower, upper)
    undecided = rules.undecided(function, lower, upper)
    for share in np.concatenate([[0.0, 1.0], rng.random(30)]):
        shares = [rng.random((1, size)) if 0 < share < 1 else share for _ in lower]
        args = [np.clip(a + s * (b - a), a, b) for a, b, s in zip(lower, upper, shares, strict=True)]
        values, wide = precise(function, args), [arg.astype(np.longdouble) for arg in args]
        below = sum(slope * arg for slope, arg in zip(lines.lower_slopes, wide, strict=True)) + lines.lower_offset
        above = sum(slope * arg for slope, arg in zip(lines.upper_slopes, wide, strict=True)) + lines.upper_offset
        slack = 1e-18 * (1 + np.abs(values))  # of the extended precision itself
        assert (below <= values + slack).all()
        assert (values <= above + slack).all()
        assert ((low <= values) & (values <= high)).all()
        gap = np.abs(above - below)
        assert (gap <= 1e-12 * (1 + np.abs(values)))[~undecided].all()


@pytest.mark.parametrize("function", [Relu(), LeakyRelu(0.1), Hardtanh(-0.7, 1.3), Sign(), Step()], ids=str)
def test_lines_hold_exactly_at_the_points_that_matter(function: Any) -> None:
    """Ends, kinks and their neighbours, in rationals."""
    rng = np.random.default_rng(2)
    lower, upper = ranges(rng, 60)
    rules = rules_of(Fn("f", "y", function, (Arg("x"),)))
    for tilt in (None, rng.random((1, 60))):
        lines = rules.lines(function, [lower], [upper], tilt)
        kinks = [0.0, -0.7, 1.3]
        around = [np.nextafter(k, side) for k in kinks for side in (-np.inf, np.inf)]
        for place in [lower, upper, *(np.clip(np.full_like(lower, k), lower, upper) for k in [*kinks, *around])]:
            for number in range(60):
                x = Fraction(float(place[0, number]))
                value = exact_value(function, x)
                low, high = (
                    Fraction(float(slope[0, number])) * x + Fraction(float(offset[0, number]))
                    for slope, offset in (
                        (lines.lower_slopes[0], lines.lower_offset), (lines.upper_slopes[0], lines.upper_offset)
                    )
                )  # fmt: skip
                assert low <= value <= high


def exact_value(function: Any, x: Fraction) -> Fraction:
    match function:
        case Relu():
            return max(x, Fraction(0))
        case LeakyRelu():
            return x if x >= 0 else x * Fraction(function.alpha)
        case Hardtanh():
            return min(max(x, Fraction(function.lo)), Fraction(function.hi))
        case Sign():
            return Fraction((x > 0) - (x < 0))
        case _:
            return Fraction(int(x >= 0))


@pytest.mark.parametrize(("function", "arity"), FUNCTIONS, ids=str)
def test_ranges_without_end_or_point(function: Any, arity: int) -> None:
    """Nothing raises, and no line is better than it may be."""
    tiny = 5e-324
    sides = ((-np.inf, np.inf), (-np.inf, 1.0), (-1.0, np.inf), (-1e308, 1e308), (tiny, tiny), (-tiny, tiny))
    for low, high in sides:
        lower, upper = [np.full((1, 1), low)] * arity, [np.full((1, 1), high)] * arity
        rules = rules_of(Fn("f", "y", function, tuple(Arg(f"x{k}") for k in range(arity))))
        lines, bounds = rules.lines(function, lower, upper, None), rules.bounds(function, lower, upper)
        for x in (low, high, 0.0, 1.0, -1.0, 1e300, -1e300):
            if not (np.isfinite(x) and low <= x <= high):
                continue
            value = float(precise(function, [np.full((1, 1), x)] * arity)[0, 0])
            below = sum(float(slope[0, 0]) * x for slope in lines.lower_slopes) + float(lines.lower_offset[0, 0])
            above = sum(float(slope[0, 0]) * x for slope in lines.upper_slopes) + float(lines.upper_offset[0, 0])
            assert not below > value + 1e-15 * abs(value)
            assert not above < value - 1e-15 * abs(value)
            assert bounds[0][0, 0] <= value <= bounds[1][0, 0]


def test_a_function_of_another_package_with_the_same_file_name_has_no_lines() -> None:
    class Relu(LeakyRelu):
        pass

    Relu.__module__ = "elsewhere.relu"
    fn = Fn("f", "y", Relu(5.0), (Arg("x"),))
    assert rules_of(fn) is None
    low, high = function_bounds(fn, {"x": (np.array([[1.0]]), np.array([[2.0]]))})
    assert low[0, 0] <= 1.0 <= 2.0 <= high[0, 0]


@pytest.mark.parametrize("kind", [*cases.LINEAR, *cases.JUMPS, *cases.SMOOTH])
def test_bounds_of_all_blocks_hold_at_sampled_points(tmp_path: Any, kind: str) -> None:
    for number in range(8):
        rng = np.random.default_rng([9, number])
        asked = cases.random_question(rng, tmp_path, (kind,), 7)
        unsafe, problem = asked.task.unsafe, asked.task.problem
        network = Network.of(problem, "x")
        assert network is not None
        lower, upper = unsafe.lower[:1], unsafe.upper[:1]
        middle = lower / 2 + upper / 2
        box = np.concatenate([lower, lower, middle]), np.concatenate([upper, middle, upper])
        bounds = bounds_with_layers(rng, network, box) if number % 2 else fresh(network, {"x": box}).bounds
        for place in range(3):
            x = rng.uniform(box[0][place], box[1][place], (500, asked.net.inputs))
            for name, values in NetView.of(problem).forward({"x": x}).items():
                low, high = (side[place] for side in bounds[name])
                size = 1e-12 * (1 + np.abs(values).max())
                assert (values >= low - size).all()
                assert (values <= high + size).all()


def bounds_with_layers(rng: np.random.Generator, network: Network, box: tuple[Array, Array]) -> dict[str, Any]:
    """Bounds of all blocks after layers with tilts drawn at random."""
    functions = {fn.output: network.sizes[fn.output] for fns in network.read_by.values() for fn in fns}
    layers = []
    for name in sorted(network.read_by.keys() - {"x"}):
        rows = np.flatnonzero(rng.random(network.sizes[name]) < 0.7)
        below, above = (
            {key: rng.random((rng.choice([1, len(rows)]), k)) for key, k in functions.items() if rng.random() < 0.7}
            for _ in range(2)
        )
        layers += [Layer(name, rows, below, above)] * bool(len(rows))
    return improved(network, fresh(network, {"x": box}), tuple(layers)).bounds


def test_the_checker_shares_no_lines_with_the_finder() -> None:
    """Neither the functions' own lines, nor the parts that they are made of, nor anything of the compiler."""
    program = (
        "import sys; from isinglass.ir.linear_proof.relaxation import PROOF_LINES; "
        "import isinglass.ir.certificates.case_tree; [PROOF_LINES.module(key) for key in PROOF_LINES]; "
        "print(*(f'{name}={m.__file__}' for name, m in sys.modules.items() if name.startswith('isinglass')), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    told = done.stdout.splitlines()
    loaded = dict(entry.split("=", 1) for entry in told)
    assert not [name for name in loaded if name.split(".")[1:2] not in ([], ["ir"])]
    own = [file for name, file in loaded.items() if ".linear_proof." in name or ".proof_lines." in name]
    assert len(own) >= 15
    for file in own:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
        assert not {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)} & {"lines", "s_shape"}
        uses = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "lines"]
        assert {ast.unparse(n.value) for n in uses} <= {"rules", "relaxed", "self"}  # never a function's
