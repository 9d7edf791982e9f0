"""Syntax errors of specs word by word: line, column, caret, what was expected, what to do; all of a file at once."""

from __future__ import annotations

import logging

import pytest
from lark import Lark, logger

from isinglass.frontends.glass import tree as glass_tree
from isinglass.frontends.glass.ast import Source
from isinglass.frontends.glass.messages import STATEMENTS, USAGE
from isinglass.frontends.glass.syntax import parse_syntax

from .glass_cases import errors_of


def test_three_mistakes_are_three_messages() -> None:
    text = """param v = [1, 2
var take : bin[2]
requir cap: take[0] <= 1
maximize v @ take +
"""
    assert (
        errors_of(text, file="m.glass")
        == """\
m.glass:1:16: error[syntax]: expected ',' or ']', found the end of the statement
   1 | param v = [1, 2
                      ^
  help: close the '[' of line 1, column 11
m.glass:3:1: error[syntax]: 'requir' begins no statement
   3 | requir cap: take[0] <= 1
       ^^^^^^
  help: did you mean 'require'?
m.glass:4:20: error[syntax]: expected a value, found the end of the statement
   4 | maximize v @ take +
                          ^
  help: write for example: maximize sum(c[i] * x[i] for i in 0..3)"""
    )


def test_mistakes_of_every_kind_are_told_together() -> None:
    text = """param v = [1, 2, 3]
var take : bin[3]]
maximize v @ tkae
require cap: v[3] <= 2
compile { solvr = neal }
"""
    assert (
        errors_of(text, file="m.glass")
        == """\
m.glass:2:18: error[syntax]: expected 'in' or the end of the statement, found ']'
   2 | var take : bin[3]]
                        ^
  help: write for example: var x : bin[4], var k : int[2, 3] in 0..7 or var t : real in 0..1.5
m.glass:3:14: error[unknown-name]: unknown name 'tkae'
   3 | maximize v @ tkae
                    ^^^^
  help: did you mean 'take'?
m.glass:4:16: error[index]: index 3 is outside 0..2 of 'v'
   4 | require cap: v[3] <= 2
                      ^
  help: indices count from 0
m.glass:5:11: error[option]: unknown option 'solvr'
   5 | compile { solvr = neal }
                 ^^^^^
  help: did you mean 'solver'?"""
    )


MESSAGES = {
    "let a = 3 x": (
        "spec.glass:1:11: error[syntax]: expected an operator or the end of the statement, found 'x'",
        "a product needs its *, a row its comparison, and every statement a line of its own",
    ),
    "let a = 3;": (
        "spec.glass:1:10: error[syntax]: expected an operator or the end of the statement, found ';'",
        "a statement ends with its line; ; only separates the options of compile",
    ),
    "require x = 3": (
        "spec.glass:1:11: error[syntax]: expected an operator, a comparison, ':', 'and', 'else', 'for', 'or' or the "
        "end of the statement, found '='",
        "equality is written ==",
    ),
    "minimize x ** 2": ("spec.glass:1:12: error[syntax]: unexpected '*'", "a power is written x^2"),
    "require x ≤ 2": ("spec.glass:1:11: error[syntax]: unexpected '≤'", "write <="),
    "require a && b": (
        "spec.glass:1:11: error[syntax]: expected an operator, a comparison, ':', 'and', 'else', 'for', 'or' or the "
        "end of the statement, found '&'",
        "write and",
    ),
    "require a || b": ("spec.glass:1:11: error[syntax]: unexpected '|'", "write or"),
    'param v = load("a.npy)': (
        "spec.glass:1:16: error[syntax]: this text in quotes is not closed",
        "end it in the same line with the same quote",
    ),
    "let y = x[0:3]": (
        "spec.glass:1:12: error[syntax]: expected an operator, ',', '..' or ']', found ':'",
        "a range is written low..high, both ends included",
    ),
    "var for : bin": (
        "spec.glass:1:5: error[syntax]: expected a name, found 'for'",
        "for is a word of the language; use it only in its place, choose another name",
    ),
    "let a = sum(x[i] + for i in 0..3)": (
        "spec.glass:1:20: error[syntax]: expected a value, found 'for'",
        "for is a word of the language; use it only in its place, choose another name",
    ),
    "let a = (1 + 2": (
        "spec.glass:1:15: error[syntax]: expected ')', found the end of the statement",
        "close the '(' of line 1, column 9",
    ),
    "var x : bin var y : bin": (
        "spec.glass:1:13: error[syntax]: expected '[', 'in' or the end of the statement, found 'var'",
        "begin every statement on a line of its own",
    ),
    "compile { bits = }": (
        "spec.glass:1:18: error[syntax]: expected an operator, a number, a text in quotes or a word, found '}'",
        "write for example: compile { solver = neal; seed = 1 }",
    ),
    "x + 1": (
        "spec.glass:1:1: error[syntax]: 'x' begins no statement",
        "a statement begins with param, let, var, network, minimize, maximize, require, prove, bound, train, quantize, "
        "attack or compile; an expression goes on in the next line inside brackets or after an operator",
    ),
}


@pytest.mark.parametrize("text", MESSAGES)
def test_message_and_remedy(text: str) -> None:
    errors = parse_syntax(Source("spec.glass", text)).errors
    assert len(errors) == 1
    assert (str(errors[0]).splitlines()[0], errors[0].hint) == MESSAGES[text]


def test_the_caret_points_at_the_place_in_tabs_and_later_lines() -> None:
    (error,) = parse_syntax(Source("s", "# first\nlet a =\t(\n\t1 +\n\t\t, 2)")).errors
    assert str(error).splitlines()[:3] == [
        "s:4:3: error[syntax]: expected a value, found ','",
        "   4 |   , 2)",
        "         ^",
    ]


def test_lines_go_on_inside_brackets_and_after_operators() -> None:
    text = "minimize sum(x[i]\n  for i in 0..3) +   # more\n  2 *\n\n  y\nrequire a:\n x <= 1\n or y <= 2\n"
    spec = parse_syntax(Source("s", text))
    assert not spec.errors and len(spec.statements) == 2


def test_an_unknown_statement_is_cut_from_the_one_before_it() -> None:
    spec = parse_syntax(Source("s", "let a = 3\nconstrain a <= 3\nrequre b <= 3\nlet c = 4\n"))
    assert [(e.span.line, e.message) for e in spec.errors if e.span] == [
        (2, "'constrain' begins no statement"),
        (3, "'requre' begins no statement"),
    ]
    assert len(spec.statements) == 2


def test_an_unknown_statement_behind_an_unfinished_one() -> None:
    for first in ("minimize x +", "let v = [1, 2", "require sum(x"):
        spec = parse_syntax(Source("s", f"{first}\nrequir y <= 3\nlet c = 4\n"))
        assert [(e.span.line, "requir" in e.message) for e in spec.errors if e.span] == [(1, False), (2, True)]
        assert len(spec.statements) == 1


def test_keywords_of_statements_are_option_names_too() -> None:
    text = "train robust(logistic(ridge = 0.003), data = d,\n  attack = pgd(l2, eps = 0.4),\n  bound = 3, steps = 128)"
    assert not parse_syntax(Source("s", text)).errors


def test_words_of_the_language_inside_names() -> None:
    text = "let index = forward + notary + order * android - iffy\nlet cost = bounded + inner\n"
    assert not parse_syntax(Source("s", text)).errors


@pytest.mark.parametrize("count", [64, 65, 10_000, 100_000])
@pytest.mark.parametrize("pair", ["()", "[]", ("abs(", ")"), ("-(", ")"), ("x[", "]"), ("2^(", ")"), ("not (", ")")])
def test_nested_brackets_are_limited(count: int, pair: tuple[str, str]) -> None:
    text = f"let a = {pair[0] * count}1{pair[1] * count}"
    spec = parse_syntax(Source("s", text))
    if count > 64:
        (error,) = spec.errors
        assert error.code == "nesting" and error.message == "brackets are nested more than 64 deep"
        assert error.span is not None and error.span.column == 8 + 65 * len(pair[0])
    else:
        assert all(error.code == "syntax" for error in spec.errors)


def test_every_statement_has_an_example_that_parses() -> None:
    for word in STATEMENTS:
        example = USAGE[word].split(" or ")[0].split(", with ")[0].split(", var")[0].split(", param")[0]
        spec = parse_syntax(Source("s", example))
        assert not spec.errors and len(spec.statements) == 1, example


def test_the_grammar_has_no_conflict(caplog: pytest.LogCaptureFixture) -> None:
    grammar = (glass_tree.files(glass_tree.__package__) / "glass.lark").read_text(encoding="utf-8")
    logger.setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG, logger=logger.name):
        Lark(grammar, start=["statement", "sum"], parser="lalr", debug=True)
    assert "onflict" not in caplog.text
    ambiguous = "start: a a\na: (/x/ /x/?)"
    with caplog.at_level(logging.DEBUG, logger=logger.name):
        Lark(ambiguous, parser="lalr", debug=True)
    assert "onflict" in caplog.text
