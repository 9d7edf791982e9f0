"""The loop over the tokens of a VNN-LIB file: what is declared and what is asserted, with an explicit stack.

A comparison becomes an *atom*: ``left - right >= 0`` or ``> 0``, its sides numbers of operand texts. Plain ones are
kept as three numbers each; those with arithmetic in them as a linear sum. Negations are pushed down to the atoms on
the way. All mistakes are collected in the source.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from fractions import Fraction

from ...ir.errors import IsinglassError, Refused
from ..decimals import read_numbers
from ..source_text import SHOWN_MISTAKES, SourceText
from .arithmetic import Linear, combine
from .frames import Frame, TooManyCases
from .scan import CLOSE, COMPARISON, OPEN, TOKEN, WORD, without_comments

GE, GT, LE, LT, EQ, NE = range(6)
SIGNS = {">=": GE, ">": GT, "<=": LE, "<": LT, "==": EQ, "=": EQ, "!=": NE, "distinct": NE}
OPPOSITE = {GE: LT, GT: LE, LE: GT, LT: GE, EQ: NE, NE: EQ}
ARITHMETIC = ("+", "-", "*", "/")
IGNORED = ("set-logic", "set-info", "set-option", "check-sat", "get-model", "get-value", "get-assignment", "exit")
DECLARATIONS = ("declare-const", "declare-fun", "declare-network", "vnnlib-version")
UNSUPPORTED = ("=>", "xor", "ite", "let", "forall", "exists", "abs", "div", "mod", "min", "max", "define-fun",
               "declare-datatypes", "push", "pop")  # fmt: skip
CONSTANTS = {"true": GE, "false": GT}
DEPTH = 500_000
"""Most lists that may be open at once."""
COMPARISONS = 5_000_000
"""Most comparisons of a file."""
WORDS = 1000
"""Words and lists kept of a declaration; none has more."""


class Operands(dict[str, int]):
    """Operand text -> number, new ones counted up."""

    def __missing__(self, text: str) -> int:
        self[text] = number = len(self)
        return number


@dataclass
class Atoms:
    """Atom k: ``left[k] (sign[k]) right[k]`` of operands; ``left[k] = -1 - j``: the sum ``sums[j] (sign[k]) 0``."""

    sign: array[int] = field(default_factory=lambda: array("q"))
    left: array[int] = field(default_factory=lambda: array("q"))
    right: array[int] = field(default_factory=lambda: array("q"))
    at: array[int] = field(default_factory=lambda: array("q"))
    sums: list[Linear] = field(default_factory=list)

    def add(self, sign: int, left: int, right: int, at: int) -> int:
        self.sign.append(sign)
        self.left.append(left)
        self.right.append(right)
        self.at.append(at)
        return len(self.sign) - 1


class Parser:
    """``root`` holds the assertions, ``declarations`` the closed declaration lists, in order."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.text = without_comments(source.text)
        self.operands = Operands()
        self.atoms = Atoms()
        self.root = Frame("", 0, "file")
        self.stack = [self.root]
        self.sums: list[list[Linear]] = []
        self.numbers: dict[str, Fraction] = {}
        self.expanded = 0
        self.declarations: list[Frame] = []

    def run(self) -> None:
        """Read all tokens. Mistakes go to the source."""
        operands = self.operands
        for match in TOKEN.finditer(self.text):
            kind, frame = match.lastindex, self.stack[-1]
            if kind == COMPARISON and frame.group == "logic":
                sign, left, right = match.group(1, 2, 3)
                frame.count += 1
                self.compare(frame, SIGNS[sign], operands[left], operands[right], match.start())
            elif kind == OPEN:
                self.open(match[OPEN], match.start())
            elif kind == CLOSE:
                self.close(match.start())
            elif kind == WORD:
                self.word(match[WORD], match.start())
            elif kind == COMPARISON:
                self.misplaced(frame, match.group(), match.start())
            else:
                self.wrong(match.start(), f"unexpected {match.group()!r}", "remove it", 1)
        if len(self.stack) > 1:
            frame = self.stack[1]
            self.wrong(frame.at, f"the file ends inside ({frame.head}", "was it cut off? a closing ) is missing", 1)

    def wrong(self, at: int, message: str, hint: str, width: int = 0) -> None:
        """A mistake at a place of the text."""
        if len(self.source.mistakes) >= SHOWN_MISTAKES:
            self.source.untold += 1
            return
        line, column = self.source.place(at)
        self.source.say(line, message, hint, column, width or 1)

    def refuse(self, at: int, message: str, hint: str) -> None:
        if len(self.source.refusals) < SHOWN_MISTAKES:
            self.source.refuse(self.source.place(at)[0], message, hint)

    def limit(self, count: int, at: int) -> None:
        """Raise where there are too many comparisons, or would be in a disjunction multiplied out."""
        if count > COMPARISONS:
            self.refuse(at, f"more than {COMPARISONS:,} comparisons", "split the file")
            self.source.check()

    def compare(self, frame: Frame, sign: int, left: int, right: int, at: int) -> None:
        """A comparison of two operands (or of a sum with 0) inside a list of logic."""
        if not frame.positive:
            sign = OPPOSITE[sign]
        self.limit(len(self.atoms.sign), at)
        if sign <= LT:
            frame.atom(self.atoms.add(sign, left, right, at))
            return
        first, second = (GE, LE) if sign == EQ else (GT, LT)
        pair = [self.atoms.add(first, left, right, at), self.atoms.add(second, left, right, at)]
        if sign == EQ:
            frame.conjunction(pair, [])
        else:
            frame.disjunction([[one] for one in pair], at)

    def open(self, head: str, at: int) -> None:
        """A list begins."""
        frame = self.stack[-1]
        if len(self.stack) > DEPTH:
            self.wrong(at, f"more than {DEPTH:,} lists are open", "is it a VNN-LIB file?", 1)
            self.source.check()
        new = Frame(head, at, "skip", frame.positive)
        if frame.group == "file":
            if head == "assert":
                new.group = "logic"
            elif head in DECLARATIONS or head in IGNORED:
                new.group = "plain"
            else:
                self.unknown(head, at, "assert, declare-const, declare-network or vnnlib-version")
        elif frame.group == "logic":
            self.open_logic(new)
        elif frame.group == "sum":
            if head in ARITHMETIC:
                new.group = "sum"
            else:
                self.unknown(head, at, "+, - or *, a number or a variable")
        elif frame.group == "plain":
            new.group = "plain"
        if new.group == "sum":
            self.sums.append([])
        self.stack.append(new)

    def open_logic(self, new: Frame) -> None:
        frame, head = self.stack[-1], new.head
        frame.count += 1
        if head in SIGNS:
            new.group = "sum"
        elif head in ("and", "or", "not"):
            new.group = "logic"
            new.positive = frame.positive != (head == "not")
            new.either = (head == "or") == new.positive and head != "not"
        else:
            self.unknown(head, new.at, "and, or, not, or a comparison")

    def unknown(self, head: str, at: int, expected: str) -> None:
        if head in UNSUPPORTED:
            self.refuse(at, f"({head} ...) is not supported", "write it with and, or, not and linear comparisons")
            return
        found = f"({head}" if head else "an empty or doubled parenthesis"
        self.wrong(at, f"{found} where {expected} is expected", f"write {expected}", len(head) + 1)

    def close(self, at: int) -> None:
        """A list ends."""
        if len(self.stack) == 1:
            self.wrong(at, "a closing parenthesis too many", "remove it")
            return
        frame = self.stack.pop()
        parent = self.stack[-1]
        if frame.group == "logic":
            self.close_logic(frame, parent)
        elif frame.group == "sum":
            forms = self.sums.pop()
            if frame.head in ARITHMETIC:
                self.sums[-1].append(self.combined(frame, forms))
            else:
                self.close_comparison(frame, forms, parent)
        elif parent.group == "plain":
            if len(parent.children) < WORDS:
                parent.children.append(frame)
        elif parent.group == "sum":
            self.sums[-1].append(Linear())  # in place of what has been told to be wrong
        elif frame.group == "plain" and frame.head in DECLARATIONS:
            self.declarations.append(frame)

    def close_logic(self, frame: Frame, parent: Frame) -> None:
        wanted = "one formula" if frame.head in ("assert", "not") else "at least one formula"
        if not frame.count or (frame.count > 1 and wanted == "one formula"):
            message = f"({frame.head} ...) holds {frame.count} formulas"
            self.wrong(frame.at, message, f"it takes {wanted}", len(frame.head) + 1)
        try:
            before = len(parent.cases)
            parent.take(frame)
            if frame.clauses and parent.either:
                self.expanded += (len(parent.cases) - before) * (len(frame.atoms) + len(frame.clauses))
                self.limit(self.expanded, frame.at)
        except TooManyCases as many:
            self.wrong(
                frame.at, f"this conjunction of disjunctions has {many.count:,} cases or more",
                "state the disjunctions as assertions of their own, or split the file", len(frame.head) + 1,
            )  # fmt: skip

    def combined(self, frame: Frame, forms: list[Linear]) -> Linear:
        if not forms:
            self.wrong(frame.at, f"({frame.head}) has nothing to add up", "give it operands", len(frame.head) + 1)
            return Linear()
        try:
            return combine(frame.head, forms)
        except IsinglassError as error:
            (found,) = error.diagnostics
            if isinstance(error, Refused):
                self.refuse(frame.at, found.message, found.hint)
            else:
                self.wrong(frame.at, found.message, found.hint, len(frame.head) + 1)
        return Linear()

    def close_comparison(self, frame: Frame, forms: list[Linear], parent: Frame) -> None:
        """Neighbours of a chain are compared; ``(<= a b c)`` is both ``(<= a b)`` and ``(<= b c)``."""
        if len(forms) < 2 or (len(forms) > 2 and SIGNS[frame.head] == NE):
            message = f"({frame.head} ...) compares {len(forms)} numbers"
            self.wrong(frame.at, message, "it takes two", len(frame.head) + 1)
            return
        chain = Frame("and", frame.at, "logic", frame.positive, not frame.positive)
        for place in range(len(forms) - 1):
            left, right = (one if len(forms) == 2 else copied(one) for one in forms[place : place + 2])
            self.atoms.sums.append(combine("-", [left, right]))
            self.compare(chain, SIGNS[frame.head], -len(self.atoms.sums), 0, frame.at)
        parent.take(chain)

    def word(self, text: str, at: int) -> None:
        frame = self.stack[-1]
        if frame.group == "sum":
            self.sums[-1].append(self.leaf(text, at))
        elif frame.group == "plain":
            if len(frame.words) < WORDS:
                frame.words.append((text, at))
        elif frame.group == "logic" and text in CONSTANTS:
            frame.count += 1
            self.atoms.sums.append(Linear())
            self.compare(frame, CONSTANTS[text], -len(self.atoms.sums), 0, at)
        elif frame.group != "skip":
            self.misplaced(frame, text, at)

    def leaf(self, text: str, at: int) -> Linear:
        """An operand of a sum."""
        if not is_number(text):
            return Linear({self.operands[text]: Fraction(1)})
        if text not in self.numbers:
            found, faults = read_numbers([text])
            for fault in faults.values():
                self.wrong(at, f"{text[:40]!r} {fault}", "write numbers like -0.5 or 1.5e-3", min(len(text), 40))
            self.numbers[text] = Fraction(0) if faults else found.fraction(0)
        return Linear(constant=self.numbers[text])

    def misplaced(self, frame: Frame, text: str, at: int) -> None:
        if frame.group == "skip":
            return
        inside = f"in ({frame.head} ...)" if frame.head else "outside of all parentheses"
        hint = "assertions look like (assert (<= X_0 0.5))"
        self.wrong(at, f"unexpected {text[:40]!r} {inside}", hint, min(len(text), 40))


def is_number(text: str) -> bool:
    """Whether an operand is meant as a number rather than a name."""
    return text[0] in "0123456789+-."


def copied(form: Linear) -> Linear:
    return Linear(dict(form.terms), form.constant, form.factor)
