"""MPS files against HiGHS reading the same text, quadratic parts against their meaning, and files with mistakes."""

from __future__ import annotations

import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import row_files
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.frontends.models.lp_reader import read_lp
from isinglass.frontends.models.mps_reader import read_mps
from isinglass.ir.errors import InputError, IsinglassError, Refused
from isinglass.ir.evaluate import evaluate
from isinglass.ir.problem import Problem
from isinglass.ir.tasks import Optimize
from isinglass.ir.text import print_ir
from isinglass.ir.verify import verify

INF = float("inf")


def load(path: Path, text: str) -> Problem:
    file = path / "model.mps"
    file.write_text(text, encoding="utf-8")
    task = read_mps(file)
    assert isinstance(task, Optimize)
    verify(task.problem)
    return task.problem


def wrong(path: Path, text: str) -> str:
    """The messages about a file with mistakes."""
    with pytest.raises(InputError) as caught:
        load(path, text)
    return str(caught.value)


def model(bounds: str = "", sides: str = "", more: str = "", kinds: str = "LGE") -> str:
    """Columns x, y and integer i, j in rows c1 (L), c2 (G), c3 (E)."""
    rows = "".join(f" {kind}  c{k}\n" for k, kind in enumerate(kinds, 1))
    return f"""NAME          small
ROWS
 N  obj
{rows}COLUMNS
    x         obj              1.5   c1                 2
    x         c2                 1
    y         obj               -1   c1                 1
    y         c3               0.5
    M1        'MARKER'                 'INTORG'
    i         c1                 1   c2                 3
    j         c2                -1   c3                 1
    M2        'MARKER'                 'INTEND'
RHS
{sides or "    RHS       c1                10   c2                 1"}
BOUNDS
{bounds or " UP BND       x                  4"}
{more}ENDATA
"""


# -- beside HiGHS -----------------------------------------------------------------------------------------------------

EMPTY = "NAME\nROWS\n N obj\n L c1\n"
SAME = {
    "plain": model(),
    "integers without bounds are binary": model(" UP BND x 4"),
    "integers with a lower bound": model(" LO BND i 0\n LO BND j -2"),
    "integers with an upper bound": model(" UP BND i 7\n PL BND j"),
    "free and infinite bounds": model(" FR BND x\n MI BND y\n PL BND y\n MI BND i\n UP BND i 3\n FR BND j"),
    "fixed": model(" FX BND x 2.5\n FX BND i 3"),
    "binary and integer bounds": model(" BV BND x\n LI BND y -2\n UI BND y 5\n BV BND i 1"),
    "negative upper with a lower bound": model(" LO BND x -9\n UP BND x -2"),
    "infinite numbers": model(" UP BND x 1e30\n LO BND y -1E+31\n LO BND i -2\n UP BND i inf"),
    "bounds without a set": model(" UP x 4\n FR y\n LO i -2"),
    "sides without a set": model(sides="    c1 7 c2 -2\n    c3 4"),
    "offset": model(sides="    RHS obj -12.5\n    RHS c1 7"),
    "ranges": model(sides="    RHS c1 7 c2 -2\n    RHS c3 4\nRANGES\n    R c1 2.5 c2 4\n    R c3 -3"),
    "range of an equality upward": model(sides="    RHS c3 4\nRANGES\n    R c3 3"),
    "maximum": model().replace("ROWS", "OBJSENSE\n    MAX\nROWS"),
    "maximum on the line": model().replace("ROWS", "OBJSENSE MAX\nROWS"),
    "minimum": model().replace("ROWS", "OBJSENSE\n    MIN\nROWS"),
    "free rows": model(kinds="LNGE", sides="    RHS c1 4").replace("c3 ", "c4 "),
    "comments": model().replace("COLUMNS", "* a comment\n\nCOLUMNS\n*    z obj 3"),
    "fortran exponents": model(" UP BND x 4.5D+01").replace("1.5 ", "1.5d1 "),
    "short numbers": model(" UP BND x 4.\n LO BND x .5"),
    "empty rows": model(kinds="LGEL", sides="    RHS c4 3"),
    "quadratic objective": model(more="QUADOBJ\n    x x 3 y 1.5\n    y y -4\n    i j 2\n"),
    "square objective": model(more="QMATRIX\n    x x 3\n    x y 1.5\n    y x 1.5\n"),
    "section of the objective": model(more="QSECTION obj\n    x x 3\n    y x 1.5\n"),
    "no objective entries": EMPTY + "COLUMNS\n    x c1 1\nRHS\n    RHS c1 2\nENDATA\n",
    "no rows": "NAME\nROWS\n N obj\nCOLUMNS\n    x obj 1\nRHS\nBOUNDS\n UP B x 1\nENDATA\n",
}


@pytest.mark.parametrize("case", SAME)
def test_highs_reads_the_same(case: str, tmp_path: Path) -> None:
    problem = load(tmp_path, SAME[case])
    table, expected = row_files.of_problem(problem), row_files.by_highs(tmp_path / "model.mps")
    assert table == expected
    if not table.products:
        found = row_files.optimum(row_files.solver_of(table))
        assert found == pytest.approx(row_files.optimum_of_file(tmp_path / "model.mps"))


@given(row_files.tables())
def test_what_highs_writes(table: row_files.Table) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.mps"
        row_files.solver_of(table).writeModel(str(path))
        task = read_mps(path)
        assert isinstance(task, Optimize)
        verify(task.problem)
        found = row_files.of_problem(task.problem)
        assert_same(found, row_files.by_highs(path))
        assert found.maximize == table.maximize and len(found.columns) == len(table.columns)


@settings(max_examples=25)
@given(row_files.tables(row_files.SMALL))
def test_same_optimum(table: row_files.Table) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.mps"
        row_files.solver_of(table).writeModel(str(path))
        task = read_mps(path)
        assert isinstance(task, Optimize)
        found = row_files.optimum(row_files.solver_of(row_files.of_problem(task.problem)))
        assert found == pytest.approx(row_files.optimum_of_file(path))


def assert_same(found: row_files.Table, expected: row_files.Table) -> None:
    """Equal but for a range less a side: HiGHS subtracts in float64, the reader exactly."""
    assert (found.columns, found.costs, found.constant) == (expected.columns, expected.costs, expected.constant)
    assert {name: row[2] for name, row in found.rows.items()} == {name: row[2] for name, row in expected.rows.items()}
    for name, row in found.rows.items():
        assert row[:2] == pytest.approx(expected.rows[name][:2], rel=1e-12, abs=1e-9)


ALSO_LP = ["plain", "ranges", "offset", "binary and integer bounds", "maximum", "quadratic objective"]


@pytest.mark.parametrize("case", ALSO_LP)
def test_lp_and_mps_say_the_same(case: str, tmp_path: Path) -> None:
    problem = load(tmp_path, SAME[case])
    solver = row_files.quiet()
    solver.readModel(str(tmp_path / "model.mps"))
    solver.writeModel(str(tmp_path / "model.lp"))
    task = read_lp(tmp_path / "model.lp")
    assert isinstance(task, Optimize)
    left, right = row_files.of_problem(problem), row_files.of_problem(task.problem)
    assert (left.columns, left.costs, left.constant) == (right.columns, right.costs, right.constant)
    assert left.products == right.products


# -- what HiGHS does not read, or reads differently -------------------------------------------------------------------


def test_ranges_are_exact(tmp_path: Path) -> None:
    text = model(sides="    R c1 0.3 c2 0.1\n    R c3 0.7\nRANGES\n    R c1 0.1 c2 0.2\n    R c3 -0.1")
    rows = row_files.of_problem(load(tmp_path, text)).rows
    assert {name: row[:2] for name, row in rows.items()} == {"c1": (0.2, 0.3), "c2": (0.1, 0.3), "c3": (0.6, 0.7)}


def test_negative_upper_bound_without_a_lower_one(tmp_path: Path) -> None:
    problem = load(tmp_path, model(" UP BND x -2\n UP BND i -1\n UP BND y 0"))
    columns = row_files.of_problem(problem).columns
    assert (columns["x"], columns["i"], columns["y"]) == ((-INF, -2, False), (-INF, -1, True), (0, 0, False))
    assert [(note.count, note.loss) for note in problem.ledger] == [(2, False)]


def test_fixed_format_with_blanks_in_names(tmp_path: Path) -> None:
    text = """NAME          with blanks
ROWS
 N  my cost
 L  row one
 G  row two
COLUMNS
    MARK0000  'MARKER'                 'INTORG'
    a b       my cost          1.5D0   row one         1.
    MARK0001  'MARKER'                 'INTEND'
    c d       row one              2   row two        -1.5
    c d       my cost             -1
RHS
    RHS       row one              4   my cost           -3
              row two             -9
RANGES
    RNG       row one            2.5
BOUNDS
 UP BND       c d                  6
 UP BND       a b                  3
ENDATA
"""
    problem = load(tmp_path, text)
    assert problem.name == "with blanks"
    table = row_files.of_problem(problem)
    assert table == row_files.by_highs(tmp_path / "model.mps")
    assert table.columns == {"a b": (0, 3, True), "c d": (0, 6, False)}
    assert table.rows["row one"] == (1.5, 4.0, {"a b": 1.0, "c d": 2.0})
    moved = text.replace("MARK0000", "MARKER   " + " " * 13).replace("MARK0001", "MARKER   " + " " * 13)
    assert row_files.of_problem(load(tmp_path, moved)) == table
    crowded = text.replace("             2   row", "               2 row")
    assert "expected a column, a row and a number" in wrong(tmp_path, crowded)


def test_quadratic_rows(tmp_path: Path) -> None:
    more = "QCMATRIX   c1\n    x x 2\n    x y 0.1\n    y x 0.1\nQCMATRIX c3\n    i j 1.5\n    j i 1.5\n"
    problem = load(tmp_path, model(" UP BND i 5\n UP BND j 5", more=more))
    rng = np.random.default_rng(3)
    names, points = problem.labels(), rng.integers(0, 6, (30, 4)).astype(float)
    at = {name: points[:, k] for k, name in enumerate(names)}
    x, y, i, j = (at[name] for name in "xyij")
    found = evaluate(problem, problem.unstack(points)).violation
    by_row = {label: found[poly.name][:, k] for poly in problem.constraints for k, label in enumerate(poly.labels())}
    assert by_row["c1"] == pytest.approx(np.maximum(2 * x + y + i + 2 * x * x + 0.2 * x * y - 10, 0))
    assert by_row["c3"] == pytest.approx(np.abs(0.5 * y + j + 3 * i * j))
    assert problem.lins["rows.le"].labels() == ["c2"]


def test_quadratic_objective_by_value(tmp_path: Path) -> None:
    more = "QUADOBJ\n    x x 3 y 1.5\n    j i -4\n"
    problem = load(tmp_path, model(more=more).replace("ROWS", "OBJSENSE MAX\nROWS"))
    points = np.random.default_rng(4).integers(0, 2, (20, 4)).astype(float)
    x, y, i, j = (points[:, problem.labels().index(name)] for name in "xyij")
    found = evaluate(problem, problem.unstack(points)).objective
    assert found == pytest.approx(1.5 * x - y + 1.5 * x * x + 1.5 * x * y - 4 * i * j)


def test_indicators_become_guards(tmp_path: Path) -> None:
    problem = load(tmp_path, model(" BV BND x", more="INDICATORS\n IF c2 x 1\n IF c3 i 0\n"))
    guards = {}
    for lin in problem.lins.values():
        for k, label in enumerate(lin.labels()):
            guards[label] = lin.guard and (problem.vars["bin"].names[lin.guard.index[k]], lin.guard.value[k])
    assert guards == {"c1": None, "c2": ("x", 1.0), "c3": ("i", 0.0)}


def test_rounded_decimals_are_noted(tmp_path: Path) -> None:
    text = model().replace("1.5 ", "1.50000000000000000001 ").replace(" 10 ", " 10.00000000000000000005 ")
    problem = load(tmp_path, text)
    notes = {(note.what, note.block): note for note in problem.ledger}
    assert all(note.loss and note.who == "read-mps" for note in problem.ledger)
    assert notes["coefficients rounded to float64", "objective"].amount == pytest.approx(1e-20)
    assert notes["right-hand sides rounded to float64", ""].amount == pytest.approx(5e-20)


def test_gzipped(tmp_path: Path) -> None:
    problem = load(tmp_path, model())
    file = tmp_path / "model.mps.gz"
    file.write_bytes(gzip.compress(model().encode()))
    task = read_mps(file)
    assert isinstance(task, Optimize)
    assert print_ir(task.problem)[0].replace("model.mps.gz", "model.mps") == print_ir(problem)[0]


# -- mistakes ---------------------------------------------------------------------------------------------------------

MISTAKES = {
    "no end": (model().replace("ENDATA\n", ""), "no ENDATA", 0),
    "empty": ("", "no ENDATA", 0),
    "no columns": ("NAME\nROWS\n N obj\nENDATA\n", "no section COLUMNS", 0),
    "unknown section": (model().replace("RHS\n", "RIGHT\n"), "unknown section RIGHT", 16),
    "section twice": (model(more="RHS\n    RHS c1 2\n"), "section RHS occurs twice", 20),
    "data behind a heading": (model().replace("RHS\n ", "RHS "), "text stands behind RHS", 16),
    "behind the end": (model() + "RHS\n    RHS c1 2\n", "behind ENDATA", 20),
    "same row twice": (model(kinds="LGE").replace(" G  c2", " G  c1"), "another row is called c1 too", 5),
    "kind of row": (model(kinds="LGX"), "unknown kind of row X", 6),
    "row without a name": (model(kinds="LG").replace(" G  c2", " G"), "expected the kind of a row and its name", 5),
    "unknown row": (model().replace("y         c3", "y         c9"), "unknown row c9", 11),
    "column in two places": (model().replace("    i ", "    x "), "column x stands here again, first on line 8", 13),
    "entry twice": (model().replace("x         c2", "x         c1"), "column x has two entries in one row", 9),
    "no number": (model().replace("c3               0.5", "c3"), "a column, a row and a number", 11),
    "word for a number": (model().replace(" 0.5", " half"), "half is not a number", 11),
    "nan": (model().replace(" 0.5", " nan"), "nan is not finite", 11),
    "infinite coefficient": (model().replace(" 0.5", " -inf"), "-inf is not finite", 11),
    "too large": (model().replace(" 0.5", " 1e999"), "1e999 is too large", 11),
    "python's number": (model().replace(" 0.5", " 1_0"), "1_0 is not a number", 11),
    "unknown marker": (model().replace("INTEND", "INTSTOP"), "unknown marker 'INTSTOP'", 15),
    "marker twice": (model().replace("INTEND", "INTORG"), "without its counterpart", 15),
    "word in a marker": (model().replace("'INTEND'", "x 'INTEND'"), "expected a column, a row and a number", 15),
    "two sets of sides": (model(sides="    A c1 2\n    B c2 3"), "a second set of right-hand sides, B besides A", 18),
    "two sets of bounds": (model(" UP A x 4\n UP B y 3"), "a second set of bounds", 20),
    "side stated again": (model(sides="    A c1 2\n    A c1 3"), "stated again, first on line 17", 18),
    "side of an unknown row": (model(sides="    A c7 2"), "unknown row c7", 17),
    "nan side": (model(sides="    A c1 nan"), "nan is not finite", 17),
    "infinite side": (model(sides="    A c1 -1e30"), "at most -inf", 17),
    "range of a free row": (model(sides="    A c1 2\nRANGES\n    R obj 2"), "a free row (N) can't have a range", 19),
    "infinite range of an equality": (model(sides="    A c1 2\nRANGES\n    R c3 inf"), "range of an equality", 19),
    "unknown bound": (model(" XX BND x 4"), "unknown kind of bound XX", 19),
    "bound without a number": (model(" UP BND"), "expected the name of a set, a column and a number", 19),
    "bound of an unknown column": (model(" UP BND z 4"), "unknown column z", 19),
    "bound stated again": (model(" UP BND x 4\n FX BND x 3"), "upper bound of a column is stated again", 20),
    "crossed bounds": (model(" LO BND x 4\n UP BND x 3"), "no value of x lies between its bounds 4 and 3", 20),
    "no whole number": (model(" LO BND i 0.2\n UP BND i 0.8"), "no value of i lies between its bounds 0.2", 20),
    "asymmetric": (model(more="QMATRIX\n    x y 1\n    y x 2\n"), "another coefficient in the other order", 21),
    "one order only": (model(more="QCMATRIX c1\n    x y 1\n"), "another coefficient in the other order", 21),
    "both orders": (model(more="QUADOBJ\n    x y 1\n    y x 1\n"), "the product is stated again, first on line 21", 22),
    "unknown quadratic row": (model(more="QCMATRIX c8\n    x x 1\n"), "unknown row c8", 20),
    "objective sense": (model().replace("ROWS", "OBJSENSE\n    UP\nROWS"), "expected MAX or MIN", 2),
    "no binary": (model(more="INDICATORS\n IF c1 x 1\n"), "the indicator x of row c1 is no binary", 17),
    "indicator value": (model(more="INDICATORS\n IF c1 i 2\n"), "an indicator has the value 2", 21),
    "two indicators": (model(more="INDICATORS\n IF c1 i 1\n IF c1 j 1\n"), "the row has two indicators", 22),
    "quadratic row": (model(more="QCMATRIX c1\n    x x 1\nINDICATORS\n IF c1 i 1\n"), "has an indicator", 23),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_told_with_their_line(case: str, tmp_path: Path) -> None:
    text, message, line = MISTAKES[case]
    told = wrong(tmp_path, text)
    assert message in told
    assert f"model.mps:{line}:" in told if line else "model.mps: error" in told
    assert "help: " in told


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = model(" UP BND z 4\n XX BND x 3\n LO BND x word", "    A c9 2\n    A c1 nan", "QUADOBJ\n    x q 2\n")
    told = wrong(tmp_path, text.replace("y         c3", "y         c9"))
    assert [int(part.split(":")[0]) for part in told.split("model.mps:")[1:]] == [11, 17, 18, 20, 21, 22, 24]


@pytest.mark.parametrize("more", [
    "SOS\n S1 SOS s1\n    x 1\n    y 2\n", "SETS\n S1 s1\n    s1 x 1\n", "CSECTION k 0.0 QUAD\n    x\n",
    "LAZYCONS\n L lazy\n", "GENCONS\n MAX g\n", "QSECTION c1\n    x x 1\n", "PWLOBJ\n    x 1 1\n",
])  # fmt: skip
def test_sections_that_are_refused(more: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"model\.mps:20:1: error"):
        load(tmp_path, model(more=more))


@pytest.mark.parametrize("kind", ["SC", "SI"])
def test_semi_continuous_columns_are_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"model\.mps:19:2: error.*semi"):
        load(tmp_path, model(f" {kind} BND x 4"))


WHOLE = model(" UP BND x 4\n BV BND y\n MI BND i", "    RHS c1 4 obj 2\nRANGES\n    R c1 2",
              "QUADOBJ\n    x y 2\nQCMATRIX c2\n    x x 1\nINDICATORS\n IF c3 y 1\n")  # fmt: skip
PIECES = [*"x0 .-*'\n\tcNLUe,", "\n ", "\nENDATA\n", " inf ", "1e400", "é", " c1 "]


def test_a_file_that_is_cut_off_is_never_read(tmp_path: Path) -> None:
    load(tmp_path, WHOLE)
    for end in range(len(WHOLE.rstrip())):
        wrong(tmp_path, WHOLE[:end])


@given(st.integers(0, len(WHOLE) - 1), st.sampled_from(PIECES), st.booleans())
def test_edited_files_are_read_or_told(place: int, piece: str, insert: bool) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.mps"
        file.write_text(WHOLE[:place] + piece + WHOLE[place + (not insert) :], encoding="utf-8")
        try:
            task = read_mps(file)
        except IsinglassError as error:
            assert str(error).count("model.mps")
        else:
            assert isinstance(task, Optimize)
            verify(task.problem)
