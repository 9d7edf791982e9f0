"""LP files with mistakes: every one told with its line and a remedy, none read as something else."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass.frontends.models.lp_reader import read_lp
from isinglass.ir.errors import InputError, IsinglassError, Refused
from isinglass.ir.tasks import Optimize
from isinglass.ir.verify import verify


def load(path: Path, text: str) -> None:
    file = path / "model.lp"
    file.write_text(text, encoding="utf-8")
    task = read_lp(file)
    assert isinstance(task, Optimize)
    verify(task.problem)


def wrong(path: Path, text: str) -> str:
    """The messages about a file with mistakes."""
    with pytest.raises(InputError) as caught:
        load(path, text)
    return str(caught.value)


def rows(body: str, rest: str = "") -> str:
    return f"Minimize\n obj: x\nSubject To\n{body}\n{rest}\nEnd\n"

MISTAKES = {
    "no end": ("Minimize\n x\nSubject To\n c: x >= 1\n", "the file has no End", 0),
    "empty": ("", "no End", 0),
    "begins with something else": ("hello\nMinimize\n x\nEnd\n", "does not begin with an objective", 1),
    "two objectives": ("Minimize\n x\nMaximize\n x\nEnd\n", "stated twice", 3),
    "behind the end": ("Minimize\n x\nEnd\nMinimize\n", "behind End", 3),
    "no relation": (rows(" c: x + y\n d: x >= 1"), "expected <=, >= or =, but here 'd' stands", 5),
    "no right side": (rows(" c: x + y <="), "expected a number, but here the section ends", 4),
    "variable on the right": (rows(" c: x <= y\n d: x >= 0"), "expected a number, but here 'y' stands", 4),
    "number and variable on the right": (rows(" c: x <= 3 y"), "expected the end of the row, but here 'y' stands", 4),
    "two rows on a line": (rows(" x >= 3 y >= 4"), "expected the end of the row", 4),
    "missing sign": (rows(" c: x y <= 3"), "but here 'y' stands", 4),
    "product without brackets": (rows(" c: x * y <= 3"), "but here '*' stands", 4),
    "square without brackets": (rows(" c: x ^ 2 <= 3"), "but here '^' stands", 4),
    "open bracket": (rows(" c: [ x * y <= 3"), "expected + or - or ]", 4),
    "linear term in brackets": (rows(" c: [ x + y * z ] <= 3"), "expected a product or a square", 4),
    "cube": (rows(" c: [ x ^ 3 ] <= 3"), "expected a product or a square", 4),
    "half missing": ("Minimize\n [ x ^ 2 ]\nSubject To\n c: x >= 1\nEnd\n", "expected / 2", 2),
    "third": ("Minimize\n [ x ^ 2 ] / 3\nSubject To\n c: x >= 1\nEnd\n", "expected 2, but here '3' stands", 2),
    "same row twice": (rows(" c: x >= 1\n c: x <= 3"), "another row is called c too", 5),
    "sides in both directions": (rows(" c: 1 <= x >= 3"), "needs the same sign twice", 4),
    "crossed sides": (rows(" c: 5 <= x + y <= 1"), "at least 5 and at most 1", 4),
    "crossed bounds": (rows(" c: x >= 1", "Bounds\n 4 <= x <= 3"), "lies between its bounds 4 and 3", 6),
    "negative upper bound": (rows(" c: x >= 1", "Bounds\n x <= -2"), "lies between its bounds 0 and -2", 6),
    "no whole number": (rows(" c: x >= 1", "Bounds\n 0.2 <= x <= 0.8\nGeneral\n x"), "bounds 0.2 and 0.8", 6),
    "infinite lower bound": (rows(" c: x >= 1", "Bounds\n x >= inf"), "no value of x", 6),
    "wide binary": (rows(" c: x >= 1", "Bounds\n x <= 5\nBinary\n x"), "x is binary, but its bounds are 0 and 5", 6),
    "nan": (rows(" c: x + nan y >= 1"), "nan stands where", 4),
    "infinite coefficient": (rows(" c: inf x >= 1"), "inf stands where", 4),
    "nan on the right": (rows(" c: x >= nan"), "expected a number, but here 'nan' stands", 4),
    "too large": (rows(" c: 1e999 x >= 1"), "1e999 is too large for a float64", 4),
    "too large together": (rows(" c: 1e308 x + 1e308 x + y >= 1"), "add up to more than a float64 holds", 4),
    "lonely point": (rows(" c: . x >= 1"), ". is not a number", 4),
    "section as a variable": (rows(" c: x + bin >= 1"), "bin is the name of a section", 4),
    "semicolon": (rows(" c: x + y; >= 1"), "a variable is called y;", 4),
    "semicolon behind a row": (rows(" c: x + y >= 1;"), "but here ';' stands", 4),
    "semicolon before a row": (rows(" ;c: x + y >= 1"), "a row is called ;c", 4),
    "commas in a list": (rows(" c: x >= 1", "General\n x, y"), "a variable is called x,", 6),
    "no binary": (rows(" c: x = 1 -> y <= 3"), "the indicator x of row c is no binary", 4),
    "indicator of a sum": (rows(" c: x + b = 1 -> y <= 3", "Binary\n b"), "one binary that equals 0 or 1", 4),
    "indicator value": (rows(" c: b = 2 -> y <= 3", "Binary\n b"), "one binary that equals 0 or 1", 4),
    "indicator of a quadratic row": (rows(" c: b = 1 -> [ y * y ] <= 3", "Binary\n b"), "only linear rows", 4),
    "equivalence": (rows(" c: b = 1 <-> y <= 3", "Binary\n b"), "<-> is not supported", 4),
    "bound without a value": (rows(" c: x >= 1", "Bounds\n x <=\n"), "expected a number", 6),
    "bound of a number": (rows(" c: x >= 1", "Bounds\n 3 <= 4\n"), "expected a variable, but here '4' stands", 6),
    "list of terms": (rows(" c: x >= 1", "General\n x + y\n"), "expected a variable, but here '+' stands", 6),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_told_with_their_line(case: str, tmp_path: Path) -> None:
    text, message, line = MISTAKES[case]
    told = wrong(tmp_path, text)
    assert message in told
    assert f"model.lp:{line}:" in told if line else "model.lp: error" in told
    assert "help: " in told


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = rows(" a: x + y\n b: x * y >= 1\n c: 1e999 x >= 1\n a: x <= y\n ok: x >= 0", "Bounds\n y <= <= 3\n z >= 1")
    lines = [int(part.split(":")[0]) for part in wrong(tmp_path, text).split("model.lp:")[1:]]
    assert lines == sorted(lines)
    assert set(lines) == {5, 6, 7, 10}


def test_many_mistakes_are_counted(tmp_path: Path) -> None:
    told = wrong(tmp_path, rows("\n".join(f" c{k}: x y <= 3" for k in range(50))))
    assert told.count("expected <=, >= or =") == 20
    assert "and 30 more mistakes" in told


@pytest.mark.parametrize("section", ["Semi-continuous\n x", "Semis\n x", "SOS1\n s: x:1 y:2", "SOS\n s: S2:: x:1 y:2",
                                     "General Constraints\n g: x = MAX ( y , z )", "User Cuts\n u: x <= 3",
                                     "PWLObj\n x: (1, 1) (2, 2)"])  # fmt: skip
def test_sections_that_are_refused(section: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"model\.lp:5:1: error"):
        load(tmp_path, rows(" c: x + y + z >= 1", section))
    load(tmp_path, rows(" c: x + y + z >= 1", section.split("\n")[0]))  # an empty section says nothing


def test_files_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_lp(tmp_path / "none.lp")
    with pytest.raises(InputError, match="cannot be read"):
        read_lp(tmp_path)
    (tmp_path / "a.lp").write_bytes(b"Minimize\0\n x\nEnd\n")
    with pytest.raises(InputError, match="holds no text"):
        read_lp(tmp_path / "a.lp")


WHOLE = """\
Minimize
 obj: 2 x + z + [ 6 y * x - 2 y * y + 4 x ^ 2 ] / 2 + 5
Subject To
 c1: x + y <= 4
 c2: 2 y + [ y * x - 3 y ^ 2 ] >= -20
 c3: -1 <= x + z <= 2.5
 c5: d = 1 -> 1 <= x + y <= 2
Bounds
 -3 <= y <= 7
 z <= 9.5
Binary
 x d
General
 y
End
"""
PIECES = [*"x0 .-+*/^[]<>=:\n\\e,", " End\n", " inf ", "1e400", "é"]


def test_a_file_that_is_cut_off_is_never_read(tmp_path: Path) -> None:
    load(tmp_path, WHOLE)
    for end in range(len(WHOLE.rstrip())):
        wrong(tmp_path, WHOLE[:end])


@given(st.integers(0, len(WHOLE) - 1), st.sampled_from(PIECES), st.booleans())
def test_edited_files_are_read_or_told(place: int, piece: str, insert: bool) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.lp"
        file.write_text(WHOLE[:place] + piece + WHOLE[place + (not insert) :], encoding="utf-8")
        try:
            task = read_lp(file)
        except IsinglassError as error:
            assert str(error).count("model.lp")
        else:
            assert isinstance(task, Optimize)
            verify(task.problem)
