"""What specs mean, judged point by point against plain Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass.frontends.glass.reader import parse_spec, read_spec
from isinglass.ir.builder import Builder
from isinglass.ir.evaluate import evaluate
from isinglass.ir.tasks import Optimize

from .glass_cases import check, folder, problem_of

KNAPSACK = """
param v = [4, 6.5, 3, 8]
var take : bin[4]
var spare : int in 0..7
maximize sum(v[i] * take[i] for i in 0..3)
require cap: [3, 5, 2, 7] @ take + spare <= 9
require pick: take[j] + take[j+2] <= 1 for j in 0..1
require gate: when take[0] then spare >= 2
require soft: take[1] * take[2] == 0 else cost 3.5
"""


def test_the_knapsack_of_the_design() -> None:
    def value(take: np.ndarray, spare: np.ndarray) -> float | None:
        s = float(spare)
        held = [3, 5, 2, 7] @ take + s <= 9 and take[0] + take[2] <= 1 and take[1] + take[3] <= 1
        if not held or (take[0] and s < 2):
            return None
        return float([4, 6.5, 3, 8] @ take) - 3.5 * float(take[1] * take[2])

    check(KNAPSACK, value)


def test_the_same_blocks_as_the_builder_makes() -> None:
    b = Builder()
    x = b.binary("x", (3,))
    b.add("cap", np.array([3.0, 5.0, 2.0]) @ x <= 7)
    b.maximize(np.array([4.0, 6.0, 3.0]) @ x + 2 * x[0] * x[1])
    hand = b.build()
    spec = problem_of("var x : bin[3]\nmaximize [4, 6, 3] @ x + 2 * x[0] * x[1]\nrequire cap: [3, 5, 2] @ x <= 7")
    table = {"x": np.array(np.meshgrid(*[[0.0, 1.0]] * 3)).reshape(3, -1).T}
    one, two = evaluate(hand, table), evaluate(spec, table)
    assert (one.objective == two.objective).all() and (one.feasible == two.feasible).all()
    assert (one.violation["cap"] == two.violation["cap"]).all()


ROWS = {
    "ge": ("require x + 2*y >= 3", lambda x, y: x + 2 * y >= 3),
    "eq": ("require 2*x == y + 1", lambda x, y: 2 * x == y + 1),
    "ranged": ("require 2 <= x + y <= 4", lambda x, y: 2 <= x + y <= 4),
    "falling": ("require 4 >= x + y >= 2", lambda x, y: 2 <= x + y <= 4),
    "chain": ("require x <= y <= 2*x", lambda x, y: x <= y <= 2 * x),
    "long chain": ("require 1 <= x <= y <= 2", lambda x, y: 1 <= x <= y <= 2),
    "and": ("require x <= 1 and y >= 2", lambda x, y: x <= 1 and y >= 2),
    "or": ("require x <= 0 or y >= 3", lambda x, y: x <= 0 or y >= 3),
    "or of and": ("require x <= 1 and y <= 1 or x == 3", lambda x, y: (x <= 1 and y <= 1) or x == 3),
    "and of or": ("require (x == 0 or y == 0) and x + y >= 2", lambda x, y: (x == 0 or y == 0) and x + y >= 2),
    "or of or": ("require (x == 0 or y == 0) or (x == y and x >= 2)", lambda x, y: x == 0 or y == 0 or x == y >= 2),
    "or of equals": ("require x == 1 or y == 1 or x + y == 5", lambda x, y: x == 1 or y == 1 or x + y == 5),
    "fractions": ("require x/3 + 0.1*y <= 0.7", lambda x, y: 10 * x + 3 * y <= 21),
    "product": ("require x * y <= 3", lambda x, y: x * y <= 3),
    "square": ("require (x - y)^2 <= 1", lambda x, y: (x - y) ** 2 <= 1),
    "cubic": ("require x^2 * y >= 4", lambda x, y: x * x * y >= 4),
    "ranged product": ("require 1 <= x * y <= 4", lambda x, y: 1 <= x * y <= 4),
    "brackets": ("require -(x - 2*(y - 1)) <= 1", lambda x, y: -(x - 2 * (y - 1)) <= 1),
    "let": ("let s = x + y\nrequire s <= 3", lambda x, y: x + y <= 3),
    "let array": (
        "let a = [x, 2*y, x + y]\nrequire sum(a) <= 6\nrequire a[1] <= 4",
        lambda x, y: 2 * x + 3 * y <= 6 and y <= 2,
    ),
    "cancelled": ("require x + y - x <= 2 + 0*x", lambda x, y: y <= 2),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_over_two_integers(name: str) -> None:
    rows, holds = ROWS[name]
    text = f"var x : int in 0..3\nvar y : int in 0..3\nminimize x + 10*y\n{rows}"
    check(text, lambda x, y: float(x + 10 * y) if holds(int(x), int(y)) else None)


GUARDED = {
    "when": ("when b[0] then x >= 2", lambda b, x: x >= 2 or not b[0]),
    "when not": ("when not b[1] then x == 1", lambda b, x: x == 1 or b[1]),
    "when equals one": ("when b[0] == 1 then x >= 2", lambda b, x: x >= 2 or not b[0]),
    "when equals zero": ("when b[0] == 0 then x >= 2", lambda b, x: x >= 2 or b[0]),
    "when range": ("when b[0] then 1 <= x <= 2", lambda b, x: 1 <= x <= 2 or not b[0]),
    "when both": ("when b[0] and not b[1] then x <= 1", lambda b, x: x <= 1 or not b[0] or b[1]),
    "when or": ("when b[0] then x == 0 or x == 3", lambda b, x: x in (0, 3) or not b[0]),
    "when and": ("when b[0] then x >= 1 and x <= 2", lambda b, x: 1 <= x <= 2 or not b[0]),
    "when product": ("when b[0] then x * b[1] >= 1", lambda b, x: x * b[1] >= 1 or not b[0]),
    "or binary": ("b[0] or x <= 1", lambda b, x: b[0] or x <= 1),
    "or not binary": ("not b[0] or not b[1] or x == 2", lambda b, x: not b[0] or not b[1] or x == 2),
    "clause": ("b[0] or b[1]", lambda b, x: b[0] or b[1]),
    "clause with equals": ("b[0] == 0 or b[1] == 1", lambda b, x: not b[0] or b[1]),
    "binary": ("b[0] and not b[1]", lambda b, x: b[0] and not b[1]),
    "for when": ("when b[i] then x >= i + 1 for i in 0..1", lambda b, x: all(x >= i + 1 or not b[i] for i in (0, 1))),
    "for or": ("b[i] or x <= 2*i for i in 0..1", lambda b, x: all(b[i] or x <= 2 * i for i in (0, 1))),
    "for two cases": (
        "x <= i or x >= 2 + i for i in 0..1",
        lambda b, x: all(x <= i or x >= 2 + i for i in (0, 1)),
    ),
    "when of a vector": ("when b[0] then b + x >= 2", lambda b, x: (b[1] + x >= 2 and b[0] + x >= 2) or not b[0]),
}  # fmt: skip


@pytest.mark.parametrize("name", GUARDED)
def test_rows_with_conditions(name: str) -> None:
    row, holds = GUARDED[name]
    text = f"var b : bin[2]\nvar x : int in 0..3\nmaximize x - b[0] - 2*b[1]\nrequire {row}"
    check(text, lambda b, x: float(x - b[0] - 2 * b[1]) if holds(b, int(x)) else None)


SOFT = {
    "one": ("x <= 1 else cost 2", lambda b, x: 2 * (x > 1)),
    "vector": ("b + x <= 2 else cost [2, 5]", lambda b, x: 2 * (b[0] + x > 2) + 5 * (b[1] + x > 2)),
    "for": ("x <= i + b[i] else cost 3*i + 1 for i in 0..1", lambda b, x: (x > b[0]) + 4 * (x > 1 + b[1])),
    "for first": ("x <= i + b[i] for i in 0..1 else cost 3*i + 1", lambda b, x: (x > b[0]) + 4 * (x > 1 + b[1])),
    "range": ("1 <= x <= 2 else cost 2", lambda b, x: 2 * (not 1 <= x <= 2)),
    "and is broken once": ("x >= 1 and b[0] + b[1] <= 1 else cost 2", lambda b, x: 2 * (not (x >= 1 and b.sum() <= 1))),
    "or": ("x == 0 or x == 3 else cost 2.5", lambda b, x: 2.5 * (x not in (0, 3))),
    "when": ("when b[0] then x >= 2 else cost 4", lambda b, x: 4 * (b[0] and x < 2)),
    "when not, or": (
        "when not b[0] then x == 1 or b[1] else cost 4",
        lambda b, x: 4 * (not b[0] and x != 1 and not b[1]),
    ),
    "binary": ("b[0] else cost 1.5", lambda b, x: 1.5 * (not b[0])),
    "product": ("b[0] * b[1] == 0 else cost 3", lambda b, x: 3 * (b[0] * b[1])),
}  # fmt: skip


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("name", SOFT)
def test_costs_are_paid_whichever_way_the_goal_goes(name: str, goal: str) -> None:
    row, cost = SOFT[name]
    sign = 1 if goal == "minimize" else -1
    text = f"var b : bin[2]\nvar x : int in 0..3\n{goal} x + b[0]\nrequire {row}"
    check(text, lambda b, x: float(x + b[0]) + sign * float(cost(b, int(x))))


OBJECTIVES = {
    "sum": ("sum(s[i] * s[i+1] for i in 0..2)", lambda s: sum(s[i] * s[i + 1] for i in range(3))),
    "pairs": ("sum((i + 2*j) * s[i] * s[j] for i in 0..3, j in 0..3 if i < j)",
              lambda s: sum((i + 2 * j) * s[i] * s[j] for i in range(4) for j in range(4) if i < j)),
    "dependent range": ("sum(s[i] * s[j] for i in 0..3, j in i+1..3)",
                        lambda s: sum(s[i] * s[j] for i in range(4) for j in range(i + 1, 4))),
    "nested": ("sum(i * sum(s[j] for j in i..3) for i in 0..3)", lambda s: sum(i * s[i:].sum() for i in range(4))),
    "cubic": ("s[0]*s[1]*s[2] - 2*s[1]*s[2]*s[3] + s[0]^3",
              lambda s: s[0] * s[1] * s[2] - 2 * s[1] * s[2] * s[3] + s[0]),
    "quartic": ("(s[0] + s[1] + s[2] + s[3])^4", lambda s: s.sum() ** 4),
    "form": ("s @ Q @ s", lambda s: s @ np.arange(16).reshape(4, 4) @ s),
    "squares": ("sum((Q @ s - 1)^2)", lambda s: ((np.arange(16).reshape(4, 4) @ s - 1) ** 2).sum()),
    "inner": ("(Q @ s - 1) @ (Q @ s - 1) / 2", lambda s: ((np.arange(16).reshape(4, 4) @ s - 1) ** 2).sum() / 2),
    "mixed inner": ("(Q @ s) @ (2*s + 1)", lambda s: (np.arange(16).reshape(4, 4) @ s) @ (2 * s + 1)),
    "part inner": ("s[0..1] @ s[2..3]", lambda s: s[:2] @ s[2:]),
    "matrix of part": ("sum(Q[.., 1..2] @ s[1..2])", lambda s: (np.arange(16).reshape(4, 4)[:, 1:3] @ s[1:3]).sum()),
    "list of indices": ("sum(s[[0, 3]])", lambda s: s[0] + s[3]),
    "set of indices": ("sum(s[k] for k in [3, 1])", lambda s: s[3] + s[1]),
    "edges": ("sum(s[u] * s[v] for (u, v) in [[0, 1], [2, 3], [0, 3]])",
              lambda s: s[0] * s[1] + s[2] * s[3] + s[0] * s[3]),
    "functions": ("abs(-2)*s[0] + min(3, 1)*s[1] + max([1, 5])*s[2] + len(Q)*s[3] + floor(7/2) + ceil(7/2) + sqrt(9/4)",
                  lambda s: 2 * s[0] + s[1] + 5 * s[2] + 4 * s[3] + 3 + 4 + 1.5),
    "best of set": ("max(i*(3 - i) for i in 0..3) * s[0] + min(Q[i, i] for i in 1..3) * s[1]",
                    lambda s: 2 * s[0] + 5 * s[1]),
    "transpose": ("s @ transpose(Q) @ [1, 2, 3, 4]", lambda s: s @ np.arange(16).reshape(4, 4).T @ [1, 2, 3, 4]),
    "empty": ("s[0] + sum(s[i] for i in 3..2)", lambda s: s[0]),
    "constant": ("3", lambda s: 3),
    "powers": ("sum(2^i * s[i] for i in 0..3) / 2^-1", lambda s: 2 * (s * [1, 2, 4, 8]).sum()),
    "params": ("sum(s^two, axis = zero) + s[two] * (len(three) + floor(four[0])) + sum(s[i] for i in zero..two)",
               lambda s: 4 + s[2] * 6 + s[:3].sum()),
    "float of a param": ("float(four[1]) * s[0]", lambda s: 5 * s[0]),
    "precedence": ("2 - 3 - s[0] / 2 * 4 + -2^2", lambda s: -5 - 2 * s[0]),
    "let": ("e @ e", lambda s: ((s - 2 * s[::-1]) ** 2).sum()),
    "scaled square": ("-0.5 * sum((s + s)^2)", lambda s: -2 * (s * s).sum()),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_over_four_spins(name: str, tmp_path: Path) -> None:
    expression, value = OBJECTIVES[name]
    folder(tmp_path, Q=np.arange(16.0).reshape(4, 4))
    params = "param zero = 0\nparam two = 2\nparam three = [1, 2]\nparam four = [4, 5]\n"
    text = f'{params}param Q = load("Q.npy")\nvar s : spin[4]\nlet e = s - 2*s[[3, 2, 1, 0]]\nminimize {expression}'
    check(text, value, base_dir=tmp_path)


def test_a_whole_matrix_beside_other_terms_of_its_block() -> None:
    head = "param A = [[1, 2], [3, 4]]\nvar b : bin[2]\nminimize sum(b)\nrequire "
    rows = {
        "A @ b + b^2 <= 4": lambda b: A @ b + b,
        "A @ b + A @ b - b <= 4": lambda b: 2 * A @ b - b,
        "A @ b + 3*b[1] <= 4": lambda b: A @ b + 3 * b[1],
        "A @ b + b[0]*b[1] <= 4": lambda b: A @ b + b[0] * b[1],
        "-(A @ b) + (A @ b)[[1, 0]] <= 4": lambda b: (A @ b)[::-1] - A @ b,
    }
    A = np.array([[1, 2], [3, 4]])
    for row, left in rows.items():
        check(head + row, lambda b, left=left: float(b.sum()) if (left(b) <= 4).all() else None)


def test_matrices_of_variables() -> None:
    text = """
    param C = [[4, 1, 3], [2, 0, 5]]
    var x : bin[2, 3]
    minimize sum(C[i, j] * x[i, j] for i in 0..1, j in 0..2) + sum(C @ [1, 2, 3])
    require worker: sum(x, axis = 1) == 1
    require task: sum(x[i, j] for i in 0..1) <= 1 for j in 0..2
    """
    cost = np.array([[4, 1, 3], [2, 0, 5]])

    def value(x: np.ndarray) -> float | None:
        held = (x.sum(axis=1) == 1).all() and (x.sum(axis=0) <= 1).all()
        return float((cost * x).sum() + (cost @ [1, 2, 3]).sum()) if held else None

    check(text, value)


def test_bounds_and_domains() -> None:
    text = """
    param top = [1.5, 2, 3]
    var k : int[3] in -0.5..top
    var t : int in ball(2, 1.5, linf) & 2..inf
    minimize sum(k) + t
    """
    found = problem_of(text)
    assert found.vars["k"].lower.tolist() == [0, 0, 0] and found.vars["k"].upper.tolist() == [1, 2, 3]
    assert found.vars["t"].lower.tolist() == [2] and found.vars["t"].upper.tolist() == [3]
    wide = problem_of("var w : int in -2^60-1..2^60+1\nminimize w").vars["w"]
    assert (wide.lower.tolist(), wide.upper.tolist()) == ([-(2.0**60)], [2.0**60])  # rounded inward
    real = problem_of("var r : real[2] in 0..[0.1, inf]\nvar q : real\nminimize sum(r) + q").vars
    assert real["r"].upper.tolist() == [0.1, np.inf] and real["q"].lower.tolist() == [-np.inf]


def test_defines_replace_params() -> None:
    text = "param n = 2\nparam w = [1, 2]\nparam k\nvar x : bin[n]\nminimize w @ x + k"
    task = parse_spec(text, defines={"n": "1+2", "w": "[-1, 0.5, 2e1]", "k": "-3"})
    assert isinstance(task, Optimize)
    values = {"x": np.array([[1.0, 1.0, 1.0]])}
    assert evaluate(task.problem, values).objective.tolist() == [16.5]


def test_options_of_the_task() -> None:
    options = 'method = benders; solver = "cmd:run {in}"\n code = domain-wall; timeout = 2.5 seed = -3'
    text = f"var x : bin\nminimize x\ncompile {{ {options} }}"
    expected = {"method": "benders", "solver": "cmd:run {in}", "code": "domain-wall", "timeout": 2.5, "seed": -3}
    assert parse_spec(text).options == expected


def test_origins_and_names(tmp_path: Path) -> None:
    path = tmp_path / "model.glass"
    path.write_text(KNAPSACK, encoding="utf-8")
    task = read_spec(path)
    assert isinstance(task, Optimize)
    problem = task.problem
    assert problem.name == "model"
    assert {block.name: block.origin for block in problem.blocks} == {
        "take": "model.glass:3:5",
        "spare": "model.glass:4:5",
        "soft.broken": "soft:soft",
        "cap": "model.glass:6:1",
        "pick": "model.glass:7:1",
        "gate": "model.glass:8:1",
        "soft": "model.glass:9:1",
        "objective": "model.glass:5:1",
    }


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=6),
    st.integers(-9, 9),
    st.sampled_from(["<=", ">=", "=="]),
)
def test_random_quadratic_rows(terms: list[tuple[int, int, int]], side: int, sign: str) -> None:
    row = " + ".join(f"{c}*x[{i}]*x[{j}]" for c, i, j in terms)
    text = f"var x : int[3] in -1..1\nminimize {row}\nrequire {row} {sign} {side} + 0*x[0]"

    def value(x: np.ndarray) -> float | None:
        total = sum(c * x[i] * x[j] for c, i, j in terms)
        held = {"<=": total <= side, ">=": total >= side, "==": total == side}[sign]
        return float(total) if held else None

    if any(c for c, _, _ in merged(terms)):
        check(text, value)


def merged(terms: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    total: dict[tuple[int, int], int] = {}
    for c, i, j in terms:
        total[min(i, j), max(i, j)] = total.get((min(i, j), max(i, j)), 0) + c
    return [(c, i, j) for (i, j), c in total.items()]
