"""Upper bounds of formal Lipschitz constants of deep networks, against enumeration of all patterns."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from isinglass.compiler.search.clock import Clock
from isinglass.compiler.slopes.search import SlopeOptions, SlopeResult, bracket
from isinglass.ir.protocols import Limits
from isinglass.ir.slope_form import SlopeForm
from isinglass.ir.slope_proof.leaf import leaf_upper
from isinglass.ir.slope_tree import SlopeTree

EXACT = SlopeOptions(gap=1e-9)


def form_of(weights: list[np.ndarray], low: float = 0.0, skip: float = 0.0, seed: int = 0) -> SlopeForm:
    """A chain of layers W_k with slopes ``low``..1; with ``skip`` all units read all earlier ones."""
    sizes = [len(w) for w in weights[:-1]]
    units, inputs, start = sum(sizes), weights[0].shape[1], np.cumsum([0, *sizes])
    rng = np.random.default_rng(seed)
    layer = np.repeat(np.arange(len(sizes)), sizes)
    reads = np.zeros((units, units))  # of z from v
    direct = np.zeros((units, inputs))
    direct[: sizes[0]] = weights[0]
    for k in range(1, len(sizes)):
        reads[start[k] : start[k + 1], start[k - 1] : start[k]] = weights[k]
    output, through = np.zeros((len(weights[-1]), units)), np.zeros((len(weights[-1]), inputs))
    output[:, start[-2] :] = weights[-1]
    if skip:
        later = layer[:, None] > layer[None]
        reads += skip * later * rng.standard_normal(reads.shape)
        direct += skip * rng.standard_normal(direct.shape)
        output += skip * rng.standard_normal(output.shape)
        through += skip * rng.standard_normal(through.shape)
    # v = low z + (1 - low) u, z = reads v + direct x: z = (I - low reads)^-1 ((1 - low) reads u + direct x)
    inverse = np.linalg.inv(np.eye(units) - low * reads)
    within, entering = (1 - low) * inverse @ reads, inverse @ direct
    return SlopeForm(
        np.where(layer[:, None] > layer, within, 0.0), entering,
        (1 - low) * output + low * output @ within, through + low * output @ entering,
        np.full(units, low), np.ones(units), (("h", 0, units),), layer,
    )  # fmt: skip


def random_form(sizes: tuple[int, ...], seed: int, low: float = 0.0, skip: float = 0.0) -> SlopeForm:
    rng = np.random.default_rng(seed)
    shapes = zip(sizes[1:], sizes[:-1], strict=True)
    return form_of([rng.standard_normal(shape) for shape in shapes], low, skip, seed)


def truth(form: SlopeForm, norm: str, functional: int = 0) -> float:
    """The greatest gradient over all patterns."""
    order = 1 if norm == "linf" else 2
    patterns = np.array(list(product((0.0, 1.0), repeat=form.units)))
    return max(float(np.linalg.norm(form.gradient(y, functional), order)) for y in patterns)


def run(form: SlopeForm, norm: str = "linf", options: SlopeOptions = EXACT, functional: int = 0) -> SlopeResult:
    loop = bracket(form, functional, norm, np.zeros((0, form.units)), Clock(Limits()), options)
    lowest = np.inf
    while True:
        try:
            event = next(loop)
        except StopIteration as end:
            result: SlopeResult = end.value
            assert result.upper <= lowest * (1 + 1e-6)
            return result
        assert event.bracket is not None and event.bracket[0] <= event.bracket[1] * (1 + 1e-12)
        assert event.bracket[1] <= lowest * (1 + 1e-6)
        lowest = event.bracket[1]


def checked(form: SlopeForm, norm: str, tree: SlopeTree, functional: int = 0) -> float:
    """What the checker's leaves say of the tree as it is written down."""
    again = SlopeTree.from_plain(tree.to_plain())
    leaves = zip(again.fixed(), again.outer, again.multiplier, strict=True)
    return max(leaf_upper(form, functional, norm, *leaf) for leaf in leaves)


CASES = [
    ((3, 5, 1), 0.0, 0.0), ((4, 4, 4, 1), 0.0, 0.0), ((2, 3, 3, 3, 1), 0.0, 0.0), ((5, 6, 3, 1), 0.0, 0.0),
    ((4, 4, 3, 1), 0.1, 0.0), ((3, 3, 3, 3, 1), 0.3, 0.0), ((4, 4, 4, 1), 0.0, 0.5), ((3, 3, 3, 2, 1), 0.2, 0.7),
]  # fmt: skip


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(("sizes", "low", "skip"), CASES)
def test_closes_to_the_exact_constant(sizes: tuple[int, ...], low: float, skip: float, norm: str) -> None:
    for seed in range(2):
        form = random_form(sizes, seed, low, skip)
        true, found = truth(form, norm), run(form, norm)
        assert found.upper >= true
        assert found.exact and found.upper <= true * (1 + 1e-8)
        assert found.value == pytest.approx(true, rel=1e-12)
        size = np.linalg.norm(form.gradient(found.pattern), 1 if norm == "linf" else 2)
        assert size == pytest.approx(found.value, rel=1e-12)
        assert checked(form, norm, found.tree) == found.upper


@pytest.mark.parametrize("nodes", [1, 7, 31])
def test_any_stop_leaves_a_sound_bound(nodes: int) -> None:
    for seed in range(4):
        form = random_form((4, 5, 5, 1), 100 + seed, skip=0.3 * (seed % 2))
        true = truth(form, "linf")
        found = run(form, "linf", SlopeOptions(gap=1e-9, nodes=nodes, batch=2))
        assert found.upper >= true >= found.value * (1 - 1e-12)
        assert checked(form, "linf", found.tree) == found.upper
        assert found.exact == (found.upper <= true * (1 + 1e-8))


def test_more_nodes_prove_more() -> None:
    form = random_form((10, 14, 14, 1), 3)
    uppers = [run(form, "linf", SlopeOptions(gap=1e-9, nodes=n)).upper for n in (1, 11, 51)]
    assert uppers[0] > uppers[1] > uppers[2]


def test_one_layer_root_is_the_semidefinite_bound() -> None:
    # max ||A y||_1 for A = [[1, -1]]: the relaxation is exact for one input; FGL = 1.
    form = form_of([np.array([[1.0], [-1.0]]), np.array([[1.0, 1.0]])])
    found = run(form, "linf", SlopeOptions(nodes=1))
    assert found.upper == pytest.approx(1.0, abs=1e-6) and found.nodes == 1


def test_scalar_chain_of_any_depth_is_one() -> None:
    for depth in (2, 3, 4):
        form = form_of([np.ones((1, 1))] * (depth + 1))
        for norm in ("linf", "l2"):
            assert run(form, norm).upper == pytest.approx(1.0, rel=1e-8)


def test_second_functional_and_difference() -> None:
    rng = np.random.default_rng(5)
    form = form_of([rng.standard_normal(s) for s in ((4, 3), (4, 4), (3, 4))])
    for functional in range(3):
        true = truth(form, "linf", functional)
        found = run(form, functional=functional)
        assert true <= found.upper <= true * (1 + 1e-8)


def test_units_without_influence() -> None:
    weights = [
        np.array([[1.0, 2.0], [0.0, 0.0], [3.0, -1.0]]),
        np.array([[1.0, 1.0, 0.0], [-1.0, 0.0, 2.0]]),
        np.array([[1.0, 0.0]]),
    ]
    form = form_of(weights)
    for norm in ("linf", "l2"):
        true, found = truth(form, norm), run(form, norm)
        assert true <= found.upper <= true * (1 + 1e-8)


def test_constant_output() -> None:
    form = form_of([np.ones((2, 3)), np.ones((2, 2)), np.zeros((1, 2))])
    found = run(form)
    assert found.exact and found.value == 0 and 0 <= found.upper < 1e-200


def test_way_past_the_units_only() -> None:
    form = form_of([np.ones((2, 3)), np.zeros((1, 2))])
    form = replace(form, input_weights=np.array([[1.0, -2.0, 0.5]]))
    assert run(form).upper == pytest.approx(3.5, rel=1e-12)
    assert run(form, "l2").upper == pytest.approx(np.sqrt(5.25), rel=1e-12)


def test_scales_do_not_matter() -> None:
    form = random_form((4, 4, 4, 1), 8)
    base = run(form).upper
    for factor in (1e-9, 1e7):
        scaled = replace(form, inputs=factor * form.inputs)
        assert run(scaled).upper == pytest.approx(factor * base, rel=1e-8)


def test_same_seed_same_result() -> None:
    form = random_form((6, 8, 8, 1), 4)
    one, two = (run(form, options=SlopeOptions(seed=3, nodes=30)) for _ in range(2))
    assert one.upper == two.upper and one.nodes == two.nodes
    assert (one.tree.unit == two.tree.unit).all() and (one.tree.multiplier == two.tree.multiplier).all()


def test_no_time_still_gives_a_bound() -> None:
    form = random_form((4, 4, 4, 1), 9)
    loop = bracket(form, 0, "linf", np.ones((1, form.units)), Clock(Limits(0.0)), EXACT)
    while True:
        try:
            next(loop)
        except StopIteration as end:
            assert truth(form, "linf") <= end.value.upper < np.inf
            break


def test_units_that_no_input_reaches() -> None:
    """z is 0 whatever the slopes, so no multiplier of such a unit is of a natural size."""
    form = random_form((2, 4, 4, 1), 12, skip=0.6)
    inputs, within = form.inputs.copy(), form.within.copy()
    inputs[0] = 0
    within[5] = 0
    inputs[5] = 0
    dead = replace(form, inputs=inputs, within=within)
    for norm in ("linf", "l2"):
        true, found = truth(dead, norm), run(dead, norm)
        assert true <= found.upper <= true * (1 + 1e-8)


def test_checker_loses_next_to_nothing() -> None:
    """Leaves with held units: their numbers, taken at face value, and what the checker proves of them."""
    form = random_form((6, 8, 8, 1), 4)
    tree = run(form, options=SlopeOptions(gap=1e-9, nodes=60)).tree
    for fixed, d, multiplier in zip(tree.fixed(), tree.outer, tree.multiplier, strict=True):
        plain = form.fixed(fixed)
        t, x = multiplier[np.isnan(fixed)], plain.inputs
        scaled = t[:, None] * plain.within
        matrix = 2 * np.diag(t) - scaled - scaled.T - (t[:, None] * x / d) @ (t[:, None] * x).T
        if not len(t) or (t <= 0).any() or np.linalg.eigvalsh(matrix)[0] < 1e-6:
            continue
        border = plain.unit_weights[0] + t * (x @ (plain.input_weights[0] / d))
        tau = plain.input_weights[0] @ (plain.input_weights[0] / d) + border @ np.linalg.solve(matrix, border)
        assert leaf_upper(form, 0, "linf", fixed, d, multiplier) == pytest.approx(np.sqrt(tau * d.sum()), rel=1e-9)
