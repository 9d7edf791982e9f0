"""Penalty weights: every proof holds by enumeration, nothing is claimed that isn't covered, strictness is exact."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from isinglass.compiler.weights._model import PenaltyModel
from isinglass.compiler.weights._prove import DEFAULT, RULES, prove
from isinglass.ir.errors import InputError, Refused, UsageError


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("weights_cases", Path(__file__).with_name("weights_cases.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


cases = _load()
Case = cases.Case
EXPECTED = {
    "integer": "incumbent", "packing": "packing", "equality": "block-range", "one-hot": "cardinality",
    "assignment": "assignment", "ranged": "incumbent", "others": "block-range", "cubic": "packing",
    "decimal": "incumbent", "pinned": "cardinality",
}


@pytest.mark.parametrize("family", cases.FAMILIES)
def test_sweep(family: str) -> None:
    assert cases.sweep(family, 60)[EXPECTED[family]] > 0


def case_of(linear: list[float], rows: list[tuple[Any, str, int, float]], high: float = 1, **more: Any) -> Any:
    n = len(linear)
    case = Case(np.zeros(n), np.full(n, float(high)), np.array(linear, float), np.zeros((n, n)),
                np.zeros(0), np.zeros((0, 3), int))
    case.rows = [(np.array(a, float), kind, b, least) for a, kind, b, least in rows]
    for name, value in more.items():
        setattr(case, name, value)
    return case


def proved(case: Any, *rules: str) -> list[bool]:
    return [bool(k) for k in prove(case.model(), rules).proved]


FREE = -np.inf
KNAPSACK = ([2, 3, 4], "half", 5, FREE)
NEAR_PACKING = {
    "variable in an equality": [KNAPSACK, ([0, 1, 1], "equality", 1, FREE)],
    "negative elsewhere": [KNAPSACK, ([-1, -1, 0], "unit", -1, FREE), ([0, 0, -1], "unit", -1, FREE)],
    "shortened slack": [([2, 3, 4], "half", 5, 2.0)],
    "equality": [([2, 3, 4], "equality", 5, FREE)],
    "corner infeasible": [([2, 3, 4], "half", -1, FREE)],
}


def test_packing_claims_a_knapsack_and_its_mirror_image() -> None:
    assert proved(case_of([-5, -7, -3], [KNAPSACK]), "packing") == [True]
    assert proved(case_of([5, 7, 3], [([-2, -3, -4], "half", -5, FREE)]), "packing") == [True]
    # Only the third variable's step is sound, and without it 2 + 3 <= 5: it always stands above 0 at a violation.
    rows = [KNAPSACK, ([1, 1, 0], "equality", 1, FREE)]
    assert proved(case_of([-5, -7, -3], rows), "packing") == [True, False]


@pytest.mark.parametrize("name", NEAR_PACKING)
def test_packing_leaves_near_misses_alone(name: str) -> None:
    assert not proved(case_of([-5, -7, -3], NEAR_PACKING[name]), "packing")[0]


def test_packing_leaves_touched_and_nonconvex_rows_alone() -> None:
    case = case_of([-5, -7, -3], [([1, 1, 0], "half", 1, FREE)], others=[("forbid", (0, 1), 1)])
    assert proved(case, "packing") == [False]
    model = PenaltyModel.of(np.zeros(2), np.ones(2), -np.ones(2), matrix=np.ones((1, 2)), rhs=np.ones(1))
    assert not prove(model, ("packing", "cardinality")).proved.any()


ONE_HOT = ([1, 1, 1], "equality", 1, FREE)
NEAR_ONE_HOT = {
    "variables elsewhere": [ONE_HOT, ([1, 1, 1], "equality", 2, FREE)],
    "coefficients 2": [([2, 2, 2], "equality", 2, FREE)],
    "not enough to remove": [([1, 2, 2], "equality", 3, FREE)],
}


def test_cardinality_claims_one_hot_exactly_k_and_ranged_rows() -> None:
    assert prove(case_of([3, 5, 9], [ONE_HOT]).model(), ("cardinality",)).needed == [3.0]
    # == 2 of 3: with one or none in place two are missing, at worst the dearest two, and the cheaper of them goes in.
    assert prove(case_of([3, 5, 9], [([1, 1, 1], "equality", 2, FREE)]).model(), ("cardinality",)).needed == [5.0]
    assert proved(case_of([-5, 2, 9], [([1, -1, 1], "half", 1, 0.0)]), "cardinality") == [True]


@pytest.mark.parametrize("name", NEAR_ONE_HOT)
def test_cardinality_leaves_near_misses_alone(name: str) -> None:
    assert not proved(case_of([-5, -7, -3], NEAR_ONE_HOT[name]), "cardinality")[0]


def test_cardinality_counts_at_most_one_neighbour_per_colour_row() -> None:
    # Two nodes, three colours, every pair in conflict: over the box a node meets three ones, at a minimum one.
    rows = [([1, 1, 1, 0, 0, 0], "equality", 1, FREE), ([0, 0, 0, 1, 1, 1], "equality", 1, FREE)]
    quadratic = np.zeros((6, 6))
    quadratic[:3, 3:] = 1.0
    case = case_of([0] * 6, rows, quadratic=quadratic)
    proof = prove(case.model(), ("cardinality",))
    assert list(proof.needed) == [1.0, 1.0]
    cases.judge(case, proof, proof.weight, proof.other_weight, proof.proved, proof.other_proved)


def test_cardinality_takes_the_mean_over_colours() -> None:
    # A star with four leaves and two colours: all leaves may share a colour, but not both.
    rows = [(np.repeat(np.eye(5)[k], 2), "equality", 1, FREE) for k in range(5)]
    quadratic = np.zeros((10, 10))
    quadratic[0, 2::2] = quadratic[1, 3::2] = 1.0
    case = case_of([0] * 10, rows, quadratic=quadratic)
    proof = prove(case.model(), ("cardinality",))
    assert list(proof.weight) == [3.0, 1.0, 1.0, 1.0, 1.0]
    cases.judge(case, proof, proof.weight, proof.other_weight, proof.proved, proof.other_proved)


def assignment(size: int, linear: float = 1.0) -> Any:
    cells = [(i, j) for i in range(size) for j in range(size)]
    rows = [([float(c[s] == k) for c in cells], "equality", 1, FREE) for s in (0, 1) for k in range(size)]
    return case_of([linear] * len(cells), rows)


def test_assignment_needs_half_the_insertion_or_more_for_any_sign() -> None:
    assert list(prove(assignment(3).model(), ("assignment",)).needed) == [0.5] * 6
    assert list(prove(assignment(3, -2.0).model(), ("assignment",)).needed) == [2.0] * 6
    tied = prove(assignment(3).model(), ("assignment",)).tied
    assert len(set(tied)) == 1 and tied[0] >= 0


def spoilt_assignments() -> dict[str, Any]:
    extra, missing, outside, fixed, two = (assignment(3) for _ in range(5))
    extra.rows.append((np.ones(9), "unit", 8, FREE))
    missing.rows = [(np.delete(a, 4), *rest) for a, *rest in missing.rows]
    missing = case_of([1.0] * 8, missing.rows)
    outside.others = [("forbid", (0, 4), 1)]
    fixed.lower[2] = 1.0
    two.rows[0] = (two.rows[0][0], "equality", 2, FREE)
    uneven = case_of([1.0] * 4, [r for r in assignment(2).rows if r[0][0] == 0 or r[0][1] == 0][:3])
    return {"extra row": extra, "missing pair": missing, "other penalty": outside, "fixed variable": fixed,
            "right side 2": two, "row missing": uneven}


@pytest.mark.parametrize("name", spoilt_assignments())
def test_assignment_leaves_near_misses_alone(name: str) -> None:
    assert not any(proved(spoilt_assignments()[name], "assignment"))


def test_a_weight_untied_from_its_block_is_not_accepted() -> None:
    proof = prove(assignment(2).model(), ("assignment",))
    assert proof.accepts(proof.weight * 2)
    assert not proof.accepts(proof.weight * np.array([2, 1, 1, 1]))
    assert not proof.accepts(np.full(4, np.inf))


TIES = {
    "packing": (case_of([-5.0], [([1], "unit", 0, FREE)]), 5.0),
    "packing, half step": (case_of([-5.0], [([1], "half", 0, FREE)]), 2.5),
    "cardinality": (case_of([3.0, 7.0], [([1, 1], "equality", 1, FREE)]), 3.0),
    "assignment": (assignment(1, 4.0), 2.0),
    "block-range": (case_of([-5.0, 0.0], [([1, 1], "equality", 0, FREE)]), 5.0),
    "global-range": (case_of([-5.0, 0.0], [([1, 1], "equality", 0, FREE)]), 5.0),
    "incumbent": (case_of([-5.0, 0.0], [([1, 1], "equality", 0, FREE)]), 5.0),
}


@pytest.mark.parametrize("name", TIES)
def test_the_bound_itself_is_a_tie_and_rejected(name: str) -> None:
    case, bound = TIES[name]
    m = len(case.rows)
    proof = prove(case.model(), (name.partition(",")[0],), np.zeros(case.lower.size) if name == "incumbent" else None)
    assert np.all(proof.needed / proof.per == bound) and np.all(proof.weight > bound)
    assert not proof.accepts(np.full(m, bound)) and proof.accepts(np.full(m, np.nextafter(bound, np.inf)))
    x = case.points()
    f, (rows, _) = case.objective(x), case.penalties(x)
    holds = (rows == 0).all(axis=0)
    assert (f + bound * rows.sum(axis=0))[~holds].min() == f[holds].min()
    assert (f + proof.weight @ rows)[~holds].min() > f[holds].min()


@pytest.mark.parametrize("n", range(4, 15))
def test_pinned_chain(n: int) -> None:
    case = cases.pinned_chain(n)
    for rules, needed in ((DEFAULT, n - 1), (("global-range",), n * (n - 1) // 2)):
        proof = prove(case.model(), rules)
        assert proof.needed == [needed] and proof.weight == [needed + 1]
        cases.judge(case, proof, proof.weight, proof.other_weight, proof.proved, proof.other_proved)


def test_overlapping_rows_need_more_than_their_own_range() -> None:
    # Setting x_0 to 0 repairs the first row and breaks the next: a range per row would say 1, the block says more.
    rows = [([1, 0, 0], "equality", 0, FREE), ([1, -1, 0], "equality", 0, FREE), ([0, 1, -1], "equality", 0, FREE)]
    case = case_of([-1, -1, -1], rows)
    proof = prove(case.model(), ("block-range",))
    assert list(proof.needed) == [3.0] * 3
    x = case.points()
    f, (p, _) = case.objective(x), case.penalties(x)
    assert x[np.argmin(f + np.full(3, 2.0) @ p)].sum() == 3
    assert x[np.argmin(f + proof.weight @ p)].sum() == 0


def test_blocks_pay_for_themselves_only() -> None:
    rows = [([3, 5, 0, 0], "equality", 3, FREE), ([0, 0, 3, 5], "equality", 5, FREE)]
    case = case_of([-1, -2, -100, -200], rows)
    point = np.array([1.0, 0, 0, 1])
    assert list(prove(case.model()).needed) == [3.0, 300.0]
    proof = prove(case.model(), incumbent=point, multipliers=np.array([0.4, 40.0]))
    assert np.allclose(proof.needed, [0.6, 40.0], rtol=1e-4) and set(proof.rule) == {"incumbent"}


def test_incumbents_are_checked_exactly() -> None:
    case = case_of([-5, -7, -3], [KNAPSACK], others=[("product", (2, 0, 1), 1)])
    bad = (([1, 1, 1], "row 0 by 4"), ([2, 0, 0], "bounds"), ([0.5, 0, 0], "integer"), ([0, 0, 1], "product"))
    for point, word in bad:
        with pytest.raises(Refused, match=word):
            prove(case.model(), incumbent=np.array(point, float))
    unknown = case_of([-5, -7], [], others=[("forbid", (0, 1), 1)])
    assert not prove(unknown.model(), ("incumbent",), np.zeros(2)).other_proved.any()


def random_program() -> PenaltyModel:
    """200 rows of 8 coefficients in 1..9 over 60 integers 0..15, objective coefficients in -9..-1."""
    rng = np.random.default_rng(0)
    matrix = np.zeros((200, 60))
    for row in matrix:
        row[rng.choice(60, 8, replace=False)] = rng.integers(1, 10, 8)
    two = np.full(200, 2.0)
    return PenaltyModel.of(np.zeros(60), np.full(60, 15.0), -rng.integers(1, 10, 60).astype(float), matrix=matrix,
                           rhs=np.floor(7.5 * matrix.sum(axis=1)), gap=two, slope=two, convex=np.ones(200, bool))


def test_integer_program_weights_are_a_256th_of_the_plain_rule() -> None:
    proof = prove(random_program())
    assert proof.complete and proof.weight.max() <= proof.objective_range / 256


def test_quadratic_assignment_weights_are_a_256th_of_the_plain_rule() -> None:
    rng, n = np.random.default_rng(1), 20
    dense = np.kron(*rng.integers(0, 10, (2, n, n)).astype(float))
    matrix = np.concatenate([np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))])
    ones = np.ones(2 * n)
    model = PenaltyModel.of(np.zeros(n * n), np.ones(n * n), quadratic=np.triu(dense) + np.tril(dense, -1).T,
                            matrix=matrix, rhs=ones, equality=ones > 0, slope=ones, convex=ones > 0)
    proof = prove(model)
    assert set(proof.rule) == {"assignment"} and proof.weight.max() <= proof.objective_range / 256


def test_rules_are_found_by_name_and_state_their_proof() -> None:
    assert set(RULES) == set(DEFAULT)
    for key in RULES:
        text = sys.modules[RULES[key].__module__].__doc__ or ""
        assert "Claims" in text and "Proof" in text
    with pytest.raises(UsageError, match="weight rule"):
        prove(random_program(), ("big-guess",))


def test_report_is_json_and_names_what_is_unproved() -> None:
    report = prove(random_program()).report()
    assert json.loads(json.dumps(report))["rules"]["packing"]["rows"] == 200 and report["complete"]
    nothing = prove(case_of([1.0, 2.0], [([2, 3], "equality", 2, FREE)]).model(), ("packing",))
    assert nothing.report()["unproved"] == 1 and nothing.weight == [np.inf] and nothing.rule == ("",)
    assert prove(case_of([1.0], []).model()).complete
    idle = prove(case_of([-4.0], [([1], "unit", 1, FREE)]).model())
    assert idle.rule == ("redundant",) and idle.complete and idle.weight == [4.0]


def test_models_that_break_the_conventions_are_refused() -> None:
    one, two = np.ones(1), np.ones(2)
    for error, word, arguments in (
        (InputError, "integers", {"lower": 0 * two, "upper": 1.5 * two}),
        (InputError, "lower bound", {"lower": two, "upper": 0 * two}),
        (InputError, "upper triangular", {"quadratic": np.tril(np.ones((2, 2)))}),
        (InputError, "integer coefficients", {"matrix": np.array([[0.5, 1.0]]), "rhs": one}),
        (InputError, "per row", {"matrix": np.ones((2, 2)), "rhs": two, "gap": one}),
        (InputError, "positive", {"matrix": np.ones((1, 2)), "rhs": one, "gap": 0 * one}),
        (InputError, "least", {"matrix": np.ones((1, 2)), "rhs": one, "least": 2 * one}),
        (InputError, "finite", {"linear": np.array([np.nan, 1.0])}),
        (InputError, "does not exist", {"coefficients": one, "factors": np.array([[0, 2]])}),
        (InputError, "duplicate", {"matrix": csr_array((two, [0, 0], [0, 2]), shape=(1, 2)), "rhs": one}),
        (Refused, "2\\^52", {"matrix": np.full((1, 2), 2.0**52), "rhs": one}),
        (Refused, "2\\^52", {"upper": np.full(2, 2.0**20), "coefficients": one, "factors": np.array([[0, 1, 1]])}),
    ):
        with pytest.raises(error, match=word):
            PenaltyModel.of(**({"lower": 0 * two, "upper": two} | arguments))
