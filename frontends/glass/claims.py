"""``prove``: a claim about a network's outputs turned into the disjunction of the ways to break it.

Each way is a conjunction of affine forms >= 0, or > 0 where the claim included equality. ``argmax(y) == k`` gives the
lowest index among equals: an earlier output breaks it when it is as great, a later one only when it is greater.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ...ir.affine import Affine
from ...ir.errors import InputError
from ...ir.types import BoolArray, IntArray
from . import ast as ast
from .ast import Node
from .emit import linear_terms
from .eval import Evaluator, as_values
from .forms import Form, compact, moved, total, unfolded
from .frames import Poisoned
from .layout import Rows
from .numbers import Numbers
from .reading import stated

CASES = 10_000
"""Most ways to break a claim."""
SELECTORS = ("argmax", "argmin")
OPPOSITE = {"<=": ">", "<": ">=", ">=": "<", ">": "<=", "==": "!=", "!=": "=="}


@dataclass(frozen=True, eq=False)
class Atom:
    """``form >= 0``, ``> 0`` where strict, for element ``row`` of the form, or of minus the form; ``text`` says it."""

    form: Form
    row: int
    negative: bool
    strict: bool
    text: str


Way = tuple[Atom, ...]
Part = tuple[Form, str, str, str]
"""left - right, the sign, and both sides as text."""


class Claim:
    """Turns a claim into ways to break it; comparisons are evaluated once for all elements of the index set."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.known: dict[int, list[Part]] = {}
        self.labels: dict[int, tuple[Form, IntArray]] = {}

    def broken(self, statement: ast.Prove) -> list[Way]:
        """All ways to break the claim for some element of its index set."""
        frames = self.evaluator.frames
        found: list[Way] = []
        with self.evaluator.under(statement.over):
            for element in range(frames.size(frames.level)):
                found += self.ways(statement.claim, element, False)
                limit(len(found))
        if not found:
            raise InputError("the claim is about nothing", code="value", hint="its index set is empty")
        return found

    def ways(self, node: Node, element: int, holds: bool) -> list[Way]:
        """The disjunction of conjunctions that says that a condition holds, or does not."""
        match node:
            case ast.Not(item=item):
                return self.ways(item, element, not holds)
            case ast.And(items=items) | ast.Or(items=items):
                parts = [self.ways(item, element, holds) for item in items]
                if isinstance(node, ast.Or) == holds:
                    return limited(way for part in parts for way in part)
                limit(int(np.prod([len(part) for part in parts], dtype=np.float64)))
                return [tuple(atom for way in choice for atom in way) for choice in product(*parts)]
            case ast.Comparison():
                return self.compared(node, element, holds)
        hint = "prove argmax(y) == 7, or comparisons of outputs with and, or, not"
        self.evaluator.work.report(node, InputError("a claim is made of comparisons", code="type", hint=hint))
        raise Poisoned

    def compared(self, node: ast.Comparison, element: int, holds: bool) -> list[Way]:
        """A chain of comparisons, elementwise: all of them have to hold."""
        if any(isinstance(item, ast.Call) and item.function in SELECTORS for item in node.items):
            return self.selected(node, element, holds)
        pieces = []
        for form, sign, left, right in self.parts(node):
            inner = int(np.prod(form.shape[1:], dtype=np.int64))
            for k in range(inner):
                where = [f"element {k}"] if inner > 1 else []
                pieces.append((form, element * inner + k, sign, left, right + self.at(element, *where)))
        return combined(pieces, holds)

    def selected(self, node: ast.Comparison, element: int, holds: bool) -> list[Way]:
        """``argmax(y) == k``: the k-th output is greater than all before it and at least as great as all behind it."""
        call, *rest = sorted(
            node.items, key=lambda item: not isinstance(item, ast.Call) or item.function not in SELECTORS
        )
        assert isinstance(call, ast.Call)
        if len(rest) != 1 or node.signs[0] not in ("==", "!="):
            hint = f"prove {call.function}(y) == 7, or != 7"
            self.evaluator.work.report(
                node, InputError(f"{call.function} is compared with one label", code="type", hint=hint)
            )
            raise Poisoned
        form, labels = self.outputs(node, call, rest[0])
        label, size, name = int(labels[element]), form.shape[1], call.args[0].at.text
        pieces = []
        for other in (k for k in range(size) if k != label):
            pair = (f"{name}[{label}]", f"{name}[{other}]")
            left, right = pair if call.function == "argmax" else pair[::-1]
            right += self.at(element) if len(labels) > 1 else ""
            pieces.append((form, element * size + other, ">" if other < label else ">=", left, right))
        return combined(pieces, holds == (node.signs[0] == "=="))

    def at(self, element: int, *more: str) -> str:
        """`` (k = 3)`` where a claim goes over an index set or a vector, else nothing."""
        names = self.evaluator.frames.describe(element, self.evaluator.frames.level)
        parts = ", ".join([*([names] if names else []), *more])
        return f" ({parts})" if parts else ""

    def outputs(self, node: ast.Comparison, call: ast.Call, other: Node) -> tuple[Form, IntArray]:
        """How much better the label is than each output [elements, outputs], and the labels [elements]."""
        if id(node) not in self.labels:
            (value,) = self.evaluator.need(*call.args)
            label, _ = self.evaluator.numbers(other, "a label")
            if len(value.inner) != 1 or label.inner or not value.is_form:
                raise InputError(
                    f"{call.function} takes a vector of outputs and one label",
                    code="shape",
                    hint=f"prove {call.function}(y) == 7",
                )
            (form,), _ = as_values(self.evaluator, [value])
            full = self.evaluator.frames.full(label, self.evaluator.frames.level)
            labels = full.to_integers() if isinstance(full, Numbers) else None
            elements, size = form.shape
            if labels is None or (labels < 0).any() or (labels >= size).any():
                error = InputError(f"labels are 0 to {size - 1}", code="index", hint="check the label and the network")
                self.evaluator.work.report(other, error)
                raise Poisoned
            own = form.pick(np.broadcast_to((np.arange(elements) * size + labels)[:, None], (elements, size)))
            best, rest = (own, form) if call.function == "argmax" else (form, own)
            self.labels[id(node)] = total([best, -rest]), labels
        return self.labels[id(node)]

    def parts(self, node: ast.Comparison) -> list[Part]:
        """The differences of a chain, computed once."""
        if id(node) not in self.known:
            values = self.evaluator.need(*node.items)
            if not any(value.is_form for value in values):
                error = InputError(
                    "this compares constants", code="type", hint="a claim is about the outputs of a network"
                )
                self.evaluator.work.report(node, error)
                raise Poisoned
            forms, _ = as_values(self.evaluator, values)
            texts = [item.at.text for item in node.items]
            self.known[id(node)] = [
                (total([forms[k], -forms[k + 1]]), sign, texts[k], texts[k + 1]) for k, sign in enumerate(node.signs)
            ]
        return self.known[id(node)]


def combined(pieces: Sequence[tuple[Form, int, str, str, str]], holds: bool) -> list[Way]:
    """All comparisons hold, or one of them does not."""
    each = [one(form, row, sign if holds else OPPOSITE[sign], left, right) for form, row, sign, left, right in pieces]
    if not holds:
        return limited(way for ways in each for way in ways)
    limit(int(np.prod([len(ways) for ways in each], dtype=np.float64)))
    return [tuple(atom for way in choice for atom in way) for choice in product(*each)]


def one(form: Form, row: int, sign: str, left: str, right: str) -> list[Way]:
    """``form (sign) 0`` as ways to hold it."""
    text = f"{left} {sign} {right}"
    match sign:
        case ">=" | ">":
            return [(Atom(form, row, False, sign == ">", text),)]
        case "<=" | "<":
            return [(Atom(form, row, True, sign == "<", text),)]
        case "==":
            return [(Atom(form, row, False, False, text), Atom(form, row, True, False, text))]
    more, less = f"{left} > {right}", f"{left} < {right}"
    return [(Atom(form, row, False, True, more),), (Atom(form, row, True, True, less),)]


def limit(count: int) -> None:
    if count > CASES:
        message = f"the claim can be broken in {count:,} ways, more than the limit of {CASES:,}"
        raise InputError(message, code="too-large", hint="state parts of it as claims of their own")


def limited(ways: Iterable[Way]) -> list[Way]:
    found = list(ways)
    limit(len(found))
    return found


@dataclass(frozen=True, eq=False)
class Ways:
    """All ways to break a claim in arrays: rows ``forms`` [M] with ``strict`` [M], ``start`` [C + 1], ``texts`` [C]."""

    forms: Affine
    strict: BoolArray
    start: IntArray
    reading: str
    texts: tuple[str, ...]


def stacked(evaluator: Evaluator, ways: Sequence[Way]) -> Ways:
    """Ways to break a claim as one vector of affine forms, each comparison's elements taken at once."""
    layout = evaluator.work.layout
    atoms = [atom for way in ways for atom in way]
    places: dict[tuple[int, bool], list[int]] = {}
    for place, atom in enumerate(atoms):
        places.setdefault((id(atom.form), atom.negative), []).append(place)
    constants, parts = [], []
    for mine in places.values():
        first = atoms[mine[0]]
        picked = (-first.form if first.negative else first.form).pick(np.array([atoms[k].row for k in mine]))
        constants.append(picked.constant)
        parts += [moved(unfolded(part), np.array(mine)) for part in picked.parts]
    order = np.argsort(np.concatenate(list(places.values())))
    whole = Form((len(atoms),), Numbers.join(constants).pick(order), compact(parts))
    found, reading, _ = stated(Rows.of(whole, layout), None)
    if found.higher:
        raise InputError(
            "a claim must be linear in the outputs", code="type", hint="compare sums of multiples of outputs"
        )
    terms = linear_terms(found.linear, len(atoms), layout)
    forms = Affine(found.constant.to_float() + 0.0, {term.variable: term.operator for term in terms})
    strict = np.array([atom.strict for atom in atoms], dtype=np.bool_)
    start = np.cumsum([0, *(len(way) for way in ways)])
    texts = tuple(" and ".join(dict.fromkeys(atom.text for atom in way)) for way in ways)
    return Ways(forms, strict, start, reading, texts)
