"""Reading by suffix: which reader a file gets, plain and gzipped, and what is told when there is none."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from isinglass.frontends.files import FORMATS, read
from isinglass.ir.blocks import Var
from isinglass.ir.errors import InputError, UsageError
from isinglass.ir.problem import Problem
from isinglass.ir.tasks import Optimize
from isinglass.ir.text import parse_ir, print_ir
from isinglass.ir.verify import verify

LP = "Maximize\n obj: 3 x + 2 y\nSubject To\n c1: x + 2 y <= 2\nBinary\n x y\nEnd\n"
MPS = """NAME
OBJSENSE
    MAX
ROWS
 N obj
 L c1
COLUMNS
    M 'MARKER' 'INTORG'
    x obj 3 c1 1
    y obj 2 c1 2
    M 'MARKER' 'INTEND'
RHS
    R c1 2
ENDATA
"""
GLASS = """param cap = 2
var x : bin[2]
maximize 3 * x[0] + 2 * x[1]
require row: x[0] + 2 * x[1] <= cap
"""


def problem_of(path: Path, **defines: str) -> Problem:
    task = read(path, defines)
    assert isinstance(task, Optimize)
    return task.problem


@pytest.mark.parametrize(("name", "text"), [("a.lp", LP), ("b.MPS", MPS), ("c.d.lp", LP), ("m.gz.mps", MPS)])
@pytest.mark.parametrize("packed", [False, True])
def test_models_by_suffix(name: str, text: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / (name + ".gz" * packed)
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    problem = problem_of(path)
    assert (problem.labels(), problem.source.scale, list(problem.lins)) == (["x", "y"], -1.0, ["rows.le"])


@pytest.mark.parametrize("packed", [False, True])
def test_specs(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / ("spec.glass" + ".gz" * packed)
    path.write_bytes(gzip.compress(GLASS.encode()) if packed else GLASS.encode())
    assert problem_of(path).lins["row"].rhs.tolist() == [2.0]
    assert problem_of(path, cap="1").lins["row"].rhs.tolist() == [1.0]


@pytest.mark.parametrize("packed", [False, True])
def test_the_text_form_with_its_arrays(packed: bool, tmp_path: Path) -> None:
    lower = np.arange(50.0)
    problem = Problem("big", (Var("x", "int", (50,), lower, lower + 3, names=tuple(f"x{k}" for k in range(50))),))
    text, arrays = print_ir(problem)
    assert arrays
    path = tmp_path / ("p.igir" + ".gz" * packed)
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    with pytest.raises(InputError, match=r"is not in the side file"):
        read(path)
    np.savez(tmp_path / "p.npz", **arrays)
    again, found = print_ir(problem_of(path))
    assert again == text and list(found) == list(arrays)
    (tmp_path / "p.npz").write_bytes((tmp_path / "p.npz").read_bytes()[:-40])
    with pytest.raises(InputError, match=r"p\.npz: not a file of arrays"):
        read(path)


def test_edited_text_form_is_verified(tmp_path: Path) -> None:
    text = print_ir(Problem("p", (Var.of("x", "bin", (2,), names=("a", "b")),)))[0]
    path = tmp_path / "p.igir"
    path.write_text(text.replace('["a", "b"]', '["a", "a"]'))
    with pytest.raises(InputError, match="two elements have the same name"):
        read(path)


def test_names_of_elements() -> None:
    var = Var.of("x", "bin", (2,), names=("first", "second"))
    assert var.labels() == ["first", "second"]
    assert Var.of("x", "bin", (2,)).labels() == ["x[0]", "x[1]"]
    problem = Problem("p", (var,))
    verify(problem)
    text, arrays = print_ir(problem)
    assert parse_ir(text, arrays).vars["x"].names == ("first", "second")
    with pytest.raises(InputError, match="1 names for 2 elements"):
        verify(Problem("p", (Var.of("x", "bin", (2,), names=("first",)),)))
    outside = Var("x", "bin", (2,), np.zeros(2), np.array([1.0, 2.0]), names=("first", "second"))
    with pytest.raises(InputError, match=r"second in 0\.\.2"):
        verify(Problem("p", (outside,)))


@pytest.mark.parametrize(("name", "message"), [
    ("a.txt", "files '.txt' have no reader"), ("a", "no suffix"), ("a.gz", "no suffix"), ("a.txt.gz", "files '.txt'"),
])  # fmt: skip
def test_files_without_a_reader(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(LP)
    with pytest.raises(InputError) as caught:
        read(tmp_path / name)
    assert message in str(caught.value) and all(f".{key}" in str(caught.value) for key in FORMATS)


def test_defines_are_for_specs(tmp_path: Path) -> None:
    (tmp_path / "a.lp").write_text(LP)
    with pytest.raises(UsageError, match="no parameters to define"):
        read(tmp_path / "a.lp", {"n": "3"})


@pytest.mark.parametrize("key", list(FORMATS))
def test_missing_files(key: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / f"none.{key}")
