"""From the syntax tree of a spec to the task it states; all mistakes are collected and told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...ir.errors import Diagnostic, InputError, IsinglassError, Refused, nearest
from ...ir.ledger import Note
from ...ir.tasks import Task
from . import ast as ast
from .ast import Node, Source, Spec
from .bounds import bound_goal
from .check import Names, check_names, declared_by
from .data import load_data
from .domains import Sides, declare
from .eval import Evaluator, Workspace
from .frames import Poisoned, Value
from .goals import optimize, prove
from .layout import Layout
from .networks import Networks
from .options import read_options
from .rows import Rows
from .signatures import BOUNDS
from .syntax import parse_expression

GOALS = (ast.Objective, ast.Prove, ast.Goal)
AVAILABLE = "this version answers minimize, maximize, prove and bound"


def lower(spec: Spec, base_dir: Path, defines: Mapping[str, str]) -> Task:
    """The task. Raises :class:`InputError` with all mistakes, :class:`Refused` for what is only not there yet."""
    errors = list(spec.errors)
    spec = defined(spec, defines, errors)
    lowering = Lowering(spec, base_dir, errors)
    try:
        with np.errstate(all="ignore"):  # what is not finite is found where it would be used
            task = lowering.task()
    except RecursionError:
        place = ast.Place(spec.source, 0, 1)
        errors.append(place.error("nesting", "an expression is nested too deeply", "name its parts with let"))
        task = None
    errors += [error for error in lowering.work.errors if error not in errors]
    if task is None and not errors:
        errors.append(Diagnostic("spec", f"{spec.source.file}: a value could not be computed"))
    if task is None or errors:
        raise failure(errors, spec.source.file)
    return task


def failure(errors: list[Diagnostic], file: str) -> IsinglassError:
    """All mistakes in the order of the text."""

    def place(error: Diagnostic) -> tuple[bool, int, int]:
        span = error.span
        return (span is None or span.file != file, span.line if span else 0, span.column if span else 0)

    ordered = sorted(errors, key=place)
    return Refused(ordered) if all(error.code == "not-yet" for error in errors) else InputError(ordered)


def defined(spec: Spec, defines: Mapping[str, str], errors: list[Diagnostic]) -> Spec:
    """The spec with the values of params replaced by ``-D name=value``; params without any value are mistakes."""
    params = {item.name.name: item for item in spec.statements if isinstance(item, ast.Param)}
    values: dict[str, Node] = {}
    for name, text in defines.items():
        if name not in params and name not in spec.broken:
            message = f"-D {name}: the spec has no param of this name"
            errors.append(Diagnostic("define", message, None, nearest(name, params)))
            continue
        try:
            values[name] = parse_expression(Source(f"-D {name}", text))
        except InputError as error:
            errors += error.diagnostics
    statements: list[Node] = []
    for item in spec.statements:
        if isinstance(item, ast.Param):
            item = replace(item, value=values.get(item.name.name, item.value))
            if item.value is None and item.name.name not in defines:
                hint = f"give one here, or run with -D {item.name.name}=..."
                errors.append(item.at.error("define", f"param {item.name.name!r} has no value", hint))
        statements.append(item)
    return replace(spec, statements=tuple(statements))


class Lowering:
    """Evaluates a spec; ``errors`` collects what is wrong with its statements as such."""

    def __init__(self, spec: Spec, base_dir: Path, errors: list[Diagnostic]) -> None:
        self.spec, self.base_dir, self.errors = spec, base_dir, errors
        self.files: dict[tuple[str, str | None], Any] = {}
        self.networks = Networks(base_dir)
        self.work = Workspace(Layout(), self.load, self.networks.apply)
        self.networks.work = self.work
        self.exact, self.rounded = Evaluator(self.work, False), Evaluator(self.work, True)
        self.rows = Rows(self.exact, self.rounded)
        self.sides: dict[str, Sides] = {}
        self.notes: list[Note] = []

    @property
    def failed(self) -> bool:
        """Whether there are mistakes."""
        return bool(self.errors or self.work.errors)

    def load(self, path: str, key: str | None) -> Any:
        if (path, key) not in self.files:
            self.files[path, key] = load_data(self.base_dir / path, path, key)
        return self.files[path, key]

    def task(self) -> Task | None:
        """The task, None where there are errors."""
        names = check_names(self.spec)
        self.errors += names.errors
        self.work.wrong = names.wrong
        goal = self.goal()
        options = self.options()
        for name in names.order:
            self.declaration(names, name)
        self.require(names)
        try:
            if isinstance(goal, ast.Objective):
                return optimize(self, goal, options)
            if isinstance(goal, ast.Prove):
                return prove(self, goal, options)
            if isinstance(goal, ast.Goal) and goal.kind == "bound" and isinstance(goal.value, ast.Call):
                return bound_goal(self, goal, options) if goal.value.function in BOUNDS else None
        except Poisoned:
            pass
        return None

    # -- statements -------------------------------------------------------------------------------------------------

    def goal(self) -> Node | None:
        """The one goal; a mistake where there is none, another, or one that this version does not answer."""
        goals = [item for item in self.spec.statements if isinstance(item, GOALS)]
        for extra in goals[1:]:
            line = goals[0].at.span.line
            self.errors.append(
                extra.at.error("goal", f"a second goal; the first is in line {line}", "one file states one goal")
            )
        if not goals and not self.spec.errors:
            message, hint = (
                "the spec states no goal",
                "add minimize, maximize, prove or bound; minimize 0 asks for any point that fits",
            )
            end = len(self.spec.source.text.rstrip())
            self.errors.append(ast.Place(self.spec.source, end, end).error("goal", message, hint))
        for goal in goals:
            if isinstance(goal, ast.Goal) and goal.kind == "bound":
                function = goal.value.function
                if function not in BOUNDS:
                    hint = nearest(function, BOUNDS)
                    self.errors.append(goal.value.at.error("unknown-name", f"nothing to bound: {function!r}", hint))
            elif isinstance(goal, ast.Goal):
                message = f"the goal {goal.kind} {goal.value.function} is not available yet"
                self.errors.append(goal.at.error("not-yet", message, AVAILABLE))
        return goals[0] if goals else None

    def options(self) -> dict[str, Any]:
        blocks = [item for item in self.spec.statements if isinstance(item, ast.Compile)]
        for extra in blocks[1:]:
            self.errors.append(extra.at.error("option", "a second compile block", "put all options into one"))
        found: dict[str, Any] = {}
        for block in blocks[:1]:
            found, errors = read_options(block)
            self.errors += errors
        return found

    def declaration(self, names: Names, name: str) -> None:
        """Evaluate a declaration in every arithmetic that is needed."""
        statement = names.declared[name]
        try:
            if isinstance(statement, ast.Var):
                own = next(item for item in declared_by(statement) if item.name == name)
                var, self.sides[name], notes = declare(self.exact, statement, own)
                self.notes += notes
                form = self.work.layout.add(var)
                value = Value(0, form.reshape((1, *form.shape)))
                self.work.values[name, False] = self.work.values[name, True] = value
            elif isinstance(statement, ast.Network):
                self.networks.read(statement)
            elif statement.value is not None:
                for rounded in (False, True):
                    if (name, rounded) in names.needed:
                        self.constant_or_let(statement, name, rounded)
        except Poisoned:
            return
        except IsinglassError as error:
            self.work.report(statement, error)

    def constant_or_let(self, statement: ast.Param | ast.Let, name: str, rounded: bool) -> None:
        assert statement.value is not None
        value = (self.rounded if rounded else self.exact).value(statement.value)
        if value is None:
            return
        if isinstance(statement, ast.Param) and value.is_form:
            error = InputError("a param is a constant", code="type", hint="write let for expressions of variables")
            self.work.report(statement.value, error)
            return
        self.work.values[name, rounded] = value

    def require(self, names: Names) -> None:
        """All rows; their names must be free."""
        taken = set(names.declared)
        number = 0
        for item in self.spec.statements:
            if not isinstance(item, ast.Require):
                continue
            number += 1
            name = (
                item.name.name
                if item.name
                else next(n for n in (f"row{number}{'_' * k}" for k in range(99)) if n not in taken)
            )
            if name in taken or name == "objective":
                assert item.name is not None
                what = (
                    "a row or a declaration has this name already" if name in taken else "the objective has this name"
                )
                self.errors.append(item.name.at.error("name", f"the row {name!r} needs another name", what))
                continue
            taken.add(name)
            self.rows.add(item, name)
