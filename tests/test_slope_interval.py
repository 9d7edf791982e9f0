"""Intervals of gradients: never narrower than the gradients at points, nor than those of any pattern."""

from __future__ import annotations

from typing import Any

import bound_cases as cases
import numpy as np
import pytest
import slope_cases as slopes

from isinglass.compiler.networks.view import NetView
from isinglass.ir.blocks import Arg, Var
from isinglass.ir.certificates import interval_slopes
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.functions.max import Max
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sign import Sign
from isinglass.ir.operators.conv import Conv
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.gather import Gather
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.slope_proof.interval import gradient_intervals
from isinglass.ir.slope_proof.ranges import own_ranges
from isinglass.ir.slope_reader import slope_form

Array = Any
CERTIFICATE = {"kind": "interval-slopes"}
FUNCTIONS = [*slopes.PIECEWISE, *slopes.SMOOTH]


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("seed", range(18))
def test_no_pattern_is_steeper(seed: int, norm: str) -> None:
    rng = np.random.default_rng([51, seed])
    problem = slopes.any_network(rng, FUNCTIONS[seed % 6])
    functionals = rng.normal(size=(2, problem.vars["y"].size))
    for free in (True, False):
        task = slopes.task_of(problem, functionals, norm, free)
        form = slope_form(task) if free else slope_form(task, own_ranges(task))
        for k in range(2):
            true = slopes.greatest(form, k, norm)
            assert true * (1 - 1e-12) <= interval_slopes.upper(task, k, CERTIFICATE) <= 1e4 * true + 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_gradients_at_points_of_the_box_lie_inside(seed: int) -> None:
    rng = np.random.default_rng([53, seed])
    problem = cases.random_network(rng, [*FUNCTIONS, Max()])
    rows = rng.normal(size=(3, 3))
    task = slopes.task_of(problem, rows, "linf", free=False)
    centre, radius = gradient_intervals(task, rows)
    view = NetView.of(problem)
    x = cases.points(rng, view.box(), 200)["x"]
    values = view.forward({"x": x})
    for k, row in enumerate(rows):
        found = view.backward(values, {"y": np.tile(row, (len(x), 1))})["x"]
        assert (np.abs(found - centre[k]) <= radius[k] + 1e-9).all()


def test_a_network_without_functions_is_its_matrix() -> None:
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(2, 4))
    blocks = [Var.of("x", "real", (4,)), *cases.layer("y", {"x": Dense(matrix)}, np.zeros(2))]
    for norm in ("linf", "l2"):
        task = slopes.task_of(Problem("affine", tuple(blocks)), np.eye(2), norm)
        for k in range(2):
            true = slopes.size_of(matrix[k], norm)
            assert true <= interval_slopes.upper(task, k, CERTIFICATE) <= true * (1 + 1e-12)


def test_networks_beyond_the_limits_of_forms_have_bounds() -> None:
    rng = np.random.default_rng(6)
    conv = Conv(rng.normal(size=(2, 3, 3, 3)), (3, 90, 90), (1, 1), (1, 1), (1, 1, 1, 1))
    size = 2 * 90 * 90
    blocks = [Var.of("x", "real", (3 * 90 * 90,)), *cases.layer("z", {"x": conv}, np.zeros(size))]
    blocks += cases.apply("h", Relu(), Arg("z"), size=size)
    pool = np.repeat(np.eye(2), 90 * 90, axis=1) / 8100
    task = slopes.task_of(Problem("wide", (*blocks, *cases.layer("y", {"h": Dense(pool)}, np.zeros(2)))), np.eye(2))
    with pytest.raises(Refused):
        slope_form(task)
    inner = np.abs(conv.weight).sum(axis=(1, 2, 3))  # an upper bound: the pixels at the border see fewer weights
    for k in range(2):
        found = interval_slopes.upper(task, k, CERTIFICATE)
        assert 0.4 * inner[k] <= found <= inner[k]


def test_absolute_adjoints() -> None:
    rng = np.random.default_rng(7)
    conv = Conv(rng.normal(size=(4, 1, 2, 3)), (2, 4, 5), (2, 1), (1, 1), (1, 0, 0, 1))
    gather = Gather(np.array([2, 0, 2]), np.array([1.0, -2.0, 3.0]), 4)
    some = [conv, gather, Dense(rng.normal(size=(3, 5))), Csr.of(rng.normal(size=(2, 3))), Identity(3, -2.0)]
    for operator in some:
        y = rng.random((3, operator.shape[0]))
        np.testing.assert_allclose(operator.absolute_adjoint(y), y @ np.abs(operator.to_dense()))


def test_what_proves_nothing_is_rejected() -> None:
    rng = np.random.default_rng(8)
    task = slopes.task_of(slopes.chain(rng, (2, 3, 1), Relu()), np.eye(1))
    for wrong in ({}, {"kind": "slope-tree"}, {**CERTIFICATE, "upper": 1.0}, None):
        with pytest.raises(InputError):
            interval_slopes.upper(task, 0, wrong)  # type: ignore[arg-type]
    for k in (-1, 1):
        with pytest.raises(InputError):
            interval_slopes.upper(task, k, CERTIFICATE)
    with pytest.raises(Refused):
        interval_slopes.upper(slopes.task_of(slopes.chain(rng, (2, 3, 1), Sign()), np.eye(1)), 0, CERTIFICATE)
