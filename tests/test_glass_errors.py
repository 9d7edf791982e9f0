"""Mistakes in names, shapes, types, ranges and options of specs: place, message and remedy, all at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isinglass.frontends.glass.reader import parse_spec, read_spec
from isinglass.ir.errors import InputError, IsinglassError, Refused

from .glass_cases import codes_of, errors_of

HEAD = "var x : int[4] in 0..3\nvar b : bin\nminimize sum(x)\n"
SETS = "use a smaller set, or whole arrays: w @ x, A @ x <= b"

MISTAKES = {
    "var y : bin[1.5]": [(13, "shape", "a shape consists of whole numbers from 1 on", "")],
    "var y : bin[3] in 0..1": [(19, "type", "bin variables have no range", "use int in low..high, or a row")],
    "var y : rea": [(9, "type", "unknown domain 'rea'", "did you mean 'real'?")],
    "var y : int[2] in 5..[6, 3]": [
        (1, "value", "no value is left for y[1]: its range is 5..3",
         "a range is low..high; several ranges joined by & must overlap")],
    "var y : real[3] in ball([1, 2], 0.1, linf)": [
        (25, "shape", "a range of shape [2] for a variable [3]", "give one number, or one for each element")],
    "var y : bin[100000, 100000]": [
        (1, "too-large", "'y' would have 10,000,000,000 elements, more than the limit of 10,000,000",
         "use a smaller shape")],
    "let z = x[4]": [(11, "index", "index 4 is outside 0..3 of 'x'", "indices count from 0")],
    "let z = x[-1]": [(11, "index", "index -1 is outside 0..3 of 'x'", "check the index set and the shape")],
    "let z = sum(x[i+1] for i in 0..3)": [
        (15, "index", "index 4 (at i = 3) is outside 0..3 of 'x'", "indices count from 0")],
    "let z = [[1, 2], [3, 4]][1, 2]": [
        (29, "index", "index 2 is outside 0..1 of axis 1 of this value", "indices count from 0")],
    "let z = x[1, 2]": [(9, "shape", "2 subscripts for 'x', which has 1 axis", "its shape is [4]")],
    "let z = x[x[0]]": [
        (11, "type", "a subscript must be a constant, this depends on variables", "use params and numbers here")],
    "let z = x @ [1, 2]": [
        (9, "shape", "@ does not fit shapes [4] and [2]",
         "the last axis of the left side and the first of the right one must agree")],
    "let z = x + [1, 2]": [
        (9, "shape", "shapes [4] and [2] do not fit each other", "both sides need one shape, or one a single number")],
    "let z = 1 / b": [(13, "type", "division by a variable", "multiply the row by it, or use a constant")],
    "let z = 1 / (2 - 2)": [(14, "value", "division by zero", "")],
    "let z = abs(x)": [
        (9, "type", "abs of variables is no polynomial", "bound it by a variable: require t >= x[i] for i in 0..3")],
    "let z = summ(x)": [(9, "unknown-name", "function 'summ' is unknown", "did you mean 'sum'?")],
    "let z = sum(x, axs = 0)": [(16, "call", "sum has no option 'axs'", "did you mean 'axis'?")],
    "let z = sum(x, 0)": [
        (9, "call", "sum takes 1 argument, not 2", "write sum(x), sum(A, axis = 0) or sum(x[i] for i in 0..3)")],
    "let z = sum(x[i] for i in 0..2, i in 0..1)": [(33, "name", "the index 'i' is bound twice", "choose another name")],
    "let z = sum(b for x in 0..3)": [
        (19, "name", "the index 'x' hides another meaning of this name", "choose another name")],
    "let z = sum(x[i] for i in 0..2.5)": [
        (22, "type", "the ends of a range must be whole numbers", "use floor(...) or ceil(...)")],
    "let z = sum(1 for i in 0..10^12)": [
        (19, "too-large", "the index set would have 1,000,000,000,001 elements, more than the limit of 5,000,000",
         SETS)],
    "let z = sum(1 for i in 0..4999, j in 0..i)": [
        (33, "too-large", "the index set would have 12,502,500 elements, more than the limit of 5,000,000", SETS)],
    "require sum(x)^2 + sum(1 for i in 0..9, j in 0..10^30) <= 3": [
        (41, "type", "the ends of a range must be whole numbers", "use floor(...) or ceil(...)")],
    "let z = sum(x[0..i] for i in 0..3)": [
        (15, "shape", "this slice has between 1 and 4 elements",
         "write a sum over an index set: sum(x[j] for j in 0..i)")],
    "let z = sum(x[i] for i in 0..3 if x[i] <= 2)": [
        (35, "type", "this depends on variables", "conditions compare constants; rows are stated with require")],
    "let z = inf * 3": [(9, "not-finite", "inf has no place in arithmetic", "inf is an end of a range: int in 0..inf")],
    'let z = load("none.npy")': [
        (9, "load", "none.npy: no such file", "files are looked for from the spec's folder, .")],
    "require x[0] < 3": [
        (9, "row", "'<' is no row", "rows include their bounds; over whole numbers a < b is a <= b - 1")],
    "require 3 <= 4": [
        (9, "row", "this row compares constants", "rows are about variables; conditions of an index set go behind if")],
    "require x[0]": [
        (9, "row", "this is no row", "a row is a comparison, left <= right, or a binary variable that has to be 1")],
    "require when x[0] then b == 1": [
        (14, "row", "a condition of when must be a binary variable",
         "when take[0] then ..., when not take[0] then ..., when a and not b then ...")],
    "require x <= 3 or b": [
        (9, "shape", "an alternative of shape [4]", "write for k in 0..n-1 behind the row and compare single numbers")],
    "require x[0] <= 3 else cost -1": [
        (29, "value", "a cost must be finite and not negative", "reward the opposite row instead")],
    "require x[0] <= 3 for i in 0..2 for j in 0..2": [
        (33, "row", "a second 'for' on one row", "state all index sets once, separated by commas")],
    "require b: x[0] <= 3": [
        (9, "name", "the row 'b' needs another name", "a row or a declaration has this name already")],
    "let x = 3": [(5, "name", "'x' is declared twice, first in line 1", "give every declaration a name of its own")],
    "let max = 3": [(5, "name", "'max' is a word of the language", "choose another name")],
    "let p = q\nlet q = p": [(5, "name", "'p' is defined by itself: p -> q -> p", "")],
    "param p": [(1, "define", "param 'p' has no value", "give one here, or run with -D p=...")],
    "param p = x": [(11, "type", "a param is a constant", "write let for expressions of variables")],
    "maximize b": [(1, "goal", "a second goal; the first is in line 3", "one file states one goal")],
    'network f = onnx("none.onnx")\nlet z = f': [(9, "name", "'f' is a network", "apply it to a variable: f(x)")],
    "compile { bits = 2.5; timeout = -1; slover = neal }": [
        (11, "option", "option 'bits' takes a positive whole number, not 2.5", ""),
        (23, "option", "option 'timeout' takes a positive number, not -1", ""),
        (37, "option", "unknown option 'slover'", "did you mean 'solver'?")],
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_place_message_and_remedy(text: str) -> None:
    with pytest.raises(IsinglassError) as caught:
        parse_spec(HEAD + text)
    found = [
        (error.span.column, error.code, error.message, error.hint)
        for error in caught.value.diagnostics
        if error.span and error.code != "onnx"
    ]
    assert found == MISTAKES[text]


def test_all_mistakes_of_a_statement_and_of_all_statements() -> None:
    text = "let z = sum(x[4] + nope + 1/0 for i in 0..3)\nrequire z + also <= [1, 2] @ x\nmaximize zz\nvar b : boo"
    with pytest.raises(InputError) as caught:
        parse_spec(HEAD + text)
    assert [(e.span.line, e.span.column, e.code) for e in caught.value.diagnostics if e.span] == [
        (4, 15, "index"),
        (4, 20, "unknown-name"),
        (4, 29, "value"),
        (5, 13, "unknown-name"),
        (5, 21, "shape"),
        (6, 1, "goal"),
        (6, 10, "unknown-name"),
        (7, 5, "name"),
    ]


def test_what_depends_on_a_mistake_is_not_a_mistake() -> None:
    assert codes_of("param n = 1/0\nvar y : bin[n]\nlet z = y[7] + n\nminimize z\nrequire z @ z <= 3") == ["value"]
    assert codes_of("param n = (1\nvar y : bin[n]\nminimize y[7]") == ["syntax"]


def test_goals() -> None:
    assert errors_of("var x : bin\n# end\n", file="m.glass") == (
        "m.glass:2:6: error[goal]: the spec states no goal\n"
        "   2 | # end\n            ^\n"
        "  help: add minimize, maximize, prove or bound; minimize 0 asks for any point that fits"
    )
    assert codes_of("var x : bin[2]\nminimize x") == ["shape"]
    assert codes_of("var x : bin[2]\nminimize 0") == []


LATER = [
    "train head(g, data = d, bits = 10, iterations = 30)",
    "quantize weights(f, bits = 3, data = d)",
    "quantize allocation(f, budget = 2.5, choices = [2, 3, 4, 8])",
    "train robust(logistic(ridge = 0.003), data = d, attack = pgd(l2, eps = 0.4, steps = 3), steps = 128, order = 3)",
    "attack pgd(h, data = d, eps = 0.1)",
    "network q = circuit(qubits = 4, encode = ry, layers = 3, entangle = ring, weights = w)\nminimize 0",
    'network h = fuse(c, chain(c, q), gate = "softmax")\nminimize 0',
]


@pytest.mark.parametrize("text", LATER)
def test_goals_of_later_versions_are_refused_by_type(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_spec(text)
    (error,) = caught.value.diagnostics
    assert error.code == "not-yet" and "not available yet" in error.message and "this version" in error.hint
    assert caught.value.exit_code == 1


def test_defines() -> None:
    text = "param eps = 1\nvar x : bin\nminimize eps * x"
    assert errors_of(text, defines={"esp": "3"}) == (
        "error[define]: -D esp: the spec has no param of this name\n  help: did you mean 'eps'?"
    )
    assert errors_of(text, defines={"x": "3"}).startswith("error[define]: -D x: the spec has no param of this name")
    assert errors_of(text, defines={"eps": "3 +"}) == (
        "-D eps:1:4: error[syntax]: expected a value, found the end of the statement\n"
        "   1 | 3 +\n          ^\n"
        "  help: write a number, or numbers as [1, 2, 3]"
    )
    assert errors_of(text, defines={"eps": "foo"}).startswith("-D eps:1:1: error[unknown-name]: unknown name 'foo'")


def test_files_that_are_no_specs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_spec(tmp_path / "none.glass")
    (tmp_path / "bad.glass").write_bytes(b"var x : bin\nminimize x\0")
    with pytest.raises(InputError):
        read_spec(tmp_path / "bad.glass")
    (tmp_path / "bom.glass").write_bytes(b"\xef\xbb\xbfvar x : bin\r\nminimize x\r\n")
    read_spec(tmp_path / "bom.glass")
    with pytest.raises(InputError, match="the spec states no goal"):
        parse_spec("")


DATA = {
    "nan.npy": "nan.npy: entry [1] is NaN",
    "cut.npy": "cut.npy: cannot be read",
    "text.npy": "text.npy: cannot be read",
    "complex.npy": "complex.npy: holds complex128, not numbers",
    "objects.npy": "objects.npy: cannot be read",
    "two.npz": "two.npz: holds 2 arrays, which one is meant?",
    "ragged.csv": "ragged.csv:2: 3 values where line 1 has 2",
    "words.csv": "words.csv:2: 'three' is no number",
    "empty.csv": "empty.csv: holds no numbers",
    "data.txt": "data.txt: unknown kind of data file '.txt'",
}


@pytest.mark.parametrize("name", DATA)
def test_data_files_that_are_wrong(name: str, tmp_path: Path) -> None:
    np.save(tmp_path / "nan.npy", np.array([1.0, np.nan]))
    np.save(tmp_path / "ok.npy", np.zeros(1000))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "ok.npy").read_bytes()[:500])
    (tmp_path / "text.npy").write_text("1 2 3")
    np.save(tmp_path / "complex.npy", np.array([1j]))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=np.ones(2), b=np.ones(2))
    (tmp_path / "ragged.csv").write_text("1, 2\n1, 2, 3\n")
    (tmp_path / "words.csv").write_text("1, 2\n1, three\n")
    (tmp_path / "empty.csv").write_text("a, b\n")
    message = errors_of(f'param v = load("{name}")\nvar x : bin\nminimize x + sum(v)', base_dir=tmp_path)
    assert message.startswith(f"spec.glass:1:11: error[{'not-finite' if 'nan' in name else 'load'}]: {DATA[name]}")


def test_keys_of_data_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", first=np.ones(2), second=np.arange(3, dtype=np.uint64))
    (tmp_path / "t.csv").write_text("a, b\n1, 2\n3, 4\n")
    head = "var x : bin\nminimize x * "
    for text, hint in (('load("two.npz", "fist")', "'first'"), ('load("t.csv", "c")', "known: a, b")):
        assert hint in errors_of(head + text, base_dir=tmp_path)
    for text in ('load("two.npz", "second")[2]', 'load("t.csv", "b")[1]', 'load("t.csv")[1, 0]'):
        assert not codes_of(head + text, base_dir=tmp_path)
