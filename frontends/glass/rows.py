"""``require``: rows over index sets, guards, alternatives and costs as blocks.

A row without alternative is guarded by its ``when``. With ``or``, several conditions, or ``when`` and a cost together,
every case gets a binary ``<row>.case`` that switches its rows on, and one row says that some case holds, or a condition
does not, or the row is broken (``<row>.broken``) and its cost is paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...ir.blocks import Block, Guard, Var
from ...ir.errors import InputError, IsinglassError
from . import ast as ast
from .ast import Node
from .emit import Frame, row_block
from .eval import Evaluator, as_values
from .forms import Form, total
from .frames import Poisoned, shown
from .logic import Case, Literal, clauses, literal, ones, opposite
from .numbers import Numbers

TURNED = {"<=": ">=", ">=": "<="}
STRICT = "rows include their bounds; over whole numbers a < b is a <= b - 1"


@dataclass
class Rows:
    """What the rows of a spec add to its problem. ``costs``: what broken soft rows add to the minimised objective."""

    evaluator: Evaluator
    rounded: Evaluator
    blocks: list[Block] = field(default_factory=list)
    costs: list[Form] = field(default_factory=list)

    def add(self, row: ast.Require, name: str) -> None:
        """One ``require``; mistakes are reported."""
        work = self.evaluator.work
        try:
            with self.evaluator.under(row.overs[0] if row.overs else None):
                self.lower(row, name)
        except Poisoned:
            return
        except IsinglassError as error:
            work.report(row.row, error)

    def lower(self, row: ast.Require, name: str) -> None:
        found = clauses(row.row, together=bool(row.costs))
        guards = self.guards(row.guard)
        frames = self.evaluator.frames
        if not frames.size(frames.level):
            return  # no element, no row
        failed = False
        for number, cases in enumerate(found):
            label = name if len(found) == 1 else f"{name}.{number}"
            try:
                self.clause(row, label, cases, guards)
            except Poisoned:
                failed = True
        if failed:
            raise Poisoned

    def guards(self, node: Node | None) -> list[Literal]:
        """The conditions of ``when``, all of which switch the row on."""
        if node is None:
            return []
        found = []
        for item in node.items if isinstance(node, ast.And) else (node,):
            one = literal(self.evaluator, item)
            if one is None:
                hint = "when take[0] then ..., when not take[0] then ..., when a and not b then ..."
                self.evaluator.work.report(
                    item, InputError("a condition of when must be a binary variable", code="row", hint=hint)
                )
                raise Poisoned
            found.append(one)
        return found

    def clause(self, row: ast.Require, name: str, cases: Sequence[Case], guards: Sequence[Literal]) -> None:
        """At least one case holds, unless a guard is off or the cost is paid."""
        soft = bool(row.costs)
        place = row.at.origin
        plain = len(cases) == 1 and len(guards) + soft <= 1
        if plain and not soft:
            guard = guards[0] if guards else None
            self.case(name, place, cases[0], guard, alone=True)
            return
        if plain and len(cases[0]) == 1:
            self.soft(row, name, place, cases[0][0])
            return
        self.alternatives(row, name, place, cases, guards)

    # -- one case ---------------------------------------------------------------------------------------------------

    def case(self, name: str, place: str, atoms: Case, guard: Literal | None, alone: bool) -> None:
        """All atoms as rows under one guard."""
        for number, atom in enumerate(atoms):
            label = name if len(atoms) == 1 else f"{name}.{number}"
            one = None if isinstance(atom, ast.Comparison) else self.fixed(atom)
            if one is not None:
                self.emit(total([one, -ones(one)]), "==", label, place, guard)
            else:
                self.comparison(label, place, atom, guard, alone)

    def fixed(self, atom: Node) -> Form:
        """A binary, or its complement, as a row: 1 where it holds."""
        found = literal(self.evaluator, atom)
        if found is None:
            hint = "a row is a comparison, left <= right, or a binary variable that has to be 1"
            self.evaluator.work.report(atom, InputError("this is no row", code="row", hint=hint))
            raise Poisoned
        return found.form

    def comparison(self, name: str, place: str, atom: Node, guard: Literal | None, alone: bool) -> None:
        """``a <= b``, or a chain of comparisons: one block where the middle lies between constants, else one each."""
        assert isinstance(atom, ast.Comparison)
        for sign in atom.signs:
            if sign in ("<", ">", "!="):
                hint = STRICT if sign != "!=" else "write two cases: a <= b - 1 or a >= b + 1"
                self.evaluator.work.report(atom, InputError(f"{sign!r} is no row", code="row", hint=hint))
                raise Poisoned
        values = self.evaluator.need(*atom.items)
        forms, inner = as_values(self.evaluator, values)
        if not alone and inner:
            message = f"an alternative of shape {shown(inner)}"
            raise InputError(
                message, code="shape", hint="write for k in 0..n-1 behind the row and compare single numbers"
            )
        if not any(value.is_form for value in values):
            self.evaluator.work.report(
                atom,
                InputError(
                    "this row compares constants",
                    code="row",
                    hint="rows are about variables; conditions of an index set go behind if",
                ),
            )
            raise Poisoned
        if (
            len(atom.signs) == 2
            and set(atom.signs) in ({"<="}, {">="})
            and not values[0].is_form
            and not values[2].is_form
            and guard is None
            and forms[1].degree == 1
        ):
            low, high = (forms[0], forms[2]) if atom.signs[0] == "<=" else (forms[2], forms[0])
            self.emit(total([forms[1], -high]), "<=", name, place, None, low)
            return
        for number, sign in enumerate(atom.signs):
            left, right = forms[number], forms[number + 1]
            label = name if len(atom.signs) == 1 else f"{name}.{number}"
            difference = total([right, -left]) if sign == ">=" else total([left, -right])
            self.emit(difference, "==" if sign == "==" else "<=", label, place, guard)

    def emit(
        self, form: Form, sense: str, name: str, place: str, guard: Literal | None, low: Form | None = None
    ) -> None:
        layout = self.evaluator.work.layout
        block = None
        if guard is not None:
            own = guard.index.reshape(guard.index.shape + (1,) * (len(form.shape) - guard.index.ndim))
            index = np.broadcast_to(own, form.shape).reshape(-1)
            block = Guard(layout.vars[guard.which].name, index.astype(np.int64), np.full(form.size, float(guard.value)))
        frame = Frame(name, place, block)
        self.blocks.append(row_block(form, sense, frame, layout, None if low is None else low.constant))

    # -- alternatives and costs -------------------------------------------------------------------------------------

    def soft(self, row: ast.Require, name: str, place: str, atom: Node) -> None:
        """One comparison that may be broken, element by element."""
        frames = self.evaluator.frames
        inner: tuple[int, ...] = ()
        if isinstance(atom, ast.Comparison):
            values = self.evaluator.need(*atom.items)
            inner = as_values(self.evaluator, values)[1]
        shape = (frames.size(frames.level), *inner)
        broken = self.binary(f"{name}.broken", shape, f"soft:{name}", bool(row.overs))
        self.pay(row, broken)
        guard = Literal(broken.which, np.arange(broken.index.size).reshape(shape), 0, broken.form)
        self.case(name, place, (atom,), guard, alone=True)

    def alternatives(
        self, row: ast.Require, name: str, place: str, cases: Sequence[Case], guards: Sequence[Literal]
    ) -> None:
        """One binary for each case that is not itself a binary, and the row that links them.

        Where one case and one binary are left, the binary switches the case itself.
        """
        frames = self.evaluator.frames
        size = frames.size(frames.level)
        free = [opposite(guard) for guard in guards]
        switched: list[tuple[int, Case]] = []
        for number, case in enumerate(cases):
            only = literal(self.evaluator, case[0]) if len(case) == 1 else None
            if only is not None:
                free.append(only)
            else:
                switched.append((number, case))
        if row.costs:
            broken = self.binary(f"{name}.broken", (size,), f"soft:{name}", bool(row.overs))
            self.pay(row, broken)
            free.append(broken)
        if len(switched) == len(free) == 1:
            self.case(name, place, switched[0][1], opposite(free[0]), alone=False)
            return
        terms = [one.form for one in free]
        guarding: list[Literal] = []
        if switched:
            shape = (size, len(switched)) if len(switched) > 1 else (size,)
            chosen = self.binary(f"{name}.case", shape, f"or:{name}", bool(row.overs))
            places = chosen.index.reshape(size, len(switched))
            guarding = [Literal(chosen.which, column, 1, chosen.form.pick(column)) for column in places.T]
            terms += [one.form for one in guarding]
        self.emit(-total([*terms, -ones(terms[0])]), "<=", name, place, None)
        for (number, case), guard in zip(switched, guarding, strict=True):
            self.case(f"{name}.{number}" if len(cases) > 1 else f"{name}.then", place, case, guard, alone=False)

    def binary(self, name: str, shape: tuple[int, ...], origin: str, indexed: bool) -> Literal:
        """A new block of binaries, one for each element of a shape whose first axis is the index set."""
        layout = self.evaluator.work.layout
        own = shape if indexed else shape[1:]
        form = layout.add(Var.of(name, "bin", own, origin=origin)).reshape(shape)
        return Literal(len(layout.vars) - 1, np.arange(form.size), 1, form)

    def pay(self, row: ast.Require, broken: Literal) -> None:
        """Add the cost of every broken row to the objective."""
        node = row.costs[0]
        value, _ = self.rounded.numbers(node, "a cost")
        frames = self.evaluator.frames
        pad = (1,) * (len(broken.form.shape) - 1 - len(value.inner))
        data = frames.lifted(value, frames.level)
        assert isinstance(data, Numbers)
        try:
            each = data.reshape((data.shape[0], *pad, *value.inner)).broadcast(broken.form.shape).as_float()
        except ValueError:
            message = f"the cost has shape {shown(value.inner)}, the row {shown(broken.form.shape[1:])}"
            self.rounded.work.report(
                node, InputError(message, code="shape", hint="give one cost, or one for each element")
            )
            raise Poisoned from None
        floats = each.to_float()
        if not (np.isfinite(floats).all() and (floats >= 0).all()):
            error = InputError(
                "a cost must be finite and not negative", code="value", hint="reward the opposite row instead"
            )
            self.rounded.work.report(node, error)
            raise Poisoned
        self.costs.append(broken.form.scaled(each).summed(np.zeros(floats.size, np.int64), ()))
