"""Linear and quadratic expressions and rows of an LP file, token by token."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..decimals import INFINITE
from .lp_tokens import END, NOT_A_NAME, Tokens

SENSES = {"<": "L", "<=": "L", "=<": "L", ">": "G", ">=": "G", "=>": "G", "=": "E", "==": "E"}
SIGNS = {"+": "", "-": "-"}
DIGITS = frozenset("0123456789.")
TWO = re.compile(r"0*2(\.0*)?")
MIRRORED = {"L": "G", "G": "L", "E": "E"}
OBJECTIVE = -1
"""The row number of the objective's terms."""
RIGHT_HINT = "move everything but one number to the left side; name rows or begin them on a new line"
PRODUCT_HINT = "write products as: [ x ^ 2 + 3 x * y ]"
TERM_HINTS = {"*": "products stand in brackets: [ x * y ]", "^": "squares stand in brackets: [ x ^ 2 ]",
              "/": "divide the coefficients instead", "]": "a bracket was not opened"}  # fmt: skip


class Stop(Exception):
    """Reading can't go on at a token."""

    def __init__(self, at: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.at, self.message, self.hint = at, message, hint


@dataclass(eq=False)
class Parsed:
    """What the sections of a file say, numbers still as texts.

    ``columns``: name -> number in order of appearance. Term k is ``text[k] * left[k] * right[k]`` (right -1: linear) of
    row ``row[k]``; the objective is row -1. ``constants`` [row]: numbers that stand on the left side.
    """

    columns: dict[str, int] = field(default_factory=dict)
    row: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    halved: list[int] = field(default_factory=list)
    constants: dict[int, list[str]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    least: list[str] = field(default_factory=list)
    most: list[str] = field(default_factory=list)
    guards: dict[int, tuple[int, float]] = field(default_factory=dict)
    place: list[tuple[Tokens, int]] = field(default_factory=list)

    def column(self, name: str) -> int:
        """The number of a variable, a new one where it is seen for the first time."""
        return self.columns.setdefault(name, len(self.columns))

    def pad(self) -> None:
        """Mark the terms added since the last call as linear."""
        self.right += [-1] * (len(self.row) - len(self.right))

    def line(self, row: int) -> int:
        """Where a row was stated."""
        tokens, at = self.place[row]
        return tokens.line(at)


def number(items: list[str], at: int) -> tuple[str, int] | None:
    """Signs and a number or a word for infinity, and the place behind them; None where there is something else."""
    sign, at = signs(items, at)
    if items[at][0] in DIGITS or items[at].lower() in INFINITE:
        return sign + items[at], at + 1
    return None


def expression(tokens: Tokens, at: int, row: int, out: Parsed) -> int:
    """Terms from a token on, added to ``row``; returns the place of the first token that does not belong to it."""
    items, get = tokens.items, out.columns.get
    add_row, add_left, add_text = out.row.append, out.left.append, out.text.append
    first = True
    while True:
        item = items[at]
        if item in SIGNS:
            text, at = (SIGNS[item], at + 1) if items[at + 1] not in SIGNS else signs(items, at)
        elif first:
            text = ""
        else:  # every term but the first needs a sign
            out.pad()
            return at
        first, item = False, items[at]
        if item[0] in DIGITS:
            text, at = text + item, at + 1
            item = items[at]
            if item == "*":
                at += 1
                item = items[at]
            elif item[0] in NOT_A_NAME:
                out.constants.setdefault(row, []).append(text)
                continue
        elif item == "[":
            at = bracket(tokens, at + 1, row, text, out)
            continue
        else:
            text += "1"
        if item[0] in NOT_A_NAME:
            raise Stop(at, "expected a term, but here {found}", TERM_HINTS.get(item, "write terms as: 3 x"))
        index = get(item)
        add_row(row)
        add_left(out.column(item) if index is None else index)
        add_text(text)
        at += 1


def signs(items: list[str], at: int) -> tuple[str, int]:
    """A run of signs as one (empty for plus), and the place behind it."""
    negative = False
    while items[at] in SIGNS:
        negative ^= items[at] == "-"
        at += 1
    return ("-" if negative else ""), at


def bracket(tokens: Tokens, at: int, row: int, sign: str, out: Parsed) -> int:
    """Products up to the closing bracket: ``[ x ^ 2 + 3 x * y ]``, halved where ``/ 2`` follows it."""
    items, opening, begin = tokens.items, at - 1, len(out.row)
    out.pad()
    while items[at] != "]" or at == opening + 1:
        text, behind = signs(items, at)
        if behind == at > opening + 1:
            raise Stop(at, "expected + or - or ], but here {found}", "separate the terms by signs")
        at = product(items, behind, row, "" if text == sign else "-", out)
    at += 1
    if items[at] == "/":
        divisor = items[at + 1]
        if not TWO.fullmatch(divisor):
            raise Stop(at + 1, "expected 2, but here {found}", "products may only be divided by 2: [ ... ] / 2")
        out.halved += range(begin, len(out.row))
        at += 2
    elif row == OBJECTIVE:
        raise Stop(at, "expected / 2, but here {found}", "write the products of an objective doubled: [ 2 x * y ] / 2")
    return at


def product(items: list[str], at: int, row: int, sign: str, out: Parsed) -> int:
    """One product of two variables, or a square."""
    text = "1"
    if items[at][0] in DIGITS:
        text, at = items[at], at + 1
        at += items[at] == "*"
    left, operator, right = items[at : at + 3] if END not in items[at : at + 2] else (items[at], END, END)
    if left[0] in NOT_A_NAME:
        raise Stop(at, "expected a variable, but here {found}", PRODUCT_HINT)
    if operator == "^" and TWO.fullmatch(right):
        right = left
    elif operator != "*" or right[0] in NOT_A_NAME:
        raise Stop(at + 1 + (operator in ("*", "^")), "expected a product or a square, but here {found}", PRODUCT_HINT)
    out.row.append(row)
    out.left.append(out.column(left))
    out.right.append(out.column(right))
    out.text.append(sign + text)
    return at + 3


def read_row(tokens: Tokens, at: int, out: Parsed) -> int:
    """One row, maybe with a name and an indicator, from a token on; returns the place behind it."""
    items, row, begin, name = tokens.items, len(out.names), at, ""
    if items[at + 1] == ":":
        name, at = items[at], at + 2
        if items[begin][0] in NOT_A_NAME - DIGITS:
            raise Stop(begin, "expected the name of a row, but here {found}")
    out.names.append(name)
    out.place.append((tokens, begin))
    first = len(out.row)
    least, most, at = comparison(tokens, at, row, out)
    if items[at] in ("->", "<->"):
        guard = indicator(tokens, at, first, (least, most), row, out)
        first = len(out.row)
        least, most, at = comparison(tokens, at + 1, row, out)
        out.guards[row] = guard
        if any(other >= 0 for other in out.right[first:]):
            raise Stop(at - 1, "a row with products stands behind an indicator", "only linear rows can be switched")
    out.least.append(least)
    out.most.append(most)
    if items[at] is not END and items[at + 1] != ":" and not tokens.starts_line(at):
        raise Stop(at, "expected the end of the row, but here {found}", RIGHT_HINT)
    return at


def comparison(tokens: Tokens, at: int, row: int, out: Parsed) -> tuple[str, str, int]:
    """``expression op number``, ``number op expression`` or ``number op expression op number``: both sides as texts."""
    items = tokens.items
    low, high = "-inf", "inf"
    leading = number(items, at)
    if leading is None or items[leading[1]] not in SENSES:
        at = expression(tokens, at, row, out)
        if items[at] not in SENSES:
            hint = TERM_HINTS.get(items[at], "write rows as: x + 2 y <= 3, with signs between the terms")
            raise Stop(at, "expected <=, >= or =, but here {found}", hint)
        return *sides(SENSES[items[at]], *right_side(items, at + 1)),
    side, at = leading
    sense = MIRRORED[SENSES[items[at]]]
    at = expression(tokens, at + 1, row, out)
    low, high, _ = sides(sense, side, at)
    if items[at] not in SENSES:
        return low, high, at
    if sense == "E" or SENSES[items[at]] == sense or SENSES[items[at]] == "E":
        raise Stop(at, "a row with two sides needs the same sign twice", "write it as: 1 <= x + y <= 5")
    other_low, other_high, behind = sides(SENSES[items[at]], *right_side(items, at + 1))
    return (low, other_high, behind) if sense == "G" else (other_low, high, behind)


def sides(sense: str, side: str, at: int) -> tuple[str, str, int]:
    """The lower and upper side that a comparison with a number states."""
    return ("-inf" if sense == "L" else side), ("inf" if sense == "G" else side), at


def right_side(items: list[str], at: int) -> tuple[str, int]:
    found = number(items, at)
    if found is None:
        raise Stop(at, "expected a number, but here {found}", RIGHT_HINT)
    return found


def indicator(
    tokens: Tokens, at: int, first: int, both: tuple[str, str], row: int, out: Parsed
) -> tuple[int, float]:
    """Take back the term of ``binary = value`` that was read before an arrow: column and value."""
    if tokens.items[at] == "<->":
        raise Stop(at, "<-> is not supported", "state both directions by rows of their own, with ->")
    value = {"0": 0.0, "1": 1.0}.get(both[0])
    plain = len(out.row) == first + 1 and out.text[first] == "1" and out.right[first] < 0 and row not in out.constants
    if not plain or value is None or both[0] != both[1]:
        raise Stop(at, "an indicator is one binary that equals 0 or 1", "write: b = 1 -> x + y <= 3")
    column = out.left[first]
    for part in (out.row, out.left, out.right, out.text):
        part.pop()
    return column, value
