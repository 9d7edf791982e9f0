"""Claims refuted by margins against Lipschitz constants: certificates, tampered ones, and the search for them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slope_cases as slopes
from hypothesis import given, settings
from hypothesis import strategies as st
from test_bisect import saw

from isinglass.api import Tools, prove
from isinglass.compiler.drivers.lipschitz_prove import LipschitzProve
from isinglass.compiler.networks.view import NetView
from isinglass.compiler.search.begin import begin
from isinglass.compiler.search.clock import Clock
from isinglass.compiler.search.lipschitz import LipschitzMargin
from isinglass.compiler.search.portfolio import margins
from isinglass.compiler.search.root import refute_all
from isinglass.facade.checks import check_prove
from isinglass.ir.affine import Affine
from isinglass.ir.answers import Answer
from isinglass.ir.blocks import Var
from isinglass.ir.certificates import case_tree, lipschitz_margin
from isinglass.ir.errors import InputError
from isinglass.ir.functions.relu import Relu
from isinglass.ir.functions.sign import Sign
from isinglass.ir.lipschitz_margin import MarginProof
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.protocols import Limits
from isinglass.ir.slope_proof.margin import Margins, rounded_up, scaled
from isinglass.ir.slope_reader import slope_form
from isinglass.ir.tasks import Prove
from isinglass.ir.unsafe import UnsafeSet

Array = Any
FUNCTIONS = [*slopes.PIECEWISE, *slopes.SMOOTH]


def task_about(problem: Problem, rows: Array, offset: Array, centres: Array, radius: float, start: Array) -> Prove:
    """Rows over the outputs and inputs; case c in box c."""
    x, y = problem.vars["x"], problem.vars["y"]
    forms = Affine(offset, {"y": Dense(rows[:, : y.size]), "x": Dense(rows[:, y.size :])})
    low, high = centres - radius, centres + radius
    cases = len(start) - 1
    texts = tuple(f"case {k}" for k in range(cases))
    sides = (low, high, low, high)
    unsafe = UnsafeSet(forms, np.zeros(len(rows), np.bool_), start, np.arange(cases), *sides, "dyadic", texts)
    wide = Var.of("x", "real", x.shape, low.min(axis=0), high.max(axis=0))
    problem = problem.with_blocks([wide if block is x else block for block in problem.blocks])
    return Prove(problem, unsafe, "claim", "x", "y")


def values_at(task: Prove, case: int, count: int = 300) -> Array:
    """The rows [count, M] at points of a case's box, its centre and corners among them."""
    rng = np.random.default_rng(case)
    low, high = task.unsafe.lower[case], task.unsafe.upper[case]
    share = rng.random((count, len(low)))
    share[1::3] = np.rint(share[1::3])
    share[0] = 0.5
    points = low + share * (high - low)
    values = NetView.of(task.problem).forward({"x": points})
    return task.unsafe.forms.value(values)


def claim_of(seed: int, above: float, spread: float = 0.0) -> Prove:
    """Two cases of two rows each, the greatest value of each row moved to ``above`` (times its range, plus spread)."""
    rng = np.random.default_rng([71, seed])
    problem = slopes.any_network(rng, FUNCTIONS[seed % len(FUNCTIONS)])
    n, k = problem.vars["x"].size, problem.vars["y"].size
    rows = rng.normal(size=(4, k + n))
    rows[:, k:] *= 0.1
    task = task_about(problem, rows, np.zeros(4), rng.normal(size=(2, n)), 0.3, np.array([0, 2, 4]))
    offset = np.zeros(4)
    for row in range(4):
        found = values_at(task, row // 2)[:, row]
        offset[row] = -found.max() + above * np.ptp(found) + spread
    return replace(task, unsafe=replace(task.unsafe, forms=Affine(offset, task.unsafe.forms.parts)))


def searched(task: Prove, nodes: int = 64) -> Any:
    inquiry = begin(task, Tools("highs", task), Limits())
    for _ in LipschitzMargin(inquiry, nodes).run(Clock(inquiry.limits)):
        pass
    return inquiry


@dataclass(frozen=True)
class Without:
    """Tools without a runtime or solvers."""

    milp: Any = None
    open_lp: Any = None
    runner: Any = None


def answer_to(task: Prove) -> Answer:
    loop = LipschitzProve(task, Without(), Limits(30.0)).run()
    while True:
        try:
            next(loop)
        except StopIteration as end:
            found: Answer = end.value
            return found


@pytest.mark.parametrize("seed", range(12))
def test_what_is_refuted_is_refuted_again_and_what_holds_is_not(seed: int) -> None:
    task = claim_of(seed, -3.0, -3.0)  # far below 0
    inquiry = searched(task)
    assert not inquiry.open.any()
    plain = json.loads(json.dumps(inquiry.certificate()))
    assert plain["kind"] == "lipschitz-margin" and lipschitz_margin.refuted(task, plain).all()
    assert not lipschitz_margin.check(task.problem, plain)
    holds = claim_of(seed, 1e-6)
    assert searched(holds).open.all() and not lipschitz_margin.refuted(holds, plain).any()


@pytest.mark.parametrize("seed", range(8))
def test_a_certificate_proves_nothing_about_other_claims(seed: int) -> None:
    plain = searched(claim_of(seed, -3.0, -3.0)).certificate()
    for other in (claim_of(seed, 1e-6), claim_of(seed, -3.0, 1e6)):
        assert not lipschitz_margin.refuted(other, plain).any()
    for shift in range(1, 6):  # another network: of other sizes, or of the same
        try:
            found = lipschitz_margin.refuted(claim_of(seed + shift, 1e-6), plain)
        except InputError:
            continue
        assert not found.any()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.data())
def test_tampered_certificates_never_refute_what_holds(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 5))
    proof = MarginProof.from_plain(PROOFS.setdefault(seed, searched(claim_of(seed, -3.0, -3.0)).certificate()))
    trees = []
    for tree in proof.trees:
        outer, inner = (np.array(a, np.float64) for a in (tree.outer, tree.multiplier))
        for array in (outer, inner):
            if array.size and data.draw(st.booleans()):
                place = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
                array[place] = data.draw(st.sampled_from([0.0, 1e-300, 1e-6, 1.0, 1e6, 1e300]))
        trees.append(replace(tree, outer=outer, multiplier=inner))
    rows = np.array([data.draw(st.integers(0, 3)) for _ in trees])
    holds = claim_of(seed, data.draw(st.sampled_from([1e-9, 1e-3, 1.0])))
    assert not lipschitz_margin.refuted(holds, MarginProof(rows, tuple(trees)).to_plain()).any()


PROOFS: dict[int, Any] = {}


def test_malformed_certificates_are_rejected() -> None:
    task = claim_of(1, -3.0, -3.0)
    good = searched(task).certificate()
    tree = good["trees"][0]
    from isinglass.ir.arrays_text import packed

    changes: list[dict[str, Any]] = [
        {"kind": "case-tree"}, {"rows": packed(np.array([4, 0]))}, {"rows": packed(np.array([-1, 0]))},
        {"rows": packed(np.array([0]))}, {"trees": tree}, {"trees": [tree]}, {"others": 3}, {"others": {}}, {"more": 1},
        {"trees": [{**tree, "norm": "l2"}, tree]}, {"trees": [{**tree, "units": tree["units"] + 1}, tree]},
        {"trees": [{**tree, "low": packed(np.zeros(tree["units"])), "high": packed(np.zeros(tree["units"]))}, tree]},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(InputError):
            lipschitz_margin.refuted(task, {**good, **change})
    with pytest.raises(InputError):
        lipschitz_margin.refuted(task, {key: value for key, value in good.items() if key != "rows"})


def test_other_cases_may_be_refuted_by_trees() -> None:
    task = claim_of(2, -3.0, -3.0)
    both = begin(task, Tools("highs", task), Limits())
    both.open[0] = False
    refute_all(both, Clock(both.limits))  # case 1 only
    assert not both.open.any() and both.certificate()["kind"] == "case-tree"
    both.open[0] = True
    for _ in LipschitzMargin(both).run(Clock(both.limits)):
        pass
    plain = both.certificate()
    assert plain["kind"] == "lipschitz-margin" and lipschitz_margin.refuted(task, plain).all()
    assert not case_tree.refuted(task, plain["others"]).all()
    assert lipschitz_margin.refuted(task, {k: v for k, v in plain.items() if k != "others"}).tolist() == [True, False]


def test_the_method_and_the_check_of_its_answers() -> None:
    task = claim_of(0, -3.0, -3.0)
    answer = answer_to(task)
    assert (answer.status, answer.basis) == ("unsat", "certificate") and "Lipschitz" in answer.detail[0]
    again = Answer.from_json(answer.to_json())
    assert check_prove(task, again).verdict == "accepted"
    assert check_prove(claim_of(0, 1e-6), again).verdict == "rejected"
    assert answer_to(claim_of(0, 0.05)).status in ("sat", "unknown")


def test_the_method_has_a_name(tmp_path: Path) -> None:
    task = saw(2, 9.0, tmp_path)
    answer = prove(task, {"method": "lipschitz"}, Limits(30.0), None)
    assert answer.status == "unsat" and check_prove(task, answer).verdict == "accepted"


def test_functions_without_slopes_are_told() -> None:
    rng = np.random.default_rng(1)
    problem = slopes.chain(rng, (2, 3, 1), Sign())
    task = task_about(problem, np.array([[1.0, 0, 0]]), np.array([-50.0]), np.zeros((1, 2)), 0.5, np.array([0, 1]))
    answer = answer_to(task)
    assert answer.status == "unknown" and "no bounded slope" in answer.detail[-1]


def test_the_portfolio_has_a_round_of_it() -> None:
    task = claim_of(3, -3.0, -3.0)
    inquiry = begin(task, Tools("highs", task), Limits())
    for _ in margins(inquiry, Clock(inquiry.limits)):
        pass
    assert inquiry.settled and inquiry.witness is None


def test_radii_are_rounded_up_and_products_with_them_are_exact() -> None:
    rng = np.random.default_rng(4)
    radius = np.abs(rng.normal(size=50)) * 10.0 ** rng.integers(-30, 5, 50)
    up = rounded_up(radius)
    assert (up >= radius).all() and (up <= radius * (1 + 2.0**-22) + 2e-45).all()
    form = slope_form(slopes.task_of(slopes.chain(rng, (50, 4, 1), Relu()), np.eye(1)))
    assert scaled(form, up).errors is None
    rough = scaled(form, radius)
    assert rough.errors is not None
    for i, j in np.ndindex(4, 50):
        exact = Fraction(float(form.inputs[i, j])) * Fraction(float(radius[j]))
        assert abs(exact - Fraction(float(rough.inputs[i, j]))) <= Fraction(float(rough.errors[1][i, j]))
        product = Fraction(float(form.inputs[i, j])) * Fraction(float(up[j]))
        assert Fraction(float(scaled(form, up).inputs[i, j])) == product


@pytest.mark.parametrize("reading", ["dyadic", "decimal"])
def test_rows_stay_below_centre_and_constant(reading: str) -> None:
    for seed in range(6):
        task = claim_of(seed, 0.0)
        task = replace(task, unsafe=replace(task.unsafe, reading=reading))
        for case in range(2):
            rows = np.array([2 * case, 2 * case + 1])
            found = Margins.of(task, case, rows)
            seen = values_at(task, case)[:, rows]
            for place in range(2):
                steepest = slopes.greatest(found.form, place)
                assert (seen[:, place] <= found.centre[place] + steepest * (1 + 1e-9) + 1e-9).all()
                assert abs(seen[0, place] - found.centre[place]) < 1e-9
