"""What is told about VNN-LIB files that are wrong, cut off, or not supported; and fitting them to networks."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from isinglass.frontends.files import read
from isinglass.frontends.networks.network import Layer, Network
from isinglass.frontends.source_text import SourceText
from isinglass.frontends.vnnlib.property import prove_vnnlib
from isinglass.frontends.vnnlib.query import Query
from isinglass.frontends.vnnlib.reader import query_of, read_vnnlib
from isinglass.ir.affine import Affine
from isinglass.ir.errors import InputError, Refused
from isinglass.ir.operators.dense import Dense
from isinglass.ir.verify import verify

HEAD = "(declare-const X_0 Real)\n(declare-const X_1 Real)\n(declare-const Y_0 Real)\n"
BOX = "(assert (and (<= 0 X_0 1) (<= 0 X_1 1)))\n"
V2 = "(vnnlib-version <2.0>)\n(declare-network f (declare-input X {0} [1,2]) (declare-output Y {0} [1]))\n"
BOX2 = "(assert (and (<= X[0,0] 1) (>= X[0,0] 0) (<= X[0,1] 1) (>= X[0,1] 0)))\n"


def parsed(text: str) -> Query:
    return query_of(SourceText("p.vnnlib", text, "vnnlib"))


def network(inputs: tuple[int, ...] = (1, 2), outputs: tuple[int, ...] = (1, 1)) -> Network:
    n, k = int(np.prod(inputs)), int(np.prod(outputs))
    layer = Layer("y", outputs, Affine(np.zeros(k), {"x": Dense(np.ones((k, n)))}), "Gemm")
    return Network("n.onnx", "", inputs, outputs, (layer,))


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (HEAD + BOX + "(assert (<= Y_1 0))", "5:13", "'Y_1' is not declared (declared: X_0 to X_1, Y_0 to Y_0)"),
        (HEAD + BOX + "(assert (<= Y_0 0.5.5))", "5:17", "'0.5.5' is not a number"),
        (HEAD + BOX + "(assert (<= Y_0 1e999))", "5:17", "'1e999' is too large for a float64"),
        (HEAD + BOX + "(assert (<= Y_0 (+ 1 nan)))", "5:22", "'nan' is not declared"),
        (HEAD + BOX + "(assert (<= Y_0))", "5:9", "(<= ...) compares 1 numbers"),
        (HEAD + BOX + "(assert (and))", "5:9", "(and ...) holds 0 formulas"),
        (HEAD + BOX + "(assert)", "5:1", "(assert ...) holds 0 formulas"),
        (HEAD + BOX + "(assert (<= Y_0 1) (<= Y_0 2))", "5:1", "(assert ...) holds 2 formulas"),
        (HEAD + BOX + "(assert (not (<= Y_0 1) (<= Y_0 2)))", "5:9", "(not ...) holds 2 formulas"),
        (HEAD + BOX + "(assert ((<= Y_0 1)))", "5:9", "an empty or doubled parenthesis where and, or, not"),
        (HEAD + BOX + "(assert (+ Y_0 1))", "5:9", "(+ where and, or, not, or a comparison is expected"),
        (HEAD + BOX + "(assert (<= (and Y_0) 1))", "5:13", "(and where +, - or *"),
        (HEAD + BOX + "(assert (<= (+) 1))", "5:13", "(+) has nothing to add up"),
        (HEAD + BOX + "(assert (<= (/ Y_0 0) 1))", "5:13", "division by zero"),
        (HEAD + BOX + "(assert (<= Y_0 1)", "5:1", "the file ends inside (assert"),
        (HEAD + BOX + "(assert (<= Y_0 1)))", "5:20", "a closing parenthesis too many"),
        (HEAD + BOX + "(assert Y_0)", "5:9", "unexpected 'Y_0' in (assert ...)"),
        (HEAD + BOX + "nonsense", "5:1", "unexpected 'nonsense' outside of all parentheses"),
        (HEAD + BOX + "(claim (<= Y_0 1))", "5:1", "(claim where assert, declare-const"),
        (HEAD + BOX + "[", "5:1", "unexpected '['"),
        (HEAD + "(assert (<= X_0 1))", "", "inputs without a lower or an upper bound: X_1"),
        (HEAD + "(assert (and (<= X_0 1) (<= X_1 1)))", "", "inputs without a lower or an upper bound: X_0, X_1"),
        (HEAD + BOX.replace("0 X_1", "X_1"), "", "inputs without a lower or an upper bound: X_1"),
        (HEAD, "", "inputs without a lower or an upper bound: X_0, X_1"),
        ("", "1:1", "no input is declared"),
        ("(declare-const X_0 Real)(assert (<= 0 X_0 1))", "1:1", "no output is declared"),
        (HEAD + "(declare-const X_3 Real)", "4:1", "X_3 is declared, X_2 is not"),
        (HEAD + "(declare-const X_1 Real)", "4:16", "X_1 is declared a second time"),
        (HEAD + "(declare-const Z Real)", "4:16", "'Z' is neither input nor output"),
        (HEAD + "(declare-const X_2 Int)", "4:1", "(declare-const X_2 Int) declares no real number"),
        (V2.format("Real") + BOX2 + "(assert (<= Y[1] 0.0))", "4:13", "'Y[1]' is outside of the shape [1]"),
        (V2.format("Real") + BOX2 + "(assert (<= X[1] 0.0))", "4:13", "'X[1]' has 1 indices, X was declared with 2"),
        (V2.format("Real") + BOX2 + "(assert (<= Z[0] 0.0))", "4:13", "'Z[0]' is not declared (declared: X[0,0] to"),
        (V2.format("Reel") + BOX2, "2:20", "unknown element type 'Reel'"),
        (V2.format("Real").replace("[1,2]", "[0]"), "2:20", "[0] is no shape"),
        (V2.format("Real").replace("[1,2]", "[99999999999]"), "2:20", "[99999999999] is no shape"),
        (V2.format("Real").replace("[1,2]", "[100000000]"), "", "X[0], X[1], X[2], X[3], X[4] and 99,999,995 more"),
        (V2.format("Real").replace("[1,2]", ""), "2:20", "declare-input needs a name, an element type and a shape"),
        ("(declare-network f (declare-input X Real [1]))", "1:1", "network 'f' declares no output"),
        (HEAD + V2.format("Real"), "1:1", "declares both scalars (1.0) and a network (2.0)"),
    ],
)  # fmt: skip
def test_mistakes(text: str, place: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parsed(text)
    assert message in str(caught.value)
    assert f"p.vnnlib:{place}: " in str(caught.value) if place else "p.vnnlib: " in str(caught.value)
    assert all(one.hint for one in caught.value.diagnostics)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + BOX + "(assert (<= (* X_0 Y_0) 1))", "product of variables"),
        (HEAD + BOX + "(assert (<= (/ 1 Y_0) 1))", "division by a variable"),
        (HEAD + BOX + "(assert (=> (<= Y_0 1) (<= Y_0 2)))", "(=> ...) is not supported"),
        (HEAD + BOX + "(assert (<= (ite (<= Y_0 1) 1 2) 2))", "(ite ...) is not supported"),
        (HEAD + BOX + "(assert (>= (+ Y_0 (* 1.2345678901234567891234 X_0)) 0))", "more digits than a float64"),
        (V2.format("Real") + "(declare-network g (declare-input A Real [1]))", "a second network, 'g'"),
        (V2.format("Real").replace("f (", "f (equal-to g) ("), "equal-to: relations between networks"),
        (V2.format("Real").replace("f (", "f (isomorphic-to g) ("), "isomorphic-to: relations between networks"),
        (V2.format("Real").replace("f (", 'f (declare-hidden H Real [3] "h") ('), "declare-hidden"),
        (V2.format("Real").replace("f (", "f (declare-input Z Real [3]) ("), "a second input, 'X'"),
        (V2.format("Real").replace("[1,2]", "[1,2] initialized"), "initialized: default values"),
        (V2.format("int8"), "element type int8"),
        (V2.format("Real").replace("2.0", "3.0"), "VNN-LIB version <3.0>"),
    ],
)
def test_refusals_name_what_is_not_supported(text: str, message: str) -> None:
    with pytest.raises(Refused, match=r"p\.vnnlib:\d+") as caught:
        parsed(text)
    assert message in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    text = HEAD + BOX + "(assert (<= Y_7 1))\n(assert (or))\n(assert (<= Y_0 1..2))\n(assert (<= Y_0 (* 1 (+)))))\n"
    with pytest.raises(InputError) as caught:
        parsed(text)
    places = [(one.span.line, one.span.column) for one in caught.value.diagnostics if one.span]
    assert places == [(5, 13), (6, 9), (7, 17), (8, 22), (8, 28)]


def test_too_many_mistakes_are_counted() -> None:
    with pytest.raises(InputError, match="and 30 more mistakes"):
        parsed(HEAD + BOX + "(oops)\n" * 50)


def test_products_of_disjunctions_have_a_limit() -> None:
    pair = "".join(f"(declare-const Y_{k} Real)\n" for k in range(1, 31))
    lines = "".join(f"(assert (or (<= Y_{k} 0) (>= Y_{k} 1)))\n" for k in range(30))
    with pytest.raises(Refused, match="cases, more than the limit of 250,000") as caught:
        parsed(HEAD + pair + BOX + lines)
    assert "p.vnnlib:5" in str(caught.value)
    inner = " ".join(f"(or (<= Y_{k} 0) (>= Y_{k} 1))" for k in range(30))
    with pytest.raises(InputError, match=r"p\.vnnlib:35:25: .*this conjunction of disjunctions has"):
        parsed(HEAD + pair + BOX + f"(assert (or (<= Y_0 -5) (and {inner})))\n")


def test_products_inside_disjunctions_have_a_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isinglass.frontends.vnnlib.parser.COMPARISONS", 20_000)
    one = "(and " + "(or (<= Y_0 0) (>= Y_0 1)) " * 8 + ")"
    with pytest.raises(Refused, match=r"p\.vnnlib:5:.*more than 20,000 comparisons"):
        parsed(HEAD + BOX + "(assert (or " + one * 20 + "))")


def test_contradictions_keep_products_small() -> None:
    lines = "".join(f"(assert (or (<= X_0 0.{k:02}) (>= X_0 0.{k + 1:02})))\n" for k in range(10, 60))
    query = parsed(HEAD + BOX + lines)
    assert (query.count, len(query.lower)) == (51, 51)


@pytest.mark.parametrize("text", ["(" * 100_000, ")" * 100_000, "(assert " * 100_000, "(assert (and" + "(" * 100_000])
def test_heaps_of_parentheses(text: str) -> None:
    with pytest.raises(InputError):
        parsed(HEAD + text)


@pytest.mark.parametrize("text", ["(<= a[" * 20_000, "(<= " + "a" * 10**6, "(" + " " * 10**6, '"' * 10**5, "[" * 10**5])
def test_long_nonsense(text: str) -> None:
    with pytest.raises(InputError):
        parsed(HEAD + text)


def test_sizes_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isinglass.frontends.vnnlib.parser.DEPTH", 1000)
    monkeypatch.setattr("isinglass.frontends.vnnlib.parser.COMPARISONS", 1000)
    with pytest.raises(InputError, match=r"p\.vnnlib:5:.*more than 1,000 lists are open"):
        parsed(HEAD + BOX + "(assert " + "(and " * 2000)
    with pytest.raises(Refused, match=r"p\.vnnlib:5:.*more than 1,000 comparisons"):
        parsed(HEAD + BOX + "(assert (and" + " (<= Y_0 1)" * 2000 + "))")
    with pytest.raises(InputError, match="declares no real number"):
        parsed(HEAD + "(declare-const" + " X_0" * 100_000 + ")")


def test_constants_without_end() -> None:
    with pytest.raises(InputError, match="beyond the range of numbers"):
        parsed(HEAD + BOX + "(assert (<= Y_0 " + "(* 0.1 " * 10_000 + "1" + ")" * 10_000 + "))")
    assert parsed(HEAD + BOX + "(assert (<= Y_0 1e-999999999))").rounded == 1


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "p.vnnlib.gz"
    whole = gzip.compress((HEAD + BOX).encode())
    for content, message in (
        (whole[:-12], "damaged"), (b"\x1f\x8b garbage", "damaged"), (bytes(range(256)) * 4, "holds no text"),
        (b"\xff\xfe\xfd" * 1000, "unexpected"), ((HEAD + BOX).encode()[:-9], "the file ends inside"),
    ):  # fmt: skip
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_vnnlib(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_vnnlib(tmp_path / "none.vnnlib")


def test_texts_have_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isinglass.frontends.source_text.LARGEST", 10_000)
    path = tmp_path / "p.vnnlib.gz"
    path.write_bytes(gzip.compress(b" " * 10_000_000))
    with pytest.raises(InputError, match="holds more than 10,000 bytes"):
        read_vnnlib(path)


def test_the_task() -> None:
    query = parsed(HEAD + BOX + "(assert (or (>= Y_0 X_0) (and (<= X_0 0.5) (< Y_0 0.25))))")
    task = prove_vnnlib(network(), query)
    verify(task.problem)
    assert (task.unsafe.count, task.unsafe.reading, task.network) == (2, "decimal", "n.onnx")
    assert task.unsafe.strict.tolist() == [False, True]
    values = {task.inputs: np.array([[0.25, 0.0]]), task.outputs: np.array([[0.5]])}
    assert task.unsafe.margins(values).tolist() == [[0.25, -0.25]]
    assert task.claim == "no input satisfies p.vnnlib"
    assert not task.problem.ledger
    long = parsed(HEAD + BOX + "(assert (<= Y_0 0.1000000000000000055511151231257827))")
    (note,) = prove_vnnlib(network(), long).problem.ledger
    assert note.loss and note.count == 1
    empty = prove_vnnlib(network(), parsed(HEAD + BOX + "(assert (>= X_0 2))"))
    assert (empty.unsafe.count, empty.unsafe.lower.shape) == (0, (0, 2))
    assert empty.unsafe.margins(values).shape == (1, 0)


def test_sizes_have_to_fit() -> None:
    query = parsed(HEAD + BOX)
    with pytest.raises(InputError) as caught:
        prove_vnnlib(network((1, 3), (1, 4)), query)
    assert "2 inputs are declared, n.onnx has 3" in str(caught.value)
    assert "1 outputs are declared, n.onnx has 4" in str(caught.value)
    square = parsed(V2.format("Real").replace("[1,2]", "[2,1]") + BOX2.replace("[0,1]", "[1,0]"))
    assert prove_vnnlib(network((1, 2), (1,)), square).unsafe.count == 1
    wide = V2.format("Real").replace("[1,2]", "[2,3]")
    box = "".join(f"(assert (and (<= X[{i},{j}] 1) (>= X[{i},{j}] 0)))" for i in range(2) for j in range(3))
    with pytest.raises(InputError, match=r"input X has shape \[2, 3\], that of n.onnx has \[3, 2\]"):
        prove_vnnlib(network((3, 2), (1,)), parsed(wide + box))


def test_element_types() -> None:
    single = parsed(V2.format("float32") + BOX2)
    with pytest.raises(Refused, match="X is declared float32, and unsat is about real arithmetic"):
        prove_vnnlib(network(), single)
    assert prove_vnnlib(network(), single, reals=True).unsafe.count == 1
    for element in ("float64", "float16"):
        with pytest.raises(Refused, match=f"X is declared {element}, n.onnx computes in float32"):
            prove_vnnlib(network(), parsed(V2.format(element) + BOX2), reals=True)
    assert prove_vnnlib(network(), parsed(V2.format("real") + BOX2)).unsafe.count == 1


def test_a_property_alone_is_no_task(tmp_path: Path) -> None:
    path = tmp_path / "p.vnnlib"
    path.write_text(HEAD + BOX, encoding="utf-8")
    with pytest.raises(InputError, match=r"isinglass verify NET.onnx .*p\.vnnlib"):
        read(path)
    path.write_text(HEAD, encoding="utf-8")
    with pytest.raises(InputError, match="inputs without a lower"):
        read(path)
