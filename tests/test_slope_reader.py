"""Slopes read off networks: against gradients by backpropagation, difference quotients, and rationals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import bound_cases as cases
import numpy as np
import pytest
import slope_cases as slopes

from isinglass.compiler.networks.view import NetView
from isinglass.ir.blocks import Arg, Var
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.max import Max
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sigmoid import Sigmoid
from isinglass.ir.functions.sign import Sign
from isinglass.ir.functions.tanh import Tanh
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.slope_form import SlopeForm
from isinglass.ir.slope_reader import slope_form

Array = Any
FUNCTIONS = [Relu(), LeakyRelu(0.1), LeakyRelu(0.0), LeakyRelu(1.0), Hardtanh(), Hardtanh(0.0, 6.0),
             Hardtanh(-np.inf, 0.5), Hardtanh(1.0, 1.0), Sigmoid(), Tanh()]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_difference_quotients_lie_within_the_slopes(function: Any) -> None:
    rng = np.random.default_rng(3)
    size = 4000
    low = rng.normal(size=size) * 10.0 ** rng.integers(-3, 3, size)
    high = low + np.abs(rng.normal(size=size)) * 10.0 ** rng.integers(-3, 3, size)
    low, high = np.where(rng.random(size) < 0.2, -np.inf, low), np.where(rng.random(size) < 0.2, np.inf, high)
    least, most = function.slopes(low, high)
    assert (least <= most).all() and (least >= 0).all() and (most <= 1).all()
    ends = np.clip(low, -30, 30).astype(np.longdouble), np.clip(high, -30, 30).astype(np.longdouble)
    for _ in range(20):
        a, b = (ends[0] + (ends[1] - ends[0]) * rng.random(size) for _ in range(2))
        apart = np.abs(a - b) > 1e-3 * (1 + np.abs(a))
        apart &= (a >= low) & (a <= high) & (b >= low) & (b <= high)
        wide = np.tanh(a), np.tanh(b)
        if isinstance(function, Sigmoid):
            wide = 1 / (1 + np.exp(-a)), 1 / (1 + np.exp(-b))
        elif not isinstance(function, Tanh):
            wide = function.value([a]), function.value([b])
        quotient = (wide[0] - wide[1])[apart] / (a - b)[apart]
        assert (quotient <= most[apart] + 1e-14).all() and (quotient >= least[apart] - 1e-14).all()


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_slopes_are_tight_and_decided_where_the_function_is(function: Any) -> None:
    points = np.linspace(-8, 8, 41)
    least, most = function.slopes(points, points + 1e-9)
    rate = function.vjp([points + 5e-10], np.ones(41))[0]
    kinks = np.array([min([abs(p - k) for k in function.kinks], default=1.0) for p in points])
    fine = kinks > 1e-6
    np.testing.assert_allclose(least[fine], rate[fine], atol=1e-8)
    np.testing.assert_allclose(most[fine], rate[fine], atol=1e-8)
    none = np.array([np.nan])
    assert function.slopes(none, none)[0] <= function.slopes(none, none)[1]


def test_the_slope_of_a_smooth_function_is_rounded_outward() -> None:
    x = np.random.default_rng(5).normal(size=3000) * 4
    wide = x.astype(np.longdouble)
    curves = [(Sigmoid(), 1 / (1 + np.exp(-wide)) / (1 + np.exp(wide))), (Tanh(), 1 / np.cosh(wide) ** 2)]
    for function, rate in curves:
        least, most = function.slopes(x, x)
        assert (least < rate).all() and (rate < most).all()
        assert (most - least < 1e-14 * rate + 1e-290).all()


def gradients(problem: Problem, functional: Array, x: Array) -> tuple[Array, dict[str, Array]]:
    view = NetView.of(problem)
    values = view.forward({"x": x})
    return view.backward(values, {"y": np.tile(functional, (len(x), 1))})["x"], values


def pattern_at(problem: Problem, form: SlopeForm, values: dict[str, Array], sample: int) -> Array:
    """The y that give the functions' slopes at a point."""
    found = np.zeros(form.units)
    for name, first, size in form.blocks:
        fn = next(fn for fn in problem.fns.values() if fn.output == name)
        argument = fn.args[0].pick(values[fn.args[0].variable])[sample : sample + 1]
        rate = fn.function.vjp([argument], np.ones_like(argument))[0][0]
        here = slice(first, first + size)
        gap = form.high[here] - form.low[here]
        found[here] = np.divide(rate - form.low[here], gap, out=np.zeros(size), where=gap > 0)
    return found


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_gradients_at_points_are_gradients_of_patterns(seed: int, local: bool) -> None:
    rng = np.random.default_rng([7, seed])
    function = [*slopes.PIECEWISE, *slopes.SMOOTH][seed % 6]
    chain, other = slopes.chain(rng, (4, 3, 3, 2, 2), function), cases.random_network(rng, [function])
    problem = [slopes.residual(rng, function), slopes.convolution(rng, function), chain, other][seed // 3]
    size = problem.vars["y"].size
    functionals = rng.normal(size=(2, size))
    task = slopes.task_of(problem, functionals)
    centre, radius = rng.normal(size=problem.vars["x"].size), 0.2
    x = centre + radius * rng.uniform(-1, 1, (20, len(centre)))
    whole = slope_form(task)
    ranges = None
    if local:
        _, values = gradients(problem, functionals[0], x)
        args = [next(fn for fn in problem.fns.values() if fn.output == name).args[0] for name, _, _ in whole.blocks]
        picked = np.concatenate([arg.pick(values[arg.variable]) for arg in args], axis=1)
        ranges = picked.min(axis=0) - 1e-9, picked.max(axis=0) + 1e-9
    form = slope_form(task, ranges)
    assert (np.triu(form.within) == 0).all() and (np.diff(form.layer) >= 0).all()
    assert (form.low <= form.high).all() and form.units == whole.units
    for k, functional in enumerate(functionals):
        expected, values = gradients(problem, functional, x)
        for sample in range(20):
            pattern = pattern_at(problem, form, values, sample)
            assert (pattern >= -1e-6).all() and (pattern <= 1 + 1e-6).all()
            np.testing.assert_allclose(form.gradient(pattern, k), expected[sample], atol=1e-9)


def test_a_chain_of_float32_layers_is_taken_over_as_it_is() -> None:
    rng = np.random.default_rng(1)
    problem = slopes.chain(rng, (5, 4, 3, 2), Relu())
    form = slope_form(slopes.task_of(problem, np.eye(2)))
    reads = (("z0", "x"), ("z1", "h0"), ("y", "h1"))
    matrices = [problem.lins[f"{name}.def"].parts[source].to_dense() for name, source in reads]
    assert form.errors is None and form.blocks == (("h0", 0, 4), ("h1", 4, 3)) and not form.single
    np.testing.assert_array_equal(form.inputs, np.vstack([matrices[0], np.zeros((3, 5))]))
    np.testing.assert_array_equal(form.within[4:, :4], matrices[1])
    np.testing.assert_array_equal(form.unit_weights[:, 4:], matrices[2])
    np.testing.assert_array_equal(form.layer, [0] * 4 + [1] * 3)
    assert not form.input_weights.any() and np.count_nonzero(form.within) == np.count_nonzero(matrices[1])


def exact_form(problem: Problem, form: SlopeForm, functional: Array) -> dict[str, Any]:
    """The arrays of a form in rationals, for networks of dense layers and one-to-one functions."""
    from isinglass.ir.blocks import Fn
    from isinglass.ir.order import computed

    n, units = form.inputs.shape[1], form.units
    maps: dict[str, Any] = {"x": [[Fraction(int(i == j)) for j in range(n + units)] for i in range(n)]}
    place = {name: first for name, first, _ in form.blocks}
    rows: list[Any] = [None] * units
    for step in computed(problem):
        if isinstance(step, Fn):
            arg = step.args[0]
            source = maps[arg.variable]
            picked = [source[i] for i in (range(len(source)) if arg.index is None else arg.index)]
            first = place[step.output]
            maps[step.output] = []
            for k, row in enumerate(picked):
                rows[first + k] = row
                low, high = Fraction(float(form.low[first + k])), Fraction(float(form.high[first + k]))
                new = [low * number for number in row]
                new[n + first + k] += high - low
                maps[step.output].append(new)
            continue
        found = [[Fraction(0)] * (n + units) for _ in range(step.affine.size)]
        for name, operator in step.affine.parts.items():
            matrix = operator.to_dense()
            for i, j in np.argwhere(matrix):
                weight = Fraction(float(matrix[i, j]))
                found[i] = [a + weight * b for a, b in zip(found[i], maps[name][j], strict=True)]
        maps[step.name] = [[a / Fraction(float(d)) for a in row] for row, d in zip(found, step.divisor, strict=True)]
    top = [Fraction(0)] * (n + units)
    for weight, row in zip(functional, maps["y"], strict=True):
        top = [a + Fraction(float(weight)) * b for a, b in zip(top, row, strict=True)]
    return {"rows": rows, "top": top}


@pytest.mark.parametrize("seed", range(12))
def test_rounding_errors_are_covered(seed: int) -> None:
    rng = np.random.default_rng([9, seed])
    function = [LeakyRelu(0.1), Relu(), Sigmoid()][seed % 3]
    problem = [slopes.residual(rng, function), slopes.convolution(rng, function)][seed // 6]
    functional = rng.normal(size=problem.vars["y"].size)
    task = slopes.task_of(problem, functional[None])
    some = rng.random(slope_form(task).units) < 0.4
    ranges = np.where(some, 0.1, -1.0), np.where(some, 0.4, 1.0)
    form = slope_form(task, ranges if seed % 2 else None)
    exact = exact_form(task.problem, form, functional)
    n = form.inputs.shape[1]
    arrays = form.within, form.inputs, form.unit_weights, form.input_weights
    errors = form.errors or tuple(np.zeros_like(array) for array in arrays)
    stored = np.hstack([form.inputs, form.within]), np.hstack([form.input_weights, form.unit_weights])
    off = np.hstack([errors[1], errors[0]]), np.hstack([errors[3], errors[2]])
    assert max(part.max() for part in off) < 1e-13
    for j in range(form.units):
        for k in range(n + form.units):
            assert abs(exact["rows"][j][k] - Fraction(float(stored[0][j, k]))) <= Fraction(float(off[0][j, k]))
    for k in range(n + form.units):
        assert abs(exact["top"][k] - Fraction(float(stored[1][0, k]))) <= Fraction(float(off[1][0, k]))


def test_max_is_written_as_relu_first() -> None:
    rng = np.random.default_rng(2)
    blocks = [Var.of("x", "real", (3,)), *cases.layer("z", {"x": Dense(rng.normal(size=(4, 3)))}, np.zeros(4))]
    blocks += cases.apply("m", Max(), Arg("z", np.array([0, 1])), Arg("z", np.array([2, 3])), size=2)
    blocks += cases.layer("y", {"m": Identity(2)}, np.zeros(2))
    problem = Problem("max", tuple(blocks))
    task = slopes.task_of(problem, np.eye(2))
    with pytest.raises(Refused, match=r"max .* 2 arguments"):
        slope_form(task)
    form = slope_form(slopes.task_of(slopes.written_with_relu(problem), np.eye(2)))
    matrix = problem.lins["z.def"].parts["x"].to_dense()
    for pattern, row in (((0.0, 0.0), 2), ((1.0, 0.0), 0)):
        np.testing.assert_allclose(form.gradient(np.array(pattern), 0), matrix[row])


def test_what_has_no_form_is_refused() -> None:
    rng = np.random.default_rng(2)
    with pytest.raises(Refused, match="no bounded slope"):
        slope_form(slopes.task_of(slopes.chain(rng, (2, 3, 1), Sign()), np.eye(1)))
    task = slopes.task_of(slopes.chain(rng, (2, 3, 1), Relu()), np.eye(1))
    with pytest.raises(InputError, match="3 units"):
        slope_form(task, (np.zeros(2), np.ones(2)))
    with pytest.raises(InputError, match="functionals"):
        slope_form(slopes.task_of(task.problem, np.eye(2)))
    wide = [Var.of("x", "real", (20_001,)), *cases.layer("y", {"x": Identity(20_001)}, np.zeros(20_001))]
    with pytest.raises(Refused, match="20,001 inputs") as caught:
        slope_form(slopes.task_of(Problem("wide", tuple(wide)), np.ones((1, 20_001))))
    assert "interval-slopes" in str(caught.value.diagnostics[0].hint)


def test_a_network_without_units_is_its_matrix() -> None:
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(2, 3))
    blocks = [Var.of("x", "real", (3,)), *cases.layer("y", {"x": Dense(matrix)}, np.zeros(2))]
    form = slope_form(slopes.task_of(Problem("affine", tuple(blocks)), np.eye(2)))
    assert form.units == 0 and form.errors is None
    np.testing.assert_array_equal(form.input_weights, matrix)
