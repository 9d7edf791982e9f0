"""Syntax errors in words: what was found, what could have been there, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from ...ir.errors import Diagnostic
from .ast import Place, Source

USAGE = {
    "param": 'param n = 3, param w = [3, 5, 2] or param v = load("values.npy")',
    "let": "let total = w @ x",
    "var": "var x : bin[4], var k : int[2, 3] in 0..7 or var t : real in 0..1.5",
    "network": 'network f = onnx("net.onnx")',
    "minimize": "minimize sum(c[i] * x[i] for i in 0..3)",
    "maximize": "maximize sum(c[i] * x[i] for i in 0..3)",
    "require": "require name: left <= right for i in 0..3, with when b then ... before and else cost 2 behind the row",
    "prove": "prove argmax(y) == 7 or prove y[0] <= 3 and (y[1] < y[0] or y[2] < y[0])",
    "bound": "bound lipschitz(f, output = 8, norm = linf)",
    "train": "train head(f, data = d)",
    "quantize": "quantize weights(f, bits = 3, data = d)",
    "attack": "attack pgd(f, data = d, eps = 0.1)",
    "compile": "compile { solver = neal; seed = 1 }",
}
STATEMENTS = tuple(USAGE)
RESERVED = ("in", "for", "if", "when", "then", "else", "not", "and", "or")

_GROUPS = (
    ("a value", {"NUMBER", "NAME"}, {"NUMBER", "NUMBERS", "NAME", "STRING", "LPAR", "LSQB", "SIGN", "NOT", "WHEN"}),
    ("an operator", {"TIMES"}, {"TIMES", "SIGN", "CIRCUMFLEX", "LSQB", "LPAR"}),
    ("an operator", {"SIGN"}, {"SIGN"}),
    ("a comparison", {"COMPARE"}, {"COMPARE"}),
)
_WORDING = {
    "NAME": "a name", "NUMBER": "a number", "WORD": "a word", "STRING": "a text in quotes", "DOTS": "'..'",
    "LPAR": "'('", "RPAR": "')'", "LSQB": "'['", "RSQB": "']'", "LBRACE": "'{'", "RBRACE": "'}'", "COMMA": "','",
    "COLON": "':'", "EQUAL": "'='", "SEMICOLON": "';'", "AMPERSAND": "'&'",
}  # fmt: skip
_REMEDIES = {
    "**": "a power is written x^2",
    "&&": "write and",
    "||": "write or",
    "!": "write not, or != between two sides",
    "≤": "write <=",
    "≥": "write >=",
    "≠": "write !=",
    "·": "write *",
    "\u00d7": "write *",
    "\u2212": "write the plain minus sign -",
    "%": "there is no remainder; use floor(a / b)",
    "=<": "write <=",
    "=>": "write >=",
    "===": "write ==",
}


class Text(Protocol):
    """What an explanation has to know about the statement."""

    start: int
    end: int
    word: str
    brackets: list[int]


def explain(error: UnexpectedInput, source: Source, chunk: Text) -> Diagnostic:
    """The diagnostic for an error that lark raised in a statement."""
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        start = end = chunk.start + (error.token.end_pos or 0)
        found, wanted = "the end of the statement", set(error.accepts or error.expected)
    elif isinstance(error, UnexpectedToken):
        start, end = chunk.start + (error.token.start_pos or 0), chunk.start + (error.token.end_pos or 0)
        found, wanted = repr(shortened(str(error.token))), set(error.accepts or error.expected)
    else:
        assert isinstance(error, UnexpectedCharacters)
        return strange(source, chunk, chunk.start + (error.pos_in_stream or 0))
    message = f"expected {alternatives(wanted)}, found {found}"
    return Place(source, start, end).error("syntax", message, remedy(source, chunk, start, found, wanted))


def strange(source: Source, chunk: Text, start: int) -> Diagnostic:
    """The diagnostic for characters that begin no token."""
    here = source.text[start]
    if here in "\"'":
        message, hint = "this text in quotes is not closed", "end it in the same line with the same quote"
    else:
        message, hint = f"unexpected {here!r}", remedy(source, chunk, start, repr(here), set())
    return Place(source, start, start + 1).error("syntax", message, hint)


def shortened(text: str) -> str:
    return text if len(text) <= 30 else text[:27] + "..."


def alternatives(wanted: set[str]) -> str:
    """``a value, ')' or the end of the statement``."""
    left, words = set(wanted), []
    for phrase, needed, covered in _GROUPS:
        if needed <= left:
            words.append(phrase)
            left -= covered
    ends = ["the end of the statement"] if "$END" in left else []
    named = sorted(wording(name) for name in left - {"$END"})
    return listing([*words, *named, *ends])


def wording(name: str) -> str:
    return _WORDING.get(name, repr(name.lower()))


def listing(words: Iterable[str]) -> str:
    *most, last = dict.fromkeys(words)
    return f"{', '.join(most)} or {last}" if most else last


def remedy(source: Source, chunk: Text, start: int, found: str, wanted: set[str]) -> str:
    """The first advice that fits; how the statement is written where none does."""
    text = source.text
    here = text[start : min(start + 3, chunk.end)]
    for wrong, advice in _REMEDIES.items():
        if here.startswith(wrong):
            return advice
    word = found.strip("'")
    if word in STATEMENTS and "$END" in wanted:
        return "begin every statement on a line of its own"
    if word in RESERVED and "NAME" in wanted:
        return f"{word} is a word of the language; use it only in its place, choose another name"
    advice = punctuation(word, chunk, wanted)
    if advice:
        return advice
    opened = [place for place in chunk.brackets if place < start]
    if opened and {"RPAR", "RSQB", "RBRACE"} & wanted:
        span = source.span(opened[-1], opened[-1] + 1)
        return f"close the {text[opened[-1]]!r} of line {span.line}, column {span.column}"
    if re.match(r"[A-Za-z_(]", here) and "TIMES" in wanted and re.search(r"[\w)\]]\s*$", text[chunk.start : start]):
        return "a product needs its *, a row its comparison, and every statement a line of its own"
    return f"write for example: {USAGE[chunk.word]}" if chunk.word else "write a number, or numbers as [1, 2, 3]"


def punctuation(word: str, chunk: Text, wanted: set[str]) -> str:
    """Advice for = : ; in the wrong place; empty elsewhere."""
    if word == "=" and "COMPARE" in wanted:
        return "equality is written =="
    if word == ":" and "DOTS" in wanted:
        return "a range is written low..high, both ends included"
    if word == ";" and "$END" in wanted:
        return "a statement ends with its line; ; only separates the options of compile"
    return ""
