"""The verifier: silent on sound problems, and tells everything that is wrong with the others at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Arg, Block, Fn, Guard, Lin, Penalty, Poly, Var
from isinglass.ir.errors import InputError
from isinglass.ir.functions.leaky_relu import LeakyRelu
from isinglass.ir.functions.max import Max
from isinglass.ir.functions.relu import Relu
from isinglass.ir.lift.objective import Objective
from isinglass.ir.operator import Operator, as_operator
from isinglass.ir.operators.code import Code
from isinglass.ir.operators.csr import Csr
from isinglass.ir.operators.dense import Dense
from isinglass.ir.operators.gather import Gather
from isinglass.ir.operators.gram_code import GramCode
from isinglass.ir.operators.identity import Identity
from isinglass.ir.problem import Problem
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear
from isinglass.ir.terms.monomials import Monomials
from isinglass.ir.terms.square import Square
from isinglass.ir.verify import verify

ZERO = np.zeros(1, np.int64)
VARS = (
    Var.of("x", "bin", (2, 2)),
    Var.of("n", "int", (3,), [-np.inf, -2, 0], [5, 5, np.inf]),
    Var.of("s", "spin", (2,), [-1, 1], 1),
    Var.of("r", "real", (), -np.inf, 0.5),
    Var.of("z", "real", (3,)),
    Var.of("h", "real", (3,)),
    Var.of("empty", "int", (0, 3)),
)
ROWS = (
    Lin(
        "cap",
        {"x": as_operator(np.ones((2, 4))), "n": Csr.of(np.ones((2, 3)))},
        "<=",
        np.ones(2),
        "decimal",
        Guard("x", np.array([-1, 3]), np.array([1.0, 0.0])),
        least=np.array([-np.inf, 1.0]),
        names=("one", "two"),
    ),
    Lin("affine", {"n": as_operator(np.ones((3, 3))), "z": Identity(3, -1.0)}, "==", np.zeros(3), defines="z"),
    Fn("relu", "h", Relu(), (Arg("z"),)),
    Poly("objective", "objective", (Linear("r", Identity(1)), Bilinear("x", "n", Dense(np.ones((4, 3))))), np.zeros(1)),
    Poly(
        "curved",
        "constraint",
        (
            Monomials(
                2, ("x", "n"), np.array([0, 1]), np.array([[0, 1], [1, -1]]), np.array([[3, 2], [0, 0]]), np.ones(2)
            ),
        ),
        np.zeros(2),
        "==",
        np.ones(2),
        guard=Guard("x", np.zeros(2, np.int64), np.ones(2)),
    ),
    Poly(
        "pen",
        "penalty",
        (Square(Affine(np.ones(2), {"n": as_operator(np.ones((2, 3)))})),),
        np.zeros(2),
        penalty=Penalty(
            np.array([1.0, 0.0]), np.ones(2), np.zeros(2), "cap", np.arange(2), ("packing",), np.array([0, -1])
        ),
    ),
)
SOUND = Problem("p", (*VARS, *ROWS))


def complaints(problem: Problem) -> list[str]:
    """First lines of all diagnostics."""
    try:
        verify(problem)
    except InputError as error:
        return [str(diagnostic) for diagnostic in error.diagnostics]
    return []


def test_a_sound_problem_passes() -> None:
    assert complaints(SOUND) == []
    assert complaints(Problem("empty")) == []


def without(name: str, *instead: Block) -> Problem:
    """The sound problem with a block replaced."""
    kept = [block for block in SOUND.blocks if block.name != name]
    return Problem("p", (*kept, *instead))


def changed(name: str, **fields: object) -> Problem:
    """The sound problem with fields of a block changed."""
    (block,) = (block for block in SOUND.blocks if block.name == name)
    return without(name, replace(block, **fields))  # type: ignore[arg-type]


def var(domain: str, lower: object, upper: object, shape: tuple[int, ...] = (2, 2)) -> Problem:
    return without(
        "x", *(b for b in [Var("x", domain, shape, np.array(lower, float), np.array(upper, float), "m.glass:1:1")])
    )


def row(operator: Operator) -> Problem:
    return without("cap", Lin("cap", {"n": operator}, "<=", np.ones(2)))


def poly(*terms: object, **fields: object) -> Problem:
    made = Poly("curved", "constraint", terms, np.zeros(1), "<=", np.ones(1))  # type: ignore[arg-type]
    return without("curved", replace(made, **fields))  # type: ignore[arg-type]


def penalty(**fields: object) -> Problem:
    block = SOUND.polys["pen"]
    assert block.penalty is not None
    return changed("pen", penalty=replace(block.penalty, **fields))  # type: ignore[arg-type]


WRONG: list[tuple[Problem, str]] = [
    # names
    (without("cap", Lin("x", {}, "<=", np.ones(1))), "lin 'x': the name is used twice"),
    (changed("cap", parts={"y": as_operator(np.ones((2, 4)))}), "lin 'cap': no variable block 'y'"),
    (
        changed("cap", guard=Guard("xx", np.zeros(2, np.int64), np.ones(2))),
        "no variable block 'xx'\n  help: did you mean 'x'?",
    ),
    (changed("relu", args=(Arg("zz"),)), "fn 'relu': no variable block 'zz'"),
    (changed("relu", output="hh"), "fn 'relu': no variable block 'hh'"),
    (changed("affine", defines="q"), "lin 'affine': no variable block 'q'"),
    (poly(Linear("q", Identity(1))), "poly 'curved': no variable block 'q'"),
    # variables
    (var("binary", [0] * 4, [1] * 4), "var 'x' (m.glass:1:1): unknown domain 'binary'"),
    (var("int", [0] * 3, [1] * 4), "shape (2, 2) with bounds (3,) and (4,)"),
    (var("int", [0] * 6, [1] * 6, (-2, -3)), "shape (-2, -3) with bounds (6,) and (6,)"),
    (var("real", [0, np.nan, 0, 0], [1] * 4), "a bound is NaN: x[0,1] in nan..1"),
    (var("int", [0, 0, 3, 0], [1, 1, 2, 1]), "no value lies within: x[1,0] in 3..2"),
    (var("real", [5] * 4, [1] * 4), "no value lies within: x[0,0] in 5..1, x[0,1] in 5..1, x[1,0] in 5..1 and 1 more"),
    (var("real", [np.inf, 0, 0, 0], [np.inf] * 4), "no value lies within: x[0,0] in inf..inf"),
    (var("real", [-np.inf] * 4, [1, -np.inf, 1, 1]), "no value lies within: x[0,1] in -inf..-inf"),
    (var("int", [0.5, 0, 0, 0], [1] * 4), "a bound is no whole number: x[0,0] in 0.5..1"),
    (var("bin", [0] * 4, [1, 1, 2, 1]), "a binary lies in 0..1: x[1,0] in 0..2"),
    (var("spin", [-1] * 4, [1, 0, 1, 1]), "a spin is -1 or 1: x[0,1] in -1..0"),
    (changed("n", names=("a", "b")), "var 'n': 2 names for 3 elements"),
    (changed("n", names=("a", "b", "a")), "var 'n': two elements have the same name"),
    # operators
    (row(as_operator(np.ones((2, 4)))), "lin 'cap': the operator of 'n' has shape (2, 4), not (2, 3)"),
    (row(as_operator(np.ones((3, 3)))), "the operator of 'n' has shape (3, 3), not (2, 3)"),
    (row(as_operator(np.full((2, 3), np.nan))), "lin 'cap': matrix has numbers that are not finite"),
    (row(Csr(np.ones(1), np.array([7]), np.array([0, 1, 1]), 3)), "column 7 is not in 0..2"),
    (row(Csr(np.array([np.inf]), np.array([0]), np.array([0, 1, 1]), 3)), "data has numbers that are not finite"),
    (row(Gather(np.array([0, 3]), np.ones(2), 3)), "index 3 is not in 0..2"),
    (row(Code(np.array([0, 1, 2]), np.ones(3), 2)), "owner 2 is not in 0..1"),
    (
        row(
            GramCode(
                Dense(np.ones((2, 2))), Code(np.array([0, 1]), np.ones(2), 2), Code(np.array([0, 1, 5]), np.ones(3), 2)
            )
        ),
        "owner 5 is not in 0..1",
    ),
    # rows
    (changed("cap", sense=">="), "lin 'cap': unknown sense '>='"),
    (changed("cap", reading="exact"), "lin 'cap': unknown reading 'exact'"),
    (changed("cap", rhs=np.array([np.nan, 1])), "lin 'cap': rhs of row 0 is nan"),
    (changed("cap", rhs=np.array([1, np.inf])), "lin 'cap': rhs of row 1 is inf"),
    (changed("cap", rhs=np.ones((2, 1))), "2 rows with rhs of shape (2, 1)"),
    (changed("cap", least=np.array([np.nan, 0])), "least of row 0 is nan"),
    (changed("cap", least=np.zeros(3)), "2 rows with least of shape (3,)"),
    (changed("cap", least=np.array([0.0, 2.0])), "no activity of row two lies in 2.0..1.0"),
    (changed("cap", sense="=="), "only a <= row can have a least activity"),
    (changed("cap", guard=Guard("n", np.zeros(2, np.int64), np.ones(2))), "'n' is no block of binaries"),
    (changed("cap", guard=Guard("x", np.array([0, 4]), np.ones(2))), "guard 5 is not in 0..4"),
    (changed("cap", guard=Guard("x", np.array([0, -2]), np.ones(2))), "guard -1 is not in 0..4"),
    (changed("cap", guard=Guard("x", np.zeros(1, np.int64), np.ones(2))), "2 rows with guard arrays (1,) and (2,)"),
    (changed("cap", guard=Guard("x", np.zeros(2, np.int64), np.array([0, 0.5]))), "a guard's value is 0 or 1"),
    # polynomials
    (poly(role="goal"), "poly 'curved': unknown role 'goal'"),
    (poly(rhs=None), "a row needs a right-hand side"),
    (poly(sense=None), "unknown sense None"),
    (poly(constant=np.array([np.nan])), "constant of row 0 is nan"),
    (poly(Linear("n", as_operator(np.ones((2, 3))))), "a term has 2 polynomials, the block 1"),
    (poly(Linear("n", as_operator(np.ones((1, 4))))), "the operator of n has shape (1, 4), not (1, 3)"),
    (poly(Bilinear("n", "r", as_operator(np.ones((3, 2))))), "the operator of n and r has shape (3, 2), not (3, 1)"),
    (poly(Square(Affine(np.array([np.inf]), {"n": as_operator(np.ones((1, 3)))}))), "an offset is not finite"),
    (poly(Monomials(1, ("n",), ZERO, ZERO[:, None], ZERO[:, None] + 3, np.ones(1))), "index into 'n' 3 is not in 0..2"),
    (poly(Monomials(1, ("n",), ZERO, ZERO[:, None], ZERO[:, None], np.array([np.nan]))), "a coefficient is not finite"),
    (changed("objective", constant=np.zeros(2), terms=()), "an objective is one polynomial, not 2"),
    (changed("objective", sense="<="), "only a constraint has a sense, a right-hand side or a guard"),
    (
        changed("curved", role="objective", sense=None, rhs=None, guard=None, terms=(), constant=np.zeros(1)),
        "more than one objective: 'objective', 'curved'",
    ),
    (changed("pen", penalty=None), "poly 'pen': a penalty needs its weights"),
    (penalty(weight=np.ones(3)), "2 rows with weight of shape (3,)"),
    (penalty(weight=np.array([1, np.nan])), "poly 'pen': weight of row 1 is nan"),
    (penalty(weight=np.array([1.0, -1.0])), "poly 'pen': a weight is negative"),
    (penalty(gap=np.array([np.inf, 1])), "gap of row 0 is inf"),
    (penalty(row=np.zeros(3, np.int64)), "2 penalties with 3 source rows"),
    (penalty(rule=np.array([0, 1])), "rule 2 is not in 0..1"),
    # functions
    (changed("relu", args=(Arg("z"), Arg("z"))), "fn 'relu': relu does not take 2 arguments"),
    (changed("relu", function=Max(), args=()), "max does not take 0 arguments"),
    (changed("relu", function=LeakyRelu(np.nan)), "alpha has numbers that are not finite"),
    (changed("relu", args=(Arg("z", np.array([0, 1, 3])),)), "index into 'z' 3 is not in 0..2"),
    (changed("relu", args=(Arg("z", np.array([0, 1])),)), "argument 'z' has 2 elements, the output 3"),
    (changed("relu", args=(Arg("x"),)), "argument 'x' has 4 elements, the output 3"),
    # definitions
    (changed("affine", sense="<="), "lin 'affine': only unguarded equalities that read 'z' can define it"),
    (changed("affine", defines="h"), "only unguarded equalities that read 'h' can define it"),
    (
        changed("affine", parts={"z": as_operator(np.ones((3, 3)))}),
        "'z' must stand in the rows with one factor, not zero, per row",
    ),
    (changed("affine", parts={"z": Identity(3, 0.0)}), "'z' must stand in the rows with one factor, not zero, per row"),
    (changed("relu", output="z", args=(Arg("h"),)), "fn 'relu': 'z' is computed by another block too"),
    (changed("affine", parts={"h": Identity(3), "z": Identity(3)}), "blocks are computed from themselves: "),
    (changed("relu", args=(Arg("h"),)), "blocks are computed from themselves: h -> h"),
    # the whole
    (replace(SOUND, source=Objective(0.0)), "the source's objective has scale 0.0 and offset 0.0"),
    (replace(SOUND, source=Objective(1.0, np.nan)), "the source's objective has scale 1.0 and offset nan"),
]


@pytest.mark.parametrize(("problem", "words"), WRONG, ids=[words[:40] for _, words in WRONG])
def test_what_is_wrong_is_told(problem: Problem, words: str) -> None:
    found = complaints(problem)
    assert any(words in text for text in found), found


def test_everything_wrong_is_told_at_once() -> None:
    problem = Problem(
        "p",
        (
            Var("x", "bin", (2,), np.zeros(2), np.full(2, 3.0)),
            Lin("a", {"y": Identity(1)}, "<", np.array([np.nan])),
            Fn("f", "x", Max(), (Arg("x", np.array([9])),)),
            Poly("o", "objective", (), np.zeros(3)),
        ),
    )
    codes = [text.partition("]")[0].partition("[")[2] for text in complaints(problem)]
    assert codes == ["bounds", "unknown-name", "sense", "not-finite", "index", "shape", "shape", "definition"]


def test_messages_name_block_and_origin() -> None:
    problem = Problem("p", (Var("x", "int", (), np.array([3.0]), np.array([2.0]), "model.glass:4:9"),))
    assert complaints(problem) == ["error[bounds]: var 'x' (model.glass:4:9): no value lies within: x in 3..2"]


def test_structured_operators_are_not_materialised(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("materialised")

    patches: list[tuple[type, str, Callable[..., None]]] = [
        (GramCode, "to_csr", refuse),
        (GramCode, "to_dense", refuse),
    ]
    for cls, method, instead in patches:
        monkeypatch.setattr(cls, method, instead)
    codes = Code(np.repeat(np.arange(3), 2), np.ones(6), 3)
    form = Bilinear("b", "b", GramCode(Dense(np.ones((3, 3))), codes, codes))
    verify(Problem("p", (Var.of("b", "bin", (6,)), Poly("o", "objective", (form,), np.zeros(1)))))
