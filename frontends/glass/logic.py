"""Rows with when, or, and, not and a cost as clauses: conjunctions of atoms, at least one of which has to hold."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ...ir.errors import InputError
from ...ir.types import IntArray
from . import ast as ast
from .ast import Node
from .eval import Evaluator
from .forms import Entries, Form, nonzero, total
from .frames import Value
from .numbers import Numbers

CASES = 200
"""Most cases that one row may be multiplied out into."""

Case = tuple[Node, ...]


def clauses(row: Node, together: bool) -> list[list[Case]]:
    """A conjunction of disjunctions of conjunctions of atoms; ``together``: as one disjunction."""
    if isinstance(row, ast.And) and not together:
        return [clause for item in row.items for clause in clauses(item, False)]
    return [cases(row)]


def cases(node: Node) -> list[Case]:
    """A disjunction of conjunctions of comparisons, variables and negated variables."""
    match node:
        case ast.Or(items=items):
            found = [case for item in items for case in cases(item)]
        case ast.And(items=items):
            parts = [cases(item) for item in items]
            count = int(np.prod([len(part) for part in parts], dtype=np.float64))
            if count > CASES:
                raise InputError(
                    f"this row has {count:,} cases",
                    code="too-large",
                    hint=f"at most {CASES}; state parts as rows of their own",
                )
            found = [tuple(atom for case in choice for atom in case) for choice in product(*parts)]
        case _:
            found = [(node,)]
    if len(found) > CASES:
        raise InputError(
            f"this row has {len(found):,} cases",
            code="too-large",
            hint=f"at most {CASES}; state parts as rows of their own",
        )
    return found


@dataclass(frozen=True, eq=False)
class Literal:
    """A binary that has to be ``value``: block ``which``, ``index`` [elements] of the current index set.

    ``form`` is 1 where it holds and 0 elsewhere.
    """

    which: int
    index: IntArray
    value: int
    form: Form


def literal(evaluator: Evaluator, node: Node) -> Literal | None:
    """``b``, ``not b``, ``b == 1`` or ``b == 0`` for an element of a binary variable; None for anything else."""
    item, wanted = node, 1
    if isinstance(item, ast.Not):
        item, wanted = item.item, 0
    elif isinstance(item, ast.Comparison) and item.signs == ("==",) and isinstance(item.items[1], ast.Number):
        if item.items[1].text not in ("0", "1"):
            return None
        wanted, item = int(item.items[1].text), item.items[0]
    if isinstance(item, (ast.Comparison, ast.And, ast.Or)):
        return None
    (value,) = evaluator.need(item)
    found = element(evaluator, value)
    if found is None:
        return None
    which, index = found
    form = evaluator.frames.full(value, evaluator.frames.level)
    assert isinstance(form, Form)
    plain = Literal(which, index, 1, form)
    return plain if wanted else opposite(plain)


def opposite(one: Literal) -> Literal:
    """The other value of the same binary."""
    return Literal(one.which, one.index, 1 - one.value, total([ones(one.form), -one.form]))


def ones(form: Form) -> Form:
    """The constant 1 in a form's shape."""
    return Form.of(Numbers.integers(np.ones(form.shape, np.int64)))


def element(evaluator: Evaluator, value: Value) -> tuple[int, IntArray] | None:
    """Block and places [elements of the index set] where a value is one element of a binary block."""
    if value.inner or not isinstance(value.data, Form) or value.data.degree != 1 or nonzero(value.data.constant):
        return None
    form = evaluator.frames.full(value, evaluator.frames.level)
    assert isinstance(form, Form)
    if len(form.parts) != 1 or not isinstance(form.parts[0], Entries):
        return None
    (part,) = form.parts
    assert isinstance(part, Entries)
    order = np.argsort(part.row, kind="stable")
    one_each = len(part.row) == form.size and bool((part.row[order] == np.arange(form.size)).all())
    if not one_each or not part.coefficient.is_one or not form.size:
        return None
    which = int(part.which[0, 0])
    if (part.which != which).any() or evaluator.work.layout.vars[which].domain != "bin":
        return None
    return which, part.index[order, 0]
