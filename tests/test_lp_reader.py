"""LP files against HiGHS and dimod reading the same text, what these do not read, and exact numbers."""

from __future__ import annotations

import gzip
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import dimod
import numpy as np
import pytest
import row_files
from hypothesis import given, settings

from isinglass.frontends.models.lp_reader import read_lp
from isinglass.ir.errors import InputError
from isinglass.ir.evaluate import evaluate
from isinglass.ir.problem import Problem
from isinglass.ir.rational import read_fraction
from isinglass.ir.tasks import Optimize
from isinglass.ir.text import parse_ir, print_ir
from isinglass.ir.verify import verify


def load(path: Path, text: str) -> Problem:
    file = path / "model.lp"
    file.write_text(text, encoding="utf-8")
    task = read_lp(file)
    assert isinstance(task, Optimize)
    verify(task.problem)
    return task.problem


def rows(body: str, rest: str = "") -> str:
    return f"Minimize\n obj: x\nSubject To\n{body}\n{rest}\nEnd\n"


# -- beside HiGHS -----------------------------------------------------------------------------------------------------

SAME = {
    "plain": "min\n obj: 2 x + 3y - z\nst\n c1: x + y >= 1\n c2: x - 2 y + 0.5z <= 4\n c3: x + z = 2\nend\n",
    "maximum with a constant": "MAXIMIZE\n x + 2 y + 7.5\nSUBJECT TO\n x + y <= 4\n y <= 3\nEND\n",
    "no objective": "Minimize\n obj:\nSubject To\n c: x >= 2\nEnd\n",
    "wrapped lines": "Min\n obj: x\n + 2\n y\nst\n c: x\n + 3 y\n >=\n 2\nend",
    "comments": "\\ head\nMin \\ here\n obj: x \\ and here + 5 y\nst\n c: x >= 2\\there\nend\n\\ tail",
    "keywords": "minimum\nx\nsuch that\n x + y >= 3\nbound\n y <= 2\nintegers\n x\nbinaries\n b\nend\n",
    "spellings": "min\n x - -y + - 2z\nst\n c: 1e0 x + .5y + 2.E+1 z >= 1.5e-3\n d: x + y + z <= 1E3\nend\n",
    "bounds": "min\n x + y + z + u + v + w\nst\n c: x + y + z + u + v + w >= -50\nbounds\n -2 <= x <= 8.5\n y >= -3\n"
    " y <= 4\n z free\n -4 <= u\n -infinity <= v <= 3\n w = 2.5\n v >= -1e2\nend\n",
    "swapped bounds": "max\n x + y\nst\n c: x + y <= 9\nbounds\n 3 >= x\n 2 <= y\n 5 = z\nend\n",
    "last bound counts": "max\n x\nst\n c: x <= 9\nbounds\n x <= 3\n x <= 4\nend\n",
    "integers": "max\n x + y\nst\n c: 2 x + 2 y <= 5\nbounds\n y <= 1\n z <= 6\ngeneral\n x y\n z\nend\n",
    "binaries": "max\n x + y + z\nst\n c: 2 x + 2 y + 3 z <= 5\nbounds\n z = 1\nbinary\n x y\n z\nend\n",
    "unused columns": "min\n x\nst\n c: x >= 1\nbounds\n 2 <= lonely <= 3\nend\n",
    "repeated terms": "min\n x\nst\n c: x + 2 x + y - y >= 3\nend\n",
    "odd names": "min\n x.1 + y(2,3) + _z# + a!b@c + q{1}~ + f'g\nst\n"
    " r,1: x.1 + y(2,3) + _z# + a!b@c + q{1}~ + f'g >= 1\nend",
    "names like numbers": "min\n e1 + E\nst\n 12: e1 + 3 E >= 2\nend\n",
    "quadratic objective": "min\n obj: x + [ 2 x ^ 2 - 3 x * y + 4.5 y^2 + y*x ] / 2 - y\nst\n c: x + y >= 1\nend\n",
}  # fmt: skip


@pytest.mark.parametrize("case", SAME)
def test_highs_reads_the_same(case: str, tmp_path: Path) -> None:
    problem = load(tmp_path, SAME[case])
    table, expected = row_files.of_problem(problem), row_files.by_highs(tmp_path / "model.lp")
    assert table == expected
    if not table.products:
        found = row_files.optimum(row_files.solver_of(table))
        assert found == pytest.approx(row_files.optimum_of_file(tmp_path / "model.lp"))


@given(row_files.tables())
def test_what_highs_writes(table: row_files.Table) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.lp"
        row_files.solver_of(table).writeModel(str(path))
        task = read_lp(path)
        assert isinstance(task, Optimize)
        verify(task.problem)
        found = row_files.of_problem(task.problem)
        assert found == row_files.by_highs(path)
        assert found.maximize == table.maximize


@settings(max_examples=25)
@given(row_files.tables(row_files.SMALL))
def test_same_optimum(table: row_files.Table) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.lp"
        row_files.solver_of(table).writeModel(str(path))
        task = read_lp(path)
        assert isinstance(task, Optimize)
        found = row_files.optimum(row_files.solver_of(row_files.of_problem(task.problem)))
        assert found == pytest.approx(row_files.optimum_of_file(path))


# -- beside dimod -----------------------------------------------------------------------------------------------------

QUADRATIC = """\
Minimize
 obj: 2 x + z + [ 6 y * x - 2 y * y + 4 x ^ 2 ] / 2 + 5
Subject To
 c1: x + y <= 4
 c2: 2 y + [ y * x - 3 y ^ 2 ] >= -20
 c3: x + z = 2.5
 c4: [ y * y ] <= 9
Bounds
 -3 <= y <= 7
 z <= 9.5
Binary
 x
General
 y
End
"""


def violations(problem: Problem, values: dict[str, row_files.Array]) -> dict[str, row_files.Array]:
    """By name of the row."""
    found = evaluate(problem, values).violation
    blocks = (*problem.lins.values(), *problem.constraints)
    return {label: found[block.name][:, k] for block in blocks for k, label in enumerate(block.labels())}


def same_as_dimod(problem: Problem, cqm: dimod.ConstrainedQuadraticModel, seed: int) -> None:
    """Objective and violations agree on random points."""
    rng = np.random.default_rng(seed)
    names = problem.labels()
    assert set(map(str, cqm.variables)) == set(names)
    lower, upper = problem.stack_bounds()
    whole = np.concatenate([np.full(var.size, var.discrete) for var in problem.vars.values()])
    points = rng.uniform(np.maximum(lower, -9), np.minimum(upper, 9), (40, len(names)))
    points = np.where(whole, np.rint(points), np.round(points * 4) / 4)
    found = evaluate(problem, problem.unstack(points))
    violation = violations(problem, problem.unstack(points))
    for row, point in enumerate(points):
        sample = dict(zip(names, point.tolist(), strict=True))
        assert found.objective[row] == pytest.approx(cqm.objective.energy(sample))
        for datum in cqm.iter_constraint_data(sample):
            assert violation[str(datum.label)][row] == pytest.approx(max(datum.violation, 0.0)), datum


def test_dimod_reads_the_same(tmp_path: Path) -> None:
    same_as_dimod(load(tmp_path, QUADRATIC), dimod.lp.loads(QUADRATIC), 1)


@pytest.mark.parametrize("seed", range(6))
def test_what_dimod_writes(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    cqm = dimod.ConstrainedQuadraticModel()
    parts = [dimod.Binary("b"), dimod.Binary("c"), dimod.Integer("i", lower_bound=-4, upper_bound=6),
             dimod.Integer("j", upper_bound=3), dimod.Real("r", lower_bound=-1.5, upper_bound=8)]  # fmt: skip

    def form(degree: int) -> dimod.QuadraticModel:
        factors = (rng.integers(-9, 9, 5) / 2).tolist()
        total = dimod.QuadraticModel() + sum(k * v for k, v in zip(factors, parts, strict=True))
        for _ in range(4 * (degree - 1)):
            left, right = rng.choice(4, 2)
            total += float(rng.integers(-5, 6)) * parts[left] * parts[right]
        return total

    cqm.set_objective(form(2))
    for k, sense in enumerate(["<=", ">=", "==", "<=", ">="]):
        cqm.add_constraint_from_model(form(1 + k % 2), sense, float(rng.integers(-9, 9)), label=f"row{k}")
    same_as_dimod(load(tmp_path, dimod.lp.dumps(cqm)), cqm, seed)


# -- what the others do not read --------------------------------------------------------------------------------------


def test_inequality_spellings_and_two_sides(tmp_path: Path) -> None:
    body = """ a: x + y < 3\n b: x + y =< 3\n c: x + y > 3\n d: x + y => 3\n e: x + y == 3\n f: 1 <= x + y <= 5
    g: 5 >= x + y >= 1\n h: 2 <= x + y\n i: 2 = x + y\n j: -inf <= x + y <= 4\n k: -1 < x - y < 1"""
    found = row_files.of_problem(load(tmp_path, rows(body))).rows
    sides = {name: (least, most) for name, (least, most, _) in found.items()}
    inf = float("inf")
    assert sides == {
        "a": (-inf, 3), "b": (-inf, 3), "c": (3, inf), "d": (3, inf), "e": (3, 3), "f": (1, 5), "g": (1, 5),
        "h": (2, inf), "i": (2, 2), "j": (-inf, 4), "k": (-1, 1),
    }  # fmt: skip


def test_ranged_rows_keep_both_sides_in_one_block(tmp_path: Path) -> None:
    lin = load(tmp_path, rows(" f: 1 <= x + y <= 5\n g: 0.5 <= x <= 0.75")).lins["rows.range"]
    assert lin.least is not None
    assert (lin.least.tolist(), lin.rhs.tolist(), lin.labels()) == ([1.0, 0.5], [5.0, 0.75], ["f", "g"])


def test_constants_on_the_left_count_exactly(tmp_path: Path) -> None:
    problem = load(tmp_path, rows(" c: x + 0.1 + 0.2 <= 0.6\n d: 1 <= x - 3 + y <= 2"))
    assert problem.lins["rows.le"].rhs.tolist() == [0.3]
    assert row_files.of_problem(problem).rows["d"][:2] == (4.0, 5.0)


def test_quadratic_rows_and_ranges(tmp_path: Path) -> None:
    body = " q: 1 <= x + [ x * y + x ^ 2 ] <= 6\n p: - [ x * y ] = -2\n h: [ 3 x ^ 2 ] / 2 >= 6"
    problem = load(tmp_path, rows(body, "General\n x y"))
    points = {"int": np.array([[1, 2], [0, 0], [2, 1], [2, 2]], dtype=float)}
    assert set(problem.vars["int"].labels()) == {"x", "y"}
    x, y = points["int"].T
    by_row = violations(problem, points)
    q = x + x * y + x * x
    assert by_row["q"].tolist() == np.maximum(q - 6, 0).tolist()
    assert by_row["q.least"].tolist() == np.maximum(1 - q, 0).tolist()
    assert by_row["p"].tolist() == np.abs(2 - x * y).tolist()
    assert by_row["h"].tolist() == np.maximum(6 - 1.5 * x * x, 0).tolist()


def test_indicators_become_guards(tmp_path: Path) -> None:
    body = " c1: b = 1 -> x + y <= 3\n b=0->x-y>=1\n c3: d = 1 -> x = 2\n c4: x + y <= 9\n c5: b = 1 -> 1 <= x <= 2"
    problem = load(tmp_path, rows(body, "Bounds\n x <= 9\n y <= 9\nBinary\n b d"))
    guards = {}
    for lin in problem.lins.values():
        for k, label in enumerate(lin.labels()):
            guard = lin.guard
            guards[label] = guard and (problem.vars[guard.variable].names[guard.index[k]], guard.value[k])
    assert guards == {"c1": ("b", 1), "c2": ("b", 0), "c3": ("d", 1), "c4": None, "c5": ("b", 1)}
    points = np.array([[b, d, x, y] for b in (0, 1) for d in (0, 1) for x in range(4) for y in range(4)], dtype=float)
    b, d, x, y = points.T
    held = ((b == 0) | (x + y <= 3)) & ((b == 1) | (x - y >= 1)) & ((d == 0) | (x == 2)) & (x + y <= 9)
    held &= (b == 0) | ((x >= 1) & (x <= 2))
    values = {"bin": points[:, :2], "real": points[:, 2:]}
    assert (evaluate(problem, values).feasible == held).all() and held.any() and not held.all()


def test_names_with_brackets(tmp_path: Path) -> None:
    text = "min\n x[1,2] + 2 y[a-b][3] + [ 2 x[1,2] * z ] / 2\nst\n r[0]: x[1,2] + y[a-b][3]>= 1\n s/t: z+a/b>=0\nend\n"
    problem = load(tmp_path, text)
    assert problem.labels() == ["x[1,2]", "y[a-b][3]", "z", "a/b"]
    assert problem.lins["rows.le"].labels() == ["r[0]", "s/t"]


def test_lazy_constraints_are_rows(tmp_path: Path) -> None:
    problem = load(tmp_path, rows(" c1: x >= 1", "Lazy Constraints\n c2: x + y <= 4"))
    assert sorted(row_files.of_problem(problem).rows) == ["c1", "c2"]


def test_sections_on_one_line_with_their_heading(tmp_path: Path) -> None:
    table = row_files.of_problem(load(tmp_path, "max obj: x + y\nst c1: x + y <= 3\nbounds x <= 2\nbin y\nend"))
    assert table.rows == {"c1": (-float("inf"), 3.0, {"x": 1.0, "y": 1.0})}
    assert table.columns == {"x": (0.0, 2.0, False), "y": (0.0, 1.0, True)}


def test_objective_terms_of_one_variable_are_added_up(tmp_path: Path) -> None:
    text = "max\n 0.1 x + 0.2 x + y - y + [ 2 x*y + 2 y*x ] / 2\nst\n c: x + y <= 1\nend\n"
    table = row_files.of_problem(load(tmp_path, text))
    assert table.costs == {"x": 0.3}
    assert table.products == {("x", "y"): 2.0}


def test_domains_and_names(tmp_path: Path) -> None:
    rest = "Bounds\n 0 <= u <= 1\n -1 <= i <= 5\n k <= 1\nGeneral\n u i k\nBinary\n b"
    problem = load(tmp_path, rows(" c: x + u + i + k + b >= 0", rest))
    names = {name: var.names for name, var in problem.vars.items()}
    assert names == {"bin": ("u", "k", "b"), "int": ("i",), "real": ("x",)}
    assert [(var.name, var.domain) for var in problem.vars.values()] == [(name, name) for name in names]


def test_a_problem_survives_the_text_form(tmp_path: Path) -> None:
    problem = load(tmp_path, QUADRATIC)
    text, arrays = print_ir(problem)
    again = parse_ir(text, arrays)
    assert print_ir(again) == (text, arrays)
    assert again.labels() == problem.labels() and again.lins["rows.le"].labels() == ["c1"]


def test_gzipped(tmp_path: Path) -> None:
    problem = load(tmp_path, QUADRATIC)
    file = tmp_path / "model.lp.gz"
    file.write_bytes(gzip.compress(QUADRATIC.replace("\n", "\r\n").encode()))
    task = read_lp(file)
    assert isinstance(task, Optimize)
    assert print_ir(task.problem)[0].replace("model.lp.gz", "model.lp") == print_ir(problem)[0]
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match="compressed file is damaged"):
        read_lp(file)


# -- exact numbers ----------------------------------------------------------------------------------------------------


def test_decimals_mean_themselves(tmp_path: Path) -> None:
    lin = load(tmp_path, rows(" c: 0.1 x + 0.2 x + 1.10 y <= 1.3")).lins["rows.le"]
    assert lin.reading == "decimal"
    entries = dict(zip(["x", "y"], lin.parts["real"].to_csr().toarray()[0].tolist(), strict=True))
    assert {name: read_fraction(value, "decimal") for name, value in entries.items()} == {
        "x": Fraction(3, 10), "y": Fraction(11, 10),
    }  # fmt: skip


def test_rounded_decimals_are_noted(tmp_path: Path) -> None:
    text = rows(" c: 0.1000000000000000055 x <= 0.333333333333333333333\n d: 0.10000000000000001 x >= 0.1",
                "Bounds\n x <= 2.00000000000000000001")  # fmt: skip
    problem = load(tmp_path, text)
    notes = {note.what: note for note in problem.ledger}
    assert all(note.loss and note.who == "read-lp" for note in problem.ledger)
    assert {what: note.count for what, note in notes.items()} == {
        "coefficients rounded to float64": 2, "right-hand sides rounded to float64": 1, "bounds rounded to float64": 1,
    }  # fmt: skip
    assert notes["coefficients rounded to float64"].amount == pytest.approx(1e-17)
    assert notes["right-hand sides rounded to float64"].amount == pytest.approx(1e-17 / 3, rel=0.1)
    assert notes["bounds rounded to float64"].amount == pytest.approx(1e-20)
    assert load(tmp_path, rows(" c: 0.1 x + 12345678.9012345 y <= 1e-7")).ledger == ()


def test_objective_rounding_is_noted(tmp_path: Path) -> None:
    problem = load(tmp_path, "min\n 0.12345678901234567890 x + 0.1000000000000000055\nst\n c: x >= 1\nend\n")
    assert {(note.what, note.block) for note in problem.ledger} == {
        ("coefficients rounded to float64", "objective"), ("constant rounded to float64", "objective"),
    }  # fmt: skip


def test_integer_bounds_are_rounded_inward_exactly(tmp_path: Path) -> None:
    rest = "Bounds\n 1.5 <= x <= 2.9999999999999999999999\n -0.5 <= y <= 3\n 2 <= z <= 7.0\nGeneral\n x y z"
    problem = load(tmp_path, rows(" c: x + y + z >= 0", rest))
    var = problem.vars["int"]
    bounds = dict(zip(var.names, zip(var.lower.tolist(), var.upper.tolist(), strict=True), strict=True))
    assert bounds == {"x": (2.0, 2.0), "y": (0.0, 3.0), "z": (2.0, 7.0)}
    assert problem.ledger == ()


def test_huge_bounds_are_none(tmp_path: Path) -> None:
    problem = load(tmp_path, rows(" c: x + y <= 1e30\n d: x >= 1", "Bounds\n -1e20 <= y <= 1e31"))
    assert row_files.of_problem(problem).columns["y"][:2] == (-float("inf"), float("inf"))
    assert [lin.labels() for lin in problem.lins.values()] == [["d"]]
    assert {note.what for note in problem.ledger if not note.loss} == {
        "bounds and sides from 1e+20 on read as infinite", "rows without a finite side left out",
    }  # fmt: skip
