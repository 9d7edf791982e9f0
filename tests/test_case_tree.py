"""Certificates that a network never enters an unsafe set: what is accepted is true, also at the edge."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import verification_cases as cases
from onnx_models import node, save
from tree_cases import exact_task, grid, hat_task, phases, saved

from isinglass.compiler.networks.view import NetView
from isinglass.frontends.networks.network import network_blocks
from isinglass.frontends.networks.reader import read_network
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Var
from isinglass.ir.case_tree import Forest, Layer
from isinglass.ir.certificates.case_tree import proves, refuted
from isinglass.ir.exact import Exact
from isinglass.ir.exact_evaluation import exact_affine, exact_values
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.tasks import Prove
from isinglass.ir.unsafe import UnsafeSet


@pytest.fixture
def hat(tmp_path: Path) -> Prove:
    return hat_task(tmp_path)


# -- what is accepted is true ------------------------------------------------------------------------------------------


KINDS = [cases.LINEAR, ("relu",), cases.LINEAR + cases.JUMPS, cases.SMOOTH, cases.LINEAR + cases.SMOOTH]


@pytest.mark.parametrize("kinds", KINDS)
def test_accepted_claims_have_no_counterexample(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    accepted = 0
    for number in range(12):
        rng = np.random.default_rng([2, number])
        asked = cases.random_question(rng, tmp_path, kinds, 7)
        good = refuted(asked.task, saved(grid(asked.task, 8)))
        assert not good[cases.unsafe_cases(asked, rng)].any()
        accepted += int(good.sum())
    assert accepted >= 6


@pytest.mark.parametrize("contract", [False, True])
def test_contraction_and_dropped_cases(tmp_path: Path, contract: bool) -> None:
    accepted = 0
    for number in range(20):
        rng = np.random.default_rng([3, number])
        asked = cases.random_question(rng, tmp_path, ("relu", "hardtanh"), 6)
        good = refuted(asked.task, saved(grid(asked.task, 5, contract=contract)))
        assert not good[cases.unsafe_cases(asked, rng)].any()
        accepted += int(good.sum())
    assert accepted >= 8


def test_contraction_goes_by_the_linear_bound(tmp_path: Path) -> None:
    """relu(x) <= 0.5 and x >= limit on [-1, 2]: the bound 0.5 of 0.5 - y from y >= 0 is better than the linear one."""
    net = cases.Net(1, (cases.Layer((0,), np.ones((1, 1)), np.zeros(1), "relu"),))
    path = cases.write(net, tmp_path / "net.onnx")
    rows, box = np.array([[0.0, -1.0], [1.0, 0.0]]), (np.full((1, 1), -1.0), np.full((1, 1), 2.0))
    start, region, strict = np.array([0, 2]), np.zeros(1, np.int64), np.zeros(2, np.bool_)
    for limit, wanted in ((0.25, False), (0.5, False), (0.51, True)):
        task = cases.question(net, path, rows, np.array([0.5, -limit]), strict, start, region, box).task
        assert proves(task, saved(grid(task, 9, contract=True))) == wanted
        assert not proves(task, saved(grid(task, 1, contract=True))) or wanted


def test_phase_trees_with_multipliers_prove_what_bounds_do_not(tmp_path: Path) -> None:
    proved, more = 0, 0
    for number in range(40):
        rng = np.random.default_rng([4, number])
        asked = cases.random_question(rng, tmp_path, ("relu",), 4)
        if [layer.kind for layer in asked.net.layers] != ["relu", "linear"] or asked.net.layers[1].sources != (1,):
            continue
        wrong = cases.unsafe_cases(asked, rng)
        block = asked.task.problem.fns["f.h1.def"].args[0].variable
        for case in range(asked.task.unsafe.count):
            forest = phases(asked, block, case)
            good = refuted(asked.task, saved(forest))[case]
            assert not (good and wrong[case])
            proved += bool(good)
            bare = Forest(forest.cases, forest.start, forest.blocks, forest.block, forest.element, forest.value, "kept")
            more += bool(good) and not refuted(asked.task, saved(bare))[case]
    assert proved >= 6
    assert more >= 1


def test_tilts_and_layers_change_bounds_but_never_soundness(tmp_path: Path) -> None:
    accepted = 0
    for number in range(25):
        rng = np.random.default_rng([5, number])
        asked = cases.random_question(rng, tmp_path, ("relu", "sigmoid", "leaky", "max", "sign", "tanh", "hardtanh"), 7)
        task = asked.task
        plain = grid(task, 4)
        leaves = int(plain.leaf.sum())
        sizes = {fn.output: task.problem.vars[fn.output].size for fn in task.problem.fns.values()}
        tilts = {name: rng.random((leaves, size)).astype(np.float16) for name, size in sizes.items()}
        bounded = {fn.args[0].variable for fn in task.problem.fns.values()} - {task.inputs}
        rows = {name: np.arange(task.problem.vars[name].size) for name in sorted(bounded)}
        layers = tuple(
            Layer(
                name, index, {key: rng.random((1, size)).astype(np.float32) for key, size in sizes.items()},
                {key: rng.random((len(index), size)) for key, size in sizes.items()},
            )
            for name, index in rows.items()
        )  # fmt: skip
        for mode in ("fresh", "kept"):
            good = refuted(task, saved(grid(task, 4, tilts=tilts, layers=layers, bounds=mode)))
            assert not good[cases.unsafe_cases(asked, rng)].any()
            accepted += int(good.sum())
    assert accepted >= 10


def test_several_forests_share_the_work(hat: Prove) -> None:
    unsafe = hat.unsafe
    both = UnsafeSet(
        Affine(np.array([-2.25, -3.0]), {"f.y": Dense(np.ones((2, 1)))}), np.array([False, True]), np.array([0, 1, 2]),
        np.array([0, 0]), unsafe.lower, unsafe.upper, unsafe.lower, unsafe.upper, "dyadic", ["one", "two"],
    )  # fmt: skip
    task = Prove(hat.problem, both, "claim", hat.inputs, hat.outputs)
    one = grid(task, 2, cases=np.array([0]), start=np.array([0, 1]))
    other = grid(task, 0, cases=np.array([1]), start=np.array([0, 1]))
    assert proves(task, saved(one, other))
    assert refuted(task, saved(one)).tolist() == [True, False]
    assert refuted(task, saved(other)).tolist() == [False, True]
    assert not proves(task, saved())
    assert proves(task, saved(grid(task, 2), grid(task, 2)))  # twice is no mistake


def test_no_case_needs_no_tree(hat: Prove) -> None:
    nothing = hat.unsafe.pick(np.zeros(0, np.int64))
    task = Prove(hat.problem, nothing, "claim", hat.inputs, hat.outputs)
    assert proves(task, saved())


# -- at the edge -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("above", [-1e-3, -1e-12, -(2.0**-51), 0.0, 2.0**-51, 1e-12, 1e-9, 1e-3])
def test_the_greatest_value_decides(tmp_path: Path, above: float, strict: bool) -> None:
    """y = relu(x) + relu(-x) on [-1, 2] is 2 at most, reached at an end; unsafe: y >= 2 + above."""
    layers = [([[1], [-1]], [0, 0]), ([[1, 1]], [0])]
    task = exact_task(layers, np.array([[1, -(2.0 + above)]]), [-1], [2], tmp_path, strict)
    found = [proves(task, saved(grid(task, depth))) for depth in (0, 1, 3, 6)]
    if above < 0 or (above == 0 and not strict):
        assert not any(found)
    if above >= 1e-12:
        assert found[-1]


def test_claims_that_are_just_false_are_never_accepted(tmp_path: Path) -> None:
    """The greatest value is taken at a point with an exact margin of 0, or 1e-12 above it."""
    for number in range(25):
        rng = np.random.default_rng([6, number])
        asked = cases.random_question(rng, tmp_path, cases.LINEAR, 6)
        task, unsafe = asked.task, asked.task.unsafe
        points = cases.near_points(asked, 0, rng)
        rows, n = asked.rows[: unsafe.start[1]], asked.net.inputs
        values = exact_values(task.problem, {"x": Exact.of(points)})
        plain = Affine(np.zeros(len(rows)), {"x": Dense(rows[:, :n]), "f.y": Dense(rows[:, n:-1])})
        exact = exact_affine(plain, values)
        best = max(min(exact.fraction(b, r) for r in range(len(rows))) for b in range(len(points)))
        shift = float(-best)
        if Fraction(shift) < -best:
            shift = float(np.nextafter(shift, np.inf))
        for more in (0.0, 1e-12):
            forms = Affine(np.full(len(rows), shift + more), plain.parts)
            one = UnsafeSet(
                forms, np.zeros(len(rows), np.bool_), np.array([0, len(rows)]), unsafe.region[:1], unsafe.lower,
                unsafe.upper, unsafe.lower, unsafe.upper, "dyadic", ["edge"],
            )  # fmt: skip
            edge = Prove(task.problem, one, "claim", task.inputs, task.outputs)
            assert not any(proves(edge, saved(grid(edge, depth, contract=depth == 5))) for depth in (0, 3, 5, 7))


def decided(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Relu layers that are all active or all inactive on [-1, 1]^3, so that bounds are exact but for rounding."""
    sizes = [3, 5, 4, 2]
    layers = [(rng.normal(size=(m, n)), rng.normal(size=m)) for n, m in pairwise(sizes)]
    lifts = [rng.choice([-1.0, 1.0, 1.0, 1.0], len(b)) * 90.0 ** (k + 1) for k, (_, b) in enumerate(layers)]
    return [(w, b if k == 2 else b + lifts[k]) for k, (w, b) in enumerate(layers)]


@pytest.mark.parametrize("tree", ["root", "grid", "weights", "tilts", "layers"])
def test_rounding_never_proves_what_is_just_false(tmp_path: Path, tree: str) -> None:
    """The greatest value of a row is known exactly, at a corner; unsafe: the row is at least that, rounded down."""
    for number in range(40):
        rng = np.random.default_rng([8, number])
        row = np.append(rng.normal(size=2), 0.0)[None]
        task = exact_task(decided(rng), row, [-1, -1, -1], [1, 1, 1], tmp_path)
        corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
        exact = exact_affine(task.unsafe.forms, exact_values(task.problem, {"x": Exact.of(corners)}))
        most = max(exact.fraction(k, 0) for k in range(len(corners)))
        shift = float(-most) if Fraction(float(-most)) >= -most else float(np.nextafter(float(-most), np.inf))
        for more, wanted in ((0.0, False), (1e-7 * (1 + abs(shift)), True)):
            forms = Affine(np.array([shift - more]), task.unsafe.forms.parts)
            one = task.unsafe
            edge = UnsafeSet(forms, one.strict, one.start, one.region, *[one.lower, one.upper] * 2, "dyadic", ["edge"])
            claim = Prove(task.problem, edge, "claim", task.inputs, task.outputs)
            sizes = {fn.output: task.problem.vars[fn.output].size for fn in task.problem.fns.values()}
            fields = {
                "root": {}, "grid": {}, "weights": {"weights": np.array([1 / 3])},
                "tilts": {"tilts": {name: np.full((1, k), 0.3) for name, k in sizes.items()}},
                "layers": {"layers": (Layer("f.z2", np.arange(4)),), "bounds": "kept"},
            }[tree]  # fmt: skip
            assert proves(claim, saved(grid(claim, 2 if tree == "grid" else 0, **fields))) == wanted


@pytest.mark.parametrize("mode", ["fresh", "kept"])
def test_sums_that_cancel_prove_nothing(tmp_path: Path, mode: str) -> None:
    """Two outputs are the same sum in another order: their difference is 0, whatever float64 makes of it."""
    for number in range(40):
        rng = np.random.default_rng([9, number])
        order = rng.permutation(9)
        first, second = rng.random((9, 3)) + 0.1, rng.random(9) + 0.1
        zero = np.zeros(9)
        layers = [
            (np.vstack([first, first[order]]), np.zeros(18)),
            (np.array([[*second, *zero], [*zero, *second[order]]]), np.zeros(2)),
            (np.array([[1.0, -1.0]]), np.zeros(1)),
        ]  # fmt: skip
        for limit in (0.0, 1e-6):
            task = exact_task(layers, np.array([[1.0, -limit]]), [1000.1] * 3, [1000.2] * 3, tmp_path)
            for depth in (0, 1):
                assert proves(task, saved(grid(task, depth, bounds=mode))) == (limit > 0)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30])
def test_huge_and_tiny_numbers(tmp_path: Path, scale: float) -> None:
    """Weights beyond float32 are set in the problem itself; y = scale relu(x), 2 scale at most."""
    for claimed, wanted in ((1.9, False), (2.1, True)):
        x = Var.of("x", "real", (1,), -1.0, 2.0)
        layer = cases.Layer((0,), np.ones((1, 1)), np.zeros(1), "relu")
        net = read_network(cases.write(cases.Net(1, (layer,)), tmp_path / "n.onnx"))
        problem = Problem("p", (x, *network_blocks(net, "f.", "x")))
        box = np.array([[-1.0]]), np.array([[2.0]])
        unsafe = UnsafeSet(
            Affine(np.array([-claimed * scale]), {"f.y": Dense(np.array([[scale]]))}), np.zeros(1, np.bool_),
            np.array([0, 1]), np.array([0]), *box, *box, "dyadic", ["case"],
        )  # fmt: skip
        task = Prove(problem, unsafe, "claim", "x", "f.y")
        assert proves(task, saved(grid(task, 1))) == wanted


def test_overflow_proves_nothing(hat: Prove) -> None:
    for low, high in ((-1e308, 1e308), (-np.inf, np.inf), (np.nan, np.nan)):
        unsafe = hat.unsafe
        box = np.array([[low]]), np.array([[high]])
        wide = UnsafeSet(unsafe.forms, unsafe.strict, unsafe.start, unsafe.region, *box, *box, "dyadic", unsafe.texts)
        task = Prove(hat.problem, wide, "claim", hat.inputs, hat.outputs)
        assert not proves(task, saved(grid(task, 3)))


def test_empty_and_degenerate_boxes(hat: Prove) -> None:
    unsafe = hat.unsafe
    known = ((3.0, 1.0, True), (1.0, 1.0, True), (2.25, 2.25, False), (2.5, 2.5, False), (-2.0, -2.0, True))
    for low, high, wanted in known:
        box = np.array([[low]]), np.array([[high]])
        point = UnsafeSet(unsafe.forms, unsafe.strict, unsafe.start, unsafe.region, *box, *box, "dyadic", unsafe.texts)
        task = Prove(hat.problem, point, "claim", hat.inputs, hat.outputs)
        assert [proves(task, saved(grid(task, depth))) for depth in (0, 1, 3)] == [wanted] * 3


def test_rows_that_are_nowhere_positive(tmp_path: Path) -> None:
    """A strict row over outputs of one sign is refuted at 0 exactly; the same row without strictness holds there."""
    net = cases.Net(2, (cases.Layer((0,), np.array([[1.0, 2.0], [-1.0, 1.0]]), np.zeros(2), "relu"),))
    path = cases.write(net, tmp_path / "net.onnx")
    box = np.full((1, 2), -1.0), np.full((1, 2), 1.0)
    rows = np.array([[0, 0, -1, 0], [0, 0, -1, -2], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, -1e-300, 0]], float)
    shift = np.array([0, 0, 0, -1e-300, 0])
    for strict in (True, False):
        flags, start, region = np.full(5, strict), np.arange(6), np.zeros(5, np.int64)
        task = cases.question(net, path, rows, shift, flags, start, region, box).task
        found = refuted(task, saved(grid(task, 0))).tolist()
        assert found == [strict, strict, strict, True, strict]
    box = np.full((1, 2), -1e-300), np.full((1, 2), 1e-300)
    for weight in (5e-324, 1e-300):  # products that underflow are not 0
        row = np.array([[0, 0, weight, 0]])
        one = np.ones(1, np.bool_), np.array([0, 1]), np.zeros(1, np.int64)
        task = cases.question(net, path, row, np.zeros(1), *one, box).task
        assert not proves(task, saved(grid(task, 0)))


def test_cases_of_one_tree_are_judged_apart(hat: Prove) -> None:
    unsafe = hat.unsafe
    forms = Affine(np.array([-2.25, -1.0, -3.0, 5.0]), {"f.y": Dense(np.array([[1.0], [1.0], [1.0], [-1.0]]))})
    three = UnsafeSet(
        forms, np.zeros(4, np.bool_), np.array([0, 1, 2, 4]), np.zeros(3, np.int64), unsafe.lower, unsafe.upper,
        unsafe.lower, unsafe.upper, "dyadic", ["true", "false", "true"],
    )  # fmt: skip
    task = Prove(hat.problem, three, "claim", hat.inputs, hat.outputs)
    for depth in (0, 2):
        for mode, contract in (("fresh", False), ("fresh", True), ("kept", False)):
            found = refuted(task, saved(grid(task, depth, bounds=mode, contract=contract)))
            assert not found[1]
            assert found[2]
            assert found[0] == (depth == 2) or mode == "kept" or depth == 0


def test_convolutions_and_overlapping_pools(tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    nodes = [
        node("Conv", "input w b", "z", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), node("Relu", "z", "h"),
        node("MaxPool", "h", "p", kernel_shape=[2, 2], strides=[1, 1]), node("BatchNormalization", "p s t m v", "n"),
        node("Flatten", "n", "f"), node("Gemm", "f u c", "out"),
    ]  # fmt: skip
    ones = {"s": rng.random(2) + 0.5, "t": rng.normal(size=2), "m": rng.normal(size=2), "v": rng.random(2) + 0.5}
    sizes = {"w": (2, 1, 3, 3), "b": 2, "u": (18, 2), "c": 2}
    constants = {**{name: rng.normal(size=size) for name, size in sizes.items()}, **ones}
    network = read_network(save(tmp_path / "conv.onnx", nodes, constants, (1, 1, 4, 4)))
    middle = rng.normal(size=16)
    box = (middle - 0.02)[None], (middle + 0.02)[None]
    problem = Problem("p", (Var.of("x", "real", (1, 1, 4, 4), *box), *network_blocks(network, "f.", "x")))
    points = rng.uniform(*box, (2000, 16))
    most = NetView.of(problem).forward({"x": points})["f.y"][:, 0].max()
    forms, plain = {"f.y": Dense(np.array([[1.0, 0.0]]))}, (np.zeros(1, np.bool_), np.array([0, 1]), np.array([0]))
    for limit, wanted in ((most - 1e-9, False), (most + 3.0, True)):
        unsafe = UnsafeSet(Affine(np.array([-limit]), forms), *plain, *box, *box, "dyadic", ("case",))
        task = Prove(problem, unsafe, "claim", "x", "f.y")
        assert [proves(task, saved(grid(task, depth))) for depth in (0, 2)] == [wanted, wanted]


def test_many_regions_in_forests_of_their_own(hat: Prove) -> None:
    """Each region's leaf comes in a forest of its own, some of them false; regions keep their verdicts."""
    unsafe, count = hat.unsafe, 700
    ends = np.linspace(0.0, 3.0, count)[:, None]
    many = unsafe.pick(np.zeros(count, np.int64))
    box = (ends - 0.01, ends) * 2
    set_ = UnsafeSet(many.forms, many.strict, many.start, np.arange(count), *box, "dyadic", many.texts)
    task = Prove(hat.problem, set_, "claim", hat.inputs, hat.outputs)
    one, order = np.zeros(1, np.int64), np.random.default_rng(0).permutation(count)
    forests = [Forest(np.array([k]), np.array([0, 1]), (), one - 1, one) for k in order]
    assert refuted(task, saved(*forests)).tolist() == (ends[:, 0] < 2.25).tolist()
