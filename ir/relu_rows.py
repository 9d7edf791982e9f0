"""Piecewise linear functions written as relu and affine rows, in real arithmetic exactly: a second way to say the same.

y = leaky-relu(x; alpha):  h = relu(x), g = h - x, y = h - alpha g
y = hardtanh(x; lo, hi):   y = lo + relu(x - lo) - relu(x - hi); one-sided where a side is infinite
y = max(a, b, ...):        max(a, b) = b + relu(a - b), halves first

Every coefficient is a number of the function or 1, so the rows, read as dyadic, are exact. Blocks made here are named
``<y>.<part>``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .affine import Affine
from .blocks import Arg, Block, Fn, Lin, Var
from .definition import Apply, Sum
from .function import Function
from .functions.hardtanh import Hardtanh
from .functions.leaky_relu import LeakyRelu
from .functions.max import Max
from .functions.relu import Relu
from .ledger import Note
from .lift.complete import Complete
from .lifting import Record
from .operator import Operator
from .operators.gather import Gather
from .operators.identity import Identity
from .problem import Problem

Term = tuple[Arg, float]
"""A factor times elements of a block."""
Writers = dict[type[Function], Callable[["Parts", Any], None]]


@dataclass(frozen=True, eq=False)
class Written:
    """A problem with relus in place of other functions; ``records`` compute the new blocks, ``notes`` name the old."""

    problem: Problem
    records: tuple[Record, ...]
    notes: tuple[Note, ...]


def as_relu(problem: Problem, functions: tuple[type[Function], ...]) -> Written:
    """The same problem without these functions; the problem itself where there are none of them."""
    blocks: list[Block] = []
    records: list[Record] = []
    notes: list[Note] = []
    for block in problem.blocks:
        if not isinstance(block, Fn) or not isinstance(block.function, functions):
            blocks.append(block)
            continue
        parts = Parts(problem, block)
        WRITERS[type(block.function)](parts, block.function)
        blocks += parts.blocks
        records += parts.records
        notes.append(Note("activations-to-relu", "written as relu", block.name, problem.vars[block.output].size))
    return Written(problem.with_blocks(blocks) if notes else problem, tuple(records), tuple(notes))


@dataclass(eq=False)
class Parts:
    """What takes the place of one function block, as it is put together."""

    problem: Problem
    fn: Fn
    blocks: list[Block] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.problem.vars[self.fn.output].size

    def affine(self, terms: list[Term], offset: float = 0.0) -> Affine:
        """offset + the sum of terms, as a map of whole blocks."""
        found = Affine(np.full(self.size, offset))
        for arg, factor in terms:
            width = self.width(arg)
            whole = Identity(width, factor)
            index, weight = arg.index, np.full(self.size, factor)
            operator: Operator = whole if index is None else Gather(index, weight, width)
            found = found.plus(Affine(np.zeros(self.size), {arg.variable: operator}))
        return found

    def width(self, arg: Arg) -> int:
        """Elements of the block that an argument picks from; blocks made here have one for each output."""
        return self.problem.vars[arg.variable].size if arg.variable in self.problem.vars else self.size

    def sum(self, part: str, terms: list[Term], offset: float = 0.0) -> Arg:
        """A new block that a row computes."""
        name, affine = self.fresh(part), self.affine(terms, offset)
        self.blocks += [self.variable(name), self.row(name, affine)]
        self.records.append(Complete(name, Sum(affine)))
        return Arg(name)

    def relu(self, part: str, arg: Arg) -> Arg:
        """A new block: relu of elements of another."""
        name = self.fresh(part)
        self.blocks += [self.variable(name), Fn(f"{name}.def", name, Relu(), (arg,), origin=self.fn.origin)]
        self.records.append(Complete(name, Apply(Relu(), (arg,))))
        return Arg(name)

    def output(self, terms: list[Term], offset: float = 0.0) -> None:
        """The function's own output as a sum."""
        self.blocks.append(self.row(self.fn.output, self.affine(terms, offset), self.fn.name))

    def row(self, name: str, affine: Affine, title: str = "") -> Lin:
        parts = {**affine.parts, name: Identity(self.size, -1.0)}
        own = title or f"{name}.def"
        return Lin(own, parts, "==", 0.0 - affine.offset, "dyadic", defines=name, origin=self.fn.origin)

    def variable(self, name: str) -> Var:
        return Var.of(name, "real", (self.size,), origin=f"part:{self.fn.output}")

    def fresh(self, part: str) -> str:
        return self.problem.fresh(f"{self.fn.output}.{part}")


def leaky_relu(parts: Parts, function: LeakyRelu) -> None:
    (x,) = parts.fn.args
    high = parts.relu("high", x)
    low = parts.sum("low", [(high, 1.0), (x, -1.0)])
    parts.output([(high, 1.0), (low, -function.alpha)])


def hardtanh(parts: Parts, function: Hardtanh) -> None:
    (x,) = parts.fn.args
    terms, offset = [(x, 1.0)], 0.0
    if np.isfinite(function.lo):
        above = parts.relu("above", parts.sum("from-lo", [(x, 1.0)], -function.lo))
        terms, offset = [(above, 1.0)], function.lo
    if np.isfinite(function.hi):
        terms.append((parts.relu("beyond", parts.sum("from-hi", [(x, 1.0)], -function.hi)), -1.0))
    parts.output(terms, offset)


def maximum(parts: Parts, function: Max) -> None:
    """Pairs of neighbours, then pairs of those, and so on; the last pair is the output."""
    left, count = list(parts.fn.args), 0
    while len(left) > 1:
        rest = left[len(left) // 2 * 2 :]
        pairs = list(zip(left[::2], left[1::2], strict=False))
        found = []
        for one, two in pairs:
            count += 1
            more = parts.relu(f"more-{count}", parts.sum(f"gap-{count}", [(one, 1.0), (two, -1.0)]))
            if len(left) == 2:
                parts.output([(two, 1.0), (more, 1.0)])
                return
            found.append(parts.sum(f"max-{count}", [(two, 1.0), (more, 1.0)]))
        left = found + rest
    parts.output([(left[0], 1.0)])


WRITERS: Writers = {
    LeakyRelu: leaky_relu,
    Hardtanh: hardtanh,
    Max: maximum,
}
