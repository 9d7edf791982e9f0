"""Interval bounds of networks: nothing that the network computes lies outside, in float64 or in exact arithmetic."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass.compiler.bounds.interval import Interval, affine_interval, ball
from isinglass.compiler.networks.view import NetView
from isinglass.compiler.passes.bound_intervals import BoundIntervals
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Arg, Block, Fn, Lin, Var
from isinglass.ir.errors import Infeasible, InputError, Refused
from isinglass.ir.exact import Exact
from isinglass.ir.exact_evaluation import exact_affine, exact_values
from isinglass.ir.functions.product import Product
from isinglass.ir.functions.relu import Relu
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem

Rng = np.random.Generator


def network(rng: Rng, sizes: list[int], scale: float = 1.0, radius: float = 0.3) -> Problem:
    """A random relu network on a random box; weights float32 as a file would hold them, every other layer sparse."""
    centre = rng.normal(size=sizes[0])
    blocks: list[Block] = [Var.of("x", "real", (sizes[0],), centre - radius, centre + radius)]
    last = "x"
    for k, (n, m) in enumerate(itertools.pairwise(sizes), 1):
        weights = (rng.normal(size=(m, n)) * scale).astype(np.float32).astype(np.float64)
        operator = Dense(weights) if k % 2 else Csr.of(np.where(rng.random((m, n)) < 0.7, weights, 0.0))
        shift = rng.normal(size=m).astype(np.float32).astype(np.float64)
        z, h = f"z{k}", f"h{k}"
        parts = {last: operator, z: Identity(m, -1.0)}
        blocks += [Var.of(z, "real", (m,)), Lin(f"{z}.def", parts, "==", -shift, "dyadic", defines=z)]
        if k < len(sizes) - 1:
            blocks += [Var.of(h, "real", (m,)), Fn(f"{h}.def", h, Relu(), (Arg(z),))]
        last = h
    return Problem("net", tuple(blocks))


def corners_and_inside(rng: Rng, problem: Problem, count: int) -> np.ndarray:
    """Points of the box, a third of them corners."""
    lower, upper = problem.box["x"]
    share = rng.random((count, len(lower)))
    share[: count // 3] = np.rint(share[: count // 3])
    return np.clip(lower + share * (upper - lower), lower, upper)


@pytest.mark.parametrize("sizes", [[3, 8, 8, 2], [10, 40, 30, 5], [1, 1, 1]])
def test_no_sample_lies_outside(sizes: list[int]) -> None:
    rng = np.random.default_rng(sum(sizes))
    problem = network(rng, sizes)
    view = NetView.of(problem)
    bounds = Interval().bounds(view, view.box())
    values = view.forward({"x": corners_and_inside(rng, problem, 100_000)})
    assert set(values) == set(bounds) == set(problem.vars)
    for name, array in values.items():
        lower, upper = bounds[name]
        assert (array >= lower).all() and (array <= upper).all(), name
    first = values["z1"]  # its bounds are attained at corners, up to rounding
    if sizes[0] <= 3:
        assert np.allclose(first.min(axis=0), bounds["z1"][0], rtol=1e-12)
        assert np.allclose(first.max(axis=0), bounds["z1"][1], rtol=1e-12)


special = st.sampled_from([0.0, 5e-324, 0.1])
numbers = st.floats(-1e3, 1e3) | st.floats(-1e-300, 1e-300) | st.floats(-1e150, 1e150) | special


@given(st.data())
def test_exact_corner_values_lie_inside(data: st.DataObject) -> None:
    """The least and greatest exact value of A x + c over a box are at corners; both must be inside, for any numbers."""
    n, reading = data.draw(st.integers(1, 4)), data.draw(st.sampled_from(["dyadic", "decimal", "simplest"]))
    row = np.array(data.draw(st.lists(numbers, min_size=n, max_size=n)))
    ends = np.array(data.draw(st.lists(st.tuples(numbers, numbers), min_size=n, max_size=n)))
    lower, upper = ends.min(axis=1), ends.max(axis=1)
    affine = Affine(np.array([data.draw(numbers)]), {"x": Dense(row[None])})
    low, high = affine_interval(affine, {"x": (lower[None], upper[None])}, reading)
    corners = Exact.of(np.array(list(itertools.product(*zip(lower, upper, strict=True)))))
    found = exact_affine(affine, {"x": corners}, reading)
    values = [found.fraction(k, 0) for k in range(2**n)]
    assert Fraction(low[0, 0]) <= min(values) and max(values) <= Fraction(high[0, 0])


@given(st.integers(0, 10_000))
def test_exact_network_values_lie_inside(seed: int) -> None:
    """Weights of very different size, a box of a few ulps: bounds without rounding errors would fail here."""
    rng = np.random.default_rng(seed)
    radius = float(rng.choice([0.0, 1e-16, 1e-3]))
    problem = network(rng, [3, 4, 4, 2], 10.0 ** rng.integers(-3, 6), radius)
    view = NetView.of(problem)
    bounds = Interval().bounds(view, view.box())
    points = corners_and_inside(rng, problem, 12)
    for name, exact in exact_values(problem, {"x": Exact.of(points)}).items():
        for (row, column), top in np.ndenumerate(exact.top):
            value = Fraction(int(top), exact.bottom)
            assert Fraction(bounds[name][0][0, column]) <= value <= Fraction(bounds[name][1][0, column]), (name, row)


def test_a_degenerate_box_is_a_point() -> None:
    centre, radius = ball(np.array([0.1, 5e-324, -3.0]), np.array([0.1, 5e-324, -3.0]))
    assert centre.tolist() == [0.1, 5e-324, -3.0] and not radius.any()
    centre, radius = ball(np.array([1.0]), np.array([np.nextafter(1.0, 2)]))
    assert centre - radius <= 1.0 and centre + radius >= np.nextafter(1.0, 2)


def test_batches_are_boxes_one_by_one() -> None:
    rng = np.random.default_rng(2)
    problem = network(rng, [3, 6, 2])
    view = NetView.of(problem)
    lower, upper = problem.box["x"]
    middle = (lower + upper) / 2
    whole = Interval().bounds(view, {"x": (np.stack([lower, middle]), np.stack([middle, upper]))})
    for k, (low, high) in enumerate([(lower, middle), (middle, upper)]):
        single = Interval().bounds(view, {"x": (low[None], high[None])})
        for name in problem.vars:
            assert np.allclose(whole[name][0][k], single[name][0][0], rtol=1e-13)
            assert np.allclose(whole[name][1][k], single[name][1][0], rtol=1e-13)


def test_the_pass_sets_bounds_of_computed_blocks_only() -> None:
    problem = network(np.random.default_rng(3), [3, 6, 2])
    step = BoundIntervals().run(problem)
    assert step.problem.vars["x"] is problem.vars["x"]
    assert [block.name for block in step.problem.blocks] == [block.name for block in problem.blocks]
    assert all(np.isfinite(step.problem.box[name]).all() for name in problem.vars)
    assert (step.problem.vars["h1"].lower >= 0).all()
    assert (step.guarantee.feasible, step.guarantee.optimum, step.lift.records) == ("same", "kept", ())
    again = BoundIntervals().run(step.problem).problem
    assert all(np.array_equal(again.box[name], step.problem.box[name]) for name in problem.vars)


def test_stated_bounds_are_kept_where_tighter() -> None:
    blocks = (
        Var.of("x", "real", (2,), -1.0, 1.0),
        Var.of("z", "real", (2,), [-0.5, -9.0], [9.0, 0.25]),
        Lin("def", {"x": Identity(2), "z": Identity(2, -1.0)}, "==", np.zeros(2), "dyadic", defines="z"),
    )
    found = BoundIntervals().run(Problem("p", blocks)).problem.vars["z"]
    assert found.lower[0] == -0.5 and found.upper[1] == 0.25
    assert -1.0 >= found.lower[1] > -1.0 - 1e-12 and 1.0 <= found.upper[0] < 1.0 + 1e-12


def test_rows_solved_for_other_forms() -> None:
    """4 z - x == 2 and a row whose signs differ: z = (x + 2) / 4, w = (3 - x) / -2 and (x - 3) / 5."""
    blocks = (
        Var.of("w", "real", (2,)),
        Lin("w.def", {"x": Dense(np.ones((2, 1))), "w": Csr.of(np.diag([-2.0, 5.0]))}, "==", np.full(2, 3.0), "dyadic",
            defines="w"),
        Var.of("z", "real", (1,)),
        Lin("z.def", {"z": Identity(1, 4.0), "x": Identity(1, -1.0)}, "==", np.full(1, 2.0), defines="z"),
        Var.of("x", "real", (1,), 1.0, 2.0),
    )
    problem = Problem("p", blocks)
    found = BoundIntervals().run(problem).problem
    assert np.allclose(found.box["z"], [[0.75], [1.0]])
    assert np.allclose(found.box["w"], [[-1.0, 0.2], [-0.5, 0.4]])
    values = NetView.of(problem).forward({"x": np.array([[1.5]])})
    exact = exact_values(problem, {"x": Exact.of(np.array([[1.5]]))})
    assert exact["w"].fraction(0, 1) == Fraction(3, 10) and exact["z"].fraction(0, 0) == Fraction(7, 8)
    assert np.allclose(values["w"], [[-0.75, 0.3]]) and np.allclose(values["z"], 0.875)


def test_products_of_computed_blocks() -> None:
    blocks = (
        Var.of("x", "real", (2,), [-0.1, 0.3], [0.7, 0.9]),
        Var.of("p", "real", (1,)),
        Fn("p.def", "p", Product(), (Arg("x", np.array([0])), Arg("x", np.array([1])))),
    )
    found = BoundIntervals().run(Problem("p", blocks)).problem.vars["p"]
    assert Fraction(found.lower[0]) <= Fraction(-0.1) * Fraction(0.9)
    assert Fraction(found.upper[0]) >= Fraction(0.7) * Fraction(0.9)


def test_computed_integers_get_whole_bounds() -> None:
    blocks = (
        Var.of("x", "int", (2,), [0, -2], [3, 5]),
        Var.of("s", "int", (1,)),
        Lin("s.def", {"x": Dense(np.array([[1.0, -1.0]])), "s": Identity(1, -1.0)}, "==", np.zeros(1), defines="s"),
        Var.of("p", "int", (1,)),
        Fn("p.def", "p", Product(), (Arg("x", np.array([0])), Arg("x", np.array([1])))),
    )
    found = BoundIntervals().run(Problem("p", blocks)).problem
    assert [end.tolist() for end in found.box["s"]] == [[-5.0], [5.0]]
    assert [end.tolist() for end in found.box["p"]] == [[-6.0], [15.0]]


def test_what_is_refused() -> None:
    problem = network(np.random.default_rng(4), [2, 3, 1])
    x = Var.of("x", "real", (2,), [0.0, -np.inf], 1.0)
    with pytest.raises(Refused, match=r"x\[1\] is unbounded"):
        BoundIntervals().run(problem.with_blocks([x, *problem.blocks[1:]]))
    z = Var.of("z1", "real", (3,), 1e6, 1e7)
    with pytest.raises(Infeasible, match=r"z1\[0\] can't be at most"):
        BoundIntervals().run(problem.with_blocks([problem.blocks[0], z, *problem.blocks[2:]]))
    circle = Lin("c", {"z1": Dense(np.ones((2, 3))), "x": Identity(2, -1.0)}, "==", np.zeros(2), defines="x")
    with pytest.raises(InputError, match="computed from themselves"):
        BoundIntervals().run(problem.with_blocks([*problem.blocks, circle]))
    with pytest.raises(InputError, match="'z1' of problem 'net' is computed twice"):
        BoundIntervals().run(problem.with_blocks([*problem.blocks, Fn("again", "z1", Relu(), (Arg("h1"),))]))


def test_gradients_against_differences() -> None:
    rng = np.random.default_rng(6)
    view = NetView.of(network(rng, [4, 7, 6, 3]))
    x = rng.normal(size=(5, 4))
    seed = rng.normal(size=(5, 3))
    values = view.forward({"x": x})
    found = view.backward(values, {"z3": seed})["x"]
    step = 1e-6
    for column in range(4):
        moved = x.copy()
        moved[:, column] += step
        slope = ((view.forward({"x": moved})["z3"] - values["z3"]) * seed).sum(axis=1) / step
        assert np.allclose(found[:, column], slope, rtol=1e-4, atol=1e-4)


def test_gradients_through_picked_arguments() -> None:
    pick = np.array([1, 1, 0])
    blocks = (
        Var.of("x", "real", (2,)),
        Var.of("p", "real", (3,)),
        Fn("p.def", "p", Product(), (Arg("x", pick), Arg("x", np.array([0, 1, 0])))),
    )
    view = NetView.of(Problem("p", blocks))
    x = np.array([[2.0, 5.0]])
    values = view.forward({"x": x})
    assert values["p"].tolist() == [[10.0, 25.0, 4.0]]
    assert view.backward(values, {"p": np.array([[1.0, 10.0, 100.0]])})["x"].tolist() == [[405.0, 102.0]]
