"""The text form: exact round trips of everything, clear errors for everything else."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Arg, Block, Fn, Guard, Lin, Penalty, Poly, Var
from isinglass.ir.definition import Apply, Quotient, Sum
from isinglass.ir.errors import InputError
from isinglass.ir.functions.hardtanh import Hardtanh
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.max import Max
from isinglass.ir.guarantee import FEASIBLE, OPTIMUM, Guarantee
from isinglass.ir.ledger import Note
from isinglass.ir.lift.affine import Affine as AffineLift
from isinglass.ir.lift.code import Code as CodeLift
from isinglass.ir.lift.complete import Complete
from isinglass.ir.lift.fix import Fix
from isinglass.ir.lift.objective import Objective
from isinglass.ir.lift.recover import Recover
from isinglass.ir.lift.slice import Slice
from isinglass.ir.lifting import Lift
from isinglass.ir.operator import Operator, as_operator
from isinglass.ir.operators.code import Code
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.gather import Gather
from isinglass.ir.operators.gram_code import GramCode
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.rules import FUNCTIONS, LIFTS
from isinglass.ir.tasks import Optimize, Prove
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear
from isinglass.ir.terms.monomials import Monomials
from isinglass.ir.terms.square import Square
from isinglass.ir.text import INLINE, parse_ir, parse_value, print_ir, print_value
from isinglass.ir.unsafe import UnsafeSet


def equal(a: Any, b: Any) -> bool:
    """The same tree: types, shapes, bits."""
    if isinstance(a, np.ndarray):
        if not isinstance(b, np.ndarray) or a.shape != b.shape or a.dtype.kind != b.dtype.kind:
            return False
        if a.dtype.kind == "f":  # one NaN is as good as another
            a, b = (np.where(np.isnan(side), np.nan, side) for side in (a, b))
        return a.tobytes() == b.tobytes() if a.dtype == b.dtype else bool((a == b).all())
    if is_dataclass(a):
        return type(a) is type(b) and all(equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return isinstance(b, (tuple, list)) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, float):
        return isinstance(b, float) and (a.hex() == b.hex() or (a != a and b != b))
    return type(a) is type(b) and bool(a == b)


# -- random trees -----------------------------------------------------------------------------------------------------

names = st.text(min_size=1, max_size=6)
numbers = st.floats() | st.sampled_from([0.0, -0.0, 1.0, -3.0, 0.1, 1e15, 1e16, 5e-324, np.inf, -np.inf, np.nan])


@st.composite
def arrays(draw: st.DrawFn, size: int) -> Any:
    """Random, constant or whole numbers, so that every way of writing an array occurs."""
    if draw(st.booleans()):
        return np.full(size, draw(numbers))
    seed = draw(st.integers(0, 99))
    drawn = np.random.default_rng(seed).normal(size=size)
    return np.rint(drawn) if draw(st.booleans()) else drawn


@st.composite
def operators(draw: st.DrawFn, m: int, n: int) -> Operator:
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    matrix = rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.6)
    choices: list[Operator] = [
        Dense(matrix),
        Csr.of(matrix),
        Gather(rng.integers(0, n, m), rng.normal(size=m), n),
        Code(rng.integers(0, m, n), np.ones(n), m),
        GramCode(
            Dense(np.ones((2, 2))),
            Code(rng.integers(0, 2, m), np.ones(m), 2),
            Code(rng.integers(0, 2, n), np.ones(n), 2),
        ),
    ]
    return draw(st.sampled_from([*choices, Identity(n, 0.5)] if m == n else choices))


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    x, y, z = draw(st.lists(names, min_size=3, max_size=3, unique=True))
    n, m = draw(st.integers(1, 2 * INLINE)), draw(st.integers(1, 4))
    called = draw(st.sampled_from([(), tuple(f"e{i}" for i in range(n))]))
    blocks: list[Block] = [
        Var(x, "real", (n,), draw(arrays(n)), draw(arrays(n)), draw(st.text(max_size=4)), called),
        Var.of(y, "bin", (2, m)),
        Var.of(z, "int", (), 0, 7),
    ]
    guard = Guard(y, np.arange(m), np.ones(m)) if draw(st.booleans()) else None
    row = Lin(
        "row",
        {x: draw(operators(m, n)), z: draw(operators(m, 1))},
        draw(st.sampled_from(["<=", "=="])),
        draw(arrays(m)),
        draw(st.sampled_from(["decimal", "simplest", "dyadic"])),
        guard,
        draw(st.none() | arrays(m)),
        draw(st.none() | names),
        draw(st.none() | names),
    )
    k = draw(st.integers(0, 20))
    which = np.zeros((k, 2), np.int64)
    monomials = Monomials(m, (y, x), np.arange(k) % m, which, which, draw(arrays(k)))
    square = Square(Affine(draw(arrays(m)), {x: draw(operators(m, n))}))
    penalty = Penalty(np.ones(m), np.ones(m), np.zeros(m), "row", np.arange(m), ("packing",), np.zeros(m, np.int64))
    blocks += [
        row,
        Fn(
            "fn",
            z,
            draw(st.sampled_from([Max(), LeakyRelu(0.125), LeakyRelu(), Hardtanh(0.0, 6.0)])),
            (Arg(y, np.array([0])), Arg(z)),
        ),
        Poly("obj", "objective", (Bilinear(x, x, draw(operators(n, n))), Linear(z, draw(operators(1, 1)))), np.ones(1)),
        Poly("con", "constraint", (monomials,), draw(arrays(m)), "<=", draw(arrays(m)), guard=guard),
        Poly("pen", "penalty", (square, monomials), draw(arrays(m)), penalty=penalty),
    ]
    ledger = (Note("who", "what", draw(st.text(max_size=3)), 2, draw(numbers), "u", True),)
    source = Objective(draw(st.sampled_from([1.0, -1.0, 0.5])), draw(numbers))
    return Problem(
        draw(st.text(max_size=5)), tuple(draw(st.permutations(blocks))), source, draw(st.sampled_from([(), ledger]))
    )


@st.composite
def lifts(draw: st.DrawFn) -> Lift:
    n = draw(st.integers(0, 20))
    codes = Code(np.arange(n), np.ones(n), max(n, 1))
    rules = [
        Sum(Affine(draw(arrays(n)), {"y": Identity(n)})),
        Quotient(Affine(np.zeros(n)), 0.5, np.zeros(n), draw(arrays(n))),
        Apply(Max(), (Arg("a"), Arg("b", np.arange(n)))),
    ]
    records = [
        AffineLift("x", "y", draw(arrays(n)), draw(arrays(n))),
        CodeLift("x", "b", codes, draw(arrays(codes.height)), "choice"),
        Complete("s", draw(st.sampled_from(rules))),
        Fix("x", "x", np.arange(n), draw(arrays(n))),
        Recover("x", draw(st.sampled_from(rules)), 1e-9),
        Slice("x", n, {"a": np.arange(n), "b": np.zeros(0, np.int64)}),
        Objective(-1.0, draw(numbers)),
    ]
    assert {type(record).__module__.rpartition(".")[2] for record in records} == {
        key.replace("-", "_") for key in LIFTS
    }
    return Lift(tuple(draw(st.lists(st.sampled_from(records), max_size=4))))


guarantees = st.builds(
    Guarantee,
    st.sampled_from(FEASIBLE),
    st.sampled_from(OPTIMUM),
    numbers,
    st.dictionaries(names, numbers, max_size=2),
    st.none() | numbers,
)
lists = st.recursive(
    st.none() | st.booleans() | numbers | st.integers() | st.text() | arrays(1) | arrays(2),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
)


@given(problems())
def test_problems_come_back_exactly(problem: Problem) -> None:
    text, side = print_ir(problem)
    back = parse_ir(text, side)
    assert equal(problem, back)
    again, same_side = print_ir(back)
    assert again == text
    assert list(same_side) == list(side)
    assert text.count("\n") == len(problem.blocks) + 3


@given(lifts() | guarantees)
def test_lifts_and_guarantees_come_back_exactly(value: Any) -> None:
    text, side = print_value(value)
    assert equal(value, parse_value(text, side))
    assert print_value(parse_value(text, side))[0] == text


@given(lists)
def test_plain_values_come_back_exactly(value: Any) -> None:
    text, side = print_value(value)
    assert equal(value, parse_value(text, side))


@given(problems())
def test_tasks_hold_problems(problem: Problem) -> None:
    side = np.zeros((1, 1))
    forms = Affine(np.zeros(1), {"y": Identity(1)})
    unsafe = UnsafeSet(
        forms, np.array([True]), np.array([0, 1]), np.zeros(1, np.int64), side, side + 1, side, side, "dyadic", ("c",)
    )
    prove = Prove(problem, unsafe, "claim", "x", "y", options={"form": "big-m", "deep": {"a": (1, None)}})
    for task in (prove, Optimize(problem)):
        text, side = print_value(task)
        assert equal(task, parse_value(text, side))


def test_every_function_has_a_text() -> None:
    for key in FUNCTIONS:
        text, side = print_value(FUNCTIONS[key]())
        assert type(parse_value(text, side)) is FUNCTIONS[key]


def test_the_text_is_readable() -> None:
    row = Lin(
        "cap", {"x": as_operator([[3.0, 0.5]]), "y": Identity(1, -1.0)}, "<=", np.array([9.0]), origin="m.glass:3:1"
    )
    problem = Problem("knapsack", (Var.of("x", "bin", (2,)), Var.of("y", "int", (1,), 0, 7), row), Objective(-1.0))
    text, side = print_ir(problem)
    assert not side
    assert (
        text
        == """isinglass 1
problem "knapsack" (source = lift_objective(scale = -1.0)) {
  var "x" (domain = "bin", shape = [2], lower = f64[2](0, 0), upper = f64[2](1, 1))
  var "y" (domain = "int", shape = [1], lower = f64[1](0), upper = f64[1](7))
  lin "cap" (parts = {"x": dense(matrix = f64[1,2](3, 0.5)), "y": identity(size = 1, factor = -1.0)}, sense = "<=", \
rhs = f64[1](9), origin = "m.glass:3:1")
}
"""
    )


def test_layout_and_comments_do_not_matter() -> None:
    text = 'isinglass 1 // version\nproblem "p" ()\n{ var "x" (domain="bin",shape=[],\n  lower=f64[1]( 0 ),'
    text += "upper=f64[1](1)) }"
    assert equal(parse_ir(text), Problem("p", (Var.of("x", "bin"),)))


# -- arrays beside the text -------------------------------------------------------------------------------------------


def big() -> tuple[str, dict[str, Any]]:
    lower = np.arange(2.0 * INLINE)
    return print_ir(
        Problem("p", (Var("x", "real", lower.shape, lower, lower + 1), Var("y", "real", lower.shape, lower, lower + 1)))
    )


def test_equal_large_arrays_are_stored_once() -> None:
    text, side = big()
    assert len(side) == 2
    assert text.count("#1:") == text.count("#2:") == 2
    x, y = parse_ir(text, side).blocks
    assert isinstance(x, Var)
    assert isinstance(y, Var)
    assert np.array_equal(x.lower, y.lower)


@pytest.mark.parametrize("change", ["value", "shape", "type", "swap"])
def test_a_side_file_that_is_not_the_one_saved_is_refused(change: str) -> None:
    text, side = big()
    first, second = side
    wrong = dict(side)
    if change == "value":
        wrong[first] = side[first] + np.eye(1, side[first].size)[0] * 1e-12
    elif change == "shape":
        wrong[first] = side[first][:-1]
    elif change == "type":
        wrong[first] = side[first].astype(np.float32)
    else:
        wrong[first], wrong[second] = side[second], side[first]
    with pytest.raises(
        InputError, match=r"b\.igir: line 3: array 1:[0-9a-f]{32} in the side file is not the one"
    ):
        parse_ir(text, wrong, "b.igir")


def test_a_missing_side_file_is_told() -> None:
    with pytest.raises(
        InputError, match=r"line 3: array 1:[0-9a-f]{32} is not in the side file\n  help: restore"
    ):
        parse_ir(big()[0])


# -- damage -----------------------------------------------------------------------------------------------------------

SAMPLE = """isinglass 1
problem "p" () {
  var "x" (domain = "int", shape = [2], lower = f64[2](0, 0), upper = f64[2](7, 7))
  lin "cap" (parts = {"x": csr(data = f64[2](1, 2.5), indices = i64[2](0, 1), indptr = i64[2](0, 2), width = 2)}, \
sense = "<=", rhs = f64[1](9))
  poly "o" (role = "objective", terms = [linear(variable = "x", operator = dense(matrix = f64[1,2](1, 1)))], \
constant = f64[1](0))
}
"""


def test_every_truncation_is_refused() -> None:
    assert isinstance(parse_ir(SAMPLE), Problem)
    for end in range(len(SAMPLE.rstrip())):
        with pytest.raises(InputError):
            parse_ir(SAMPLE[:end], file="cut.igir")


@given(st.data())
def test_edits_are_refused_or_read_as_something_that_prints(data: st.DataObject) -> None:
    """No other exception, whatever is typed over the text."""
    start = data.draw(st.integers(0, len(SAMPLE) - 1))
    end = data.draw(st.integers(start, min(len(SAMPLE), start + 6)))
    inserted = data.draw(
        st.sampled_from(
            ["", "0", "-", '"', "(", ")", "[", "]", "none", "nan", "x", ",", "1e999", "=", "true", "\\", "{", "..."]
        )
    )
    try:
        problem = parse_ir(SAMPLE[:start] + inserted + SAMPLE[end:])
    except InputError:
        return
    text, side = print_ir(problem)
    assert equal(parse_ir(text, side), problem)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("isinglass 1", "isinglass 2", "text form version 2 is not known"),
        ("csr(", "cser(", "line 4: unknown constructor cser"),
        ("lin ", "row ", "line 4: unknown block kind row"),
        ("width = 2", "wide = 2", "line 4: csr: .*unexpected keyword argument 'wide'"),
        (", width = 2", "", "line 4: csr: .*missing 1 required positional argument: 'width'"),
        ("width = 2", "width = 2, width = 3", "field 'width' is given twice"),
        ("width = 2", 'width = "2"', "line 4: csr: width can't be str '2'"),
        ("width = 2", "width = 2.5", "line 4: csr: width can't be float 2.5"),
        ("f64[2](1, 2.5)", "i64[2](1, 2)", r"line 4: csr: data can't be an array of int64 \(2,\)"),
        ("f64[2](1, 2.5)", "none", "line 4: csr: data can't be nonetype"),
        ("f64[2](1, 2.5)", "f64[3](1, 2.5)", r"line 4: array f64\[3\] holds 2 numbers"),
        ("i64[2](0, 1)", "i64[2](0, 1.5)", r"line 4: 1.5 is no number of array i64\[2\]"),
        ("i64[2](0, 1)", "i64[2](99999999999999999999, 1)", "too large|out of bounds"),
        ("i64[2](0, 1)", "i64[999999999999](0 ...)", "would create 999,999,999,999 entries"),
        ("terms = [", "terms = [identity(size = 2), ", "line 5: poly: terms can't be tuple"),
        (
            '"x": csr',
            '"x": csr(data = f64[0](), indices = i64[0](), indptr = i64[1](0), width = 2), "x": csr',
            "key 'x' is given twice",
        ),
        ('sense = "<="', "sense = never", "line 4: unknown word never"),
        ('"cap"', '"c\\ap"', "Invalid"),
        ("{\n  var", "\n  var", "p.igir:3:3: error.text-form.: not in the text form here"),
    ],
)
def test_messages(old: str, new: str, words: str) -> None:
    edited = SAMPLE.replace(old, new, 1)
    assert edited != SAMPLE
    with pytest.raises(InputError, match=words):
        parse_ir(edited, file="p.igir")


def test_a_value_is_no_problem() -> None:
    with pytest.raises(InputError):
        parse_ir("lift(records = [])")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InputError, match="nested too deeply"):
        parse_value("[" * 5000 + "]" * 5000)
