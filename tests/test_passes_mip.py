"""Bound tightening, row removal, big-M, products: every pass against enumeration, and its words and errors."""

from __future__ import annotations

from dataclasses import replace

import models
import numpy as np
import pytest
import sweeps

from isinglass.compiler.passes.drop_rows import DropRows
from isinglass.compiler.passes.encode_products import EncodeProducts
from isinglass.compiler.passes.guards_to_big_m import GuardsToBigM
from isinglass.compiler.passes.linearize_constraints import LinearizeConstraints
from isinglass.compiler.passes.penalize import Penalize
from isinglass.compiler.passes.range_slacks import RangeSlacks
from isinglass.compiler.passes.tighten_bounds import TightenBounds
from isinglass.compiler.pipeline import Pipeline
from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Arg, Block, Fn, Guard, Lin, Poly, Var
from isinglass.ir.errors import Infeasible, Refused
from isinglass.ir.evaluate import energy, evaluate
from isinglass.ir.functions.product import Product
from isinglass.ir.operators.dense import Dense
from isinglass.ir.problem import Problem
from isinglass.ir.terms.monomials import Monomials
from isinglass.ir.terms.square import Square


@pytest.mark.parametrize("name", sorted(sweeps.CASES))
def test_families(name: str) -> None:
    found = sweeps.sweep(name, 50)
    assert found["feasible"] + found["cut"] + found["optimum"] >= 10, found


def problem(*blocks: Block) -> Problem:
    return Problem("p", blocks)


def lin(name: str, rows: list[list[float]], sense: str, rhs: list[float], var: str = "y", **more: object) -> Lin:
    return Lin(name, {var: Dense(np.array(rows, dtype=float))}, sense, np.array(rhs, dtype=float), "dyadic", **more)  # type: ignore[arg-type]


# -- tighten-bounds ----------------------------------------------------------------------------------------------------


def test_infinite_bounds_become_finite() -> None:
    y = Var.of("y", "int", (2,), 0, np.inf)
    step = TightenBounds().run(problem(y, lin("cap", [[2, 3]], "<=", [10])))
    assert step.problem.vars["y"].upper.tolist() == [5, 3]
    assert [(n.block, n.count) for n in step.ledger] == [("y", 2)]


def test_one_infinite_term_still_bounds_that_variable() -> None:
    y = Var.of("y", "int", (2,), [0, -np.inf], [4, np.inf])
    step = TightenBounds().run(problem(y, lin("tie", [[1, -2]], "==", [1])))
    assert (step.problem.vars["y"].lower[1], step.problem.vars["y"].upper[1]) == (0, 1)


def test_rounds_limit_slow_convergence() -> None:
    y = Var.of("y", "int", (2,), 0, 1000)
    rows = lin("chase", [[1, -1], [-1, 1]], "<=", [-1, -1])
    step = TightenBounds(rounds=3).run(problem(y, rows))
    assert 3 <= step.problem.vars["y"].lower.max() <= 12


def test_real_bounds_are_rounded_outward() -> None:
    y = Var.of("y", "real", (1,), 0, 10)
    step = TightenBounds().run(problem(y, lin("third", [[3]], "<=", [1])))
    assert 1 / 3 <= step.problem.vars["y"].upper[0] <= 1 / 3 + 1e-15


@pytest.mark.parametrize("reading", ["decimal", "simplest"])
def test_decimal_row_keeps_its_touching_point(reading: str) -> None:
    """0.1 y <= 0.3 admits y = 3, though 0.3 / 0.1 < 3 in float64."""
    assert 0.3 / 0.1 < 3
    y = Var.of("y", "int", (1,), 0, 10)
    row = Lin("cap", {"y": Dense(np.array([[0.1]]))}, "<=", np.array([0.3]), reading)
    assert TightenBounds().run(problem(y, row)).problem.vars["y"].upper[0] == 3


def test_large_integers_are_exact() -> None:
    y = Var.of("y", "int", (2,), 0, 2.0**40)
    row = lin("cap", [[3, 2.0**12]], "<=", [3 * (2.0**40 - 5) + 2])
    assert TightenBounds().run(problem(y, row)).problem.vars["y"].upper[0] == 2.0**40 - 5


def test_guard_of_an_impossible_row_is_closed() -> None:
    g, y = Var.of("g", "bin", (2,)), Var.of("y", "int", (1,), 0, 3)
    rows = lin("gate", [[1], [-1]], "<=", [-1, -4], guard=Guard("g", np.array([0, 1]), np.array([1.0, 0.0])))
    new = TightenBounds().run(problem(g, y, rows)).problem.vars["g"]
    assert new.upper.tolist() == [0, 1]
    assert new.lower.tolist() == [0, 1]


def test_infeasible_names_the_row_and_the_numbers() -> None:
    y = Var.of("y", "int", (2,), 0, 3)
    with pytest.raises(Infeasible) as caught:
        TightenBounds().run(problem(y, lin("need", [[1, 1], [-1, -1]], "<=", [9, -7])))
    assert (caught.value.row, caught.value.least, caught.value.rhs) == ("need[1]", -6, -7)
    assert "row need[1] can't be satisfied" in str(caught.value)


def test_equality_without_integer_solution() -> None:
    y = Var.of("y", "int", (2,), 0, 9)
    with pytest.raises(Infeasible, match="no integer point satisfies row half"):
        TightenBounds().run(problem(y, lin("half", [[1, 2]], "==", [2.5])))


def test_nothing_to_do_returns_the_same_problem() -> None:
    given = problem(Var.of("y", "int", (2,), 0, 3), lin("cap", [[1, 1]], "<=", [5]))
    step = TightenBounds().run(given)
    assert step.problem is given
    assert step.ledger == ()


# -- drop-rows ---------------------------------------------------------------------------------------------------------


def test_tightest_of_equal_rows_stays() -> None:
    y = Var.of("y", "int", (2,), 0, 9)
    rows = lin("cap", [[1, 2], [1, 2], [-1, -2], [1, 2]], "<=", [8, 7, -3, 7])
    left = DropRows().run(problem(y, rows)).problem.lins["cap"]
    assert left.rhs.tolist() == [7, -3]


def test_an_equality_covers_the_rows_beside_it() -> None:
    y = Var.of("y", "int", (2,), 0, 9)
    cap, tie = lin("cap", [[1, 2], [-1, -2]], "<=", [7, -7]), lin("tie", [[1, 2]], "==", [7])
    assert set(DropRows().run(problem(y, cap, tie)).problem.lins) == {"tie"}


def test_contradictory_pair_names_both() -> None:
    y = Var.of("y", "int", (2,), 0, 9)
    with pytest.raises(Infeasible, match=r"rows low and cap bound the same expression by at least 6 and at most 5"):
        DropRows().run(problem(y, lin("cap", [[1, 2]], "<=", [5]), lin("low", [[-1, -2]], "<=", [-6])))


def test_rows_that_define_a_block_stay() -> None:
    y = Var.of("y", "int", (2,), 0, 9)
    z = Var.of("z", "real", (1,))
    layer = Lin("layer", {"y": Dense(np.ones((1, 2))), "z": Dense(-np.ones((1, 1)))}, "==", np.zeros(1), defines="z")
    given = problem(y, z, layer, lin("cap", [[1, 1]], "<=", [18]))
    assert set(DropRows().run(given).problem.lins) == {"layer"}


# -- guards-to-big-m ---------------------------------------------------------------------------------------------------


def test_big_m_is_the_least_integer() -> None:
    g, y = Var.of("g", "bin", (2,)), Var.of("y", "int", (1,), -1, 3)
    rows = lin("gate", [[2], [2]], "<=", [1, 1], guard=Guard("g", np.array([0, 1]), np.array([1.0, 0.0])))
    new = GuardsToBigM().run(problem(g, y, rows)).problem.lins["gate"]
    assert new.guard is None
    assert new.parts["g"].to_dense().tolist() == [[5, 0], [0, -5]]
    assert new.rhs.tolist() == [6, 1]


def test_float_sides_stay_exact() -> None:
    """b + M must be a float64, or the row would mean something else where the guard is on."""
    g, y = Var.of("g", "bin", (1,)), Var.of("y", "real", (1,), -1 / 3, 1 / 3)
    side = float(np.float32(0.1))
    row = lin("gate", [[float(np.float32(0.7))]], "<=", [side], guard=Guard("g", np.array([0]), np.ones(1)))
    step = GuardsToBigM().run(problem(g, y, row))
    new = step.problem.lins["gate"]
    big = new.parts["g"].to_dense()[0, 0]
    assert step.guarantee.exact
    assert new.rhs[0] - big == side
    assert float(np.float32(0.7)) / 3 - side < big < (float(np.float32(0.7)) / 3 - side) * (1 + 2e-6)


def test_side_that_can_not_stay_exact_grows() -> None:
    g, y = Var.of("g", "bin", (1,)), Var.of("y", "real", (1,), 0, 1e9)
    row = lin("gate", [[1.0]], "<=", [0.1], guard=Guard("g", np.array([0]), np.ones(1)))
    step = GuardsToBigM().run(problem(g, y, row))
    new = step.problem.lins["gate"]
    assert (step.guarantee.feasible, step.guarantee.optimum) == ("grows", "bounded")
    assert 0 < step.guarantee.row_error["gate"] <= 2.5e-7
    assert new.rhs[0] - new.parts["g"].to_dense()[0, 0] >= 0.1
    assert any(note.loss for note in step.ledger)


def test_unbounded_guarded_row_is_refused() -> None:
    g, y = Var.of("g", "bin", (1,)), Var.of("y", "int", (2,), 0, [3, np.inf])
    row = lin("gate", [[1, 1]], "<=", [2], guard=Guard("g", np.array([0]), np.ones(1)))
    with pytest.raises(Refused, match=r"guarded row gate has no finite big-M: y\[1\] is unbounded"):
        GuardsToBigM().run(problem(g, y, row))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_decimal_guarded_row_stays_decimal(value: float) -> None:
    """0.1 y <= 0.3 where guarded: M has few digits, so that side and coefficient mean what they meant."""
    g, y = Var.of("g", "bin", (1,)), Var.of("y", "int", (1,), 0, 20)
    row = Lin("gate", {"y": Dense(np.array([[0.1]]))}, "<=", np.array([0.3]), "decimal",
              guard=Guard("g", np.array([0]), np.array([value])))  # fmt: skip
    step = GuardsToBigM().run(problem(g, y, row))
    new = step.problem.lins["gate"]
    assert step.guarantee.exact
    assert (new.reading, new.parts["y"].to_dense()[0, 0]) == ("decimal", 0.1)
    big = abs(new.parts["g"].to_dense()[0, 0])
    assert 1.7 <= big <= 1.75
    assert new.rhs[0] == pytest.approx(0.3 + value * big)
    table = {"g": np.repeat([[0.0], [1.0]], 21, axis=0), "y": np.tile(np.arange(21.0), 2)[:, None]}
    assert np.array_equal(evaluate(problem(g, y, row), table).feasible, evaluate(step.problem, table).feasible)


def test_guarded_row_whose_side_can_not_be_read_back() -> None:
    g, y = Var.of("g", "bin", (1,)), Var.of("y", "int", (1,), 0, 20)
    row = Lin("gate", {"y": Dense(np.array([[0.1]]))}, "<=", np.array([1.2345678901234567]), "decimal",
              guard=Guard("g", np.array([0]), np.ones(1)))  # fmt: skip
    with pytest.raises(Refused, match="guarded row gate: no float64 read as decimal is its side plus M"):
        GuardsToBigM().run(problem(g, y, replace(row, parts={"y": Dense(np.array([[99.3]]))})))


# -- range-slacks ------------------------------------------------------------------------------------------------------


def test_half_step_slack_refuses_an_even_range() -> None:
    """1 <= x0 + x1 + x2 <= 3 with s in 0..1 would let 0 through."""
    x = Var.of("x", "bin", (4,))
    row = lin("some", [[1, 1, 1, 1]], "<=", [3], "x", least=np.array([1.0]))
    with pytest.raises(Refused, match=r"row some has two sides, 1 and 3(.|\n)*run range-slacks first"):
        Penalize().run(problem(x, row))
    for passes in ("range-slacks,penalize{weight=2.0}", "penalize{slack=unit,weight=2.0}"):
        trace = Pipeline.parse(passes).run(problem(x, row))
        table = models.points(trace.problem)
        paid = energy(trace.problem, table)
        some = trace.lift.up(table)["x"].sum(axis=1)
        assert [paid[some == k].min() > 0 for k in range(5)] == [True, False, False, False, True]


def test_ranges_that_meet_need_no_slack() -> None:
    y = Var.of("y", "int", (2,), 0, 9)
    step = RangeSlacks().run(problem(y, lin("up", [[1, 2]], "<=", [7]), lin("down", [[-1, -2]], "<=", [-7])))
    assert set(step.problem.vars) == {"y"}
    assert step.problem.lins["up.range"].sense == "=="
    assert set(step.problem.lins) == {"up.range"}


def test_guarded_ranges_are_refused() -> None:
    g, y = Var.of("g", "bin", (1,)), Var.of("y", "int", (1,), 0, 9)
    row = lin("gate", [[1]], "<=", [7], least=np.array([2.0]), guard=Guard("g", np.array([0]), np.ones(1)))
    with pytest.raises(Refused, match="row gate is ranged and guarded"):
        RangeSlacks().run(problem(g, y, row))


def test_sides_that_contradict_each_other() -> None:
    y = Var.of("y", "int", (2,), 0, 9)
    with pytest.raises(Infeasible, match="row up and its opposite can't both be satisfied: at least 8 and at most 7"):
        RangeSlacks().run(problem(y, lin("up", [[1, 2]], "<=", [7]), lin("down", [[-1, -2]], "<=", [-8])))


# -- linearize-constraints ---------------------------------------------------------------------------------------------


def curve(which: list[list[int]], index: list[list[int]], data: list[float], rhs: float, reading: str = "simplest",
          names: tuple[str, ...] = ("x", "z"), **more: object) -> Poly:  # fmt: skip
    """One polynomial row ``<= rhs``."""
    table = np.array(which), np.array(index)
    term = Monomials(1, names, np.zeros(len(data), np.int64), *table, np.array(data))
    return Poly("curve", "constraint", (term,), np.zeros(1), "<=", np.array([rhs]), reading, **more)  # type: ignore[arg-type]


BITS = (Var.of("x", "bin", (3,)), Var.of("z", "bin", (2,)))


def test_products_are_shared_over_the_problem() -> None:
    one = curve([[0, 0], [0, 1]], [[0, 1], [2, 0]], [1.0, 2.0], 1.0)
    two = replace(curve([[0, 0, 0], [1, 0, -1]], [[1, 0, 1], [0, 2, 0]], [4.0, 3.0], 5.0), name="other")
    step = LinearizeConstraints().run(problem(*BITS, one, two))
    made = [(fn.output, [arg.variable for arg in fn.args], [a.index.tolist() for a in fn.args if a.index is not None])
            for fn in step.problem.fns.values()]  # fmt: skip
    assert made == [("product", ["x", "x"], [[0], [1]]), ("product.1", ["x", "z"], [[2], [0]])]
    assert [lin.name for lin in step.problem.lins.values()] == ["curve", "other"]
    assert step.problem.lins["other"].parts["product"].to_dense().tolist() == [[4]]


def test_like_terms_are_added_under_their_reading() -> None:
    """0.1 + 0.2 is 3/10, not the float64 sum; x x = x joins squares with linear terms."""
    assert 0.1 + 0.2 != 0.3
    row = curve([[0, 0], [0, -1]], [[0, 0], [0, 0]], [0.1, 0.2], 0.3, "decimal")
    step = LinearizeConstraints().run(problem(*BITS, row))
    assert step.problem.lins["curve"].parts["x"].to_dense().tolist() == [[0.3, 0, 0]]
    assert step.problem.lins["curve"].reading == "decimal"
    assert not step.problem.fns


def test_constants_move_over_exactly() -> None:
    row = replace(curve([[0, 1], [-1, -1]], [[0, 0], [0, 0]], [1.0, 0.2], 0.3, "decimal"), constant=np.array([-0.1]))
    assert LinearizeConstraints().run(problem(*BITS, row)).problem.lins["curve"].rhs.tolist() == [0.2]


def test_like_terms_without_a_float_sum_are_refused() -> None:
    row = curve([[0, 1], [0, 1]], [[0, 0], [0, 0]], [1.0, 2.0**-60], 1.0, "dyadic")
    with pytest.raises(Refused, match="row curve: no float64 read as dyadic is the sum of its like terms"):
        LinearizeConstraints().run(problem(*BITS, row))


def test_squares_of_fractional_rows_are_refused() -> None:
    square = Square(Affine(np.zeros(1), {"x": Dense(np.array([[0.1, 0.7, 1.0]]))}))
    row = Poly("curve", "constraint", (square,), np.zeros(1), "<=", np.ones(1), "decimal")
    with pytest.raises(Refused, match="multiplying out a square term may round its coefficients"):
        LinearizeConstraints().run(problem(*BITS, row))


def test_guard_and_degree_one_rows_go_over() -> None:
    guard = Guard("z", np.array([1]), np.zeros(1))
    row = replace(curve([[0, -1]], [[2, 0]], [3.0], 2.0), guard=guard)
    step = LinearizeConstraints().run(problem(*BITS, row))
    assert step.problem.lins["curve"].guard is guard
    assert not step.problem.constraints
    assert step.lift.records == ()


@pytest.mark.parametrize(
    ("domain", "mixed", "words"),
    [
        ("spin", True, "run spin-to-binary first"),
        ("int", False, "run encode-integers first, or allow mixed=true"),
        ("int", True, None),
        ("real", False, "run grid-reals first, or allow mixed=true"),
    ],
)
def test_factors_that_are_no_binaries(domain: str, mixed: bool, words: str | None) -> None:
    low = {"spin": None, "int": 0.0, "real": 0.0}[domain]
    y = Var.of("y", domain, (2,), low, None if low is None else 5.0)
    row = curve([[0, 1]], [[0, 1]], [1.0], 1.0, names=("x", "y"))
    if words is None:
        step = LinearizeConstraints(mixed=mixed).run(problem(BITS[0], y, row))
        assert step.problem.vars["product"].domain == domain
        assert step.problem.vars["product"].upper.tolist() == [5]
        return
    text = rf"'curve' multiplies y\[1\], which is {domain}, by other variables(.|\n)*{words}"
    with pytest.raises(Refused, match=text):
        LinearizeConstraints(mixed=mixed).run(problem(BITS[0], y, row))


def test_squares_of_integers_are_refused_even_when_mixed() -> None:
    y = Var.of("y", "int", (2,), 0, 5)
    row = curve([[1, 1]], [[1, 1]], [1.0], 1.0, names=("x", "y"))
    with pytest.raises(Refused, match=r"run encode-integers first$"):
        LinearizeConstraints(mixed=True).run(problem(BITS[0], y, row))


# -- encode-products ---------------------------------------------------------------------------------------------------


def test_fortet_rows() -> None:
    z = Var.of("w", "bin", (1,))
    fn = Fn("and", "w", Product(), (Arg("x", np.array([0])), Arg("x", np.array([2]))))
    step = EncodeProducts().run(problem(BITS[0], z, fn))
    new = step.problem.lins["and"]
    assert np.hstack([new.parts["x"].to_dense(), new.parts["w"].to_dense()]).tolist() == [
        [-1, 0, 0, 1], [0, 0, -1, 1], [1, 0, 1, -1],
    ]  # fmt: skip
    assert new.rhs.tolist() == [0, 0, 1]
    assert not step.problem.fns


def test_product_of_two_numbers_is_refused() -> None:
    y, w = Var.of("y", "int", (2,), 0, 5), Var.of("w", "int", (1,), 0, 25)
    fn = Fn("times", "w", Product(), (Arg("y", np.array([0])), Arg("y", np.array([1]))))
    with pytest.raises(Refused, match=r"'times' multiplies y\[0\], which is int, by a variable that is no binary"):
        EncodeProducts().run(problem(y, w, fn))


def test_unbounded_number_is_refused() -> None:
    y, w = Var.of("y", "int", (1,), 0, np.inf), Var.of("w", "int", (1,), 0, np.inf)
    fn = Fn("times", "w", Product(), (Arg("x", np.array([0])), Arg("y", np.array([0]))))
    with pytest.raises(Refused, match=r"'times' multiplies y, which is unbounded|y\[0\], which is unbounded"):
        EncodeProducts().run(problem(BITS[0], y, w, fn))
