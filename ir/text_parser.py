"""Reading the text form (the grammar's other half is :mod:`isinglass.ir.text`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np
from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import VisitError

from .errors import Diagnostic, InputError, IsinglassError, Span
from .operator import ENTRY_LIMIT, check_limit
from .problem import Problem
from .rules import constructor
from .text import DTYPES, digest
from .text_types import field_types, fits, shown
from .types import AnyArray

GRAMMAR = r"""
document: "isinglass" NUMBER "problem" STRING "(" [arguments] ")" "{" block* "}"
block: NAME STRING "(" [arguments] ")"
arguments: argument ("," argument)*
argument: NAME "=" value
?value: NUMBER -> number | STRING -> string | call | list | map | array | NAME -> word
call: NAME "(" [arguments] ")"
list: "[" "]" | "[" value ("," value)* "]"
map: "{" "}" | "{" entry ("," entry)* "}"
entry: STRING ":" value
array: ARRAY "(" [NUMBER ("," NUMBER)*] ")" -> inline | ARRAY "(" NUMBER "...)" -> filled | ARRAY REFERENCE -> side
ARRAY.3: /(f64|i64|b1)\[[0-9,]*\]/
REFERENCE: /#[0-9]+:[0-9a-f]+/
NAME: /[a-z][a-z0-9_]*/
NUMBER.2: /-?(inf|nan|[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?)(?![a-z0-9_])/
STRING: /"(\\.|[^"\\])*"/
COMMENT: /\/\/[^\n]*/
%ignore /[ \t\r\n]+/
%ignore COMMENT
"""
WORDS = {"none": None, "true": True, "false": False}


@cache
def grammar() -> Lark:
    """The parser, built on first use."""
    return Lark(GRAMMAR, parser="lalr", start=["document", "value"], maybe_placeholders=True)


def to_number(token: str) -> int | float:
    """Whole numbers without point or exponent are ints."""
    return int(token) if token.lstrip("-").isdigit() else float(token)


@v_args(inline=True)
class Build(Transformer[Token, Any]):
    """Bottom-up construction of the values."""

    def __init__(self, arrays: Mapping[str, AnyArray]) -> None:
        super().__init__()
        self.arrays = arrays

    def number(self, token: Token) -> int | float:
        return to_number(token)

    def string(self, token: Token) -> str:
        return str(json.loads(token))

    def word(self, token: Token) -> Any:
        if token not in WORDS:
            raise InputError(f"line {token.line}: unknown word {token!s}")
        return WORDS[token]

    def list(self, *items: Any) -> tuple[Any, ...]:
        return items

    def entry(self, key: Token, value: Any) -> tuple[str, Any]:
        return str(json.loads(key)), value

    def map(self, *entries: Any) -> dict[str, Any]:
        return unique(entries, "key")

    def argument(self, name: Token, value: Any) -> tuple[str, Any]:
        return str(name), value

    def arguments(self, *pairs: tuple[str, Any]) -> dict[str, Any]:
        return unique(pairs, "field")

    def call(self, name: Token, arguments: dict[str, Any] | None) -> Any:
        return self._make(name, arguments or {})

    def block(self, kind: Token, name: Token, arguments: dict[str, Any] | None) -> Any:
        if kind not in ("var", "lin", "fn", "poly"):
            raise InputError(f"line {kind.line}: unknown block kind {kind!s}", hint="known: var, lin, fn, poly")
        return self._make(kind, {"name": json.loads(name), **(arguments or {})})

    def document(self, version: Token, name: Token, arguments: dict[str, Any] | None, *blocks: Any) -> Problem:
        if version != "1":
            raise InputError(f"text form version {version!s} is not known", hint="this program reads version 1")
        return Problem(name=json.loads(name), blocks=tuple(blocks), **(arguments or {}))

    def _make(self, name: Token, arguments: dict[str, Any]) -> Any:
        cls = constructor(str(name))
        if cls is None:
            raise InputError(f"line {name.line}: unknown constructor {name!s}")
        hints = field_types(cls)
        for key, value in arguments.items():
            if not fits(value, hints.get(key, Any)):
                raise InputError(f"line {name.line}: {name!s}: {key} can't be {shown(value)}")
        try:
            return cls(**arguments)
        except TypeError as error:
            raise InputError(f"line {name.line}: {name!s}: {error}") from error

    def inline(self, head: Token, *numbers: Token | None) -> AnyArray:
        dtype, shape = split_head(head)
        values = [to_number(token) for token in numbers if token is not None]
        if len(values) != prod(shape):
            raise InputError(f"line {head.line}: array {head!s} holds {len(values)} numbers")
        return stored(values, dtype, head).reshape(shape)

    def filled(self, head: Token, value: Token) -> AnyArray:
        dtype, shape = split_head(head)
        check_limit(prod(shape), ENTRY_LIMIT)
        return np.full(shape, stored([to_number(value)], dtype, head)[0])

    def side(self, head: Token, reference: Token) -> AnyArray:
        dtype, shape = split_head(head)
        key = str(reference)[1:]
        if key not in self.arrays:
            text = f"line {head.line}: array {key} is not in the side file"
            raise InputError(text, hint="restore the .npz beside it")
        array = self.arrays[key]
        if array.dtype != dtype or array.shape != shape or digest(array) != key.partition(":")[2]:
            raise InputError(f"line {head.line}: array {key} in the side file is not the one that was saved")
        return array


def split_head(head: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """``f64[2,3]`` -> dtype and shape."""
    code, _, dimensions = head.rstrip("]").partition("[")
    return DTYPES[code], tuple(int(d) for d in dimensions.split(",") if d)


def stored(values: list[int | float], dtype: np.dtype[Any], head: Token) -> AnyArray:
    """Numbers as an array of the dtype, refused where one would change."""
    array = np.array(values, dtype=dtype)
    same = [a == b or a != a for a, b in zip(values, array.tolist(), strict=True)]
    if not all(same):
        raise InputError(f"line {head.line}: {values[same.index(False)]} is no number of array {head!s}")
    return array


def unique(pairs: Sequence[tuple[str, Any]], what: str) -> dict[str, Any]:
    """A dict; an :class:`InputError` where a key comes twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise InputError(f"{what} {next(key for key in keys if keys.count(key) > 1)!r} is given twice")
    return found


def parse(text: str, start: str, arrays: Mapping[str, AnyArray], file: str) -> Any:
    """Parse from one of the start symbols; all trouble becomes :class:`InputError` with file and line."""
    try:
        tree = grammar().parse(text, start=start)
        return Build(arrays).transform(tree)
    except UnexpectedInput as error:
        line = text.split("\n")[error.line - 1] if 0 < error.line <= text.count("\n") + 1 else ""
        span = Span(file, max(error.line, 0), max(error.column, 1), max(error.column, 1) + 1, line)
        message = Diagnostic("text-form", "not in the text form here", span, "was the file cut off or edited?")
        raise InputError(message) from error
    except VisitError as error:
        cause = error.orig_exc
        told = cause.diagnostics[0] if isinstance(cause, IsinglassError) else Diagnostic("text-form", str(cause))
        raise InputError(Diagnostic("text-form", f"{file}: {told.message}", hint=told.hint)) from error
    except RecursionError as error:
        raise InputError(f"{file}: nested too deeply", code="text-form") from error
