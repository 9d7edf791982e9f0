"""Levels: what each forbids, and how that is told."""

from __future__ import annotations

import numpy as np
import pytest

from isinglass.ir.affine import Affine
from isinglass.ir.blocks import Arg, Block, Fn, Guard, Lin, Penalty, Poly, Var
from isinglass.ir.errors import CompileError, UsageError
from isinglass.ir.functions.relu import Relu
from isinglass.ir.levels import LEVELS, WHAT, Illegal, check_level, level_of, violations
from isinglass.ir.operator import as_operator
from isinglass.ir.problem import Problem
from isinglass.ir.terms.bilinear import Bilinear
from isinglass.ir.terms.linear import Linear
from isinglass.ir.terms.monomials import Monomials
from isinglass.ir.terms.square import Square

REAL, INT = Var.of("x", "real", (2,), origin="m.glass:1:1"), Var.of("x", "int", (2,), 0, 3, "m.glass:1:1")
BIN, SPIN = Var.of("x", "bin", (2,), origin="m.glass:1:1"), Var.of("x", "spin", (2,), origin="m.glass:1:1")
ONES = as_operator(np.ones((1, 2)))
ROW = Lin("row", {"x": ONES}, "<=", np.ones(1), origin="m.glass:2:1")
EQUATION = Lin("row", {"x": ONES}, "==", np.ones(1), origin="m.glass:2:1")
GUARDED = Lin(
    "row", {"x": ONES}, "<=", np.ones(1), guard=Guard("x", np.zeros(1, np.int64), np.ones(1)), origin="m.glass:2:1"
)
RANGED = Lin("row", {"x": ONES}, "<=", np.ones(1), least=np.zeros(1), origin="m.glass:2:1")
CUBE = Monomials(1, ("x",), np.zeros(1, np.int64), np.zeros((1, 3), np.int64), np.array([[0, 1, 1]]), np.ones(1))
LINEAR = Poly("o", "objective", (Linear("x", ONES),), np.zeros(1), origin="m.glass:3:1")
QUADRATIC = Poly("o", "objective", (Bilinear("x", "x", as_operator(np.eye(2))),), np.zeros(1), origin="m.glass:3:1")
CUBIC = Poly("o", "objective", (CUBE,), np.zeros(1), origin="m.glass:3:1")
CONSTANT = Poly("o", "objective", (), np.ones(1), origin="m.glass:3:1")
CURVED = Poly("con", "constraint", (CUBE,), np.zeros(1), "<=", np.zeros(1), origin="m.glass:4:1")
WEIGHTS = Penalty(np.ones(1), np.ones(1), np.zeros(1), "row", np.zeros(1, np.int64))
PENALTY = Poly(
    "pen", "penalty", (Square(Affine(np.ones(1), {"x": ONES})),), np.zeros(1), penalty=WEIGHTS, origin="m.glass:2:1"
)
STEEP = Poly("pen", "penalty", (CUBE,), np.zeros(1), penalty=WEIGHTS, origin="m.glass:2:1")
FN = Fn("fn", "x", Relu(), (Arg("x"),), origin="onnx:Relu_1")
FIXED = Var.of("x", "bin", (2,), 0, np.array([0.0, 1.0]), "m.glass:1:1")
UP = Var.of("x", "spin", (2,), 1, 1, "m.glass:1:1")

ALLOWED: dict[str, list[tuple[Block, ...]]] = {
    "net": [(REAL, FN, CURVED, GUARDED, PENALTY, STEEP, CUBIC), (FIXED, RANGED), (SPIN, EQUATION), (INT,)],
    "mip": [(REAL, ROW, LINEAR), (INT, EQUATION, QUADRATIC), (FIXED, RANGED, CONSTANT)],
    "poly": [(BIN, CUBIC, STEEP), (SPIN, QUADRATIC, PENALTY), ()],
    "bqm": [(BIN, QUADRATIC, PENALTY), (BIN,)],
    "spin": [(SPIN, QUADRATIC, PENALTY), (SPIN, CONSTANT)],
    "linear": [(REAL, EQUATION), (REAL, EQUATION, CONSTANT), (Var.of("x", "real", (2,), 0, 1),)],
}
FORBIDDEN: dict[str, list[tuple[Block, str]]] = {
    "net": [],
    "mip": [
        (SPIN, "spin"),
        (FN, "fn"),
        (GUARDED, "guard"),
        (CURVED, "constraint-poly"),
        (PENALTY, "penalty"),
        (CUBIC, "high-degree"),
    ],
    "poly": [
        (REAL, "real"),
        (INT, "int"),
        (ROW, "lin"),
        (EQUATION, "lin"),
        (GUARDED, "lin"),
        (FN, "fn"),
        (CURVED, "constraint-poly"),
        (FIXED, "bounds"),
        (UP, "bounds"),
    ],
    "bqm": [
        (REAL, "real"),
        (INT, "int"),
        (SPIN, "spin"),
        (ROW, "lin"),
        (FN, "fn"),
        (CURVED, "constraint-poly"),
        (FIXED, "bounds"),
        (CUBIC, "high-degree"),
        (STEEP, "high-degree"),
    ],
    "spin": [
        (REAL, "real"),
        (INT, "int"),
        (BIN, "bin"),
        (ROW, "lin"),
        (FN, "fn"),
        (CURVED, "constraint-poly"),
        (UP, "bounds"),
        (CUBIC, "high-degree"),
        (STEEP, "high-degree"),
    ],
    "linear": [
        (INT, "int"),
        (BIN, "bin"),
        (SPIN, "spin"),
        (ROW, "lin"),
        (RANGED, "lin"),
        (GUARDED, "lin"),
        (FN, "fn"),
        (CURVED, "constraint-poly"),
        (LINEAR, "poly-objective"),
        (QUADRATIC, "poly-objective"),
        (PENALTY, "penalty"),
    ],
}


def test_every_level_is_tried() -> None:
    assert set(ALLOWED) == set(FORBIDDEN) == set(LEVELS)
    assert {what for found in FORBIDDEN.values() for _, what in found} == set(WHAT)


@pytest.mark.parametrize("level", LEVELS)
def test_what_a_level_allows(level: str) -> None:
    for blocks in ALLOWED[level]:
        assert violations(Problem("p", blocks), level) == []
        check_level(Problem("p", blocks), LEVELS[level])


@pytest.mark.parametrize(
    ("level", "block", "what"), [(key, *case) for key, found in FORBIDDEN.items() for case in found]
)
def test_what_a_level_forbids(level: str, block: Block, what: str) -> None:
    assert violations(Problem("p", (block,)), level.upper()) == [Illegal(block.name, block.origin, what)]


def test_everything_forbidden_is_told_with_origin_and_remedy() -> None:
    problem = Problem("p", (REAL, ROW, CUBIC))
    with pytest.raises(CompileError) as caught:
        check_level(problem, "bqm", {"real": ["grid-reals"], "lin": ["penalize", "drop-rows"]})
    assert [str(d).splitlines() for d in caught.value.diagnostics] == [
        [
            "error[level]: block 'x' (from m.glass:1:1) has real variables, which level BQM does not allow",
            "  help: pass grid-reals removes them",
        ],
        [
            "error[level]: block 'row' (from m.glass:2:1) has linear rows, which level BQM does not allow",
            "  help: pass penalize or drop-rows removes them",
        ],
        [
            "error[level]: block 'o' (from m.glass:3:1) has products of too many variables, which level BQM does not "
            "allow",
            "  help: no known pass removes them",
        ],
    ]
    assert caught.value.exit_code == 1


def test_unknown_levels_are_usage_errors() -> None:
    assert level_of("BQM") is LEVELS["bqm"]
    with pytest.raises(UsageError, match="unknown level 'bqn'\n  help: did you mean 'bqm'"):
        violations(Problem("p"), "bqn")
