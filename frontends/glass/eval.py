"""Values of expressions: constants exactly, polynomials with exact or float64 coefficients, index sets as arrays.

Every mistake is reported where it is, and what depends on it is skipped, so that one run finds all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import singledispatchmethod
from typing import Any

import numpy as np

from ...ir.errors import Diagnostic, InputError, IsinglassError
from ...ir.types import BoolArray
from . import ast as ast
from .arithmetic import add, as_form, matmul, multiply, quotient, raised, stack
from .ast import Node
from .forms import Form
from .frames import Frames, Poisoned, Value
from .functions import RULES, over_set
from .index import bind, filtered, picked
from .layout import Layout
from .literals import literals, number
from .numbers import Numbers


@dataclass
class Workspace:
    """What evaluating a spec has found so far. ``values``: (name, rounded) -> value, missing where it failed.

    ``wrong``: ids of nodes whose mistakes have been reported. ``load(path, key)`` reads a data file;
    ``network(call, argument)`` applies a network and gives its output.
    """

    layout: Layout
    load: Callable[[str, str | None], Numbers]
    network: Callable[[ast.Call, Value], Value]
    values: dict[tuple[str, bool], Value] = field(default_factory=dict)
    wrong: set[int] = field(default_factory=set)
    errors: list[Diagnostic] = field(default_factory=list)
    frames: Frames = field(default_factory=Frames)

    def report(self, node: Node, error: IsinglassError) -> None:
        """Keep an error, with the node's place where it has none, once."""
        for item in error.diagnostics:
            found = item if item.span else node.at.error(item.code, item.message, item.hint)
            if found not in self.errors:
                self.errors.append(found)


class Evaluator:
    """Evaluates nodes; ``rounded``: loaded numbers are float64 (objectives), otherwise everything is exact (rows)."""

    def __init__(self, work: Workspace, rounded: bool) -> None:
        self.work, self.rounded = work, rounded
        self.exact = Evaluator(work, False) if rounded else self

    @property
    def frames(self) -> Frames:
        return self.work.frames

    def value(self, node: Node) -> Value | None:
        """The value of a node, None where it has none (the reason is reported)."""
        try:
            return self.evaluate(node)
        except Poisoned:
            return None
        except IsinglassError as error:
            self.work.report(node, error)
            return None

    def need(self, *nodes: Node) -> list[Value]:
        """The values of all nodes; raises :class:`Poisoned` after all have been tried."""
        found = [self.value(node) for node in nodes]
        if any(value is None for value in found):
            raise Poisoned
        return found  # type: ignore[return-value]

    def numbers(self, node: Node, what: str) -> tuple[Value, Numbers]:
        """A value that must be constant."""
        (value,) = self.need(node)
        if not isinstance(value.data, Numbers):
            found = "depends on variables" if value.is_form else "is a condition"
            error = InputError(
                f"{what} must be a constant, this {found}", code="type", hint="use params and numbers here"
            )
            self.work.report(node, error)
            raise Poisoned
        return value, value.data

    @contextmanager
    def under(self, over: ast.Over | None) -> Iterator[int]:
        """Inside an index set; gives the level outside."""
        level, names = self.frames.level, self.frames.names
        try:
            self.frames.names = dict(names)
            for binder in over.binders if over else ():
                bind(self.exact, binder)
            if over and over.condition is not None:
                filtered(self.frames, self.exact.flags(over.condition))
            yield level
        finally:
            self.frames.pop(level, names)

    def flags(self, node: Node) -> Value:
        """The value of a condition."""
        (value,) = self.need(node)
        if not isinstance(value.data, np.ndarray):
            error = InputError("this is no condition", code="type", hint="compare constants, e.g. i < j")
            self.work.report(node, error)
            raise Poisoned
        return value

    # -- leaves -----------------------------------------------------------------------------------------------------

    @singledispatchmethod
    def evaluate(self, node: Node) -> Value:
        raise InputError(f"{type(node).__name__.lower()} has no value here", code="type")

    @evaluate.register
    def _number(self, node: ast.Number) -> Value:
        return Value.constant(Numbers.fraction(number(node.text)))

    @evaluate.register
    def _many(self, node: ast.Numbers) -> Value:
        return Value.constant(literals(node.texts))

    @evaluate.register
    def _string(self, node: ast.String) -> Value:
        raise InputError("a text in quotes is no value", code="type", hint='files are read with load("file.npy")')

    @evaluate.register
    def _name(self, node: ast.Name) -> Value:
        bound = self.frames.names.get(node.name)
        if bound is not None:
            return self.kept(bound)
        if node.name == "inf":
            return Value.constant(Numbers.given(np.array(np.inf), "simplest"))
        value = self.work.values.get((node.name, self.rounded))
        if value is None:
            raise Poisoned
        return self.kept(value)

    def kept(self, value: Value) -> Value:
        """Loaded numbers as float64 where arithmetic is rounded."""
        data = value.data
        if self.rounded and isinstance(data, Numbers) and data.floats is not None:
            return Value(value.level, data.as_float())
        return value

    # -- arithmetic -------------------------------------------------------------------------------------------------

    @evaluate.register
    def _array(self, node: ast.Array) -> Value:
        return stack(self.frames, self.need(*node.items))

    @evaluate.register
    def _index(self, node: ast.Index) -> Value:
        return picked(self, node)

    @evaluate.register
    def _sum(self, node: ast.Sum) -> Value:
        values = self.need(*(item for _, item in node.items))
        return add(self.frames, [(sign == "-", value) for (sign, _), value in zip(node.items, values, strict=True)])

    @evaluate.register
    def _product(self, node: ast.Product) -> Value:
        values = self.need(*(item for _, item in node.items))
        result = values[0]
        for (sign, item), value in zip(node.items[1:], values[1:], strict=True):
            try:
                if sign == "@":
                    result = matmul(self.frames, result, value, self.work.layout if self.rounded else None)
                else:
                    result = (multiply if sign == "*" else quotient)(self.frames, result, value)
            except IsinglassError as error:
                self.work.report(item if sign == "/" else node, error)
                raise Poisoned from None
        return result

    @evaluate.register
    def _negation(self, node: ast.Negation) -> Value:
        (value,) = self.need(node.item)
        return add(self.frames, [(True, value)])

    @evaluate.register
    def _power(self, node: ast.Power) -> Value:
        (base,) = self.need(node.base)
        exponent, _ = self.exact.numbers(node.exponent, "an exponent")
        return raised(self.frames, base, exponent)

    # -- conditions -------------------------------------------------------------------------------------------------

    @evaluate.register
    def _comparison(self, node: ast.Comparison) -> Value:
        values = self.exact.need(*node.items)
        for item, value in zip(node.items, values, strict=True):
            if not isinstance(value.data, Numbers):
                hint = "conditions compare constants; rows are stated with require"
                self.work.report(item, InputError("this depends on variables", code="type", hint=hint))
                raise Poisoned
        level, full, data = self.frames.aligned(*values)
        found: BoolArray = np.ones(full, np.bool_)
        for place, sign in enumerate(node.signs):
            left, right = data[place], data[place + 1]
            assert isinstance(left, Numbers) and isinstance(right, Numbers)
            found = found & left.compare(sign, right)
        return Value(level, found)

    @evaluate.register
    def _not(self, node: ast.Not) -> Value:
        value = self.flags(node.item)
        assert isinstance(value.data, np.ndarray)
        return Value(value.level, ~value.data)

    @evaluate.register
    def _and(self, node: ast.And) -> Value:
        return self.connected(node.items, np.logical_and)

    @evaluate.register
    def _or(self, node: ast.Or) -> Value:
        return self.connected(node.items, np.logical_or)

    def connected(self, items: tuple[Node, ...], how: Any) -> Value:
        level, full, data = self.frames.aligned(*map(self.flags, items))
        found = np.broadcast_to(data[0], full)  # type: ignore[arg-type]
        for other in data[1:]:
            found = how(found, other)
        return Value(level, np.asarray(found))

    # -- calls ------------------------------------------------------------------------------------------------------

    @evaluate.register
    def _call(self, node: ast.Call) -> Value:
        if id(node) in self.work.wrong:
            raise Poisoned
        if node.function in RULES:
            return RULES[node.function](self, node)
        (argument,) = self.need(*node.args)
        return self.work.network(node, argument)

    @evaluate.register
    def _total(self, node: ast.Total) -> Value:
        if id(node) in self.work.wrong:
            raise Poisoned
        with self.under(node.over) as level:
            (body,) = self.need(node.body)
            return over_set(self, node, body, level)


def as_values(evaluator: Evaluator, values: Sequence[Value]) -> tuple[list[Form], tuple[int, ...]]:
    """Values as polynomials of one shape, one for each element of the current index set, and their inner shape."""
    frames = evaluator.frames
    here = Value(frames.level, Numbers.integers(np.zeros(frames.size(frames.level), np.int64)))
    _, full, data = frames.aligned(*values, here)
    return [as_form(item, full) for item in data[:-1]], full[1:]
