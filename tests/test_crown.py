"""Backward linear bounds: the published numbers, nothing outside them, the same for a box in any batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import pytest
from bound_cases import FUNCTIONS, UNARY, Array, Box, apply, layer, points, random_network, sub_boxes
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.compiler.bounds.crown import crown_bounds, empty
from isinglass.compiler.bounds.interval import Bounds, Interval
from isinglass.compiler.bounds.rows import row_bounds
from isinglass.compiler.networks.view import NetView
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Arg, Block, Var
from isinglass.ir.exact import Exact
from isinglass.ir.exact_evaluation import exact_affine, exact_values
from isinglass.ir.function import Function
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.max import Max
from isinglass.ir.functions.product import Product
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sign import Sign
from isinglass.ir.functions.step import Step
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem

EXACT = [Relu(), LeakyRelu(0.1), Hardtanh(), Sign(), Step(), Max(), Product()]


def chain(matrices: list[list[list[float]]], shifts: list[list[float]], low: list[float], high: list[float]) -> NetView:
    """A relu network from its numbers."""
    blocks: list[Block] = [Var.of("x", "real", (len(low),), np.array(low), np.array(high))]
    last = "x"
    for k, (matrix, shift) in enumerate(zip(matrices, shifts, strict=True), 1):
        blocks += layer(f"z{k}", {last: Dense(np.array(matrix) + 0.0)}, np.array(shift) + 0.0)
        if k < len(matrices):
            blocks += apply(f"h{k}", Relu(), Arg(f"z{k}"), size=len(shift))
        last = f"h{k}"
    return NetView.of(Problem("net", tuple(blocks)))


def rows(name: str, matrix: list[list[float]], shift: list[float] | None = None) -> Affine:
    return Affine(np.zeros(len(matrix)) if shift is None else np.array(shift), {name: Dense(np.array(matrix) + 0.0)})


def test_one_hidden_layer_by_hand() -> None:
    """y = relu(x1 + x2) - relu(x1 - x2) on [-1, 1]^2.

    Both arguments lie in [-2, 2], so relu(z) is between z (tilt 1, since u >= -l) and z / 2 + 1. Hence
    y <= (x1 + x2) / 2 + 1 - (x1 - x2) = -x1 / 2 + 3 x2 / 2 + 1 <= 3 and
    y >= (x1 + x2) - (x1 - x2) / 2 - 1 = x1 / 2 + 3 x2 / 2 - 1 >= -3.
    """
    view = chain([[[1, 1], [1, -1]], [[1, -1]]], [[0, 0], [0]], [-1, -1], [1, 1])
    found = row_bounds(view, rows("z2", [[1], [-1]]), "dyadic", crown_bounds(view, view.box()))
    assert found.most[0] == pytest.approx([3, 3], abs=1e-12)
    assert found.slope[0] == pytest.approx(np.array([[-0.5, 1.5], [-0.5, -1.5]]), abs=1e-12)
    assert found.offset[0] == pytest.approx([1, 1], abs=1e-12)
    assert found.corner[0].tolist() == [[-1, 1], [-1, -1]]


def test_two_hidden_layers_by_hand() -> None:
    """z = (x1 + x2, x1 - x2), h = relu(z), s = (h1 + h2, h1 - h2), y = relu(s1) + relu(s2), on [-1, 1]^2.

    As above z <= h <= z / 2 + 1 for both. s1 is in [0, 4] by its interval, so its relu is decided and no linear bounds
    are needed; s2 is in [-3, 3] by linear bounds, in [-2, 2] by its interval. So relu(s1) = s1 and
    s2 <= relu(s2) <= s2 / 2 + 1, and
    y <= s1 + s2 / 2 + 1 = 3/2 h1 + 1/2 h2 + 1 <= 3/4 z1 + 1/4 z2 + 3 = x1 + x2 / 2 + 3 <= 4.5,
    y >= s1 + s2 = 2 h1 >= 2 x1 + 2 x2 >= -4.
    """
    view = chain(
        [[[1, 1], [1, -1]], [[1, 1], [1, -1]], [[1, 1]]], [[0, 0], [0, 0], [0]], [-1, -1], [1, 1]
    )  # fmt: skip
    box = crown_bounds(view, view.box())
    assert np.concatenate(box["z2"]) == pytest.approx(np.array([[0, -2], [4, 2]]), abs=1e-12)
    found = row_bounds(view, rows("z3", [[1], [-1]]), "dyadic", box)
    assert found.most[0] == pytest.approx([4.5, 4], abs=1e-12)
    assert found.slope[0] == pytest.approx(np.array([[1, 0.5], [-2, -2]]), abs=1e-12)
    flat = row_bounds(view, rows("z3", [[-1]]), "dyadic", box, {"h1": np.zeros((1, 2))})
    assert flat.most[0] == pytest.approx([0], abs=1e-12)  # 2 h1 >= 0 with the other lower line


@pytest.mark.parametrize("functions", [*([f] for f in FUNCTIONS), FUNCTIONS], ids=lambda fs: repr(fs)[:20])
def test_nothing_lies_outside(functions: Sequence[Function]) -> None:
    rng = np.random.default_rng(7)
    for _ in range(12):
        problem = random_network(rng, functions)
        view = NetView.of(problem)
        start = sub_boxes(rng, view.box(), 6)
        box, plain = crown_bounds(view, start), Interval().bounds(view, start)
        forms = rows("y", rng.normal(size=(4, 3)).tolist(), rng.normal(size=4).tolist())
        found = row_bounds(view, forms, "dyadic", box)
        values = view.forward(points(rng, start, 200))
        for name, array in values.items():
            low, high = (np.repeat(side, 200, axis=0) for side in box[name])
            room = 1e-13 * (1 + np.abs(array))  # float64 evaluation is off by as much
            assert (array >= low - room).all() and (array <= high + room).all(), name
            assert (box[name][0] >= plain[name][0] - room[0]).all(), name  # never worse than intervals
            assert (box[name][1] <= plain[name][1] + room[0]).all(), name
        here = forms.value(values)
        assert (here <= np.repeat(found.most, 200, axis=0) + 1e-12).all()
        linear = np.einsum("bmn,bn->bm", np.repeat(found.slope, 200, axis=0), values["x"])
        assert (here <= linear + np.repeat(found.offset, 200, axis=0) + 1e-12).all()
        top = np.einsum("bmn,bmn->bm", found.slope, found.corner) + found.offset
        assert top == pytest.approx(found.most, abs=1e-9)


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_exact_values_lie_inside(seed: int) -> None:
    """Exact rationals against bounds, with weights whose sums cancel and boxes of a few ulps: here rounding counts."""
    rng = np.random.default_rng(seed)
    problem = random_network(rng, EXACT, depth=2, width=4)
    stretch = 10.0 ** rng.integers(-4, 9)
    blocks = []
    for block in problem.blocks:
        if isinstance(block, Var) and block.name == "x":
            low = block.lower * stretch
            block = Var.of("x", "real", block.shape, low, low + rng.choice([0.0, 1e-15, 1e-3, 1.0]) * np.abs(low))
        blocks.append(block)
    problem = Problem("stretched", tuple(blocks))
    view = NetView.of(problem)
    box = crown_bounds(view, view.box())
    big = rng.choice([1.0, 1e8])
    matrix = np.array([[big, -big, 0.1], [0.3, 1.0, -1.0]])
    forms = Affine(rng.normal(size=2), {"y": Dense(matrix), "x": Dense(rng.normal(size=(2, problem.vars["x"].size)))})
    reading = str(rng.choice(["dyadic", "decimal", "simplest"]))
    found = row_bounds(view, forms, reading, box)
    values = exact_values(problem, {"x": Exact.of(points(rng, view.box(), 6)["x"])})
    for name, exact in values.items():
        for (_, column), top in np.ndenumerate(exact.top):
            value = Fraction(int(top), exact.bottom)
            assert Fraction(box[name][0][0, column]) <= value <= Fraction(box[name][1][0, column]), name
    here = exact_affine(forms, values, reading)
    for (_, row), top in np.ndenumerate(here.top):
        assert Fraction(int(top), here.bottom) <= Fraction(found.most[0, row])


def test_a_batch_is_its_boxes_one_by_one() -> None:
    rng = np.random.default_rng(8)
    for _ in range(20):
        view = NetView.of(random_network(rng))
        start = sub_boxes(rng, view.box(), 5)
        forms = rows("y", rng.normal(size=(2, 3)).tolist())
        together = crown_bounds(view, start)
        most = row_bounds(view, forms, "dyadic", together).most
        for k in range(5):
            alone = crown_bounds(view, one(start, k))
            for name in alone:
                for side in (0, 1):
                    assert alone[name][side][0] == pytest.approx(together[name][side][k], rel=1e-9, abs=1e-9), name
            assert row_bounds(view, forms, "dyadic", alone).most[0] == pytest.approx(most[k], rel=1e-9, abs=1e-9)


def test_large_batches_are_worked_off_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    view = NetView.of(random_network(rng, [Relu()]))
    start = sub_boxes(rng, view.box(), 7)
    known = {"z1": one(crown_bounds(view, start), 0)["z1"]}
    tilts = {"h0": rng.random((7, view.problem.vars["h0"].size)), "h1": np.ones((1, view.problem.vars["h1"].size))}
    forms = rows("y", rng.normal(size=(2, 3)).tolist())
    whole = crown_bounds(view, start, known, tilts)
    most = row_bounds(view, forms, "dyadic", whole, tilts, keep=True)
    for module in ("crown", "rows"):
        monkeypatch.setattr(f"isinglass.compiler.bounds.{module}.NUMBERS", 1)
    monkeypatch.setattr("isinglass.compiler.bounds.crown.ROWS", 1)
    monkeypatch.setattr("isinglass.compiler.bounds.crown.LEAST", 2)
    chunked = crown_bounds(view, start, known, tilts)
    for name in whole:
        assert np.concatenate(whole[name]) == pytest.approx(np.concatenate(chunked[name]), abs=1e-12)
    again = row_bounds(view, forms, "dyadic", chunked, tilts, keep=True)
    assert again.most == pytest.approx(most.most, abs=1e-12) and again.slope == pytest.approx(most.slope, abs=1e-12)
    assert again.kept.keys() == most.kept.keys() == {"h2"} | most.kept.keys()


def test_inherited_bounds_are_kept() -> None:
    """A child that knows its parent's bounds has none that are wider, though CROWN itself is not monotone."""
    rng = np.random.default_rng(10)
    worse = 0
    for _ in range(30):
        view = NetView.of(random_network(rng, UNARY))
        parent = crown_bounds(view, view.box())
        start = sub_boxes(rng, view.box(), 4)
        alone, child = crown_bounds(view, start), crown_bounds(view, start, parent)
        for name, (low, high) in child.items():
            assert (low >= parent[name][0]).all() and (high <= parent[name][1]).all()
            assert (low >= alone[name][0] - 1e-9).all() or name != "z0"
            worse += int((alone[name][1] > parent[name][1] + 1e-9).sum())
    assert worse, "no case in which inheriting makes a difference"


def test_points_on_their_side_of_a_split_lie_inside() -> None:
    rng = np.random.default_rng(11)
    for _ in range(30):
        view = NetView.of(random_network(rng))
        values = view.forward(points(rng, view.box(), 300))
        box = crown_bounds(view, view.box())
        for name in ("z0", "z1"):
            element = int(rng.integers(box[name][0].shape[1]))
            value = float(np.median(values[name][:, element]))
            low, high = (np.array(side) for side in box[name])
            low[0, element] = value
            inside = values[name][:, element] >= value
            child = crown_bounds(view, view.box(), {**box, name: (low, high)})
            for other, array in values.items():
                room = 1e-13 * (1 + np.abs(array[inside]))
                assert (array[inside] >= child[other][0] - room).all(), other
                assert (array[inside] <= child[other][1] + room).all(), other


def test_empty_boxes_bound_everything() -> None:
    view = chain([[[1, 1], [1, -1]], [[1, -1]]], [[0, 0], [0]], [-1, -1], [1, 1])
    known: Mapping[str, Bounds] = {"z1": (np.array([[3.0, -2.0]]), np.array([[4.0, 2.0]]))}
    box = crown_bounds(view, view.box(), known)
    assert empty(box).tolist() == [True]
    assert row_bounds(view, rows("z2", [[1]]), "dyadic", box).most.tolist() == [[-np.inf]]
    assert empty(crown_bounds(view, view.box())).tolist() == [False]


def test_infinite_and_huge_boxes_give_infinite_bounds_and_no_wrong_ones() -> None:
    for low, high in ((-np.inf, np.inf), (-1e308, 1e308), (0.0, np.inf), (-1e308, -1e307)):
        view = chain([[[1e10], [-1.0]], [[1.0, 1.0], [1.0, -1.0]], [[1.0, 1.0]]], [[0, 0], [0, 0], [0]], [low], [high])
        with np.errstate(all="ignore"):
            box = crown_bounds(view, view.box())
            found = row_bounds(view, rows("z3", [[1], [-1]]), "dyadic", box)
        assert not any(np.isnan(side).any() for sides in box.values() for side in sides)
        assert not np.isnan(found.most).any()
        for x in (-1e300, -1.0, 0.0, 1e300):
            if low <= x <= high:
                with np.errstate(over="ignore"):
                    value = view.forward({"x": np.array([[x]])})["z3"][0, 0]
                assert -found.most[0, 1] <= value <= found.most[0, 0]


def test_layers_with_divisors_and_decimal_numbers() -> None:
    """0.1 means a tenth here, not the float next to it; bounds have to hold for both."""
    third = Dense(np.array([[3.0]]))
    blocks: list[Block] = [Var.of("x", "real", (1,), 1.0, 1.0)]
    blocks += layer("z", {"x": Dense(np.array([[1.0]]))}, np.zeros(1), np.array([3.0]))
    blocks += apply("h", Relu(), Arg("z"), size=1)
    blocks += layer("y", {"h": third, "x": Identity(1, -1.0)}, np.zeros(1))
    view = NetView.of(Problem("divided", tuple(blocks)))
    box = crown_bounds(view, view.box())
    assert Fraction(box["z"][0][0, 0]) <= Fraction(1, 3) <= Fraction(box["z"][1][0, 0])
    found = row_bounds(view, rows("y", [[0.1], [-0.1]], [-1.0, 1.0]), "decimal", box)
    assert found.most[0] == pytest.approx([-1, 1])
    assert Fraction(found.most[0, 0]) >= -1 and Fraction(found.most[0, 1]) >= 1


def one(box: Box, k: int) -> dict[str, tuple[Array, Array]]:
    return {name: (low[k : k + 1], high[k : k + 1]) for name, (low, high) in box.items()}
